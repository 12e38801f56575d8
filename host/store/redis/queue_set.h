/* The queues of one call, each once, while its items are gone through: an item says which of them
 * it is about by its number. */
#ifndef JOBHOST_STORE_REDIS_QUEUE_SET_H
#define JOBHOST_STORE_REDIS_QUEUE_SET_H

#include "store/redis/batch.h"

/* Zeroed: empty. */
struct redis_queue_set {
    struct redis_queue *list[REDIS_BATCH_ITEMS];
    size_t count;
};

/* Its number, from 1; 0: it is another one, and there is no room for it. */
static inline unsigned redis_queue_set_add(struct redis_queue_set *set, struct redis_queue *q) {
    size_t i = 0;
    while (i < set->count && set->list[i] != q) {
        i++;
    }
    if (i == REDIS_BATCH_ITEMS) {
        return 0;
    }
    set->list[i] = q;
    set->count = i == set->count ? i + 1 : set->count;
    return (unsigned)i + 1;
}

#endif
