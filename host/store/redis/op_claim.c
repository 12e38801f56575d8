/* CLAIM. One call for all wants; again for what the first one did not look at, and in place of jobs
 * that turned out to be too late.
 *
 *     claim.lua ─▶ read: claims + answer ─┬─▶ all that there is ─▶ answered
 *         ▲                               └─▶ late.lua ends some ─┐
 *         └───────────────────────────────────────────────────────┘
 *
 * Once there is a job the operation succeeds, whatever becomes of later calls: what is in the answer is
 * ours. */
#include <errno.h>
#include <inttypes.h>

#include "jobhost_plugin.h"
#include "store/redis/learn.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"

struct want_state {
    struct redis_queue *queue; /* NULL: nobody has heard of it, so there is nothing in it */
    uint32_t left;
    bool again;
};

// One that is claimed and may not start.
struct late {
    struct redis_job job;
    struct job_error error;
    struct redis_queue *queue;
    int64_t keep_ms;
    struct late *next;
};

struct claiming {
    struct redis_task task;
    struct redis_request rq;
    struct want_state *wants;
    struct redis_queue **queues; /* of the calls */
    size_t queue_count;
    size_t *asked; /* which wants the call under way asks for */
    size_t asked_count, cap;
    struct late *late;
    size_t late_count;
    bool learned; /* jh:queues was read for a queue that nobody here has heard of */
};

static struct claiming *claiming_of(struct redis_task *t) {
    return CONTAINER_OF(t, struct claiming, task);
}

static struct store_claim *claim_of(const struct claiming *c) {
    return CONTAINER_OF(c->task.op, struct store_claim, op);
}

static int no_memory(struct err *e) {
    return err_set(e, -ENOMEM, "out of memory");
}

/* ------------------------------------------------------------------ a claimed job */

// Why it may not start any more, or NULL.
static const char *too_late(const struct redis_job *job, int64_t now_ms) {
    const struct job_spec *spec = &job->spec;
    if (spec->deadline_ms > 0 && spec->deadline_ms <= now_ms) {
        return "deadline";
    }
    bool expired = spec->expires_ms > 0 && spec->expires_ms <= now_ms;
    return expired && job->life.first_run_ms == 0 ? "expired" : NULL;
}

static int add_late(struct claiming *c, size_t want, const struct redis_job *job,
                    struct job_error error) {
    const struct store_claim *claim = claim_of(c);
    struct late *late = arena_alloc(&c->task.op->arena, sizeof *late);
    if (late == NULL) {
        return -ENOMEM;
    }
    int64_t keep_ms = claim->wants[want].ended_keep_ms;
    *late = (struct late){.job = *job,
                          .error = error,
                          .queue = c->wants[want].queue,
                          .keep_ms = keep_ms != 0 ? keep_ms : claim->ended_keep_ms,
                          .next = c->late};
    c->late = late;
    c->late_count++;
    return 0;
}

static int read_outputs(const struct redis_reply *names, struct arena *a,
                        struct store_claimed *out) {
    if (!redis_reply_is(names, REDIS_ARRAY) || names->count == 0) {
        return 0;
    }
    out->outputs = arena_alloc(a, names->count * sizeof *out->outputs);
    for (size_t i = 0; out->outputs != NULL && i < names->count; i++) {
        struct bytes name = redis_reply_text(&names->items[i]);
        const char *copy = arena_strn(a, name.len == 0 ? "" : name.data, name.len);
        if (copy == NULL) {
            return -ENOMEM;
        }
        out->outputs[out->output_count++] = copy;
    }
    return out->outputs == NULL ? -ENOMEM : 0;
}

static int take_payload(const struct redis_reply *payload, struct arena *a, struct redis_job *job,
                        struct err *e) {
    if (!job->big_payload) {
        return 0;
    }
    if (!redis_reply_is(payload, REDIS_STRING) || payload->text.len != job->spec.payload.len) {
        return err_set(e, -EBADMSG, "the job's payload is missing");
    }
    job->spec.payload = arena_bytes(a, payload->text);
    return job->spec.payload.data == NULL ? no_memory(e) : 0;
}

