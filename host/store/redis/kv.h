/* Key/values of plugins, as commits write them (lua/lib/kv.lua has the keys). */
#ifndef JOBHOST_STORE_REDIS_KV_H
#define JOBHOST_STORE_REDIS_KV_H

#include "store/redis/swept.h"

/* 0; -E2BIG: a value is larger than STORE_INLINE_MAX; -EINVAL: there is no namespace. */
int redis_kv_check(const struct store_commit_item *item);

/* Appends what take_kv() of lua/lib/kv_write.lua takes, also for an item that writes none. What it
 * borrows belongs to the item. */
void redis_kv_write(const struct store_commit_item *item, uint64_t budget, int64_t now_ms,
                    struct redis_args *a);

/* Part of SWEEP: what is over goes, at most `limit` things. */
void redis_kv_sweep(struct redis_task *t, uint32_t limit, redis_swept_fn *done, void *arg);

#endif
