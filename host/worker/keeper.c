#include "worker/keeper.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "worker/control.h"
#include "worker/receive.h"
#include "worker/state.h"
#include "worker/worker.h"

enum { RETRY_SEND_US = 20000, VIRTUAL_LOOK_US = 2000 };

int keeper_init(struct worker *w) {
    struct keeper *k = &w->keeper;
    k->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    k->ping_us = env_stopwatch_us();
    return k->timer_fd == -1 ? -errno : 0;
}

void keeper_nudge(struct worker *w, int64_t delay_us) {
    struct keeper *k = &w->keeper;
    int64_t at = env_stopwatch_us() + delay_us;
    if (k->armed_us != 0 && k->armed_us <= at) {
        return;
    }
    k->armed_us = at;
    const struct itimerspec spec = {
        .it_value = {.tv_sec = at / 1000000, .tv_nsec = (long)(at % 1000000) * 1000}};
    (void)timerfd_settime(k->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

// Without a word from the supervisor: cancel in half of that time, leave at its end.
static void expect_word(struct worker *w, int64_t now_us, int64_t within_us) {
    w->keeper.cancel_us = now_us + within_us / 2;
    w->keeper.exit_us = now_us + within_us;
}

void keeper_pong(struct worker *w) {
    struct keeper *k = &w->keeper;
    expect_word(w, env_stopwatch_us(), w->lease_ms * 1000);
    k->stood = false;
    if (k->silent) {
        k->silent = false;
        w->queue.held = false;
        receive_pass_on(w);
    }
}

// ---- is the supervisor there? ----

static void send_ping(struct worker *w) {
    struct sender *s = &w->control;
    sender_lock(s);
    record_begin(&s->w, REC_PING, 0);
    (void)record_end(&s->w); // a full packet means that nobody reads: one ping less does not matter
    (void)sender_try_flush(s);
    sender_unlock(s);
}

static _Noreturn void leave(const char *why) {
    (void)fprintf(stderr, "jobhost worker %ld: %s\n", (long)getpid(), why);
    _exit(WORKER_EXIT_ORPHAN);
}

// It was we who stood still (SIGSTOP, a debugger), so ask again before judging; but the supervisor
// may have stood still as well, so there is half a lease for the answer, once.
static void forgive_standing(struct worker *w, int64_t now_us) {
    struct keeper *k = &w->keeper;
    int64_t lease_us = w->lease_ms * 1000;
    if (k->look_us != 0 && now_us - k->look_us > lease_us / 2 && !k->stood) {
        k->stood = true;
        k->ping_us = 0;
        expect_word(w, now_us, lease_us / 2);
    } else if (k->exit_us == 0) {
        expect_word(w, now_us, lease_us);
    }
    k->look_us = now_us;
}

// With worker->lock held. Returns when to look again.
static int64_t check_lease(struct worker *w, int64_t now_us) {
    struct keeper *k = &w->keeper;
    forgive_standing(w, now_us);
    if (now_us >= k->exit_us) {
        leave("no answer from the supervisor for a whole lease, exiting");
    }
    if (now_us >= k->cancel_us && !k->silent) {
        k->silent = true;
        w->queue.held = true;
        control_cancel_all(w, JH_CANCEL_DRAIN);
    }
    if (now_us - k->ping_us >= w->ping_ms * 1000) {
        k->ping_us = now_us;
        send_ping(w);
    }
    int64_t next_ping = k->ping_us + w->ping_ms * 1000;
    int64_t next_limit = k->silent ? k->exit_us : k->cancel_us;
    return next_ping < next_limit ? next_ping : next_limit;
}

// With worker->lock held.
static int64_t check_orphaned(struct worker *w, int64_t now_us) {
    struct keeper *k = &w->keeper;
    if (k->orphan_us == 0) {
        k->orphan_us = now_us;
    }
    if (now_us - k->orphan_us >= KEEPER_ORPHAN_MS * 1000) {
        leave("the supervisor is gone and a handler does not stop, exiting");
    }
    return k->orphan_us + KEEPER_ORPHAN_MS * 1000;
}

// ---- what run threads leave undone ----

static int64_t sooner(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// With worker->lock held. Returns when to look again.
static int64_t check_timeout(struct worker *w, struct runner *r, int64_t now_us) {
    struct call *c = &r->call;
    if (atomic_load(&c->slot) == 0 || c->timeout_at_ms == 0 ||
        (atomic_load(&c->cancelled) & JH_CANCEL_DEADLINE) != 0) {
        return INT64_MAX;
    }
    int64_t left = c->timeout_at_ms - env_mono_ms(&w->env);
    if (left <= 0) {
        call_cancel(c, JH_CANCEL_DEADLINE);
        return INT64_MAX;
    }
    return now_us + (env_is_virtual(&w->env) ? VIRTUAL_LOOK_US : left * 1000);
}

static int64_t tend_sender(struct runner *r, int64_t now_us) {
    struct sender *s = &r->sender;
    struct call_progress *p = &r->call.progress;
    int64_t next = INT64_MAX;
    if (!sender_trylock(s)) {
        return now_us + KEEPER_TICK_US; // its owner is at it
    }
    if (p->pending && now_us - p->sent_us >= KEEPER_PROGRESS_US) {
        call_put_progress(&r->call, now_us);
        sender_hurry(s, now_us - SENDER_PATIENCE_US);
    } else if (p->pending) {
        next = p->sent_us + KEEPER_PROGRESS_US;
    }
    if (s->since_us != 0 && now_us - s->since_us >= SENDER_PATIENCE_US) {
        if (sender_try_flush(s) == -EAGAIN) {
            next = sooner(next, now_us + RETRY_SEND_US);
        }
    } else if (s->since_us != 0) {
        next = sooner(next, s->since_us + SENDER_PATIENCE_US);
    }
    sender_unlock(s);
    return next;
}

static int64_t tend_control(struct worker *w, int64_t now_us) {
    struct sender *s = &w->control;
    int64_t next = INT64_MAX;
    sender_lock(s);
    if (s->since_us != 0 && sender_try_flush(s) == -EAGAIN) {
        next = now_us + RETRY_SEND_US;
    }
    sender_unlock(s);
    return next;
}

// ---- the loop ----

// With worker->lock held: takes the turn to read if nobody has had it for a while, gives it back
// when a run thread waits.
static bool settle_turn(struct worker *w, bool mine, int64_t now_us, int64_t *next_us) {
    bool wanted = false;
    for (uint32_t i = 0; i < w->runner_count; i++) {
        wanted = wanted || w->runners[i].waiting;
    }
    if (mine && wanted) {
        w->receiving = false;
        w->unwatched_us = now_us;
        receive_pass_on(w);
        return false;
    }
    if (!mine && !w->receiving) {
        if (now_us - w->unwatched_us < KEEPER_TICK_US) {
            *next_us = sooner(*next_us, w->unwatched_us + KEEPER_TICK_US);
            return false;
        }
        w->receiving = true;
        return true;
    }
    return mine;
}

// All that is due now. With worker->lock held. Returns when to look again.
static int64_t look_after(struct worker *w, int64_t now_us) {
    int64_t next = w->phase == PHASE_ORPHANED ? check_orphaned(w, now_us) : check_lease(w, now_us);
    for (uint32_t i = 0; i < w->runner_count; i++) {
        next = sooner(next, check_timeout(w, &w->runners[i], now_us));
        next = sooner(next, tend_sender(&w->runners[i], now_us));
    }
    return sooner(next, tend_control(w, now_us));
}

static bool wait_for_something(struct worker *w, bool reading) {
    struct pollfd fds[2] = {
        {.fd = w->keeper.timer_fd, .events = POLLIN},
        {.fd = reading ? w->sock : -1, .events = POLLIN},
    };
    (void)pthread_mutex_unlock(&w->lock);
    (void)poll(fds, 2, -1);
    (void)pthread_mutex_lock(&w->lock);
    if (fds[0].revents != 0) {
        uint64_t count;
        (void)!read(w->keeper.timer_fd, &count, sizeof count);
        w->keeper.armed_us = 0;
    }
    return fds[1].revents != 0;
}

bool keeper_run(struct worker *w) {
    bool reading = false;
    (void)pthread_mutex_lock(&w->lock);
    while (w->live_runners > 0) {
        int64_t now = env_stopwatch_us();
        int64_t next = look_after(w, now);
        // after the end of the stream there is nothing to read, and the descriptor is always ready
        reading = w->phase != PHASE_ORPHANED && settle_turn(w, reading, now, &next);
        keeper_nudge(w, next > now ? next - now : 0);
        if (wait_for_something(w, reading)) {
            receive_packet(w);
        }
    }
    bool drained = w->phase == PHASE_DRAINING;
    (void)pthread_mutex_unlock(&w->lock);
    return drained;
}
