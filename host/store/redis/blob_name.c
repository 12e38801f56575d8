// Who names a blob: "<sha256> <queue> <id> <what>", where what is f, r or o<output>.
#include <errno.h>

#include "store/redis/blob_private.h"
#include "store/redis/ops.h"

void redis_blob_write_sha(const uint8_t sha256[32], struct redis_args *a) {
    char text[BLOBFILE_SHA_TEXT + 1];
    blobfile_sha_text(sha256, text);
    redis_args_copy(a, (struct bytes){text, BLOBFILE_SHA_TEXT});
}

static void write_owner(const struct redis_blob_name *n, struct redis_args *a) {
    static const char letters[] = {
        [REDIS_BLOB_FILE] = 'f', [REDIS_BLOB_RESULT] = 'r', [REDIS_BLOB_OUTPUT] = 'o'};
    char id[JOB_ID_TEXT + 1];
    id_format(&n->id, id);
    const char *text = arena_printf(&a->arena, "%s %s %c%s", n->queue, id, letters[n->part],
                                    n->part == REDIS_BLOB_OUTPUT ? n->output : "");
    a->failed = a->failed || text == NULL;
    redis_args_text(a, text);
}

/* ------------------------------------------------------------------ hold, release */

/* One change of many names: calls of at most REDIS_BLOB_NAMES_MAX, one after the other. */
struct change {
    redis_blobs_fn *done;
    void *arg;
    enum redis_script script;
    struct redis_blob_name *held;        /* hold: the same as `names` */
    const struct redis_blob_name *names; /* those that are left       */
    size_t count, now;
};

static void send_some(struct redis_task *t, struct change *c);

static int changed(struct redis_task *t, void *arg, const struct redis_reply *reply,
                   struct err *e) {
    struct change *c = arg;
    for (size_t i = 0; i < c->now && c->held != NULL; i++) {
        int64_t there;
        if (!redis_reply_integer(redis_reply_at(reply, i), &there)) {
            return redis_ask_odd(t, e);
        }
        c->held[i].missing = there == 0;
    }
    c->held += c->held == NULL ? 0 : c->now;
    c->names += c->now;
    c->count -= c->now;
    if (c->count > 0) {
        send_some(t, c);
    } else {
        c->done(t, c->arg);
    }
    return 0;
}

static void send_some(struct redis_task *t, struct change *c) {
    struct redis_ask *ask = redis_ask_new(t, c->script, changed, c);
    if (ask == NULL) {
        return;
    }
    c->now = c->count < REDIS_BLOB_NAMES_MAX ? c->count : REDIS_BLOB_NAMES_MAX;
    redis_args_number(&ask->request.args, (int64_t)c->now);
    for (size_t i = 0; i < c->now; i++) {
        redis_blob_write_sha(c->names[i].blob.sha256, &ask->request.args);
        write_owner(&c->names[i], &ask->request.args);
    }
    redis_ask_send(ask);
}

static void change(struct redis_task *t, enum redis_script script,
                   const struct redis_blob_name *names, struct redis_blob_name *held, size_t count,
                   redis_blobs_fn *done, void *arg) {
    struct change *c = count == 0 ? NULL : arena_alloc(&t->op->arena, sizeof *c);
    if (count == 0) {
        t->open++;
        done(t, arg);
        redis_task_leave(t, 0, NULL);
    } else if (c == NULL) {
        redis_ask_no_memory(t);
    } else {
        *c = (struct change){.done = done,
                             .arg = arg,
                             .script = script,
                             .names = names,
                             .held = held,
                             .count = count};
        send_some(t, c);
    }
}

void redis_blobs_hold(struct redis_task *t, struct redis_blob_name *names, size_t count,
                      redis_blobs_fn *done, void *arg) {
    change(t, REDIS_SCRIPT_blob_hold, names, names, count, done, arg);
}

void redis_blobs_release(struct redis_task *t, const struct redis_blob_name *names, size_t count,
                         redis_blobs_fn *done, void *arg) {
    change(t, REDIS_SCRIPT_blob_release, names, NULL, count, done, arg);
}

/* ------------------------------------------------------------------ BLOB_KEEP */

static void run_keep(struct redis_task *t) {
    struct store_blob_keep *keep = CONTAINER_OF(t->op, struct store_blob_keep, op);
    t->open = 1;
    struct redis_ask *ask =
        keep->count == 0 ? NULL : redis_ask_new(t, REDIS_SCRIPT_blob_keep, NULL, NULL);
    if (ask != NULL) {
        redis_args_number(&ask->request.args, (int64_t)keep->count);
        for (size_t i = 0; i < keep->count; i++) {
            redis_blob_write_sha(keep->blobs[i].sha256, &ask->request.args);
        }
        redis_ask_send(ask);
    }
    redis_task_leave(t, 0, NULL);
}

const struct redis_op_kind redis_blob_keep = {
    .run = run_keep, .size = sizeof(struct redis_task), .mutates = true};
