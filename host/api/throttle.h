/* How often may they ask? By token, or, without one, by address: before a body is read. Those whose tokens are none have
 * a budget of their own, a smaller one. The admin socket, unix sockets and loopback addresses without a token have no
 * limit: behind a proxy that is not trusted all have the same address. */
#ifndef JOBHOST_API_THROTTLE_H
#define JOBHOST_API_THROTTLE_H

#include "api/call.h"

/* This request, of who it is (call->bearer). 0: it may; or how many seconds to wait. */
int throttle_request(struct call *call);
/* It brings a token that is none. */
int throttle_failure(struct call *call);
/* Has its address brought too many of these, so that nobody is asked about another one? */
int throttle_look(struct call *call);

#endif
