// When a host counts as stalled, to the millisecond, and which reason comes first.
#include "core/ready.h"

#include "expect.h"

static void test_idle_begins_when_seen(void) {
    struct progress p = {.idle = false};
    EXPECT_EQ_INT(0, progress_idle_ms(&p, 5000));
    progress_note(&p, true, 7, 5000);
    EXPECT_EQ_INT(0, progress_idle_ms(&p, 5000));
    EXPECT_EQ_INT(300, progress_idle_ms(&p, 5300));
    progress_note(&p, true, 7, 6000);
    EXPECT_EQ_INT(1500, progress_idle_ms(&p, 6500)); // from when it was seen first
}

static void test_progress_resets(void) {
    struct progress p = {.idle = false};
    progress_note(&p, true, 7, 1000);
    progress_note(&p, true, 8, 2000); // something has begun
    EXPECT_EQ_INT(500, progress_idle_ms(&p, 2500));
    progress_note(&p, true, 3, 3000); // a worker is gone, and its count with it
    EXPECT_EQ_INT(0, progress_idle_ms(&p, 3000));
    progress_note(&p, false, 3, 4000); // nothing that could start
    EXPECT_EQ_INT(0, progress_idle_ms(&p, 9000));
    progress_note(&p, true, 3, 9000);
    EXPECT_EQ_INT(1, progress_idle_ms(&p, 9001));
}

static void test_limit(void) {
    static const struct {
        int64_t idle_ms, limit_ms;
        enum ready_code code;
    } rows[] = {
        {0, 60000, READY_YES},         {59999, 60000, READY_YES}, {60000, 60000, READY_STALLED},
        {60001, 60000, READY_STALLED}, {INT64_MAX, 0, READY_YES}, // switched off
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct ready_facts facts = {.idle_ms = rows[i].idle_ms, .limit_ms = rows[i].limit_ms};
        EXPECT_EQ_INT(rows[i].code, ready_decide(&facts));
    }
}

static void test_order(void) {
    struct ready_facts facts = {
        .starting = true, .draining = true, .store_down = true, .idle_ms = 9, .limit_ms = 9};
    EXPECT_EQ_INT(READY_DRAINING, ready_decide(&facts));
    facts.draining = false;
    EXPECT_EQ_INT(READY_STARTING, ready_decide(&facts));
    facts.starting = false;
    EXPECT_EQ_INT(READY_STORE, ready_decide(&facts));
    facts.store_down = false;
    EXPECT_EQ_INT(READY_STALLED, ready_decide(&facts));
    EXPECT_EQ_STR("stalled", ready_code_name(READY_STALLED));
    EXPECT_NULL(ready_code_name(READY_COUNT));
}

static const struct expect_test tests[] = {
    {"idle time begins when it is seen", test_idle_begins_when_seen},
    {"what begins, and what cannot, ends it", test_progress_resets},
    {"the limit and a millisecond less", test_limit},
    {"the most decisive reason first", test_order},
};

SUITE_MAIN("ready", tests)
