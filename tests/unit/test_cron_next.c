// When expressions are due: the calendar, and what happens where clocks change.
//
// Times are written as the zone's clocks show them, "03-29 03:00"; behind it "<02:30" is the local time that a gap has moved,
// "'1" and "'2" are the passes of an overlap, and "-" stands for a time that is left out.

#include "base/bytes.h"
#include "base/civil.h"
#include "base/rfc3339.h"
#include "core/cron.h"
#include "expect.h"
#include "zones.h"

enum date { NO_DATE, MONTHS, YEARS };

static void write_local(int64_t local, enum date date, char out[32]) {
    struct civil c = civil_from_days(civil_floor(local, CIVIL_DAY));
    int second = (int)(local - civil_floor(local, CIVIL_DAY) * CIVIL_DAY);
    int len = 0;
    if (date == YEARS) {
        len += snprintf(out, 32, "%d-", (int)c.year);
    }
    if (date != NO_DATE) {
        len += snprintf(out + len, 32 - (size_t)len, "%02d-%02d ", c.month, c.day);
    }
    len += snprintf(out + len, 32 - (size_t)len, "%02d:%02d", second / 3600, second / 60 % 60);
    if (second % 60 != 0) {
        (void)snprintf(out + len, 32 - (size_t)len, ":%02d", second % 60);
    }
}

static void write_time(const struct cron_time *t, bool years, char out[80]) {
    static const char *const ends[CRON_MARK_COUNT] = {"", "", "-", "'1", "'2"};
    char local[32], moved[33] = "<";
    bool skipped = t->mark == CRON_GAP_SKIPPED;
    write_local(skipped ? t->nominal : t->at + t->offset, years ? YEARS : MONTHS, local);
    write_local(t->nominal, NO_DATE, moved + 1);
    (void)snprintf(out, 80, "%s%s%s", local, t->mark == CRON_GAP_MOVED ? moved : "", ends[t->mark]);
}

/* Fires and what is left out, in one row; of two at the same time the latter comes first. */
struct walk {
    const struct cron_rule *rule;
    int64_t fired, skipped;
};

static bool walk_on(struct walk *w, struct cron_time *ret) {
    struct cron_time skipped;
    bool found = cron_next(w->rule, w->fired, ret);
    int64_t until = found ? ret->at : w->skipped + 400 * CIVIL_DAY;
    if (cron_next_skipped(w->rule, w->skipped, until, &skipped)) {
        *ret = skipped;
        w->skipped = skipped.at;
        return true;
    }
    w->fired = found ? ret->at : w->fired;
    return found;
}

struct row {
    const char *expression;
    enum cron_dst dst;
    const char *after; // RFC 3339
    const char *want;  // comes in this order, and nothing else between
};

static void expect_row(const struct zone *zone, const struct row *row, bool years) {
    struct cron cron;
    struct err e = {0};
    int64_t after_ms = 0;
    char got[1024] = "";
    if (!EXPECT_EQ_INT(0, cron_parse(row->expression, &cron, &e)) ||
        !EXPECT_EQ_INT(0, rfc3339_parse(row->after, &after_ms))) {
        (void)printf("%s: %s\n", row->expression, e.msg);
        return;
    }
    struct cron_rule rule = {.cron = &cron, .zone = zone, .dst = row->dst};
    int64_t after = civil_floor(after_ms, 1000);
    struct walk walk = {&rule, after, after};
    struct cron_time t;
    size_t len = 0;
    while (len < strlen(row->want)) {
        char word[80];
        if (!walk_on(&walk, &t)) {
            break;
        }
        write_time(&t, years, word);
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%s", len == 0 ? "" : ", ", word);
    }
    if (!EXPECT_EQ_STR(row->want, got)) {
        (void)printf("%s after %s\n", row->expression, row->after);
    }
}

static void expect_rows(const char *footer, const struct row *rows, size_t count) {
    struct zone *zone = footer == NULL ? NULL : zone_of(footer);
    for (size_t i = 0; i < count; i++) {
        expect_row(zone, &rows[i], footer == NULL);
    }
    zone_free(&zone);
}

#define EXPECT_ROWS(footer, rows) expect_rows(footer, rows, ARRAY_LEN(rows))

// ---- the calendar

