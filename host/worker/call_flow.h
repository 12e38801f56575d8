/* Extension jobhost.flow/1: what is asked for goes with the next commit, what is asked the supervisor answers. */
#ifndef JOBHOST_WORKER_CALL_FLOW_H
#define JOBHOST_WORKER_CALL_FLOW_H

#include "jobhost_flow.h"

struct call;

extern const struct jh_flow call_flow_table;

/* Before enqueue(): does the flow that this job has opened take more? 0; -ESHUTDOWN; what could not be asked, as a call
 * refuses it. A job that has made nothing yet is not asked about. */
int call_flow_takes(struct call *c);

/* The run is over: forgets pages and results. */
void call_flow_finish(struct call *c);

#endif
