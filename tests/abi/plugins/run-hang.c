// Spins for ever and calls nothing.
#include "tiny.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    volatile unsigned long turns = 0;
    (void)self;
    (void)c;
    (void)job;
    for (;;) {
        turns++;
    }
    return JH_OK;
}

TINY_PLUGIN("run-hang", "1.0.0", run, 0);