static void test_fields(void) {
    static const struct row rows[] = {
        {"* * * * *", 0, "2026-12-31T23:59:00Z", "2027-01-01 00:00, 2027-01-01 00:01"},
        {"* * * * * *", 0, "2026-12-31T23:59:58Z", "2026-12-31 23:59:59, 2027-01-01 00:00"},
        {"*/20 5 4 3 2 *", 0, "2026-01-01T00:00:00Z",
         "2026-02-03 04:05, 2026-02-03 04:05:20, 2026-02-03 04:05:40, 2027-02-03 04:05"},
        {"*/7 * * * *", 0, "2026-01-01T00:49:00Z", "2026-01-01 00:56, 2026-01-01 01:00"},
        {"*/90 * * * *", 0, "2026-01-01T00:00:00Z", "2026-01-01 01:00, 2026-01-01 02:00"},
        {"50/4 22/1 * * *", 0, "2026-01-01T22:50:00Z",
         "2026-01-01 22:54, 2026-01-01 22:58, 2026-01-01 23:50"},
        {"0 0 * JAN/5 *", 0, "2026-01-30T00:00:00Z", "2026-01-31 00:00, 2026-06-01 00:00"},
        {"0 9-17/4,12 * * *", 0, "2026-01-01T09:00:00Z",
         "2026-01-01 12:00, 2026-01-01 13:00, 2026-01-01 17:00, 2026-01-02 09:00"},
        {"59 23 31 12 *", 0, "2026-12-31T23:59:00Z", "2027-12-31 23:59"},
    };
    EXPECT_ROWS(NULL, rows);
}

/* Strictly later than `after`, in whole seconds. */
static void test_after(void) {
    static const struct row rows[] = {
        {"0 12 * * *", 0, "2026-05-01T11:59:59Z", "2026-05-01 12:00"},
        {"0 12 * * *", 0, "2026-05-01T11:59:59.999Z", "2026-05-01 12:00"},
        {"0 12 * * *", 0, "2026-05-01T12:00:00Z", "2026-05-02 12:00"},
        {"0 12 * * *", 0, "2026-05-01T12:00:00.001Z", "2026-05-02 12:00"},
        {"0 12 * * *", 0, "2026-05-01T12:00:01Z", "2026-05-02 12:00"},
    };
    EXPECT_ROWS(NULL, rows);
}

static void test_years(void) {
    static const struct row rows[] = {
        {"0 0 29 2 *", 0, "2026-01-01T00:00:00Z", "2028-02-29 00:00, 2032-02-29 00:00"},
        {"0 0 29 2 *", 0, "2096-03-01T00:00:00Z", "2104-02-29 00:00"},
        {"0 0 29 2 *", 0, "2396-03-01T00:00:00Z", "2400-02-29 00:00"},
        {"0 0 * 2 MON#5", 0, "2026-01-01T00:00:00Z",
         "2044-02-29 00:00, 2072-02-29 00:00, 2112-02-29 00:00"},
        {"0 0 29 2 MON", 0, "2028-02-22T00:00:00Z", "2028-02-28 00:00, 2028-02-29 00:00"},
        {"14 3 * * *", 0, "2038-01-19T03:13:00Z", "2038-01-19 03:14, 2038-01-20 03:14"},
        {"0 0 1 1 *", 0, "1901-12-13T20:45:52Z", "1902-01-01 00:00, 1903-01-01 00:00"},
        {"59 59 23 * * *", 0, "1969-12-31T23:59:58Z", "1969-12-31 23:59:59, 1970-01-01 23:59:59"},
        {"0 0 1 1 *", 0, "9998-06-01T00:00:00Z", "9999-01-01 00:00, 10000-01-01 00:00"},
    };
    EXPECT_ROWS(NULL, rows);
}

static void test_month_ends(void) {
    static const struct row rows[] = {
        {"0 0 31 * *", 0, "2026-01-31T00:00:00Z", "2026-03-31 00:00, 2026-05-31 00:00"},
        {"0 0 30 * *", 0, "2026-01-30T00:00:00Z", "2026-03-30 00:00"},
        {"0 0 L * *", 0, "2026-01-31T00:00:00Z",
         "2026-02-28 00:00, 2026-03-31 00:00, 2026-04-30 00:00"},
        {"0 0 L 2 *", 0, "2027-03-01T00:00:00Z", "2028-02-29 00:00"},
        // 31 January 2026 is a Saturday, 28 February too, 31 May a Sunday
        {"0 0 LW * *", 0, "2026-01-01T00:00:00Z",
         "2026-01-30 00:00, 2026-02-27 00:00, 2026-03-31 00:00, 2026-04-30 00:00, 2026-05-29 "
         "00:00"},
        {"0 0 31W * *", 0, "2026-01-01T00:00:00Z",
         "2026-01-30 00:00, 2026-03-31 00:00, 2026-05-29 00:00"},
        {"0 0 1W * *", 0,
         "2026-01-15T00:00:00Z", // Sundays, Wednesday, Friday, Monday, Wednesday, Saturday
         "2026-02-02 00:00, 2026-03-02 00:00, 2026-04-01 00:00, 2026-05-01 00:00, 2026-06-01 "
         "00:00, "
         "2026-07-01 00:00, 2026-08-03 00:00"},
        {"0 0 15W * *", 0, "2026-01-16T00:00:00Z", // Sundays, Wednesday, Friday
         "2026-02-16 00:00, 2026-03-16 00:00, 2026-04-15 00:00, 2026-05-15 00:00"},
        {"0 0 14W 2 *", 0, "2026-01-16T00:00:00Z", "2026-02-13 00:00"}, // a Saturday
        {"0 0 28W,29W 2 *", 0, "2026-01-01T00:00:00Z", "2026-02-27 00:00, 2027-02-26 00:00"},
        {"0 0 L,15 * *", 0, "2026-02-01T00:00:00Z", "2026-02-15 00:00, 2026-02-28 00:00"},
    };
    EXPECT_ROWS(NULL, rows);
}

