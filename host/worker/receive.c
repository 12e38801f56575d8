#include "worker/receive.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "worker/control.h"
#include "worker/state.h"

enum { VIRTUAL_SLICE_MS = 2 }; // how often a test clock is looked at

void receive_packet(struct worker *w) {
    (void)pthread_mutex_unlock(&w->lock);
    int rc = record_recv(w->packet, w->sock);
    (void)pthread_mutex_lock(&w->lock);
    if (rc == 1) {
        rc = control_packet(w);
    } else if (rc == 0 || rc == -ECONNRESET || rc == -EPIPE) {
        control_orphaned(w);
        rc = 0;
    }
    if (rc < 0 && rc != -EAGAIN && rc != -EINTR) {
        control_give_up(rc);
    }
}

// Real milliseconds to sleep before looking again: -1 = no limit.
static int slice_ms(const struct worker *w, int64_t until_mono_ms) {
    if (until_mono_ms < 0) {
        return -1;
    }
    int64_t left = until_mono_ms - env_mono_ms(&w->env);
    if (env_is_virtual(&w->env)) {
        return left > 0 ? VIRTUAL_SLICE_MS : 0;
    }
    return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void wait_on_wake(struct worker *w, struct runner *r, int ms) {
    r->waiting = true;
    if (ms < 0) {
        (void)pthread_cond_wait(&r->wake, &w->lock);
    } else {
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += ms / 1000;
        t.tv_nsec += (long)(ms % 1000) * 1000000L;
        if (t.tv_nsec >= 1000000000L) {
            t.tv_sec++;
            t.tv_nsec -= 1000000000L;
        }
        (void)pthread_cond_timedwait(&r->wake, &w->lock, &t);
    }
    r->waiting = false;
}

static void read_once(struct worker *w, struct runner *r, int ms) {
    struct pollfd p[2] = {
        {.fd = w->sock, .events = POLLIN},
        {.fd = w->kick_fd, .events = POLLIN},
    };
    w->receiving = true;
    w->reader = r;
    (void)pthread_mutex_unlock(&w->lock);
    (void)poll(p, 2, ms);
    (void)pthread_mutex_lock(&w->lock);
    w->reader = NULL; // from here on it looks again by itself
    if (p[1].revents != 0) {
        eventfd_t count;
        (void)eventfd_read(w->kick_fd, &count);
    }
    if (p[0].revents != 0) {
        receive_packet(w);
    }
    w->receiving = false;
}

void receive_wake(struct worker *w, struct runner *r) {
    if (w->reader == r) {
        (void)eventfd_write(w->kick_fd, 1);
    } else {
        (void)pthread_cond_signal(&r->wake);
    }
}

// A run thread that has nothing to run, also if it is the one that reads; or any that waits and
// could read.
static struct runner *find_waiting(struct worker *w, bool idle_only) {
    for (uint32_t i = 0; i < w->runner_count; i++) {
        struct runner *r = &w->runners[i];
        bool there = r->waiting || (idle_only && w->reader == r);
        if (there && (r->idle || !idle_only)) {
            return r;
        }
    }
    return NULL;
}

static bool offer_task(struct worker *w) {
    struct runner *idle = task_queue_ready(&w->queue) ? find_waiting(w, true) : NULL;
    if (idle != NULL) {
        receive_wake(w, idle);
    }
    return idle != NULL;
}

void receive_pass_on(struct worker *w) {
    if (offer_task(w)) {
        return; // it passes on in its turn
    }
    struct runner *next = w->receiving ? NULL : find_waiting(w, false);
    if (next != NULL) {
        receive_wake(w, next);
    } else {
        keeper_nudge(w, KEEPER_TICK_US);
    }
}

int receive_wait(struct worker *w, struct runner *r, bool (*ready)(const struct runner *r),
                 int64_t until_mono_ms) {
    int rc = 0;
    while (!ready(r)) {
        int ms = slice_ms(w, until_mono_ms);
        if (w->phase == PHASE_ORPHANED || ms == 0) {
            rc = ms == 0 ? -ETIMEDOUT : -EPIPE;
            break;
        }
        if (w->receiving) {
            wait_on_wake(w, r, ms);
        } else {
            read_once(w, r, ms);
            if (!ready(r)) {
                offer_task(w); // what came is for others
            }
        }
    }
    if (!w->receiving) {
        w->unwatched_us = env_stopwatch_us();
    }
    receive_pass_on(w);
    return rc;
}
