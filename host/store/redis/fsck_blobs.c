// Contents: their heads were met among all keys; references are counted, then each content is looked at by one script.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/blobfile.h"
#include "store/hash.h"
#include "store/redis/fsck.h"

enum { BLOBS_A_CALL = 20 }; // each of up to 4096 pieces

struct fsck_blob {
    char hex[BLOBFILE_SHA_TEXT + 1];
    int64_t refs; /* as counted */
    UT_hash_handle hh;
};

static int met(struct redis_fsck *f, struct bytes hex, bool named) {
    struct fsck_blob *b = NULL;
    HASH_FIND(hh, f->blobs, hex.data, BLOBFILE_SHA_TEXT, b);
    if (b == NULL) {
        b = calloc(1, sizeof *b);
        if (b == NULL) {
            return -ENOMEM;
        }
        memcpy(b->hex, hex.data, BLOBFILE_SHA_TEXT);
        HASH_ADD(hh, f->blobs, hex, BLOBFILE_SHA_TEXT, b);
        if (hash_failed(&b->hh)) {
            free(b);
            return -ENOMEM;
        }
    }
    b->refs += named;
    return 0;
}

// Does it begin with a hash? A NUL stands behind all texts of replies.
static bool is_hash(struct bytes text) {
    char hex[BLOBFILE_SHA_TEXT + 1];
    uint8_t sha[32];
    if (text.len < BLOBFILE_SHA_TEXT) {
        return false;
    }
    memcpy(hex, text.data, BLOBFILE_SHA_TEXT);
    hex[BLOBFILE_SHA_TEXT] = '\0';
    return blobfile_sha_parse(hex, sha);
}

int redis_fsck_met_blob(struct redis_fsck *f, struct bytes key) {
    static const char head[] = "jh:blob:";
    size_t len = sizeof head - 1;
    if (key.len != len + BLOBFILE_SHA_TEXT || memcmp(key.data, head, len) != 0) {
        return 0;
    }
    struct bytes hex = {(const char *)key.data + len, BLOBFILE_SHA_TEXT};
    return is_hash(hex) ? met(f, hex, false) : 0;
}

void redis_fsck_forget_blobs(struct redis_fsck *f) {
    struct fsck_blob *b = f->blobs;
    HASH_CLEAR(hh, f->blobs);
    while (b != NULL) {
        struct fsck_blob *next = b->hh.next;
        free(b);
        b = next;
    }
}

/* ------------------------------------------------------------------ the part of the walk */

enum { STAMP, COUNT, LOOK, SUM, OVER }; // f->at.place

static struct redis_args *begin_script(struct redis_fsck *f, const char *stamp) {
    redis_request_script(&f->request, REDIS_SCRIPT_fsck_blobs, NULL, 0, f->task.op->now_ms);
    redis_args_number(&f->request.args, fsck_op(f)->repair);
    redis_args_text(&f->request.args, stamp);
    redis_args_number(&f->request.args, f->blob_bytes);
    return &f->request.args;
}

static int take_stamp(struct redis_fsck *f, const struct redis_reply *reply) {
    struct bytes stamp = redis_reply_text(redis_reply_at(redis_reply_at(reply, 0), 0));
    f->blob_stamp = arena_strn(&f->arena, stamp.data, stamp.len);
    f->at.place = COUNT;
    return f->blob_stamp == NULL ? -ENOMEM : 0;
}

static int take_references(struct redis_fsck *f, const struct redis_reply *reply) {
    const struct redis_reply *pairs = redis_reply_at(reply, 1);
    int r = redis_fsck_take_cursor(f, reply) ? 0 : -EPROTO;
    for (size_t i = 0; r == 0 && i + 1 < pairs->count; i += 2) {
        struct bytes text = redis_reply_text(&pairs->items[i]);
        r = is_hash(text) ? met(f, text, true) : 0;
    }
    if (r == 0 && redis_fsck_at_end(f)) {
        f->at.place = LOOK;
        f->blob_next = f->blobs;
    }
    return r;
}

static int take_blobs(struct redis_fsck *f, const struct redis_reply *reply) {
    int r = redis_reply_is(reply, REDIS_ARRAY) ? 0 : -EPROTO;
    for (size_t i = 1; r == 0 && i < reply->count; i++) {
        int64_t bytes = 0;
        (void)redis_reply_integer(redis_reply_at(&reply->items[i], 0), &bytes);
        f->blob_bytes += bytes;
        fsck_op(f)->blobs_checked++;
        r = redis_fsck_report_all(f, &reply->items[i], 1, NULL);
    }
    return r;
}

static int look(struct redis_fsck *f) {
    struct redis_args *a = begin_script(f, "");
    size_t hole = redis_args_hole(a);
    int64_t n = 0;
    for (; f->blob_next != NULL && n < BLOBS_A_CALL; f->blob_next = f->blob_next->hh.next) {
        redis_args_text(a, f->blob_next->hex);
        redis_args_number(a, f->blob_next->refs);
        n++;
    }
    redis_args_fill(a, hole, n);
    return redis_fsck_ask(f, take_blobs);
}

static int take_sum(struct redis_fsck *f, const struct redis_reply *reply) {
    f->at.place = OVER;
    return redis_fsck_report_all(f, redis_reply_at(reply, 0), 1, NULL);
}

int redis_fsck_blobs(struct redis_fsck *f) {
    if (f->at.place == LOOK && f->blob_next == NULL) {
        f->at.place = SUM;
    }
    switch (f->at.place) {
    case STAMP: redis_args_number(begin_script(f, ""), 0); return redis_fsck_ask(f, take_stamp);
    case COUNT:
        redis_fsck_scan(f, "ZSCAN", "jh:blob:", "refs", FSCK_SCANNED);
        return redis_fsck_ask(f, take_references);
    case LOOK: return look(f);
    case SUM:
        redis_args_number(begin_script(f, f->blob_stamp), 0);
        return redis_fsck_ask(f, take_sum);
    default: return 0;
    }
}
