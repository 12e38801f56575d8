#include "supervisor/dispatch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "supervisor/beat.h"
#include "supervisor/breakers.h"
#include "supervisor/commits.h"
#include "supervisor/host.h"
#include "supervisor/hub.h"
#include "supervisor/meet.h"
#include "supervisor/pins.h"
#include "supervisor/pool_private.h"
#include "supervisor/slots.h"
#include "supervisor/upgrade.h"
#include "supervisor/upkeep.h"

enum {
    DISPATCH_CLAIM_MAX = 256,    /* jobs of one lane in one claim                               */
    DISPATCH_AHEAD_MAX = 256,    /* claimed beyond what fits the workers' windows, for fast jobs */
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
    if (safe) {
        gate_close(&d->gate, NULL, NULL, 0);
    }
    timer_init(&d->retry, dispatch_retry, d);
    timer_init(&d->pace_timer, dispatch_retry, d);
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
    HASH_ITER(by_id, d->fenced, a, next) {
        attempt_free(a);
    }
    timer_cancel(d->host->timers, &d->retry);
    timer_cancel(d->host->timers, &d->pace_timer);
    gate_finish(&d->gate);
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

static void dispatch_retry_later(struct host *host) {
    (void)timer_set(host->timers, &host->dispatch->retry,
                    env_mono_ms(&host->env) + DISPATCH_RETRY_MS);
}

/* ------------------------------------------------------------------ room */

/* How many jobs of this lane the pool may have in hand, besides those it shares its threads with.
 */
static uint32_t dispatch_capacity(const struct lane *lane) {
    uint32_t threads = lane->pool->ready_count * (uint32_t)lane->pool->config->threads;
    if (lane->pace == LANE_SLOW || pool_is_one_job(lane->pool)) {
        return threads;
    }
    uint32_t window = threads * lane_per_thread(lane);
    uint32_t ahead = window * 4;
    return window + (ahead > DISPATCH_AHEAD_MAX ? DISPATCH_AHEAD_MAX : ahead);
}

/* In hand of workers that are not counted as ready: they take no room from those that are. */
static uint32_t dispatch_leaving(const struct pool *pool) {
    const struct worker *w;
    uint32_t n = 0;
    if (pool->draining > 0) {
        TAILQ_FOREACH(w, &pool->workers, link) {
            n += w->state == WORKER_DRAINING ? w->outstanding : 0;
        }
    }
    return n;
}

/* A fast lane has hundreds in hand for milliseconds: they do not count where slow ones wait for a
 * thread, or those would never get one. */
uint32_t dispatch_room(const struct lane *lane) {
    struct pool *pool = lane->pool;
    uint32_t capacity = dispatch_capacity(lane) + dispatch_leaving(pool);
    uint32_t allowed = pool_breaker_room(pool);
    uint32_t taken = pool->in_hand[LANE_SLOW];
    if (lane->pace == LANE_FAST) {
        taken += pool->in_hand[LANE_FAST];
    }
    if (allowed != UINT32_MAX) { // all that is in hand counts
        capacity = allowed;
        taken = pool->in_hand[LANE_SLOW] + pool->in_hand[LANE_FAST];
    }
    uint32_t room = capacity > taken ? capacity - taken : 0, let = gates_room(pool);
    return room < let ? room : let;
}

/* Its share of the room, `sharers` lanes being left to take from it. */
static uint32_t dispatch_want(const struct lane *lane, uint32_t sharers) {
    uint32_t room = dispatch_room(lane);
    uint32_t share = room / sharers + (room % sharers != 0);
    const uint32_t limits[] = {queue_room(lane->queue), DISPATCH_CLAIM_MAX, slots_room(lane),
                               breakers_room(lane)};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        share = limits[i] < share ? limits[i] : share;
    }
    return share;
}

/* ------------------------------------------------------------------ claiming */

static bool dispatch_may_claim(struct host *host) {
    return host->phase == HOST_RUNNING && !upgrade_is_quiet(host) && host->store_fault == NULL &&
           host->joined && breakers_are_known(host) && beat_is_held(host) &&
           !timer_running(&host->dispatch->retry) && commits_pending(host) < DISPATCH_PENDING_MAX &&
           commits_stalled(host) == NULL;
}

static void claim_done(struct store_op *op);

static struct claim *claim_new(struct host *host) {
    struct claim *claim = calloc(1, sizeof *claim);
    if (claim != NULL) {
        claim->host = host;
        claim->op = (struct store_claim){
            .op = {.kind = STORE_CLAIM,
                   .done = claim_done,
                   .arg = claim,
                   .now_ms = env_wall_ms(&host->env)},
            .host_nonce = host->nonce,
        };
    }
    return claim;
}

