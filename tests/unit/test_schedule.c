// Schedules: what becomes of their times. A plan is written as text:
//
//     dropped_window 01:00..04:00 x4, caught_up 05:00 | 06:00        rows, and when to ask again
//
// All times are UTC on 1 May 2026 where no date stands with them; "now" is a plan that is not complete.

#include "core/schedule.h"

#include "base/bytes.h"
#include "base/civil.h"
#include "expect.h"
#include "zones.h"

#define MAY_1  INT64_C(1777593600)
#define HOUR   INT64_C(3600000)
#define MINUTE INT64_C(60000)

/* Milliseconds of "hh:mm" and a bit. */
static int64_t at(int hours, int minutes) {
    return MAY_1 * 1000 + hours * HOUR + minutes * MINUTE;
}

static size_t write_when(int64_t ms, char *out, size_t cap) {
    int64_t second = civil_floor(ms, 1000), day = civil_floor(second, CIVIL_DAY);
    struct civil c = civil_from_days(day);
    int of_day = (int)(second - day * CIVIL_DAY), len = 0;
    if (day != MAY_1 / CIVIL_DAY) {
        len += snprintf(out, cap, "%d-%02d-%02d ", (int)c.year, c.month, c.day);
    }
    len += snprintf(out + len, cap - (size_t)len, "%02d:%02d", of_day / 3600, of_day / 60 % 60);
    if (of_day % 60 != 0 || ms % 1000 != 0) {
        len += snprintf(out + len, cap - (size_t)len, ":%02d.%03d", of_day % 60, (int)(ms % 1000));
    }
    return (size_t)len;
}

static const char *write_plan(const struct schedule_plan *p, int64_t now_ms, char *out,
                              size_t cap) {
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < p->count && len + 200 < cap; i++) {
        const struct schedule_move *m = &p->moves[i];
        len += (size_t)snprintf(out + len, cap - len, "%s%s ", i == 0 ? "" : ", ",
                                schedule_verdict_name((int)m->verdict));
        len += write_when(m->time.nominal_ms, out + len, cap - len);
        if (m->count > 1) {
            len += (size_t)snprintf(out + len, cap - len, "..");
            len += write_when(m->last_ms, out + len, cap - len);
            len += (size_t)snprintf(out + len, cap - len, " x%u", m->count);
        }
    }
    len += (size_t)snprintf(out + len, cap - len, " | ");
    if (p->wake_ms == SCHEDULE_NEVER) {
        (void)snprintf(out + len, cap - len, "never");
    } else if (p->wake_ms <= now_ms) {
        (void)snprintf(out + len, cap - len, "now");
    } else {
        (void)write_when(p->wake_ms, out + len, cap - len);
    }
    return out;
}

/* Hourly in UTC, as the defaults have it, stored at midnight. */
struct lab {
    struct cron cron;
    struct schedule s;
    struct schedule_state state;
    struct schedule_plan plan;
};

static void lab_begin(struct lab *l, const char *expression) {
    *l = (struct lab){.state = {.last_ms = SCHEDULE_NONE, .resumed_ms = SCHEDULE_NONE}};
    EXPECT_EQ_INT(0, cron_parse(expression, &l->cron, NULL));
    l->s = (struct schedule){
        .id = "lab",
        .rule = {.cron = &l->cron},
        .catch_up = CATCH_UP_LATEST,
        .window_ms = HOUR,
        .max = 100,
        .start_ms = SCHEDULE_NONE,
        .end_ms = SCHEDULE_NEVER,
        .stored_ms = at(0, 0),
    };
}

/* Plans, expects, and writes the rows: the ledger knows them, and jobs run. */
static void expect_plan(struct lab *l, int64_t now_ms, const char *want) {
    char got[2048];
    schedule_plan(&l->s, &l->state, now_ms, &l->plan);
    EXPECT_EQ_STR(want, write_plan(&l->plan, now_ms, got, sizeof got));
    for (size_t i = 0; i < l->plan.count; i++) {
        const struct schedule_move *m = &l->plan.moves[i];
        if (m->last_ms > l->state.last_ms) {
            l->state.last_ms = m->last_ms;
        }
        bool begins = m->verdict == SCHEDULE_FIRE || m->verdict == SCHEDULE_CAUGHT_UP;
        l->state.running |= begins;
        l->state.waiting += m->verdict == SCHEDULE_QUEUED;
        l->state.waiting = m->verdict == SCHEDULE_REPLACE ? 1 : l->state.waiting;
    }
}

