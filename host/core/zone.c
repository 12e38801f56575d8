#include "core/zone.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/civil.h"

enum { HOUR = 3600, RULE_HOURS_MAX = 167, HEADER = 44, TYPE = 6 };

struct change {
    int64_t at;
    int32_t offset; // from then on
};

// ---- the footer: "CET-1CEST,M3.5.0,M10.5.0/3"

struct rule_date {
    char form; // 'M' month, week, weekday; 'J' day of a year without leap days; 'n' day from 0 on
    int month, week; // week 5 = the last
    int day;         // 'M': weekday
    int32_t at;      // seconds after midnight, either way
};

struct rule {
    int32_t standard, summer;
    struct rule_date begin, end; // of summer time
};

static int64_t rule_day(const struct rule_date *d, int64_t year) {
    int64_t first = civil_days(year, 1, 1);
    if (d->form == 'n') {
        return first + d->day;
    }
    if (d->form == 'J') {
        return first + d->day - 1 + (d->day > 59 && civil_is_leap(year));
    }
    first = civil_days(year, d->month, 1);
    int day = 1 + (d->day - civil_weekday(first) + 7) % 7 + 7 * (d->week - 1);
    int length = civil_month_length(year, d->month);
    return first + day - 1 - (day > length ? 7 : 0);
}

enum { RULE_YEARS = 3, RULE_CHANGES = 2 * RULE_YEARS };

// The changes of three years in their order.
static void rule_changes(const struct rule *r, int64_t year, struct change ret[RULE_CHANGES]) {
    for (int i = 0; i < RULE_CHANGES; i++) {
        bool begins = i % 2 == 0;
        const struct rule_date *date = begins ? &r->begin : &r->end;
        struct change c = {
            .at = rule_day(date, year + i / 2) * CIVIL_DAY + date->at -
                  (begins ? r->standard : r->summer),
            .offset = begins ? r->summer : r->standard,
        };
        int place = i;
        for (; place > 0 && ret[place - 1].at > c.at; place--) {
            ret[place] = ret[place - 1];
        }
        ret[place] = c;
    }
}

static struct zone_span rule_span(const struct rule *r, int64_t at) {
    struct change c[RULE_CHANGES];
    int64_t year = civil_from_days(civil_floor(at + r->standard, CIVIL_DAY)).year - 1;
    rule_changes(r, year, c);
    if (c[1].at > at || c[RULE_CHANGES - 2].at <= at) { // dates at the turn of the year
        rule_changes(r, c[1].at > at ? year - 1 : year + 1, c);
    }
    int last = RULE_CHANGES - 2;
    while (last > 1 && c[last].at > at) {
        last--;
    }
    return (struct zone_span){c[last].at, c[last + 1].at, c[last].offset, c[last - 1].offset};
}

// Reads on from *at; false when it is no rule.
static bool rule_number(const char **at, int max, int *ret) {
    int value = 0, digits = 0;
    for (; **at >= '0' && **at <= '9' && digits < 4; ++*at, digits++) {
        value = value * 10 + (**at - '0');
    }
    *ret = value;
    return digits > 0 && value <= max;
}

// [+-]hh[:mm[:ss]]
static bool rule_time(const char **at, int hours_max, int32_t *ret) {
    int sign = **at == '-' ? -1 : 1;
    *at += **at == '-' || **at == '+';
    int part, seconds = 0, unit = HOUR;
    for (int max = hours_max; unit > 0; unit /= 60, max = 59) {
        if (!rule_number(at, max, &part)) {
            return false;
        }
        seconds += part * unit;
        if (unit == 1 || **at != ':') {
            break;
        }
        ++*at;
    }
    *ret = sign * seconds;
    return true;
}

static bool rule_name(const char **at) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t len = **at == '<' ? strcspn(*at, ">") : strspn(*at, letters);
    bool closed = **at != '<' || (*at)[len] == '>';
    *at += len + (**at == '<' && closed);
    return closed && len >= 3;
}

static bool rule_take(const char **at, char c) {
    bool is = **at == c;
    *at += is;
    return is;
}

static bool rule_date(const char **at, struct rule_date *ret) {
    *ret = (struct rule_date){.form = 'n', .at = 2 * HOUR};
    bool good;
    if (rule_take(at, 'M')) {
        ret->form = 'M';
        good = rule_number(at, 12, &ret->month) && ret->month > 0 && rule_take(at, '.') &&
               rule_number(at, 5, &ret->week) && ret->week > 0 && rule_take(at, '.') &&
               rule_number(at, 6, &ret->day);
    } else if (rule_take(at, 'J')) {
        ret->form = 'J';
        good = rule_number(at, 365, &ret->day) && ret->day > 0;
    } else {
        good = rule_number(at, 365, &ret->day);
    }
    return good && (!rule_take(at, '/') || rule_time(at, RULE_HOURS_MAX, &ret->at));
}

