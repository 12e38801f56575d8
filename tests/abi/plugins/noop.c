// What a job costs when its handler does nothing: for benchmarks.
#include "tiny.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    return JH_OK;
}

TINY_PLUGIN("noop", "1.0.0", run, JH_HANDLER_CONCURRENT);
