// Hears that it is cancelled and goes on all the same.
#include <poll.h>

#include "tiny.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)job;
    for (;;) {
        if (c->host->sleep_ms(c, 1000) != 0) {
            (void)poll(NULL, 0, 10);
        }
    }
    return JH_OK;
}

TINY_PLUGIN("ignores-cancel", "1.0.0", run, 0);
