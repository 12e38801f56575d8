// Gives up by abort(), after an effect and a log line that must not be lost or committed.
#include <stdlib.h>

#include "tiny.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)job;
    c->host->log(c, JH_LOG_ERROR, "last words");
    (void)c->host->warn(c, "doomed", "about to abort");
    abort();
}

TINY_PLUGIN("run-abort", "1.0.0", run, 0);
