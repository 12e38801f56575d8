// Forgets memory and a descriptor in each run.
#include <fcntl.h>
#include <stdlib.h>

#include "tiny.h"

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    char *volatile lost = malloc(1000);
    (void)self;
    (void)job;
    if (lost != NULL) {
        lost[0] = 1;
    }
    if (open("/dev/null", O_RDONLY) == -1) {
        return c->host->fail(c, &(struct jh_failure){.size = sizeof(struct jh_failure),
                                                     .cls = JH_E_RESOURCE,
                                                     .message = "out of descriptors"});
    }
    return JH_OK;
}

TINY_PLUGIN("leaks", "1.0.0", run, 0);
