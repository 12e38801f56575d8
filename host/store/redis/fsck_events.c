// Kept events: the names of which bytes are counted, then those of which the oldest event is known, then all together.
#include <errno.h>

#include "store/redis/fsck.h"

enum { NAMES_A_CALL = 50, BYTES_OF_NAMES, OLDEST_OF_NAMES, OF_ALL };

static int ask_about(struct redis_fsck *f);

static int take_looked(struct redis_fsck *f, const struct redis_reply *reply) {
    int64_t looked = 0;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &looked) || looked < 0 ||
        (size_t)looked > f->name_count - f->name_at) {
        return -EPROTO;
    }
    int r = redis_fsck_report_all(f, redis_reply_at(reply, 1), 0, NULL);
    f->name_at += (size_t)looked;
    return r < 0 || looked == 0 || f->name_at == f->name_count ? r : ask_about(f);
}

static int ask_about(struct redis_fsck *f) {
    struct redis_args *a = &f->request.args;
    size_t left = f->name_count - f->name_at, n = left < NAMES_A_CALL ? left : NAMES_A_CALL;
    redis_request_script(&f->request, REDIS_SCRIPT_fsck_events, NULL, 0, f->task.op->now_ms);
    redis_args_number(a, fsck_op(f)->repair);
    redis_args_number(a, f->at.over);
    redis_args_number(a, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        redis_args_text(a, f->names[f->name_at + i]);
    }
    return redis_fsck_ask(f, take_looked);
}

// The empty name stands for all of them.
static int take_names(struct redis_fsck *f, const struct redis_reply *reply) {
    const struct redis_reply *pairs = redis_reply_at(reply, 1);
    if (!redis_fsck_take_cursor(f, reply)) {
        return -EPROTO;
    }
    arena_reset(&f->scratch);
    f->name_count = f->name_at = 0;
    f->names = arena_alloc(&f->scratch, (pairs->count + 1) * sizeof *f->names);
    if (f->names == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i + 1 < pairs->count; i += 2) {
        struct bytes name = redis_reply_text(&pairs->items[i]);
        if (name.len > 0) {
            f->names[f->name_count] = arena_strn(&f->scratch, name.data, name.len);
            if (f->names[f->name_count++] == NULL) {
                return -ENOMEM;
            }
        }
    }
    if (redis_fsck_at_end(f)) {
        f->at = (struct fsck_spot){.place = f->at.place + 1};
    }
    return f->name_count == 0 ? 0 : ask_about(f);
}

int redis_fsck_events(struct redis_fsck *f) {
    f->at.place = f->at.place == 0 ? BYTES_OF_NAMES : f->at.place;
    if (f->at.over) {
        return 0;
    }
    if (f->at.place == OF_ALL) {
        f->at.over = true;
        f->name_count = f->name_at = 0;
        return ask_about(f);
    }
    bool bytes = f->at.place == BYTES_OF_NAMES;
    redis_fsck_scan(f, bytes ? "HSCAN" : "ZSCAN", "", bytes ? "jh:events:bytes" : "jh:events",
                    NAMES_A_CALL);
    return redis_fsck_ask(f, take_names);
}
