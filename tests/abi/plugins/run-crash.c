// Writes to address 16.
#include <signal.h>

#include "tiny.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    int *volatile nowhere = (int *)16;
    (void)self;
    (void)c;
    (void)job;
    *nowhere = 1;
    return JH_OK;
}

TINY_PLUGIN("run-crash", "1.0.0", run, 0);
