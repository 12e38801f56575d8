/* How many connections each peer address has. IPv4 by address, IPv6 by /64: that is what one
 * household gets. */
#ifndef JOBHOST_NET_PEERS_H
#define JOBHOST_NET_PEERS_H

#include <stddef.h>

struct sockaddr;
struct peer;
struct peers {
    struct peer *all; /* hash table */
};

/* Counts one connection from `address` unless there are `limit` already (0 = no limit).
 * The peer, for peers_leave(); NULL when it has too many (or there is no memory). */
struct peer *peers_enter(struct peers *p, const struct sockaddr *address, unsigned limit);
void peers_leave(struct peers *p, struct peer *peer);
void peers_finish(struct peers *p);

/* The address as text, without the port. */
void peers_text(const struct sockaddr *address, char *out, size_t cap);

#endif
