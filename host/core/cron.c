#include "core/cron.h"

#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/civil.h"

#define NEVER      INT64_MAX
#define YEARS      (CRON_YEARS * INT64_C(366) * CIVIL_DAY)
#define YEAR_0     INT64_C(-62167219200)
#define YEAR_10000 INT64_C(253402300800)
#define YEAR_2000  INT64_C(946684800)
#define SHIFT_MAX  (2 * (ZONE_OFFSET_MAX + 1)) // how far local times can overlap
#define ALL_WEEKS  UINT64_C(0x10204081)        // every seventh bit, five of them

// ---- the calendar: local times that the fields name

// The lowest bit that is set from `from` on; -1 = none.
static int bit_from(uint64_t bits, int from) {
    bits = from > 63 ? 0 : bits >> from << from;
    return bits == 0 ? -1 : __builtin_ctzll(bits);
}

// The first second of a day that matches from `at` on; -1 = none.
static int find_second(const struct cron *c, int at) {
    int hour = at / 3600, minute = at / 60 % 60;
    int first_minute = bit_from(c->minutes, 0), first_second = bit_from(c->seconds, 0);
    if ((c->hours >> hour & 1) != 0) {
        int second = (c->minutes >> minute & 1) != 0 ? bit_from(c->seconds, at % 60) : -1;
        if (second >= 0) {
            return hour * 3600 + minute * 60 + second;
        }
        minute = bit_from(c->minutes, minute + 1);
        if (minute >= 0) {
            return hour * 3600 + minute * 60 + first_second;
        }
    }
    hour = bit_from(c->hours, hour + 1);
    return hour < 0 ? -1 : hour * 3600 + first_minute * 60 + first_second;
}

struct month {
    int length, first; // days; the weekday of the first
};

// The workday nearest to a day, in the same month.
static int nearest_workday(const struct month *m, int day) {
    int weekday = (m->first + day - 1) % 7;
    if (weekday == 6) {
        return day > 1 ? day - 1 : day + 2;
    }
    if (weekday == 0) {
        return day < m->length ? day + 1 : day - 2;
    }
    return day;
}

static uint64_t bit(int day) {
    return UINT64_C(1) << day;
}

// Bit n is the n-th of the month.
static uint64_t match_days(const struct cron *c, const struct month *m) {
    uint64_t days = c->days;
    for (int day = bit_from(c->near_days, 1); day > 0 && day <= m->length;
         day = bit_from(c->near_days, day + 1)) {
        days |= bit(nearest_workday(m, day));
    }
    if (c->last_day) {
        days |= bit(m->length);
    }
    if (c->last_workday) {
        int weekday = (m->first + m->length - 1) % 7;
        days |= bit(m->length - (weekday == 6 ? 1 : weekday == 0 ? 2 : 0));
    }
    return days;
}

static uint64_t match_weekdays(const struct cron *c, const struct month *m) {
    uint64_t days = 0;
    for (int weekday = 0; weekday < 7; weekday++) {
        int first = 1 + (weekday - m->first + 7) % 7;
        if ((c->weekdays >> weekday & 1) != 0) {
            days |= ALL_WEEKS << first;
        }
        for (int n = 0; n < 5; n++) {
            days |= (c->nth_weekdays[n] >> weekday & 1) != 0 ? bit(first + 7 * n) : 0;
        }
        if ((c->last_weekdays >> weekday & 1) != 0) {
            days |= bit(first + (m->length - first) / 7 * 7);
        }
    }
    return days;
}

static uint64_t match_month(const struct cron_rule *r, const struct month *m) {
    const struct cron *c = r->cron;
    uint64_t there = bit(m->length + 1) - 2, days;
    if (c->weekday_open) {
        days = c->day_open ? there : match_days(c, m);
    } else if (c->day_open) {
        days = match_weekdays(c, m);
    } else {
        uint64_t by_day = match_days(c, m), by_weekday = match_weekdays(c, m);
        days = r->days_and ? by_day & by_weekday : by_day | by_weekday;
    }
    return days & there;
}

