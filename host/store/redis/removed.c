#include "store/redis/removed.h"
#include "store/blobfile.h"

#include <errno.h>

#include "store/files.h"
#include "store/pack.h"
#include "store/redis/ask.h"
#include "store/redis/blob.h"
#include "store/redis/side.h"

enum { QUEUE, ID, FILES, RESULT, OUTPUTS }; // places in a list of lua/lib/remove.lua

struct naming {
    struct redis_task *task;
    struct redis_blob_name *names;
    size_t count, cap;
    const char *queue;
    struct job_id id;
};

static struct redis_blob_name *add(struct naming *n, enum redis_blob_part part) {
    if (n->count == n->cap) { // room was counted
        return NULL;
    }
    struct redis_blob_name *name = &n->names[n->count++];
    *name = (struct redis_blob_name){.queue = n->queue, .id = n->id, .part = part};
    return name;
}

static int add_files(struct naming *n, struct bytes packed) {
    struct files_taken *taken = arena_zalloc(&n->task->op->arena, sizeof *taken);
    struct pack_item item;
    int r = 0;
    if (taken == NULL) {
        return -ENOMEM;
    }
    while (r == 0 && (r = pack_next(&packed, &item)) > 0) {
        r = item.number == FILES_ITEM ? files_take(taken, item.bytes) : 0;
    }
    for (size_t i = 0; i < taken->count && r == 0; i++) {
        struct redis_blob_name *name = add(n, REDIS_BLOB_FILE);
        if (name == NULL) {
            return -ENOMEM;
        }
        name->blob = taken->all[i].blob;
    }
    return r;
}

static int add_output(struct naming *n, struct bytes name, struct bytes packed) {
    struct arena *a = &n->task->op->arena;
    struct store_output output;
    int r = redis_output_read(packed, a, &output);
    struct redis_blob_name *one = r < 0 ? NULL : add(n, REDIS_BLOB_OUTPUT);
    if (one != NULL) {
        one->blob = output.blob;
        one->output = arena_strn(a, name.data, name.len);
    }
    return r < 0 ? r : one == NULL || one->output == NULL ? -ENOMEM : 0;
}

static int add_job(struct naming *n, const struct redis_reply *job) {
    struct bytes queue = redis_reply_text(redis_reply_at(job, QUEUE));
    struct bytes id = redis_reply_text(redis_reply_at(job, ID));
    struct bytes files = redis_reply_text(redis_reply_at(job, FILES));
    struct bytes result = redis_reply_text(redis_reply_at(job, RESULT));
    n->queue = arena_strn(&n->task->op->arena, queue.data, queue.len);
    if (n->queue == NULL || id.len == 0 || id_parse(id.data, &n->id) < 0) {
        return -EBADMSG;
    }
    int r = files.len == 0 ? 0 : add_files(n, files);
    if (r == 0 && result.len > 0) {
        struct redis_blob_name *name = add(n, REDIS_BLOB_RESULT);
        r = name != NULL && blobfile_sha_parse(result.data, name->blob.sha256) ? 0 : -EBADMSG;
    }
    for (size_t i = OUTPUTS; i + 1 < job->count && r == 0; i += 2) {
        r = add_output(n, redis_reply_text(&job->items[i]), redis_reply_text(&job->items[i + 1]));
    }
    return r;
}

static void released(struct redis_task *t, void *arg) {
    (void)t;
    (void)arg;
}

int redis_removed_blobs(struct redis_task *t, const struct redis_reply *blobs, struct err *e) {
    struct naming n = {.task = t};
    int r = 0;
    for (size_t i = 0; blobs != NULL && i < blobs->count; i++) {
        n.cap += JOB_FILES_MAX + blobs->items[i].count; // its files are one text
    }
    n.names = n.cap == 0 ? NULL : arena_alloc(&t->op->arena, n.cap * sizeof *n.names);
    if (n.cap > 0 && n.names == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; n.cap > 0 && i < blobs->count && r == 0; i++) {
        r = add_job(&n, &blobs->items[i]);
    }
    if (r < 0) {
        return err_set(e, r, "a removed job named its files in words that are damaged");
    }
    if (n.count > 0) {
        redis_blobs_release(t, n.names, n.count, released, NULL);
    }
    return 0;
}