static void end_jobs(struct lab *l) {
    l->state.running = false;
    l->state.waiting = 0;
}

// ---- on time

static void test_on_time(void) {
    struct lab l;
    lab_begin(&l, "0 * * * *");
    expect_plan(&l, at(0, 30), " | 01:00");
    expect_plan(&l, at(1, 0) - 1, " | 01:00");
    expect_plan(&l, at(1, 0), "fire 01:00 | 02:00");
    end_jobs(&l);
    expect_plan(&l, at(1, 0), " | 02:00");  // the same moment again
    expect_plan(&l, at(1, 59), " | 02:00"); // awake too early
    expect_plan(&l, at(2, 0) + 7, "fire 02:00 | 03:00");
    end_jobs(&l);
    expect_plan(&l, at(3, 0) + SCHEDULE_LATE_MS, "fire 03:00 | 04:00");
    end_jobs(&l);
    expect_plan(&l, at(4, 0) + SCHEDULE_LATE_MS + 1, "caught_up 04:00 | 05:00");
    EXPECT_TRUE(l.plan.moves[0].missed);
}

/* The minute in which it is stored is past, and a new revision does not look back either. */
static void test_begins(void) {
    struct lab l;
    lab_begin(&l, "0 * * * *");
    l.s.stored_ms = at(5, 0);
    expect_plan(&l, at(5, 0), " | 06:00");
    l.s.stored_ms = at(4, 59) + 59999;
    expect_plan(&l, at(5, 0), "fire 05:00 | 06:00");
    l.s.stored_ms = at(9, 30); // edited: a series of its own, without rows
    l.state = (struct schedule_state){.last_ms = SCHEDULE_NONE, .resumed_ms = SCHEDULE_NONE};
    expect_plan(&l, at(9, 45), " | 10:00");
}

static void test_start_and_end(void) {
    struct lab l;
    lab_begin(&l, "0 * * * *");
    l.s.start_ms = at(3, 0);
    l.s.end_ms = at(5, 0);
    expect_plan(&l, at(1, 0), " | 03:00");
    expect_plan(&l, at(3, 0), "fire 03:00 | 04:00");
    end_jobs(&l);
    expect_plan(&l, at(4, 0), "fire 04:00 | 05:00");
    end_jobs(&l);
    expect_plan(&l, at(5, 0), "fire 05:00 | never");
    end_jobs(&l);
    expect_plan(&l, at(9, 0), " | never");
    lab_begin(&l, "0 * * * *");
    l.s.start_ms = at(3, 0) + 1;
    l.s.end_ms = at(5, 0) - 1;
    expect_plan(&l, at(3, 30), " | 04:00");
    expect_plan(&l, at(4, 0), "fire 04:00 | never");
    lab_begin(&l, "0 * * * *"); // the end passed while the host was down
    l.s.end_ms = at(2, 0);
    expect_plan(&l, at(2, 40), "dropped_window 01:00, caught_up 02:00 | never");
}

static void test_every(void) {
    struct lab l;
    lab_begin(&l, "@every 45m");
    l.s.stored_ms = at(0, 10) + 300;
    expect_plan(&l, at(0, 20), " | 00:55");
    expect_plan(&l, at(0, 55), "fire 00:55 | 01:40");
    end_jobs(&l);
    expect_plan(&l, at(1, 39), " | 01:40"); // a restart does not shift it
    l.s.start_ms = at(2, 0);
    expect_plan(&l, at(1, 40), " | 02:00");
    expect_plan(&l, at(2, 0), "fire 02:00 | 02:45");
}

static void test_boot(void) {
    struct lab l;
    char key[SCHEDULE_KEY_MAX];
    lab_begin(&l, "@reboot");
    expect_plan(&l, at(7, 0), " | never");
    l.state.booted = true;
    expect_plan(&l, at(7, 0) + 5, "fire 07:00 | never");
    EXPECT_EQ_INT(at(7, 0) + 5, l.plan.moves[0].time.fire_ms);
    schedule_key(&l.plan.moves[0], "f00", key);
    EXPECT_EQ_STR("boot-f00", key);
    expect_plan(&l, at(7, 0), "skipped_overlap 07:00 | never"); // another host's still runs
    l.s.paused = true;
    expect_plan(&l, at(7, 0), "skipped_paused 07:00 | never");
    l.s.paused = false;
    l.s.start_ms = at(8, 0);
    expect_plan(&l, at(7, 0), " | never");
}

