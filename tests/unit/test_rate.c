#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rate.h"
#include "expect.h"

static const struct rate_rule rule = {.every_us = 1000, .burst = 3};

static void test_burst(void) {
    struct rates *r = calloc(1, sizeof *r);
    int64_t now = 5000000;
    EXPECT_EQ_INT(0, rate_look(r, "a", 1, &rule, now));
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ_INT(0, rate_take(r, "a", 1, &rule, now));
    }
    EXPECT_EQ_INT(1000, rate_take(r, "a", 1, &rule, now));
    EXPECT_EQ_INT(1000, rate_take(r, "a", 1, &rule, now)); // who is refused loses nothing
    EXPECT_EQ_INT(400, rate_look(r, "a", 1, &rule, now + 600));
    EXPECT_EQ_INT(0, rate_take(r, "b", 1, &rule, now));
    EXPECT_EQ_INT(0, rate_take(r, "a", 1, &rule, now + 1000));
    EXPECT_EQ_INT(1000, rate_take(r, "a", 1, &rule, now + 1000));
    now += 1000000; // never more than the burst
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ_INT(0, rate_take(r, "a", 1, &rule, now));
    }
    EXPECT_EQ_INT(1000, rate_take(r, "a", 1, &rule, now));
    free(r);
}

// However many come: those that ask the most keep their places.
static void test_many(void) {
    struct rates *r = calloc(1, sizeof *r);
    const struct rate_rule slow = {.every_us = 1000000, .burst = 100};
    char name[16];
    r->seed = 77;
    for (int i = 0; i < 100; i++) {
        EXPECT_EQ_INT(0, rate_take(r, "greedy", 6, &slow, 10));
    }
    for (int i = 0; i < 100000; i++) {
        int len = snprintf(name, sizeof name, "%d", i);
        EXPECT_EQ_INT(0, rate_take(r, name, (size_t)len, &slow, 10));
    }
    EXPECT_TRUE(rate_take(r, "greedy", 6, &slow, 10) > 0);
    free(r);
}

static const struct expect_test tests[] = {
    {"a burst, and then one every so often", test_burst},
    {"many names take no place of who asks much", test_many},
};
SUITE_MAIN("rate", tests)
