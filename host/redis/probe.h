/* Asks a server, once connected, for all that redis_facts_judge() wants to know:
 *
 *     INFO, CONFIG GET, COMMAND INFO, GET jh:format, a script that writes and deletes a key of its
 *     own, another by RESTORE, PUBLISH (together)  ─▶  TIME  ─▶  REDIS_PROBE_PINGS times PING, one after the other
 *
 * What a server does not tell or allow is a fact like others. On a replica nothing is written.
 * Loop thread only. */
#ifndef JOBHOST_REDIS_PROBE_H
#define JOBHOST_REDIS_PROBE_H

#include "redis/facts.h"
#include "redis/link.h"

enum { REDIS_PROBE_PINGS = 9 };

struct redis_probe;

/* 0 and the facts, borrowed from the probe; or the connection was lost: -EIO and why. */
typedef void redis_probe_fn(void *arg, int r, const struct redis_facts *facts, const struct err *e);

/* The link must be up. done() comes once, later. NULL: no memory, or the link is not up (*e). */
struct redis_probe *redis_probe_start(struct redis_link *link, const struct redis_peer *peer,
                                      const struct env *env, redis_probe_fn *done, void *arg,
                                      struct err *e);
/* After done() (also from inside it), or when the link is gone. */
void redis_probe_free(struct redis_probe **p);

#endif
