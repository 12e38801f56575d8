#include <errno.h>

#include "store/redis/ask.h"
#include "store/redis/locate.h"
#include "store/redis/ops.h"
#include "store/redis/queue_set.h"
#include "store/redis/removed.h"

// A part of the ids after the other: where they are, then one call.
struct remove_task {
    struct redis_task task;
    size_t begun;
    struct arena arena;
    struct redis_located found[REDIS_BATCH_ITEMS];
    size_t count;                   /* of this part */
    int *status[REDIS_BATCH_ITEMS]; /* of those that were found */
    size_t sent;
};

static void next_part(struct remove_task *rt);

static int removed(struct redis_task *t, void *arg, const struct redis_reply *reply,
                   struct err *e) {
    static const int meanings[] = {-ENOENT, 0, -EBUSY, -EBUSY}; // lua/lib/remove.lua
    struct remove_task *rt = arg;
    const struct redis_reply *items = redis_reply_at(reply, 0);
    for (size_t i = 0; i < rt->sent; i++) {
        int64_t code = 0;
        if (!redis_reply_integer(redis_reply_at(items, i), &code) || code < 0 ||
            code >= (int64_t)ARRAY_LEN(meanings)) {
            return redis_ask_odd(t, e);
        }
        *rt->status[i] = meanings[code];
    }
    int r = redis_removed_blobs(t, redis_reply_at(reply, 1), e);
    if (r == 0) {
        next_part(rt);
    }
    return r;
}

static void located(struct redis_task *t, void *arg) {
    struct remove_task *rt = arg;
    struct store_remove *rm = CONTAINER_OF(t->op, struct store_remove, op);
    struct redis_queue_set set = {.count = 0};
    const struct redis_located *of[REDIS_BATCH_ITEMS];
    size_t n = 0;
    for (size_t i = 0; i < rt->count; i++) {
        int *status = &rm->status[rt->begun - rt->count + i];
        *status = -ENOENT;
        redis_located_scope(t, &rt->found[i]);
        if (rt->found[i].queue != NULL) {
            (void)redis_queue_set_add(&set, rt->found[i].queue);
            of[n] = &rt->found[i];
            rt->status[n++] = status;
        }
    }
    rt->sent = n;
    if (n == 0) {
        next_part(rt);
        return;
    }
    struct redis_ask *ask =
        redis_ask_over(t, REDIS_SCRIPT_remove, set.list, set.count, removed, rt);
    if (ask == NULL) {
        return;
    }
    redis_args_number(&ask->request.args, REDIS_JOB_OVERHEAD);
    redis_args_number(&ask->request.args, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        redis_args_number(&ask->request.args, redis_queue_set_add(&set, of[i]->queue));
        redis_args_id(&ask->request.args, &of[i]->id);
    }
    redis_ask_send(ask);
}

static void next_part(struct remove_task *rt) {
    struct store_remove *rm = CONTAINER_OF(rt->task.op, struct store_remove, op);
    size_t left = rm->count - rt->begun;
    rt->count = left < REDIS_BATCH_ITEMS ? left : REDIS_BATCH_ITEMS;
    for (size_t i = 0; i < rt->count; i++) {
        rt->found[i].id = rm->ids[rt->begun++];
    }
    if (rt->count > 0) {
        arena_reset(&rt->arena);
        redis_locate(&rt->task, rt->found, rt->count, &rt->arena, located, rt);
    }
}

static void run(struct redis_task *t) {
    t->open = 1;
    next_part(CONTAINER_OF(t, struct remove_task, task));
    redis_task_leave(t, 0, NULL);
}

static void finish(struct redis_task *t) {
    arena_free(&CONTAINER_OF(t, struct remove_task, task)->arena);
}

const struct redis_op_kind redis_remove = {
    .run = run, .size = sizeof(struct remove_task), .mutates = true, .finish = finish};

/* ------------------------------------------------------------------ DEDUP_RELEASE */

static int released(struct redis_task *t, void *arg, const struct redis_reply *reply,
                    struct err *e) {
    const struct store_dedup_release *d = CONTAINER_OF(t->op, struct store_dedup_release, op);
    int64_t count = 0;
    (void)arg;
    if (!redis_reply_integer(reply, &count)) {
        return redis_ask_odd(t, e);
    }
    return count > 0 ? 0 : err_set(e, -ENOENT, "queue %s holds no key \"%s\"", d->queue, d->key);
}

// A command about the key in one of the queue's structures.
static void tell_key(struct redis_task *t, const struct redis_queue *q, const char *command,
                     const char *structure, redis_ask_fn *done) {
    const struct store_dedup_release *d = CONTAINER_OF(t->op, struct store_dedup_release, op);
    struct redis_ask *ask = redis_ask_new(t, REDIS_NO_SCRIPT_ID, done, NULL);
    if (ask != NULL) {
        redis_request_begin(&ask->request, command);
        redis_args_printf(&ask->request.args, "%s%s", q->structures, structure);
        redis_args_text(&ask->request.args, d->key);
        redis_ask_send(ask);
    }
}

static void run_release(struct redis_task *t) {
    const struct store_dedup_release *d = CONTAINER_OF(t->op, struct store_dedup_release, op);
    int r = 0;
    struct redis_queue *q = redis_queues_get(&t->store->queues, d->queue, &r);
    if (q == NULL) {
        redis_task_end(t, err_set(&t->op->err, r, "no room for queue %s", d->queue), NULL);
        return;
    }
    t->open = 1;
    tell_key(t, q, "HDEL", "keys", released);
    tell_key(t, q, "ZREM", "keys:expiry", NULL);
    redis_task_leave(t, 0, NULL);
}

const struct redis_op_kind redis_dedup_release = {
    .run = run_release, .size = sizeof(struct redis_task), .mutates = true};
