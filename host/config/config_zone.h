/* The system's database of time zones: TZDIR, or /usr/share/zoneinfo. All of it performs file I/O. */
#ifndef JOBHOST_CONFIG_CONFIG_ZONE_H
#define JOBHOST_CONFIG_CONFIG_ZONE_H

#include <stdbool.h>

#include "core/zone.h"

enum { CONFIG_ZONE_VERSION_MAX = 32 };

/* 0; or negative with words, which name the nearest zone if `suggest` (that reads the database's
 * folders). `zone` has form_zone. */
int config_zone_check(const char *zone, bool suggest, struct err *e);

/* As config_zone_check(), and hands the zone out; UTC, which needs no database, is NULL. The caller frees it with
 * zone_free(). */
int config_zone_load(const char *zone, bool suggest, struct zone **ret, struct err *e);

/* Which database it is, "2025b"; "" if it does not say. */
void config_zone_version(char out[CONFIG_ZONE_VERSION_MAX]);

#endif
