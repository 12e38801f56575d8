#include "store/redis/queue_set.h"

unsigned redis_queue_set_add(struct redis_queue_set *set, struct redis_queue *q) {
    size_t i = 0;
    while (i < set->count && set->list[i] != q) {
        i++;
    }
    if (i == REDIS_QUEUE_SET_MAX) {
        return 0;
    }
    set->list[i] = q;
    set->count = i == set->count ? i + 1 : set->count;
    return (unsigned)i + 1;
}
