/* What a store tells of a job that its caller now runs, from what Redis holds of it: CLAIM and ADOPT. */
#ifndef JOBHOST_STORE_REDIS_CLAIMED_H
#define JOBHOST_STORE_REDIS_CLAIMED_H

#include "base/arena.h"
#include "redis/reply.h"
#include "store/redis/jobhash.h"
#include "store/store.h"

/* How lua/claim.lua and lua/get.lua list the outputs of a job that it has already. */
enum redis_outputs { REDIS_OUTPUT_NAMES = 1, REDIS_OUTPUT_PAIRS = 2 /* name and reference */ };

/* `job`'s text is borrowed, `queue` too; the names of `outputs` (NULL: none) are copied into `a`. Leaves `want` 0.
 * 0 or -ENOMEM. */
int redis_claimed_fill(const struct redis_job *job, const char *queue,
                       const struct redis_reply *outputs, enum redis_outputs form, struct arena *a,
                       struct store_claimed *ret);

#endif
