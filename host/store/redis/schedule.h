/* Schedules, for other operations. */
#ifndef JOBHOST_STORE_REDIS_SCHEDULE_H
#define JOBHOST_STORE_REDIS_SCHEDULE_H

#include "store/redis/swept.h"

/* Part of SWEEP: rows of ledgers that are past their time, as the operation says. */
void redis_schedule_sweep(struct redis_task *t, redis_swept_fn *done, void *arg);

#endif
