/* QUEUE_SET. */
#include <errno.h>

#include "store/redis/ops.h"
#include "store/redis/store_private.h"

struct setting {
    struct redis_task task;
    struct redis_request rq;
    struct redis_queue *queue;
};

static void on_set(struct redis_request *rq, const struct redis_reply *reply, int r,
                   const struct err *e) {
    struct setting *c = CONTAINER_OF(rq, struct setting, rq);
    const struct store_queue_set *set = CONTAINER_OF(c->task.op, struct store_queue_set, op);
    if (r == 0) {
        redis_news_pause_known(c->queue, set->paused, c->task.op->now_ms, set->by, set->why);
        redis_news_lanes(c->task.store, c->queue, reply);
    }
    redis_task_end(&c->task, r, e);
}

static void run(struct redis_task *t) {
    struct setting *c = CONTAINER_OF(t, struct setting, task);
    const struct store_queue_set *set = CONTAINER_OF(t->op, struct store_queue_set, op);
    struct redis_request *rq = &c->rq;
    int r = 0;
    c->queue = redis_store_queue(t->store, set->queue, &r);
    if (c->queue == NULL) {
        redis_task_end(t, err_set(&t->op->err, r, "queue %s cannot be made known", set->queue),
                       NULL);
        return;
    }
    redis_request_script(rq, REDIS_SCRIPT_queue_set, &c->queue, 1, t->op->now_ms);
    redis_args_number(&rq->args, set->paused ? 1 : 0);
    redis_args_text(&rq->args, set->by);
    redis_args_text(&rq->args, set->why);
    rq->done = on_set;
    rq->safe = true;
    redis_request_send(&t->store->cmd, rq, redis_task_left(t));
}

static void finish(struct redis_task *t) {
    redis_request_finish(&CONTAINER_OF(t, struct setting, task)->rq);
}

const struct redis_op_kind redis_queue_set = {
    .run = run, .size = sizeof(struct setting), .mutates = true, .finish = finish};
