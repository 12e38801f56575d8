/* What lists of plugins and of generations have in common. */
#ifndef JOBHOST_API_POOL_JSON_H
#define JOBHOST_API_POOL_JSON_H

#include "base/buf.h"
#include "supervisor/pool.h"

/* States as the API spells them. */
const char *pool_state_name(enum pool_state state);     /* "ready"  */
const char *worker_state_name(enum worker_state state); /* "loaded" */

/* Member "sandbox": what became of each part of it; none when no worker has said so yet. */
void pool_json_notes(struct buf *out, const struct pool_info *p);
/* Member "workers": its processes. */
/* `"breaker":{...}`, unless it is closed. */
void pool_json_breaker(struct buf *out, const struct pool_info *p);
/* Nothing for a plugin without queries. */
void pool_json_queries(struct buf *out, const struct pool_info *p);
void pool_json_workers(struct buf *out, const struct pool_info *p);

#endif
