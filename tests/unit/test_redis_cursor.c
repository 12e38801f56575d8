#include "expect.h"
#include "store/redis/list_cursor.h"

static void test_round_trip(void) {
    static const struct redis_cursor rows[] = {
        {.narrow = true, .spot = {INT64_MAX, 0x5f3a}, .below = INT64_MAX},
        {.spot = {1700000000000, 1}, .below = INT64_MAX},
        {.spot = {INT64_MAX, INT64_MAX}, .below = 77},
        {.spot = {0, 0}, .below = 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {.head = NULL};
        struct redis_cursor got;
        const char *text = redis_cursor_text(&rows[i], &arena);
        EXPECT_TRUE(redis_cursor_parse(text, &got));
        EXPECT_EQ_INT(rows[i].narrow, got.narrow);
        EXPECT_EQ_INT(rows[i].spot.ms, got.spot.ms);
        EXPECT_EQ_INT(rows[i].spot.order, got.spot.order);
        EXPECT_EQ_INT(rows[i].below, got.below);
        EXPECT_EQ_STR(text, redis_cursor_text(&got, &arena));
        arena_free(&arena);
    }
}

static void test_hostile(void) {
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"i0", true},
        {"w0-0", true},
        {"w7fffffffffffffff-7fffffffffffffff-7fffffffffffffff", true},
        {"i0000000000000001", true}, // 16 digits
        {"i00000000000000001", false},
        {"i8000000000000000", false},
        {"", false},
        {"i", false},
        {"w", false},
        {"x1", false},
        {"i1 ", false},
        {"i1-2", false},
        {"iF", false},
        {"i-1", false},
        {"w1", false},
        {"w1-", false},
        {"w1-2-", false},
        {"w1-2-3-4", false},
        {"w1-2-3 ", false},
        {"w-1-2", false},
        {"w1--2", false},
        {"w8000000000000000-1", false},
    };
    struct redis_cursor got;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!EXPECT_EQ_INT(rows[i].good, redis_cursor_parse(rows[i].text, &got))) {
            (void)printf("    \"%s\"\n", rows[i].text);
        }
    }
    EXPECT_TRUE(redis_cursor_parse(NULL, &got));
    EXPECT_EQ_INT(INT64_MAX, got.spot.ms);
}

static const struct expect_test tests[] = {
    {"what was written is read", test_round_trip},
    {"what comes from outside may be anything", test_hostile},
};
SUITE_MAIN("redis_cursor", tests)
