/* A read of one job, wherever it is: at its queue's prefix, which an id does not tell.
 *
 *     BARE   queues without a prefix: their jobs have the same names, so the read itself is tried
 *     INDEX  jh:idx:<id> tells the queue of a job of the others
 *     LEARN  a queue that this host has never heard of: jh:queues
 *     THERE  the read at that queue's prefix
 *
 * BARE comes first unless all known queues have prefixes; so most reads are one call. */
#ifndef JOBHOST_STORE_REDIS_FIND_H
#define JOBHOST_STORE_REDIS_FIND_H

#include "store/redis/store_private.h"

struct redis_find {
    struct redis_task task; /* first: the operation's own */
    struct redis_request request;
    struct redis_queue bare;
    struct job_id id;
    const char *what; /* "job", for words when there is none */
    /* Begins the read in f->request: its words end with those of the read. */
    void (*ask)(struct redis_find *f, struct redis_queue *at);
    /* Takes an answer that is not nil: the operation's status, words in op->err; or 1: it goes on by
     * itself, and ends the task. `at` is NULL for BARE. */
    int (*take)(struct redis_find *f, const struct redis_reply *reply, struct redis_queue *at);
    int stage;
    bool bare_done, index_done, learned;
    struct redis_queue *at;
};

/* `task` was zeroed, the rest is set. Ends the task. */
void redis_find_run(struct redis_find *f);
void redis_find_finish(struct redis_task *t); /* redis_op_kind.finish */

/* Words for a job, or a part of one, that is not there. */
int redis_find_nothing(struct redis_find *f);

#endif
