/* Stands between a client and a real Redis server and cuts a connection at a chosen command. It has a thread of its
 * own, since who is under test may wait for it.
 *
 *     p = redis_proxy_new("/tmp/x/proxy", server.socket);     the client uses unix:/tmp/x/proxy
 *     redis_proxy_cut(p, 3, REDIS_CUT_AFTER);                       the fourth command from now on is run, its reply never seen
 *     ...
 *     redis_proxy_has_cut(p)                                        did it come so far?
 *
 * Replies to what was sent before it are seen. Only commands of connections that exist when the cut is ordered count; so the greetings of those that are made anew do not. */
#ifndef JOBHOST_TESTS_REDIS_PROXY_H
#define JOBHOST_TESTS_REDIS_PROXY_H

#include <stdbool.h>

struct redis_proxy;

enum redis_cut {
    REDIS_CUT_BEFORE, /* the server never sees the command                          */
    REDIS_CUT_AFTER,  /* the server has run it, and nobody sees the reply */
};

struct redis_proxy *redis_proxy_new(const char *path, const char *to);

/* Ends all its connections. */
void redis_proxy_free(struct redis_proxy **p);

/* Once, at the command number `skip` from 0; an order that is still open is forgotten. */
void redis_proxy_cut(struct redis_proxy *p, unsigned skip, enum redis_cut how);
bool redis_proxy_has_cut(struct redis_proxy *p);

/* Commands so far, of all connections. */
unsigned redis_proxy_commands(struct redis_proxy *p);

/* The name of the command that was cut, for reports; once it has been. */
const char *redis_proxy_cut_name(const struct redis_proxy *p);

#endif
