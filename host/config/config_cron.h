/* Cron expressions as far as a file can be wrong about them: fields, ranges, names, and dates that
 * never come. When a schedule is due is not decided here.
 *
 *     schedule = [ "CRON_TZ=" zone ] ( macro | [ second ] minute hour day month weekday )
 *     field    = item { "," item }
 *     item     = ( "*" | value | value "-" value ) [ "/" step ]
 *                day also: ? L LW 15W          weekday also: ? MON#2 FRIL */
#ifndef JOBHOST_CONFIG_CONFIG_CRON_H
#define JOBHOST_CONFIG_CONFIG_CRON_H

#include "base/err.h"
#include "config/config_zone.h"

/* 0; or -EINVAL with the field, the column within the expression and what is allowed. */
int config_cron_check(const char *text, struct err *e);

/* 1 and the zone of "CRON_TZ=Zone " or "TZ=Zone " in front; 0 if there is none; -EINVAL if it
 * cannot be the name of one. */
int config_cron_zone(const char *text, char ret_zone[CONFIG_ZONE_MAX + 1], struct err *e);

#endif
