/* One timer by wall time, for what is due at a time of day. It hears at once when somebody sets the clock, or the
 * machine wakes up: then what it was set for may be long ago, or far away again. Loop thread only.
 *
 * A timerfd on CLOCK_REALTIME; under the test clock a look at it with the other timers. */
#ifndef JOBHOST_BASE_WALL_TIMER_H
#define JOBHOST_BASE_WALL_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/err.h"

struct event_base;
struct timers;
struct wall_timer;

#define WALL_TIMER_NEVER INT64_MAX

/* fire() is called when the time has come, and, `set` true, when the clock was set, whatever the timer stands
 * at. It may set the timer. A new one stands at never. Negative errno with words. */
int wall_timer_new(struct event_base *base, struct timers *timers, const struct env *env,
                   void (*fire)(void *arg, bool set), void *arg, struct wall_timer **ret,
                   struct err *e);
void wall_timer_free(struct wall_timer **t);

/* (Re)arms: fires once, never earlier; a time in the past fires on the next turn. At never it tells of a clock that was
 * set all the same. */
void wall_timer_set(struct wall_timer *t, int64_t wall_ms);

#endif