// ---- missed times

static void test_latest(void) {
    struct lab l;
    lab_begin(&l, "*/20 * * * *");
    expect_plan(&l, at(0, 20), "fire 00:20 | 00:40");
    end_jobs(&l);
    expect_plan(&l, at(5, 10),
                "dropped_window 00:40..04:00 x11, dropped_catch_up 04:20..04:40 x2, caught_up "
                "05:00 | 05:20");
    end_jobs(&l);
    // what is on time stands for those before
    expect_plan(&l, at(6, 0), "dropped_catch_up 05:20..05:40 x2, fire 06:00 | 06:20");
    end_jobs(&l);
    lab_begin(&l, "0 0 * * *"); // nothing of it is within the window
    expect_plan(&l, at(24 * 3, 0) + 2 * HOUR,
                "dropped_window 2026-05-02 00:00..2026-05-04 00:00 x3 | 2026-05-05 00:00");
    lab_begin(&l, "0 * * * *"); // the window's very end
    l.s.window_ms = 30 * MINUTE;
    expect_plan(&l, at(1, 30), "caught_up 01:00 | 02:00");
    end_jobs(&l);
    expect_plan(&l, at(2, 30) + 1, "dropped_window 02:00 | 03:00");
}

static void test_all(void) {
    struct lab l;
    lab_begin(&l, "0 * * * *");
    l.s.catch_up = CATCH_UP_ALL;
    l.s.window_ms = 4 * HOUR;
    l.s.overlap = OVERLAP_ALLOW;
    expect_plan(
        &l, at(6, 30),
        "dropped_window 01:00..02:00 x2, caught_up 03:00, caught_up 04:00, caught_up 05:00, "
        "caught_up 06:00 | 07:00");
    lab_begin(&l, "0 * * * *");
    l.s.catch_up = CATCH_UP_ALL;
    l.s.window_ms = 24 * HOUR;
    l.s.overlap = OVERLAP_QUEUE_ALL;
    l.s.max = 3;
    expect_plan(&l, at(6, 0), // the newest three, and what is on time
                "dropped_max 01:00..02:00 x2, caught_up 03:00, queued 04:00, queued 05:00, queued "
                "06:00 | 07:00");
    EXPECT_TRUE(l.plan.moves[2].missed);
    EXPECT_FALSE(l.plan.moves[4].missed);
    expect_plan(&l, at(7, 0), "dropped_max 07:00 | 08:00");
    l.s.max = 0;
    end_jobs(&l);
    expect_plan(&l, at(10, 0), "dropped_max 08:00..09:00 x2, fire 10:00 | 11:00");
}

static void test_none(void) {
    struct lab l;
    lab_begin(&l, "0 * * * *");
    l.s.catch_up = CATCH_UP_NONE;
    l.s.window_ms = 24 * HOUR;
    expect_plan(&l, at(3, 10), "dropped_catch_up 01:00..03:00 x3 | 04:00");
    expect_plan(&l, at(5, 0), "dropped_catch_up 04:00, fire 05:00 | 06:00");
    lab_begin(&l, "0 * * * *");
    l.s.max = 0; // of one that catches up the latest
    expect_plan(&l, at(1, 10), "dropped_catch_up 01:00 | 02:00");
}

/* More rows than a plan has room for: oldest first, in several plans. */
static void test_many(void) {
    struct lab l;
    lab_begin(&l, "* * * * *");
    l.s.catch_up = CATCH_UP_ALL;
    l.s.window_ms = 24 * HOUR;
    l.s.overlap = OVERLAP_ALLOW;
    l.s.max = 150;
    int64_t now = at(5, 0), last = at(2, 29);
    size_t fires = 0, plans = 0;
    do {
        schedule_plan(&l.s, &l.state, now, &l.plan);
        plans++;
        for (size_t i = 0; i < l.plan.count; i++) {
            const struct schedule_move *m = &l.plan.moves[i];
            l.state.last_ms = m->last_ms;
            if (m->verdict == SCHEDULE_DROPPED_MAX) {
                EXPECT_EQ_INT(149, m->count);
                continue;
            }
            EXPECT_EQ_INT(last + MINUTE, m->time.nominal_ms);
            EXPECT_EQ_INT(m->time.nominal_ms == now ? SCHEDULE_FIRE : SCHEDULE_CAUGHT_UP,
                          m->verdict);
            last = m->time.nominal_ms;
            fires++;
        }
    } while (l.plan.wake_ms <= now && plans < 10);
    EXPECT_EQ_UINT(3, plans);
    EXPECT_EQ_UINT(151, fires);
    EXPECT_EQ_INT(at(5, 1), l.plan.wake_ms);
}

