#include "store/redis/ask.h"

#include <errno.h>
#include <stdlib.h>

#include "store/redis/store_private.h"

static void on_reply(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct redis_ask *ask = CONTAINER_OF(rq, struct redis_ask, request);
    struct redis_task *t = ask->task;
    struct err words = {.code = 0};
    if (r == 0 && ask->done != NULL) {
        r = ask->done(t, ask->arg, reply, &words);
        e = &words;
    }
    redis_request_finish(rq);
    free(ask);
    redis_task_leave(t, r, e);
}

void redis_ask_no_memory(struct redis_task *t) {
    struct err e;
    t->open++;
    (void)err_set(&e, -ENOMEM, "out of memory");
    redis_task_leave(t, -ENOMEM, &e);
}

static struct redis_ask *make(struct redis_task *t, redis_ask_fn *done, void *arg) {
    struct redis_ask *ask = calloc(1, sizeof *ask);
    if (ask == NULL) {
        redis_ask_no_memory(t);
        return NULL;
    }
    t->open++;
    ask->task = t;
    ask->done = done;
    ask->arg = arg;
    ask->request.done = on_reply;
    ask->request.safe = true;
    return ask;
}

struct redis_ask *redis_ask_over(struct redis_task *t, enum redis_script script,
                                 struct redis_queue *const *queues, size_t count,
                                 redis_ask_fn *done, void *arg) {
    struct redis_ask *ask = make(t, done, arg);
    if (ask != NULL) {
        redis_request_script(&ask->request, script, queues, count, t->op->now_ms);
    }
    return ask;
}

struct redis_ask *redis_ask_new(struct redis_task *t, enum redis_script script, redis_ask_fn *done,
                                void *arg) {
    return redis_ask_over(t, script, NULL, 0, done, arg);
}

struct redis_ask *redis_ask_command(struct redis_task *t, const char *command, redis_ask_fn *done,
                                    void *arg) {
    struct redis_ask *ask = make(t, done, arg);
    if (ask != NULL) {
        redis_request_begin(&ask->request, command);
    }
    return ask;
}

void redis_ask_send(struct redis_ask *ask) {
    redis_request_send(&ask->task->store->cmd, &ask->request, redis_task_left(ask->task));
}

int redis_ask_odd(const struct redis_task *t, struct err *e) {
    return err_set(e, -EPROTO, "%s: a script answered something else", t->store->cmd.where);
}
