/* Who may ask at all. Without tokens that is decided by where a request comes from: the unix
 * admin socket's file mode lets its owner in; elsewhere a web page in the developer's browser must
 * not get through, so a Host that is not loopback, a cross-site Origin and POST bodies that a plain
 * form could send are refused. With tokens everything but a health check needs one. */
#ifndef JOBHOST_API_GUARD_H
#define JOBHOST_API_GUARD_H

#include "api/routes.h"

/* True, or false with the answer in *ret. Needs no body. `route` may be NULL (no such route). */
bool guard_check(const struct call *call, const struct route *route, struct problem *ret);

/* "localhost", 127.0.0.0/8, ::1, each with or without port. */
bool guard_is_loopback(const char *host);

#endif
