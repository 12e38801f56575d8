#include "supervisor/beat.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/lease.h"
#include "jobhost_plugin.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

struct beat {
    struct host *host;
    struct lease lease;
    struct store_host_lease op;
    int64_t posted_mono_ms;
    bool running, out, failing;
    bool posted_busy;
    enum lease_state state; /* what has been done about it */
    struct timer timer;
    int64_t planned_ms; /* when it fires */
};

/* Real time, whatever a test does to the clock of jobs: the server's leases go by it. */
static int64_t now_of(const struct beat *b) {
    return env_mono_ms(&b->host->net_env);
}

static int64_t wall_of(const struct beat *b) {
    return env_wall_ms(&b->host->net_env);
}

static void beat_plan(struct beat *b, int64_t at) {
    b->planned_ms = at;
    if (at != INT64_MAX) {
        (void)timer_set(b->host->net_timers, &b->timer, at);
    } else {
        timer_cancel(b->host->net_timers, &b->timer);
    }
}

int64_t beat_first_span(const struct host *host) {
    struct lease l;
    lease_init(&l, host->config->host.lease_ms, STORE_IDLE_BEAT_MS, 0, 0);
    return host->store.ops->caps.shared ? lease_span(&l) : host->config->host.lease_ms;
}

/* ------------------------------------------------------------------ what is lost */

static void ask_to_stop(struct worker *w, void *arg) {
    struct attempt *a;
    (void)arg;
    TAILQ_FOREACH(a, &w->attempts, link) {
        attempt_cancel(a, JH_CANCEL_DRAIN);
    }
}

static void stop_now(struct worker *w, void *arg) {
    if (w->outstanding > 0) {
        ask_to_stop(w, arg);
        w->for_a_job = true;
        worker_kill(w, "the lease of its jobs is over");
    }
}

static void beat_act(struct beat *b, enum lease_state state) {
    struct host *host = b->host;
    static const char *const words[] = {
        [LEASE_HELD] = "the jobs in hand are ours",
        [LEASE_DOUBTED] =
            "this host stood still, or its clock was set: nothing starts until the store "
            "has answered",
        [LEASE_FADING] = "no beat for half a lease: running jobs are asked to stop",
        [LEASE_LOST] = "no beat for a whole lease: running jobs are stopped, other hosts may have "
                       "them",
    };
    if (state == b->state) {
        return;
    }
    b->state = state;
    log_write(&host->log, state == LEASE_HELD ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "host.lease",
              "state=%s jobs=%u msg=\"%s\"", lease_state_name(state), dispatch_in_hand(host),
              words[state]);
    if (state == LEASE_FADING) {
        pools_each_worker(host->pools, ask_to_stop, NULL);
    } else if (state == LEASE_LOST) {
        pools_each_worker(host->pools, stop_now, NULL);
        pools_let_go(host->pools);
    } else if (state == LEASE_HELD) {
        dispatch_kick(host);
    }
}

/* ------------------------------------------------------------------ beating */

static void beat_look(struct beat *b);

static void beat_done(struct store_op *op) {
    struct beat *b = op->arg;
    b->out = false;
    if (op->status != 0 && !b->failing) {
        log_warn(&b->host->log, "host.beat_failed", "status=%d msg=\"%s\"", op->status,
                 op->err.msg);
    }
    b->failing = op->status != 0;
    lease_beaten(&b->lease, op->status == 0, b->posted_busy, b->posted_mono_ms, now_of(b));
    store_op_finish(op);
    beat_look(b);
}

static void beat_post(struct beat *b) {
    struct host *host = b->host;
    b->out = true;
    b->posted_mono_ms = now_of(b);
    b->posted_busy = b->lease.busy;
    b->op = (struct store_host_lease){
        .op = {.kind = STORE_HOST_LEASE,
               .done = beat_done,
               .arg = b,
               .now_ms = env_wall_ms(&host->env),
               .timeout_ms = (int32_t)(b->lease.lease_ms / 4)},
        .name = host->name,
        .nonce = host->nonce,
        .lease_ms = lease_span(&b->lease),
        .version = JOBHOST_VERSION,
        .pid = (int32_t)getpid(),
        .running = dispatch_in_hand(host),
    };
    store_post(&host->store, &b->op.op);
}

static int64_t beat_due(const struct beat *b) {
    return b->out ? INT64_MAX : lease_next_beat(&b->lease);
}

static void beat_look(struct beat *b) {
    struct host *host = b->host;
    int64_t now = now_of(b);
    if (!b->running || host->phase == HOST_STOPPED) {
        return;
    }
    (void)lease_look(&b->lease, wall_of(b), now);
    if (!dispatch_has_claims(host)) {
        lease_rest(&b->lease);
    }
    beat_act(b, lease_state(&b->lease, now));
    if (beat_due(b) <= now) {
        beat_post(b);
    }
    int64_t change = lease_next_change(&b->lease, now), due = beat_due(b);
    beat_plan(b, change < due ? change : due);
}

static void beat_fire(struct timer *t, void *arg) {
    (void)t;
    beat_look(arg);
}

/* ------------------------------------------------------------------ what others ask */

bool beat_is_held(struct host *host) {
    struct beat *b = host->beat;
    if (b == NULL || !b->running) {
        return true;
    }
    int64_t now = now_of(b);
    bool jumped = lease_look(&b->lease, wall_of(b), now);
    if (jumped || lease_state(&b->lease, now) != b->state) {
        beat_plan(b, now); // acted upon from the timer: the caller has jobs in its hands
    }
    return lease_state(&b->lease, now) == LEASE_HELD;
}

void beat_claims(struct host *host) {
    struct beat *b = host->beat;
    if (b == NULL || !b->running || dispatch_has_claims(host)) {
        return;
    }
    int64_t now = now_of(b);
    lease_take(&b->lease, now);
    if (b->planned_ms > beat_due(b)) {
        beat_plan(b, beat_due(b));
    }
}

void beat_again(struct host *host) {
    struct beat *b = host->beat;
    if (b != NULL && b->running) {
        lease_hurry(&b->lease, now_of(b));
        beat_plan(b, now_of(b));
    }
}

void beat_run(struct host *host) {
    struct beat *b = host->beat;
    if (!host->store.ops->caps.shared) {
        return;
    }
    lease_init(&b->lease, host->config->host.lease_ms, STORE_IDLE_BEAT_MS, wall_of(b), now_of(b));
    b->running = true;
    beat_look(b);
}

void beat_stop(struct host *host) {
    struct beat *b = host->beat;
    b->running = false;
    beat_plan(b, INT64_MAX);
}

const char *beat_fault(const struct host *host) {
    const struct beat *b = host->beat;
    return b == NULL || !b->running || b->state == LEASE_HELD
               ? NULL
               : "it has not answered in time that this host still has its jobs";
}

struct beat *beat_new(struct host *host) {
    struct beat *b = calloc(1, sizeof *b);
    if (b != NULL) {
        b->host = host;
        timer_init(&b->timer, beat_fire, b);
    }
    return b;
}

void beat_free(struct beat **at) {
    struct beat *b = *at;
    if (b != NULL) {
        timer_cancel(b->host->net_timers, &b->timer);
        store_op_finish(&b->op.op);
        free(b);
        *at = NULL;
    }
}
