/* The store in a Redis server, which several hosts may share: docs/store-redis.md. */
#ifndef JOBHOST_STORE_REDIS_REDIS_STORE_H
#define JOBHOST_STORE_REDIS_REDIS_STORE_H

#include "store/store.h"

/* store_open() of redis:, rediss: and unix: URLs. Looks at the server first, which takes as long as
 * the timeouts of the config allow. -EPROTO: the server is not fit for jobs (eviction, a replica, a
 * foreign format, ...); -EINVAL: the config; else it cannot be reached. */
int redis_store_open(const struct store_config *config, struct event_base *base,
                     const struct log *log, const struct env *env,
                     const struct store_events *events, struct store *ret_store, struct err *e);

#endif
