#include "store/redis/learn.h"

#include "store/redis/store_private.h"

static void on_queues(struct redis_request *rq, const struct redis_reply *reply, int r,
                      const struct err *e) {
    struct redis_task *t = rq->arg;
    if (r != 0) {
        redis_task_end(t, r, e);
        return;
    }
    (void)redis_queues_learn(&t->store->queues, reply, NULL); // told when it connected
    t->store->learned = true;
    t->learned(t);
}

void redis_learn_again(struct redis_task *t, struct redis_request *rq,
                       void (*then)(struct redis_task *t)) {
    t->learned = then;
    redis_request_begin(rq, "HGETALL");
    redis_args_text(&rq->args, "jh:queues");
    rq->done = on_queues;
    rq->arg = t;
    rq->safe = true;
    redis_request_send(&t->store->cmd, rq, redis_task_left(t));
}

void redis_learn(struct redis_task *t, struct redis_request *rq,
                 void (*then)(struct redis_task *t)) {
    if (t->store->learned) {
        then(t);
    } else {
        redis_learn_again(t, rq, then);
    }
}

bool redis_learn_is_behind(const struct redis_store *s, const struct redis_reply *count) {
    int64_t there, known = 0;
    for (const struct redis_queue *q = s->queues.by_name; q != NULL; q = q->hh.next) {
        known += q->registered;
    }
    return redis_reply_integer(count, &there) && there > known;
}