static void test_weekdays(void) {
    static const struct row rows[] = {
        {"0 0 * * 0", 0, "2026-02-01T00:00:00Z", "2026-02-08 00:00"},
        {"0 0 * * 7", 0, "2026-02-01T00:00:00Z", "2026-02-08 00:00"},
        {"0 0 * * 0,7", 0, "2026-02-01T00:00:00Z", "2026-02-08 00:00, 2026-02-15 00:00"},
        {"0 0 * * 5-7", 0, "2026-02-01T00:00:00Z",
         "2026-02-06 00:00, 2026-02-07 00:00, 2026-02-08 00:00, 2026-02-13 00:00"},
        {"0 0 * * SAT-SUN", 0, "2026-02-02T00:00:00Z",
         "2026-02-07 00:00, 2026-02-08 00:00, 2026-02-14 00:00"},
        {"0 0 * * SUN-MON", 0, "2026-02-02T00:00:00Z", "2026-02-08 00:00, 2026-02-09 00:00"},
        {"0 0 * * 0-7", 0, "2026-02-02T00:00:00Z", "2026-02-03 00:00, 2026-02-04 00:00"},
        {"0 0 * * */2", 0, "2026-02-01T00:00:00Z",
         "2026-02-03 00:00, 2026-02-05 00:00, 2026-02-07 00:00, 2026-02-08 00:00"},
        {"0 0 * * MON#5", 0, "2026-02-01T00:00:00Z", "2026-03-30 00:00, 2026-06-29 00:00"},
        {"0 0 * * SUN#1", 0, "2026-01-31T00:00:00Z", "2026-02-01 00:00, 2026-03-01 00:00"},
        {"0 0 * * 7#1,0#5", 0, "2026-02-01T00:00:00Z",
         "2026-03-01 00:00, 2026-03-29 00:00, 2026-04-05 00:00"},
        {"0 0 * * 1,3#2", 0, "2026-02-02T00:00:00Z",
         "2026-02-09 00:00, 2026-02-11 00:00, 2026-02-16 00:00"},
        {"0 0 * 2 SATL", 0, "2026-02-02T00:00:00Z", "2026-02-28 00:00, 2027-02-27 00:00"},
        {"0 0 * 2 0L,7L", 0, "2026-02-02T00:00:00Z", "2026-02-22 00:00, 2027-02-28 00:00"},
        {"0 0 * * 2/2", 0, "2026-02-02T00:00:00Z",
         "2026-02-03 00:00, 2026-02-05 00:00, 2026-02-07 00:00, 2026-02-10 00:00"},
    };
    EXPECT_ROWS(NULL, rows);
}

static void test_day_or(void) {
    static const struct row rows[] = {
        {"0 0 13 * FRI", 0, "2026-02-01T00:00:00Z",
         "2026-02-06 00:00, 2026-02-13 00:00, 2026-02-20 00:00, 2026-02-27 00:00, 2026-03-06 "
         "00:00"},
        {"0 0 */10 * MON", 0, "2026-02-01T00:00:00Z", // 1, 11, 21, 31
         "2026-02-02 00:00, 2026-02-09 00:00, 2026-02-11 00:00, 2026-02-16 00:00, 2026-02-21 "
         "00:00"},
        {"0 0 10 * ?", 0, "2026-02-01T00:00:00Z", "2026-02-10 00:00, 2026-03-10 00:00"},
        {"0 0 ? * MON", 0, "2026-02-01T00:00:00Z", "2026-02-02 00:00, 2026-02-09 00:00"},
        {"0 0 1-31 * MON", 0, "2026-02-03T00:00:00Z", "2026-02-04 00:00, 2026-02-05 00:00"},
        {"0 0 10 * 0-6", 0, "2026-02-03T00:00:00Z", "2026-02-04 00:00, 2026-02-05 00:00"},
        {"0 0 30 2 MON", 0, "2026-02-01T00:00:00Z", "2026-02-02 00:00, 2026-02-09 00:00"},
    };
    EXPECT_ROWS(NULL, rows);
}

