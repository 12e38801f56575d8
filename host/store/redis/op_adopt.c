/* ADOPT: the claim is in Redis as it was; what this host knew of it is read again. */
#include <errno.h>

#include "store/redis/find.h"
#include "store/redis/jobhash.h"
#include "store/redis/ops.h"

// What lua/get.lua answers.
enum { PART_FIELDS, PART_OUTPUTS = 5 };

static int read_outputs(const struct redis_reply *pairs, struct arena *a,
                        struct store_claimed *out) {
    size_t count = redis_reply_is(pairs, REDIS_ARRAY) ? pairs->count / 2 : 0;
    if (count == 0) {
        return 0;
    }
    out->outputs = arena_alloc(a, count * sizeof *out->outputs);
    for (size_t i = 0; out->outputs != NULL && i < count; i++) {
        struct bytes name = redis_reply_text(&pairs->items[2 * i]);
        const char *copy = arena_strn(a, name.len == 0 ? "" : name.data, name.len);
        if (copy == NULL) {
            return -ENOMEM;
        }
        out->outputs[out->output_count++] = copy;
    }
    return out->outputs == NULL ? -ENOMEM : 0;
}

static void ask(struct redis_find *f, struct redis_queue *at) {
    redis_request_script(&f->request, REDIS_SCRIPT_get, &at, 1, f->task.op->now_ms);
    redis_args_id(&f->request.args, &f->id);
    redis_args_number(&f->request.args, 0);
}

static int describe(struct store_adopt *adopt, const struct redis_job *job, const char *queue,
                    const struct redis_reply *outputs) {
    adopt->job = (struct store_claimed){
        .spec = job->spec,
        .token = job->token,
        .commit_no = job->commit_no,
        .steps_version = job->life.steps_version,
        .counters = job->life.counters,
        .build = job->life.build,
        .created_ms = id_time_ms(&job->spec.id),
        .first_run_ms = job->life.first_run_ms,
        .ready_ms = job->ready_ms,
    };
    adopt->job.spec.queue = queue;
    return read_outputs(outputs, &adopt->op.arena, &adopt->job);
}

static int take(struct redis_find *f, const struct redis_reply *reply, struct redis_queue *at) {
    struct redis_store *s = f->task.store;
    struct store_op *op = f->task.op;
    struct store_adopt *adopt = CONTAINER_OF(op, struct store_adopt, op);
    struct redis_job job;
    int r = jobhash_read(redis_reply_at(reply, PART_FIELDS), &op->arena, &job, &op->err);
    if (r < 0) {
        return r;
    }
    if (job.state != JOB_RUNNING || job.token != adopt->token ||
        job.host_nonce != adopt->host_nonce) {
        return err_set(&op->err, -ESTALE, "the job does not run under that token");
    }
    at = at != NULL ? at : redis_queues_get(&s->queues, job.spec.queue, &r);
    r = at == NULL ? -ENOMEM : describe(adopt, &job, at->name, redis_reply_at(reply, PART_OUTPUTS));
    struct redis_claim *claim = r < 0 ? NULL : redis_claims_add(&s->claims, at, &job);
    if (claim == NULL) {
        return err_set(&op->err, -ENOMEM, "out of memory");
    }
    claim->started = true;
    return 0;
}

static void run(struct redis_task *t) {
    struct redis_find *f = CONTAINER_OF(t, struct redis_find, task);
    f->id = CONTAINER_OF(t->op, struct store_adopt, op)->id;
    f->what = "job";
    f->ask = ask;
    f->take = take;
    redis_find_run(f);
}

const struct redis_op_kind redis_adopt = {
    .run = run, .size = sizeof(struct redis_find), .finish = redis_find_finish};
