#include <errno.h>
#include <string.h>

#include "base/decode.h"
#include "store/redis/fsck.h"

/* ------------------------------------------------------------------ all keys */

static const struct {
    const char *kind;  /* in front of the id */
    const char *field; /* of the job, that says so; see lua/fsck_sides.lua */
} sides[] = {{"payload:", "payloadBytes"}, {"steps:", "steps"}, {"warnings:", "warnings"},
             {"history:", "history"},      {"log:", "log"},     {"outputs:", "outputs"},
             {"results:", "resultBytes"},  {"jh:idx:", "idx"},  {NULL, "once"}};
enum { ONCE = 8 };

const char *redis_fsck_side_field(int side) {
    return sides[side].field;
}

// The queue whose jobs have that prefix; without one, the place of all that have none.
static struct redis_queue *queue_at(struct redis_fsck *f, struct bytes prefix) {
    if (prefix.len == 0) {
        return &f->bare;
    }
    for (size_t i = 0; i < f->queue_count; i++) {
        if (bytes_equal(bytes_of(f->queues[i].queue->prefix), prefix)) {
            return f->queues[i].queue;
        }
    }
    return NULL;
}

// Takes `end` off; false: it does not end so.
static bool ends_with(struct bytes *name, const char *end) {
    size_t len = strlen(end);
    if (name->len < len || memcmp((const char *)name->data + name->len - len, end, len) != 0) {
        return false;
    }
    name->len -= len;
    return true;
}

static int met_job(struct redis_fsck *f, struct redis_queue *at, const struct job_id *id) {
    if (at == NULL || idset_has(&f->seen, id)) {
        return 0;
    }
    return at == &f->bare ? redis_fsck_add(&f->unplaced, (struct fsck_item){at, *id, 0, 0})
                          : redis_fsck_met(f, at, id, FSCK_MET_ELSEWHERE);
}

// <structures>once:<key>: its 16 bytes are taken for an id.
static int met_once(struct redis_fsck *f, struct bytes name) {
    static const char head[] = "once:";
    struct job_id key;
    size_t len = 0, digits = 2 * sizeof key.b;
    if (name.len < digits) {
        return 0;
    }
    name.len -= digits;
    struct bytes hex = {(const char *)name.data + name.len, digits};
    if (!decode_bytes(DECODE_HEX_LOWER, hex, key.b, sizeof key.b, &len)) {
        return 0;
    }
    for (size_t i = 0; ends_with(&name, head) && i < f->queue_count; i++) {
        struct redis_queue *q = f->queues[i].queue;
        if (bytes_equal(bytes_of(q->structures), name)) {
            return redis_fsck_add(&f->sides, (struct fsck_item){q, key, ONCE, 0});
        }
    }
    return 0;
}

// <prefix><kind><id>, and for names of steps and lists of flows one more word.
static int met_key(struct redis_fsck *f, struct bytes name) {
    char text[JOB_ID_TEXT + 1];
    struct job_id id;
    (void)(ends_with(&name, ":names") || ends_with(&name, ":made") || ends_with(&name, ":ended"));
    if (name.len < JOB_ID_TEXT) {
        return 0;
    }
    memcpy(text, (const char *)name.data + name.len - JOB_ID_TEXT, JOB_ID_TEXT);
    text[JOB_ID_TEXT] = '\0';
    name.len -= JOB_ID_TEXT;
    if (id_parse(text, &id) < 0) {
        return 0;
    }
    if (ends_with(&name, "job:")) {
        return met_job(f, queue_at(f, name), &id);
    }
    if (ends_with(&name, "flow:")) {
        return redis_fsck_met_flow(f, name, &id);
    }
    for (size_t i = 0; i < ONCE; i++) {
        if (ends_with(&name, sides[i].kind)) {
            struct redis_queue *at = queue_at(f, name);
            return at == NULL ? 0
                              : redis_fsck_add(&f->sides, (struct fsck_item){at, id, (int)i, 0});
        }
    }
    return 0;
}

static int take_keys(struct redis_fsck *f, const struct redis_reply *reply) {
    const struct redis_reply *keys = redis_reply_at(reply, 1);
    int r = redis_fsck_take_cursor(f, reply) ? 0 : -EPROTO;
    for (size_t i = 0; r == 0 && i < keys->count; i++) {
        r = met_key(f, redis_reply_text(&keys->items[i]));
        r = r < 0 ? r : met_once(f, redis_reply_text(&keys->items[i]));
        r = r < 0 ? r : redis_fsck_met_blob(f, redis_reply_text(&keys->items[i]));
    }
    return r;
}

int redis_fsck_keys(struct redis_fsck *f) {
    if (redis_fsck_at_end(f)) {
        return 0;
    }
    redis_fsck_scan(f, "SCAN", NULL, NULL, FSCK_SCANNED);
    return redis_fsck_ask(f, take_keys);
}

/* ------------------------------------------------------------------ dedup keys */

static int take_checked_keys(struct redis_fsck *f, const struct redis_reply *reply) {
    int r = 0;
    for (size_t i = 0; redis_reply_is(reply, REDIS_ARRAY) && i < reply->count && r == 0; i++) {
        r = redis_fsck_report_all(f, &reply->items[i], 0, NULL);
    }
    return r;
}

static int take_dedup(struct redis_fsck *f, const struct redis_reply *reply) {
    const struct redis_reply *pairs = redis_reply_at(reply, 1);
    struct redis_queue *q = f->queues[f->at.queue].queue;
    if (!redis_fsck_take_cursor(f, reply)) {
        return -EPROTO;
    }
    redis_request_script(&f->request, REDIS_SCRIPT_fsck_keys, &q, 1, f->task.op->now_ms);
    redis_args_number(&f->request.args, fsck_op(f)->repair);
    redis_args_number(&f->request.args, (int64_t)(pairs->count / 2));
    for (size_t i = 0; i + 1 < pairs->count; i += 2) {
        redis_args_copy(&f->request.args, redis_reply_text(&pairs->items[i]));
    }
    if (redis_fsck_at_end(f)) {
        f->at = (struct fsck_spot){.queue = f->at.queue + 1};
    }
    return redis_fsck_ask(f, take_checked_keys);
}

int redis_fsck_dedup(struct redis_fsck *f) {
    if (f->at.queue == f->queue_count) {
        return 0;
    }
    redis_fsck_scan(f, "HSCAN", f->queues[f->at.queue].queue->structures, "keys", FSCK_PIECE);
    return redis_fsck_ask(f, take_dedup);
}
