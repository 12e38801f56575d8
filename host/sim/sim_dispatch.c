/* What starts where: lanes that may have ready jobs are claimed for as many threads as are free, by the host's own
 * rules (core/evaluate.h) of what may start. */
#include <stdlib.h>

#include "sim/sim_private.h"

enum { CLAIM_MOST = 64 }; // of a lane at a time

/* ------------------------------------------------------------------ room */

static uint32_t slots_of(const struct sim *s, const struct sim_pool *pool) {
    uint32_t slots = 0;
    for (int64_t h = 0; h < s->scenario->hosts; h++) {
        slots += s->hosts[h].up ? pool->slots : 0;
    }
    return slots;
}

/* Of hosts that work: what a dead one had is nobody's thread. */
static uint32_t busy_of(const struct sim *s, const struct sim_pool *pool) {
    uint32_t busy = 0;
    for (int64_t h = 0; h < s->scenario->hosts; h++) {
        busy += s->hosts[h].up ? pool->busy[h] : 0;
    }
    return busy;
}

static void gather(struct sim *s, struct sim_lane *lane, struct job_facts *ret) {
    struct sim_pool *pool = lane->type->pool;
    enum plugin_breaker_state state = plugin_breaker_look(&pool->breaker, s->passed_ms);
    uint32_t busy = busy_of(s, pool) + pool->asked + pool->held_count;
    *ret = (struct job_facts){
        .state = JOB_QUEUED,
        .type = lane->type->name,
        .queue = lane->queue->name,
        .store_fault = s->away ? "it is away" : NULL,
        .has_handler = true,
        .queue_running = lane->queue->running + lane->queue->asked,
        .queue_limit = (uint32_t)lane->queue->config->concurrency,
        .pool_busy = busy,
        .pool_slots = slots_of(s, pool),
        .breaker = state == BREAKER_OPEN || (state == BREAKER_PROBING && busy > 0),
        .breaker_until_ms =
            state == BREAKER_OPEN ? sim_wall(s) + pool->breaker.until_ms - s->passed_ms : 0,
        .pool = pool->name,
        .ahead = -1,
        .pause[GATE_QUEUE] = {.on = lane->queue->paused, .at_ms = lane->queue->paused_ms},
    };
    sim_slots_facts(s, lane, ret);
    sim_breakers_facts(s, lane, ret);
}

static uint32_t room_of(const struct job_facts *f, bool probing) {
    uint32_t room = f->pool_slots - f->pool_busy;
    uint32_t queue = f->queue_limit == 0 ? UINT32_MAX : f->queue_limit - f->queue_running;
    room = queue < room ? queue : room;
    room = probing ? 1 : room;
    return room < CLAIM_MOST ? room : CLAIM_MOST;
}

/* How many of the lane may start now; remembers why none may. */
static uint32_t look(struct sim *s, struct sim_lane *lane, size_t sharers) {
    struct job_facts facts;
    struct reason reason;
    gather(s, lane, &facts);
    if (evaluate(&facts, sim_wall(s), &reason, 1) > 0) {
        lane->reason = reason.code;
        return 0;
    }
    bool probing =
        plugin_breaker_look(&lane->type->pool->breaker, s->passed_ms) == BREAKER_PROBING ||
        sim_breakers_probing(s, lane);
    uint32_t room = room_of(&facts, probing), slots = sim_slots_room(s, lane);
    room = slots < room ? slots : room;
    uint32_t share = (uint32_t)((room + sharers - 1) / sharers);
    return share < 1 ? 1 : share;
}

/* ------------------------------------------------------------------ the claim */