// The first local time that matches from `from` on and before `limit`, or NEVER.
static int64_t find_local(const struct cron_rule *r, int64_t from, int64_t limit) {
    int64_t day = civil_floor(from, CIVIL_DAY);
    int second = find_second(r->cron, (int)(from - day * CIVIL_DAY));
    struct civil date = civil_from_days(second < 0 ? ++day : day);
    second = second < 0 ? find_second(r->cron, 0) : second;
    int64_t month_begin = day - date.day + 1;
    for (int first_day = date.day; month_begin * CIVIL_DAY < limit; first_day = 1) {
        struct month m = {civil_month_length(date.year, date.month), civil_weekday(month_begin)};
        bool named = (r->cron->months >> date.month & 1) != 0;
        int match = named ? bit_from(match_month(r, &m), first_day) : -1;
        if (match > 0) {
            bool today = month_begin + match - 1 == day;
            int64_t found =
                (month_begin + match - 1) * CIVIL_DAY + (today ? second : find_second(r->cron, 0));
            return found < limit ? found : NEVER;
        }
        month_begin += m.length;
        date.year += date.month == 12;
        date.month = date.month % 12 + 1;
    }
    return NEVER;
}

// Remembers the last answer: most spans that are passed have no time of a rare expression.
struct search {
    const struct cron_rule *rule;
    int64_t limit; // local
    int64_t from, found;
};

static int64_t search_local(struct search *s, int64_t from) {
    if (from < s->from || from > s->found) {
        s->found = find_local(s->rule, from, s->limit);
        s->from = from;
    }
    return s->found;
}

static struct search search_begin(const struct cron_rule *r, int64_t until) {
    return (struct search){.rule = r, .limit = until + ZONE_OFFSET_MAX, .from = 1, .found = 0};
}

// ---- instants: the local times of one span after the other

static bool is_gap(const struct zone_span *span) {
    return span->offset > span->before;
}

// A fixed time that the gap in front of a span moves into it; NEVER = none from `first` on.
static int64_t find_moved(struct search *s, const struct zone_span *span, int64_t first,
                          int64_t *ret_local) {
    enum cron_dst dst = s->rule->dst;
    if (!is_gap(span) || !s->rule->cron->fixed || (dst != CRON_VIXIE && dst != CRON_SHIFT) ||
        (dst == CRON_VIXIE && first > span->begin)) {
        return NEVER;
    }
    *ret_local = search_local(s, (dst == CRON_VIXIE ? span->begin : first) + span->before);
    if (*ret_local >= span->begin + span->offset) {
        return NEVER;
    }
    return dst == CRON_VIXIE ? span->begin : *ret_local - span->before;
}

// A time of the span's own clock.
static int64_t find_regular(struct search *s, const struct zone_span *span, int64_t first,
                            int64_t *ret_local) {
    int64_t from = first + span->offset;
    bool once = s->rule->cron->fixed && s->rule->dst != CRON_BOTH;
    if (once && from < span->begin + span->before) {
        from = span->begin + span->before; // until then the clock shows what it has shown
    }
    *ret_local = search_local(s, from);
    return *ret_local >= s->limit || *ret_local - span->offset >= span->end
               ? NEVER
               : *ret_local - span->offset;
}

static enum cron_mark mark_regular(const struct zone *zone, const struct zone_span *span,
                                   int64_t at, int64_t local) {
    if (local < span->begin + span->before) {
        return CRON_OVERLAP_2;
    }
    if (span->end >= ZONE_ALWAYS || span->end - at > SHIFT_MAX) {
        return CRON_PLAIN;
    }
    struct zone_span next = zone_span_at(zone, span->end);
    return local >= next.begin + next.offset ? CRON_OVERLAP_1 : CRON_PLAIN;
}

