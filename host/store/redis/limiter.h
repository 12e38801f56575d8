/* What the operations of limiters share. */
#ifndef JOBHOST_STORE_REDIS_LIMITER_H
#define JOBHOST_STORE_REDIS_LIMITER_H

#include "store/redis/task.h"

/* Appends the clock that all takers go by: '' = the server's own. */
void redis_limiter_clock(const struct redis_task *t, struct redis_args *a);

#endif
