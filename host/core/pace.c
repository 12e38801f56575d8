#include "core/pace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

enum { PACE_KEEP_MS = 100 };

static const struct pace_unit {
    const char *name;
    int64_t ms;
} units[] = {{"s", 1000}, {"min", 60000}, {"h", 3600000}};

int pace_parse(const char *text, struct pace_rate *ret) {
    uint32_t count = 0;
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; i < digits && count <= PACE_COUNT_MAX; i++) {
        count = count * 10 + (uint32_t)(text[i] - '0');
    }
    if (count == 0 || count > PACE_COUNT_MAX || text[digits] != '/') {
        return -EINVAL;
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(text + digits + 1, units[i].name) == 0) {
            *ret = (struct pace_rate){count, units[i].ms};
            return 0;
        }
    }
    return -EINVAL;
}

void pace_format(const struct pace_rate *rate, char out[PACE_TEXT_MAX]) {
    const char *name = units[0].name;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        name = units[i].ms == rate->per_ms ? units[i].name : name;
    }
    (void)snprintf(out, PACE_TEXT_MAX, "%" PRIu32 "/%s", rate->count, name);
}

int64_t pace_duration_ms(const struct pace_rate *rate, int64_t n) {
    if (rate->count == 0 || n <= 0) {
        return 0;
    }
    if (n > INT64_MAX / 2 / rate->per_ms) {
        return INT64_MAX / 2;
    }
    return (n * rate->per_ms + rate->count - 1) / rate->count;
}

static int64_t pace_most(const struct pace *p) {
    int64_t kept = (int64_t)p->rate.count * PACE_KEEP_MS;
    return kept > p->rate.per_ms ? kept : p->rate.per_ms;
}

void pace_begin(struct pace *p, const struct pace_rate *rate, int64_t now_ms) {
    *p = (struct pace){.rate = *rate, .level = rate->per_ms, .at_ms = now_ms};
}

void pace_fill(struct pace *p, int64_t now_ms) {
    int64_t passed = now_ms - p->at_ms, most = pace_most(p);
    if (!pace_is_on(p) || passed <= 0) {
        return;
    }
    p->at_ms = now_ms;
    if (passed > (most - p->level) / p->rate.count) {
        p->level = most;
    } else {
        p->level += passed * p->rate.count;
    }
}

uint32_t pace_room(const struct pace *p) {
    if (!pace_is_on(p)) {
        return UINT32_MAX;
    }
    return p->level < 0 ? 0 : (uint32_t)(p->level / p->rate.per_ms);
}

void pace_take(struct pace *p, uint32_t n) {
    if (pace_is_on(p)) {
        p->level -= n * p->rate.per_ms;
    }
}

void pace_give(struct pace *p, uint32_t n) {
    if (pace_is_on(p)) {
        int64_t level = p->level + n * p->rate.per_ms, most = pace_most(p);
        p->level = level > most ? most : level;
    }
}

int64_t pace_next_ms(const struct pace *p) {
    int64_t lacks = p->rate.per_ms - p->level;
    if (!pace_is_on(p) || lacks <= 0) {
        return p->at_ms;
    }
    return p->at_ms + (lacks + p->rate.count - 1) / p->rate.count;
}
