#include "supervisor/worker_check.h"

#include <poll.h>

#include "jobhost_plugin.h"
#include "supervisor/attempt_outputs.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/lane.h"
#include "supervisor/pool_private.h"

/* The earlier of two moments. */
static int64_t check_min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

void worker_check_by(struct worker *w, int64_t due_mono_ms) {
    if (w->state == WORKER_GONE || (w->check_due_ms != 0 && w->check_due_ms <= due_mono_ms)) {
        return;
    }
    if (timer_set(w->host->timers, &w->check_timer, due_mono_ms) == 0) {
        w->check_due_ms = due_mono_ms;
    }
}

int64_t worker_check_first(const struct worker *w, const struct attempt *a) {
    int64_t first = CHECK_REPORT_AFTER_MS;
    if (a->job->spec.timeout_ms > 0) {
        first = check_min(first, a->job->spec.timeout_ms);
    }
    if (a->lane->config->stall_ms > 0) {
        first = check_min(first, a->lane->config->stall_ms);
    }
    if (w->outstanding > (uint32_t)w->pool->config->threads && w->pool->worker_count > 1) {
        first = CHECK_STUCK_MS;
    }
    return first;
}

/* Of an old generation only its own hard deadline ends a job that was asked to save a step and yield. */
static bool waits_for_drain(const struct worker *w, const struct attempt *a) {
    return w->pool->state == POOL_DRAINING && w->host->phase == HOST_RUNNING &&
           a->cancel_mask == JH_CANCEL_DRAIN && !a->fenced;
}

/* Asked to stop and still there: TERM after the grace, KILL after that. Where another host may run
 * the same job already, within half a lease. */
static int64_t check_stop(struct worker *w, struct attempt *a, int64_t now) {
    if (waits_for_drain(w, a)) {
        return INT64_MAX;
    }
    int64_t most = a->fenced ? w->host->config->host.lease_ms / 4 : INT64_MAX;
    int64_t term_at = a->stop_mono_ms + check_min(w->pool->config->grace_ms, most);
    int64_t kill_at = term_at + check_min(WORKER_KILL_AFTER_MS, most);
    if (a->stop == STOP_ASKED && now >= term_at) {
        log_warn(&w->host->log, "attempt.terminate", "plugin=%s pid=%d cancel=%u",
                 w->pool->config->entry.name, (int)w->pid, a->cancel_mask);
        a->stop = STOP_TERM;
        w->for_a_job = true;
        worker_term(w);
    }
    if (a->stop == STOP_TERM && now >= kill_at) {
        a->stop = STOP_KILL;
        worker_kill(w, "a cancelled job did not stop");
    }
    return a->stop == STOP_ASKED ? term_at : kill_at;
}

/* When it counts as hung unless something is heard of it. While it waits for an answer of ours, its
 * silence is our doing. */
static int64_t check_stall(struct attempt *a, int64_t since, int64_t now) {
    int64_t stall = a->lane->config->stall_ms;
    if (stall == 0 || a->cancel_mask != 0) {
        return INT64_MAX;
    }
    if (a->asking || a->committing) {
        a->heard_mono_ms = now;
    }
    int64_t heard = a->heard_mono_ms > since ? a->heard_mono_ms : since;
    if (now - heard >= stall) {
        attempt_stall(a);
        return INT64_MAX;
    }
    return heard + stall;
}

static int64_t check_running(struct worker *w, struct attempt *a, int64_t since, int64_t now) {
    int64_t wall = env_wall_ms(&w->host->env);
    int64_t due = now + CHECK_REPORT_EVERY_MS;
    attempt_begun(a, wall - (now - since));
    if (a->job->spec.timeout_ms > 0) {
        int64_t timeout_at = since + a->job->spec.timeout_ms;
        if (now >= timeout_at) {
            attempt_cancel(a, JH_CANCEL_DEADLINE);
        } else {
            due = check_min(due, timeout_at);
        }
    }
    if (a->job->spec.deadline_ms > 0) {
        if (wall >= a->job->spec.deadline_ms) {
            attempt_cancel(a, JH_CANCEL_DEADLINE);
        } else {
            due = check_min(due, now + a->job->spec.deadline_ms - wall);
        }
    }
    due = check_min(due, check_stall(a, since, now));
    int64_t report_at = a->reported_mono_ms == 0 ? since + CHECK_REPORT_AFTER_MS
                                                 : a->reported_mono_ms + CHECK_REPORT_EVERY_MS;
    if (now >= report_at && (a->reported_mono_ms == 0 || a->progress_news || a->log_news)) {
        attempt_report(a);
    } else if (now < report_at) {
        due = check_min(due, report_at);
    }
    return check_min(due, attempt_outputs_keep(a, now));
}