static void test_day_and(void) {
    struct cron cron;
    struct cron_time t;
    EXPECT_EQ_INT(0, cron_parse("0 0 13 * FRI", &cron, NULL));
    struct cron_rule rule = {.cron = &cron, .days_and = true};
    EXPECT_TRUE(cron_next(&rule, 1771200000, &t)); // 16 February 2026
    EXPECT_EQ_INT(1773360000, t.at);               // Friday, 13 March
    EXPECT_EQ_INT(0, cron_parse("0 0 29 2 MON", &cron, NULL));
    EXPECT_TRUE(cron_next(&rule, 3318537600, &t)); // 28 February 2075
    EXPECT_EQ_INT(INT64_C(4486147200), t.at);      // 2112: 2100 was no leap year
    EXPECT_TRUE(cron_comes(&rule));
    EXPECT_EQ_INT(0, cron_parse("0 0 15 * MON#1", &cron, NULL));
    EXPECT_FALSE(cron_comes(&rule));
    EXPECT_FALSE(cron_next(&rule, 0, &t));
    rule.days_and = false;
    EXPECT_TRUE(cron_comes(&rule));
}

static void test_macros(void) {
    static const struct row rows[] = {
        {"@yearly", 0, "2026-02-01T00:00:00Z", "2027-01-01 00:00"},
        {"@annually", 0, "2026-02-01T00:00:00Z", "2027-01-01 00:00"},
        {"@monthly", 0, "2026-02-01T00:00:00Z", "2026-03-01 00:00"},
        {"@weekly", 0, "2026-02-01T00:00:00Z", "2026-02-08 00:00"},
        {"@daily", 0, "2026-02-01T00:00:00Z", "2026-02-02 00:00"},
        {"@midnight", 0, "2026-02-01T00:00:00Z", "2026-02-02 00:00"},
        {"@Hourly", 0, "2026-02-01T00:00:00Z", "2026-02-01 01:00"},
    };
    EXPECT_ROWS(NULL, rows);
    struct cron cron;
    struct cron_time t;
    struct cron_rule rule = {.cron = &cron, .anchor = 1000};
    EXPECT_EQ_INT(0, cron_parse("@reboot", &cron, NULL));
    EXPECT_FALSE(cron_next(&rule, 0, &t));
    EXPECT_TRUE(cron_comes(&rule));
}

/* Elapsed time from the anchor on; not before it. */
static void test_every(void) {
    static const int64_t rows[][2] = {
        {-5000, 1000}, {999, 1000}, {1000, 1090}, {1001, 1090}, {1089, 1090}, {1090, 1180},
    };
    struct cron cron;
    struct cron_time t;
    struct zone *berlin = zone_of(ZONE_BERLIN);
    struct cron_rule rule = {.cron = &cron, .zone = berlin, .anchor = 1000};
    EXPECT_EQ_INT(0, cron_parse("@every 1m30s", &cron, NULL));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_TRUE(cron_next(&rule, rows[i][0], &t));
        EXPECT_EQ_INT(rows[i][1], t.at);
        EXPECT_EQ_INT(t.at + 3600, t.nominal);
    }
    rule.anchor = 1774742400; // an hour before the clocks go forward
    EXPECT_EQ_INT(0, cron_parse("@every 2h", &cron, NULL));
    EXPECT_TRUE(cron_next(&rule, rule.anchor, &t));
    EXPECT_EQ_INT(1774749600, t.at);
    EXPECT_EQ_INT(7200, t.offset);
    zone_free(&berlin);
}

static void test_far_zones(void) {
    static const struct {
        const char *footer, *want;
    } rows[] = {
        {"<+14>-14", "2026-05-01T10:00:00.000Z"},
        {"<-12>12", "2026-05-01T12:00:00.000Z"}, // there it is still 30 April at `after`
        {ZONE_KATHMANDU, "2026-04-30T18:15:00.000Z"},
        {"<+0845>-8:45", "2026-05-01T15:15:00.000Z"},
        {"UTC0", "2026-05-01T00:00:00.000Z"},
    };
    struct cron cron;
    struct cron_time t;
    char text[RFC3339_LEN + 1];
    EXPECT_EQ_INT(0, cron_parse("0 0 * * *", &cron, NULL));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct zone *zone = zone_of(rows[i].footer);
        struct cron_rule rule = {.cron = &cron, .zone = zone};
        EXPECT_TRUE(cron_next(&rule, i == 3 ? 1777562100 : 1777572000 - (i == 2 ? 14400 : 0), &t));
        rfc3339_format(t.at * 1000, text);
        EXPECT_EQ_STR(rows[i].want, text);
        zone_free(&zone);
    }
}

// ---- where clocks change: New York, 8 March 2026 from 02:00 to 03:00 and 1 November from 02:00 to 01:00

#define MARCH_7 "2026-03-07T12:00:00Z"
#define OCTOBER "2026-10-31T12:00:00Z"

