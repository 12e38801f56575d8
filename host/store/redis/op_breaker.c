/* BREAKER: C decides, the store compares. lua/breaker.lua tells the state, and takes the new one if the
 * state still is what was decided on; else it is decided again, on what it is now. */
#include <errno.h>
#include <string.h>

#include "store/breakers.h"
#include "store/redis/ask.h"
#include "store/redis/limiter.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"

struct breaker_task {
    struct redis_task task;
    char before[STORE_BREAKER_TEXT_MAX], after[STORE_BREAKER_TEXT_MAX];
    bool sets;
};

enum { FOUND, SET, FULL }; // lua/breaker.lua

static void ask(struct breaker_task *b);

static struct store_breaker *op_of(const struct redis_task *t) {
    return CONTAINER_OF(t->op, struct store_breaker, op);
}

// On what the store has. 0, or a negative errno with words.
static int decide(struct breaker_task *b, struct bytes text, int64_t clock_ms, struct err *e) {
    struct store_breaker *op = op_of(&b->task);
    if (store_breaker_read(text, clock_ms, &op->state) < 0) {
        return err_set(e, -EBADMSG, "the state of breaker \"%s\" cannot be read", op->name);
    }
    if (!store_breaker_apply(op, clock_ms)) {
        return 0;
    }
    if (text.len > 0) {
        memcpy(b->before, text.data, text.len);
    }
    b->before[text.len] = '\0';
    store_breaker_write(&op->state, b->after);
    b->sets = true;
    ask(b);
    return 0;
}

static int on_state(struct redis_task *t, void *arg, const struct redis_reply *reply,
                    struct err *e) {
    struct breaker_task *b = arg;
    const struct redis_reply *state = redis_reply_at(reply, 2);
    int64_t clock_ms, what;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &clock_ms) ||
        !redis_reply_integer(redis_reply_at(reply, 1), &what) ||
        !redis_reply_is(state, REDIS_STRING)) {
        return redis_ask_odd(t, e);
    }
    switch (what) {
    case FOUND: return decide(b, state->text, clock_ms, e);
    case SET: return 0;
    case FULL: return err_set(e, -EDQUOT, "%d breakers are open", STORE_BREAKERS_MAX);
    default: return redis_ask_odd(t, e);
    }
}

// Without memory the task has been told.
static void ask(struct breaker_task *b) {
    struct redis_ask *ask = redis_ask_new(&b->task, REDIS_SCRIPT_breaker, on_state, b);
    if (ask == NULL) {
        return;
    }
    struct redis_args *a = &ask->request.args;
    redis_limiter_clock(&b->task, a);
    redis_args_text(a, b->task.store->queues.caller);
    redis_args_text(a, op_of(&b->task)->name);
    redis_args_text(a, b->sets ? "1" : "");
    if (b->sets) {
        redis_args_text(a, b->before);
        redis_args_text(a, b->after);
        redis_args_number(a, STORE_BREAKERS_MAX);
    }
    redis_ask_send(ask);
}

static void run(struct redis_task *t) {
    if (store_breaker_check(op_of(t)) < 0) {
        redis_task_end(t, err_set(&t->op->err, -EINVAL, "not the name of a breaker"), NULL);
        return;
    }
    ask(CONTAINER_OF(t, struct breaker_task, task));
}

const struct redis_op_kind redis_breaker = {
    .run = run, .size = sizeof(struct breaker_task), .mutates = true};