/* Room for one more want: the claim is made, or made larger. */
static bool claim_open(struct host *host, struct claim **at) {
    if (*at == NULL && (*at = claim_new(host)) == NULL) {
        return false;
    }
    struct claim *claim = *at;
    size_t count = claim->op.want_count;
    if (count < claim->want_cap) {
        return true;
    }
    size_t cap = count == 0 ? 4 : count * 2;
    struct store_claim_want *wants = realloc(claim->wants, cap * sizeof *wants);
    claim->wants = wants == NULL ? claim->wants : wants;
    struct claim_lane *lanes = realloc(claim->lanes, cap * sizeof *lanes);
    claim->lanes = lanes == NULL ? claim->lanes : lanes;
    if (wants == NULL || lanes == NULL) {
        return false;
    }
    claim->want_cap = cap;
    return true;
}

static void claim_add(struct claim *claim, struct lane *lane, uint32_t n) {
    size_t i = claim->op.want_count++;
    claim->wants[i] = (struct store_claim_want){
        .lane = {.queue = lane->queue->name, .type = lane->type},
        .limit = n,
        .turn = lane->turn,
        .ended_keep_ms = lane->queue->config->dead_ttl_ms,
    };
    claim->lanes[i] = (struct claim_lane){.lane = lane, .signals = lane->signals};
    lane_to_the_end(lane);
    gates_take(lane, n);
    lane_take(lane, n);
    queue_take(lane->queue, n);
}

/* Lanes in turn: who is served goes to the end of the list, and nobody overtakes the first, which
 * may need more room than others do. False without memory. */
static bool dispatch_gather(struct host *host, struct pool *pool, enum lane_pace pace,
                            struct claim **at) {
    for (uint32_t left = pool->ready_lanes[pace]; left > 0; left--) {
        struct lane *lane = TAILQ_FIRST(&pool->ready[pace]);
        uint32_t n = lane == NULL ? 0 : dispatch_want(lane, left);
        if (n == 0) {
            return true;
        }
        if (!claim_open(host, at)) {
            return false;
        }
        TAILQ_REMOVE(&pool->ready[pace], lane, of_pool);
        TAILQ_INSERT_TAIL(&pool->ready[pace], lane, of_pool);
        claim_add(*at, lane, n);
    }
    return true;
}

static void dispatch_claim(struct host *host) {
    struct claim *claim = NULL;
    bool memory = true;
    uint32_t count = host->pools->count, first = host->dispatch->turn++;
    for (uint32_t i = 0; i < count; i++) {
        // whoever is asked first may take all that a queue has room for
        struct pool *pool = host->pools->items[(first + i) % count];
        for (uint32_t p = 0; p < LANE_PACES && memory; p++) {
            memory =
                dispatch_gather(host, pool, (enum lane_pace)((first + p) % LANE_PACES), &claim);
        }
    }
    if (!memory) {
        dispatch_retry_later(host);
    }
    if (claim == NULL || claim->op.want_count == 0) {
        claim_unref(claim);
        return;
    }
    claim->op.wants = claim->wants;
    beat_claims(host);
    host->dispatch->claims_out++;
    store_post(&host->store, &claim->op.op);
}

uint32_t dispatch_in_hand(const struct host *host) {
    return HASH_CNT(by_id, host->dispatch->running);
}

bool dispatch_has_claims(const struct host *host) {
    return host->dispatch->claims_out > 0 || dispatch_in_hand(host) > 0;
}

void dispatch_run(struct host *host) {
    for (uint32_t i = 0; i < host->pools->count; i++) {
        dispatch_place(host->pools->items[i]);
    }
    gates_look(host);
    pins_place(host);
    pools_flush(host->pools); // workers begin before the store's thread wants the processor
    commits_flush(host);
    if (dispatch_may_claim(host)) {
        dispatch_claim(host);
        gates_look(host);
    }
}

/* ------------------------------------------------------------------ what was claimed */

static void claim_settle_lanes(struct claim *claim) {
    for (size_t i = 0; i < claim->op.want_count; i++) {
        struct claim_lane *note = &claim->lanes[i];
        uint32_t limit = claim->wants[i].limit;
        lane_give(note->lane, limit);
        queue_give(note->lane->queue, limit);
        note->lane->turn += note->got;
        if (claim->op.op.status == 0 && note->got < limit) {
            lane_sated(note->lane, note->signals);
        }
        gates_settle(note->lane, limit, note->got, claim->op.op.status == 0 && note->got < limit);
    }
}

