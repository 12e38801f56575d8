// Echoes its payload after its own version: "1.0.0:payload". Built several times, for reloads; once as a version that crashes
// as soon as it has a job.
#include <string.h>

#include "tiny.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
#ifdef OK_CRASHES
    int *volatile nowhere = (int *)16;
    *nowhere = 1;
#endif
    (void)c->host->result(c, (struct jh_bytes){OK_VERSION ":", strlen(OK_VERSION) + 1});
    (void)c->host->result(c, job->payload);
    return JH_OK;
}

TINY_PLUGIN("ok", OK_VERSION, run, 0);
