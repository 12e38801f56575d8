// TOKEN_LIST.
#include <errno.h>

#include "store/redis/ask.h"
#include "store/redis/ops.h"
#include "store/redis/token.h"

// A number and the blank behind it.
static bool take_number(struct bytes *text, int64_t *ret) {
    const char *at = text->data;
    size_t len = 0;
    for (*ret = 0; len < text->len && len < 18 && at[len] >= '0' && at[len] <= '9'; len++) {
        *ret = *ret * 10 + (at[len] - '0');
    }
    bool ok = len > 0 && len < text->len && at[len] == ' ';
    *text = (struct bytes){at + len + ok, text->len - len - ok};
    return ok;
}

int redis_token_read(struct bytes id, struct bytes text, struct arena *a, struct store_token *ret) {
    *ret = (struct store_token){.id = arena_strn(a, id.data, id.len)};
    if (ret->id == NULL) {
        return -ENOMEM;
    }
    bool times = text.len > 0 && take_number(&text, &ret->used_ms) &&
                 take_number(&text, &ret->revoked_ms) && take_number(&text, &ret->expires_ms);
    return times ? store_token_read(text, a, ret) : -EBADMSG;
}

static int out_of_memory(struct err *e) {
    return err_set(e, -ENOMEM, "out of memory");
}

static int on_one(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct store_token_list *list = arg;
    if (!redis_reply_is(reply, REDIS_STRING)) {
        return err_set(e, -ENOENT, "no such token");
    }
    list->tokens = arena_alloc(&t->op->arena, sizeof *list->tokens);
    int r = list->tokens == NULL ? -ENOMEM
                                 : redis_token_read(bytes_of(list->id), reply->text, &t->op->arena,
                                                    &list->tokens[0]);
    list->count = r == 0;
    return r == -ENOMEM    ? out_of_memory(e)
           : r == -EBADMSG ? err_set(e, -ENOENT, "the token cannot be read")
                           : 0;
}

// One that cannot be read is fsck's business, and keeps nobody from using the others.
static int on_all(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct store_token_list *list = arg;
    struct arena *a = &t->op->arena;
    if (!redis_reply_is(reply, REDIS_ARRAY)) {
        return redis_ask_odd(t, e);
    }
    list->tokens = arena_alloc(a, (reply->count / 2 + 1) * sizeof *list->tokens);
    int r = list->tokens == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i + 1 < reply->count && r != -ENOMEM; i += 2) {
        r = redis_token_read(redis_reply_text(&reply->items[i]),
                             redis_reply_text(&reply->items[i + 1]), a, &list->tokens[list->count]);
        list->count += r == 0;
    }
    if (r == -ENOMEM) {
        return out_of_memory(e);
    }
    store_token_sort(list);
    return 0;
}

static void run(struct redis_task *t) {
    struct store_token_list *list = CONTAINER_OF(t->op, struct store_token_list, op);
    list->count = 0;
    list->tokens = NULL;
    struct redis_ask *ask = list->id == NULL ? redis_ask_command(t, "HGETALL", on_all, list)
                                             : redis_ask_command(t, "HGET", on_one, list);
    if (ask != NULL) {
        redis_args_text(&ask->request.args, "jh:tokens");
        if (list->id != NULL) {
            redis_args_text(&ask->request.args, list->id);
        }
        redis_ask_send(ask);
    }
}

const struct redis_op_kind redis_token_list = {.run = run, .size = sizeof(struct redis_task)};