// True when it is one; without summer time both offsets are the same.
static bool rule_parse(const char *at, struct rule *ret) {
    *ret = (struct rule){0};
    if (!rule_name(&at) || !rule_time(&at, 24, &ret->standard)) {
        return false;
    }
    ret->standard = -ret->standard; // POSIX counts westward
    ret->summer = ret->standard;
    if (*at == '\0') {
        return true;
    }
    if (!rule_name(&at)) {
        return false;
    }
    ret->summer = ret->standard + HOUR;
    if (*at != ',') {
        if (!rule_time(&at, 24, &ret->summer)) {
            return false;
        }
        ret->summer = -ret->summer;
    }
    return rule_take(&at, ',') && rule_date(&at, &ret->begin) && rule_take(&at, ',') &&
           rule_date(&at, &ret->end) && *at == '\0';
}

// Whatever the length of the year and the weekday of its first day, summer time ends before it begins again; or it ends when it
// begins again, and is all there is (RFC 8536, 3.3.1). False when it does neither.
static bool rule_settle(struct rule *r) {
    bool alternates = true, always = true;
    for (int year = 2000; year < 2028; year++) {
        struct change c[RULE_CHANGES];
        rule_changes(r, year, c);
        for (int i = 1; i < RULE_CHANGES; i++) {
            alternates &= c[i - 1].at < c[i].at && c[i - 1].offset != c[i].offset;
        }
        always &= c[1].at == c[2].at && c[3].at == c[4].at;
    }
    if (always) {
        r->standard = r->summer;
    }
    return always || alternates;
}

// ---- the file

struct zone {
    bool ruled; // the footer has summer time
    struct rule rule;
    int64_t ruled_from;
    int32_t first; // offset before all changes
    size_t count;
    struct change changes[];
};

struct header {
    uint32_t utc_marks, standard_marks, leaps, times, types, name_bytes;
};

struct reader {
    const uint8_t *at, *end;
};

static uint32_t read_u32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t read_i64(const uint8_t *p) {
    return (int64_t)((uint64_t)read_u32(p) << 32 | read_u32(p + 4));
}

static const uint8_t *take(struct reader *r, uint64_t len) {
    const uint8_t *at = r->at;
    if (len > (uint64_t)(r->end - at)) {
        return NULL;
    }
    r->at += len;
    return at;
}

static bool read_header(struct reader *r, struct header *ret) {
    const uint8_t *p = take(r, HEADER);
    if (p == NULL || memcmp(p, "TZif", 4) != 0 || p[4] < '2') {
        return false;
    }
    *ret = (struct header){read_u32(p + 20), read_u32(p + 24), read_u32(p + 28),
                           read_u32(p + 32), read_u32(p + 36), read_u32(p + 40)};
    return true;
}

// Of everything behind a header, when a time takes `width` bytes.
static uint64_t block_size(const struct header *h, unsigned width) {
    return (uint64_t)h->times * (width + 1) + (uint64_t)h->types * TYPE + h->name_bytes +
           (uint64_t)h->leaps * (width + 4) + h->standard_marks + h->utc_marks;
}

// What follows on `offset` up to now; a change to the same is none.
static void add_change(struct zone *z, int64_t at, int32_t offset) {
    if (z->count > 0 && z->changes[z->count - 1].at == at) {
        z->count--;
    }
    int32_t before = z->count == 0 ? z->first : z->changes[z->count - 1].offset;
    if (offset != before) {
        z->changes[z->count++] = (struct change){at, offset};
    }
}

// `last`: when the file's last change was, of whatever kind.
static const char *read_changes(struct zone *z, const struct header *h, const uint8_t *block,
                                int64_t *last) {
    const uint8_t *kinds = block + (size_t)h->times * 8;
    const uint8_t *types = kinds + h->times;
    *last = -ZONE_ALWAYS;
    for (uint32_t i = 0; i < h->types; i++) {
        int32_t offset = (int32_t)read_u32(types + (size_t)i * TYPE);
        if (offset > ZONE_OFFSET_MAX || offset < -ZONE_OFFSET_MAX) {
            return "an offset of 26 hours or more";
        }
    }
    z->first = (int32_t)read_u32(types);
    for (uint32_t i = 0; i < h->times; i++) {
        int64_t at = read_i64(block + (size_t)i * 8);
        if (kinds[i] >= h->types || at >= ZONE_ALWAYS || (i > 0 && at <= *last)) {
            return "its changes are out of order";
        }
        int32_t offset = (int32_t)read_u32(types + (size_t)kinds[i] * TYPE);
        if (at <= -ZONE_ALWAYS) { // the beginning of time, as some tools write it
            z->first = offset;
            continue;
        }
        add_change(z, at, offset);
        *last = at;
    }
    return NULL;
}

