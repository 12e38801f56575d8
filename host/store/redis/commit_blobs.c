#include <errno.h>

#include "store/blobfile.h"
#include "store/redis/commit.h"

static void name_one(struct redis_blob_name *ret, size_t at, struct redis_blob_name name) {
    if (ret != NULL) {
        ret[at] = name;
    }
}

size_t redis_commit_names(const struct store_commit_item *item, const char *queue,
                          struct redis_blob_name *ret) {
    const struct store_result *result = item->event == JOB_EV_NONE ? NULL : item->result;
    size_t n = 0;
    if (result != NULL && result->blob != NULL) {
        name_one(
            ret, n++,
            (struct redis_blob_name){
                .blob = *result->blob, .queue = queue, .id = item->id, .part = REDIS_BLOB_RESULT});
    }
    for (size_t i = 0; i < item->output_count; i++) {
        name_one(ret, n++,
                 (struct redis_blob_name){.blob = item->outputs[i].blob,
                                          .queue = queue,
                                          .id = item->id,
                                          .part = REDIS_BLOB_OUTPUT,
                                          .output = item->outputs[i].name});
    }
    for (size_t i = 0; i < item->child_count; i++) {
        const struct job_spec *child = &item->children[i];
        for (size_t k = 0; k < child->file_count; k++) {
            name_one(ret, n++,
                     (struct redis_blob_name){.blob = child->files[k].blob,
                                              .queue = child->queue,
                                              .id = child->id,
                                              .part = REDIS_BLOB_FILE});
        }
    }
    return n;
}

/* ------------------------------------------------------------------ what it named before */

static bool is_same(const struct blob_ref *x, const struct blob_ref *y) {
    return memcmp(x->sha256, y->sha256, sizeof x->sha256) == 0;
}

// The output of that name as it is now: the last one counts.
static const struct store_output *output_named(const struct store_commit_item *item,
                                               const char *name) {
    size_t i = item->output_count;
    while (i > 0 && strcmp(item->outputs[i - 1].name, name) != 0) {
        i--;
    }
    return i == 0 ? NULL : &item->outputs[i - 1];
}

// `reply`: its place, and names and texts of outputs that were replaced.
static int old_outputs(struct arena *a, const struct store_commit_item *item,
                       const struct redis_reply *reply, struct redis_blob_name *names, size_t *n) {
    for (size_t i = 1; i + 1 < reply->count; i += 2) {
        struct store_output old;
        const struct store_output *now =
            output_named(item, redis_reply_text(&reply->items[i]).data);
        int r = redis_output_read(redis_reply_text(&reply->items[i + 1]), a, &old);
        if (r < 0 || now == NULL) {
            return r < 0 ? r : -EBADMSG;
        }
        if (!is_same(&old.blob, &now->blob)) {
            names[(*n)++] = (struct redis_blob_name){
                .blob = old.blob, .part = REDIS_BLOB_OUTPUT, .output = now->name};
        }
    }
    return 0;
}

static bool old_result(const struct redis_job *before, const struct redis_commit_plan *plan,
                       struct redis_blob_name *ret) {
    const char *was = before->life.result_blob, *is = plan->job.life.result_blob;
    if (was == NULL || (is != NULL && strcmp(was, is) == 0)) {
        return false;
    }
    *ret = (struct redis_blob_name){.part = REDIS_BLOB_RESULT};
    return blobfile_sha_parse(was, ret->blob.sha256);
}

static void released(struct redis_task *t, void *arg) {
    (void)t;
    (void)arg;
}

int redis_commit_let_go(struct redis_task *t, struct arena *a, const struct redis_claim *claim,
                        const struct store_commit_item *item, const struct redis_commit_plan *plan,
                        const struct redis_reply *reply) {
    bool replaced = reply->kind == REDIS_ARRAY && reply->count > 1;
    size_t most = 1 + (replaced ? reply->count / 2 : 0), n = 0;
    if (!replaced && claim->job.life.result_blob == NULL) {
        return 0;
    }
    struct redis_blob_name *names = arena_alloc(a, most * sizeof *names);
    if (names == NULL) {
        return -ENOMEM;
    }
    int r = replaced ? old_outputs(a, item, reply, names, &n) : 0;
    n += old_result(&claim->job, plan, &names[n]);
    for (size_t i = 0; i < n; i++) {
        names[i].queue = claim->queue->name;
        names[i].id = item->id;
    }
    if (n > 0 && r == 0) {
        redis_blobs_release(t, names, n, released, NULL);
    }
    return r;
}
