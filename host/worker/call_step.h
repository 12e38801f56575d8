/* Steps: what a handler has already done, remembered across attempts. step_put() is a commit. */
#ifndef JOBHOST_WORKER_CALL_STEP_H
#define JOBHOST_WORKER_CALL_STEP_H

#include "jobhost_plugin.h"

int call_step_get(struct jh_call *pub, const char *name, struct jh_bytes *out);
int call_step_put(struct jh_call *pub, const char *name, struct jh_bytes value);

#endif
