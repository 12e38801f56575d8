/* What a part of SWEEP tells the whole. */
#ifndef JOBHOST_STORE_REDIS_SWEPT_H
#define JOBHOST_STORE_REDIS_SWEPT_H

#include "store/redis/ask.h"

/* Before the task's `open` stops counting it; not called when it failed, which is the task's. */
typedef void redis_swept_fn(struct redis_task *t, void *arg, size_t removed, bool more);

#endif