static void test_gap_single(void) {
    static const struct row rows[] = {
        {"30 2 * * *", CRON_VIXIE, MARCH_7, "03-08 03:00<02:30, 03-09 02:30"},
        {"30 2 * * *", CRON_SHIFT, MARCH_7, "03-08 03:30<02:30, 03-09 02:30"},
        {"30 2 * * *", CRON_SKIP, MARCH_7, "03-08 02:30-, 03-09 02:30"},
        {"30 2 * * *", CRON_BOTH, MARCH_7, "03-08 02:30-, 03-09 02:30"},
        // both ends of the gap
        {"0 2 * * *", CRON_VIXIE, MARCH_7, "03-08 03:00<02:00, 03-09 02:00"},
        {"59 1 * * *", CRON_VIXIE, MARCH_7, "03-08 01:59, 03-09 01:59"},
        {"0 3 * * *", CRON_VIXIE, MARCH_7, "03-08 03:00, 03-09 03:00"},
        {"59 59 2 * * *", CRON_VIXIE, MARCH_7, "03-08 03:00<02:59:59, 03-09 02:59:59"},
        {"59 59 2 * * *", CRON_SHIFT, MARCH_7, "03-08 03:59:59<02:59:59, 03-09 02:59:59"},
        // the day is that of the nominal date
        {"30 2 8 3 *", CRON_VIXIE, MARCH_7, "03-08 03:00<02:30, 03-08 02:30"},
        {"30 2 * * SUN#2", CRON_SHIFT, MARCH_7, "03-08 03:30<02:30, 04-12 02:30"},
    };
    EXPECT_ROWS(ZONE_NEW_YORK, rows);
}

static void test_gap_lists(void) {
    static const struct row rows[] = {
        {"15,30,45 2 * * *", CRON_VIXIE, MARCH_7, "03-08 03:00<02:15, 03-09 02:15"},
        {"15,30,45 2 * * *", CRON_SHIFT, MARCH_7,
         "03-08 03:15<02:15, 03-08 03:30<02:30, 03-08 03:45<02:45, 03-09 02:15"},
        {"15,30,45 2 * * *", CRON_SKIP, MARCH_7,
         "03-08 02:15-, 03-08 02:30-, 03-08 02:45-, 03-09 02:15"},
        // lists of hours: what falls together is one, and that is the regular one
        {"0 1,2,3 * * *", CRON_VIXIE, MARCH_7, "03-08 01:00, 03-08 03:00, 03-09 01:00"},
        {"0 1-3 * * *", CRON_SHIFT, MARCH_7, "03-08 01:00, 03-08 03:00, 03-09 01:00"},
        {"30 1-3 * * *", CRON_VIXIE, MARCH_7,
         "03-08 01:30, 03-08 03:00<02:30, 03-08 03:30, 03-09 01:30"},
        {"30 1-3 * * *", CRON_SHIFT, MARCH_7, "03-08 01:30, 03-08 03:30, 03-09 01:30"},
        {"30 1-3 * * *", CRON_SKIP, MARCH_7, "03-08 01:30, 03-08 02:30-, 03-08 03:30, 03-09 01:30"},
        {"20,40 2,3 * * *", CRON_SHIFT, MARCH_7, "03-08 03:20, 03-08 03:40, 03-09 02:20"},
        {"20 2 * * *", CRON_SHIFT, MARCH_7, "03-08 03:20<02:20, 03-09 02:20"},
        {"0,20 2,4 * * *", CRON_SHIFT, MARCH_7,
         "03-08 03:00<02:00, 03-08 03:20<02:20, 03-08 04:00, 03-08 04:20"},
    };
    EXPECT_ROWS(ZONE_NEW_YORK, rows);
}

/* A star in minutes or hours: real minutes, whatever `dst` says. */
static void test_gap_wildcard(void) {
    for (enum cron_dst dst = 0; dst < CRON_DST_COUNT; dst++) {
        const struct row rows[] = {
            {"*/30 * * * *", dst, "2026-03-08T06:00:00Z", "03-08 01:30, 03-08 03:00, 03-08 03:30"},
            {"*/30 2 * * *", dst, MARCH_7, "03-09 02:00, 03-09 02:30"},
            {"30 * * * *", dst, "2026-03-08T06:00:00Z", "03-08 01:30, 03-08 03:30"},
            {"30 */2 * * *", dst, "2026-03-08T05:00:00Z", "03-08 00:30, 03-08 04:30"},
            {"@hourly", dst, "2026-03-08T05:00:00Z", "03-08 01:00, 03-08 03:00"},
            {"* 0 2 * * *", dst, MARCH_7, "03-09 02:00, 03-09 02:00:01"},
        };
        EXPECT_ROWS(ZONE_NEW_YORK, rows);
    }
}

