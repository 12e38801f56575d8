// Runs out of stack.
#include "tiny.h"

// The end is far beyond any stack.
static int dig(unsigned depth) {
    volatile char block[4096];
    block[depth % sizeof block] = 1;
    return depth == 0 ? 0 : dig(depth - 1) + block[17];
}

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    return dig((1u << 30) + job->attempt) == 42 ? JH_FAIL : JH_OK;
}

TINY_PLUGIN("run-overflow", "1.0.0", run, 0);
