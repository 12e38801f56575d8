/* RECOVER, in pages: a script must not hold the server up for long. Jobs whose lease has ended are
 * found by their times; those of a host that is gone by looking through all that run. */
#include <errno.h>

#include "base/fault.h"
#include "store/redis/learn.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"

enum { RECOVER_PAGE = 200 };

struct recovering {
    struct redis_task task;
    struct redis_request rq;
    struct arena arena;
    struct redis_queue **queues;
    size_t queue_count;
    int64_t *places; /* where to go on looking for the gone host's jobs; -1 = nowhere */
    size_t asked;    /* of the page under way                                         */
    bool learned;    /* jh:queues was read anew                                       */
};

static void ask(struct recovering *c);
static void go(struct redis_task *t);

static struct store_recover *recover_of(const struct recovering *c) {
    return CONTAINER_OF(c->task.op, struct store_recover, op);
}

// {queue, id, type, status}
static void read_released(struct recovering *c, const struct redis_reply *reply) {
    struct redis_store *s = c->task.store;
    const struct redis_reply *type = redis_reply_at(reply, 2);
    struct job_id id;
    int64_t queue;
    if (!redis_reply_integer(redis_reply_at(reply, 0), &queue) || queue < 1 ||
        (uint64_t)queue > c->queue_count || redis_reply_text(type).len == 0) {
        return;
    }
    if (redis_reply_says(redis_reply_at(reply, 3), job_state_name(JOB_QUEUED))) {
        const struct store_lane lane = {c->queues[queue - 1]->name, type->text.data};
        s->events.ready(s->events.arg, &lane);
    }
    if (id_parse(redis_reply_text(redis_reply_at(reply, 1)).data, &id) == 0) {
        struct redis_claim *claim = redis_claims_find(&s->claims, &id);
        if (claim != NULL) { // our own beats came too late for it
            redis_news_fenced(s, claim);
        }
    }
}

// Whether there is nothing left to look through.
static bool read_places(struct recovering *c, const struct redis_reply *places) {
    bool all = true;
    for (size_t i = 0; i < c->queue_count; i++) {
        c->places[i] = -1;
        (void)redis_reply_integer(redis_reply_at(places, i), &c->places[i]);
        all = all && c->places[i] < 0;
    }
    return all;
}

static void on_page(struct redis_request *rq, const struct redis_reply *reply, int r,
                    const struct err *e) {
    struct recovering *c = CONTAINER_OF(rq, struct recovering, rq);
    struct store_recover *rec = recover_of(c);
    const struct redis_reply *released = redis_reply_at(reply, 3);
    struct err odd;
    int64_t next_end = 0;
    if (r == 0 && !redis_reply_is(released, REDIS_ARRAY)) {
        r = err_set(&odd, -EPROTO, "%s: a script answered something else", rq->line->where);
        e = &odd;
    }
    if (r != 0) {
        redis_task_end(&c->task, r, e);
        return;
    }
    redis_news_clock(c->task.store, redis_reply_at(reply, 0), c->task.op->now_ms);
    rec->next_ms = redis_reply_integer(redis_reply_at(reply, 1), &next_end)
                       ? redis_news_ours(c->task.store, next_end)
                       : 0;
    bool all = read_places(c, redis_reply_at(reply, 2)) && released->count < c->asked;
    for (size_t i = 0; i < released->count; i++) {
        read_released(c, &released->items[i]);
    }
    rec->released += released->count;
    rec->more = !all && rec->released >= rec->limit;
    if (all && !c->learned && redis_learn_is_behind(c->task.store, redis_reply_at(reply, 4))) {
        c->learned = true;
        redis_learn_again(&c->task, rq, go);
    } else if (all || rec->more) {
        redis_task_end(&c->task, 0, NULL);
    } else {
        ask(c);
    }
}

static void ask(struct recovering *c) {
    struct redis_request *rq = &c->rq;
    const struct store_recover *rec = recover_of(c);
    if (fault(FAULT_RECOVER) < 0) {
        int r = err_set(&c->task.op->err, -EIO, "fault injected while recovering");
        redis_task_end(&c->task, r, NULL);
        return;
    }
    size_t left = rec->limit - rec->released;
    c->asked = left < RECOVER_PAGE ? left : RECOVER_PAGE;
    redis_request_script(rq, REDIS_SCRIPT_recover, c->queues, c->queue_count, c->task.op->now_ms);
    // who has none has the more reason to look for one whose claim it never heard of
    bool has_jobs = redis_claims_count(&c->task.store->claims) > 0;
    redis_args_nonce(&rq->args, has_jobs ? rec->host_nonce : 0);
    redis_args_nonce(&rq->args, rec->gone_nonce);
    redis_args_number(&rq->args, (int64_t)c->asked);
    for (size_t i = 0; i < c->queue_count; i++) {
        redis_args_number(&rq->args, c->places[i]);
    }
    rq->done = on_page;
    rq->safe = true;
    redis_request_send(&c->task.store->cmd, rq, redis_task_left(&c->task));
}

static void go(struct redis_task *t) {
    struct recovering *c = CONTAINER_OF(t, struct recovering, task);
    const struct store_recover *rec = recover_of(c);
    c->queues = redis_store_queues(t->store, &c->arena, &c->queue_count);
    c->places = arena_alloc(&c->arena, (c->queue_count + 1) * sizeof *c->places);
    if ((c->queues == NULL && c->queue_count > 0) || c->places == NULL) {
        redis_task_end(t, err_set(&t->op->err, -ENOMEM, "out of memory"), NULL);
        return;
    }
    for (size_t i = 0; i < c->queue_count; i++) {
        c->places[i] = rec->gone_nonce == 0 ? -1 : 0;
    }
    ask(c);
}

static void run(struct redis_task *t) {
    struct store_recover *rec = CONTAINER_OF(t->op, struct store_recover, op);
    rec->released = 0;
    rec->more = false;
    rec->next_ms = 0;
    redis_learn(t, &CONTAINER_OF(t, struct recovering, task)->rq, go);
}

static void finish(struct redis_task *t) {
    struct recovering *c = CONTAINER_OF(t, struct recovering, task);
    redis_request_finish(&c->rq);
    arena_free(&c->arena);
}

const struct redis_op_kind redis_recover = {
    .run = run, .size = sizeof(struct recovering), .mutates = true, .finish = finish};
