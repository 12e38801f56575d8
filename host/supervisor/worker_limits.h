/* jobhost.limit/1, the supervisor's side: slots that attempts ask for, hold, and give back. */
#ifndef JOBHOST_SUPERVISOR_WORKER_LIMITS_H
#define JOBHOST_SUPERVISOR_WORKER_LIMITS_H

#include "record/messages.h"

struct attempt;
struct worker;

/* LIMIT: 0, or -EBADMSG: it asks what no worker of ours would. Closes what came with it. */
int worker_limit(struct worker *w, struct attempt *a, struct msg_limit *m);

/* It was asked to stop: a wish that waits is answered. */
void worker_limit_cancel(struct attempt *a);

/* What its last wish was told, if that was for this limiter: for limits_parked(). */
uint64_t worker_limit_told(const struct attempt *a, const char *name);

/* Its run is over, one way or the other: whatever it holds counts as answered now. */
void worker_limit_end(struct attempt *a);

#endif
