/* FLOW_JOIN, FLOW_CANCEL. */
#include <errno.h>

#include "store/flows.h"
#include "store/redis/ask.h"
#include "store/redis/insert.h"
#include "store/redis/locate.h"
#include "store/redis/ops.h"
#include "store/redis/roll.h"

/* ------------------------------------------------------------------ JOIN */

// One item after the other: where its flow is, then one call that is about the flow and the job's queue.
struct join_task {
    struct redis_task task;
    size_t begun;
    struct arena arena;
    struct redis_located at;
    struct redis_queue *queue; // of the job
    struct store_submit_item *item;
    struct job_spec member; // as it is stored
};

static void next_item(struct join_task *jt);

static void refuse(struct store_submit_item *item, int status) {
    item->verdict = SUBMIT_REFUSED;
    item->status = status;
}

static void tell(struct redis_task *t, const struct store_submit_item *item) {
    const struct store_events *events = &t->store->events;
    const struct job_spec *spec = item->spec;
    if (item->verdict == SUBMIT_NEW && spec->run_at_ms > t->op->now_ms) {
        events->due(events->arg, spec->run_at_ms);
    } else if (item->verdict == SUBMIT_NEW) {
        events->ready(events->arg, &(struct store_lane){spec->queue, spec->type});
    }
}

static int joined(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    enum { NO_FLOW = -1, CLOSED = -2 }; // lua/flow_join.lua
    struct join_task *jt = arg;
    const struct redis_reply *code = redis_reply_at(reply, 0);
    int64_t is;
    if (code == NULL) {
        return redis_ask_odd(t, e);
    }
    if (redis_reply_integer(code, &is) && is < 0) {
        refuse(jt->item, is == NO_FLOW ? -ENOENT : -ESTALE);
    } else if (redis_insert_read(code, jt->item) < 0) {
        return redis_ask_odd(t, e);
    }
    (void)redis_reply_integer(redis_reply_at(reply, 1), &jt->queue->bytes[BUDGET_JOBS]);
    tell(t, jt->item);
    next_item(jt);
    return 0;
}

static void ask_to_join(struct join_task *jt) {
    struct redis_task *t = &jt->task;
    struct redis_queue *of_flow = jt->at.queue, *ends[] = {of_flow, jt->queue};
    bool own = jt->queue == of_flow;
    struct redis_ask *ask =
        redis_ask_over(t, REDIS_SCRIPT_flow_join, ends, own ? 1 : 2, joined, jt);
    if (ask == NULL) {
        return;
    }
    struct redis_args *a = &ask->request.args;
    struct redis_head head = {.count = 0};
    struct store_submit_item as = *jt->item;
    jt->member = *jt->item->spec;
    jt->member.flow_queue = own ? NULL : of_flow->name;
    as.spec = &jt->member;
    redis_store_put_room(t->store, jt->queue, BUDGET_JOBS, a);
    redis_args_id(a, &jt->member.parent);
    redis_insert_write(t->store, &as, (struct redis_coming){.how = NULL}, own ? 1 : 2, jt->queue,
                       t->op->now_ms, a, &head);
    redis_ask_send(ask);
}

static void located(struct redis_task *t, void *arg) {
    struct join_task *jt = arg;
    int r = 0;
    redis_located_scope(t, &jt->at);
    if (jt->at.queue == NULL && jt->item->once_count == 0) {
        refuse(jt->item, -ENOENT);
        next_item(jt);
        return;
    }
    jt->queue = redis_store_queue(t->store, jt->item->spec->queue, &r);
    jt->at.queue = jt->at.queue == NULL ? jt->queue : jt->at.queue; // it may have been here
    if (jt->queue == NULL) {
        refuse(jt->item, r);
        next_item(jt);
        return;
    }
    ask_to_join(jt);
}

static void next_item(struct join_task *jt) {
    const struct store_flow_join *op = CONTAINER_OF(jt->task.op, struct store_flow_join, op);
    while (jt->begun < op->count) {
        jt->item = &op->items[jt->begun++];
        const struct job_spec *spec = jt->item->spec;
        if (store_flow_has(spec) && spec->dedup_key == NULL && spec->file_count == 0) {
            arena_reset(&jt->arena);
            jt->at = (struct redis_located){.id = spec->parent};
            redis_locate(&jt->task, &jt->at, 1, &jt->arena, located, jt);
            return;
        }
        refuse(jt->item, -EINVAL);
    }
}

static void run_join(struct redis_task *t) {
    t->open = 1;
    next_item(CONTAINER_OF(t, struct join_task, task));
    redis_task_leave(t, 0, NULL);
}

static void finish_join(struct redis_task *t) {
    arena_free(&CONTAINER_OF(t, struct join_task, task)->arena);
}

const struct redis_op_kind redis_flow_join = {
    .run = run_join, .size = sizeof(struct join_task), .mutates = true, .finish = finish_join};

/* ------------------------------------------------------------------ CANCEL */

// Of some queues after the others, until one has something to do.
enum { QUEUES_A_CALL = 100 };

struct cancel_task {
    struct redis_task task;
    struct redis_roll all;
    size_t begun, now;
    struct redis_located done;
    struct redis_located *members;
};

