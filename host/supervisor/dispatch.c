#include "supervisor/dispatch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "supervisor/commits.h"
#include "supervisor/host.h"
#include "supervisor/hub.h"
#include "supervisor/pool_private.h"

enum {
    DISPATCH_CLAIM_MAX = 256,    /* jobs of one lane in one claim                               */
    DISPATCH_AHEAD_MAX = 256,    /* claimed beyond what fits the workers' windows, for fast jobs */
    DISPATCH_WINDOW_US = 5000,   /* work a thread may have waiting                              */
    DISPATCH_PENDING_MAX = 8192, /* unanswered commits above which nothing new is claimed      */
    DISPATCH_RETRY_MS = 1000,    /* after a claim that the store refused                        */
};

static void dispatch_kicked(evutil_socket_t fd, short what, void *arg) {
    struct dispatch *d = arg;
    (void)fd;
    (void)what;
    d->kicked = false;
    dispatch_run(d->host);
}

static void dispatch_retry(struct timer *t, void *arg) {
    (void)t;
    dispatch_kick(((struct dispatch *)arg)->host);
}

int dispatch_new(struct host *host, bool safe, struct dispatch **ret) {
    struct dispatch *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return -ENOMEM;
    }
    d->host = host;
    d->safe = safe;
    timer_init(&d->retry, dispatch_retry, d);
    d->kick = event_new(host->base, -1, 0, dispatch_kicked, d);
    if (d->kick == NULL) {
        free(d);
        return -ENOMEM;
    }
    *ret = d;
    return 0;
}

void dispatch_free(struct dispatch **dp) {
    struct dispatch *d = *dp;
    if (d == NULL) {
        return;
    }
    struct attempt *a, *next;
    HASH_ITER(by_id, d->running, a, next) {
        attempt_free(
            a); // its job is still `running` in the store and is recovered at the next start
    }
    timer_cancel(d->host->timers, &d->retry);
    event_free(d->kick);
    lane_finish_all(&d->lanes);
    free(d);
    *dp = NULL;
}

void dispatch_kick(struct host *host) {
    struct dispatch *d = host->dispatch;
    if (!d->kicked) {
        d->kicked = true;
        event_active(d->kick, EV_TIMEOUT, 0);
    }
}

/* ------------------------------------------------------------------ room */

/* Jobs a thread may have in its worker, the running one included. */
static uint32_t dispatch_per_thread(const struct lane *lane) {
    if (lane->est_us == 0 || lane->est_us >= DISPATCH_WINDOW_US) {
        return 1;
    }
    uint32_t n = DISPATCH_WINDOW_US / lane->est_us;
    return n > RECORD_WINDOW_MAX ? RECORD_WINDOW_MAX : n;
}

uint32_t dispatch_room(const struct pool *pool, const struct lane *lane) {
    uint32_t threads = pool->ready_count * (uint32_t)pool->config->threads;
    uint32_t per_thread = dispatch_per_thread(lane);
    uint32_t capacity = threads * per_thread;
    if (per_thread > 1) {
        uint32_t ahead = capacity * 4;
        capacity += ahead > DISPATCH_AHEAD_MAX ? DISPATCH_AHEAD_MAX : ahead;
    }
    uint32_t taken = pool->held_count + pool->claiming;
    const struct worker *w;
    TAILQ_FOREACH(w, &pool->workers, link) {
        if (w->state == WORKER_READY) {
            taken += w->outstanding;
        }
    }
    return capacity > taken ? capacity - taken : 0;
}

static bool lane_is_claimable(const struct lane *lane) {
    return lane->hungry && lane->pool != NULL && lane->pool->state == POOL_READY &&
           !lane->queue->paused;
}

static uint32_t queue_room(const struct queue *q) {
    if (q->config->concurrency == 0) {
        return DISPATCH_CLAIM_MAX;
    }
    return q->config->concurrency > q->in_hand ? (uint32_t)q->config->concurrency - q->in_hand : 0;
}

/* ------------------------------------------------------------------ claiming */

static bool dispatch_may_claim(const struct host *host) {
    return host->phase == HOST_RUNNING && !host->dispatch->safe && host->store_fault == NULL &&
           commits_pending(host) < DISPATCH_PENDING_MAX && !commits_stalled(host);
}

/* How many hungry lanes each pool has to share its room between. */
static unsigned dispatch_count_hungry(struct host *host) {
    unsigned n = 0;
    for (uint32_t i = 0; i < host->pools->count; i++) {
        host->pools->items[i]->hungry_lanes = 0;
    }
    struct lane *lane, *next;
    HASH_ITER(hh, host->dispatch->lanes.lanes, lane, next) {
        if (lane_is_claimable(lane)) {
            lane->pool->hungry_lanes++;
            n++;
        }
    }
    return n;
}

