/* BREAKER_LIST. */
#include <errno.h>

#include "store/breakers.h"
#include "store/redis/ask.h"
#include "store/redis/limiter.h"
#include "store/redis/ops.h"

enum { PAGE_MAX = 1000 };

// One that cannot be read is fsck's business, and keeps nobody from seeing the others.
static int read_one(const struct redis_reply *it, struct store_breaker_list *list) {
    const struct redis_reply *name = redis_reply_at(it, 0), *state = redis_reply_at(it, 1);
    struct store_breaker_state *ret = &list->breakers[list->count];
    if (!redis_reply_is(name, REDIS_STRING) || !redis_reply_is(state, REDIS_STRING)) {
        return -EPROTO;
    }
    ret->name = arena_strn(&list->op.arena, name->text.data, name->text.len);
    list->next_cursor = ret->name;
    list->count += store_breaker_read(state->text, list->clock_ms, &ret->state) == 0;
    return ret->name == NULL ? -ENOMEM : 0;
}

static int on_breakers(struct redis_task *t, void *arg, const struct redis_reply *reply,
                       struct err *e) {
    struct store_breaker_list *list = arg;
    const struct redis_reply *all = redis_reply_at(reply, 1);
    int64_t more;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &list->clock_ms) ||
        !redis_reply_is(all, REDIS_ARRAY) || all->count > list->max ||
        !redis_reply_integer(redis_reply_at(reply, 2), &more)) {
        return redis_ask_odd(t, e);
    }
    list->breakers = arena_alloc(&t->op->arena, (all->count + 1) * sizeof *list->breakers);
    int r = list->breakers == NULL ? -ENOMEM : 0;
    for (size_t i = 0; r == 0 && i < all->count; i++) {
        r = read_one(&all->items[i], list);
    }
    if (r < 0) {
        return r == -ENOMEM ? err_set(e, r, "out of memory") : redis_ask_odd(t, e);
    }
    list->next_cursor = more != 0 ? list->next_cursor : NULL;
    return 0;
}

static void run(struct redis_task *t) {
    struct store_breaker_list *list = CONTAINER_OF(t->op, struct store_breaker_list, op);
    list->count = 0;
    list->next_cursor = NULL;
    if (list->max < 1 || list->max > PAGE_MAX) {
        redis_task_end(t, err_set(&t->op->err, -EINVAL, "limit must be 1 to %d", PAGE_MAX), NULL);
        return;
    }
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_breakers, on_breakers, list);
    if (ask != NULL) {
        redis_limiter_clock(t, &ask->request.args);
        redis_args_text(&ask->request.args, list->cursor);
        redis_args_number(&ask->request.args, list->max);
        redis_ask_send(ask);
    }
}

const struct redis_op_kind redis_breaker_list = {.run = run, .size = sizeof(struct redis_task)};
