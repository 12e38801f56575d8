/* Zones that do not come from the machine's database: their TZif files are written here. */
#ifndef JOBHOST_TESTS_ZONES_H
#define JOBHOST_TESTS_ZONES_H

#include <stdio.h>
#include <string.h>

#include "core/zone.h"

enum { TZIF_BYTES = 1024 };

struct tzif {
    const char *footer;
    int32_t first; /* offset before all changes */
    size_t count;
    struct {
        int64_t at;
        int32_t offset;
    } changes[16];
};

static inline uint8_t *tzif_number(uint8_t *p, uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) {
        *p++ = (uint8_t)(value >> (8 * i));
    }
    return p;
}

static inline uint8_t *tzif_header(uint8_t *p, size_t times, size_t types) {
    memcpy(p, "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
    p = tzif_number(p + 32, times, 4);
    p = tzif_number(p, types, 4);
    return tzif_number(p, types == 0 ? 0 : 4, 4);
}

/* Each change has a type of its own; type 0 is what was before. */
static inline size_t tzif_write(const struct tzif *t, uint8_t out[TZIF_BYTES]) {
    uint8_t *p = tzif_header(out, 0, 0);
    p = tzif_header(p, t->count, t->count + 1);
    for (size_t i = 0; i < t->count; i++) {
        p = tzif_number(p, (uint64_t)t->changes[i].at, 8);
    }
    for (size_t i = 0; i < t->count; i++) {
        *p++ = (uint8_t)(i + 1);
    }
    for (size_t i = 0; i <= t->count; i++) {
        p = tzif_number(p, (uint64_t)(i == 0 ? t->first : t->changes[i - 1].offset), 4);
        p = tzif_number(p, 0, 2);
    }
    memcpy(p, "XXX", 4);
    p += 4;
    return (size_t)(p - out) + (size_t)sprintf((char *)p, "\n%s\n", t->footer);
}

static inline struct zone *zone_make(const struct tzif *t) {
    uint8_t bytes[TZIF_BYTES];
    struct zone *zone = NULL;
    struct err e = {0};
    if (zone_parse(bytes, tzif_write(t, bytes), &zone, &e) < 0) {
        (void)fprintf(stderr, "%s: %s\n", t->footer, e.msg);
    }
    return zone;
}

static inline struct zone *zone_of(const char *footer) {
    return zone_make(&(struct tzif){.footer = footer});
}

#define ZONE_NEW_YORK  "EST5EDT,M3.2.0,M11.1.0"
#define ZONE_BERLIN    "CET-1CEST,M3.5.0,M10.5.0/3"
#define ZONE_DUBLIN    "IST-1GMT0,M10.5.0,M3.5.0/1" /* summer is the standard */
#define ZONE_LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
#define ZONE_TROLL     "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3"
#define ZONE_BEIRUT    "EET-2EEST,M3.5.0/0,M10.5.0/0" /* at midnight */
#define ZONE_CHATHAM   "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45"
#define ZONE_KATHMANDU "<+0545>-5:45"

/* Samoa had no 30 December 2011. */
static const struct tzif tzif_apia = {
    .footer = "<+14>-14",
    .first = -36000,
    .count = 1,
    .changes = {{INT64_C(1325239200), 50400}},
};
/* Casablanca 2026: +01 but for Ramadan. */
static const struct tzif tzif_casablanca = {
    .footer = "<+01>-1",
    .first = 3600,
    .count = 2,
    .changes = {{INT64_C(1771120800), 0}, {INT64_C(1774144800), 3600}},
};

#endif