/* A year of seconds: counted as far as the limit goes, in few rows. */
static void test_year(void) {
    struct lab l;
    lab_begin(&l, "* * * * * *");
    l.state.last_ms = at(0, 0);
    expect_plan(&l, at(365 * 24, 0),
                "dropped_window 00:00:01.000..2027-04-30 22:59:59.000 x10000, dropped_catch_up "
                "2027-04-30 23:00..2027-04-30 23:59:59.000 x3600, fire 2027-05-01 00:00 | "
                "2027-05-01 00:00:01.000");
}

// ---- the clock

static void test_clock_back(void) {
    struct lab l;
    lab_begin(&l, "0 * * * *");
    l.state.last_ms = at(5, 0);
    expect_plan(&l, at(4, 59) + 59000, " | 06:00");
    expect_plan(&l, at(2, 0), " | 06:00");
    expect_plan(&l, at(5, 0), " | 06:00");
    expect_plan(&l, at(6, 0), "fire 06:00 | 07:00");
    end_jobs(&l);
    // a row of a year ahead holds nothing up
    l.state.last_ms = at(365 * 24, 0);
    l.s.stored_ms = at(9, 0);
    expect_plan(&l, at(9, 30), " | 10:00");
    expect_plan(&l, at(10, 0), "fire 10:00 | 11:00");
    lab_begin(&l, "0 * * * *"); // nor does having been stored by a wrong clock
    l.s.stored_ms = at(365 * 24, 0);
    l.state.last_ms = at(9, 0);
    expect_plan(&l, at(10, 0), "fire 10:00 | 11:00");
}

static void test_clock_forward(void) {
    struct lab l;
    lab_begin(&l, "0 * * * *");
    l.state.last_ms = at(1, 0);
    expect_plan(&l, at(100 * 24, 30),
                "dropped_window 02:00..2026-08-08 23:00 x2398, caught_up 2026-08-09 00:00 | "
                "2026-08-09 01:00");
}

// ---- pauses

static void test_paused(void) {
    struct lab l;
    lab_begin(&l, "0 * * * *");
    l.s.paused = true;
    expect_plan(&l, at(0, 30), " | never");
    expect_plan(&l, at(4, 30), "skipped_paused 01:00..04:00 x4 | never");
    EXPECT_FALSE(l.plan.moves[0].missed);
    expect_plan(&l, at(5, 30), "skipped_paused 05:00 | never");
    l.s.paused = false;
    l.state.resumed_ms = at(5, 30);
    expect_plan(&l, at(5, 30), " | 06:00");
    lab_begin(&l, "0 * * * *"); // nothing is missed, though nobody looked meanwhile
    l.state.resumed_ms = at(5, 30);
    expect_plan(&l, at(5, 40), "skipped_paused 01:00..05:00 x5 | 06:00");
    expect_plan(&l, at(5, 50), " | 06:00");
    lab_begin(&l, "0 * * * *"); // nor until long afterwards
    l.state.resumed_ms = at(5, 30);
    expect_plan(&l, at(7, 0),
                "skipped_paused 01:00..05:00 x5, dropped_catch_up 06:00, fire 07:00 | 08:00");
    lab_begin(&l, "0 * * * *"); // the clock was set back to before its end
    l.state.resumed_ms = at(5, 30);
    expect_plan(&l, at(3, 0), " | 06:00");
    l.state.resumed_ms = at(48, 30); // too far behind to be believed
    expect_plan(&l, at(3, 0), "dropped_window 01:00, dropped_catch_up 02:00, fire 03:00 | 04:00");
    lab_begin(&l, "0 * * * *"); // and paused again
    l.state.resumed_ms = at(2, 30);
    l.s.paused = true;
    expect_plan(&l, at(4, 30), "skipped_paused 01:00..04:00 x4 | never");
}

