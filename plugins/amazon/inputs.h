/* The files of a job, opened by number. Behind it stands the host's blob extension, or a test. */
#ifndef AMAZON_INPUTS_H
#define AMAZON_INPUTS_H

#include "request.h"
#include "source.h"

struct inputs {
    size_t count;
    struct source *sources; /* `count` */
    struct period *periods; /* of the business reports, in time: sources[i].period is the place */
    size_t period_count;
    uint64_t bytes; /* of those that are to be read */
    /* A descriptor at the file's start, the caller's to close; or a negative errno. */
    int (*open)(void *arg, size_t index);
    void *arg;
};

/* Finds out what every file is (`kinds[i]`: what it came as), which are the same, and which period
 * each business report is about. Periods that overlap are an error: their days would count twice. */
int inputs_identify(struct inputs *in, const enum report_kind *kinds, struct request *request,
                    struct trouble *t);

#endif