/* The gap is from 06:59:59Z to 07:00:00Z; "02:30" would be 07:30Z by the clock before. */
static void test_gap_from_within(void) {
    static const struct row rows[] = {
        {"30 2 * * *", CRON_VIXIE, "2026-03-08T06:59:59Z", "03-08 03:00<02:30"},
        {"30 2 * * *", CRON_VIXIE, "2026-03-08T07:00:00Z", "03-09 02:30"},
        {"30 2 * * *", CRON_SHIFT, "2026-03-08T07:00:00Z", "03-08 03:30<02:30"},
        {"30 2 * * *", CRON_SHIFT, "2026-03-08T07:29:59Z", "03-08 03:30<02:30"},
        {"30 2 * * *", CRON_SHIFT, "2026-03-08T07:30:00Z", "03-09 02:30"},
        {"30 2 * * *", CRON_SKIP, "2026-03-08T07:29:59Z", "03-08 02:30-, 03-09 02:30"},
        {"30 2 * * *", CRON_SKIP, "2026-03-08T07:30:00Z", "03-09 02:30"},
        {"15,45 2 * * *", CRON_SHIFT, "2026-03-08T07:20:00Z", "03-08 03:45<02:45, 03-09 02:15"},
    };
    EXPECT_ROWS(ZONE_NEW_YORK, rows);
}

static void test_overlap(void) {
    static const struct row rows[] = {
        {"30 1 * * *", CRON_VIXIE, OCTOBER, "11-01 01:30'1, 11-02 01:30"},
        {"30 1 * * *", CRON_SKIP, OCTOBER, "11-01 01:30'1, 11-02 01:30"},
        {"30 1 * * *", CRON_SHIFT, OCTOBER, "11-01 01:30'1, 11-02 01:30"},
        {"30 1 * * *", CRON_BOTH, OCTOBER, "11-01 01:30'1, 11-01 01:30'2, 11-02 01:30"},
        {"0 1 * * *", CRON_BOTH, OCTOBER, "11-01 01:00'1, 11-01 01:00'2, 11-02 01:00"},
        {"0 2 * * *", CRON_BOTH, OCTOBER, "11-01 02:00, 11-02 02:00"},
        {"59 0 * * *", CRON_BOTH, OCTOBER, "11-01 00:59, 11-02 00:59"},
        {"20,40 1,2 * * *", CRON_VIXIE, OCTOBER,
         "11-01 01:20'1, 11-01 01:40'1, 11-01 02:20, 11-01 02:40, 11-02 01:20"},
        {"20,40 1,2 * * *", CRON_BOTH, OCTOBER,
         "11-01 01:20'1, 11-01 01:40'1, 11-01 01:20'2, 11-01 01:40'2, 11-01 02:20"},
        {"30 0-2 * * *", CRON_VIXIE, OCTOBER,
         "11-01 00:30, 11-01 01:30'1, 11-01 02:30, 11-02 00:30"},
        // from between the passes, from the second on
        {"30 1 * * *", CRON_VIXIE, "2026-11-01T05:30:00Z", "11-02 01:30"},
        {"30 1 * * *", CRON_VIXIE, "2026-11-01T06:29:59Z", "11-02 01:30"},
        {"30 1 * * *", CRON_BOTH, "2026-11-01T05:30:00Z", "11-01 01:30'2, 11-02 01:30"},
        {"30 1 * * *", CRON_BOTH, "2026-11-01T06:30:00Z", "11-02 01:30"},
    };
    EXPECT_ROWS(ZONE_NEW_YORK, rows);
    for (enum cron_dst dst = 0; dst < CRON_DST_COUNT; dst++) {
        const struct row wild[] = {
            {"*/30 * * * *", dst, "2026-11-01T04:30:00Z",
             "11-01 01:00'1, 11-01 01:30'1, 11-01 01:00'2, 11-01 01:30'2, 11-01 02:00"},
            {"30 * * * *", dst, "2026-11-01T04:30:00Z",
             "11-01 01:30'1, 11-01 01:30'2, 11-01 02:30"},
            {"*/30 1 * * *", dst, "2026-11-01T05:30:00Z",
             "11-01 01:00'2, 11-01 01:30'2, 11-02 01:00"},
            {"@hourly", dst, "2026-11-01T05:00:00Z", "11-01 01:00'2, 11-01 02:00"},
        };
        EXPECT_ROWS(ZONE_NEW_YORK, wild);
    }
}

