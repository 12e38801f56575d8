#include <errno.h>
#include <stdlib.h>

#include "store/history.h"
#include "store/redis/find.h"
#include "store/redis/jobhash.h"
#include "store/redis/ops.h"
#include "store/redis/side.h"

// What lua/get.lua answers.
enum { PART_FIELDS, PART_PAYLOAD, PART_WARNINGS, PART_HISTORY, PART_STEPS, PART_OUTPUTS, PART_LOG };

struct part {
    struct arena *arena;
    struct store_job *job;
    const struct redis_reply *reply; /* an array, or NULL */
    size_t count;                    /* of its elements   */
};

static int get_warnings(struct part *p) {
    size_t count = p->count < JOB_WARNINGS_MAX ? p->count : JOB_WARNINGS_MAX;
    p->job->warnings = arena_alloc(p->arena, (count + 1) * sizeof *p->job->warnings);
    int r = p->job->warnings == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = redis_warning_read(redis_reply_text(&p->reply->items[i]), p->arena,
                               &p->job->warnings[i]);
        p->job->warnings_listed = i + 1;
    }
    return r;
}

static int get_history(struct part *p) {
    size_t count = p->count < JOB_HISTORY_MAX ? p->count : JOB_HISTORY_MAX;
    p->job->history = arena_alloc(p->arena, (count + 1) * sizeof *p->job->history);
    int r = p->job->history == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = history_read(redis_reply_text(&p->reply->items[i]), p->arena, &p->job->history[i]);
        p->job->history_count = i + 1;
    }
    return r;
}

static int get_steps(struct part *p) {
    size_t count = p->count < REDIS_STEPS_LISTED ? p->count : REDIS_STEPS_LISTED;
    p->job->steps = arena_alloc(p->arena, (count + 1) * sizeof(char *));
    int r = p->job->steps == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        struct bytes name = redis_reply_text(&p->reply->items[i]);
        p->job->steps[i] = arena_strn(p->arena, name.data, name.len);
        r = p->job->steps[i] == NULL ? -ENOMEM : 0;
        p->job->steps_listed = i + 1;
    }
    return r;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct store_output *)a)->name, ((const struct store_output *)b)->name);
}

static int get_outputs(struct part *p) {
    size_t pairs = p->count / 2, count = pairs < JOB_OUTPUTS_MAX ? pairs : JOB_OUTPUTS_MAX;
    struct store_output *all = arena_alloc(p->arena, (count + 1) * sizeof *all);
    int r = all == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        struct bytes name = redis_reply_text(&p->reply->items[2 * i]);
        r = redis_output_read(redis_reply_text(&p->reply->items[2 * i + 1]), p->arena, &all[i]);
        all[i].name = arena_strn(p->arena, name.data, name.len);
        r = r == 0 && all[i].name == NULL ? -ENOMEM : r;
    }
    if (r == 0) {
        qsort(all, count, sizeof *all, by_name);
        p->job->outputs = all;
        p->job->outputs_listed = count;
    }
    return r;
}

static int (*const lists[])(struct part *p) = {
    [PART_WARNINGS] = get_warnings,
    [PART_HISTORY] = get_history,
    [PART_STEPS] = get_steps,
    [PART_OUTPUTS] = get_outputs,
};

static int get_bytes(const struct redis_reply *reply, struct arena *a, struct bytes *ret) {
    *ret = arena_bytes(a, redis_reply_text(reply));
    return ret->len > 0 && ret->data == NULL ? -ENOMEM : 0;
}

static int get_parts(const struct redis_reply *reply, bool big_payload, struct arena *a,
                     struct store_job *job) {
    int r = get_bytes(redis_reply_at(reply, PART_LOG), a, &job->log_tail);
    if (r == 0 && big_payload) {
        r = get_bytes(redis_reply_at(reply, PART_PAYLOAD), a, &job->spec.payload);
    }
    for (size_t i = 0; i < ARRAY_LEN(lists) && r == 0; i++) {
        const struct redis_reply *list = redis_reply_at(reply, i);
        if (lists[i] != NULL && redis_reply_is(list, REDIS_ARRAY)) {
            r = lists[i](&(struct part){a, job, list, list->count});
        }
    }
    return r;
}

static void ask(struct redis_find *f, struct redis_queue *at) {
    redis_request_script(&f->request, REDIS_SCRIPT_get, &at, 1, f->task.op->now_ms);
    redis_args_id(&f->request.args, &f->id);
    redis_args_number(&f->request.args, REDIS_STEPS_LISTED);
}

static int take(struct redis_find *f, const struct redis_reply *reply, struct redis_queue *at) {
    struct store_op *op = f->task.op;
    struct store_get *get = CONTAINER_OF(op, struct store_get, op);
    struct redis_job job;
    int r = jobhash_read(redis_reply_at(reply, PART_FIELDS), &op->arena, &job, &op->err);
    if (r < 0) {
        return r;
    }
    jobhash_view(&job, &get->job);
    if (at != NULL) {
        get->job.spec.queue = arena_str(&op->arena, at->name);
        r = get->job.spec.queue == NULL ? -ENOMEM : 0;
    }
    r = r < 0 ? r : get_parts(reply, job.big_payload, &op->arena, &get->job);
    return r == 0         ? 0
           : r == -ENOMEM ? err_set(&op->err, r, "out of memory")
                          : err_set(&op->err, r, "what hangs on the job is damaged");
}

static void run(struct redis_task *t) {
    struct redis_find *f = CONTAINER_OF(t, struct redis_find, task);
    f->id = CONTAINER_OF(t->op, struct store_get, op)->id;
    f->what = "job";
    f->ask = ask;
    f->take = take;
    redis_find_run(f);
}

const struct redis_op_kind redis_get = {
    .run = run, .size = sizeof(struct redis_find), .finish = redis_find_finish};
