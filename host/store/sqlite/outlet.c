#include "store/sqlite/outlet.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_wake(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    uint64_t n = 0;
    if (read(fd, &n, sizeof n) == -1) {
        // nothing was written in between: there is still no harm in looking
    }
    (void)outlet_deliver(arg);
}

int outlet_init(struct outlet *o, struct event_base *base, const struct store_events *events,
                struct err *e) {
    *o = (struct outlet){.events = *events, .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (o->fd == -1) {
        return err_errno(e, -errno, "eventfd");
    }
    o->wake = event_new(base, o->fd, EV_READ | EV_PERSIST, on_wake, o);
    if (o->wake == NULL || event_add(o->wake, NULL) == -1) {
        outlet_finish(o);
        return err_set(e, -ENOMEM, "out of memory");
    }
    (void)pthread_mutex_init(&o->lock, NULL);
    return 0;
}

void outlet_finish(struct outlet *o) {
    if (o->wake != NULL) {
        event_free(o->wake);
        (void)pthread_mutex_destroy(&o->lock);
    }
    if (o->fd >= 0) {
        (void)close(o->fd);
    }
    free(o->lanes);
    *o = (struct outlet){.fd = -1};
}

// Unlocks, and then wakes the loop, which would otherwise run into the lock.
static void unlock_and_wake(struct outlet *o) {
    bool asleep = !o->woken;
    o->woken = true;
    (void)pthread_mutex_unlock(&o->lock);
    uint64_t one = 1;
    if (asleep && write(o->fd, &one, sizeof one) == -1) {
        // the counter is full, so the loop is about to wake anyway
    }
}

static void add_ops(struct outlet *o, struct store_op *head, struct store_op *tail) {
    if (head == NULL) {
        return;
    }
    if (o->head == NULL) {
        o->head = head;
    } else {
        o->tail->next = head;
    }
    o->tail = tail;
}

static bool room_for_lane(struct outlet *o) {
    if (o->lane_count == o->lane_cap) {
        size_t cap = o->lane_cap == 0 ? 64 : o->lane_cap * 2;
        struct lane **p = realloc(o->lanes, cap * sizeof(struct lane *));
        if (p == NULL) {
            return false; // the lane's next job will announce it
        }
        o->lanes = p;
        o->lane_cap = cap;
    }
    return true;
}

static void add_lane(struct outlet *o, struct lane *lane) {
    if (!lane->noted && room_for_lane(o)) {
        lane->noted = true;
        o->lanes[o->lane_count++] = lane;
    }
}

void outlet_group(struct outlet *o, struct store_op *head, struct lane **lanes, size_t lane_count,
                  int64_t due_ms) {
    struct store_op *tail = head;
    while (tail != NULL && tail->next != NULL) {
        tail = tail->next;
    }
    (void)pthread_mutex_lock(&o->lock);
    add_ops(o, head, tail);
    for (size_t i = 0; i < lane_count; i++) {
        add_lane(o, lanes[i]);
    }
    if (due_ms != 0 && (o->due_ms == 0 || due_ms < o->due_ms)) {
        o->due_ms = due_ms;
    }
    unlock_and_wake(o);
}

void outlet_ops(struct outlet *o, struct store_op *head) {
    outlet_group(o, head, NULL, 0, 0);
}

void outlet_health(struct outlet *o, const char *reason) {
    (void)pthread_mutex_lock(&o->lock);
    (void)snprintf(o->health, sizeof o->health, "%s", reason == NULL ? "" : reason);
    o->health_news = true;
    unlock_and_wake(o);
}

static void finish_ops(const struct store_events *events, struct store_op *op) {
    while (op != NULL) {
        struct store_op *next = op->next;
        op->next = NULL;
        if (events->answered != NULL) {
            events->answered(events->arg, op);
        }
        op->done(op); // may free it
        op = next;
    }
}

static void report_lanes(const struct outlet *o, struct lane **lanes, size_t count) {
    for (size_t i = 0; i < count && o->events.ready != NULL; i++) {
        o->events.ready(o->events.arg, &lanes[i]->names);
    }
}

bool outlet_deliver(struct outlet *o) {
    (void)pthread_mutex_lock(&o->lock);
    struct outlet taken = *o;
    o->head = o->tail = NULL;
    o->lanes = NULL;
    o->lane_count = o->lane_cap = 0;
    o->due_ms = 0;
    o->health_news = o->woken = false;
    for (size_t i = 0; i < taken.lane_count; i++) {
        taken.lanes[i]->noted = false;
    }
    (void)pthread_mutex_unlock(&o->lock);

    finish_ops(&taken.events, taken.head);
    report_lanes(&taken, taken.lanes, taken.lane_count);
    free(taken.lanes);
    if (taken.due_ms != 0 && taken.events.due != NULL) {
        taken.events.due(taken.events.arg, taken.due_ms);
    }
    if (taken.health_news && taken.events.health != NULL) {
        struct err why;
        (void)err_set(&why, -EROFS, "%s", taken.health);
        taken.events.health(taken.events.arg, taken.health[0] == '\0' ? NULL : &why);
    }
    return taken.head != NULL;
}
