/* One-shot timers on the event loop, by mono time in milliseconds.
 *
 * All timeouts of the host hang on one heap and one libevent timer, so a thousand running attempts
 * cost one kernel timer, and the shared test clock works everywhere: under it the wheel looks at
 * the clock every 2 ms instead of sleeping until the earliest timer. Loop thread only. */
#ifndef JOBHOST_BASE_TIMER_H
#define JOBHOST_BASE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"

struct event_base;
struct timers;

struct timer {
    void (*fire)(struct timer *t, void *arg); /* may set or cancel any timer, itself included */
    void *arg;
    int64_t due_mono_ms; /* private */
    uint64_t seq;        /* private: equal due times fire in the order they were set */
    size_t pos;          /* private */
};

struct timers *timers_new(struct event_base *base, const struct env *env);
void timers_free(struct timers **t);

/* Fires what is due now instead of at the loop's next look: for tests that move the clock. Not from
 * a timer's callback. */
void timers_look(struct timers *t);

/* Prepares a timer; it is not running. */
void timer_init(struct timer *t, void (*fire)(struct timer *, void *), void *arg);

/* (Re)arms: fires once at mono time `due_mono_ms`, never earlier; a due time in the past fires on
 * the next turn. 0, or -ENOMEM. */
int timer_set(struct timers *all, struct timer *t, int64_t due_mono_ms);

/* No-op for a timer that is not running. */
void timer_cancel(struct timers *all, struct timer *t);
bool timer_running(const struct timer *t);

#endif
