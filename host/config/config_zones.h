/* Time zones that many schedules share: each is read once, when it is first asked for. */
#ifndef JOBHOST_CONFIG_CONFIG_ZONES_H
#define JOBHOST_CONFIG_CONFIG_ZONES_H

#include <stdint.h>

#include "config/config_zone.h"

struct config_zones;

/* NULL: out of memory. */
struct config_zones *config_zones_new(void);
/* One more who uses them and calls config_zones_free() in the end. One thread at a time. */
struct config_zones *config_zones_hold(struct config_zones *zones);
void config_zones_free(struct config_zones **zones);

/* As config_zone_load(), but the zone stays theirs. */
int config_zones_get(struct config_zones *zones, const char *name, const struct zone **ret,
                     struct err *e);

/* What its clocks show from 2020 to 2060, in one number: the same where two databases agree about the zone, whatever else
 * differs between them. 0 for UTC. */
uint64_t config_zones_mark(const struct zone *zone);

#endif