static const char *read_footer(struct zone *z, struct reader *r, int64_t last) {
    char text[128];
    const uint8_t *open = take(r, 1);
    const uint8_t *close = open == NULL ? NULL : memchr(r->at, '\n', (size_t)(r->end - r->at));
    if (open == NULL || *open != '\n' || close == NULL) {
        return "its footer is missing";
    }
    size_t len = (size_t)(close - r->at);
    if (len == 0) {
        return NULL; // the last change holds for ever
    }
    if (len >= sizeof text) {
        return "its footer is too long";
    }
    memcpy(text, r->at, len);
    text[len] = '\0';
    if (!rule_parse(text, &z->rule)) {
        return "its footer is no rule";
    }
    if (z->rule.standard != z->rule.summer && !rule_settle(&z->rule)) {
        return "its footer is no rule";
    }
    z->ruled = z->rule.standard != z->rule.summer;
    z->ruled_from = last;
    // the rule has the last word from the last change on
    int32_t offset = z->ruled ? rule_span(&z->rule, last).offset : z->rule.standard;
    if (last == -ZONE_ALWAYS) {
        z->first = offset;
    } else {
        add_change(z, last, offset);
    }
    return NULL;
}

static const char *read_zone(struct zone *z, const struct header *h, const uint8_t *block,
                             struct reader *rest) {
    int64_t last;
    const char *fault = read_changes(z, h, block, &last);
    return fault != NULL ? fault : read_footer(z, rest, last);
}

int zone_parse(const void *bytes, size_t len, struct zone **ret, struct err *e) {
    struct reader r = {bytes, (const uint8_t *)bytes + len};
    struct header h;
    // the first block has 32-bit times, for readers older than this one
    if (len > ZONE_FILE_MAX || !read_header(&r, &h) || take(&r, block_size(&h, 4)) == NULL ||
        !read_header(&r, &h) || h.types == 0) {
        return err_set(e, -EINVAL, "not a zone file with 64-bit times");
    }
    const uint8_t *block = take(&r, block_size(&h, 8));
    if (block == NULL) {
        return err_set(e, -EINVAL, "the zone file is cut off");
    }
    struct zone *z = calloc(1, sizeof *z + ((size_t)h.times + 1) * sizeof z->changes[0]);
    if (z == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    const char *fault = read_zone(z, &h, block, &r);
    if (fault != NULL) {
        free(z);
        return err_set(e, -EINVAL, "the zone file is broken: %s", fault);
    }
    *ret = z;
    return 0;
}

void zone_free(struct zone **zone) {
    free(*zone);
    *zone = NULL;
}

// ---- looking up

// How many changes have been by then.
static size_t count_until(const struct zone *z, int64_t at) {
    size_t low = 0, high = z->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->changes[middle].at <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// Between the changes of the file; the end of the last one is left open.
static struct zone_span file_span(const struct zone *z, size_t passed) {
    return (struct zone_span){
        .begin = passed == 0 ? -ZONE_ALWAYS : z->changes[passed - 1].at,
        .end = passed == z->count ? ZONE_ALWAYS : z->changes[passed].at,
        .offset = passed == 0 ? z->first : z->changes[passed - 1].offset,
        .before = passed < 2 ? z->first : z->changes[passed - 2].offset,
    };
}

struct zone_span zone_span_at(const struct zone *z, int64_t at) {
    if (z == NULL) {
        return (struct zone_span){.begin = -ZONE_ALWAYS, .end = ZONE_ALWAYS};
    }
    at = at < -ZONE_ALWAYS ? -ZONE_ALWAYS : at > ZONE_ALWAYS ? ZONE_ALWAYS : at;
    struct zone_span span;
    bool by_rule = z->ruled && at >= z->ruled_from;
    if (by_rule) {
        span = rule_span(&z->rule, at);
        if (span.begin > z->ruled_from) {
            return span;
        }
    }
    size_t passed = by_rule ? z->count : count_until(z, at);
    int64_t end = by_rule ? span.end : 0;
    span = file_span(z, passed);
    if (passed == z->count && z->ruled) { // the last of the file goes on as the first of the rule
        span.end = by_rule ? end : rule_span(&z->rule, z->ruled_from).end;
    }
    return span;
}

int zone_check_name(const char *name, size_t len, struct err *e) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789_+-/";
    bool good = len >= 1 && len <= ZONE_NAME_MAX && name[0] != '/';
    for (size_t i = 0; i < len && good; i++) {
        good = name[i] != '\0' && strchr(allowed, name[i]) != NULL;
    }
    return good ? 0
                : err_set(e, -EINVAL, "expected the name of a time zone, such as Europe/Berlin");
}
