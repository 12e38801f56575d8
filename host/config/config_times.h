/* Times of a schedule, one after the other, and how people and programs see them. */
#ifndef JOBHOST_CONFIG_CONFIG_TIMES_H
#define JOBHOST_CONFIG_CONFIG_TIMES_H

#include "base/buf.h"
#include "core/schedule.h"

enum { CONFIG_TIMES_LOCAL_MAX = 40 };

/* "2026-03-29T03:00:00+02:00"; without its offset the local time alone. */
void config_times_local(int64_t local, const int32_t *offset, char out[CONFIG_TIMES_LOCAL_MAX]);

/* Times later than from_ms, up to until_ms, and what gaps leave out, in their order, `count` at most. */
void config_times_each(const struct schedule *s, int64_t from_ms, int64_t until_ms, long count,
                       void (*each)(void *arg, const struct schedule_time *t), void *arg);

/* An object: schedule, nominal, and unless a gap leaves it out local, utc, fires_at, offset; mark. */
void config_times_json(struct buf *out, const char *schedule, const struct schedule_time *t);

#endif
