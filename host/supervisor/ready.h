/* Looks now and then, and whenever asked, whether the plugins' jobs get anywhere, for GET /readyz
 * (core/ready.h decides). Says in the log when they do not. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_READY_H
#define JOBHOST_SUPERVISOR_READY_H

#include <stdint.h>

#include "core/ready.h"

struct host;
struct ready;

struct ready *ready_new(struct host *host);
void ready_free(struct ready **ready);

/* The host runs: from now on it is looked at. */
void ready_run(struct host *host);

struct ready_report {
    enum ready_code code;
    char detail[320];   /* a sentence for people; "" when ready */
    const char *plugin; /* READY_STALLED: whose jobs; borrowed until the loop turns */
    char note[192];     /* of a plugin that its breaker keeps from starting jobs; "" = none */
    int64_t idle_ms;    /* READY_STALLED: for how long */
};
/* As it is at this moment. */
void ready_report(struct host *host, struct ready_report *ret);

#endif
