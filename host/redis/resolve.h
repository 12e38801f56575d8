/* The addresses of a host's name, looked up by a thread of its own, since getaddrinfo() may take as
 * long as the name servers do.
 *
 *     redis_resolver_ask() ──▶ thread: getaddrinfo() ──▶ done(), on the loop
 *     redis_resolver_cancel()  forgets who asked; the thread ends by itself
 *
 * A resolver has one thread at most: asking again while it still waits for a name server waits with
 * it. Freeing never waits. IP addresses need no thread. Loop thread only. */
#ifndef JOBHOST_REDIS_RESOLVE_H
#define JOBHOST_REDIS_RESOLVE_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

enum { REDIS_ENDPOINTS_MAX = 16 }; /* of one name; further ones are not tried */

struct redis_endpoint {
    struct sockaddr_storage address;
    socklen_t len;
};

struct redis_endpoints {
    struct redis_endpoint list[REDIS_ENDPOINTS_MAX];
    unsigned count;
};

/* r == 0: at least one. Else -ENOENT: there is no such host; -EAGAIN: no name server could tell;
 * both with words. All borrowed for the call. */
typedef void redis_resolver_fn(void *arg, int r, const struct redis_endpoints *found,
                               const struct err *e);

struct event_base;
struct redis_resolver;

/* `host` is copied. NULL: no memory, or no descriptor (*e). */
struct redis_resolver *redis_resolver_new(struct event_base *base, const char *host, uint16_t port,
                                          struct err *e);
/* Asks; done() comes from the loop, never from inside this call, once unless cancelled. Not while
 * an earlier question is open. */
void redis_resolver_ask(struct redis_resolver *r, redis_resolver_fn *done, void *arg);
void redis_resolver_cancel(struct redis_resolver *r);
void redis_resolver_free(struct redis_resolver **r);

#endif
