/* An operation on its way through the Redis store.
 *
 *     post ─▶ run() ─▶ requests ... ─▶ redis_task_end() ─▶ answered: a reading one, and what
 *                                                          ran out of time, at once; a mutating one
 *                                                          after all that were posted before it
 *
 * run() sends what it needs and returns; several requests may be open at once. An operation file has
 * one struct of its own behind the task (kind->size). Loop thread only. */
#ifndef JOBHOST_STORE_REDIS_TASK_H
#define JOBHOST_STORE_REDIS_TASK_H

#include <sys/queue.h>

#include "store/redis/script.h"

struct redis_store;
struct redis_task;

struct redis_op_kind {
    void (*run)(struct redis_task *t);
    size_t size; /* of the struct that begins with struct redis_task */
    bool mutates;
    bool unordered; /* it changes something, and is answered at once: contents, which take long */
    bool batched;   /* it goes by redis_batch_add(): what is gathered need not be sent before it */
    /* frees what its struct owns; may be NULL */
    void (*finish)(struct redis_task *t);
};

struct redis_task {
    struct redis_store *store;
    struct store_op *op;
    const struct redis_op_kind *kind;
    unsigned open; /* requests and items without an answer; for the operation's own use */
    bool ended;
    void (*learned)(struct redis_task *t); /* learn.c */
    TAILQ_ENTRY(redis_task) all;
};
TAILQ_HEAD(redis_task_list, redis_task);

/* Begins an operation: store_ops.post. */
void redis_task_post(struct redis_store *store, struct store_op *op);

/* Its outcome is known: `e` is copied into op->err when status != 0 (NULL: err_set() was done by the
 * caller on op->err). The first failure counts. It may go on to exist until it is answered, but
 * nothing of it may be open. */
void redis_task_end(struct redis_task *t, int status, const struct err *e);

/* One of its `open` ended: remembers a failure, and ends the task with the last one. */
void redis_task_leave(struct redis_task *t, int status, const struct err *e);

/* Milliseconds until its deadline; at least 1. */
int64_t redis_task_left(const struct redis_task *t);

/* Answers what has ended: from the loop only. */
void redis_tasks_answer(struct redis_store *store);

/* Which kind an operation is; NULL: none. */
const struct redis_op_kind *redis_kind_of(const struct store_op *op);

#endif
