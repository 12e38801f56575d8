#include "core/limiter_headers.h"

#include <stdbool.h>
#include <stdio.h>
#include <strings.h>

#include "base/rfc3339.h"

#define UNIX_MS_FROM INT64_C(1000000000000)
#define UNIX_S_FROM  INT64_C(1000000000)
#define MILLIS_MAX   INT64_C(10000000000000000) /* larger numbers are cut to this many thousandths */

static bool contains(struct bytes text, const char *part) {
    const char *p = text.data;
    size_t len = strlen(part);
    for (size_t i = 0; i + len <= text.len; i++) {
        if (strncasecmp(p + i, part, len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_name(struct bytes text, const char *name) {
    return text.len == strlen(name) && strncasecmp(text.data, name, text.len) == 0;
}

enum limiter_header limiter_header_of(struct bytes name) {
    static const struct {
        const char *part;
        enum limiter_header header;
    } rows[] = {
        {"remaining", LIMITER_HEADER_REMAINING}, {"reset", LIMITER_HEADER_RESET},
        {"used", LIMITER_HEADER_OTHER},          {"policy", LIMITER_HEADER_OTHER},
        {"limit", LIMITER_HEADER_LIMIT},
    };
    if (is_name(name, "Retry-After")) {
        return LIMITER_HEADER_RETRY_AFTER;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (contains(name, rows[i].part)) {
            return rows[i].header;
        }
    }
    return LIMITER_HEADER_OTHER;
}

// ---- numbers

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Digits, perhaps with a fraction, as thousandths; returns what follows, or NULL: it is no number. */
static const char *read_millis(const char *p, int64_t *ret) {
    int64_t value = 0;
    if (!is_digit(*p)) {
        return NULL;
    }
    for (; is_digit(*p); p++) {
        value = value >= MILLIS_MAX / 1000 ? MILLIS_MAX / 1000 : value * 10 + (*p - '0');
    }
    value *= 1000;
    if (*p == '.') {
        p++;
        for (int64_t worth = 100; is_digit(*p); p++, worth /= 10) {
            value += (*p - '0') * worth;
        }
    }
    *ret = value > MILLIS_MAX ? MILLIS_MAX : value;
    return p;
}

static bool ends_list(const char *p) {
    return *p == '\0' || *p == ',' || *p == ';';
}

static int64_t read_count(const char *text) {
    int64_t millis;
    const char *end = read_millis(text, &millis);
    if (end == NULL || !ends_list(end)) {
        return -1;
    }
    return millis / 1000 > LIMITER_RATE_MAX ? LIMITER_RATE_MAX : millis / 1000;
}

// ---- times

static int64_t cut_span(int64_t ms) {
    return ms > LIMITER_HEADER_SPAN_MAX_MS ? LIMITER_HEADER_SPAN_MAX_MS : ms;
}

/* "6m0s": -1 = it is none. */
static int64_t read_span(const char *p) {
    static const struct {
        const char *name;
        int64_t per_second; // of the unit,
        int64_t seconds;    // or seconds in one
    } units[] = {
        {"ns", 1000000000, 0}, {"us", 1000000, 0}, {"ms", 1000, 0}, // before m
        {"s", 0, 1},           {"m", 0, 60},       {"h", 0, 3600},
    };
    int64_t sum = 0;
    do {
        int64_t millis;
        p = read_millis(p, &millis);
        size_t i = 0;
        while (p != NULL && i < ARRAY_LEN(units) &&
               strncmp(p, units[i].name, strlen(units[i].name)) != 0) {
            i++;
        }
        if (p == NULL || i == ARRAY_LEN(units)) {
            return -1;
        }
        p += strlen(units[i].name);
        sum += units[i].seconds == 0 ? millis / units[i].per_second
                                     : cut_span(millis) * units[i].seconds;
        sum = cut_span(sum);
    } while (*p != '\0');
    return sum;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT". */
static bool read_http_date(const char *text, int64_t *ret_unix_ms) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (strlen(text) != 29 || strncmp(text + 3, ", ", 2) != 0 || strcmp(text + 25, " GMT") != 0) {
        return false;
    }
    for (int i = 0; i < 12; i++) {
        if (strncmp(months + 3 * (size_t)i, text + 8, 3) == 0) {
            char iso[RFC3339_LEN + 1];
            (void)snprintf(iso, sizeof iso, "%.4s-%02d-%.2s%c%.8sZ", text + 12, i + 1, text + 5,
                           'T', text + 17);
            return rfc3339_parse(iso, ret_unix_ms) == 0;
        }
    }
    return false;
}

static int64_t span_until(int64_t unix_ms, int64_t now_ms) {
    return unix_ms > now_ms ? unix_ms - now_ms : 0;
}

/* In how many ms; -1 = no time at all. */
static int64_t read_time(const char *text, int64_t now_ms) {
    int64_t value;
    const char *end = read_millis(text, &value);
    if (end != NULL && ends_list(end)) {
        if (value / 1000 >= UNIX_MS_FROM) {
            return span_until(value / 1000, now_ms);
        }
        return value / 1000 >= UNIX_S_FROM ? span_until(value, now_ms) : value;
    }
    if (read_http_date(text, &value) || rfc3339_parse(text, &value) == 0) {
        return span_until(value, now_ms);
    }
    return read_span(text);
}

// ---- headers

static void keep_least(int64_t *slot, int64_t value) {
    if (value >= 0 && (*slot < 0 || value < *slot)) {
        *slot = value;
    }
}

static void keep_most(int64_t *slot, int64_t value) {
    if (value > *slot) {
        *slot = cut_span(value);
    }
}

void limiter_header_add(struct limiter_hint *hint, enum limiter_header header, struct bytes value,
                        int64_t now_ms) {
    char text[LIMITER_HEADER_VALUE_MAX + 1];
    value = bytes_trim(value);
    if (value.len == 0 || value.len > LIMITER_HEADER_VALUE_MAX ||
        memchr(value.data, '\0', value.len) != NULL) {
        return;
    }
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    switch (header) {
    case LIMITER_HEADER_OTHER: return;
    case LIMITER_HEADER_REMAINING: keep_least(&hint->remaining, read_count(text)); return;
    case LIMITER_HEADER_LIMIT: keep_least(&hint->limit, read_count(text)); return;
    case LIMITER_HEADER_RESET: keep_most(&hint->reset_ms, read_time(text, now_ms)); return;
    case LIMITER_HEADER_RETRY_AFTER: keep_most(&hint->retry_ms, read_time(text, now_ms)); return;
    }
}

static bool is_wanted(struct bytes name, const char *const *learn, size_t count, bool refused) {
    if (refused && is_name(name, "Retry-After")) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_name(name, learn[i])) {
            return true;
        }
    }
    return false;
}

struct limiter_hint limiter_headers_read(int status, struct bytes lines, const char *const *learn,
                                         size_t learn_count, int64_t now_ms) {
    struct limiter_hint hint = LIMITER_HINT_NONE;
    const char *p = lines.data;
    size_t left = lines.len > LIMITER_HEADERS_MAX ? (size_t)LIMITER_HEADERS_MAX : lines.len;
    hint.refused = status == 429 || status == 503;
    while (left > 0) {
        const char *line_end = memchr(p, '\n', left);
        size_t len = line_end == NULL ? left : (size_t)(line_end - p);
        const char *colon = memchr(p, ':', len);
        if (colon != NULL) {
            size_t name_len = (size_t)(colon - p);
            struct bytes name = bytes_trim((struct bytes){p, name_len});
            if (is_wanted(name, learn, learn_count, hint.refused)) {
                limiter_header_add(&hint, limiter_header_of(name),
                                   (struct bytes){colon + 1, len - name_len - 1}, now_ms);
            }
        }
        len += line_end != NULL;
        p += len;
        left -= len;
    }
    return hint;
}