static void claim_publish(struct host *host, const struct job_id *id, const struct job_spec *spec,
                          enum job_state state, int32_t attempt, const char *why) {
    if (hub_follows(host->hub, id)) {
        hub_publish(host->hub, &(struct hub_event){.kind = HUB_STATE,
                                                   .id = *id,
                                                   .at_ms = env_wall_ms(&host->env),
                                                   .state = state,
                                                   .attempt = attempt,
                                                   .text = why,
                                                   .spec = spec});
    }
}

void dispatch_hold(struct pool *pool, struct attempt *a, bool in_front) {
    struct attempt *other;
    if (breakers_hold(a) || slots_wants(a) || meet_refuses(a)) {
        return;
    }
    TAILQ_FOREACH(other, &pool->held, link) {
        if (!attempt_is_suspect(other)) {
            break;
        }
    }
    if (other != NULL && (in_front || attempt_is_suspect(a))) {
        TAILQ_INSERT_BEFORE(other, a, link);
    } else {
        TAILQ_INSERT_TAIL(&pool->held, a, link);
    }
}

void dispatch_go_on(struct attempt *a) {
    struct host *host = a->host;
    struct pool *pool = a->lane->pool;
    if (pool == NULL || host->phase != HOST_RUNNING || gates_closed(a->lane) ||
        a->cancel_mask != 0 || a->fenced || upgrade_is_quiet(host)) {
        attempt_end(a, ATTEMPT_UNSTARTED, NULL);
        return;
    }
    attempt_join(a, pool);
    dispatch_hold(pool, a, false);
    dispatch_kick(host);
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
        claim_publish(host, &job->spec.id, &job->spec, JOB_RUNNING, job->counters.attempts + 1,
                      NULL);
        if (note->lane->pool == NULL || host->phase != HOST_RUNNING || gates_closed(note->lane) ||
            upgrade_is_quiet(host)) {
            attempt_end(a, ATTEMPT_UNSTARTED, NULL);
            continue;
        }
        dispatch_hold(note->lane->pool, a, false);
    }
    for (size_t i = 0; i < claim->op.ended_count; i++) {
        claim_publish(host, &claim->op.ended[i], NULL, JOB_DEAD, 0,
                      "its time was over before it could start");
    }
    if (claim->op.outbox) {
        upkeep_forward(host);
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
        dispatch_retry_later(host);
    }
    claim_settle_lanes(claim);
    if (op->status == 0) {
        dispatch_kick(host);
    }
    claim_unref(claim); // `op` is part of it
}

/* ------------------------------------------------------------------ placing */

/* The least loaded of those that can take it. */
static struct worker *dispatch_choose(const struct pool *pool, const struct attempt *a) {
    struct worker *w, *best = NULL;
    TAILQ_FOREACH(w, &pool->workers, link) {
        if (!worker_has_room(w, a)) {
            continue;
        }
        if (best == NULL || w->load_us < best->load_us ||
            (w->load_us == best->load_us && w->outstanding < best->outstanding)) {
            best = w;
        }
    }
    return best;
}

static void dispatch_release(struct pool *pool, struct attempt *a) {
    TAILQ_REMOVE(&pool->held, a, link);
    attempt_end(a, ATTEMPT_UNSTARTED, NULL);
}

/* What was claimed ahead while its lane was fast goes back to the store, but for one a thread. */
static void dispatch_give_back(struct pool *pool) {
    uint32_t kept = 0, threads = pool->ready_count * (uint32_t)pool->config->threads;
    struct attempt *a, *next;
    pool->turned_slow = false;
    for (a = TAILQ_FIRST(&pool->held); a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        if (a->lane->pace == LANE_SLOW && kept++ >= threads) {
            dispatch_release(pool, a);
        }
    }
}

bool dispatch_is_late(const struct attempt *a) {
    const struct job_spec *spec = &a->job->spec;
    if (spec->deadline_ms == 0 && spec->expires_ms == 0) {
        return false;
    }
    int64_t now = env_wall_ms(&a->host->env);
    return (spec->deadline_ms > 0 && spec->deadline_ms <= now) ||
           (spec->expires_ms > 0 && spec->expires_ms <= now && a->job->first_run_ms == 0);
}

/* While a suspect is held and none runs, the worker with the least in hand gets nothing more, so
 * that the suspect's turn comes. One at a time: the others have work to do. */
