#include "worker/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "worker/receive.h"
#include "worker/state.h"
#include "worker/worker.h"

// The run thread that is busy with this slot, or NULL: it may have ended a moment ago, which is no
// error.
static struct runner *find_runner(struct worker *w, uint64_t slot) {
    for (uint32_t i = 0; slot != 0 && i < w->runner_count; i++) {
        if (atomic_load(&w->runners[i].call.slot) == slot) {
            return &w->runners[i];
        }
    }
    return NULL;
}

static void send_control(struct worker *w, enum record_type type, uint64_t job) {
    struct sender *s = &w->control;
    int rc;
    sender_lock(s);
    do {
        record_begin(&s->w, type, job);
        rc = record_end(&s->w);
    } while (rc == -EMSGSIZE && sender_try_flush(s) == 0);
    sender_hurry(s, env_stopwatch_us());
    sender_unlock(s);
}

static void give_back(struct worker *w, struct task *t) {
    send_control(w, REC_NACK, t->slot);
    task_free(t);
}

static int on_job(struct worker *w, struct record *r) {
    struct task *t = NULL;
    int rc = task_new(r, &w->plugin.manifest, &t);
    if (rc < 0) {
        return rc;
    }
    if (w->phase == PHASE_SERVING) {
        task_queue_add(&w->queue, t);
    } else {
        give_back(w, t);
    }
    return 0;
}

static int on_cancel(struct worker *w, struct record *r) {
    uint32_t mask = record_get_u32(r);
    if (record_done(r) < 0) {
        return -EBADMSG;
    }
    struct runner *runner = find_runner(w, r->h.job);
    if (runner != NULL) {
        call_cancel(&runner->call, mask);
        return 0;
    }
    // Not started: it comes back, and the supervisor decides what the cancel makes of it.
    struct task *t = task_queue_recall(&w->queue, r->h.job);
    if (t != NULL) {
        give_back(w, t);
    }
    return 0;
}

static int on_recall(struct worker *w, struct record *r) {
    if (record_done(r) < 0) {
        return -EBADMSG;
    }
    struct task *t = task_queue_recall(&w->queue, r->h.job);
    if (t != NULL) {
        give_back(w, t);
    }
    return 0;
}

static void arrive(struct runner *runner) {
    runner->call.answer.arrived = true;
    receive_wake(runner->worker, runner);
}

// Open, and not yet answered: its owner may not have had the time to look.
static bool is_awaited(const struct answer *a, bool commit, uint32_t number) {
    return a != NULL && a->wanted && !a->arrived && a->commit == commit && a->number == number;
}

static int on_committed(struct worker *w, struct record *r) {
    struct msg_committed m;
    int rc = msg_committed_get(r, &m);
    if (rc < 0) {
        return rc;
    }
    struct runner *runner = find_runner(w, r->h.job);
    struct answer *a = runner == NULL ? NULL : &runner->call.answer;
    if (!is_awaited(a, true, m.commit_no)) {
        return -EBADMSG;
    }
    a->status = m.status > 0 ? -EPROTO : m.status;
    arrive(runner);
    return 0;
}

static int on_value(struct worker *w, struct record *r) {
    struct msg_value m;
    int rc = msg_value_get(r, &m);
    if (rc < 0) {
        return rc;
    }
    struct runner *runner = find_runner(w, r->h.job);
    struct answer *a = runner == NULL ? NULL : &runner->call.answer;
    if (!is_awaited(a, false, m.request)) {
        msg_bytes_close(&m.value);
        return -EBADMSG;
    }
    a->status = m.status;
    a->value_number = m.number;
    if (m.value.by_fd) {
        a->fd = m.value.fd;
        a->value = (struct bytes){NULL, m.value.data.len};
    } else if (a->into != NULL) {
        buf_clear(a->into);
        buf_add(a->into, m.value.data.data, m.value.data.len);
        a->status = a->into->failed ? -ENOMEM : a->status;
    } else { // its owner waits for us, so the arena is ours for the moment
        a->value = arena_bytes(&runner->call.arena, m.value.data);
        if (a->value.len != 0 && a->value.data == NULL) {
            a->status = -ENOMEM;
        }
    }
    arrive(runner);
    return 0;
}

static void return_waiting(struct worker *w) {
    struct task *t;
    while ((t = TAILQ_FIRST(&w->queue.waiting)) != NULL) {
        TAILQ_REMOVE(&w->queue.waiting, t, link);
        give_back(w, t);
    }
}

static void wake_all(struct worker *w) {
    for (uint32_t i = 0; i < w->runner_count; i++) {
        receive_wake(w, &w->runners[i]);
    }
    keeper_nudge(w, 0);
}

static int on_drain(struct worker *w, struct record *r) {
    if (record_done(r) < 0) {
        return -EBADMSG;
    }
    if (w->phase == PHASE_SERVING) {
        w->phase = PHASE_DRAINING;
        return_waiting(w);
        wake_all(w);
    }
    return 0;
}

static int on_pong(struct worker *w, struct record *r) {
    keeper_pong(w);
    return record_done(r);
}

// ---- packets ----

static const struct {
    int (*handle)(struct worker *w, struct record *r);
} handlers[] = {
    [REC_JOB] = {on_job},     [REC_CANCEL] = {on_cancel},       [REC_RECALL] = {on_recall},
    [REC_VALUE] = {on_value}, [REC_COMMITTED] = {on_committed}, [REC_DRAIN] = {on_drain},
    [REC_PONG] = {on_pong},
};

int control_packet(struct worker *w) {
    struct record r;
    int rc;
    while ((rc = record_next(w->packet, &r)) == 1) {
        if (r.h.type >= ARRAY_LEN(handlers) || handlers[r.h.type].handle == NULL) {
            rc = -EBADMSG;
        } else {
            rc = handlers[r.h.type].handle(w, &r);
        }
        if (rc < 0) {
            break;
        }
    }
    sender_lock(&w->control);
    (void)sender_try_flush(&w->control); // what does not go now is the keeper's to send
    sender_unlock(&w->control);
    return rc;
}

void control_cancel_all(struct worker *w, unsigned mask) {
    for (uint32_t i = 0; i < w->runner_count; i++) {
        if (atomic_load(&w->runners[i].call.slot) != 0) {
            call_cancel(&w->runners[i].call, mask);
        }
    }
}

void control_orphaned(struct worker *w) {
    if (w->phase == PHASE_ORPHANED) {
        return;
    }
    w->phase = PHASE_ORPHANED;
    control_cancel_all(w, JH_CANCEL_DRAIN);
    wake_all(w);
}

void control_give_up(int rc) {
    bool nonsense = rc == -EBADMSG;
    (void)fprintf(stderr, "jobhost worker %ld: %s: %s\n", (long)getpid(),
                  nonsense ? "protocol error" : "cannot go on", strerror(-rc));
    _exit(nonsense ? WORKER_EXIT_PROTOCOL : WORKER_EXIT_SETUP);
}
