#include "base/timer.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/heap.h"

#define VIRTUAL_LOOK_MS 2

struct timers {
    const struct env *env;
    struct event *event;
    struct heap heap;  // of struct timer
    int64_t armed_for; // due time the event is set to; INT64_MAX = not set
    uint64_t seq;      // of the next timer that is set
    bool firing;
    int64_t turn_ms; // with firing: the time this turn took for now
};

static bool timer_less(const void *a, const void *b) {
    const struct timer *x = a, *y = b;
    return x->due_mono_ms != y->due_mono_ms ? x->due_mono_ms < y->due_mono_ms : x->seq < y->seq;
}

static void timer_set_pos(void *item, size_t pos) {
    ((struct timer *)item)->pos = pos;
}

static int arm(struct timers *all, int64_t wait_ms) {
    struct timeval tv = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    return event_add(all->event, &tv);
}

// Sets the event for the earliest timer. A timer that was cancelled may leave it set too early,
// which costs one idle turn.
static int rearm(struct timers *all) {
    const struct timer *first = heap_min(&all->heap);
    if (first == NULL) {
        all->armed_for = INT64_MAX;
        return event_del(all->event);
    }
    if (first->due_mono_ms >= all->armed_for) {
        return 0;
    }
    int64_t wait_ms = VIRTUAL_LOOK_MS;
    if (!env_is_virtual(all->env)) {
        wait_ms = first->due_mono_ms - env_mono_ms(all->env);
    }
    int r = arm(all, wait_ms < 0 ? 0 : wait_ms);
    all->armed_for = r == 0 ? first->due_mono_ms : INT64_MAX;
    return r;
}

// Fires what was due and set before this turn; what the callbacks set waits for the next one,
// behind everything that is due.
static void on_event(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct timers *all = arg;
    const uint64_t before = all->seq;
    all->firing = true;
    all->turn_ms = env_mono_ms(all->env);
    for (;;) {
        struct timer *t = heap_min(&all->heap);
        if (t == NULL || t->due_mono_ms > all->turn_ms || t->seq >= before) {
            break;
        }
        heap_remove(&all->heap, t->pos);
        t->fire(t, t->arg);
    }
    all->firing = false;
    all->armed_for = INT64_MAX;
    (void)rearm(all);
}

struct timers *timers_new(struct event_base *base, const struct env *env) {
    struct timers *all = calloc(1, sizeof *all);
    if (all == NULL) {
        return NULL;
    }
    all->env = env;
    all->heap.less = timer_less;
    all->heap.set_pos = timer_set_pos;
    all->armed_for = INT64_MAX;
    all->event = event_new(base, -1, 0, on_event, all);
    if (all->event == NULL) {
        free(all);
        return NULL;
    }
    return all;
}

void timers_free(struct timers **t) {
    struct timers *all = *t;
    if (all == NULL) {
        return;
    }
    event_free(all->event);
    heap_finish(&all->heap);
    free(all);
    *t = NULL;
}

void timers_look(struct timers *t) {
    on_event(-1, 0, t);
}

void timer_init(struct timer *t, void (*fire)(struct timer *, void *), void *arg) {
    *t = (struct timer){.fire = fire, .arg = arg, .pos = HEAP_NOWHERE};
}

int timer_set(struct timers *all, struct timer *t, int64_t due_mono_ms) {
    timer_cancel(all, t);
    // a callback that sets a timer into the past must not overtake, turn by turn, those that are
    // due
    t->due_mono_ms = all->firing && due_mono_ms < all->turn_ms ? all->turn_ms : due_mono_ms;
    t->seq = all->seq++;
    int r = heap_add(&all->heap, t);
    if (r < 0 || all->firing) { // on_event() arms once at its end
        return r;
    }
    if (rearm(all) != 0) {
        heap_remove(&all->heap, t->pos);
        return -ENOMEM;
    }
    return 0;
}

void timer_cancel(struct timers *all, struct timer *t) {
    if (!timer_running(t)) {
        return;
    }
    heap_remove(&all->heap, t->pos);
    if (all->heap.len == 0 && !all->firing) { // an idle loop may end
        (void)rearm(all);
    }
}

bool timer_running(const struct timer *t) {
    return t->pos != HEAP_NOWHERE;
}
