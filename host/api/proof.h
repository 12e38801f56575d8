/* Routes with an `auth` of their own: who asks proves it by one of its schemes, and by nothing else. Headers are judged before the
 * body is read, all of it once that is there. Who is refused hears no more than 401; why is in the log, a line a second at
 * most. Nothing is remembered: a signed request may be sent again within its tolerance. */
#ifndef JOBHOST_API_PROOF_H
#define JOBHOST_API_PROOF_H

#include "api/call.h"

/* [admit] True: nothing against it so far. Of a route that has one. */
bool proof_check_head(const struct call *call, struct problem *ret);

/* [handle] With the body. True also for routes that have none. */
bool proof_check(const struct call *call, struct problem *ret);

#endif
