/* CLAIM. One call for all wants; again for what the first one did not look at, and in place of jobs
 * that turned out to be too late.
 *
 *     claim.lua ─▶ jobs.lua: what is not remembered ─┬─▶ all that there is ─▶ answered
 *         ▲                                          └─▶ late.lua ends some ─┐
 *         └──────────────────────────────────────────────────────────────────┘
 *
 * Once there is a job the operation succeeds, whatever becomes of later calls: what is in the answer is
 * ours. */
#include <errno.h>
#include <inttypes.h>

#include "store/redis/claiming.h"
#include "store/redis/learn.h"

static struct redis_claiming *claiming_of(struct redis_task *t) {
    return CONTAINER_OF(t, struct redis_claiming, task);
}

static int no_memory(struct err *e) {
    return err_set(e, -ENOMEM, "out of memory");
}

/* ------------------------------------------------------------------ the way of the calls */

static void ask(struct redis_claiming *c);

static void finish(struct redis_claiming *c, int status, const struct err *e) {
    const struct store_claim *claim = redis_claiming_op(c);
    redis_claiming_close_up(c);
    bool some = claim->job_count > 0 || claim->ended_count > 0;
    redis_task_end(&c->task, some ? 0 : status, e);
}

static int list_ended(struct redis_claiming *c, const struct redis_reply *items) {
    struct store_claim *claim = redis_claiming_op(c);
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
    struct redis_claiming *c = CONTAINER_OF(rq, struct redis_claiming, rq);
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

static unsigned number_of(const struct redis_claiming *c, const struct redis_queue *q) {
    unsigned i = 0;
    while (c->queues[i] != q) {
        i++;
    }
    return i + 1;
}

static void write_late(const struct redis_claiming *c, const struct redis_late *late,
                       struct redis_args *a) {
    struct redis_job to = late->job;
    struct redis_args set = {.words = NULL}, del = {.words = NULL};
    to.life.error = late->error;
    to.life.updated_ms = to.life.finished_ms = c->task.op->now_ms;
    jobhash_diff(&late->job, &to, &set, &del);
    redis_args_number(a, number_of(c, late->queue));
    redis_args_id(a, &late->job.spec.id);
    redis_args_claim(a, late->job.token, late->job.host_nonce, late->job.commit_no, false);
    redis_args_number(a, late->keep_ms);
    redis_args_number(a, (int64_t)set.count);
    a->failed = a->failed || set.failed;
    for (size_t i = 0; i < set.count; i++) {
        redis_args_copy(a, (struct bytes){set.words[i], set.lens[i]});
    }
    redis_args_free(&set);
    redis_args_free(&del);
}

static void end_late(struct redis_claiming *c) {
    struct redis_request *rq = &c->rq;
    redis_request_script(rq, REDIS_SCRIPT_late, c->queues, c->queue_count, c->task.op->now_ms);
    redis_args_number(&rq->args, (int64_t)c->late_count);
    for (const struct redis_late *late = c->late; late != NULL; late = late->next) {
        write_late(c, late, &rq->args);
    }
    rq->done = on_ended;
    rq->safe = true;
    redis_request_send(&c->task.store->cmd, rq, redis_task_left(&c->task));
}

static void go_on(struct redis_claiming *c);

static void answered(struct redis_claiming *c, int r, const struct err *e) {
    struct err words;
    if (r < 0 && e == NULL) {
        e = &words;
        (void)err_set(&words, r, "%s: %s", c->task.store->cmd.where,
                      r == -ENOMEM ? "out of memory" : "a script answered something else");
    }
    if (r < 0) {
        finish(c, r, e); // what is not in the answer is nobody's: it comes back when its lease ends
    } else {
        go_on(c);
    }
}

static void on_read(struct redis_request *rq, const struct redis_reply *reply, int r,
                    const struct err *e) {
    struct redis_claiming *c = CONTAINER_OF(rq, struct redis_claiming, rq);
    answered(c, r < 0 ? r : redis_claiming_read_rest(c, reply), r < 0 ? e : NULL);
}

static void read_rest(struct redis_claiming *c) {
    struct redis_request *rq = &c->rq;
    redis_request_script(rq, REDIS_SCRIPT_jobs, c->queues, c->queue_count, c->task.op->now_ms);
    redis_args_number(&rq->args, (int64_t)c->unread_count);
    for (const struct redis_unread *u = c->unread; u != NULL; u = u->next) {
        redis_args_number(&rq->args, number_of(c, c->wants[u->want].queue));
        redis_args_id(&rq->args, &u->id);
    }
    rq->done = on_read;
    rq->safe = true;
    redis_request_send(&c->task.store->cmd, rq, redis_task_left(&c->task));
}

static void on_claimed(struct redis_request *rq, const struct redis_reply *reply, int r,
                       const struct err *e) {
    struct redis_claiming *c = CONTAINER_OF(rq, struct redis_claiming, rq);
    answered(c, r < 0 ? r : redis_claiming_read(c, reply), r < 0 ? e : NULL);
}

static void write_turn(const struct redis_claiming *c, size_t i, struct redis_args *a) {
    const struct store_claim_want *want = &redis_claiming_op(c)->wants[i];
    const struct redis_want *w = &c->wants[i];
    const struct redis_queue *q = w->queue;
    redis_args_printf(a, "%" PRIu64 "%s", want->turn + (want->limit - w->left),
                      q->weight_count > 0 ? "w" : "");
    if (q->weight_count > 0) {
        redis_args_number(a, (int64_t)q->weight_count);
    }
    for (size_t k = 0; k < q->weight_count; k++) {
        redis_args_text(a, q->weights[k].tenant);
        redis_args_number(a, q->weights[k].weight);
    }
}

// Asks for what may still be there.
static void ask(struct redis_claiming *c) {
    const struct store_claim *claim = redis_claiming_op(c);
    struct redis_request *rq = &c->rq;
    c->asked_count = 0;
    for (size_t i = 0; i < claim->want_count; i++) {
        struct redis_want *w = &c->wants[i];
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
    redis_args_text(&rq->args, redis_recall_helps(&c->task.store->recall) ? "1" : "");
    redis_args_number(&rq->args, (int64_t)c->asked_count);
    for (size_t i = 0; i < c->asked_count; i++) {
        const struct store_claim_want *want = &claim->wants[c->asked[i]];
        const struct redis_want *w = &c->wants[c->asked[i]];
        redis_args_number(&rq->args, number_of(c, w->queue));
        redis_args_text(&rq->args, want->lane.type);
        redis_args_number(&rq->args, w->left);
        write_turn(c, c->asked[i], &rq->args);
    }
    rq->done = on_claimed;
    rq->safe = false;
    rq->patient = true;
    redis_request_send(&c->task.store->cmd, rq, redis_task_left(&c->task));
}

static void go_on(struct redis_claiming *c) {
    if (c->unread_count > 0) {
        read_rest(c);
        return;
    }
    redis_claiming_close_up(c);
    if (c->late_count > 0) {
        end_late(c);
    } else {
        ask(c);
    }
}

static void add_queue(struct redis_claiming *c, struct redis_queue *q) {
    for (size_t i = 0; i < c->queue_count; i++) {
        if (c->queues[i] == q) {
            return;
        }
    }
    c->queues[c->queue_count++] = q;
}

static void find_queues(struct redis_task *t) {
    struct redis_claiming *c = claiming_of(t);
    const struct store_claim *claim = redis_claiming_op(c);
    bool all = true;
    c->queue_count = 0;
    for (size_t i = 0; i < claim->want_count; i++) {
        struct redis_queue *q = redis_queues_find(&t->store->queues, claim->wants[i].lane.queue);
        c->wants[i] = (struct redis_want){.queue = q, .left = claim->wants[i].limit, .again = true};
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
    struct redis_claiming *c = claiming_of(t);
    struct store_claim *claim = redis_claiming_op(c);
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
    .run = run, .size = sizeof(struct redis_claiming), .mutates = true, .finish = claiming_finish};
