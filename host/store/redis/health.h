/* Is the store well? What follows each connection to the server (the scripts, the queues, a look at its
 * settings as at the start), and what the host is told of it by store_events.health.
 *
 *     connected ─▶ queues read ─▶ judged fit ─▶ well     lost for longer than a moment, credentials,
 *                                  │                     unfit, writes refused ─▶ ill, with a reason
 *                                  └─ unfit: judged again every 30 s */
#ifndef JOBHOST_STORE_REDIS_HEALTH_H
#define JOBHOST_STORE_REDIS_HEALTH_H

#include "redis/link.h"

struct redis_store;
struct store_op;

enum { REDIS_GREET_MS = 30000 };

void redis_health_init(struct redis_store *s);
void redis_health_finish(struct redis_store *s); /* the link is gone */

/* Events of the link for commands; arg is the store. */
void redis_health_up(void *arg, const struct redis_peer *peer);
void redis_health_down(void *arg, const struct redis_failure *why, int64_t wait_ms);

/* The store is not well: the host is told so now, and again when it is. */
void redis_health_tell(struct redis_store *s, const struct err *why);

/* What an operation met: a refused write makes the store degraded, a success healthy again. What is not permitted is
 * tried without RESTORE first. */
void redis_health_judge(struct redis_store *s, const struct store_op *op);

#endif
