#include <errno.h>
#include <string.h>

#include "store/redis/fsck.h"

/* ------------------------------------------------------------------ what one job tells */

// A type of which the queue has queued jobs.
static int note_type(struct redis_fsck *f, struct fsck_queue *q, const char *type) {
    for (size_t i = 0; i < q->type_count; i++) {
        if (strcmp(q->types[i], type) == 0) {
            return 0;
        }
    }
    if (q->type_count == q->type_cap) {
        size_t cap = q->type_cap == 0 ? 8 : q->type_cap * 2;
        const char **types = arena_alloc(&f->arena, cap * sizeof *types);
        if (types == NULL) {
            return -ENOMEM;
        }
        if (q->type_count > 0) {
            memcpy(types, q->types, q->type_count * sizeof *types);
        }
        q->types = types;
        q->type_cap = cap;
    }
    const char *copy = arena_str(&f->arena, type);
    q->types[q->type_count++] = copy;
    return copy == NULL ? -ENOMEM : 0;
}

static int tally(struct redis_fsck *f, const struct redis_queue *queue,
                 const struct redis_job *job) {
    struct fsck_queue *q = redis_fsck_queue_of(f, queue);
    if (q == NULL) {
        return 0;
    }
    q->bytes[BUDGET_JOBS] += jobhash_bytes(&job->spec) + (int64_t)job->step_bytes;
    if (job->life.has_result && job->life.result_blob == NULL) {
        q->bytes[BUDGET_RESULTS] += (int64_t)job->life.result_size;
    }
    return job->state == JOB_QUEUED ? note_type(f, q, job->spec.type) : 0;
}

static bool is_found(const struct redis_reply *found, const char *code) {
    for (size_t i = 0; redis_reply_is(found, REDIS_ARRAY) && i < found->count; i += 3) {
        if (redis_reply_says(&found->items[i], code)) {
            return true;
        }
    }
    return false;
}

// Can its fields be read? 1 = yes, 0 = no, and that was reported.
static int read_job(struct redis_fsck *f, const struct redis_reply *fields, const struct job_id *id,
                    struct redis_job *ret) {
    struct err e;
    arena_reset(&f->scratch);
    int r = jobhash_read(fields, &f->scratch, ret, &e);
    if (r == 0 && !id_equal(id, &ret->spec.id)) {
        r = redis_fsck_report(f, bytes_of("job_id_mismatch"), id, false,
                              bytes_of("its field id is that of another"));
        return r;
    }
    if (r == -EBADMSG) {
        return redis_fsck_report(f, bytes_of("job_damaged"), id, false, bytes_of(e.msg));
    }
    return r < 0 ? r : 1;
}

// `rev`: of a queued job that is to be looked for once more, else 0.
static int note_unsure(struct redis_fsck *f, const struct fsck_item *item,
                       const struct redis_reply *rev) {
    int64_t number = 0;
    bool unsure = redis_reply_integer(rev, &number) && number != 0;
    return unsure ? redis_fsck_add(&f->unsure, (struct fsck_item){item->queue, item->id,
                                                                  FSCK_MET_NOWHERE, number})
                  : 0;
}

static void put_job(struct redis_args *a, const struct fsck_item *item) {
    static const char *const met[] = {[FSCK_MET_ELSEWHERE] = "",
                                      [FSCK_MET_LIST] = "list",
                                      [FSCK_MET_AGAIN] = "again",
                                      [FSCK_MET_NOWHERE] = "nowhere"};
    redis_args_text(a, met[item->what]);
    redis_args_number(a, item->rev);
}

static int take_job(struct redis_fsck *f, const struct fsck_item *item,
                    const struct redis_reply *answer) {
    const struct redis_reply *fields = redis_reply_at(answer, 0),
                             *found = redis_reply_at(answer, 1);
    struct redis_job job;
    if (!redis_reply_is(fields, REDIS_ARRAY)) {
        return -EPROTO;
    }
    int r = redis_fsck_report_all(f, found, 0, &item->id);
    r = r < 0 ? r : note_unsure(f, item, redis_reply_at(answer, 2));
    if (r < 0 || fields->count == 0 || item->what == FSCK_MET_AGAIN ||
        item->what == FSCK_MET_NOWHERE) {
        return r;
    }
    fsck_op(f)->jobs_checked++;
    if (is_found(found, "job_unknown_state")) {
        return 0;
    }
    r = read_job(f, fields, &item->id, &job);
    return r <= 0 ? r : tally(f, item->queue, &job);
}

int redis_fsck_look_at_jobs(struct redis_fsck *f) {
    static const struct fsck_look look = {
        .script = REDIS_SCRIPT_fsck_jobs, .most = FSCK_JOBS, .put = put_job, .take = take_job};
    return redis_fsck_look(f, &look, &f->jobs);
}

/* ------------------------------------------------------------------ jobs in no place, without a prefix */

// As its hash says, which may be damaged otherwise.
static struct redis_queue *queue_of(struct redis_fsck *f, const struct redis_reply *fields) {
    const struct redis_reply *name = redis_reply_field(fields, "queue");
    const struct redis_reply *type = redis_reply_field(fields, "type");
    struct bytes queue = name != NULL   ? redis_reply_text(name)
                         : type != NULL ? job_own_queue(redis_reply_text(type).data)
                                        : (struct bytes){"", 0};
    const char *text = arena_strn(&f->scratch, queue.data, queue.len);
    return text == NULL ? NULL : redis_queues_find(&f->task.store->queues, text);
}

static int take_unplaced(struct redis_fsck *f, const struct fsck_item *item,
                         const struct redis_reply *fields) {
    const struct job_id *id = &item->id;
    struct redis_job job;
    if (!redis_reply_is(fields, REDIS_ARRAY) || fields->count == 0) {
        return 0; // it is gone meanwhile
    }
    struct redis_queue *q = queue_of(f, fields);
    if (q != NULL && *q->prefix == '\0') {
        return redis_fsck_met(f, q, id, FSCK_MET_ELSEWHERE);
    }
    fsck_op(f)->jobs_checked++;
    int r = idset_add(&f->seen, id) < 0 ? -ENOMEM : read_job(f, fields, id, &job);
    return r <= 0 ? r
                  : redis_fsck_report(f, bytes_of("job_unknown_lane"), id, false,
                                      bytes_of("its queue is not one of jh:queues"));
}

static int take_new_queues(struct redis_fsck *f, const struct redis_reply *reply) {
    static const struct fsck_look look = {
        .script = REDIS_SCRIPT_jobs, .reads = true, .most = FSCK_JOBS, .take = take_unplaced};
    (void)redis_queues_learn(&f->task.store->queues, reply, NULL);
    return redis_fsck_look(f, &look, &f->unplaced);
}

// A queue is entered in jh:queues before its first job: one that was made during the walk is known
// now.
int redis_fsck_look_at_unplaced(struct redis_fsck *f) {
    redis_request_begin(&f->request, "HGETALL");
    redis_args_text(&f->request.args, "jh:queues");
    return redis_fsck_ask(f, take_new_queues);
}

/* ------------------------------------------------------------------ what hangs on jobs */

static void put_side(struct redis_args *a, const struct fsck_item *item) {
    redis_args_text(a, redis_fsck_side_field(item->what));
}

int redis_fsck_look_at_sides(struct redis_fsck *f) {
    static const struct fsck_look look = {.script = REDIS_SCRIPT_fsck_sides,
                                          .most = FSCK_SIDES,
                                          .put = put_side,
                                          .take = redis_fsck_take_found};
    return redis_fsck_look(f, &look, &f->sides);
}
