/* The messages of the channel jh:wake, made into events. They are hints from outside: checked, never
 * needed (the next beat says the same), and what ends a job is looked up first.
 *
 *     r <queue> <type>      a lane is not empty any more
 *     d <queue> <ms>        a job is due then, before all others
 *     c <queue> <id>        a running job was asked to end
 *     p <queue>             a pause began or ended
 *     l <queue> <ms>        a host claimed while no job ran: the end of its leases, by the server's clock
 *     o <queue>             something is in the outbox
 *     s <queue> <id> <n>    a schedule was stored, removed, paused or resumed: the n-th such change
 *     k <who, or -> <limiter>   slots are free that somebody was told to wait for; the name may have blanks
 *     b <who, or -> <breaker>   a breaker is another; likewise
 *     t <who, or -> <id>        a token was made or revoked
 *
 * One more word is who it comes from: our own are no news, the answers of our operations told it.
 *
 * Loop thread only. */
#ifndef JOBHOST_STORE_REDIS_WAKE_H
#define JOBHOST_STORE_REDIS_WAKE_H

#include "base/bytes.h"

struct redis_store;

enum { REDIS_WAKE_MESSAGE_MAX = 512 }; /* bytes; longer ones are none of ours */

/* A payload of jh:wake. */
void redis_wake_message(struct redis_store *s, struct bytes text);

#endif