/* Threads of other workers that could run something now. */
static uint32_t check_free_elsewhere(const struct worker *w) {
    uint32_t threads = (uint32_t)w->pool->config->threads, n = 0;
    const struct worker *other;
    TAILQ_FOREACH(other, &w->pool->workers, link) {
        bool kept = other->alone || other == w->pool->kept;
        if (other != w && !kept && other->state == WORKER_READY && other->kill_why == NULL) {
            n += other->outstanding < threads ? threads - other->outstanding : 0;
        }
    }
    return n;
}

/* Its lane has turned slow, or its time is over: it has no business in a window. */
static bool check_belongs_elsewhere(const struct attempt *a) {
    return a->lane->pace == LANE_SLOW || dispatch_is_late(a);
}

/* Unstarted behind a slow one: back it comes if another worker could run it now, or nobody should. */
static int64_t check_waiting(struct worker *w, struct attempt *a, int64_t now, uint32_t *free) {
    int64_t stuck_at = a->placed_mono_ms + CHECK_STUCK_MS;
    int64_t again_at = a->recalled_mono_ms + CHECK_RECALL_EVERY_MS;
    if (now < stuck_at) {
        return stuck_at;
    }
    bool asked = a->recalled_mono_ms != a->placed_mono_ms;
    bool elsewhere = check_belongs_elsewhere(a);
    if ((*free > 0 || elsewhere) && (!asked || now >= again_at)) {
        struct record_writer *out = worker_out(w, 64);
        if (out != NULL) {
            record_begin(out, REC_RECALL, a->slot);
            (void)record_end(out);
        }
        a->recalled_mono_ms = now;
        *free -= elsewhere ? 0 : 1;
    }
    return now + CHECK_RECALL_EVERY_MS;
}

static int64_t check_attempts(struct worker *w, int64_t now, int64_t due) {
    for (int64_t i = 0; i < w->pool->config->threads; i++) {
        int64_t since;
        struct attempt *a = worker_runs(w, i, &since);
        if (a != NULL) {
            a->running = true;
            due = check_min(due, check_running(w, a, since, now));
            due = a->stop == STOP_NOT ? due : check_min(due, check_stop(w, a, now));
        }
    }
    uint32_t free = check_free_elsewhere(w);
    struct attempt *a;
    TAILQ_FOREACH(a, &w->attempts, link) {
        if (!a->running) {
            due = check_min(due, check_waiting(w, a, now, &free));
        }
        a->running = false;
    }
    return due;
}

/* A host that stood still itself (stopped, or its machine frozen) finds the pings of all that time
 * unread, and its timers due. */
static bool check_has_spoken(const struct worker *w) {
    struct pollfd p = {.fd = w->sock, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

void worker_check(struct timer *t, void *arg) {
    struct worker *w = arg;
    (void)t;
    w->check_due_ms = 0;
    if (w->eof) {
        return; // its end has a timer of its own
    }
    // a test that moves the clock by an hour has not made it silent
    int64_t silent_ms = (env_stopwatch_us() - w->seen_us) / 1000;
    int64_t patience_ms = (int64_t)WORKER_PING_MS * WORKER_HUNG_PINGS;
    if (silent_ms >= patience_ms && check_has_spoken(w)) {
        silent_ms = 0; // what it said is read in this turn of the loop
    }
    if (silent_ms >= patience_ms) {
        worker_kill(w, "it stopped answering");
        return;
    }
    int64_t now = env_mono_ms(&w->host->env);
    int64_t due = check_attempts(w, now, now + patience_ms - silent_ms);
    worker_check_by(w, due > now ? due : now + 1);
}
