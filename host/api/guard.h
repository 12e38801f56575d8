/* Who may ask at all, and for what. Without tokens that is decided by where a request comes from: the unix
 * admin socket's file mode lets its owner in; elsewhere a web page in the developer's browser must
 * not get through, so a Host that is not loopback, a cross-site Origin and POST bodies that a plain
 * form could send are refused. With tokens everything but a health check needs one, of the scope that the
 * route says; one that is bound to a tenant or to queues gets what the route says, and operations with that
 * scope (call.bound). */
#ifndef JOBHOST_API_GUARD_H
#define JOBHOST_API_GUARD_H

#include "api/routes.h"

enum guard_verdict {
    GUARD_GO,      /* call->bearer and call->bound say who it is */
    GUARD_REFUSED, /* with the answer in *ret */
    GUARD_ASK,     /* the store is to be asked for the token in call->question; then again */
};

/* Needs no body. `route` may be NULL (no such route). */
enum guard_verdict guard_check(struct call *call, const struct route *route, struct problem *ret);

/* "localhost", 127.0.0.0/8, ::1, each with or without port. */
bool guard_is_loopback(const char *host);

#endif
