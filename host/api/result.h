/* A result's own bytes as an answer. */
#ifndef JOBHOST_API_RESULT_H
#define JOBHOST_API_RESULT_H

#include "api/call.h"

/* Sends what the store has answered (status 0), and finishes the operation. */
void result_send(struct call *call, struct store_result_get *result);

#endif
