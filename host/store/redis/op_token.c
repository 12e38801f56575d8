// TOKEN_PUT, TOKEN_SET.
#include <errno.h>

#include "store/redis/ask.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"
#include "store/tokens.h"

/* ------------------------------------------------------------------ a new one */

enum { TAKEN, PUT, FULL }; // lua/token_put.lua

static int on_put(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    int64_t what;
    (void)arg;
    if (!redis_reply_integer(reply, &what)) {
        return redis_ask_odd(t, e);
    }
    switch (what) {
    case PUT: return 0;
    case TAKEN: return err_set(e, -EEXIST, "another token has this id");
    case FULL: return err_set(e, -EDQUOT, "there are %d tokens", STORE_TOKENS_MAX);
    default: return redis_ask_odd(t, e);
    }
}

static void run_put(struct redis_task *t) {
    const struct store_token *token = &CONTAINER_OF(t->op, struct store_token_put, op)->token;
    struct buf packed = {0};
    if (store_token_check(token) < 0) {
        redis_task_end(t, err_set(&t->op->err, -EINVAL, "not a token"), NULL);
        return;
    }
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_token_put, on_put, NULL);
    if (ask == NULL) {
        return;
    }
    struct redis_args *a = &ask->request.args;
    store_token_write(token, &packed);
    a->failed = a->failed || packed.failed;
    redis_args_text(a, t->store->queues.caller);
    redis_args_text(a, token->id);
    redis_args_number(a, token->expires_ms);
    redis_args_copy(a, buf_bytes(&packed));
    redis_args_number(a, STORE_TOKENS_MAX);
    buf_free(&packed);
    redis_ask_send(ask);
}

const struct redis_op_kind redis_token_put = {
    .run = run_put, .size = sizeof(struct redis_task), .mutates = true};

/* ------------------------------------------------------------------ used, revoked */

static int on_set(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct store_token_set *set = arg;
    if (!redis_reply_is(reply, REDIS_ARRAY) || reply->count != set->count) {
        return redis_ask_odd(t, e);
    }
    for (size_t i = 0; i < set->count; i++) {
        int64_t there = 0;
        (void)redis_reply_integer(&reply->items[i], &there);
        set->items[i].status = there == 1 ? 0 : -ENOENT;
    }
    return 0;
}

static void run_set(struct redis_task *t) {
    struct store_token_set *set = CONTAINER_OF(t->op, struct store_token_set, op);
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_token_set, on_set, set);
    if (ask == NULL) {
        return;
    }
    struct redis_args *a = &ask->request.args;
    redis_args_text(a, t->store->queues.caller);
    redis_args_number(a, (int64_t)set->count);
    for (size_t i = 0; i < set->count; i++) {
        redis_args_text(a, set->items[i].id);
        redis_args_number(a, set->items[i].used_ms);
        redis_args_number(a, set->items[i].revoked_ms);
    }
    redis_ask_send(ask);
}

const struct redis_op_kind redis_token_set = {
    .run = run_set, .size = sizeof(struct redis_task), .mutates = true};
