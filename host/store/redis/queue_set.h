/* The queues of one call, each once, while its items are gone through: an item says which of them
 * it is about by its number. */
#ifndef JOBHOST_STORE_REDIS_QUEUE_SET_H
#define JOBHOST_STORE_REDIS_QUEUE_SET_H

#include "store/redis/queues.h"

/* No call is about more: who gathers items has a limit of its own, within this one. */
enum { REDIS_QUEUE_SET_MAX = 256 };

/* Zeroed: empty. */
struct redis_queue_set {
    struct redis_queue *list[REDIS_QUEUE_SET_MAX];
    size_t count;
};

/* Its number, from 1; 0: it is another one, and there is no room for it. */
unsigned redis_queue_set_add(struct redis_queue_set *set, struct redis_queue *q);

#endif
