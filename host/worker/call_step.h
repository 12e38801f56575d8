/* Steps: what a handler has already done, remembered across attempts. step_put() is a commit. */
#ifndef JOBHOST_WORKER_CALL_STEP_H
#define JOBHOST_WORKER_CALL_STEP_H

#include "jobhost_plugin.h"

struct call;

int call_step_get(struct jh_call *pub, const char *name, struct jh_bytes *out);
/* A step that goes with the next commit, or with the end of the run. 0 or negative errno. */
int call_step_send(struct call *c, const char *name, struct jh_bytes value);
int call_step_put(struct jh_call *pub, const char *name, struct jh_bytes value);

#endif
