/* FLOW_MEMBERS. */
#include <errno.h>

#include "store/flows.h"
#include "store/redis/ask.h"
#include "store/redis/locate.h"
#include "store/redis/ops.h"

// Where the opener is, then whom it has made, then how they are.
struct members_task {
    struct redis_task task;
    struct redis_located at;
    struct redis_located *members;
    size_t count;
    int64_t first; // place of the first of them, from 1 on
};

static struct store_flow_members *of_task(const struct redis_task *t) {
    return CONTAINER_OF(t->op, struct store_flow_members, op);
}

static int no_flow(const struct redis_task *t, struct err *e) {
    char text[JOB_ID_TEXT + 1];
    id_format(&of_task(t)->id, text);
    return err_set(e, -ENOENT, "job %s has opened no flow", text);
}

// The last made first.
static void located(struct redis_task *t, void *arg) {
    const struct members_task *mt = arg;
    struct store_flow_members *m = of_task(t);
    for (size_t i = mt->count; i-- > 0;) {
        struct redis_located *at = &mt->members[i];
        redis_located_scope(t, at);
        if (at->queue != NULL) {
            m->members[m->count++] =
                (struct store_flow_member){.id = at->id,
                                           .state = at->job.state,
                                           .cursor = (uint64_t)(mt->first + (int64_t)i),
                                           .type = at->job.spec.type,
                                           .error = at->job.life.error,
                                           .has_result = at->job.life.has_result,
                                           .result_size = at->job.life.result_size};
        }
    }
}

static int told(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct members_task *mt = arg;
    struct store_flow_members *m = of_task(t);
    const struct redis_reply *raws = redis_reply_at(reply, 1);
    if (redis_reply_is(reply, REDIS_STRING)) {
        return no_flow(t, e);
    }
    if (!redis_reply_is(raws, REDIS_ARRAY) ||
        !redis_reply_integer(redis_reply_at(reply, 0), &mt->first)) {
        return redis_ask_odd(t, e);
    }
    m->members = arena_zalloc(&t->op->arena, (raws->count + 1) * sizeof *m->members);
    mt->members = arena_zalloc(&t->op->arena, (raws->count + 1) * sizeof *mt->members);
    if (m->members == NULL || mt->members == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < raws->count; i++) {
        struct bytes raw = redis_reply_text(&raws->items[i]);
        if (raw.len == sizeof mt->members->id.b) {
            memcpy(mt->members[mt->count++].id.b, raw.data, raw.len);
        }
    }
    m->next_cursor = mt->first > 1 ? (uint64_t)mt->first : 0;
    if (mt->count > 0) {
        redis_locate(t, mt->members, mt->count, &t->op->arena, located, mt);
    }
    return 0;
}

static void found(struct redis_task *t, void *arg) {
    struct members_task *mt = arg;
    const struct store_flow_members *m = of_task(t);
    redis_located_scope(t, &mt->at);
    if (mt->at.queue == NULL) {
        redis_task_end(t, no_flow(t, &t->op->err), NULL);
        return;
    }
    struct redis_ask *ask =
        redis_ask_over(t, REDIS_SCRIPT_flow_members, &mt->at.queue, 1, told, mt);
    if (ask != NULL) {
        redis_args_id(&ask->request.args, &m->id);
        redis_args_number(&ask->request.args, (int64_t)m->cursor);
        redis_args_number(&ask->request.args, m->limit);
        redis_ask_send(ask);
    }
}

static void run(struct redis_task *t) {
    struct members_task *mt = CONTAINER_OF(t, struct members_task, task);
    struct store_flow_members *m = of_task(t);
    m->count = 0;
    m->next_cursor = 0;
    if (m->limit < 1 || m->limit > STORE_FLOW_PAGE_MAX) {
        redis_task_end(
            t, err_set(&t->op->err, -EINVAL, "limit must be 1 to %d", STORE_FLOW_PAGE_MAX), NULL);
        return;
    }
    mt->at.id = m->id;
    redis_locate(t, &mt->at, 1, &t->op->arena, found, mt);
}

const struct redis_op_kind redis_flow_members = {.run = run, .size = sizeof(struct members_task)};
