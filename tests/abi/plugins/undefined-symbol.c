// Calls what nobody defines: must be found when it is loaded, not when it runs.
#include "tiny.h"

extern int nobody_defines_this(void);

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    (void)self;
    (void)c;
    (void)job;
    return nobody_defines_this();
}

TINY_PLUGIN("undefined-symbol", "1.0.0", run, 0);
