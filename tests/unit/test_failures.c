// Who is limited for what was refused: he alone, at that hook alone, for the rest of the minute; and the table does not grow.
#include "intake/failures.h"

#include <stdio.h>

#include "expect.h"

static struct failures table;

static uint64_t who(const char *hook, const char *peer) {
    return failures_who(&table, hook, peer);
}

static void add(const char *hook, const char *peer, int count, int64_t now_ms) {
    for (int i = 0; i < count; i++) {
        failures_add(&table, who(hook, peer), now_ms);
    }
}

static int64_t wait_ms(const char *hook, const char *peer, int64_t now_ms) {
    return failures_wait_ms(&table, who(hook, peer), 10, now_ms);
}

static void test_one(void) {
    failures_init(&table, 7);
    EXPECT_FALSE(failures_any(&table, 1000));
    add("git", "192.0.2.1", 9, 1000);
    EXPECT_TRUE(failures_any(&table, 1000));
    EXPECT_EQ_INT(0, wait_ms("git", "192.0.2.1", 1000));
    add("git", "192.0.2.1", 1, 21000);
    EXPECT_EQ_INT(40000, wait_ms("git", "192.0.2.1", 21000));
    EXPECT_EQ_INT(1, wait_ms("git", "192.0.2.1", 60999));
    EXPECT_EQ_INT(0, wait_ms("git", "192.0.2.1", 61000));
    add("git", "192.0.2.1", 1, 61000);
    EXPECT_EQ_INT(0, wait_ms("git", "192.0.2.1", 61000));
    EXPECT_FALSE(failures_any(&table, 121000));
}

static void test_others(void) {
    failures_init(&table, 7);
    add("git", "192.0.2.1", 10000, 1000);
    EXPECT_TRUE(wait_ms("git", "192.0.2.1", 1000) > 0);
    EXPECT_EQ_INT(0, wait_ms("git", "192.0.2.2", 1000));
    EXPECT_EQ_INT(0, wait_ms("pay", "192.0.2.1", 1000));
    EXPECT_EQ_INT(0, wait_ms("git", "unix", 1000));
    EXPECT_EQ_INT(0, failures_wait_ms(&table, who("git", "192.0.2.1"), 0, 1000));
    add("git", "2001:db8:1:2::1", 10, 1000);
    EXPECT_TRUE(wait_ms("git", "2001:db8:1:2:ffff::9", 1000) > 0);
    EXPECT_EQ_INT(0, wait_ms("git", "2001:db8:1:3::1", 1000));
}

// Whoever has failed most is forgotten last.
static void test_many(void) {
    failures_init(&table, 7);
    add("git", "192.0.2.1", 1000, 1000);
    for (unsigned i = 0; i < 100000; i++) {
        char peer[32];
        (void)snprintf(peer, sizeof peer, "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
        add("git", peer, 1, 1000);
    }
    EXPECT_TRUE(wait_ms("git", "192.0.2.1", 1000) > 0);
}

static const struct expect_test tests[] = {
    {"one that fails", test_one},
    {"others are not concerned", test_others},
    {"very many addresses", test_many},
};

SUITE_MAIN("failures", tests)
