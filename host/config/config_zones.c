#include "config/config_zones.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_FROM  INT64_C(1577836800) // 2020-01-01
#define MARK_UNTIL INT64_C(2840140800) // 2060-01-01

struct named_zone {
    char name[ZONE_NAME_MAX + 1];
    struct zone *zone;
};

struct config_zones {
    unsigned users;
    struct named_zone
        *items; // a few: schedules of thousands of tenants live in some dozens of zones
    size_t count;
};

struct config_zones *config_zones_new(void) {
    struct config_zones *zones = calloc(1, sizeof *zones);
    if (zones != NULL) {
        zones->users = 1;
    }
    return zones;
}

struct config_zones *config_zones_hold(struct config_zones *zones) {
    zones->users++;
    return zones;
}

void config_zones_free(struct config_zones **at) {
    struct config_zones *zones = *at;
    *at = NULL;
    if (zones == NULL || --zones->users > 0) {
        return;
    }
    for (size_t i = 0; i < zones->count; i++) {
        zone_free(&zones->items[i].zone);
    }
    free(zones->items);
    free(zones);
}

int config_zones_get(struct config_zones *zones, const char *name, const struct zone **ret,
                     struct err *e) {
    for (size_t i = zones->count; i-- > 0;) {
        if (strcmp(zones->items[i].name, name) == 0) {
            *ret = zones->items[i].zone;
            return 0;
        }
    }
    struct zone *zone = NULL;
    int r = config_zone_load(name, true, &zone, e);
    if (r < 0) {
        return r;
    }
    struct named_zone *items = realloc(zones->items, (zones->count + 1) * sizeof *items);
    if (items == NULL) {
        zone_free(&zone);
        return err_set(e, -ENOMEM, "out of memory");
    }
    zones->items = items;
    (void)snprintf(items[zones->count].name, sizeof items[0].name, "%s", name);
    items[zones->count++].zone = zone;
    *ret = zone;
    return 0;
}

// FNV-1a
static uint64_t mix(uint64_t sum, int64_t number) {
    for (int i = 0; i < 8; i++) {
        sum = (sum ^ ((uint64_t)number >> 8 * i & 0xff)) * UINT64_C(0x100000001b3);
    }
    return sum;
}

uint64_t config_zones_mark(const struct zone *zone) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    if (zone == NULL) {
        return 0;
    }
    for (int64_t at = MARK_FROM; at < MARK_UNTIL;) {
        struct zone_span span = zone_span_at(zone, at);
        sum = mix(mix(sum, at), span.offset);
        at = span.end;
    }
    return sum;
}
