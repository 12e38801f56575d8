/* The extension jobhost.operator/1, and what waits of the worker share. */
#ifndef JOBHOST_WORKER_CALL_OPERATOR_H
#define JOBHOST_WORKER_CALL_OPERATOR_H

#include "jobhost_operator.h"
#include "worker/waiting.h"

extern const struct jh_operator call_operator_table;
extern const struct waiting_ops call_waiting;

#endif
