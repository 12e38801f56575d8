/* Content in Redis, and who names it.
 *
 *     put    hash, into an unlinked file ─▶ begin ─▶ pieces ... ─▶ end       line `bulk`
 *     open   head ─▶ pieces ... ─▶ unlinked file, its hash compared          line `bulk`
 *     names  hold ─▶ the change that names it ─▶ ... ─▶ release              line `cmd`
 *
 * A blob stands in Redis in pieces of REDIS_BLOB_PIECE bytes, or, with config.blob_dir_shared, in a
 * file that all hosts see. It stays as long as somebody names it, and for an hour more.
 *
 * Whoever names blobs holds them *before* the change that says so, so that a sweep cannot come in
 * between. A crash after holding leaves a reference without a job: SWEEP looks at each reference
 * again after some hours, and releases those whose job is gone or does not name the blob so. So
 * nobody has to release what he is not sure of:
 *   - a submission that was refused releases (no other has its id);
 *   - a commit that was refused does not: the attempt that runs now may hold the same blob under the
 *     same name;
 *   - a commit that replaced an output by another blob, a removed job, and a result that was dropped
 *     release what the job named before.
 * Loop thread only; a thread of its own reads, writes and hashes files. */
#ifndef JOBHOST_STORE_REDIS_BLOB_H
#define JOBHOST_STORE_REDIS_BLOB_H

#include "store/redis/swept.h"

enum {
    REDIS_BLOB_PIECE = 256 * 1024, /* bytes; lua/lib/blob.lua knows it too */
    REDIS_BLOB_NAMES_MAX = 500,    /* references in one call               */
};

enum redis_blob_part {
    REDIS_BLOB_FILE,   /* input files, all of one content together */
    REDIS_BLOB_RESULT, /* the result                               */
    REDIS_BLOB_OUTPUT, /* an output, by its name                   */
};

/* Who names a blob. */
struct redis_blob_name {
    struct blob_ref blob;
    const char *queue;
    struct job_id id;
    enum redis_blob_part part;
    const char *output; /* REDIS_BLOB_OUTPUT: its name */
    bool missing;       /* answer of hold: there is no such blob */
};

/* When it succeeded; a failure is the task's alone. The task's `open` counts the call until done()
 * has returned. */
typedef void redis_blobs_fn(struct redis_task *t, void *arg);

/* Holding what is held already changes nothing, nor does releasing what is not held. `names` is the
 * caller's and stays until done(). */
void redis_blobs_hold(struct redis_task *t, struct redis_blob_name *names, size_t count,
                      redis_blobs_fn *done, void *arg);
void redis_blobs_release(struct redis_task *t, const struct redis_blob_name *names, size_t count,
                         redis_blobs_fn *done, void *arg);

/* Part of SWEEP: at most `limit` blobs that nobody has named for an hour; looks at some references. */
void redis_blobs_sweep(struct redis_task *t, uint32_t limit, redis_swept_fn *done, void *arg);

#endif
