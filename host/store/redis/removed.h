/* What removed jobs leave behind: the blobs that they named. */
#ifndef JOBHOST_STORE_REDIS_REMOVED_H
#define JOBHOST_STORE_REDIS_REMOVED_H

#include "store/redis/task.h"

/* `blobs`: as lua/lib/remove.lua lists them. The names are released; the task's `open` counts that.
 * 0, -EBADMSG, -ENOMEM. */
int redis_removed_blobs(struct redis_task *t, const struct redis_reply *blobs, struct err *e);

#endif
