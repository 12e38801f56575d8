#include "core/plugin_breaker.h"

#include "expect.h"

static const struct plugin_breaker_rules rules = {
    .jobs = 3, .window_ms = 1000, .pause_ms = 100, .pause_max_ms = 350};

static bool crash(struct plugin_breaker *b, uint64_t job, int64_t now) {
    return plugin_breaker_crash(b, &rules, job, now);
}

static void test_opens(void) {
    struct plugin_breaker b = {.trips = 0};
    EXPECT_FALSE(crash(&b, 1, 10));
    EXPECT_FALSE(crash(&b, 1, 11)); // the same job
    EXPECT_FALSE(crash(&b, 1, 12));
    EXPECT_FALSE(crash(&b, 2, 13));
    EXPECT_EQ_INT(BREAKER_CLOSED, plugin_breaker_look(&b, 13));
    EXPECT_TRUE(crash(&b, 3, 14));
    EXPECT_EQ_INT(BREAKER_OPEN, plugin_breaker_look(&b, 14));
    EXPECT_EQ_INT(114, b.until_ms);
    EXPECT_FALSE(crash(&b, 4, 20)); // was on its way: nothing new
    EXPECT_FALSE(plugin_breaker_return(&b, 20));
    EXPECT_EQ_INT(BREAKER_OPEN, plugin_breaker_look(&b, 113));
    EXPECT_EQ_INT(BREAKER_PROBING, plugin_breaker_look(&b, 114));
    EXPECT_TRUE(plugin_breaker_return(&b, 120));
    EXPECT_EQ_INT(BREAKER_CLOSED, plugin_breaker_look(&b, 120));
}

static void test_window(void) {
    struct plugin_breaker b = {.trips = 0};
    EXPECT_FALSE(crash(&b, 1, 0));
    EXPECT_FALSE(crash(&b, 2, 999));
    EXPECT_FALSE(crash(&b, 3, 1000)); // the first is too old
    EXPECT_TRUE(crash(&b, 4, 1998));
}

// One that returns makes up for one that crashed.
static void test_returns(void) {
    struct plugin_breaker b = {.trips = 0};
    for (uint64_t job = 0; job < 100; job++) {
        EXPECT_FALSE(crash(&b, job, (int64_t)job));
        EXPECT_FALSE(plugin_breaker_return(&b, (int64_t)job));
    }
    EXPECT_FALSE(crash(&b, 1, 100));
    EXPECT_FALSE(crash(&b, 2, 100));
    EXPECT_TRUE(crash(&b, 3, 100));
}

static void test_pause_grows(void) {
    static const int64_t pauses[] = {100, 200, 350, 350};
    struct plugin_breaker b = {.trips = 0};
    int64_t now = 1000;
    (void)crash(&b, 1, now);
    (void)crash(&b, 2, now);
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        EXPECT_TRUE(crash(&b, 3, now)); // the third, then a probe
        EXPECT_EQ_INT(pauses[i], b.until_ms - now);
        now = b.until_ms;
    }
    EXPECT_TRUE(plugin_breaker_return(&b, now));
    // soon after: in a row; after long: from the beginning
    (void)crash(&b, 1, now + 1);
    (void)crash(&b, 2, now + 1);
    EXPECT_TRUE(crash(&b, 3, now + 1));
    EXPECT_EQ_INT(350, b.until_ms - now - 1);
    now = b.until_ms;
    EXPECT_TRUE(plugin_breaker_return(&b, now));
    now += 351;
    (void)crash(&b, 1, now);
    (void)crash(&b, 2, now);
    EXPECT_TRUE(crash(&b, 3, now));
    EXPECT_EQ_INT(100, b.until_ms - now);
}

static void test_off_and_most(void) {
    struct plugin_breaker b = {.trips = 0};
    struct plugin_breaker_rules r = {.window_ms = 1000, .pause_ms = 1, .pause_max_ms = 1};
    for (uint64_t job = 0; job < 1000; job++) {
        EXPECT_FALSE(plugin_breaker_crash(&b, &r, job, 1));
    }
    r.jobs = PLUGIN_BREAKER_JOBS_MAX;
    for (uint64_t job = 1; job < PLUGIN_BREAKER_JOBS_MAX; job++) {
        EXPECT_FALSE(plugin_breaker_crash(&b, &r, job, 1));
    }
    EXPECT_TRUE(plugin_breaker_crash(&b, &r, 0, 1));
}

static const struct expect_test tests[] = {
    {"so many different jobs open it, one that returns closes it", test_opens},
    {"a crash counts for as long as the window", test_window},
    {"jobs that return make up for jobs that crash", test_returns},
    {"the pause grows, and is forgotten", test_pause_grows},
    {"off, and at its limit", test_off_and_most},
};
SUITE_MAIN("plugin_breaker", tests)
