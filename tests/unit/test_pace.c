#include "core/pace.h"

#include <errno.h>

#include "base/bytes.h"
#include "expect.h"

static const struct pace_rate fifty = {50, 1000};

static void test_texts(void) {
    static const struct {
        const char *text;
        uint32_t count;
        int64_t per_ms;
    } good[] = {{"50/s", 50, 1000},
                {"1/s", 1, 1000},
                {"30/min", 30, 60000},
                {"6/h", 6, 3600000},
                {"1000000/s", PACE_COUNT_MAX, 1000}};
    static const char *const bad[] = {
        "",      "50",   "/s",    "50/", "50/d",    "0/s",       "50 /s",
        "50/s ", "-5/s", "1.5/s", "x/s", "50/mins", "1000001/s", "99999999999999999999/s"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct pace_rate r = {0};
        char text[PACE_TEXT_MAX];
        EXPECT_EQ_INT(0, pace_parse(good[i].text, &r));
        EXPECT_EQ_UINT(good[i].count, r.count);
        EXPECT_EQ_INT(good[i].per_ms, r.per_ms);
        pace_format(&r, text);
        EXPECT_EQ_STR(good[i].text, text);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct pace_rate r = {7, 7};
        EXPECT_EQ_INT(-EINVAL, pace_parse(bad[i], &r));
        EXPECT_EQ_UINT(7, r.count);
    }
}

static void test_durations(void) {
    EXPECT_EQ_INT(20000, pace_duration_ms(&fifty, 1000));
    EXPECT_EQ_INT(20, pace_duration_ms(&fifty, 1));
    EXPECT_EQ_INT(0, pace_duration_ms(&fifty, 0));
    EXPECT_EQ_INT(334, pace_duration_ms(&(struct pace_rate){3, 1000}, 1)); // upwards
    EXPECT_EQ_INT(INT64_MAX / 2, pace_duration_ms(&fifty, INT64_MAX));
    EXPECT_EQ_INT(0, pace_duration_ms(&(struct pace_rate){0, 1000}, 5));
}

static void test_off(void) {
    struct pace p = {.level = 0};
    EXPECT_FALSE(pace_is_on(&p));
    EXPECT_EQ_UINT(UINT32_MAX, pace_room(&p));
    pace_take(&p, 5);
    pace_give(&p, 5);
    pace_fill(&p, 1000);
    EXPECT_EQ_UINT(UINT32_MAX, pace_room(&p));
}

static void test_one_after_the_other(void) {
    struct pace p;
    pace_begin(&p, &fifty, 1000);
    EXPECT_EQ_UINT(1, pace_room(&p));
    pace_take(&p, 1);
    EXPECT_EQ_UINT(0, pace_room(&p));
    EXPECT_EQ_INT(1020, pace_next_ms(&p));
    pace_fill(&p, 1019);
    EXPECT_EQ_UINT(0, pace_room(&p));
    EXPECT_EQ_INT(1020, pace_next_ms(&p));
    pace_fill(&p, 1020);
    EXPECT_EQ_UINT(1, pace_room(&p));
    EXPECT_TRUE(pace_next_ms(&p) <= 1020);
    pace_fill(&p, 900); // a clock that steps back gives nothing, and takes nothing
    EXPECT_EQ_UINT(1, pace_room(&p));
}

// What nobody took makes no burst: a tenth of a second of it is kept, or one.
static void test_kept(void) {
    struct pace p;
    pace_begin(&p, &fifty, 0);
    pace_fill(&p, 1000000);
    EXPECT_EQ_UINT(5, pace_room(&p));
    pace_give(&p, 3);
    EXPECT_EQ_UINT(5, pace_room(&p));
    pace_begin(&p, &(struct pace_rate){6, 3600000}, 0);
    pace_fill(&p, INT64_MAX);
    EXPECT_EQ_UINT(1, pace_room(&p));
    pace_begin(&p, &(struct pace_rate){PACE_COUNT_MAX, 1000}, 0);
    pace_fill(&p, INT64_MAX);
    EXPECT_EQ_UINT(PACE_COUNT_MAX / 10, pace_room(&p));
}

static void test_given_back(void) {
    struct pace p;
    pace_begin(&p, &fifty, 0);
    pace_fill(&p, 60);
    EXPECT_EQ_UINT(4, pace_room(&p));
    pace_take(&p, 4);
    pace_give(&p, 2);
    EXPECT_EQ_UINT(2, pace_room(&p));
}

// Whoever asks whenever: never more than rate * t + 1, and near it when all is taken at once.
static void test_bound(void) {
    static const struct pace_rate rates[] = {{1, 1000},  {7, 1000},     {50, 1000},   {999, 1000},
                                             {3, 60000}, {5000, 60000}, {20000, 1000}};
    static const int64_t steps[] = {1, 3, 19, 20, 21, 250, 4001};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
            struct pace p;
            int64_t taken = 0, t = 0;
            pace_begin(&p, &rates[i], 5);
            for (int turn = 0; turn < 3000; turn++, t += steps[k]) {
                pace_fill(&p, 5 + t);
                taken += pace_room(&p);
                pace_take(&p, pace_room(&p));
                EXPECT_TRUE(taken <= t * rates[i].count / rates[i].per_ms + 1);
            }
            if (steps[k] == 1) {
                EXPECT_TRUE(taken >= (t - 1) * rates[i].count / rates[i].per_ms);
            }
        }
    }
}

static const struct expect_test tests[] = {
    {"rates as texts", test_texts},
    {"how long so many take", test_durations},
    {"none at all", test_off},
    {"one after the other", test_one_after_the_other},
    {"what is not taken is kept for a moment", test_kept},
    {"what was not needed comes back", test_given_back},
    {"never more than the rate, whoever asks when", test_bound},
};
SUITE_MAIN("pace", tests)
