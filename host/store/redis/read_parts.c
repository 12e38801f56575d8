#include <errno.h>

#include "store/blobfile.h"
#include "store/redis/find.h"
#include "store/redis/ops.h"
#include "store/redis/side.h"

static int no_memory(struct redis_find *f) {
    return err_set(&f->task.op->err, -ENOMEM, "out of memory");
}

static void find(struct redis_task *t, const struct job_id *id, const char *what,
                 void (*ask)(struct redis_find *f, struct redis_queue *at),
                 int (*take)(struct redis_find *f, const struct redis_reply *reply,
                             struct redis_queue *at)) {
    struct redis_find *f = CONTAINER_OF(t, struct redis_find, task);
    f->id = *id;
    f->what = what;
    f->ask = ask;
    f->take = take;
    redis_find_run(f);
}

// HGET of one name in a hash that hangs on the job.
static void ask_field(struct redis_find *f, const struct redis_queue *at, const char *hash,
                      const char *name) {
    char id[JOB_ID_TEXT + 1];
    id_format(&f->id, id);
    redis_request_begin(&f->request, "HGET");
    redis_args_printf(&f->request.args, "%s%s:%s", at->jobs, hash, id);
    redis_args_text(&f->request.args, name);
}

/* ------------------------------------------------------------------ a step */

static void ask_step(struct redis_find *f, struct redis_queue *at) {
    ask_field(f, at, "steps", CONTAINER_OF(f->task.op, struct store_step_get, op)->name);
}

static int take_step(struct redis_find *f, const struct redis_reply *reply,
                     struct redis_queue *at) {
    struct store_step_get *get = CONTAINER_OF(f->task.op, struct store_step_get, op);
    (void)at;
    get->value = arena_bytes(&get->op.arena, redis_reply_text(reply));
    return get->value.len > 0 && get->value.data == NULL ? no_memory(f) : 0;
}

static void run_step(struct redis_task *t) {
    struct store_step_get *get = CONTAINER_OF(t->op, struct store_step_get, op);
    get->value = (struct bytes){NULL, 0};
    find(t, &get->id, "such a step of job", ask_step, take_step);
}

const struct redis_op_kind redis_step_get = {
    .run = run_step, .size = sizeof(struct redis_find), .finish = redis_find_finish};

/* ------------------------------------------------------------------ a blob that the job names */

struct with_blob {
    struct redis_find find;
    struct store_blob_open open; /* posted to this store, as anybody's would be */
    int *fd;                     /* of the operation */
};

static void on_open(struct store_op *op) {
    struct with_blob *w = CONTAINER_OF(op, struct with_blob, open.op);
    *w->fd = op->status == 0 ? w->open.fd : -1;
    redis_task_end(&w->find.task, op->status, &op->err);
    store_op_finish(op);
}

// Always 1: see find.h.
static int open_blob(struct redis_find *f, const struct blob_ref *blob, int *fd) {
    struct with_blob *w = CONTAINER_OF(f, struct with_blob, find);
    w->fd = fd;
    w->open = (struct store_blob_open){.ref = *blob, .fd = -1};
    w->open.op = (struct store_op){.kind = STORE_BLOB_OPEN,
                                   .now_ms = f->task.op->now_ms,
                                   .timeout_ms = (int32_t)redis_task_left(&f->task),
                                   .done = on_open,
                                   .posted_us = f->task.op->posted_us};
    redis_task_post(f->task.store, &w->open.op);
    return 1;
}

/* ------------------------------------------------------------------ the result */

static void ask_result(struct redis_find *f, struct redis_queue *at) {
    redis_request_script(&f->request, REDIS_SCRIPT_result, &at, 1, f->task.op->now_ms);
    redis_args_id(&f->request.args, &f->id);
}

static int take_result(struct redis_find *f, const struct redis_reply *reply,
                       struct redis_queue *at) {
    struct store_result_get *get = CONTAINER_OF(f->task.op, struct store_result_get, op);
    const struct redis_reply *type = redis_reply_at(reply, 1), *blob = redis_reply_at(reply, 2);
    int64_t size = 0;
    (void)at;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &size)) {
        return redis_find_nothing(f); // the job is there, and left none
    }
    if (redis_reply_is(type, REDIS_STRING)) {
        get->content_type = arena_strn(&get->op.arena, type->text.data, type->text.len);
    }
    get->data = arena_bytes(&get->op.arena, redis_reply_text(redis_reply_at(reply, 3)));
    get->size = (uint64_t)size;
    if ((get->content_type == NULL && redis_reply_is(type, REDIS_STRING)) ||
        (get->data.len > 0 && get->data.data == NULL)) {
        return no_memory(f);
    }
    if (!redis_reply_is(blob, REDIS_STRING)) {
        return get->data.len == get->size
                   ? 0
                   : err_set(&get->op.err, -EBADMSG, "the job's result is not whole");
    }
    get->blob.size = get->size;
    if (!blobfile_sha_parse(redis_reply_text(blob).data, get->blob.sha256)) {
        return err_set(&get->op.err, -EBADMSG, "the job's field \"resultBlob\" is damaged");
    }
    return open_blob(f, &get->blob, &get->fd);
}

static void run_result(struct redis_task *t) {
    struct store_result_get *get = CONTAINER_OF(t->op, struct store_result_get, op);
    get->fd = -1;
    get->content_type = NULL;
    get->data = (struct bytes){NULL, 0};
    get->size = 0;
    get->blob = (struct blob_ref){.size = 0};
    find(t, &get->id, "a result of job", ask_result, take_result);
}

const struct redis_op_kind redis_result_get = {
    .run = run_result, .size = sizeof(struct with_blob), .finish = redis_find_finish};

/* ------------------------------------------------------------------ an output */

static void ask_output(struct redis_find *f, struct redis_queue *at) {
    ask_field(f, at, "outputs", CONTAINER_OF(f->task.op, struct store_output_get, op)->name);
}

static int take_output(struct redis_find *f, const struct redis_reply *reply,
                       struct redis_queue *at) {
    struct store_output_get *get = CONTAINER_OF(f->task.op, struct store_output_get, op);
    struct store_output output;
    (void)at;
    int r = redis_output_read(redis_reply_text(reply), &get->op.arena, &output);
    if (r < 0) {
        return r == -ENOMEM ? no_memory(f)
                            : err_set(&get->op.err, r, "the entry of the output is damaged");
    }
    get->content_type = output.content_type;
    get->blob = output.blob;
    return open_blob(f, &get->blob, &get->fd);
}

static void run_output(struct redis_task *t) {
    struct store_output_get *get = CONTAINER_OF(t->op, struct store_output_get, op);
    get->fd = -1;
    get->content_type = NULL;
    find(t, &get->id, "an output of that name of job", ask_output, take_output);
}

const struct redis_op_kind redis_output_get = {
    .run = run_output, .size = sizeof(struct with_blob), .finish = redis_find_finish};
