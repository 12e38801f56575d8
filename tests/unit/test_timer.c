#include "base/timer.h"

#include <errno.h>
#include <event2/event.h>

#include "base/bytes.h"
#include "expect.h"
#include "failing_alloc.h"

// A frozen clock in memory: time passes when a test says so.
static volatile struct env_clock_file file;
static const struct env frozen = {.clock = &file};
static const struct env real;

static struct event_base *base;
static struct timers *all;
static char trace[256];

static void begin(const struct env *env) {
    file.base_test_ms = 1000;
    base = event_base_new();
    all = timers_new(base, env);
    trace[0] = '\0';
}

static void end(void) {
    timers_free(&all);
    EXPECT_NULL(all);
    timers_free(&all);
    event_base_free(base);
}

static void note(const char *what) {
    size_t len = strlen(trace);
    (void)snprintf(trace + len, sizeof trace - len, "%s", what);
}

static void fire(struct timer *t, void *arg) {
    EXPECT_FALSE(timer_running(t));
    note(arg);
}

static void test_order(void) {
    begin(&frozen);
    struct timer t[4];
    static const char *const names[] = {"a", "b", "c", "d"};
    const int64_t due[] = {1030, 1010, 1030, 999};
    for (size_t i = 0; i < 4; i++) {
        timer_init(&t[i], fire, (void *)(uintptr_t)names[i]);
        EXPECT_FALSE(timer_running(&t[i]));
        EXPECT_EQ_INT(0, timer_set(all, &t[i], due[i]));
        EXPECT_TRUE(timer_running(&t[i]));
    }
    (void)event_base_loop(base, EVLOOP_ONCE);
    EXPECT_EQ_STR("d", trace);
    file.base_test_ms = 1029;
    (void)event_base_loop(base, EVLOOP_ONCE);
    EXPECT_EQ_STR("db", trace);
    file.base_test_ms = 1030;
    (void)event_base_dispatch(base); // ends by itself: nothing runs any more
    EXPECT_EQ_STR("dbac", trace);
    end();
}

static void test_cancel(void) {
    begin(&frozen);
    struct timer a, b;
    timer_init(&a, fire, "a");
    timer_init(&b, fire, "b");
    timer_cancel(all, &a);
    EXPECT_EQ_INT(0, timer_set(all, &a, 1000));
    EXPECT_EQ_INT(0, timer_set(all, &b, 1000));
    timer_cancel(all, &a);
    EXPECT_FALSE(timer_running(&a));
    EXPECT_EQ_INT(0, timer_set(all, &b, 1001));
    EXPECT_EQ_INT(0, timer_set(all, &b, 1000));
    (void)event_base_dispatch(base);
    EXPECT_EQ_STR("b", trace);
    EXPECT_EQ_INT(0, timer_set(all, &a, 5000));
    timer_cancel(all, &a);
    (void)event_base_dispatch(base);
    EXPECT_EQ_STR("b", trace);
    end();
}

struct pair {
    struct timer self, other;
    int rounds;
};

static void fire_and_cancel_other(struct timer *t, void *arg) {
    struct pair *p = CONTAINER_OF(t, struct pair, self);
    note(arg);
    timer_cancel(all, &p->other);
}

static void fire_again_in_the_past(struct timer *t, void *arg) {
    struct pair *p = CONTAINER_OF(t, struct pair, self);
    note(arg);
    if (++p->rounds < 3) {
        EXPECT_EQ_INT(0, timer_set(all, t, 0));
    }
}

static void test_from_callbacks(void) {
    begin(&frozen);
    struct pair p = {.rounds = 0};
    timer_init(&p.self, fire_and_cancel_other, "a");
    timer_init(&p.other, fire, "b");
    EXPECT_EQ_INT(0, timer_set(all, &p.self, 500));
    EXPECT_EQ_INT(0, timer_set(all, &p.other, 500));
    (void)event_base_dispatch(base);
    EXPECT_EQ_STR("a", trace);

    // one that sets itself into the past again and again does not overtake what is due
    timer_init(&p.self, fire_again_in_the_past, "c");
    EXPECT_EQ_INT(0, timer_set(all, &p.self, 0));
    EXPECT_EQ_INT(0, timer_set(all, &p.other, 1000));
    (void)event_base_loop(base, EVLOOP_ONCE);
    EXPECT_EQ_STR("acb", trace);
    (void)event_base_dispatch(base);
    EXPECT_EQ_STR("acbcc", trace);
    end();
}

