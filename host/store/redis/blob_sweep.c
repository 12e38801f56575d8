// Part of SWEEP: blobs that nobody has named for an hour, and shared files without a blob.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/blob_private.h"

enum { SWEEP_FILES = 100, SWEEP_REFS = 100 };

struct sweep {
    struct redis_task *t;
    redis_swept_fn *done;
    void *arg;
    struct side_op side;
    struct bytes *files; /* in the task's arena, each with a NUL behind */
    size_t file_count;
};

/* ------------------------------------------------------------------ shared files */

static void unlink_files(struct side_op *side) { // [side thread]
    struct sweep *s = CONTAINER_OF(side, struct sweep, side);
    size_t gone = 0;
    for (size_t i = 0; i < s->file_count; i++) {
        bool ours = blobfile_is_name(s->files[i].data);
        int r = ours ? blobfile_unlink_as(s->t->store->config.blob_dir, s->files[i].data) : 0;
        if (r == 0 || r == -ENOENT) { // others are tried again
            s->files[gone++] = s->files[i];
        }
    }
    s->file_count = gone;
}

static void unlinked(struct side_op *side) {
    struct sweep *s = CONTAINER_OF(side, struct sweep, side);
    struct redis_ask *ask = s->file_count == 0 ? NULL : redis_ask_command(s->t, "SREM", NULL, NULL);
    if (ask != NULL) {
        redis_args_text(&ask->request.args, "jh:blob:doomed");
        for (size_t i = 0; i < s->file_count; i++) {
            redis_args_bytes(&ask->request.args, s->files[i]);
        }
        redis_ask_send(ask);
    }
    redis_task_leave(s->t, 0, NULL);
}

static void delete_files(struct sweep *s) {
    struct err e;
    if (s->file_count == 0) {
        return;
    }
    s->t->open++;
    struct side_thread *side = redis_blobs_side(s->t->store->blobs, &e);
    if (side == NULL) {
        redis_task_leave(s->t, e.code, &e);
        return;
    }
    s->side = (struct side_op){.work = unlink_files, .done = unlinked};
    side_thread_post(side, &s->side);
}

/* ------------------------------------------------------------------ the sweep */

static void forget(struct redis_blobs *all, const struct redis_reply *gone) {
    for (size_t i = 0; gone != NULL && i < gone->count; i++) {
        uint8_t sha[32];
        if (blobfile_sha_parse(redis_reply_text(&gone->items[i]).data, sha)) {
            blobcache_drop(&all->cache, sha);
        }
    }
}

static int swept(struct redis_task *t, void *arg, const struct redis_reply *reply, struct err *e) {
    struct sweep *s = arg;
    struct redis_blobs *all = t->store->blobs;
    struct arena *a = &t->op->arena;
    int64_t removed, more;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &removed) || removed < 0 ||
        !redis_reply_integer(redis_reply_at(reply, 1), &more) ||
        !redis_reply_integer(redis_reply_at(reply, 2), &all->bytes)) {
        return redis_ask_odd(t, e);
    }
    forget(all, redis_reply_at(reply, 3));
    s->files = redis_blob_texts(redis_reply_at(reply, 4), a, &s->file_count);
    if (s->files == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    delete_files(s);
    redis_blobs_look(t, redis_reply_at(reply, 5));
    s->done(t, s->arg, (size_t)removed, more != 0);
    return 0;
}

void redis_blobs_sweep(struct redis_task *t, uint32_t limit, redis_swept_fn *done, void *arg) {
    struct sweep *s = arena_zalloc(&t->op->arena, sizeof *s);
    if (s == NULL) {
        redis_ask_no_memory(t);
        return;
    }
    s->t = t;
    s->done = done;
    s->arg = arg;
    struct redis_ask *ask = redis_ask_new(t, REDIS_SCRIPT_blob_sweep, swept, s);
    if (ask != NULL) {
        redis_args_number(&ask->request.args, limit);
        redis_args_number(&ask->request.args, t->store->config.blob_dir_shared ? SWEEP_FILES : 0);
        redis_args_number(&ask->request.args, SWEEP_REFS);
        redis_ask_send(ask);
    }
}
