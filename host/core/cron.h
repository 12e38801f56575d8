/* Cron expressions: what they say, and when they are due. Pure; nothing here allocates.
 *
 *     schedule = [ ("CRON_TZ=" | "TZ=") zone ] ( macro | [ second ] minute hour day month weekday )
 *     macro    = @yearly @annually @monthly @weekly @daily @midnight @hourly @reboot | @every duration
 *     field    = item { "," item }
 *     item     = ( "*" | value | value "-" value ) [ "/" step ]        value "/" step: up to the maximum
 *                day also: ? L LW 15W          weekday also: ? MON#2 FRIL
 *
 * Local times ("civil") are seconds since 1970 on a clock that shows them; instants are unix seconds. What happens where
 * a zone's clocks change: docs/schedules.md. */
#ifndef JOBHOST_CORE_CRON_H
#define JOBHOST_CORE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/zone.h"

enum { CRON_TEXT_MAX = 256, CRON_NOTE_MAX = 160, CRON_YEARS = 50 /* later is never */ };

enum cron_kind { CRON_TIMES, CRON_EVERY, CRON_REBOOT };

struct cron {
    enum cron_kind kind;
    int64_t every; // CRON_EVERY: seconds

    /* bit n is the value n */
    uint64_t seconds, minutes;
    uint32_t hours, days, months;
    uint8_t weekdays;
    uint32_t near_days;          // 15W: the weekday nearest to it
    uint8_t nth_weekdays[5];     // MON#2 is in [1]
    uint8_t last_weekdays;       // FRIL
    bool last_day, last_workday; // L, LW
    bool day_open, weekday_open; // literally * or ?
    bool fixed;                  // no * in seconds, minutes and hours: `dst` applies

    char zone[ZONE_NAME_MAX + 1]; // of the prefix; "" = none

    /* for warnings */
    int big_step, big_step_column; // above its field's maximum; 0 = none
    const char *big_step_field;    // a constant
    bool stepped_star_day;         // a day field such as "*/2" beside one that is restricted
};

/* 0; or -EINVAL with the field, the column within `text` and what is allowed. An expression that never comes is refused
 * too. */
int cron_parse(const char *text, struct cron *ret, struct err *e);

/* What is odd about an expression though it is allowed: writes the number `i` and returns true, or false from the end
 * on. */
bool cron_warning(const struct cron *cron, bool days_and, int i, char out[CRON_NOTE_MAX]);

/* In the order of the words of schedules.<name>.dst. */
enum cron_dst { CRON_VIXIE, CRON_SKIP, CRON_BOTH, CRON_SHIFT, CRON_DST_COUNT };

/* "vixie", "skip", "both", "shift"; NULL for a value outside the enum; -1 when there is no such name. */
const char *cron_dst_name(int dst);
int cron_dst_from_name(const char *name);

/* A whole rule. Everything is borrowed. */
struct cron_rule {
    const struct cron *cron;
    const struct zone *zone; // NULL = UTC
    enum cron_dst dst;
    bool days_and;  // both day fields have to match; else either does, where both are restricted
    int64_t anchor; // CRON_EVERY: its first time
};

enum cron_mark {
    CRON_PLAIN,
    CRON_GAP_MOVED,   // its local time does not exist that day; it comes later
    CRON_GAP_SKIPPED, // ... ; it does not come
    CRON_OVERLAP_1,   // its local time exists twice: the first
    CRON_OVERLAP_2,   // the second
    CRON_MARK_COUNT
};

/* "", "gap_moved", "gap_skipped", "overlap_1", "overlap_2". */
const char *cron_mark_name(int mark);

struct cron_time {
    int64_t at;      // when; of a skipped one: when it would have been, had the clocks not changed
    int64_t nominal; // the local time that the expression names
    int32_t offset;  // of the clocks at `at`
    enum cron_mark mark;
};

/* The first time later than `after`; false = never, which is: not within CRON_YEARS, or CRON_REBOOT. Times that fall
 * together are one. Some hundred nanoseconds, or a few microseconds where years lie between. */
bool cron_next(const struct cron_rule *rule, int64_t after, struct cron_time *ret);

/* Is there any time at all? Neither zone nor present matter: each date of the calendar comes in every CRON_YEARS. */
bool cron_comes(const struct cron_rule *rule);

/* The first in (after, until] that is left out because of a gap. */
bool cron_next_skipped(const struct cron_rule *rule, int64_t after, int64_t until,
                       struct cron_time *ret);

#endif
