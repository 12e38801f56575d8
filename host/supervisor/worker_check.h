/* The look at a worker's attempts that needs no record from it: timeouts, requests to stop that
 * were not heeded, START reports, pings that did not come, jobs stuck behind a slow one. One timer
 * a worker, set to the next moment at which something can be due. */
#ifndef JOBHOST_SUPERVISOR_WORKER_CHECK_H
#define JOBHOST_SUPERVISOR_WORKER_CHECK_H

#include "supervisor/worker.h"

enum {
    CHECK_REPORT_AFTER_MS = 1000, /* START is written down for attempts that last this long */
    CHECK_REPORT_EVERY_MS = 5000, /* progress and log reach the store at least this often   */
    CHECK_STUCK_MS = 20,          /* unstarted behind another, while another worker is free */
    CHECK_RECALL_EVERY_MS = 200,  /* and again, should it not have come back                */
};

/* The timer's callback; `arg` is the worker. */
void worker_check(struct timer *t, void *arg);

/* How long after it has been placed an attempt needs the first look. */
int64_t worker_check_first(const struct worker *w, const struct attempt *a);

#endif
