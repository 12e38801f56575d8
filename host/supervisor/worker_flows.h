/* jobhost.flow/1, the supervisor's side: what a running handler asks about flows. What it asks for is among its effects. */
#ifndef JOBHOST_SUPERVISOR_WORKER_FLOWS_H
#define JOBHOST_SUPERVISOR_WORKER_FLOWS_H

#include "record/messages.h"

struct attempt;
struct worker;

/* FLOW: 0, or -EBADMSG: it asks what no worker of ours would. */
int worker_flow(struct worker *w, struct attempt *a, const struct msg_flow *m);

#endif
