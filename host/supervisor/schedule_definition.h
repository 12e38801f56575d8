/* What a schedule says, ready for use: read from the configuration, or from JSON with the same keys, which is how
 * the store keeps it and the API takes it.
 *
 *     config.yaml ──┐                          ┌─▶ timetable   when it comes
 *                   ├─▶ struct config_schedule ┼─▶ text        for the store: JSON, each key with its value
 *     JSON ─────────┘                          └─▶ revision    "SERIES.EDITION", what all hosts compare
 *
 * The series is of what decides when it comes and what becomes of each time: expression, days, zone (and what its clocks
 * show, so that another database is another series only if it says something else), policies, start, end, pause. The
 * edition is of what starts then: job, queue, user, key, payload. Another series begins anew, another edition goes
 * on (store/schedules.h). */
#ifndef JOBHOST_SUPERVISOR_SCHEDULE_DEFINITION_H
#define JOBHOST_SUPERVISOR_SCHEDULE_DEFINITION_H

#include "base/arena.h"
#include "base/bytes.h"
#include "config/config_timetable.h"
#include "store/schedules.h"

struct schedule_definition {
    unsigned users; /* private */
    struct arena arena;
    struct config_schedule is; /* with its queue; strings in the arena  */
    struct config_timetable when;
    const char *text;
    char revision[STORE_SCHEDULE_REVISION_MAX + 1];
};

/* Copied. `config` says which queue a job type has. 0; -EINVAL with words, and the key in *ret_key (a constant, NULL:
 * all of it; may be NULL); -ENOMEM. Reads zones' files that are not among `zones` yet. */
int schedule_definition_of_config(const struct config *config, const struct config_schedule *from,
                                  struct config_zones *zones, struct schedule_definition **ret,
                                  struct err *e);
/* `json` has been accepted by a parser. */
int schedule_definition_of_json(const struct config *config, const char *id, struct bytes json,
                                struct config_zones *zones, struct schedule_definition **ret,
                                const char **ret_key, struct err *e);

/* One more user. One thread. */
struct schedule_definition *schedule_definition_hold(struct schedule_definition *d);
void schedule_definition_free(struct schedule_definition **d);

#endif
