/* A crash as the API shows it, in a job's history and with a plugin. */
#ifndef JOBHOST_API_CRASH_JSON_H
#define JOBHOST_API_CRASH_JSON_H

#include "base/buf.h"
#include "store/store.h"

/* `"crash":{...}`, or nothing if there was none. */
void crash_json_add(struct buf *out, const struct store_crash *crash);
/* The members alone. */
void crash_json_members(struct buf *out, const struct store_crash *crash);

#endif
