// Cron expressions: any text, and expressions put together from the input's bytes, which are mostly valid. What is taken comes when a
// walk through the days of the calendar says so, and what is refused says why.
#include <string.h>

#include "base/bytes.h"
#include "base/civil.h"
#include "core/cron.h"
#include "fuzz.h"

enum { WALK_DAYS = 400 };

static bool is_workday(int64_t day) {
    int weekday = civil_weekday(day);
    return weekday != 0 && weekday != 6;
}

// As the rule is told: the nearest one, looking both ways within the month.
static int64_t nearest_workday(int64_t first, int length, int n) {
    for (int distance = 0; distance < 3; distance++) {
        int64_t before = first + n - 1 - distance, after = first + n - 1 + distance;
        if (before >= first && is_workday(before)) {
            return before;
        }
        if (after < first + length && is_workday(after)) {
            return after;
        }
    }
    return -1;
}

static bool day_matches(const struct cron *c, int64_t day, const struct civil *date, int length) {
    int64_t first = day - date->day + 1, last_workday = first + length - 1;
    while (!is_workday(last_workday)) {
        last_workday--;
    }
    bool matches = (c->days >> date->day & 1) != 0 || (c->last_day && date->day == length) ||
                   (c->last_workday && day == last_workday);
    for (int n = 1; n <= length; n++) {
        matches |= (c->near_days >> n & 1) != 0 && nearest_workday(first, length, n) == day;
    }
    return matches;
}

static bool weekday_matches(const struct cron *c, int64_t day, const struct civil *date,
                            int length) {
    int weekday = civil_weekday(day), nth = (date->day + 6) / 7;
    return (c->weekdays >> weekday & 1) != 0 || (c->nth_weekdays[nth - 1] >> weekday & 1) != 0 ||
           ((c->last_weekdays >> weekday & 1) != 0 && date->day + 7 > length);
}

static bool date_matches(const struct cron_rule *r, int64_t day) {
    const struct cron *c = r->cron;
    struct civil date = civil_from_days(day);
    int length = civil_month_length(date.year, date.month);
    bool by_day = day_matches(c, day, &date, length),
         by_weekday = weekday_matches(c, day, &date, length);
    bool either = !c->day_open && !c->weekday_open && !r->days_and;
    return (c->months >> date.month & 1) != 0 &&
           (either ? by_day || by_weekday : by_day && by_weekday);
}

static bool second_matches(const struct cron *c, int second) {
    return (c->hours >> second / 3600 & 1) != 0 && (c->minutes >> second / 60 % 60 & 1) != 0 &&
           (c->seconds >> second % 60 & 1) != 0;
}

// The first later second within some days, or INT64_MAX.
static int64_t walk(const struct cron_rule *r, int64_t after) {
    int64_t first_day = civil_floor(after + 1, CIVIL_DAY);
    for (int64_t day = first_day; day < first_day + WALK_DAYS; day++) {
        bool matches = date_matches(r, day);
        int second = day == first_day ? (int)(after + 1 - day * CIVIL_DAY) : 0;
        for (; matches && second < CIVIL_DAY; second++) {
            if (second_matches(r->cron, second)) {
                return day * CIVIL_DAY + second;
            }
        }
    }
    return INT64_MAX;
}

static void check_times(const struct cron_rule *r, int64_t after) {
    for (int i = 0; i < 3; i++) {
        struct cron_time t;
        int64_t want = walk(r, after);
        if (!cron_next(r, after, &t)) {
            FUZZ_CHECK(want == INT64_MAX && r->days_and);
            return;
        }
        FUZZ_CHECK(t.nominal == t.at && t.offset == 0 && t.mark == CRON_PLAIN);
        FUZZ_CHECK(want == t.at ||
                   (want == INT64_MAX && t.at > after + (WALK_DAYS - 2) * CIVIL_DAY));
        int64_t day = civil_floor(t.at, CIVIL_DAY);
        FUZZ_CHECK(date_matches(r, day) && second_matches(r->cron, (int)(t.at - day * CIVIL_DAY)));
        after = t.at;
    }
}

static void try_text(const char *text, int64_t after) {
    struct cron c;
    struct err e = {0};
    char note[CRON_NOTE_MAX];
    int notes = 0;
    if (cron_parse(text, &c, &e) < 0) {
        FUZZ_CHECK(e.code < 0 && e.msg[0] != '\0');
        return;
    }
    while (cron_warning(&c, false, notes, note)) {
        FUZZ_CHECK(note[0] != '\0' && ++notes < 3);
    }
    FUZZ_CHECK(c.zone[0] == '\0' || zone_check_name(c.zone, strlen(c.zone), NULL) == 0);
    struct cron_rule rule = {.cron = &c};
    if (c.kind == CRON_TIMES) {
        check_times(&rule, after);
        rule.days_and = true;
        check_times(&rule, after);
    }
    FUZZ_CHECK(cron_comes(&(struct cron_rule){.cron = &c}));
}

// ---- an expression from bytes

struct source {
    const uint8_t *at, *end;
};

static unsigned take(struct source *s) {
    return s->at < s->end ? *s->at++ : 0;
}

static size_t put_item(struct source *s, int field, char *out, size_t cap) {
    static const int bounds[][2] = {{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}};
    static const char *const days[] = {"L", "LW", "?", "1W", "31W", "15W"};
    static const char *const weekdays[] = {"?", "MON#1", "SUN#5", "FRIL", "7L", "SAT-SUN"};
    int low = bounds[field][0], size = bounds[field][1] - low + 1;
    int a = low + (int)take(s) % size, b = low + (int)take(s) % size;
    switch (take(s) % 6) {
    case 0: return (size_t)snprintf(out, cap, "*");
    case 1: return (size_t)snprintf(out, cap, "*/%d", 1 + b);
    case 2:
        return (size_t)snprintf(out, cap, "%d-%d/%u", a < b ? a : b, a < b ? b : a,
                                1 + take(s) % 9);
    case 3: return (size_t)snprintf(out, cap, "%d/%d", a, 1 + b);
    case 4:
        if (field == 3 || field == 5) {
            return (size_t)snprintf(out, cap, "%s", (field == 3 ? days : weekdays)[take(s) % 6]);
        }
        return (size_t)snprintf(out, cap, "%d", a);
    default: return (size_t)snprintf(out, cap, "%d", a);
    }
}

static void try_bytes(struct source s, int64_t after) {
    char text[CRON_TEXT_MAX + 1] = "";
    size_t len = 0;
    for (int field = (int)take(&s) % 2; field < 6; field++) {
        unsigned items = 1 + take(&s) % 8 / 5;
        for (unsigned i = 0; i < items; i++) {
            len += put_item(&s, field, text + len, sizeof text - len);
            text[len++] = i + 1 < items ? ',' : ' ';
            text[len] = '\0';
        }
    }
    try_text(text, after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t hours = 0;
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    memcpy(&hours, data, size < 3 ? size : 3);
    int64_t after = (int64_t)hours % 2000000 * 3600 - 1800000000; // 1912 to 2140
    try_text(text, after);
    try_bytes((struct source){data, data + size}, after);
    free(text);
    return 0;
}
