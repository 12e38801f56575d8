/* DUE, in pages: a script must not hold the server up for long. */
#include <errno.h>

#include "store/redis/learn.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"

enum { DUE_PAGE = 200 };

struct making_due {
    struct redis_task task;
    struct redis_request rq;
    struct arena arena;
    struct redis_queue **queues;
    size_t queue_count;
    uint32_t asked; /* of the page under way */
    bool learned;   /* jh:queues was read anew */
};

static void ask(struct making_due *d);
static void go(struct redis_task *t);

static void tell_lanes(struct making_due *d, const struct redis_reply *lanes) {
    const struct store_events *events = &d->task.store->events;
    for (size_t i = 0; lanes != NULL && i + 1 < lanes->count; i += 2) {
        int64_t queue;
        struct bytes type = redis_reply_text(&lanes->items[i + 1]);
        if (redis_reply_integer(&lanes->items[i], &queue) && queue >= 1 &&
            (uint64_t)queue <= d->queue_count && type.len > 0) {
            const struct store_lane lane = {d->queues[queue - 1]->name, type.data};
            events->ready(events->arg, &lane);
        }
    }
}

static void on_page(struct redis_request *rq, const struct redis_reply *reply, int r,
                    const struct err *e) {
    struct making_due *d = CONTAINER_OF(rq, struct making_due, rq);
    struct store_due *due = CONTAINER_OF(d->task.op, struct store_due, op);
    struct err odd;
    int64_t moved;
    if (r == 0 && !redis_reply_integer(redis_reply_at(reply, 0), &moved)) {
        r = err_set(&odd, -EPROTO, "%s: a script answered something else", rq->line->where);
        e = &odd;
    }
    if (r != 0) {
        redis_task_end(&d->task, r, e);
        return;
    }
    due->moved += (size_t)moved;
    due->next_ms = 0;
    (void)redis_reply_integer(redis_reply_at(reply, 1), &due->next_ms);
    tell_lanes(d, redis_reply_at(reply, 2));
    bool full = due->moved >= due->limit;
    if (moved == (int64_t)d->asked && !full) {
        ask(d);
    } else if (!full && !d->learned &&
               redis_learn_is_behind(d->task.store, redis_reply_at(reply, 3))) {
        d->learned = true;
        redis_learn_again(&d->task, rq, go);
    } else {
        redis_task_end(&d->task, 0, NULL);
    }
}

static void ask(struct making_due *d) {
    struct redis_request *rq = &d->rq;
    const struct store_due *due = CONTAINER_OF(d->task.op, struct store_due, op);
    size_t left = due->limit - due->moved;
    d->asked = left < DUE_PAGE ? (uint32_t)left : DUE_PAGE;
    redis_request_script(rq, REDIS_SCRIPT_due, d->queues, d->queue_count, d->task.op->now_ms);
    redis_args_number(&rq->args, d->asked);
    rq->done = on_page;
    rq->safe = true;
    redis_request_send(&d->task.store->cmd, rq, redis_task_left(&d->task));
}

static void go(struct redis_task *t) {
    struct making_due *d = CONTAINER_OF(t, struct making_due, task);
    d->queues = redis_store_queues(t->store, &d->arena, &d->queue_count);
    if (d->queues == NULL && d->queue_count > 0) {
        redis_task_end(t, err_set(&t->op->err, -ENOMEM, "out of memory"), NULL);
        return;
    }
    ask(d);
}

static void run(struct redis_task *t) {
    struct store_due *due = CONTAINER_OF(t->op, struct store_due, op);
    due->moved = 0;
    due->next_ms = 0;
    redis_learn(t, &CONTAINER_OF(t, struct making_due, task)->rq, go);
}

static void finish(struct redis_task *t) {
    struct making_due *d = CONTAINER_OF(t, struct making_due, task);
    redis_request_finish(&d->rq);
    arena_free(&d->arena);
}

const struct redis_op_kind redis_due = {
    .run = run, .size = sizeof(struct making_due), .mutates = true, .finish = finish};
