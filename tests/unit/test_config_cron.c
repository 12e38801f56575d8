// Cron expressions and time zones: what is taken, and what is said about the rest.

#include "config_test.h"
#include "expect.h"

#include "config/config_cron.h"

static void test_good(void) {
    static const char *const good[] = {
        "* * * * *",
        "0 0 1 1 0",
        "59 23 31 12 7",
        "0 59 23 31 12 7",
        " 0 0 * * * ",
        "0\t0 \t* * *",
        "05 08 * * *",
        "*/15,7 * * * *",
        "5/15 * * * *",
        "*/90 * * * *",
        "1-10/3,20 * * * *",
        "1,1 * * * 7,0",
        "0 0 ? * *",
        "0 0 * * ?",
        "0 0 * jan-Dec sun-SAT",
        "0 0 * * SAT-SUN",
        "0 0 * * SUN-MON",
        "0 0 * * 0-7",
        "0 0 * * MON#1,FRI#5",
        "0 0 * * 1,3#2",
        "0 0 * * friL,5L",
        "0 0 L * *",
        "0 0 LW * *",
        "0 0 lw,15W,31W * *",
        "0 0 29 2 *",
        "0 0 30 1,2 *",
        "0 0 30 2 MON",
        "0 0 30 2 */2",
        "0 0 L 2 *",
        "@yearly",
        "@Daily",
        " @midnight ",
        "@reboot",
        "@every 90s",
        "@every 1h30m",
        "CRON_TZ=Europe/Berlin 0 9 * * MON#1",
        "TZ=UTC @daily",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct err e = {0};
        EXPECT_EQ_INT(0, config_cron_check(good[i], &e));
        EXPECT_EQ_STR("", e.msg);
    }
}

static void test_bad(void) {
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"", "found 0 fields"},
        {"* * * *", "found 4 fields"},
        {"* * * * * * *", "found 7 fields"},
        {"60 * * * *", "the minute, column 1: out of range; allowed is 0 to 59"},
        {"0 24 * * *", "the hour, column 3: out of range; allowed is 0 to 23"},
        {"0 0 0 * *", "the day, column 5: out of range; allowed is 1 to 31"},
        {"0 0 32 * *", "the day, column 5"},
        {"0 0 * 0 *", "the month, column 7"},
        {"0 0 * 13 *", "the month, column 7: out of range; allowed is 1 to 12, JAN to DEC"},
        {"0 0 * * 8", "the weekday, column 9"},
        {"60 0 0 * * *", "the second, column 1"},
        {"0 60 0 * * *", "the minute, column 3"},
        {"99999999999999999999 * * * *", "out of range"},
        {"CRON_TZ=UTC 99 * * * *", "the minute, column 13"},
        {"*/0 * * * *", "the minute, column 3: a step is a number from 1 on"},
        {"*/ * * * *", "a step is a number"},
        {"*/-1 * * * *", "a step is a number"},
        {"1//2 * * * *", "a step is a number"},
        {"1/2/3 * * * *", "the minute, column 4: this does not belong here"},
        {"5-1 * * * *", "the minute, column 1: the range goes backwards; write two"},
        {"0 0 * * FRI-MON", "goes backwards"},
        {"1- * * * *", "the minute, column 3: a value is missing"},
        {"-1 * * * *", "this is no value"},
        {"+1 * * * *", "this is no value"},
        {"1.5 * * * *", "does not belong"},
        {"0x1 * * * *", "does not belong"},
        {"1-2-3 * * * *", "does not belong"},
        {"1,,2 * * * *", "the minute, column 3: a value is missing"},
        {"1, * * * *", "a value is missing"},
        {"** * * * *", "does not belong"},
        {"*-5 * * * *", "does not belong"},
        {"? * * * *", "the minute, column 1: this is no value"},
        {"L * * * *", "this is no value"},
        {"H * * * *", "this is no value"},
        {"MON * * * *", "this is no value"},
        {"0 0 L-3 * *", "does not belong"},
        {"0 0 W * *", "this is no value"},
        {"0 0 MON * *", "this is no value"},
        {"0 0 1#1 * *", "does not belong"},
        {"0 0 * FOO *", "this is no value"},
        {"0 0 * JANUARY *", "the month, column 10: this does not belong here"},
        {"0 0 * * L", "this is no value"},
        {"0 0 * * 1#0", "# needs a number from 1 to 5"},
        {"0 0 * * 1#6", "# needs a number from 1 to 5"},
        {"0 0 * * 1#", "# needs a number"},
        {"0 0 * * MONDAY", "does not belong"},
        {"0 0 * * 1W", "does not belong"},
        {"0 0 1 1 * 2026", "the weekday, column 11"},
        {"0 0 30 2 *", "never comes"},
        {"0 0 30 FEB ?", "never comes"},
        {"0 0 31 2,4 *", "never comes"},
        {"0 0 0 31 4,6,9,11 *", "never comes"},
        {"0 0 31W 2 *", "never comes"},
        {"@fortnightly", "unknown macro"},
        {"@daily x", "unknown macro"},
        {"@", "unknown macro"},
        {"@every", "unknown macro"},
        {"@every 999ms", "at least 1s"},
        {"@every x", "at least 1s"},
        {"TZ=/etc/passwd @daily", "time zone"},
        {"TZ=../x @daily", "time zone"},
        {"CRON_TZ= @daily", "time zone"},
        {"TZ=UTC", "found 0 fields"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {0};
        EXPECT_EQ_INT(-EINVAL, config_cron_check(rows[i].text, &e));
        EXPECT_CONTAINS(rows[i].words, e.msg);
    }
}

