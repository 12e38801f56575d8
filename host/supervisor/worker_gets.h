/* A running handler's questions: steps, key/values, claims, input files, and outputs to be stored.
 * Asked of the store, answered to the worker. */
#ifndef JOBHOST_SUPERVISOR_WORKER_GETS_H
#define JOBHOST_SUPERVISOR_WORKER_GETS_H

#include "supervisor/worker.h"

struct query;

/* 0, or -EBADMSG: the request makes no sense. The request's descriptor, if any, is closed. */
int worker_get(struct worker *w, struct attempt *a, struct msg_get *m);
/* The same of a query, which may only read key/values. */
int worker_get_for_query(struct worker *w, struct query *q, struct msg_get *m);
int worker_output(struct worker *w, struct attempt *a, struct msg_output *m);

#endif
