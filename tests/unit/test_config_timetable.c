// Schedules of the file as what computes their times wants them.

#include <errno.h>

#include "config_test.h"
#include "expect.h"

#include "config/config_timetable.h"

static void test_defaults(void) {
    const struct config_schedule s = {.entry = {.name = "a"}, .cron = "0 9 * * MON"};
    struct config_timetable t;
    EXPECT_EQ_INT(0, config_timetable_open(&s, 1000, &t, NULL));
    EXPECT_EQ_STR("a", t.schedule.id);
    EXPECT_EQ_STR("UTC", t.zone_name);
    EXPECT_NULL(t.zone);
    EXPECT_TRUE(t.schedule.rule.cron == &t.cron && t.schedule.rule.dst == CRON_VIXIE);
    EXPECT_TRUE(t.schedule.catch_up == CATCH_UP_LATEST && t.schedule.overlap == OVERLAP_SKIP);
    EXPECT_EQ_INT(SCHEDULE_NONE, t.schedule.start_ms);
    EXPECT_EQ_INT(SCHEDULE_NEVER, t.schedule.end_ms);
    EXPECT_EQ_INT(1000, t.schedule.stored_ms);
    config_timetable_close(&t);
}

/* All of them, as a file has them. */
static void test_file(void) {
    struct loaded l =
        load_text("schedules:\n"
                  "  a: {cron: '0 0 13 * FRI', days: and, timezone: Europe/Berlin, dst: shift, "
                  "catch_up: all, catch_up_window: 6h, catch_up_max: 7, overlap: queue_all, "
                  "jitter: 5m, start_at: '2026-01-01T00:00:00Z', end_at: "
                  "'2027-01-01T00:00:00+01:00', paused: true, job: a.b}\n"
                  "  b: {cron: 'TZ=Asia/Kathmandu @daily', job: a.b}\n",
                  NULL);
    struct config_timetable t;
    struct schedule_time next;
    if (!EXPECT_TRUE(l.config != NULL)) {
        return;
    }
    EXPECT_EQ_INT(0, config_timetable_open(&l.config->schedules[0], 0, &t, NULL));
    EXPECT_EQ_STR("Europe/Berlin", t.zone_name);
    EXPECT_TRUE(t.schedule.rule.days_and && t.schedule.rule.dst == CRON_SHIFT && t.schedule.paused);
    EXPECT_TRUE(t.schedule.catch_up == CATCH_UP_ALL && t.schedule.overlap == OVERLAP_QUEUE_ALL);
    EXPECT_EQ_INT(6 * 3600000, t.schedule.window_ms);
    EXPECT_EQ_INT(7, t.schedule.max);
    EXPECT_EQ_INT(300000, t.schedule.jitter_ms);
    EXPECT_EQ_INT(INT64_C(1798758000000), t.schedule.end_ms);
    EXPECT_TRUE(schedule_next(&t.schedule, 0, &next));
    EXPECT_EQ_INT(INT64_C(1770937200000), next.nominal_ms); // Friday, 13 February 2026
    config_timetable_close(&t);
    EXPECT_EQ_INT(0, config_timetable_open(&l.config->schedules[1], 0, &t, NULL));
    EXPECT_EQ_STR("Asia/Kathmandu", t.zone_name);
    EXPECT_EQ_INT(20700, zone_span_at(t.zone, 1770937200).offset);
    config_timetable_close(&t);
    unload(&l);
}

static void test_faults(void) {
    static const struct {
        struct config_schedule s;
        const char *words;
    } rows[] = {
        {{.cron = "* * * *"}, "cron: found 4 fields"},
        {{.cron = "@daily", .dst = "x"}, "dst: there is no \"x\""},
        {{.cron = "@daily", .days = "x"}, "days: there is no"},
        {{.cron = "@daily", .catch_up = "x"}, "catch_up: there is no"},
        {{.cron = "@daily", .overlap = "x"}, "overlap: there is no"},
        {{.cron = "@daily", .start_at = "x"}, "start_at: \"x\" is no time"},
        {{.cron = "@daily", .timezone = "../x"}, "time zone"},
        {{.cron = "@daily", .timezone = "Berlin"}, "did you mean \"Europe/Berlin\""},
        {{.cron = "0 0 15 * MON#1", .days = "and"}, "never comes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config_timetable t;
        struct err e = {0};
        EXPECT_TRUE(config_timetable_open(&rows[i].s, 0, &t, &e) < 0);
        EXPECT_CONTAINS(rows[i].words, e.msg);
        config_timetable_close(&t); // whatever came of it
    }
}

static const struct expect_test tests[] = {
    {"defaults", test_defaults},
    {"of a file", test_file},
    {"faults", test_faults},
};
SUITE_MAIN("config_timetable", tests)
