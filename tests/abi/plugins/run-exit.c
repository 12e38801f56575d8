// Ends the process as if it were its own.
#include <stdlib.h>

#include "tiny.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    exit(3);
}

TINY_PLUGIN("run-exit", "1.0.0", run, 0);