// The first from `first` on, which is within the span.
static bool find_in_span(struct search *s, const struct zone_span *span, int64_t first,
                         struct cron_time *ret) {
    int64_t moved_local = 0, local = 0;
    int64_t moved = find_moved(s, span, first, &moved_local);
    int64_t regular = find_regular(s, span, first, &local);
    if (moved == NEVER && regular == NEVER) {
        return false;
    }
    // both at once are one, and that is the regular one
    *ret = moved < regular ? (struct cron_time){moved, moved_local, span->offset, CRON_GAP_MOVED}
                           : (struct cron_time){regular, local, span->offset,
                                                mark_regular(s->rule->zone, span, regular, local)};
    return true;
}

static bool next_every(const struct cron_rule *r, int64_t after, struct cron_time *ret) {
    int64_t every = r->cron->every;
    int64_t count = after < r->anchor ? 0 : (after - r->anchor) / every + 1;
    int64_t at = r->anchor + count * every;
    int32_t offset = zone_span_at(r->zone, at).offset;
    *ret = (struct cron_time){at, at + offset, offset, CRON_PLAIN};
    return true;
}

bool cron_next(const struct cron_rule *r, int64_t after, struct cron_time *ret) {
    if (r->cron->kind == CRON_REBOOT || after >= YEAR_10000) {
        return false;
    }
    after = after < YEAR_0 ? YEAR_0 : after;
    if (r->cron->kind == CRON_EVERY) {
        return next_every(r, after, ret);
    }
    struct search s = search_begin(r, after + YEARS);
    struct zone_span span = zone_span_at(r->zone, after + 1);
    for (int64_t first = after + 1; first < after + YEARS; first = span.begin) {
        if (find_in_span(&s, &span, first, ret)) {
            return true;
        }
        if (span.end >= after + YEARS) {
            break;
        }
        span = zone_span_at(r->zone, span.end);
    }
    return false;
}

bool cron_comes(const struct cron_rule *r) {
    struct cron_rule utc = *r;
    struct cron_time first;
    utc.zone = NULL;
    return r->cron->kind != CRON_TIMES || cron_next(&utc, YEAR_2000, &first);
}

bool cron_next_skipped(const struct cron_rule *r, int64_t after, int64_t until,
                       struct cron_time *ret) {
    if (r->cron->kind != CRON_TIMES || !r->cron->fixed ||
        (r->dst != CRON_SKIP && r->dst != CRON_BOTH) || after >= until || after >= YEAR_10000) {
        return false;
    }
    after = after < YEAR_0 ? YEAR_0 : after;
    until = until < after + YEARS ? until : after + YEARS;
    struct search s = search_begin(r, until);
    struct zone_span span = zone_span_at(r->zone, after + 1);
    for (int64_t first = after + 1; first <= until; first = span.begin) {
        int64_t local = is_gap(&span) ? search_local(&s, first + span.before) : NEVER;
        if (local < span.begin + span.offset && local - span.before <= until) {
            *ret = (struct cron_time){local - span.before, local, span.offset, CRON_GAP_SKIPPED};
            return true;
        }
        if (span.end > until) {
            break;
        }
        span = zone_span_at(r->zone, span.end);
    }
    return false;
}

// ---- names

static const char *const dst_names[CRON_DST_COUNT] = {
    [CRON_VIXIE] = "vixie",
    [CRON_SKIP] = "skip",
    [CRON_BOTH] = "both",
    [CRON_SHIFT] = "shift",
};

const char *cron_dst_name(int dst) {
    return (unsigned)dst < CRON_DST_COUNT ? dst_names[dst] : NULL;
}

int cron_dst_from_name(const char *name) {
    for (int i = 0; name != NULL && i < CRON_DST_COUNT; i++) {
        if (strcmp(dst_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

const char *cron_mark_name(int mark) {
    static const char *const names[CRON_MARK_COUNT] = {
        [CRON_PLAIN] = "",
        [CRON_GAP_MOVED] = "gap_moved",
        [CRON_GAP_SKIPPED] = "gap_skipped",
        [CRON_OVERLAP_1] = "overlap_1",
        [CRON_OVERLAP_2] = "overlap_2",
    };
    return (unsigned)mark < CRON_MARK_COUNT ? names[mark] : NULL;
}
