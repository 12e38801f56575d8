// Writes to a descriptor that is not its own.
#include <unistd.h>

#include "tiny.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    return write(3, "not a record, surely", 20) == 20 ? JH_OK : JH_FAIL;
}

TINY_PLUGIN("writes-fd3", "1.0.0", run, 0);