struct when {
    struct timer timer;
    int64_t due, fired;
};

static void note_time(struct timer *t, void *arg) {
    CONTAINER_OF(t, struct when, timer)->fired = env_mono_ms(&real);
    (void)arg;
}

// By the real clock: all fire, none too early, in order.
static void test_real_time(void) {
    begin(&real);
    struct when w[50];
    int64_t now = env_mono_ms(&real);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        timer_init(&w[i].timer, note_time, NULL);
        w[i].due = now + (int64_t)(i * 7 % 50);
        w[i].fired = 0;
        EXPECT_EQ_INT(0, timer_set(all, &w[i].timer, w[i].due));
    }
    (void)event_base_dispatch(base);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        EXPECT_TRUE(w[i].fired >= w[i].due);
    }
    end();
}

static void count(struct timer *t, void *arg) {
    (void)t;
    ++*(int *)arg;
}

// Random sets and cancels on a clock that steps: at each moment exactly the due ones have fired.
static void test_against_model(void) {
    enum { COUNT = 64 };
    begin(&frozen);
    struct timer t[COUNT];
    int fired[COUNT] = {0}, want[COUNT] = {0};
    int64_t due[COUNT] = {0}; // 0 = not set
    for (size_t i = 0; i < COUNT; i++) {
        timer_init(&t[i], count, &fired[i]);
    }
    uint32_t random = 11;
    for (int round = 0; round < 1200; round++) {
        random = random * 1664525u + 1013904223u;
        size_t i = random >> 8 & (COUNT - 1);
        if (random >> 30 == 0) {
            timer_cancel(all, &t[i]);
            due[i] = 0;
        } else {
            due[i] = file.base_test_ms + (random >> 16 & 15);
            EXPECT_EQ_INT(0, timer_set(all, &t[i], due[i]));
        }
        if (round % 4 == 0) {
            file.base_test_ms++;
            size_t running = 0;
            for (size_t k = 0; k < COUNT; k++) {
                bool now_due = due[k] != 0 && due[k] <= file.base_test_ms;
                want[k] += now_due;
                due[k] = now_due ? 0 : due[k];
                running += due[k] != 0;
            }
            if (running == 0) {
                (void)event_base_dispatch(base);
            } else {
                (void)event_base_loop(base, EVLOOP_ONCE);
            }
        }
    }
    // the last look may be outstanding
    file.base_test_ms += 100;
    for (size_t k = 0; k < COUNT; k++) {
        want[k] += due[k] != 0;
    }
    (void)event_base_dispatch(base);
    for (size_t k = 0; k < COUNT; k++) {
        EXPECT_EQ_INT(want[k], fired[k]);
    }
    end();
}

static void test_no_memory(void) {
    base = event_base_new();
    failing_alloc_after(1);
    all = timers_new(base, &frozen);
    failing_alloc_after(0);
    EXPECT_NULL(all);
    all = timers_new(base, &frozen);
    struct timer t;
    timer_init(&t, fire, "a");
    failing_alloc_after(1);
    int r = timer_set(all, &t, 1);
    failing_alloc_after(0);
    EXPECT_EQ_INT(-ENOMEM, r);
    EXPECT_FALSE(timer_running(&t));
    end();
}

static const struct expect_test tests[] = {
    {"they fire when due, in order", test_order},
    {"a cancelled one does not fire", test_cancel},
    {"callbacks set and cancel", test_from_callbacks},
    {"by the real clock, never early", test_real_time},
    {"random sets and cancels agree with a model", test_against_model},
    {"a failed allocation sets nothing", test_no_memory},
};
SUITE_MAIN("timer", tests)
