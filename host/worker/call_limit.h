/* Extension jobhost.limit/1: slots are the supervisor's to get, tickets are remembered here too. */
#ifndef JOBHOST_WORKER_CALL_LIMIT_H
#define JOBHOST_WORKER_CALL_LIMIT_H

#include "jobhost_limit.h"

extern const struct jh_limit call_limit_table;

#endif