/* Every value of every field, and the next one. */
static void test_bounds(void) {
    static const int bounds[6][2] = {{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}};
    for (int f = 0; f < 6; f++) {
        for (int v = -1; v <= 61; v++) {
            char text[64] = "";
            size_t len = 0;
            for (int i = 0; i < 6; i++) {
                len += (size_t)snprintf(text + len, sizeof text - len, i == f ? "%d " : "* ", v);
            }
            bool good = v >= bounds[f][0] && v <= bounds[f][1];
            EXPECT_EQ_INT(good ? 0 : -EINVAL, config_cron_check(text, NULL));
        }
    }
}

static void test_zones(void) {
    static const struct {
        const char *zone, *words;
    } rows[] = {
        {"UTC", NULL},
        {"Europe/Berlin", NULL},
        {"America/Argentina/Ushuaia", NULL},
        {"Europe/Berln", "there is no time zone \"Europe/Berln\"; did you mean \"Europe/Berlin\"?"},
        {"europe/berlin", "did you mean \"Europe/Berlin\"?"},
        {"Berlin", "did you mean \"Europe/Berlin\"?"},
        {"Europe", "there is no time zone \"Europe\""},
        {"tzdata.zi", "there is no time zone"}, // a file, but none of a zone
        {"Middle/Earth", "there is no time zone \"Middle/Earth\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {0};
        EXPECT_EQ_INT(rows[i].words == NULL ? 0 : -ENOENT,
                      config_zone_check(rows[i].zone, true, &e));
        EXPECT_CONTAINS(rows[i].words == NULL ? "" : rows[i].words, e.msg);
    }
    struct err e = {0};
    EXPECT_EQ_INT(-ENOENT, config_zone_check("Europe/Berln", false, &e));
    EXPECT_EQ_STR("there is no time zone \"Europe/Berln\"", e.msg);
    setenv("TZDIR", "/no/such", 1);
    EXPECT_EQ_INT(0, config_zone_check("UTC", true, NULL));
    EXPECT_EQ_INT(-ENOENT, config_zone_check("Europe/Berlin", true, &e));
    EXPECT_CONTAINS("install tzdata", e.msg);
    unsetenv("TZDIR");
}

static const struct expect_test tests[] = {
    {"expressions that are taken", test_good},
    {"expressions that are refused", test_bad},
    {"the bounds of each field", test_bounds},
    {"time zones", test_zones},
};
SUITE_MAIN("config_cron", tests)