static uint32_t dispatch_want(const struct lane *lane) {
    uint32_t room = dispatch_room(lane->pool, lane);
    uint32_t share = (room + lane->pool->hungry_lanes - 1) /
                     (lane->pool->hungry_lanes == 0 ? 1 : lane->pool->hungry_lanes);
    uint32_t limits[] = {share, queue_room(lane->queue), DISPATCH_CLAIM_MAX};
    uint32_t n = limits[0];
    for (size_t i = 1; i < ARRAY_LEN(limits); i++) {
        n = limits[i] < n ? limits[i] : n;
    }
    return n;
}

static void claim_add(struct claim *claim, struct store_claim_want *wants, struct lane *lane,
                      uint32_t n) {
    size_t i = claim->op.want_count++;
    wants[i] = (struct store_claim_want){
        .lane = {.queue = lane->queue->name, .type = lane->type}, .limit = n, .turn = lane->turn};
    claim->lanes[i] = (struct claim_lane){.lane = lane, .signals = lane->signals};
    lane->pool->claiming += n;
    lane->queue->in_hand += n;
    if (lane->pool->hungry_lanes > 0) {
        lane->pool->hungry_lanes--;
    }
}

static void claim_done(struct store_op *op);

static struct claim *claim_new(struct host *host, unsigned lanes,
                               struct store_claim_want **ret_wants) {
    struct claim *claim = calloc(1, sizeof *claim);
    struct store_claim_want *wants = calloc(lanes, sizeof *wants);
    struct claim_lane *notes = calloc(lanes, sizeof *notes);
    if (claim == NULL || wants == NULL || notes == NULL) {
        free(claim);
        free(wants);
        free(notes);
        return NULL;
    }
    claim->host = host;
    claim->lanes = notes;
    claim->op = (struct store_claim){
        .op = {.kind = STORE_CLAIM,
               .done = claim_done,
               .arg = claim,
               .now_ms = env_wall_ms(&host->env)},
        .wants = wants,
        .host_nonce = host->nonce,
    };
    *ret_wants = wants;
    return claim;
}

/* The lanes in an order that starts one further each time, so that none is always served first. */
static void claim_fill(struct dispatch *d, struct claim *claim, struct store_claim_want *wants) {
    size_t count = HASH_CNT(hh, d->lanes.lanes);
    size_t start = count == 0 ? 0 : d->lane_cursor++ % count;
    for (int pass = 0; pass < 2; pass++) {
        size_t i = 0;
        for (struct lane *lane = d->lanes.lanes; lane != NULL; lane = lane->hh.next, i++) {
            if ((i >= start) != (pass == 0) || !lane_is_claimable(lane)) {
                continue;
            }
            uint32_t n = dispatch_want(lane);
            if (n > 0) {
                claim_add(claim, wants, lane, n);
            }
        }
    }
}

void dispatch_run(struct host *host) {
    struct dispatch *d = host->dispatch;
    commits_flush(host);
    for (uint32_t i = 0; i < host->pools->count; i++) {
        dispatch_place(host, host->pools->items[i]);
    }
    unsigned hungry = dispatch_may_claim(host) ? dispatch_count_hungry(host) : 0;
    if (hungry == 0) {
        return;
    }
    struct store_claim_want *wants;
    struct claim *claim = claim_new(host, hungry, &wants);
    if (claim == NULL) {
        return;
    }
    claim_fill(d, claim, wants);
    if (claim->op.want_count == 0) {
        claim_unref(claim);
        return;
    }
    d->claims_out++;
    store_post(&host->store, &claim->op.op);
}

/* ------------------------------------------------------------------ what was claimed */

static void claim_settle_lanes(struct claim *claim) {
    for (size_t i = 0; i < claim->op.want_count; i++) {
        struct claim_lane *note = &claim->lanes[i];
        uint32_t limit = claim->op.wants[i].limit;
        note->lane->queue->in_hand -= limit;
        if (note->lane->pool != NULL) {
            note->lane->pool->claiming -=
                limit < note->lane->pool->claiming ? limit : note->lane->pool->claiming;
        }
        note->lane->turn += note->got;
        if (claim->op.op.status == 0 && note->got < limit && note->signals == note->lane->signals) {
            note->lane->hungry = false;
        }
    }
}

static void claim_publish(struct host *host, const struct job_id *id, enum job_state state,
                          const char *why) {
    if (hub_watching(host->hub, id)) {
        hub_publish(host->hub, &(struct hub_event){.kind = HUB_STATE,
                                                   .id = *id,
                                                   .at_ms = env_wall_ms(&host->env),
                                                   .state = state,
                                                   .text = why});
    }
}

