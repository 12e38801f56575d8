// Tokens: all are in one hash, and few.
#include <errno.h>

#include "store/redis/fsck.h"
#include "store/redis/token.h"

enum { TOKENS_A_CALL = 100 };

static int write_down(struct redis_fsck *f, const struct redis_reply *mended) {
    int r = 0;
    for (size_t i = 0; i < f->token_count && r == 0; i++) {
        int64_t is = 0;
        (void)redis_reply_integer(redis_reply_at(mended, i), &is);
        r = redis_fsck_report(f, bytes_of("token_damaged"), NULL, is == 1,
                              bytes_of(f->tokens[i].words));
    }
    f->token_count = 0;
    arena_reset(&f->scratch);
    return r;
}

static int mend(struct redis_fsck *f) {
    struct redis_args *a = &f->request.args;
    redis_request_script(&f->request, REDIS_SCRIPT_fsck_tokens, NULL, 0, f->task.op->now_ms);
    redis_args_number(a, (int64_t)f->token_count);
    for (size_t i = 0; i < f->token_count; i++) {
        redis_args_bytes(a, f->tokens[i].id);
        redis_args_bytes(a, f->tokens[i].before);
    }
    return redis_fsck_ask(f, write_down);
}

/* 0 or -ENOMEM. */
static int look_at(struct redis_fsck *f, struct bytes id, struct bytes text) {
    struct store_token token;
    struct arena *a = &f->scratch;
    struct fsck_token *found = &f->tokens[f->token_count];
    int r = redis_token_read(id, text, a, &token);
    if (r == 0 || r == -ENOMEM) {
        return r;
    }
    *found = (struct fsck_token){
        .id = arena_bytes(a, id),
        .before = arena_bytes(a, text),
        .words = arena_printf(a, "token %.64s cannot be read, so nobody is let in by it", token.id),
    };
    f->token_count++;
    return found->words == NULL || (id.len > 0 && found->id.data == NULL) ||
                   (text.len > 0 && found->before.data == NULL)
               ? -ENOMEM
               : 0;
}

static int take_page(struct redis_fsck *f, const struct redis_reply *reply) {
    const struct redis_reply *pairs = redis_reply_at(reply, 1);
    int r = redis_fsck_take_cursor(f, reply) ? 0 : -EPROTO;
    arena_reset(&f->scratch);
    f->token_count = 0;
    f->tokens = r < 0 ? NULL : arena_zalloc(&f->scratch, (pairs->count + 1) * sizeof *f->tokens);
    r = r == 0 && f->tokens == NULL ? -ENOMEM : r;
    for (size_t i = 0; r == 0 && i + 1 < pairs->count; i += 2) {
        r = look_at(f, redis_reply_text(&pairs->items[i]), redis_reply_text(&pairs->items[i + 1]));
    }
    f->at.over = redis_fsck_at_end(f);
    if (r < 0 || f->token_count == 0) {
        return r;
    }
    return fsck_op(f)->repair ? mend(f) : write_down(f, NULL);
}

int redis_fsck_tokens(struct redis_fsck *f) {
    if (f->at.over) {
        return 0;
    }
    redis_fsck_scan(f, "HSCAN", "", "jh:tokens", TOKENS_A_CALL);
    return redis_fsck_ask(f, take_page);
}
