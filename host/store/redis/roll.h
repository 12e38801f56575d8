/* All queues that there are at this moment, also those that other hosts have made: for an operation
 * that goes over all of them. */
#ifndef JOBHOST_STORE_REDIS_ROLL_H
#define JOBHOST_STORE_REDIS_ROLL_H

#include "store/redis/task.h"

/* Zeroed to begin. */
struct redis_roll {
    struct redis_queue **queues; /* in the operation's arena */
    size_t count;
    void (*then)(struct redis_task *t);
};

/* Reads jh:queues and calls `then`, unless the task failed. The task's `open` counts it. */
void redis_roll_call(struct redis_task *t, struct redis_roll *roll,
                     void (*then)(struct redis_task *t));

#endif
