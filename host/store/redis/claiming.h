/* CLAIM on its way: op_claim.c makes the calls, claim_read.c reads the answers. */
#ifndef JOBHOST_STORE_REDIS_CLAIMING_H
#define JOBHOST_STORE_REDIS_CLAIMING_H

#include "store/redis/ops.h"
#include "store/redis/store_private.h"

struct redis_want {
    struct redis_queue *queue; /* NULL: nobody has heard of it, so there is nothing in it */
    uint32_t left;
    bool again; /* more may be there */
};

/* One that is claimed and may not start. */
struct redis_late {
    struct redis_job job;
    struct job_error error;
    struct redis_queue *queue;
    int64_t keep_ms;
    struct redis_late *next;
};

/* One that is claimed, and was not remembered when the server named it by its id. */
struct redis_unread {
    struct job_id id;
    size_t want;
    size_t place; /* kept free among the operation's jobs: they are in the order in which they go */
    struct redis_unread *next;
};

struct redis_claiming {
    struct redis_task task;
    struct redis_request rq;
    struct redis_want *wants;
    struct redis_queue **queues; /* of the calls */
    size_t queue_count;
    size_t *asked; /* which wants the call under way asks for */
    size_t asked_count, cap;
    struct redis_late *late;
    size_t late_count;
    struct redis_unread *unread;
    size_t unread_count;
    bool learned; /* jh:queues was read for a queue that nobody here has heard of */
};

static inline struct store_claim *redis_claiming_op(const struct redis_claiming *c) {
    return CONTAINER_OF(c->task.op, struct store_claim, op);
}

/* The answer of claim.lua: its jobs into the operation's, the late and the unread ones into their lists. 0, -ENOMEM,
 * -EPROTO. */
int redis_claiming_read(struct redis_claiming *c, const struct redis_reply *answer);

/* The answer of jobs.lua to the unread ones, in their order; the list is empty then. The same. */
int redis_claiming_read_rest(struct redis_claiming *c, const struct redis_reply *jobs);

/* Closes up the operation's jobs: nothing came into some places. Before it is answered. */
void redis_claiming_close_up(struct redis_claiming *c);

#endif
