// Goes wrong before anybody calls it, while the file is being loaded: CTOR_HANG 0 crashes, 1 hangs.
#include <signal.h>
#include <unistd.h>

#include "tiny.h"

__attribute__((constructor)) static void act(void) {
    if (!CTOR_HANG) {
        (void)raise(SIGSEGV);
    }
    for (;;) {
        (void)pause();
    }
}

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    return JH_OK;
}

TINY_PLUGIN("ctor", "1.0.0", run, 0);