static int take(struct claiming *c, size_t want, const struct redis_job *job,
                const struct redis_reply *reply) {
    struct redis_store *s = c->task.store;
    struct store_claim *claim = claim_of(c);
    struct redis_queue *q = c->wants[want].queue;
    struct store_claimed *out = &claim->jobs[claim->job_count];
    *out = (struct store_claimed){
        .spec = job->spec,
        .token = job->token,
        .commit_no = job->commit_no,
        .steps_version = job->life.steps_version,
        .counters = job->life.counters,
        .created_ms = id_time_ms(&job->spec.id),
        .first_run_ms = job->life.first_run_ms,
        .ready_ms = job->ready_ms,
        .want = (uint32_t)want,
    };
    out->spec.queue = q->name;
    int r = read_outputs(redis_reply_at(reply, 3), &claim->op.arena, out);
    if (r < 0 || redis_claims_add(&s->claims, q, job) == NULL) {
        return -ENOMEM;
    }
    claim->job_count++;
    c->wants[want].left--;
    return 0;
}

// What the script has made of a job that it describes as it was before.
static void become_running(const struct claiming *c, struct redis_job *job) {
    job->state = JOB_RUNNING;
    job->token++;
    job->rev++;
    job->host_nonce = claim_of(c)->host_nonce;
}

// A hash that cannot be understood is one for people to look at: it would come back for ever.
static int take_damaged(struct claiming *c, size_t want, const struct redis_reply *reply,
                        const struct err *e) {
    struct redis_job job = {.state = JOB_QUEUED};
    int64_t token = 0;
    if (id_parse(redis_reply_text(redis_reply_at(reply, 0)).data, &job.spec.id) < 0) {
        return 0; // no id of ours: whoever looks after the lease sees to it
    }
    (void)redis_reply_integer(redis_reply_field(redis_reply_at(reply, 1), "token"), &token);
    job.token = (uint32_t)token;
    become_running(c, &job);
    const char *words = arena_str(&c->task.op->arena, e->msg);
    return words == NULL
               ? -ENOMEM
               : add_late(c, want, &job, (struct job_error){JH_E_BUG, "damaged", words, NULL});
}

static int read_job(struct claiming *c, size_t want, const struct redis_reply *reply) {
    struct arena *a = &c->task.op->arena;
    struct redis_job job;
    struct err e;
    int r = jobhash_read(redis_reply_at(reply, 1), a, &job, &e);
    r = r < 0 ? r : take_payload(redis_reply_at(reply, 2), a, &job, &e);
    if (r == -ENOMEM) {
        return r;
    }
    if (r < 0) {
        return take_damaged(c, want, reply, &e);
    }
    const char *code = too_late(&job, c->task.op->now_ms);
    become_running(c, &job);
    if (code != NULL) {
        return add_late(c, want, &job,
                        (struct job_error){JH_E_TIMEOUT, code,
                                           "its time was over before it could start", NULL});
    }
    return take(c, want, &job, reply);
}

/* ------------------------------------------------------------------ the answer to claim.lua */

// Room for all jobs of this reply behind those of earlier ones.
static int make_room(struct claiming *c, const struct redis_reply *wants) {
    struct store_claim *claim = claim_of(c);
    size_t need = claim->job_count;
    for (size_t i = 0; i < wants->count; i++) {
        need += wants->items[i].count;
    }
    if (need <= c->cap && claim->jobs != NULL) {
        return 0;
    }
    struct store_claimed *jobs = arena_alloc(&claim->op.arena, (need + 1) * sizeof *jobs);
    if (jobs == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < claim->job_count; i++) {
        jobs[i] = claim->jobs[i];
    }
    claim->jobs = jobs;
    c->cap = need;
    return 0;
}

static int read_want(struct claiming *c, size_t want, const struct redis_reply *reply) {
    int64_t more = 0;
    size_t late = c->late_count;
    int r = redis_reply_integer(redis_reply_at(reply, 0), &more) ? 0 : -EPROTO;
    if (r == 0 && reply->count - 1 > c->wants[want].left) {
        r = -EPROTO;
    }
    for (size_t i = 1; r == 0 && i < reply->count; i++) {
        r = read_job(c, want, &reply->items[i]);
    }
    c->wants[want].again = more != 0 || c->late_count > late;
    return r;
}

