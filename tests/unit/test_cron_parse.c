// Cron expressions and time zones: what is taken, and what is said about the rest.

#include <errno.h>

#include "core/cron.h"
#include "expect.h"

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
        struct cron c;
        EXPECT_EQ_INT(0, cron_parse(good[i], &c, &e));
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
        {"H * * * *", "the minute, column 1: H is not known here; `jitter` spreads schedules"},
        {"0 H(0-7) * * *", "`jitter`"},
        {"0 0 * HUH *", "this is no value"},
        {"MON * * * *", "this is no value"},
        {"0 0 L-3 * *", "does not belong"},
        {"0 0 W * *", "this is no value"},
        {"0 0 MON * *", "this is no value"},
        {"0 0 1#1 * *", "does not belong"},
        {"0 0 * FOO *", "this is no value"},
        {"0 0 * JANUARY *", "the month, column 10: this does not belong here"},
        {"0 0 * * L", "L needs a weekday in front, such as FRIL"},
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
        {"@every 1500ms", "whole seconds"},
        {"@every 3651d", "3650d at most"},
        {"@every 90s x", "at least 1s"},
        {"TZ=/etc/passwd @daily", "time zone"},
        {"TZ=../x @daily", "time zone"},
        {"CRON_TZ= @daily", "time zone"},
        {"TZ=UTC", "found 0 fields"},
        {"TZ=UTC\n@daily", "time zone"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {0};
        struct cron c;
        EXPECT_EQ_INT(-EINVAL, cron_parse(rows[i].text, &c, &e));
        EXPECT_CONTAINS(rows[i].words, e.msg);
    }
}

static void test_length(void) {
    char text[CRON_TEXT_MAX + 2];
    struct cron c;
    memset(text, ' ', sizeof text);
    memcpy(text, "@daily", 6);
    text[CRON_TEXT_MAX] = '\0';
    EXPECT_EQ_INT(0, cron_parse(text, &c, NULL));
    memset(text, ' ', sizeof text);
    memcpy(text, "@daily", 6);
    text[CRON_TEXT_MAX + 1] = '\0';
    EXPECT_EQ_INT(-EINVAL, cron_parse(text, &c, NULL));
}

/* What comes out, bit by bit. */
static void test_result(void) {
    struct cron c;
    EXPECT_EQ_INT(0, cron_parse("CRON_TZ=Europe/Berlin 5 1,3-5 2/10,LW,15w JAN-MAR sun,MON#2,friL",
                                &c, NULL));
    EXPECT_EQ_INT(CRON_TIMES, c.kind);
    EXPECT_EQ_STR("Europe/Berlin", c.zone);
    EXPECT_EQ_UINT(1, c.seconds);
    EXPECT_EQ_UINT(1 << 5, c.minutes);
    EXPECT_EQ_UINT(1 << 1 | 1 << 3 | 1 << 4 | 1 << 5, c.hours);
    EXPECT_EQ_UINT(1 << 2 | 1 << 12 | 1 << 22, c.days);
    EXPECT_EQ_UINT(1 << 15, c.near_days);
    EXPECT_TRUE(c.last_workday && !c.last_day && !c.day_open && !c.weekday_open && c.fixed);
    EXPECT_EQ_UINT(1 << 1 | 1 << 2 | 1 << 3, c.months);
    EXPECT_EQ_UINT(1, c.weekdays);
    EXPECT_EQ_UINT(1 << 1, c.nth_weekdays[1]);
    EXPECT_EQ_UINT(1 << 5, c.last_weekdays);
    EXPECT_EQ_INT(0, cron_parse("@every 1h", &c, NULL));
    EXPECT_EQ_INT(CRON_EVERY, c.kind);
    EXPECT_EQ_INT(3600, c.every);
    EXPECT_EQ_INT(0, cron_parse("TZ=UTC @reboot", &c, NULL));
    EXPECT_EQ_INT(CRON_REBOOT, c.kind);
    EXPECT_EQ_STR("UTC", c.zone);
}

static void test_fixed(void) {
    static const struct {
        const char *text;
        bool fixed;
    } rows[] = {
        {"30 2 * * *", true},    {"0-59 2 * * *", true},   {"0 2 */2 * *", true},
        {"* 2 * * *", false},    {"30 * * * *", false},    {"*/5 2 * * *", false},
        {"30 */2 * * *", false}, {"5,*/9 1 * * *", false}, {"0 30 2 * * *", true},
        {"* 30 2 * * *", false}, {"@daily", true},         {"@hourly", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cron c;
        EXPECT_EQ_INT(0, cron_parse(rows[i].text, &c, NULL));
        EXPECT_EQ_INT(rows[i].fixed, c.fixed);
    }
}

static void test_warnings(void) {
    static const struct {
        const char *text;
        bool days_and;
        const char *words, *more;
    } rows[] = {
        {"*/15 0 */2 * *", false, NULL, NULL},
        {"*/90 * * * *", false, "the minute, column 3: the step 90 is longer than the field", NULL},
        {"0 1-5/24 * * *", false, "the hour, column 7: the step 24", NULL},
        {"0 0 */2 * MON", false, "either matches", NULL},
        {"0 0 1 * */2", false, "either matches", NULL},
        {"0 0 */2 * MON", true, NULL, NULL},
        {"0 0 1 * MON", false, NULL, NULL},
        {"0 0 */2 * ?", false, NULL, NULL},
        {"*/90 0 */2 * MON", false, "the step 90", "either matches"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cron c;
        const char *want[] = {rows[i].words, rows[i].more, NULL};
        EXPECT_EQ_INT(0, cron_parse(rows[i].text, &c, NULL));
        for (int n = 0; n < 3; n++) {
            char note[CRON_NOTE_MAX] = "";
            EXPECT_EQ_INT(want[n] != NULL, cron_warning(&c, rows[i].days_and, n, note));
            EXPECT_CONTAINS(want[n] == NULL ? "" : want[n], note);
            if (want[n] == NULL) {
                break;
            }
        }
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
            struct cron c;
            bool good = v >= bounds[f][0] && v <= bounds[f][1];
            EXPECT_EQ_INT(good ? 0 : -EINVAL, cron_parse(text, &c, NULL));
        }
    }
}

static const struct expect_test tests[] = {
    {"expressions that are taken", test_good},
    {"expressions that are refused", test_bad},
    {"the bounds of each field", test_bounds},
    {"the longest text", test_length},
    {"what comes out", test_result},
    {"fixed times", test_fixed},
    {"warnings", test_warnings},
};
SUITE_MAIN("cron_parse", tests)