static void test_unusual(void) {
    // 30 minutes: 4 October 2026 from 02:00 to 02:30, 5 April from 02:00 to 01:30
    static const struct row lord_howe[] = {
        {"15 2 * * *", CRON_VIXIE, "2026-10-03T00:00:00Z", "10-04 02:30<02:15, 10-05 02:15"},
        {"15 2 * * *", CRON_SHIFT, "2026-10-03T00:00:00Z", "10-04 02:45<02:15, 10-05 02:15"},
        {"15 2 * * *", CRON_SKIP, "2026-10-03T00:00:00Z", "10-04 02:15-, 10-05 02:15"},
        {"30 2 * * *", CRON_VIXIE, "2026-10-03T00:00:00Z", "10-04 02:30, 10-05 02:30"},
        {"*/15 * * * *", CRON_VIXIE, "2026-10-03T15:15:00Z", "10-04 02:30, 10-04 02:45"},
        {"45 1 * * *", CRON_BOTH, "2026-04-04T00:00:00Z", "04-05 01:45'1, 04-05 01:45'2"},
        {"29 1 * * *", CRON_BOTH, "2026-04-04T00:00:00Z", "04-05 01:29, 04-06 01:29"},
        {"*/15 * * * *", CRON_VIXIE, "2026-04-04T14:45:00Z",
         "04-05 01:30'2, 04-05 01:45'2, 04-05 02:00"},
    };
    EXPECT_ROWS(ZONE_LORD_HOWE, lord_howe);
    // two hours: 29 March from 01:00 to 03:00, 25 October from 03:00 to 01:00
    static const struct row troll[] = {
        {"30 1,2 * * *", CRON_VIXIE, "2026-03-28T12:00:00Z", "03-29 03:00<01:30, 03-30 01:30"},
        {"30 1,2 * * *", CRON_SHIFT, "2026-03-28T12:00:00Z",
         "03-29 03:30<01:30, 03-29 04:30<02:30, 03-30 01:30"},
        {"30 1,2 * * *", CRON_BOTH, "2026-10-24T12:00:00Z",
         "10-25 01:30'1, 10-25 02:30'1, 10-25 01:30'2, 10-25 02:30'2"},
        {"30 1,2 * * *", CRON_VIXIE, "2026-10-24T12:00:00Z",
         "10-25 01:30'1, 10-25 02:30'1, 10-26 01:30"},
    };
    EXPECT_ROWS(ZONE_TROLL, troll);
    // at midnight: 29 March 00:00 to 01:00, 25 October 00:00 to 23:00 of the day before
    static const struct row beirut[] = {
        {"0 0 * * *", CRON_VIXIE, "2026-03-28T12:00:00Z", "03-29 01:00<00:00, 03-30 00:00"},
        {"0 0 29 3 *", CRON_VIXIE, "2026-03-28T12:00:00Z", "03-29 01:00<00:00"},
        {"@daily", CRON_SKIP, "2026-03-28T12:00:00Z", "03-29 00:00-, 03-30 00:00"},
        {"0 0 * * *", CRON_BOTH, "2026-10-24T12:00:00Z", "10-25 00:00, 10-26 00:00"},
        {"30 23 24 10 *", CRON_VIXIE, "2026-10-24T12:00:00Z", "10-24 23:30'1, 10-24 23:30"},
        {"30 23 24 10 *", CRON_BOTH, "2026-10-24T12:00:00Z", "10-24 23:30'1, 10-24 23:30'2"},
    };
    EXPECT_ROWS(ZONE_BEIRUT, beirut);
    // summer is the standard and winter the exception: 29 March 01:00 to 02:00, 25 October 02:00 to 01:00
    static const struct row dublin[] = {
        {"30 1 * * *", CRON_VIXIE, "2026-03-28T12:00:00Z", "03-29 02:00<01:30, 03-30 01:30"},
        {"30 1 * * *", CRON_BOTH, "2026-10-24T12:00:00Z", "10-25 01:30'1, 10-25 01:30'2"},
    };
    EXPECT_ROWS(ZONE_DUBLIN, dublin);
    // 27 September 02:45 to 03:45
    static const struct row chatham[] = {
        {"0 3 * * *", CRON_VIXIE, "2026-09-26T00:00:00Z", "09-27 03:45<03:00, 09-28 03:00"},
        {"0 3 * * *", CRON_SHIFT, "2026-09-26T00:00:00Z", "09-27 04:00<03:00, 09-28 03:00"},
        {"30 2 * * *", CRON_SHIFT, "2026-09-26T00:00:00Z", "09-27 02:30, 09-28 02:30"},
    };
    EXPECT_ROWS(ZONE_CHATHAM, chatham);
}

static void expect_file(const struct tzif *t, const struct row *rows, size_t count) {
    struct zone *zone = zone_make(t);
    for (size_t i = 0; i < count; i++) {
        expect_row(zone, &rows[i], false);
    }
    zone_free(&zone);
}

