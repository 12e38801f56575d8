/* A schedule of the file, ready to be asked for its times: the expression parsed, the zone read, the words looked up. */
#ifndef JOBHOST_CONFIG_CONFIG_TIMETABLE_H
#define JOBHOST_CONFIG_CONFIG_TIMETABLE_H

#include "config/config.h"
#include "config/config_zones.h"
#include "core/schedule.h"

struct config_timetable {
    struct cron cron;
    const struct zone *zone;    /* NULL = UTC */
    struct config_zones *zones; /* held: it is one of these */
    char zone_name[ZONE_NAME_MAX + 1];
    struct schedule schedule; /* points into this struct, and to the name in the config */
};

/* `s` is borrowed until config_timetable_close(); members that are NULL have their defaults. The series begins at `stored_ms`.
 * 0, or negative with words that name the key. Reads the zone's file. */
int config_timetable_open(const struct config_schedule *s, int64_t stored_ms,
                          struct config_timetable *ret, struct err *e);
/* The same, with a zone of these; they are held. */
int config_timetable_open_in(const struct config_schedule *s, int64_t stored_ms,
                             struct config_zones *zones, struct config_timetable *ret,
                             struct err *e);
/* Also of one that did not open. */
void config_timetable_close(struct config_timetable *t);

#endif
