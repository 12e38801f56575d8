#include "base/wall_timer.h"

#include <event2/event.h>

#include "base/timer.h"
#include "expect.h"

// A clock in memory, which the test moves; and the real one.
static volatile struct env_clock_file file;
static const struct env frozen = {.clock = &file};
static const struct env real;

struct rig {
    struct event_base *base;
    struct timers *timers;
    struct wall_timer *timer;
    unsigned due, set;
};

static void on_fire(void *arg, bool set) {
    struct rig *rig = arg;
    rig->due += !set;
    rig->set += set;
}

static void begin(struct rig *rig, const struct env *env) {
    *rig = (struct rig){.base = event_base_new()};
    file.base_test_ms = 1000;
    file.wall_skew_ms = 1000000;
    rig->timers = timers_new(rig->base, env);
    EXPECT_EQ_INT(0, wall_timer_new(rig->base, rig->timers, env, on_fire, rig, &rig->timer, NULL));
}

static void end(struct rig *rig) {
    wall_timer_free(&rig->timer);
    EXPECT_NULL(rig->timer);
    wall_timer_free(&rig->timer);
    timers_free(&rig->timers);
    event_base_free(rig->base);
}

static void look(struct rig *rig) {
    (void)event_base_loop(rig->base, EVLOOP_ONCE);
}

static void test_due(void) {
    struct rig rig;
    begin(&rig, &frozen);
    wall_timer_set(rig.timer, 1001500);
    look(&rig);
    EXPECT_EQ_UINT(0, rig.due);
    file.base_test_ms = 1499;
    look(&rig);
    EXPECT_EQ_UINT(0, rig.due);
    file.base_test_ms = 1500;
    look(&rig);
    look(&rig);
    EXPECT_EQ_UINT(1, rig.due); // once
    EXPECT_EQ_UINT(0, rig.set);
    end(&rig);
}

// Time that passes is none that was set, and a step is one, forward and back, whatever the timer stands at.
static void test_set(void) {
    struct rig rig;
    begin(&rig, &frozen);
    file.base_test_ms += 3600000;
    look(&rig);
    EXPECT_EQ_UINT(0, rig.due + rig.set);
    file.wall_skew_ms += 500;
    look(&rig);
    look(&rig);
    EXPECT_EQ_UINT(1, rig.set);
    file.wall_skew_ms -= 86400000;
    look(&rig);
    EXPECT_EQ_UINT(2, rig.set);
    EXPECT_EQ_UINT(0, rig.due);
    end(&rig);
}

static void test_real(void) {
    struct rig rig;
    begin(&rig, &real);
    wall_timer_set(rig.timer, env_wall_ms(&real) + 20);
    look(&rig);
    EXPECT_EQ_UINT(1, rig.due + rig.set);
    wall_timer_set(rig.timer, 1); // long ago
    look(&rig);
    EXPECT_EQ_UINT(2, rig.due + rig.set);
    wall_timer_set(rig.timer, INT64_MAX - 1); // farther than a timerfd goes
    (void)event_base_loop(rig.base, EVLOOP_NONBLOCK);
    EXPECT_EQ_UINT(2, rig.due + rig.set);
    wall_timer_set(rig.timer, WALL_TIMER_NEVER);
    end(&rig);
}

static const struct expect_test tests[] = {
    {"fires once, never earlier", test_due},
    {"a clock that was set is told", test_set},
    {"the system's clock", test_real},
};
SUITE_MAIN("wall_timer", tests)
