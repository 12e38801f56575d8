/* LIMITER: lua/limiter.lua, one call an operation. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "store/limits.h"
#include "store/redis/ask.h"
#include "store/redis/limiter.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"

void redis_limiter_clock(const struct redis_task *t, struct redis_args *a) {
    if (t->store->config.one_clock) {
        redis_args_number(a, t->op->now_ms);
    } else {
        redis_args_text(a, "");
    }
}

static void write_hint(const struct limiter_hint *hint, struct redis_args *a) {
    redis_args_text(a, hint->refused ? "1" : "");
    redis_args_number(a, hint->remaining);
    redis_args_number(a, hint->limit);
    redis_args_number(a, hint->reset_ms);
    redis_args_number(a, hint->retry_ms);
}

static void write_item(const struct store_limiter_item *item, struct redis_args *a) {
    static const char *const verbs[STORE_LIMITER_VERBS] = {
        [STORE_LIMITER_TAKE] = "take",           [STORE_LIMITER_ANSWERED] = "answered",
        [STORE_LIMITER_GIVE_BACK] = "give_back", [STORE_LIMITER_RENEW] = "renew",
        [STORE_LIMITER_CLOSE] = "close",         [STORE_LIMITER_OPEN] = "open",
    };
    const struct limiter_rules *r = &item->rules;
    redis_args_text(a, verbs[item->verb]);
    redis_args_text(a, item->name);
    redis_args_number(a, r->rate);
    redis_args_number(a, r->per_ms);
    redis_args_number(a, (int64_t)r->window);
    redis_args_number(a, r->burst);
    redis_args_number(a, r->concurrency);
    redis_args_number(a, r->lease_ms);
    redis_args_printf(a, "%" PRIu64, item->id);
    redis_args_number(a, item->n);
    if (item->verb == STORE_LIMITER_ANSWERED) {
        write_hint(&item->hint, a);
    }
}

// What lua/limiter.lua says of it. 0 or -EPROTO.
static int read_item(const struct redis_reply *reply, struct store_limiter_item *item) {
    int64_t code, first, part = 0, until = 0;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &code) || code < 0 || code > 1) {
        return -EPROTO;
    }
    item->status = code == 1 ? -EDQUOT : 0;
    if (code == 1) {
        return 0;
    }
    bool is_take = item->verb == STORE_LIMITER_TAKE;
    if (!redis_reply_integer(redis_reply_at(reply, 1), &first) || first < 0 ||
        (is_take && (!redis_reply_integer(redis_reply_at(reply, 2), &part) ||
                     !redis_reply_integer(redis_reply_at(reply, 3), &until) ||
                     first > LIMITER_NEVER || part < 0 || part >= LIMITER_PARTS))) {
        return -EPROTO;
    }
    if (is_take) {
        item->answer =
            (struct limiter_answer){(enum limiter_verdict)first, (enum limiter_part)part, until};
    } else {
        item->held = first != 0;
    }
    return 0;
}

static int on_items(struct redis_task *t, void *arg, const struct redis_reply *reply,
                    struct err *e) {
    struct store_limiter *op = arg;
    const struct redis_reply *items = redis_reply_at(reply, 1);
    size_t at = 0;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &op->clock_ms) ||
        !redis_reply_is(items, REDIS_ARRAY)) {
        return redis_ask_odd(t, e);
    }
    for (size_t i = 0; i < op->count; i++) {
        struct store_limiter_item *item = &op->items[i];
        if (item->status == 0 && read_item(redis_reply_at(items, at++), item) < 0) {
            return redis_ask_odd(t, e);
        }
    }
    return 0;
}

static void ask(struct redis_task *t, struct store_limiter *op, size_t sound) {
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_limiter, on_items, op);
    if (ask == NULL) {
        return;
    }
    struct redis_args *a = &ask->request.args;
    redis_limiter_clock(t, a);
    redis_args_text(a, t->store->queues.caller);
    redis_args_number(a, STORE_LIMITERS_MAX);
    redis_args_number(a, (int64_t)sound);
    for (size_t i = 0; i < op->count; i++) {
        if (op->items[i].status == 0) {
            write_item(&op->items[i], a);
        }
    }
    redis_ask_send(ask);
}

static void run(struct redis_task *t) {
    struct store_limiter *op = CONTAINER_OF(t->op, struct store_limiter, op);
    size_t sound = 0;
    if (op->count > STORE_LIMITER_ITEMS_MAX) {
        redis_task_end(
            t, err_set(&t->op->err, -EINVAL, "more than %d items", STORE_LIMITER_ITEMS_MAX), NULL);
        return;
    }
    for (size_t i = 0; i < op->count; i++) {
        struct store_limiter_item *item = &op->items[i];
        item->held = false;
        item->answer = (struct limiter_answer){.verdict = LIMITER_GRANTED};
        item->status = store_limiter_check(item);
        sound += item->status == 0;
    }
    ask(t, op, sound);
}

const struct redis_op_kind redis_limiter = {
    .run = run, .size = sizeof(struct redis_task), .mutates = true};
