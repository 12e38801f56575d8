// The calendar, against a walk from day to day.

#include "base/civil.h"
#include "expect.h"

/* Seven centuries around 1970, with three that are leap years and four that are none. */
static void test_walk(void) {
    struct civil c = {1600, 1, 1};
    int64_t days = civil_days(1600, 1, 1);
    EXPECT_EQ_INT(-135140, days);
    EXPECT_EQ_INT(6, civil_weekday(days));
    int wrong = 0;
    for (int weekday = 6; c.year < 2300; days++, weekday = (weekday + 1) % 7) {
        struct civil got = civil_from_days(days);
        wrong += got.year != c.year || got.month != c.month || got.day != c.day ||
                 civil_days(c.year, c.month, c.day) != days || civil_weekday(days) != weekday;
        if (++c.day > civil_month_length(c.year, c.month)) {
            c.day = 1;
            c.year += c.month == 12;
            c.month = c.month % 12 + 1;
        }
    }
    EXPECT_EQ_INT(0, wrong);
}

static void test_leap(void) {
    EXPECT_TRUE(civil_is_leap(2000) && civil_is_leap(2400) && civil_is_leap(2028));
    EXPECT_FALSE(civil_is_leap(2100) || civil_is_leap(1900) || civil_is_leap(2026));
}

static void test_floor(void) {
    EXPECT_EQ_INT(-1, civil_floor(-1, 10));
    EXPECT_EQ_INT(-1, civil_floor(-10, 10));
    EXPECT_EQ_INT(-2, civil_floor(-11, 10));
    EXPECT_EQ_INT(0, civil_floor(9, 10));
    EXPECT_EQ_INT(1, civil_floor(10, 10));
}

static const struct expect_test tests[] = {
    {"day by day", test_walk},
    {"leap years", test_leap},
    {"rounding", test_floor},
};
SUITE_MAIN("civil", tests)
