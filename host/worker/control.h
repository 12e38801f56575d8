/* What each record of the supervisor does, once the plugin is created. All with worker->lock
 * held. */
#ifndef JOBHOST_WORKER_CONTROL_H
#define JOBHOST_WORKER_CONTROL_H

#include "base/err.h"

struct worker;

/* Handles the packet just received: 0 or a negative errno (-EBADMSG: a protocol error). */
int control_packet(struct worker *w);
/* The supervisor has closed its end. */
void control_orphaned(struct worker *w);
/* Stops every running job for this reason. */
void control_cancel_all(struct worker *w, unsigned mask);
/* Says so on stderr and ends the process: -EBADMSG means that the stream can no longer be
 * trusted. */
_Noreturn void control_give_up(int rc);

#endif
