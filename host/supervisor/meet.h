/* A claimed job meets the handler that would run it. If that does not resume its steps (core/skew.h), it does not run:
 * what becomes of it goes to the store as the end of an attempt that was not begun, fenced like any other, and no attempt
 * is used.
 *
 *     park     parked (state_version) until release.h finds code that resumes them, or until its deadline
 *     restart  queued again, without its steps
 *     fail     dead, code state_version
 *     pin      held by a generation of the code that wrote them (pins.h); without one parked (pin_unavailable)
 *
 * Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_MEET_H
#define JOBHOST_SUPERVISOR_MEET_H

#include <stdbool.h>

#include "supervisor/attempt.h"

/* Of an attempt that its lane's pool is about to hold. True: it is held elsewhere, or does not
 * run and is on its way to the store. */
bool meet_refuses(struct attempt *a);

#endif
