/* What an attempt's end means, from the status that run() returned and from what the handler had
 * said before. Pure; shared by the worker and the authors' test harness. The supervisor applies its
 * own table to what comes out (core/outcome.h). */
#ifndef JOBHOST_WORKER_VERDICT_H
#define JOBHOST_WORKER_VERDICT_H

#include <stdint.h>

#include "jobhost_plugin.h"

enum verdict_said { SAID_NOTHING, SAID_FAIL, SAID_WAIT };

/* Collected while the handler runs. A zeroed one is ready. */
struct verdict_notes {
    enum verdict_said said;    /* the last of fail() and yield()                              */
    struct jh_failure failure; /* SAID_FAIL; strings outlive the verdict                      */
    struct jh_wait wait;       /* SAID_WAIT; likewise                                         */
    const char *wait_for;      /* what of that it looks for, or asks (core/waits.h); likewise */
    int broken;                /* negative errno of the commit that did not happen, or 0      */
    int refused;               /* negative errno of the last call that was refused, or 0      */
    const char *refused_call;  /* and its name                                                */
    const char *refused_words; /* why, if that says more than the errno; NULL = it does not   */
};

struct verdict {
    jh_status status;
    jh_class cls;
    struct jh_failure failure; /* its strings: NULL or borrowed from the notes or from `text` */
    struct jh_wait wait;
    const char *wait_for; /* NULL = none */
    char text[256];
};

/* *ret must stay where it is: failure.message may point into it. */
void verdict_reach(const struct verdict_notes *notes, jh_status returned, uint32_t cancelled,
                   struct verdict *ret);

#endif
