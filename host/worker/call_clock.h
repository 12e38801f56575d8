/* Extension jobhost.clock/1. */
#ifndef JOBHOST_WORKER_CALL_CLOCK_H
#define JOBHOST_WORKER_CALL_CLOCK_H

#include "jobhost_clock.h"

extern const struct jh_clock call_clock_table;

#endif
