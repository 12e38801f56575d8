#include "supervisor/takeover.h"

#include <stdlib.h>

#include "core/lease.h"
#include "supervisor/host.h"
#include "supervisor/stats.h"
#include "supervisor/upkeep.h"

enum {
    TAKEOVER_BATCH = 1000,
    TAKEOVER_SLEEP_MS = 60000, /* the longest until a look at the clock, as wall time may step */
};

struct takeover {
    struct host *host;
    struct store_recover op;
    bool out;
    uint64_t gone_nonce; /* an earlier boot of ours, known to be dead; 0 = none      */
    size_t released;     /* by the posts of this look                                */
    int64_t end_ms;      /* wall: the earliest end of a lease that is known; 0 = none */
    int64_t looked_ms;   /* wall: of the last look that found nothing                 */
    int64_t at_ms;       /* wall: of the next look                                    */
    struct timer timer;
    void (*started)(struct host *host, const struct store_op *op);
};

static void takeover_post(struct takeover *t);

/* ------------------------------------------------------------------ when */

/* Until there is something to look for. */
static void takeover_wait(struct takeover *t) {
    const struct env *env = &t->host->env;
    if (t->end_ms == 0 || t->out || t->host->phase != HOST_RUNNING) {
        return;
    }
    int64_t in = t->at_ms - env_wall_ms(env);
    in = in < 0 ? 0 : in > TAKEOVER_SLEEP_MS ? TAKEOVER_SLEEP_MS : in;
    (void)timer_set(t->host->timers, &t->timer, env_mono_ms(env) + in);
}

void takeover_plan(struct host *host, int64_t end_ms) {
    struct takeover *t = host->takeover;
    if (t == NULL || end_ms == 0 || (t->end_ms != 0 && t->end_ms <= end_ms)) {
        return;
    }
    uint32_t random;
    env_random(&random, sizeof random);
    t->end_ms = end_ms;
    t->at_ms = lease_takeover_at(host->config->host.lease_ms, end_ms, t->looked_ms, random);
    takeover_wait(t);
}

static void takeover_fire(struct timer *timer, void *arg) {
    struct takeover *t = arg;
    (void)timer;
    if (env_wall_ms(&t->host->env) < t->at_ms) {
        takeover_wait(t);
    } else if (t->host->phase == HOST_RUNNING && !t->out) {
        takeover_post(t);
    }
}

/* ------------------------------------------------------------------ the look */

static void takeover_note(struct takeover *t) {
    struct host *host = t->host;
    if (t->released == 0) {
        return;
    }
    host->stats->recovered += t->released;
    log_info(&host->log, "store.recovered", "jobs=%zu", t->released);
    if (t->started == NULL) {
        upkeep_forward(host); // what their hosts had not delivered; a start looks by itself
    }
}

static bool takeover_goes_on(const struct host *host) {
    return host->phase == HOST_RUNNING || host->phase == HOST_STARTING;
}

static void takeover_done(struct store_op *op) {
    struct takeover *t = op->arg;
    struct host *host = t->host;
    void (*started)(struct host *, const struct store_op *) = t->started;
    t->out = false;
    t->released += op->status == 0 ? t->op.released : 0;
    if (!takeover_goes_on(host)) {
        return;
    }
    if (op->status == 0 && t->op.more) {
        takeover_post(t);
        return;
    }
    takeover_note(t);
    t->looked_ms = t->released == 0 ? op->now_ms : 0;
    t->released = 0;
    int64_t next_ms = t->op.next_ms;
    if (op->status == 0) {
        t->gone_nonce = 0;
    } else {
        next_ms = env_wall_ms(&host->env) + host->config->host.lease_ms / 2;
    }
    t->started = NULL;
    if (started != NULL) {
        started(host, op);
        next_ms = op->status == 0 ? next_ms : 0; // who starts asks again
    }
    takeover_plan(host, host->store.ops->caps.shared ? next_ms : 0);
    takeover_wait(t); // also for what was planned meanwhile
}

static void takeover_post(struct takeover *t) {
    store_op_finish(&t->op.op);
    t->end_ms = 0;
    t->out = true;
    t->op = (struct store_recover){.op = {.kind = STORE_RECOVER,
                                          .done = takeover_done,
                                          .arg = t,
                                          .now_ms = env_wall_ms(&t->host->env)},
                                   .host_nonce = t->host->nonce,
                                   .gone_nonce = t->gone_nonce,
                                   .limit = TAKEOVER_BATCH};
    store_post(&t->host->store, &t->op.op);
}

void takeover_start(struct host *host, uint64_t gone_nonce,
                    void (*done)(struct host *host, const struct store_op *op)) {
    struct takeover *t = host->takeover;
    t->gone_nonce = gone_nonce;
    t->started = done;
    if (!t->out) { // else the look that is under way is the start's
        takeover_post(t);
    }
}

void takeover_run(struct host *host) {
    takeover_wait(host->takeover);
}

struct takeover *takeover_new(struct host *host) {
    struct takeover *t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->host = host;
        timer_init(&t->timer, takeover_fire, t);
    }
    return t;
}

void takeover_free(struct takeover **at) {
    struct takeover *t = *at;
    if (t != NULL) {
        timer_cancel(t->host->timers, &t->timer);
        store_op_finish(&t->op.op);
        free(t);
        *at = NULL;
    }
}
