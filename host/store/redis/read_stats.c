#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/ops.h"
#include "store/redis/store_private.h"

enum { QUEUES_AT_ONCE = 100 }; // by one call: the server does nothing else meanwhile

// What lua/stats.lua answers of a queue.
enum {
    AT_STATES, /* in the order of `states` */
    AT_OUTBOX = 7,
    AT_BYTES,
    AT_OLDEST = 10,
    AT_DUE,
    AT_PAUSED, /* by, why, at */
    AT_LANES = 15,
    AT_LINES
};
static const enum job_state states[] = {JOB_SCHEDULED, JOB_RUNNING,   JOB_PARKED,   JOB_SUCCEEDED,
                                        JOB_DEAD,      JOB_CANCELLED, JOB_DUPLICATE};

struct part { // a call
    struct gathering *all;
    struct redis_request request;
    size_t first, count; // of the queues that it asks for
};

struct gathering {
    struct redis_task task;
    struct redis_request known; /* jh:queues */
    struct redis_queue **queues;
    size_t queue_count;
    struct part *parts; /* of the queues; then jh:bytes; then INFO */
    size_t part_count;
    size_t lane_cap;
};

static struct store_stats *stats_of(struct gathering *g) {
    return CONTAINER_OF(g->task.op, struct store_stats, op);
}

static int64_t number_at(const struct redis_reply *of, size_t at) {
    int64_t n = 0;
    return redis_reply_integer(redis_reply_at(of, at), &n) ? n : 0;
}

/* ------------------------------------------------------------------ a queue */

static struct store_lane_stats *add_lane(struct gathering *g) {
    struct store_stats *stats = stats_of(g);
    if (stats->lane_count == g->lane_cap) {
        size_t cap = g->lane_cap == 0 ? 16 : g->lane_cap * 2;
        struct store_lane_stats *lanes = arena_alloc(&stats->op.arena, cap * sizeof *lanes);
        if (lanes == NULL) {
            return NULL;
        }
        if (stats->lane_count > 0) {
            memcpy(lanes, stats->lanes, stats->lane_count * sizeof *lanes);
        }
        stats->lanes = lanes;
        g->lane_cap = cap;
    }
    return &stats->lanes[stats->lane_count++];
}

static int by_type(const void *x, const void *y) {
    const struct store_lane_stats *a = x, *b = y;
    return strcmp(a->lane.type, b->lane.type);
}

// A queue's lanes begin at `first`, each up to six times: of its three bands, and of tenants there.
static void join_bands(struct store_stats *stats, size_t first) {
    struct store_lane_stats *lanes = stats->lanes + first;
    size_t count = stats->lane_count - first, kept = 0;
    if (count == 0) {
        return;
    }
    qsort(lanes, count, sizeof *lanes, by_type);
    for (size_t i = 1; i < count; i++) {
        if (by_type(&lanes[kept], &lanes[i]) == 0) {
            lanes[kept].waiting += lanes[i].waiting;
            lanes[kept].tenants += lanes[i].tenants;
        } else {
            lanes[++kept] = lanes[i];
        }
    }
    stats->lane_count = first + kept + 1;
}

static int64_t lines_of(const struct redis_reply *lines, struct bytes field) {
    for (size_t i = 0; redis_reply_is(lines, REDIS_ARRAY) && i + 1 < lines->count; i += 2) {
        if (bytes_equal(redis_reply_text(&lines->items[i]), field)) {
            return number_at(lines, i + 1);
        }
    }
    return 0;
}

static int take_lanes(struct gathering *g, struct store_queue_stats *q,
                      const struct redis_reply *lanes, const struct redis_reply *lines) {
    size_t first = stats_of(g)->lane_count;
    for (size_t i = 0; redis_reply_is(lanes, REDIS_ARRAY) && i + 1 < lanes->count; i += 2) {
        struct bytes type = redis_reply_text(&lanes->items[i]);
        int64_t waiting = number_at(lanes, i + 1);
        bool in_lines = false;
        enum job_priority priority = redis_lane_priority(type, &in_lines);
        int64_t tenants = in_lines ? lines_of(lines, type) : 0;
        type.len = redis_lane_type(type);
        if (waiting <= 0) {
            continue;
        }
        char *copy = arena_strn(&stats_of(g)->op.arena, type.data, type.len);
        struct store_lane_stats *lane = copy == NULL ? NULL : add_lane(g);
        if (lane == NULL) {
            return -ENOMEM;
        }
        *lane = (struct store_lane_stats){
            .lane = {q->queue, copy}, .waiting = waiting, .tenants = tenants};
        q->waiting[priority] += waiting;
        q->by_state[JOB_QUEUED] += waiting;
    }
    join_bands(stats_of(g), first);
    return 0;
}

