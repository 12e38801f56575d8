#include "base/rfc3339.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/civil.h"

#define DAY_MS        INT64_C(86400000)
#define YEAR_0_MS     INT64_C(-62167219200000)
#define YEAR_10000_MS INT64_C(253402300800000)

static char *put_digits(char *p, int value, int count) {
    for (int i = count - 1; i >= 0; i--) {
        p[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return p + count;
}

void rfc3339_format(int64_t unix_ms, char out[RFC3339_LEN + 1]) {
    if (unix_ms < YEAR_0_MS) {
        unix_ms = YEAR_0_MS;
    } else if (unix_ms >= YEAR_10000_MS) {
        unix_ms = YEAR_10000_MS - 1;
    }
    int64_t days = civil_floor(unix_ms, DAY_MS);
    struct civil c = civil_from_days(days);
    int ms = (int)(unix_ms - days * DAY_MS);
    const struct {
        int value, count;
        char after;
    } parts[] = {
        {(int)c.year, 4, '-'},  {c.month, 2, '-'},         {c.day, 2, 'T'},
        {ms / 3600000, 2, ':'}, {ms / 60000 % 60, 2, ':'}, {ms / 1000 % 60, 2, '.'},
        {ms % 1000, 3, 'Z'},
    };
    char *p = out;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        p = put_digits(p, parts[i].value, parts[i].count);
        *p++ = parts[i].after;
    }
    *p = '\0';
}

// Exactly `count` digits; false without them.
static bool take_digits(const char **p, int count, int *ret) {
    int value = 0;
    for (int i = 0; i < count; i++) {
        if ((*p)[i] < '0' || (*p)[i] > '9') {
            return false;
        }
        value = value * 10 + ((*p)[i] - '0');
    }
    *p += count;
    *ret = value;
    return true;
}

static bool take_one_of(const char **p, const char *set) {
    if (**p == '\0' || strchr(set, **p) == NULL) {
        return false;
    }
    ++*p;
    return true;
}

// ".123456789", or nothing; milliseconds, truncated
static bool take_fraction(const char **p, int *ret_ms) {
    *ret_ms = 0;
    if (**p != '.') {
        return true;
    }
    ++*p;
    int digits = 0;
    for (int scale = 100; **p >= '0' && **p <= '9'; ++*p, scale /= 10) {
        *ret_ms += (**p - '0') * scale;
        digits++;
    }
    return digits >= 1 && digits <= 9;
}

static bool take_offset(const char **p, int *ret_minutes) {
    *ret_minutes = 0;
    if (take_one_of(p, "Zz")) {
        return true;
    }
    int sign = **p == '-' ? -1 : 1;
    int hours, minutes;
    if (!take_one_of(p, "+-") || !take_digits(p, 2, &hours) || !take_one_of(p, ":") ||
        !take_digits(p, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

static bool take_day(const char **p, int64_t *ret_unix_ms) {
    int year, month, day;
    if (!take_digits(p, 4, &year) || !take_one_of(p, "-") || !take_digits(p, 2, &month) ||
        !take_one_of(p, "-") || !take_digits(p, 2, &day) || month < 1 || month > 12 || day < 1 ||
        day > civil_month_length(year, month)) {
        return false;
    }
    *ret_unix_ms = civil_days(year, month, day) * DAY_MS;
    return true;
}

int rfc3339_parse(const char *text, int64_t *ret_unix_ms) {
    const char *p = text;
    int64_t day_ms;
    int hour, minute, second, ms, offset;
    // second 60 is a leap second: the first moment of the next minute
    if (!take_day(&p, &day_ms) || !take_one_of(&p, "Tt ") || !take_digits(&p, 2, &hour) ||
        !take_one_of(&p, ":") || !take_digits(&p, 2, &minute) || !take_one_of(&p, ":") ||
        !take_digits(&p, 2, &second) || !take_fraction(&p, &ms) || !take_offset(&p, &offset) ||
        *p != '\0' || hour > 23 || minute > 59 || second > 60) {
        return -EINVAL;
    }
    int64_t minutes = (int64_t)hour * 60 + minute - offset;
    *ret_unix_ms = day_ms + minutes * 60000 + second * 1000 + ms;
    return 0;
}

int rfc3339_parse_day(const char *text, int64_t *ret_unix_ms) {
    const char *p = text;
    int64_t day_ms;
    if (!take_day(&p, &day_ms) || *p != '\0') {
        return -EINVAL;
    }
    *ret_unix_ms = day_ms;
    return 0;
}

// ---- durations and sizes: a number and its unit

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

// Binary before decimal: the first of two spellings of one length is printed.
static const struct unit size_units[] = {
    {"TiB", UINT64_C(1) << 40},
    {"GiB", 1 << 30},
    {"MiB", 1 << 20},
    {"KiB", 1 << 10},
    {"TB", 1000000000000},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"kB", 1000},
    {"KB", 1000},
    {"B", 1},
};

// Digits and the name of a unit. Returns the unit's index, or -EINVAL, -ERANGE.
static int take_quantity(const char **p, const struct unit *units, size_t count, uint64_t *ret) {
    uint64_t value = 0;
    const char *digits = *p;
    for (; **p >= '0' && **p <= '9'; ++*p) {
        uint64_t digit = (uint64_t)(**p - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return -ERANGE;
        }
        value = value * 10 + digit;
    }
    size_t name_len = strcspn(*p, "0123456789");
    for (size_t i = 0; i < count && *p != digits; i++) {
        if (strlen(units[i].name) == name_len && memcmp(units[i].name, *p, name_len) == 0) {
            if (value > UINT64_MAX / units[i].factor) {
                return -ERANGE;
            }
            *p += name_len;
            *ret = value * units[i].factor;
            return (int)i;
        }
    }
    return -EINVAL;
}

int duration_parse(const char *text, int64_t *ret_ms) {
    uint64_t total = 0;
    int last = -1; // units get smaller from left to right
    const char *p = text;
    do {
        uint64_t part;
        int unit = take_quantity(&p, duration_units, ARRAY_LEN(duration_units), &part);
        if (unit < 0) {
            return unit;
        }
        if (unit <= last) {
            return -EINVAL;
        }
        if (part > INT64_MAX - total) {
            return -ERANGE;
        }
        total += part;
        last = unit;
    } while (*p != '\0');
    *ret_ms = (int64_t)total;
    return 0;
}

static size_t count_digits(uint64_t n) {
    size_t digits = 1;
    for (; n >= 10; n /= 10) {
        digits++;
    }
    return digits;
}

// How long `ms` is in the units of `mask` only; 0 if they leave a rest.
static size_t measure_duration(uint64_t ms, unsigned mask) {
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(duration_units) && ms != 0; i++) {
        uint64_t n = (mask & (1u << i)) == 0 ? 0 : ms / duration_units[i].factor;
        if (n != 0) {
            len += count_digits(n) + strlen(duration_units[i].name);
            ms -= n * duration_units[i].factor;
        }
    }
    return ms == 0 ? len : 0;
}

static void spell_duration(uint64_t ms, unsigned mask, char *out, size_t cap) {
    for (size_t i = 0; i < ARRAY_LEN(duration_units); i++) {
        uint64_t n = (mask & (1u << i)) == 0 ? 0 : ms / duration_units[i].factor;
        if (n != 0) {
            int len = snprintf(out, cap, "%" PRIu64 "%s", n, duration_units[i].name);
            size_t used = (size_t)len < cap ? (size_t)len : cap;
            out += used;
            cap -= used;
            ms -= n * duration_units[i].factor;
        }
    }
}

void duration_format(int64_t ms, char *out, size_t cap) {
    enum { SHORTEST = 2 }; // a digit and a unit
    uint64_t magnitude = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    size_t best_len = 0;
    unsigned best = 0;
    if (ms == 0) {
        (void)snprintf(out, cap, "0s");
        return;
    }
    // every choice of units, the larger units first
    for (unsigned mask = 1; mask < 1u << ARRAY_LEN(duration_units) && best_len != SHORTEST;
         mask++) {
        size_t len = measure_duration(magnitude, mask);
        if (len != 0 && (best_len == 0 || len < best_len)) {
            best = mask;
            best_len = len;
        }
    }
    char text[96] = "-";
    spell_duration(magnitude, best, text + 1, sizeof text - 1);
    (void)snprintf(out, cap, "%s", ms < 0 ? text : text + 1);
}

int size_parse(const char *text, uint64_t *ret_bytes) {
    uint64_t bytes;
    const char *p = text;
    int unit = take_quantity(&p, size_units, ARRAY_LEN(size_units), &bytes);
    if (unit < 0) {
        return unit;
    }
    if (*p != '\0') {
        return -EINVAL;
    }
    *ret_bytes = bytes;
    return 0;
}

void size_format(uint64_t bytes, char *out, size_t cap) {
    char best[32] = "0B";
    size_t best_len = 0;
    for (size_t i = 0; i < ARRAY_LEN(size_units) && bytes != 0; i++) {
        if (bytes % size_units[i].factor != 0) {
            continue;
        }
        char candidate[32];
        size_t len = (size_t)snprintf(candidate, sizeof candidate, "%" PRIu64 "%s",
                                      bytes / size_units[i].factor, size_units[i].name);
        if (best_len == 0 || len < best_len) {
            memcpy(best, candidate, len + 1);
            best_len = len;
        }
    }
    (void)snprintf(out, cap, "%s", best);
}