static void dispatch_keep(struct pool *pool) {
    const struct attempt *first = TAILQ_FIRST(&pool->held);
    const struct worker *w, *least = NULL, *before = pool->kept;
    pool->kept = NULL;
    if (first == NULL || !attempt_is_suspect(first)) {
        return;
    }
    TAILQ_FOREACH(w, &pool->workers, link) {
        if (w->alone) {
            return; // its place is the next one's
        }
        bool less = least == NULL || w->outstanding < least->outstanding ||
                    (w == before && w->outstanding == least->outstanding);
        if (less && w->state == WORKER_READY && w->kill_why == NULL) {
            least = w;
        }
    }
    pool->kept = least;
}

/* False: it stays where it is. */
static bool dispatch_place_one(struct pool *pool, struct attempt *a) {
    struct worker *w;
    while ((w = dispatch_choose(pool, a)) != NULL) {
        struct attempt *before = TAILQ_PREV(a, attempt_list, link);
        TAILQ_REMOVE(&pool->held, a, link);
        if (worker_place(w, a)) {
            return true;
        }
        if (before == NULL) {
            TAILQ_INSERT_HEAD(&pool->held, a, link);
        } else {
            TAILQ_INSERT_AFTER(&pool->held, before, a, link);
        }
        if (worker_has_room(w, a)) { // not the worker's fault: no memory, no descriptor
            dispatch_retry_later(pool->host);
            return false;
        }
    }
    return false;
}

void dispatch_place(struct pool *pool) {
    struct attempt *a, *next;
    if (pool->turned_slow) {
        dispatch_give_back(pool);
    }
    pool_breaker_thin(pool);
    dispatch_keep(pool);
    for (a = TAILQ_FIRST(&pool->held); a != NULL && beat_is_held(pool->host); a = next) {
        next = TAILQ_NEXT(a, link);
        if (dispatch_is_late(a)) {
            dispatch_release(pool, a);
        } else if (!dispatch_place_one(pool, a) && !attempt_is_suspect(a)) {
            return; // suspects come first and wait for a worker of their own
        }
    }
}

void dispatch_return(struct attempt *a) {
    struct host *host = a->host;
    struct pool *pool = a->lane->pool;
    bool clean = attempt_rewind(a);
    if (!clean || host->phase != HOST_RUNNING || pool == NULL || a->cancel_mask != 0 || a->fenced ||
        gates_closed(a->lane) || upgrade_is_quiet(host)) {
        attempt_end(a, ATTEMPT_UNSTARTED, NULL);
        return;
    }
    attempt_join(a, pool);
    dispatch_hold(pool, a, true);
    pool->turned_slow = pool->turned_slow || a->lane->pace == LANE_SLOW;
    dispatch_kick(host);
}

void dispatch_lane_ready(struct host *host, const struct store_lane *lane) {
    struct lane *l = lane_get(host, lane->queue, lane->type);
    if (l != NULL) {
        lane_signal(l);
        dispatch_kick(host);
    }
}

void dispatch_lane_facts(struct host *host, const struct lane *lane, struct job_facts *ret) {
    struct pool *pool = lane->pool;
    ret->queue = lane->queue->name;
    ret->type = lane->type;
    ret->draining = host->phase == HOST_DRAINING;
    ret->shared = host->store.ops->caps.shared;
    ret->store_fault = host->store_fault != NULL ? host->store_fault : commits_stalled(host);
    ret->store_fault = ret->store_fault != NULL ? ret->store_fault : beat_fault(host);
    if (ret->store_fault == NULL && host->phase == HOST_RUNNING && !host->joined) {
        ret->store_fault = "it has not been reached since the start of this host";
    }
    gates_facts(lane, ret);
    slots_facts(lane, NULL, ret);
    breakers_facts(lane, NULL, ret);
    const struct pool_handler *handler =
        pools_handler(host->pools, lane->type, &ret->pool, &ret->handler_fault);
    ret->has_handler = handler != NULL;
    ret->resumes = handler == NULL ? NULL : &handler->state;
    ret->state_policy = lane->config->state_policy;
    ret->queue_running = lane->queue->in_hand;
    ret->queue_limit = (uint32_t)lane->queue->config->concurrency;
    if (pool != NULL) {
        const struct worker *w;
        struct breaker_info breaker;
        pool_breaker_info(pool, &breaker);
        ret->breaker = breaker.state != BREAKER_CLOSED;
        ret->breaker_until_ms = breaker.until_ms;
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