static int read_answer(struct claiming *c, const struct redis_reply *reply) {
    struct redis_store *s = c->task.store;
    const struct redis_reply *pauses = redis_reply_at(reply, 1), *wants = redis_reply_at(reply, 2);
    if (pauses == NULL || wants == NULL || pauses->count != c->queue_count ||
        wants->count != c->asked_count) {
        return -EPROTO;
    }
    redis_news_clock(s, redis_reply_at(reply, 0), c->task.op->now_ms);
    for (size_t i = 0; i < c->queue_count; i++) {
        if (redis_reply_is(&pauses->items[i], REDIS_ARRAY)) { // else whoever knows better tells
            redis_news_paused(s, c->queues[i], &pauses->items[i]);
        }
    }
    int r = make_room(c, wants);
    for (size_t i = 0; r == 0 && i < wants->count; i++) {
        r = read_want(c, c->asked[i], &wants->items[i]);
    }
    return r;
}

/* ------------------------------------------------------------------ the way of the calls */

static void ask(struct claiming *c);

static void finish(struct claiming *c, int status, const struct err *e) {
    const struct store_claim *claim = claim_of(c);
    bool some = claim->job_count > 0 || claim->ended_count > 0;
    redis_task_end(&c->task, some ? 0 : status, e);
}

static int list_ended(struct claiming *c, const struct redis_reply *items) {
    struct store_claim *claim = claim_of(c);
    struct job_id *all =
        arena_alloc(&claim->op.arena, (claim->ended_count + c->late_count) * sizeof *all);
    if (all == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < claim->ended_count; i++) {
        all[i] = claim->ended[i];
    }
    claim->ended = all;
    for (size_t i = 0; c->late != NULL; c->late = c->late->next, i++) {
        int64_t done = 0;
        (void)redis_reply_integer(redis_reply_at(items, i), &done);
        if (done != 0) {
            claim->ended[claim->ended_count++] = c->late->job.spec.id;
        }
    }
    c->late_count = 0;
    return 0;
}

static void on_ended(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct claiming *c = CONTAINER_OF(rq, struct claiming, rq);
    struct err words;
    if (r == 0 && list_ended(c, redis_reply_at(reply, 0)) < 0) {
        r = no_memory(&words);
        e = &words;
    }
    if (r != 0) {
        finish(c, r, e); // those are nobody's: they come back when their leases end
        return;
    }
    ask(c);
}

static unsigned number_of(const struct claiming *c, const struct redis_queue *q) {
    unsigned i = 0;
    while (c->queues[i] != q) {
        i++;
    }
    return i + 1;
}

static void write_late(const struct claiming *c, const struct late *late, struct redis_args *a) {
    struct redis_job to = late->job;
    struct redis_args set = {.words = NULL}, del = {.words = NULL};
    to.life.error = late->error;
    to.life.updated_ms = to.life.finished_ms = c->task.op->now_ms;
    jobhash_diff(&late->job, &to, &set, &del);
    redis_args_number(a, number_of(c, late->queue));
    redis_args_id(a, &late->job.spec.id);
    redis_args_number(a, late->job.token);
    redis_args_number(a, late->keep_ms);
    redis_args_number(a, (int64_t)set.count);
    a->failed = a->failed || set.failed;
    for (size_t i = 0; i < set.count; i++) {
        redis_args_copy(a, (struct bytes){set.words[i], set.lens[i]});
    }
    redis_args_free(&set);
    redis_args_free(&del);
}

static void end_late(struct claiming *c) {
    struct redis_request *rq = &c->rq;
    redis_request_script(rq, REDIS_SCRIPT_late, c->queues, c->queue_count, c->task.op->now_ms);
    redis_args_number(&rq->args, (int64_t)c->late_count);
    for (const struct late *late = c->late; late != NULL; late = late->next) {
        write_late(c, late, &rq->args);
    }
    rq->done = on_ended;
    rq->safe = true;
    redis_request_send(&c->task.store->cmd, rq, redis_task_left(&c->task));
}

