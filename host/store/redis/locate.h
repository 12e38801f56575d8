/* Where many jobs are, and how they stand: before a change that is decided upon here.
 *
 *     all that are in queues without a prefix, and the index of the others, in one go
 *      └─▶ a queue that this host has never heard of: jh:queues
 *           └─▶ those that the index knows, at their queues' prefixes */
#ifndef JOBHOST_STORE_REDIS_LOCATE_H
#define JOBHOST_STORE_REDIS_LOCATE_H

#include "store/redis/jobhash.h"
#include "store/redis/store_private.h"
#include "store/scope.h"

struct redis_locating; /* one search */

struct redis_located {
    struct job_id id; /* set by the caller */
    /* NULL: there is no such job */
    struct redis_queue *queue;
    struct redis_job job; /* its strings are in the arena; spec.queue is set */
    /* private */
    struct redis_locating *by;
    const char *index; /* name of its queue, as the index has it */
    bool there;        /* it is looked for at that queue's prefix */
};

typedef void redis_located_fn(struct redis_task *t, void *arg);

/* Looks for all of them; done() comes when that is over, and never when the task has failed. The
 * task's `open` counts it. `all` and the arena belong to the caller and last as long as the task. */
void redis_locate(struct redis_task *t, struct redis_located *all, size_t count, struct arena *a,
                  redis_located_fn *done, void *arg);

/* One that is not in the operation's scope is not there. */
static inline void redis_located_scope(const struct redis_task *t, struct redis_located *at) {
    if (at->queue != NULL && !store_scope_has_job(t->op->scope, &at->job.spec)) {
        at->queue = NULL;
    }
}

#endif