static struct store_flow_cancel *of_cancel(const struct redis_task *t) {
    return CONTAINER_OF(t->op, struct store_flow_cancel, op);
}

static void look(struct cancel_task *ct);

// Where they are, for who cancels them to know how long each is kept.
static void members_found(struct redis_task *t, void *arg) {
    const struct cancel_task *ct = arg;
    struct store_flow_cancel *op = of_cancel(t);
    for (size_t i = 0; i < op->count; i++) {
        op->queues[i] = ct->members[i].queue == NULL ? NULL : ct->members[i].queue->name;
    }
}

static int read_members(struct cancel_task *ct, const struct redis_reply *reply, struct err *e) {
    struct store_flow_cancel *op = of_cancel(&ct->task);
    const struct redis_reply *members = redis_reply_at(reply, 3);
    int64_t cursor = 0, walk = 0;
    if (!redis_reply_is(members, REDIS_ARRAY) ||
        !redis_reply_integer(redis_reply_at(reply, 4), &walk) ||
        id_parse(redis_reply_text(redis_reply_at(reply, 1)).data, &op->id) != 0) {
        return redis_ask_odd(&ct->task, e);
    }
    (void)redis_reply_integer(redis_reply_at(reply, 2), &cursor);
    op->cursor = (uint64_t)cursor;
    op->walk = (uint64_t)walk;
    struct arena *a = &ct->task.op->arena;
    op->members = arena_alloc(a, (members->count + 1) * sizeof *op->members);
    op->queues = arena_zalloc(a, (members->count + 1) * sizeof *op->queues);
    ct->members = arena_zalloc(a, (members->count + 1) * sizeof *ct->members);
    if (op->members == NULL || op->queues == NULL || ct->members == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < members->count; i++) {
        struct bytes raw = redis_reply_text(&members->items[i]);
        if (raw.len == sizeof op->members->b) {
            memcpy(op->members[op->count].b, raw.data, raw.len);
            ct->members[op->count].id = op->members[op->count];
            op->count++;
        }
    }
    if (op->count > 0) {
        redis_locate(&ct->task, ct->members, op->count, &ct->task.op->arena, members_found, ct);
    }
    return 0;
}

static int told(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct cancel_task *ct = arg;
    (void)t;
    if (redis_reply_is(reply, REDIS_ARRAY)) {
        return read_members(ct, reply, e);
    }
    ct->begun += ct->now;
    look(ct);
    return 0;
}

// The number of the queue of what was given back, if this call is about it; else 0.
static unsigned number_of(const struct cancel_task *ct) {
    for (size_t i = 0; i < ct->now; i++) {
        if (ct->all.queues[ct->begun + i] == ct->done.queue) {
            return (unsigned)i + 1;
        }
    }
    return 0;
}

static void look(struct cancel_task *ct) {
    const struct store_flow_cancel *op = of_cancel(&ct->task);
    size_t left = ct->all.count - ct->begun;
    ct->now = left < QUEUES_A_CALL ? left : QUEUES_A_CALL;
    if (ct->now == 0) {
        return;
    }
    struct redis_ask *ask = redis_ask_over(&ct->task, REDIS_SCRIPT_flow_cancel,
                                           ct->all.queues + ct->begun, ct->now, told, ct);
    if (ask == NULL) {
        return;
    }
    struct redis_args *a = &ask->request.args;
    unsigned number = ct->done.queue == NULL ? 0 : number_of(ct);
    redis_args_number(a, op->limit);
    if (number == 0) {
        redis_args_text(a, "");
    } else {
        redis_args_id(a, &op->done);
    }
    redis_args_number(a, number);
    if (op->done_cursor == 0) {
        redis_args_text(a, "");
    } else {
        redis_args_number(a, (int64_t)op->done_cursor);
    }
    redis_args_number(a, (int64_t)op->done_walk);
    redis_ask_send(ask);
}

// The queue of what was given back comes first, so that it is noted before anything else is answered.
static void begin(struct redis_task *t) {
    struct cancel_task *ct = CONTAINER_OF(t, struct cancel_task, task);
    for (size_t i = 0; i < ct->all.count; i++) {
        if (ct->all.queues[i] == ct->done.queue) {
            ct->all.queues[i] = ct->all.queues[0];
            ct->all.queues[0] = ct->done.queue;
        }
    }
    look(ct);
}

static void found(struct redis_task *t, void *arg) {
    redis_roll_call(t, &((struct cancel_task *)arg)->all, begin);
}

static void run_cancel(struct redis_task *t) {
    struct cancel_task *ct = CONTAINER_OF(t, struct cancel_task, task);
    struct store_flow_cancel *op = of_cancel(t);
    op->id = (struct job_id){{0}};
    op->cursor = op->count = 0;
    ct->done.id = op->done;
    if (id_is_zero(&op->done)) {
        redis_roll_call(t, &ct->all, begin);
    } else {
        redis_locate(t, &ct->done, 1, &t->op->arena, found, ct);
    }
}

const struct redis_op_kind redis_flow_cancel = {
    .run = run_cancel, .size = sizeof(struct cancel_task), .mutates = true};
