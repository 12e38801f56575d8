/* HOST_LEASE: one call while a host has at most LEASE_CLAIMS jobs; more of them are renewed by calls
 * in front of the one that brings news. */
#include <errno.h>

#include "store/redis/hostrow.h"
#include "store/redis/learn.h"
#include "store/redis/ops.h"
#include "store/redis/store_private.h"

enum { LEASE_CLAIMS = 1000 };

/* A claim as it was when the beat began. */
struct held {
    struct job_id id;
    uint32_t token;
    struct redis_queue *queue;
};

struct beating {
    struct redis_task task;
    struct redis_request rq;
    struct arena arena;
    struct redis_queue **queues;
    size_t queue_count;
    struct held *held;
    size_t count, at, asked; /* at: of the call under way, for so many */
    struct buf row;          /* for jh:hosts */
};

static struct store_host_lease *lease_of(const struct beating *b) {
    return CONTAINER_OF(b->task.op, struct store_host_lease, op);
}

/* ------------------------------------------------------------------ what became of our jobs */

// The claim that a place in the call stands for, if it is still the same.
static struct redis_claim *claim_at(const struct beating *b, const struct redis_reply *place) {
    int64_t i;
    if (!redis_reply_integer(place, &i) || i < 1 || (uint64_t)i > b->asked) {
        return NULL;
    }
    const struct held *h = &b->held[b->at + (size_t)i - 1];
    struct redis_claim *claim = redis_claims_find(&b->task.store->claims, &h->id);
    return claim != NULL && claim->job.token == h->token ? claim : NULL;
}

static void tell_fenced(struct beating *b, const struct redis_reply *places) {
    for (size_t i = 0; places != NULL && i < places->count; i++) {
        struct redis_claim *claim = claim_at(b, &places->items[i]);
        if (claim != NULL) {
            redis_news_fenced(b->task.store, claim);
        }
    }
}

// By a commit of ours: if that is still under way, its answer ends the claim.
static void end_claims(struct beating *b, const struct redis_reply *places) {
    for (size_t i = 0; places != NULL && i < places->count; i++) {
        struct redis_claim *claim = claim_at(b, &places->items[i]);
        if (claim != NULL && !claim->busy) {
            redis_claims_end(&b->task.store->claims, claim);
        }
    }
}

static void tell_asked(struct beating *b, const struct redis_reply *places) {
    for (size_t i = 0; places != NULL && i < places->count; i++) {
        const struct redis_claim *claim = claim_at(b, &places->items[i]);
        if (claim != NULL) {
            struct job_id id = claim->job.spec.id;
            redis_news_asked(b->task.store, &id);
        }
    }
}

/* ------------------------------------------------------------------ the calls */

static void ask(struct beating *b);

static void on_reply(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct beating *b = CONTAINER_OF(rq, struct beating, rq);
    struct redis_store *s = b->task.store;
    struct err odd;
    bool last = b->at + b->asked == b->count;
    if (r == 0) {
        redis_news_clock(s, redis_reply_at(reply, 0), b->task.op->now_ms);
        tell_fenced(b, redis_reply_at(reply, 1));
        end_claims(b, redis_reply_at(reply, 2));
        tell_asked(b, redis_reply_at(reply, 3));
        if (last && redis_news_read(s, b->queues, b->queue_count, redis_reply_at(reply, 4)) < 0) {
            r = err_set(&odd, -EPROTO, "%s: a script answered something else", s->cmd.where);
            e = &odd;
        }
        if (last) {
            redis_news_changes(s, redis_reply_at(reply, 6));
        }
    }
    b->at += b->asked;
    if (r == 0 && last && redis_learn_is_behind(s, redis_reply_at(reply, 5))) {
        redis_news_look(s); // at those that were not asked about
    }
    if (r != 0 || last) {
        redis_task_end(&b->task, r, e);
    } else {
        ask(b);
    }
}

static unsigned number_of(const struct beating *b, const struct redis_queue *q) {
    unsigned i = 0;
    while (b->queues[i] != q) {
        i++;
    }
    return i + 1;
}

static void ask(struct beating *b) {
    const struct store_host_lease *lease = lease_of(b);
    struct redis_store *s = b->task.store;
    struct redis_request *rq = &b->rq;
    size_t left = b->count - b->at;
    b->asked = left < LEASE_CLAIMS ? left : LEASE_CLAIMS;
    redis_request_script(rq, REDIS_SCRIPT_lease, b->queues, b->queue_count, b->task.op->now_ms);
    redis_news_ask(&rq->args, lease->nonce, buf_bytes(&b->row), s->config.lease_ms,
                   left == b->asked, b->asked == b->count);
    redis_args_number(&rq->args, (int64_t)b->asked);
    for (size_t i = b->at; i < b->at + b->asked; i++) {
        redis_args_number(&rq->args, number_of(b, b->held[i].queue));
        redis_args_id(&rq->args, &b->held[i].id);
        redis_args_number(&rq->args, b->held[i].token);
    }
    rq->done = on_reply;
    rq->safe = true;
    redis_request_send(&s->cmd, rq, redis_task_left(&b->task));
}

static void write_row(struct beating *b, int64_t started_ms) {
    const struct store_host_lease *lease = lease_of(b);
    int64_t now = b->task.op->now_ms;
    const struct store_host host = {
        .name = lease->name,
        .version = lease->version,
        .pid = lease->pid,
        .started_ms = started_ms,
        .seen_ms = now,
        .lease_end_ms = lease->lease_ms > 0 ? now + lease->lease_ms : now,
        .running = lease->running,
    };
    redis_host_write(&b->row, &host);
}

// Who leaves renews nothing: what it still has is for the others.
static int gather(struct beating *b) {
    const struct store_host_lease *lease = lease_of(b);
    const struct redis_claims *claims = &b->task.store->claims;
    b->held = arena_alloc(&b->arena, (redis_claims_count(claims) + 1) * sizeof *b->held);
    if (b->held == NULL) {
        return -ENOMEM;
    }
    const struct redis_claim *c = lease->lease_ms > 0 ? claims->by_id : NULL;
    for (; c != NULL; c = c->hh.next) {
        if (c->job.host_nonce == lease->nonce) {
            b->held[b->count++] = (struct held){c->job.spec.id, c->job.token, c->queue};
        }
    }
    return 0;
}

static void go(struct redis_task *t) {
    struct beating *b = CONTAINER_OF(t, struct beating, task);
    const struct store_host_lease *lease = lease_of(b);
    struct redis_news *news = &t->store->news;
    if (news->nonce != lease->nonce) {
        news->nonce = lease->nonce;
        news->started_ms = t->op->now_ms;
    }
    b->queues = redis_store_queues(t->store, &b->arena, &b->queue_count);
    write_row(b, news->started_ms);
    if (gather(b) < 0 || b->row.failed || (b->queues == NULL && b->queue_count > 0)) {
        redis_task_end(t, err_set(&t->op->err, -ENOMEM, "out of memory"), NULL);
        return;
    }
    ask(b);
}

static void run(struct redis_task *t) {
    redis_learn(t, &CONTAINER_OF(t, struct beating, task)->rq, go);
}

static void finish(struct redis_task *t) {
    struct beating *b = CONTAINER_OF(t, struct beating, task);
    redis_request_finish(&b->rq);
    buf_free(&b->row);
    arena_free(&b->arena);
}

const struct redis_op_kind redis_host_lease = {
    .run = run, .size = sizeof(struct beating), .mutates = true, .finish = finish};