/* A day that does not exist, and the two changes around Ramadan. */
static void test_files(void) {
    static const struct row apia[] = {
        {"0 12 * * *", CRON_VIXIE, "2011-12-29T12:00:00Z",
         "12-29 12:00, 12-31 00:00<12:00, 12-31 12:00"},
        {"0 12 30 * *", CRON_VIXIE, "2011-12-29T12:00:00Z", "12-31 00:00<12:00, 01-30 12:00"},
        {"0 0 * * *", CRON_VIXIE, "2011-12-29T12:00:00Z", "12-31 00:00, 01-01 00:00"},
        {"0 12 * * FRI", CRON_VIXIE, "2011-12-29T12:00:00Z", "12-31 00:00<12:00, 01-06 12:00"},
        {"0 8,12 * * *", CRON_SHIFT, "2011-12-30T00:00:00Z",
         "12-31 08:00, 12-31 12:00, 01-01 08:00"},
        {"0 12 30 * *", CRON_SHIFT, "2011-12-29T12:00:00Z", "12-31 12:00<12:00, 01-30 12:00"},
        {"0 12 30 * *", CRON_SKIP, "2011-12-29T12:00:00Z", "12-30 12:00-, 01-30 12:00"},
        {"0 */12 * * *", CRON_VIXIE, "2011-12-29T12:00:00Z",
         "12-29 12:00, 12-31 00:00, 12-31 12:00"},
    };
    expect_file(&tzif_apia, apia, ARRAY_LEN(apia));
    // 15 February 03:00 to 02:00, 22 March 02:00 to 03:00
    static const struct row casablanca[] = {
        {"30 2 * * *", CRON_VIXIE, "2026-02-14T12:00:00Z", "02-15 02:30'1, 02-16 02:30"},
        {"30 2 * * *", CRON_BOTH, "2026-02-14T12:00:00Z",
         "02-15 02:30'1, 02-15 02:30'2, 02-16 02:30"},
        {"30 2 * * *", CRON_VIXIE, "2026-03-21T12:00:00Z", "03-22 03:00<02:30, 03-23 02:30"},
        {"30 2 29 * *", CRON_VIXIE, "2026-02-14T12:00:00Z", "03-29 02:30"},
    };
    expect_file(&tzif_casablanca, casablanca, ARRAY_LEN(casablanca));
    // a change of the standard offset that is no summer time, and the end of summer time
    static const struct tzif moved = {
        .footer = "<+03>-3",
        .first = 7200,
        .count = 3,
        .changes = {{INT64_C(1774746000), 10800},
                    {INT64_C(1792890000), 7200},
                    {INT64_C(1793836800), 10800}},
    };
    static const struct row rows[] = {
        {"30 3 * * *", CRON_BOTH, "2026-10-24T12:00:00Z",
         "10-25 03:30'1, 10-25 03:30'2, 10-26 03:30"},
        {"30 2 * * *", CRON_VIXIE, "2026-11-03T12:00:00Z",
         "11-04 02:30, 11-05 03:00<02:30, 11-06 02:30"},
        {"30 2 29 3 *", CRON_VIXIE, "2026-11-03T12:00:00Z", "03-29 02:30, 03-29 02:30"},
    };
    expect_file(&moved, rows, ARRAY_LEN(rows));
}

/* Whatever the steps, a walk comes to the same times as another from in between. */
static void test_from_anywhere(void) {
    static const char *const expressions[] = {"30 2 * * *", "15,45 1-3 * * *", "*/15 * * * *"};
    static const char *const footers[] = {ZONE_NEW_YORK, ZONE_LORD_HOWE, ZONE_TROLL};
    for (size_t i = 0; i < ARRAY_LEN(expressions) * ARRAY_LEN(footers) * CRON_DST_COUNT; i++) {
        struct zone *zone = zone_of(footers[i / CRON_DST_COUNT % 3]);
        struct cron cron;
        struct cron_rule rule = {
            .cron = &cron, .zone = zone, .dst = (enum cron_dst)(i % CRON_DST_COUNT)};
        struct cron_time walk, t;
        int wrong = 0;
        EXPECT_EQ_INT(0, cron_parse(expressions[i / CRON_DST_COUNT / 3], &cron, NULL));
        EXPECT_TRUE(cron_next(&rule, 1767225600, &walk));
        for (int64_t after = 1767225600; after < 1798761600; after += 397) {
            while (walk.at <= after) {
                wrong += !cron_next(&rule, walk.at, &walk);
            }
            wrong += !cron_next(&rule, after, &t) || memcmp(&t, &walk, sizeof t) != 0;
        }
        EXPECT_EQ_INT(0, wrong);
        zone_free(&zone);
    }
}

static void test_names(void) {
    for (int i = 0; i < CRON_DST_COUNT; i++) {
        EXPECT_EQ_INT(i, cron_dst_from_name(cron_dst_name(i)));
    }
    EXPECT_EQ_INT(-1, cron_dst_from_name("x"));
    EXPECT_NULL(cron_dst_name(CRON_DST_COUNT));
    EXPECT_EQ_STR("gap_moved", cron_mark_name(CRON_GAP_MOVED));
    EXPECT_NULL(cron_mark_name(-1));
}

static const struct expect_test tests[] = {
    {"fields", test_fields},
    {"later than", test_after},
    {"years", test_years},
    {"month ends", test_month_ends},
    {"weekdays", test_weekdays},
    {"either day field", test_day_or},
    {"both day fields", test_day_and},
    {"macros", test_macros},
    {"@every", test_every},
    {"far zones", test_far_zones},
    {"gap: one time", test_gap_single},
    {"gap: lists", test_gap_lists},
    {"gap: stars", test_gap_wildcard},
    {"gap: from within", test_gap_from_within},
    {"overlap", test_overlap},
    {"unusual changes", test_unusual},
    {"files", test_files},
    {"from anywhere", test_from_anywhere},
    {"names", test_names},
};
SUITE_MAIN("cron_next", tests)