static int by_number(const void *a, const void *b) {
    const struct sim_lane *x = *(const struct sim_lane *const *)a;
    const struct sim_lane *y = *(const struct sim_lane *const *)b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Lanes take turns at being the first. Those that are asked are cold until the answer says otherwise. */
static size_t choose(struct sim *s, struct sim_lane **lanes, struct sim_lane **chosen,
                     struct store_claim_want *wants) {
    size_t count = s->hot_count, n = 0, left = 0;
    qsort(s->hot, count, sizeof(*s->hot), by_number);
    memcpy(lanes, s->hot, count * sizeof(*lanes));
    size_t first = count == 0 ? 0 : (size_t)(s->rotation++ % count);
    for (size_t i = 0; i < count; i++) {
        struct sim_lane *lane = lanes[(first + i) % count];
        uint32_t room = look(s, lane, count);
        if (room == 0) {
            s->hot[left++] = lane;
            continue;
        }
        lane->hot = false;
        lane->asked = room;
        lane->got = 0;
        lane->queue->asked += room;
        lane->type->pool->asked += room;
        wants[n] = (struct store_claim_want){
            .lane = {lane->queue->name, lane->type->name},
            .limit = room,
            .turn = lane->turn,
            .ended_keep_ms = lane->queue->config->dead_ttl_ms,
        };
        chosen[n++] = lane;
    }
    s->hot_count = left;
    return n;
}

static unsigned place(const struct sim *s, const struct sim_pool *pool) {
    unsigned best = 0;
    uint32_t most = 0;
    for (unsigned h = 0; h < (unsigned)s->scenario->hosts; h++) {
        uint32_t room =
            s->hosts[h].up && pool->slots > pool->busy[h] ? pool->slots - pool->busy[h] : 0;
        if (room > most) {
            most = room;
            best = h;
        }
    }
    return best;
}

static void start(struct sim *s, struct sim_lane *lane, const struct store_claimed *job) {
    int64_t waited = sim_wall(s) - job->ready_ms;
    waited = waited < 0 ? 0 : waited;
    if (lane->reason != REASON_COUNT) {
        s->report->waited_ms[lane->reason] += waited;
    }
    lane->got++;
    lane->turn++;
    sim_attempt_start(s, lane, job, place(s, lane->type->pool));
}

/* A job that became too old before it began. */
static void bury(struct sim *s, const struct job_id *id) {
    struct store_get op = {.op = {.kind = STORE_GET}, .id = *id};
    if (stock_run(&s->stock, &op.op, sim_wall(s)) == 0) {
        struct sim_type *type = sim_places_type(s, op.job.spec.type);
        struct sim_schedule *t = sim_times_find(s, op.job.spec.schedule);
        const struct job_id flow =
            store_flow_has(&op.job.spec) ? op.job.spec.parent : (struct job_id){{0}};
        sim_attempt_waited(s, id, sim_wall(s));
        sim_flows_ended(s, id, &flow, JOB_DEAD);
        if (type != NULL) {
            type->report->dead++;
            sim_note(s, NOTE_DEAD, type->name, &op.job.spec, "%s",
                     op.job.error.code == NULL ? "" : op.job.error.code);
        }
        if (t != NULL && t->unfinished > 0) {
            t->unfinished--;
        }
    }
    store_op_finish(&op.op);
}

/* Who has been claimed and waits for a thread goes before all others. */
static void begin_held(struct sim *s) {
    struct sim_pool *pool, *next;
    HASH_ITER(hh, s->pools, pool, next) {
        struct sim_attempt *a, *later;
        for (a = TAILQ_FIRST(&pool->held); a != NULL; a = later) {
            later = TAILQ_NEXT(a, held_link);
            if (pool->busy[a->host] < pool->slots) {
                sim_attempt_unhold(s, a);
                sim_attempt_begin(s, a);
            }
        }
    }
}

bool sim_dispatch_ask(struct sim *s, struct arena *arena, struct sim_claim *ret) {
    *ret = (struct sim_claim){.op = {.op = {.kind = STORE_CLAIM}, .host_nonce = s->nonce}};
    if (s->running_out || s->away || s->failure.code != 0) {
        return false;
    }
    if (s->held > 0) {
        begin_held(s);
    }
    if (s->hot_count == 0) {
        return false;
    }
    struct sim_lane **lanes = sim_alloc(s, arena, 2 * s->hot_count * sizeof(*lanes));
    struct store_claim_want *wants = sim_alloc(s, arena, s->hot_count * sizeof(*wants));
    if (lanes != NULL && wants != NULL) {
        ret->lanes = lanes + s->hot_count;
        ret->op.wants = wants;
        ret->op.want_count = choose(s, lanes, ret->lanes, wants);
    }
    return ret->op.want_count > 0;
}

/* Its claim came behind all that made jobs of it ready. Whether the store has said meanwhile that there are some depends on
 * how its thread grouped the operations, and nothing here may. */
static void cool(struct sim *s, struct sim_lane *lane) {
    size_t left = 0;
    for (size_t i = 0; lane->hot && i < s->hot_count; i++) {
        s->hot[left] = s->hot[i];
        left += s->hot[i] != lane;
    }
    s->hot_count = lane->hot ? left : s->hot_count;
    lane->hot = false;
}

void sim_dispatch_hear(struct sim *s, const struct sim_claim *c) {
    for (size_t i = 0; i < c->op.want_count; i++) {
        c->lanes[i]->queue->asked = 0;
        c->lanes[i]->type->pool->asked = 0;
    }
    for (size_t i = 0; i < c->op.job_count; i++) {
        start(s, c->lanes[c->op.jobs[i].want], &c->op.jobs[i]);
    }
    for (size_t i = 0; i < c->op.ended_count; i++) {
        bury(s, &c->op.ended[i]);
    }
    for (size_t i = 0; i < c->op.want_count; i++) {
        struct sim_lane *lane = c->lanes[i];
        lane->reason = REASON_COUNT;
        if (lane->got == lane->asked) {
            sim_places_heat(s, lane->queue->name, lane->type->name);
        } else {
            cool(s, lane);
        }
    }
}
