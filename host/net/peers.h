/* How many connections (behind a trusted proxy: requests) each peer address has. IPv4 by address,
 * IPv6 by /64: that is what one household gets. */
#ifndef JOBHOST_NET_PEERS_H
#define JOBHOST_NET_PEERS_H

#include "base/network.h"

struct peer;
struct peers {
    struct peer *all; /* hash table */
};

/* Counts one from `ip` unless there are `limit` already (0 = no limit). The peer, for
 * peers_leave(); NULL when it has too many (or there is no memory). */
struct peer *peers_enter(struct peers *p, const struct ip *ip, unsigned limit);
void peers_leave(struct peers *p, struct peer *peer);
void peers_finish(struct peers *p);

#endif
