/* The extension jobhost.event/1. */
#ifndef JOBHOST_WORKER_CALL_EVENT_H
#define JOBHOST_WORKER_CALL_EVENT_H

#include "jobhost_event.h"

extern const struct jh_events call_event_table;

#endif