// ---- overlap

static void test_overlap(void) {
    static const struct {
        enum schedule_overlap overlap;
        const char *busy, *waiting; // at 02:00 while one runs, at 03:00 with what came of that
    } rows[] = {
        {OVERLAP_SKIP, "skipped_overlap 02:00 | 03:00", "skipped_overlap 03:00 | 04:00"},
        {OVERLAP_QUEUE_ONE, "queued 02:00 | 03:00", "skipped_overlap 03:00 | 04:00"},
        {OVERLAP_QUEUE_ALL, "queued 02:00 | 03:00", "queued 03:00 | 04:00"},
        {OVERLAP_ALLOW, "fire 02:00 | 03:00", "fire 03:00 | 04:00"},
        {OVERLAP_REPLACE, "replace 02:00 | 03:00", "replace 03:00 | 04:00"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lab l;
        lab_begin(&l, "0 * * * *");
        l.s.overlap = rows[i].overlap;
        expect_plan(&l, at(1, 0), "fire 01:00 | 02:00");
        expect_plan(&l, at(2, 0), rows[i].busy);
        expect_plan(&l, at(3, 0), rows[i].waiting);
        end_jobs(&l);
        expect_plan(&l, at(4, 0), "fire 04:00 | 05:00");
        end_jobs(&l);
        l.state.waiting = 1; // it is about to start: who comes now is behind it
        expect_plan(&l, at(5, 0),
                    rows[i].overlap == OVERLAP_ALLOW       ? "fire 05:00 | 06:00"
                    : rows[i].overlap == OVERLAP_QUEUE_ALL ? "queued 05:00 | 06:00"
                    : rows[i].overlap == OVERLAP_REPLACE   ? "replace 05:00 | 06:00"
                                                           : "skipped_overlap 05:00 | 06:00");
    }
}

/* Missed times meet each other as well. */
static void test_overlap_of_missed(void) {
    static const struct {
        enum schedule_overlap overlap;
        const char *want;
    } rows[] = {
        {OVERLAP_SKIP,
         "caught_up 01:00, skipped_overlap 02:00..03:00 x2, skipped_overlap 04:00 | 05:00"},
        {OVERLAP_QUEUE_ONE,
         "caught_up 01:00, queued 02:00, skipped_overlap 03:00, skipped_overlap 04:00 | 05:00"},
        {OVERLAP_QUEUE_ALL, "caught_up 01:00, queued 02:00, queued 03:00, queued 04:00 | 05:00"},
        {OVERLAP_ALLOW, "caught_up 01:00, caught_up 02:00, caught_up 03:00, fire 04:00 | 05:00"},
        {OVERLAP_REPLACE, "dropped_catch_up 01:00..03:00 x3, fire 04:00 | 05:00"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lab l;
        lab_begin(&l, "0 * * * *");
        l.s.overlap = rows[i].overlap;
        l.s.catch_up = CATCH_UP_ALL;
        l.s.window_ms = 24 * HOUR;
        expect_plan(&l, at(4, 0), rows[i].want);
    }
}

// ---- jitter

static void test_jitter(void) {
    struct lab l;
    struct schedule_time t = {.nominal_ms = at(0, 0)};
    int64_t least = INT64_MAX, most = 0;
    int distinct = 0;
    lab_begin(&l, "*/10 * * * *");
    l.s.jitter_ms = 4 * MINUTE;
    for (int i = 0; i < 1000; i++) {
        int64_t before = t.fire_ms - t.nominal_ms;
        EXPECT_TRUE(schedule_next(&l.s, t.nominal_ms, &t));
        int64_t delay = t.fire_ms - t.nominal_ms;
        distinct += delay != before;
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    EXPECT_TRUE(distinct > 990);
    EXPECT_TRUE(least >= 0 && least < 2000);
    EXPECT_TRUE(most <= 4 * MINUTE && most > 4 * MINUTE - 2000);
    // never past the next time, and the same for everyone who computes it
    l.s.jitter_ms = 24 * HOUR;
    for (int i = 0; i < 1000; i++) {
        struct schedule_time again;
        EXPECT_TRUE(schedule_next(&l.s, t.nominal_ms, &t));
        EXPECT_TRUE(t.fire_ms >= t.nominal_ms && t.fire_ms < t.nominal_ms + 10 * MINUTE);
        EXPECT_TRUE(schedule_next(&l.s, t.nominal_ms - 1, &again));
        EXPECT_EQ_INT(t.fire_ms, again.fire_ms);
    }
    EXPECT_EQ_INT(0, cron_parse("* * * * * *", &l.cron, NULL));
    for (int i = 0; i < 20000; i++) { // up to the very last millisecond
        EXPECT_TRUE(schedule_next(&l.s, t.nominal_ms, &t) && t.fire_ms < t.nominal_ms + 1000);
    }
    struct schedule other = l.s;
    struct schedule_time theirs = {0};
    other.id = "other";
    EXPECT_TRUE(schedule_next(&other, t.nominal_ms - 1, &theirs));
    EXPECT_TRUE(theirs.fire_ms != t.fire_ms);
}

static void test_jitter_holds_back(void) {
    struct lab l;
    struct schedule_time one = {0}, two = {0};
    char want[128];
    lab_begin(&l, "0 * * * *");
    l.s.jitter_ms = 50 * MINUTE;
    EXPECT_TRUE(schedule_next(&l.s, at(0, 0), &one) && schedule_next(&l.s, at(1, 0), &two));
    schedule_plan(&l.s, &l.state, at(0, 30), &l.plan);
    EXPECT_EQ_INT(one.fire_ms, l.plan.wake_ms);
    schedule_plan(&l.s, &l.state, one.fire_ms - 1, &l.plan);
    EXPECT_EQ_UINT(0, l.plan.count);
    EXPECT_EQ_INT(one.fire_ms, l.plan.wake_ms);
    schedule_plan(&l.s, &l.state, one.fire_ms, &l.plan);
    EXPECT_EQ_UINT(1, l.plan.count);
    EXPECT_EQ_INT(SCHEDULE_FIRE, l.plan.moves[0].verdict);
    EXPECT_EQ_INT(one.fire_ms, l.plan.moves[0].time.fire_ms);
    EXPECT_EQ_INT(two.fire_ms, l.plan.wake_ms);
    // missed, while the one behind it is held back
    l.s.window_ms = 2 * HOUR;
    (void)snprintf(want, sizeof want, "caught_up 01:00 | ");
    (void)write_when(two.fire_ms, want + strlen(want), sizeof want - strlen(want));
    expect_plan(&l, two.fire_ms - 1, want);
}

// ---- gaps

static void test_gaps(void) {
    struct lab l;
    struct zone *zone = zone_of(ZONE_BERLIN); // 29 March 2026, 02:00 to 03:00, which is 01:00Z
    char key[SCHEDULE_KEY_MAX];
    lab_begin(&l, "0,30 2,3 * * *");
    l.s.rule.zone = zone;
    l.s.rule.dst = CRON_SKIP;
    l.s.stored_ms = INT64_C(1774742400000); // 00:00Z
    l.s.window_ms = 24 * HOUR;
    l.s.catch_up = CATCH_UP_ALL;
    l.s.overlap = OVERLAP_ALLOW;
    expect_plan(&l, INT64_C(1774746000000),
                "fire 2026-03-29 01:00, skipped_gap 2026-03-29 01:00 | 2026-03-29 01:30");
    schedule_key(&l.plan.moves[0], "", key);
    EXPECT_EQ_STR("1774746000", key);
    schedule_key(&l.plan.moves[1], "", key);
    EXPECT_EQ_STR("1774746000-gap", key);
    EXPECT_EQ_INT(CRON_GAP_SKIPPED, l.plan.moves[1].time.mark);
    expect_plan(&l, INT64_C(1774747800000),
                "fire 2026-03-29 01:30, skipped_gap 2026-03-29 01:30 | 2026-03-30 00:00");
    // afterwards, with everything at once: what is left out stands in its place
    l.state = (struct schedule_state){.last_ms = SCHEDULE_NONE, .resumed_ms = SCHEDULE_NONE};
    expect_plan(&l, INT64_C(1774750000000),
                "caught_up 2026-03-29 01:00, skipped_gap 2026-03-29 01:00, caught_up 2026-03-29 "
                "01:30, skipped_gap 2026-03-29 01:30 | 2026-03-30 00:00");
    EXPECT_EQ_INT(0, cron_parse("0,30 2 * * *", &l.cron, NULL));
    l.state = (struct schedule_state){.last_ms = SCHEDULE_NONE, .resumed_ms = SCHEDULE_NONE};
    expect_plan(&l, INT64_C(1774750000000),
                "skipped_gap 2026-03-29 01:00..2026-03-29 01:30 x2 | 2026-03-30 00:00");
    struct schedule_time t;
    EXPECT_TRUE(schedule_next_skipped(&l.s, l.s.stored_ms, INT64_C(1774750000000), &t));
    EXPECT_EQ_INT(INT64_C(1774746000000), t.nominal_ms);
    EXPECT_EQ_INT(INT64_C(1774749600), t.local);
    l.s.rule.dst = CRON_VIXIE;
    l.state = (struct schedule_state){.last_ms = SCHEDULE_NONE, .resumed_ms = SCHEDULE_NONE};
    expect_plan(&l, INT64_C(1774746000000), "fire 2026-03-29 01:00 | 2026-03-30 00:00");
    EXPECT_EQ_INT(CRON_GAP_MOVED, l.plan.moves[0].time.mark);
    zone_free(&zone);
}

/* However often and wherever it is asked, each time comes once. */
static void test_once(void) {
    struct lab l;
    uint64_t random = 1;
    lab_begin(&l, "*/5 * * * *");
    l.s.overlap = OVERLAP_ALLOW;
    l.s.catch_up = CATCH_UP_ALL;
    l.s.window_ms = 365 * 24 * HOUR;
    l.s.max = 10000;
    l.s.jitter_ms = 3 * MINUTE;
    int64_t now = at(0, 0), last = at(0, 0);
    int wrong = 0, fires = 0;
    while (now < at(24 * 30, 0)) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        now += (int64_t)(random >> 33) % (20 * MINUTE) - 6 * MINUTE; // also backwards
        schedule_plan(&l.s, &l.state, now, &l.plan);
        for (size_t i = 0; i < l.plan.count; i++) {
            const struct schedule_move *m = &l.plan.moves[i];
            wrong += m->time.nominal_ms != last + 5 * MINUTE || m->time.fire_ms > now ||
                     m->count != 1 || !schedule_verdict_starts(m->verdict);
            last = l.state.last_ms = m->last_ms;
            fires++;
        }
        wrong += l.plan.wake_ms <= now;
    }
    EXPECT_EQ_INT(0, wrong);
    EXPECT_TRUE(fires > 24 * 30 * 12 - 12);
}

static void test_names(void) {
    for (int i = 0; i < CATCH_UP_COUNT; i++) {
        EXPECT_EQ_INT(i, schedule_catch_up_from_name(schedule_catch_up_name(i)));
    }
    for (int i = 0; i < OVERLAP_COUNT; i++) {
        EXPECT_EQ_INT(i, schedule_overlap_from_name(schedule_overlap_name(i)));
    }
    for (int i = 0; i < SCHEDULE_VERDICT_COUNT; i++) {
        EXPECT_TRUE(schedule_verdict_name(i) != NULL);
    }
    EXPECT_EQ_INT(-1, schedule_overlap_from_name("x"));
    EXPECT_EQ_INT(-1, schedule_catch_up_from_name(NULL));
    EXPECT_NULL(schedule_verdict_name(SCHEDULE_VERDICT_COUNT));
    EXPECT_NULL(schedule_overlap_name(-1));
    EXPECT_NULL(schedule_catch_up_name(CATCH_UP_COUNT));
}

static const struct expect_test tests[] = {
    {"on time", test_on_time},
    {"where it begins", test_begins},
    {"start_at and end_at", test_start_and_end},
    {"@every", test_every},
    {"@reboot", test_boot},
    {"catch_up: latest", test_latest},
    {"catch_up: all", test_all},
    {"catch_up: none", test_none},
    {"more than a plan holds", test_many},
    {"a year of seconds", test_year},
    {"the clock goes back", test_clock_back},
    {"the clock goes forward", test_clock_forward},
    {"pauses", test_paused},
    {"overlap", test_overlap},
    {"overlap of missed times", test_overlap_of_missed},
    {"jitter", test_jitter},
    {"jitter holds back", test_jitter_holds_back},
    {"gaps", test_gaps},
    {"each time once", test_once},
    {"names", test_names},
};
SUITE_MAIN("schedule", tests)
