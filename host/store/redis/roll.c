#include "store/redis/roll.h"

#include <errno.h>

#include "store/redis/ask.h"
#include "store/redis/store_private.h"

static int called(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct redis_roll *roll = arg;
    int r = redis_queues_learn(&t->store->queues, reply, e);
    if (r < 0) {
        return r;
    }
    roll->queues = redis_store_queues(t->store, &t->op->arena, &roll->count);
    if (roll->queues == NULL && roll->count > 0) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    roll->then(t);
    return 0;
}

void redis_roll_call(struct redis_task *t, struct redis_roll *roll,
                     void (*then)(struct redis_task *t)) {
    struct redis_ask *ask = redis_ask_new(t, REDIS_NO_SCRIPT_ID, called, roll);
    roll->then = then;
    if (ask != NULL) {
        redis_request_begin(&ask->request, "HGETALL");
        redis_args_text(&ask->request.args, "jh:queues");
        redis_ask_send(ask);
    }
}
