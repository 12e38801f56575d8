/* ADOPT: the claim is in Redis as it was; what this host knew of it is read again. */
#include <errno.h>

#include "store/redis/claimed.h"
#include "store/redis/find.h"
#include "store/redis/jobhash.h"
#include "store/redis/ops.h"

// What lua/get.lua answers.
enum { PART_FIELDS, PART_OUTPUTS = 5 };

static void ask(struct redis_find *f, struct redis_queue *at) {
    redis_request_script(&f->request, REDIS_SCRIPT_get, &at, 1, f->task.op->now_ms);
    redis_args_id(&f->request.args, &f->id);
    redis_args_number(&f->request.args, 0);
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
    r = at == NULL ? -ENOMEM
                   : redis_claimed_fill(&job, at->name, redis_reply_at(reply, PART_OUTPUTS),
                                        REDIS_OUTPUT_PAIRS, &op->arena, &adopt->job);
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