static int take_pause(struct store_queue_stats *q, const struct redis_reply *of, struct arena *a) {
    const struct redis_reply *by = redis_reply_at(of, AT_PAUSED),
                             *why = redis_reply_at(of, AT_PAUSED + 1);
    q->paused_at_ms = number_at(of, AT_PAUSED + 2);
    q->paused = q->paused_at_ms > 0;
    if (redis_reply_is(by, REDIS_STRING)) {
        q->paused_by = arena_strn(a, by->text.data, by->text.len);
    }
    if (redis_reply_is(why, REDIS_STRING)) {
        q->paused_why = arena_strn(a, why->text.data, why->text.len);
    }
    return (q->paused_by == NULL && redis_reply_is(by, REDIS_STRING)) ||
                   (q->paused_why == NULL && redis_reply_is(why, REDIS_STRING))
               ? -ENOMEM
               : 0;
}

static int take_queue(struct gathering *g, size_t at, const struct redis_reply *of) {
    struct store_stats *stats = stats_of(g);
    struct redis_queue *known = g->queues[at];
    struct store_queue_stats *q = &stats->queues[at];
    int64_t due = number_at(of, AT_DUE);
    *q = (struct store_queue_stats){.queue = arena_str(&stats->op.arena, known->name),
                                    .oldest_ready_ms = number_at(of, AT_OLDEST)};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        q->by_state[states[i]] = number_at(of, AT_STATES + i);
    }
    for (size_t i = 0; i < 2; i++) {
        int64_t bytes = number_at(of, AT_BYTES + i);
        known->bytes[i] = bytes;
        stats->bytes[i] += bytes > 0 ? (uint64_t)bytes : 0;
    }
    stats->outbox += number_at(of, AT_OUTBOX);
    if (due > 0 && (stats->next_due_ms == 0 || due < stats->next_due_ms)) {
        stats->next_due_ms = due;
    }
    int r = q->queue == NULL ? -ENOMEM : take_pause(q, of, &stats->op.arena);
    if (r == 0) { // whoever reads this may not be whom a pause stops
        redis_news_pause(g->task.store, known, q);
    }
    return r < 0 ? r : take_lanes(g, q, redis_reply_at(of, AT_LANES), redis_reply_at(of, AT_LINES));
}

_Static_assert(BUDGET_JOBS == 0 && BUDGET_RESULTS == 1, "as stats.lua and struct redis_queue");

/* ------------------------------------------------------------------ calls */

static void leave(struct gathering *g, int r, const struct err *e) {
    struct err words;
    if (r == -ENOMEM && e == NULL) {
        (void)err_set(&words, r, "out of memory");
        e = &words;
    }
    redis_task_leave(&g->task, r, e);
}

static void on_part(struct redis_request *rq, const struct redis_reply *reply, int r,
                    const struct err *e) {
    struct part *p = CONTAINER_OF(rq, struct part, request);
    for (size_t i = 0; i < p->count && r == 0; i++) {
        r = take_queue(p->all, p->first + i, redis_reply_at(reply, i));
    }
    leave(p->all, r, e);
}

static void on_bytes(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct gathering *g = CONTAINER_OF(rq, struct part, request)->all;
    for (size_t i = 0; i < 2 && r == 0; i++) {
        int64_t bytes = number_at(reply, i);
        stats_of(g)->bytes[BUDGET_KV + i] = bytes > 0 ? (uint64_t)bytes : 0;
    }
    leave(g, r, e);
}

_Static_assert(BUDGET_BLOBS == BUDGET_KV + 1, "in the order of HMGET");

// A service that does not tell (INFO is an administrator's command) is none the worse for it.
static void on_info(struct redis_request *rq, const struct redis_reply *reply, int r,
                    const struct err *e) {
    struct gathering *g = CONTAINER_OF(rq, struct part, request)->all;
    struct bytes text = redis_reply_text(reply);
    const char *at = text.len == 0 ? NULL : strstr(text.data, "used_memory:");
    if (at != NULL) {
        stats_of(g)->disk_bytes = strtoull(at + strlen("used_memory:"), NULL, 10);
    }
    leave(g, r == -EPROTO || r == -EACCES ? 0 : r, e);
}

