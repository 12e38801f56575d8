#define _GNU_SOURCE // timerfd
#include "base/wall_timer.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/timer.h"

// Farther away than any time that is set; a timerfd that is disarmed hears nothing of the clock.
#define FAR_MS (INT64_C(100) * 366 * 86400 * 1000)

struct wall_timer {
    struct timers *timers;
    const struct env *env;
    void (*fire)(void *arg, bool set);
    void *arg;
    int64_t at_ms;
    int fd; // -1 under the test clock
    struct event *event;
    struct timer look;
    int64_t skew_ms; // wall minus monotonic time, as last seen
};

// ---- the system's clock

static void arm(struct wall_timer *t) {
    int64_t most = env_wall_ms(t->env) + FAR_MS;
    int64_t at = t->at_ms > most ? most : t->at_ms < 1 ? 1 : t->at_ms; // 0 would disarm it
    const struct itimerspec spec = {
        .it_value = {.tv_sec = at / 1000, .tv_nsec = (long)(at % 1000) * 1000000}};
    int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    if (timerfd_settime(t->fd, flags, &spec, NULL) == -1 && errno == ECANCELED) {
        // it was set meanwhile; the timer is armed all the same, and the read says so
        event_active(t->event, EV_READ, 0);
    }
}

static void on_event(evutil_socket_t fd, short what, void *arg) {
    struct wall_timer *t = arg;
    uint64_t times;
    (void)what;
    bool set = read(fd, &times, sizeof times) == -1 && errno == ECANCELED;
    bool due = t->at_ms <= env_wall_ms(t->env);
    if (due) {
        t->at_ms = WALL_TIMER_NEVER;
    }
    arm(t);
    if (set || due) {
        t->fire(t->arg, set);
    }
}

static int open_fd(struct wall_timer *t, struct event_base *base, struct err *e) {
    t->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (t->fd == -1) {
        return err_errno(e, -errno, "timerfd");
    }
    t->event = event_new(base, t->fd, EV_READ | EV_PERSIST, on_event, t);
    if (t->event == NULL || event_add(t->event, NULL) == -1) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    arm(t);
    return 0;
}

// ---- the test clock

static int64_t skew_of(const struct wall_timer *t) {
    return env_wall_ms(t->env) - env_mono_ms(t->env);
}

static void look_again(struct wall_timer *t) {
    (void)timer_set(t->timers, &t->look, env_mono_ms(t->env)); // with the wheel's next look
}

static void on_look(struct timer *timer, void *arg) {
    struct wall_timer *t = arg;
    (void)timer;
    int64_t moved = skew_of(t) - t->skew_ms;
    bool set = moved < -1 || moved > 1; // the clock may turn between its two readings
    bool due = t->at_ms <= env_wall_ms(t->env);
    t->skew_ms += moved;
    look_again(t);
    if (due) {
        t->at_ms = WALL_TIMER_NEVER;
    }
    if (set || due) {
        t->fire(t->arg, set);
    }
}

// ---- either

int wall_timer_new(struct event_base *base, struct timers *timers, const struct env *env,
                   void (*fire)(void *arg, bool set), void *arg, struct wall_timer **ret,
                   struct err *e) {
    struct wall_timer *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    *t = (struct wall_timer){.timers = timers,
                             .env = env,
                             .fire = fire,
                             .arg = arg,
                             .at_ms = WALL_TIMER_NEVER,
                             .fd = -1};
    timer_init(&t->look, on_look, t);
    int r = 0;
    if (env_is_virtual(env)) {
        t->skew_ms = skew_of(t);
        look_again(t);
    } else {
        r = open_fd(t, base, e);
    }
    if (r < 0) {
        wall_timer_free(&t);
        return r;
    }
    *ret = t;
    return 0;
}

void wall_timer_free(struct wall_timer **at) {
    struct wall_timer *t = *at;
    if (t == NULL) {
        return;
    }
    timer_cancel(t->timers, &t->look);
    if (t->event != NULL) {
        event_free(t->event);
    }
    if (t->fd != -1) {
        (void)close(t->fd);
    }
    free(t);
    *at = NULL;
}

void wall_timer_set(struct wall_timer *t, int64_t wall_ms) {
    if (wall_ms != t->at_ms) {
        t->at_ms = wall_ms;
        if (t->fd != -1) {
            arm(t);
        }
    }
}