static void claim_take_jobs(struct claim *claim) {
    struct host *host = claim->host;
    claim->attempts++; // ours, until all are taken over
    for (size_t i = 0; i < claim->op.job_count; i++) {
        const struct store_claimed *job = &claim->op.jobs[i];
        struct claim_lane *note = &claim->lanes[job->want];
        note->got++;
        struct attempt *a = attempt_new(host, claim, job, note->lane);
        if (a == NULL) {
            continue; // recovered at the next start
        }
        claim_publish(host, &job->spec.id, JOB_RUNNING, NULL);
        if (note->lane->pool == NULL || host->phase != HOST_RUNNING) {
            attempt_end(a, ATTEMPT_UNSTARTED, NULL);
            continue;
        }
        TAILQ_INSERT_TAIL(&note->lane->pool->held, a, link);
        note->lane->pool->held_count++;
    }
    for (size_t i = 0; i < claim->op.ended_count; i++) {
        claim_publish(host, &claim->op.ended[i], JOB_DEAD,
                      "its time was over before it could start");
    }
    claim->attempts--;
}

static void claim_done(struct store_op *op) {
    struct claim *claim = op->arg;
    struct host *host = claim->host;
    host->dispatch->claims_out--;
    if (op->status == 0) {
        claim_take_jobs(claim);
    } else if (host->phase == HOST_RUNNING) {
        log_warn(&host->log, "store.claim_refused", "status=%d msg=\"%s\"", op->status,
                 op->err.msg);
        (void)timer_set(host->timers, &host->dispatch->retry,
                        env_mono_ms(&host->env) + DISPATCH_RETRY_MS);
    }
    claim_settle_lanes(claim);
    if (op->status == 0) {
        dispatch_kick(host);
    }
    claim_unref(claim); // `op` is part of it
}

/* ------------------------------------------------------------------ placing */

static struct worker *dispatch_choose(struct pool *pool) {
    struct worker *w, *best = NULL;
    TAILQ_FOREACH(w, &pool->workers, link) {
        if (w->state != WORKER_READY || w->blocked || w->kill_why != NULL) {
            continue;
        }
        if (best == NULL || w->load_us < best->load_us ||
            (w->load_us == best->load_us && w->outstanding < best->outstanding)) {
            best = w;
        }
    }
    return best;
}

void dispatch_place(struct host *host, struct pool *pool) {
    struct attempt *a;
    (void)host;
    while ((a = TAILQ_FIRST(&pool->held)) != NULL) {
        TAILQ_REMOVE(&pool->held, a, link);
        struct worker *w = dispatch_choose(pool);
        if (w == NULL || !worker_place(w, a)) {
            TAILQ_INSERT_HEAD(&pool->held, a, link);
            return;
        }
        pool->held_count--;
    }
}

void dispatch_return(struct attempt *a) {
    struct host *host = a->host;
    struct pool *pool = a->lane->pool;
    bool clean = attempt_rewind(a);
    if (!clean || host->phase != HOST_RUNNING || pool == NULL || a->cancel_mask != 0) {
        attempt_end(a, ATTEMPT_UNSTARTED, NULL);
        return;
    }
    TAILQ_INSERT_HEAD(&pool->held, a, link);
    pool->held_count++;
    dispatch_kick(host);
}

void dispatch_lane_ready(struct host *host, const struct store_lane *lane) {
    struct lane *l = lane_get(host, lane->queue, lane->type);
    if (l != NULL) {
        l->hungry = true;
        l->signals++;
        dispatch_kick(host);
    }
}

void dispatch_lane_facts(struct host *host, const struct lane *lane, struct job_facts *ret) {
    const struct pool *pool = lane->pool;
    ret->queue = lane->queue->name;
    ret->type = lane->type;
    ret->draining = host->phase == HOST_DRAINING;
    ret->store_fault = host->store_fault;
    ret->paused = lane->queue->paused;
    ret->paused_by = lane->queue->paused_by;
    ret->paused_why = lane->queue->paused_why;
    ret->paused_at_ms = lane->queue->paused_at_ms;
    ret->has_handler =
        pools_handler(host->pools, lane->type, &ret->pool, &ret->handler_fault) != NULL;
    ret->queue_running = lane->queue->in_hand;
    ret->queue_limit = (uint32_t)lane->queue->config->concurrency;
    if (pool != NULL) {
        const struct worker *w;
        ret->pool_slots = pool->ready_count * (uint32_t)pool->config->threads;
        TAILQ_FOREACH(w, &pool->workers, link) {
            ret->pool_busy += w->outstanding;
        }
        if (ret->pool_busy > ret->pool_slots) {
            ret->pool_busy = ret->pool_slots;
        }
    }
    ret->ahead = -1;
}