static void on_claimed(struct redis_request *rq, const struct redis_reply *reply, int r,
                       const struct err *e) {
    struct claiming *c = CONTAINER_OF(rq, struct claiming, rq);
    struct err words;
    if (r == 0) {
        r = read_answer(c, reply);
        e = &words;
        if (r < 0) {
            (void)err_set(&words, r, "%s: %s", c->task.store->cmd.where,
                          r == -ENOMEM ? "out of memory" : "a script answered something else");
        }
    }
    if (r < 0) {
        finish(c, r, e);
    } else if (c->late_count > 0) {
        end_late(c);
    } else {
        ask(c);
    }
}

// Asks for what may still be there.
static void ask(struct claiming *c) {
    const struct store_claim *claim = claim_of(c);
    struct redis_request *rq = &c->rq;
    c->asked_count = 0;
    for (size_t i = 0; i < claim->want_count; i++) {
        struct want_state *w = &c->wants[i];
        if (w->queue != NULL && w->left > 0 && w->again) {
            w->again = false;
            c->asked[c->asked_count++] = i;
        }
    }
    if (c->asked_count == 0) {
        finish(c, 0, NULL);
        return;
    }
    redis_request_script(rq, REDIS_SCRIPT_claim, c->queues, c->queue_count, c->task.op->now_ms);
    redis_args_nonce(&rq->args, claim->host_nonce);
    redis_args_number(&rq->args, c->task.store->config.lease_ms);
    redis_args_number(&rq->args, (int64_t)c->asked_count);
    for (size_t i = 0; i < c->asked_count; i++) {
        const struct store_claim_want *want = &claim->wants[c->asked[i]];
        const struct want_state *w = &c->wants[c->asked[i]];
        redis_args_number(&rq->args, number_of(c, w->queue));
        redis_args_text(&rq->args, want->lane.type);
        redis_args_number(&rq->args, w->left);
        redis_args_printf(&rq->args, "%" PRIu64, want->turn + (want->limit - w->left));
    }
    rq->done = on_claimed;
    rq->safe = false;
    rq->patient = true;
    redis_request_send(&c->task.store->cmd, rq, redis_task_left(&c->task));
}

static void add_queue(struct claiming *c, struct redis_queue *q) {
    for (size_t i = 0; i < c->queue_count; i++) {
        if (c->queues[i] == q) {
            return;
        }
    }
    c->queues[c->queue_count++] = q;
}

static void find_queues(struct redis_task *t) {
    struct claiming *c = claiming_of(t);
    const struct store_claim *claim = claim_of(c);
    bool all = true;
    c->queue_count = 0;
    for (size_t i = 0; i < claim->want_count; i++) {
        struct redis_queue *q = redis_queues_find(&t->store->queues, claim->wants[i].lane.queue);
        c->wants[i] = (struct want_state){.queue = q, .left = claim->wants[i].limit, .again = true};
        if (q != NULL && claim->wants[i].limit > 0) {
            add_queue(c, q);
        }
        all = all && q != NULL;
    }
    if (all || c->learned) {
        ask(c);
    } else {
        c->learned = true;
        redis_learn_again(t, &c->rq, find_queues);
    }
}

static void run(struct redis_task *t) {
    struct claiming *c = claiming_of(t);
    struct store_claim *claim = claim_of(c);
    struct arena *a = &claim->op.arena;
    size_t n = claim->want_count;
    claim->jobs = NULL;
    claim->ended = NULL;
    claim->job_count = claim->ended_count = 0;
    c->wants = arena_alloc(a, (n + 1) * sizeof *c->wants);
    c->queues = arena_alloc(a, (n + 1) * sizeof *c->queues);
    c->asked = arena_alloc(a, (n + 1) * sizeof *c->asked);
    if (c->wants == NULL || c->queues == NULL || c->asked == NULL) {
        redis_task_end(t, no_memory(&t->op->err), NULL);
        return;
    }
    redis_learn(t, &c->rq, find_queues);
}

static void claiming_finish(struct redis_task *t) {
    redis_request_finish(&claiming_of(t)->rq);
}

const struct redis_op_kind redis_claim = {
    .run = run, .size = sizeof(struct claiming), .mutates = true, .finish = claiming_finish};
