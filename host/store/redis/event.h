/* Events that jobs wait for: what commits, FORWARD and SWEEP take from op_event.c. */
#ifndef JOBHOST_STORE_REDIS_EVENT_H
#define JOBHOST_STORE_REDIS_EVENT_H

#include "store/events.h"
#include "store/redis/task.h"

/* Appends the words of an event, as lua/event_put.lua and lua/commit.lua want them; borrowed. */
void redis_event_write(const struct store_event *event, struct redis_args *a);

/* Done, and how many; `more` = there are more. */
typedef void redis_event_fn(struct redis_task *t, void *arg, size_t count, bool more);

/* Wakes jobs that wait for an event that there is, looking at no more than `limit`. */
void redis_events_wake(struct redis_task *t, size_t limit, redis_event_fn *done, void *arg);
/* Deletes up to `limit` events that are past their time. */
void redis_events_sweep(struct redis_task *t, size_t limit, redis_event_fn *done, void *arg);

#endif