static void ask_server(struct part *p, redis_request_fn *done) {
    p->request.done = done;
    p->request.safe = true;
    p->all->task.open++;
    redis_request_send(&p->all->task.store->cmd, &p->request, redis_task_left(&p->all->task));
}

static void ask(struct gathering *g, size_t calls) {
    g->task.open = 1; // until all are sent
    for (size_t i = 0; i < calls; i++) {
        struct part *p = &g->parts[i];
        p->first = i * QUEUES_AT_ONCE;
        p->count =
            g->queue_count - p->first < QUEUES_AT_ONCE ? g->queue_count - p->first : QUEUES_AT_ONCE;
        redis_request_script(&p->request, REDIS_SCRIPT_stats, g->queues + p->first, p->count,
                             g->task.op->now_ms);
        ask_server(p, on_part);
    }
    struct redis_args *bytes = &g->parts[calls].request.args;
    redis_request_begin(&g->parts[calls].request, "HMGET");
    redis_args_text(bytes, "jh:bytes");
    redis_args_text(bytes, "kv");
    redis_args_text(bytes, "blobs");
    ask_server(&g->parts[calls], on_bytes);
    redis_request_begin(&g->parts[calls + 1].request, "INFO");
    redis_args_text(&g->parts[calls + 1].request.args, "memory");
    ask_server(&g->parts[calls + 1], on_info);
    redis_task_leave(&g->task, 0, NULL);
}

// Those that jh:queues holds: one that is only configured has had no job.
static int choose_queues(struct gathering *g) {
    struct arena *a = &g->task.op->arena;
    size_t count = 0;
    g->queues = redis_store_queues(g->task.store, a, &count);
    if (g->queues == NULL && count > 0) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (g->queues[i]->registered) {
            g->queues[g->queue_count++] = g->queues[i];
        }
    }
    size_t calls = (g->queue_count + QUEUES_AT_ONCE - 1) / QUEUES_AT_ONCE;
    g->parts = calloc(calls + 2, sizeof *g->parts);
    stats_of(g)->queues = arena_zalloc(a, (g->queue_count + 1) * sizeof(struct store_queue_stats));
    if (g->parts == NULL || stats_of(g)->queues == NULL) {
        return -ENOMEM;
    }
    g->part_count = calls + 2;
    for (size_t i = 0; i < g->part_count; i++) {
        g->parts[i].all = g;
    }
    stats_of(g)->queue_count = g->queue_count;
    return 0;
}

static void on_queues(struct redis_request *rq, const struct redis_reply *reply, int r,
                      const struct err *e) {
    struct gathering *g = CONTAINER_OF(rq, struct gathering, known);
    if (r == 0) {
        (void)redis_queues_learn(&g->task.store->queues, reply, NULL); // told when it connected
        r = choose_queues(g);
    }
    if (r < 0) {
        g->task.open = 1;
        leave(g, r, e);
        return;
    }
    ask(g, g->part_count - 2);
}

static void run(struct redis_task *t) {
    struct gathering *g = CONTAINER_OF(t, struct gathering, task);
    struct store_stats *stats = stats_of(g);
    stats->queues = NULL;
    stats->lanes = NULL;
    stats->queue_count = stats->lane_count = 0;
    stats->outbox = stats->next_due_ms = 0;
    stats->disk_bytes = 0;
    memset(stats->bytes, 0, sizeof stats->bytes);
    redis_request_begin(&g->known, "HGETALL");
    redis_args_text(&g->known.args, "jh:queues");
    g->known.done = on_queues;
    g->known.safe = true;
    redis_request_send(&t->store->cmd, &g->known, redis_task_left(t));
}

static void finish(struct redis_task *t) {
    struct gathering *g = CONTAINER_OF(t, struct gathering, task);
    redis_request_finish(&g->known);
    for (size_t i = 0; i < g->part_count; i++) {
        redis_request_finish(&g->parts[i].request);
    }
    free(g->parts);
}

const struct redis_op_kind redis_stats = {
    .run = run, .size = sizeof(struct gathering), .finish = finish};
