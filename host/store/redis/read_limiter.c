/* LIMITER_LIST. */
#include <errno.h>

#include "store/limits.h"
#include "store/redis/ask.h"
#include "store/redis/limiter.h"
#include "store/redis/ops.h"

enum { PAGE_MAX = 1000 };

static int read_one(const struct redis_reply *it, struct arena *a,
                    struct store_limiter_state *ret) {
    const struct redis_reply *name = redis_reply_at(it, 0), *state = redis_reply_at(it, 1);
    if (!redis_reply_is(name, REDIS_STRING) || !redis_reply_is(state, REDIS_STRING)) {
        return -EPROTO;
    }
    *ret = (struct store_limiter_state){.name = arena_strn(a, name->text.data, name->text.len)};
    return ret->name == NULL ? -ENOMEM : store_limiter_show(state->text, a, &ret->state);
}

static int on_limiters(struct redis_task *t, void *arg, const struct redis_reply *reply,
                       struct err *e) {
    struct store_limiter_list *list = arg;
    const struct redis_reply *all = redis_reply_at(reply, 1);
    int64_t more;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &list->clock_ms) ||
        !redis_reply_is(all, REDIS_ARRAY) ||
        !redis_reply_integer(redis_reply_at(reply, 2), &more)) {
        return redis_ask_odd(t, e);
    }
    list->limiters = arena_alloc(&t->op->arena, (all->count + 1) * sizeof *list->limiters);
    int r = list->limiters == NULL ? -ENOMEM : 0;
    for (; r == 0 && list->count < all->count; list->count++) {
        r = read_one(&all->items[list->count], &t->op->arena, &list->limiters[list->count]);
    }
    if (r < 0) {
        return r == -ENOMEM ? err_set(e, r, "out of memory") : redis_ask_odd(t, e);
    }
    list->next_cursor = more != 0 && list->count > 0 ? list->limiters[list->count - 1].name : NULL;
    return 0;
}

static void run(struct redis_task *t) {
    struct store_limiter_list *list = CONTAINER_OF(t->op, struct store_limiter_list, op);
    list->count = 0;
    list->next_cursor = NULL;
    if (list->max < 1 || list->max > PAGE_MAX) {
        redis_task_end(t, err_set(&t->op->err, -EINVAL, "limit must be 1 to %d", PAGE_MAX), NULL);
        return;
    }
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_limiters, on_limiters, list);
    if (ask != NULL) {
        redis_limiter_clock(t, &ask->request.args);
        redis_args_text(&ask->request.args, list->limit);
        redis_args_text(&ask->request.args, list->cursor);
        redis_args_number(&ask->request.args, list->max);
        redis_ask_send(ask);
    }
}

const struct redis_op_kind redis_limiter_list = {.run = run, .size = sizeof(struct redis_task)};
