/* From the store's threads to the loop: finished operations and news. One eventfd wakes the loop
 * once for all that has gathered. */
#ifndef JOBHOST_STORE_SQLITE_OUTLET_H
#define JOBHOST_STORE_SQLITE_OUTLET_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/sqlite/lanes.h"
#include "store/store.h"

struct event;

struct outlet {
    struct store_events events;
    struct event *wake;
    int fd;
    pthread_mutex_t lock;
    /* under the lock */
    struct store_op *head, *tail;
    struct lane **lanes; /* each once: lane->noted */
    size_t lane_count, lane_cap;
    int64_t due_ms; /* 0 = no news */
    bool health_news;
    char health[400]; /* "" = healthy */
    bool woken;
};

int outlet_init(struct outlet *o, struct event_base *base, const struct store_events *events,
                struct err *e);
void outlet_finish(struct outlet *o);

/* Any thread. Finished operations, and what their transaction brought about, which the loop hears
 * right after their answers: lanes with newly ready jobs, and the earliest due time if it has moved
 * (else 0). */
void outlet_group(struct outlet *o, struct store_op *head, struct lane **lanes, size_t lane_count,
                  int64_t due_ms);
void outlet_ops(struct outlet *o, struct store_op *head);
void outlet_health(struct outlet *o, const char *reason);

/* [loop] Delivers what is there; true if there was something. */
bool outlet_deliver(struct outlet *o);

#endif
