/* A schedule as JSON: what it says, how it stands, and where it is. */
#ifndef JOBHOST_API_SCHEDULE_JSON_H
#define JOBHOST_API_SCHEDULE_JSON_H

#include "api/call.h"
#include "supervisor/schedules.h"

/* `whole`: with its definition. */
void schedule_json(struct buf *out, struct host *host, const struct store_schedule *s, bool whole);
/* One that only this host's file has. */
void schedule_json_missing(struct buf *out, const char *id);

/* The route's id; false: it is none, and that has been answered. */
bool schedules_id(struct call *call, const char **ret);

#endif
