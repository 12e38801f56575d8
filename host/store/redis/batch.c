#include "store/redis/batch.h"

#include <errno.h>
#include <stdlib.h>

#include "store/redis/queue_set.h"
#include "store/redis/store_private.h"

_Static_assert((int)REDIS_BATCH_ITEMS <= (int)REDIS_QUEUE_SET_MAX,
               "each item may have its own queue");

struct batch_item {
    struct redis_task *task;
    void *item;
};

struct redis_batch {
    struct redis_request request;
    struct redis_store *store;
    const struct redis_batch_kind *kind;
    struct redis_queue_set queues;
    struct redis_args words; // of the items
    struct redis_head head;  // of the last one
    struct batch_item items[REDIS_BATCH_ITEMS];
    size_t count;
};

static void batch_free(struct redis_batch *b) {
    redis_request_finish(&b->request);
    redis_args_free(&b->words);
    free(b);
}

static void on_reply(struct redis_request *rq, const struct redis_reply *reply, int r,
                     const struct err *e) {
    struct redis_batch *b = CONTAINER_OF(rq, struct redis_batch, request);
    const struct redis_reply *items = redis_reply_at(reply, 0);
    struct err odd;
    if (r == 0 && (items == NULL || items->count != b->count)) {
        r = err_set(&odd, -EPROTO, "%s: a script answered something else", b->store->cmd.where);
        e = &odd;
    }
    if (r == 0 && b->kind->after != NULL) {
        b->kind->after(b->store, b->queues.list, b->queues.count, reply);
    }
    for (size_t i = 0; i < b->count; i++) {
        if (r == 0 && items != NULL) {
            b->kind->read(b->items[i].task, b->items[i].item, &items->items[i]);
        } else if (b->kind->lost != NULL) {
            b->kind->lost(b->items[i].task, b->items[i].item);
        }
        redis_task_leave(b->items[i].task, r, e);
    }
    batch_free(b);
}

void redis_batch_flush(struct redis_store *s) {
    struct redis_batch *b = s->gathering;
    if (b == NULL) {
        return;
    }
    s->gathering = NULL;
    int64_t left = 1;
    for (size_t i = 0; i < b->count; i++) { // one that has little time must not fail the others
        int64_t l = redis_task_left(b->items[i].task);
        left = l > left ? l : left;
    }
    struct redis_request *rq = &b->request;
    redis_request_script(rq, b->kind->script, b->queues.list, b->queues.count,
                         b->items[0].task->op->now_ms);
    if (b->kind->head != NULL) {
        b->kind->head(s, b->queues.list, b->queues.count, &rq->args);
    }
    redis_args_number(&rq->args, (int64_t)b->count);
    redis_args_append(&rq->args, &b->words);
    rq->done = on_reply;
    rq->safe = true;
    redis_request_send(&s->cmd, rq, left);
}

static struct redis_batch *batch_new(struct redis_store *s, const struct redis_batch_kind *kind) {
    struct redis_batch *b = calloc(1, sizeof *b);
    if (b != NULL) {
        b->store = s;
        b->kind = kind;
        s->gathering = b;
        redis_store_turn(s);
    }
    return b;
}

static bool fits(const struct redis_batch *b, const struct redis_task *t,
                 const struct redis_batch_kind *kind) {
    return b->kind == kind && b->count < REDIS_BATCH_ITEMS && b->words.bytes < REDIS_BATCH_BYTES &&
           b->items[0].task->op->now_ms == t->op->now_ms &&
           b->items[0].task->op->timeout_ms == t->op->timeout_ms; // it waits for the last of them
}

void redis_batch_add(struct redis_task *t, const struct redis_batch_kind *kind, void *item,
                     struct redis_queue *queue) {
    struct redis_store *s = t->store;
    t->open++;
    if (s->gathering != NULL && !fits(s->gathering, t, kind)) {
        redis_batch_flush(s);
    }
    struct redis_batch *b = s->gathering != NULL ? s->gathering : batch_new(s, kind);
    if (b == NULL) {
        struct err e;
        (void)err_set(&e, -ENOMEM, "out of memory");
        if (kind->lost != NULL) {
            kind->lost(t, item);
        }
        redis_task_leave(t, -ENOMEM, &e);
        return;
    }
    kind->write(t, item, redis_queue_set_add(&b->queues, queue), &b->words, &b->head);
    b->items[b->count++] = (struct batch_item){t, item};
}
