/* Does a job's payload have the fields that its handler has declared? One pass over the text of
 * each object and list that the table names, no tree. Pure. */
#ifndef JOBHOST_SUPERVISOR_PAYLOAD_CHECK_H
#define JOBHOST_SUPERVISOR_PAYLOAD_CHECK_H

#include "base/bytes.h"
#include "supervisor/jobs.h"
#include "supervisor/payload_shape.h"
#include "supervisor/pool.h"

enum {
    PAYLOAD_MEMBERS_MAX = 256, /* of an object in a table: as many as a table has rows */
    /* Elements of lists are looked at until that many values have been: this happens on the loop.
     * What comes after is the handler's to refuse. */
    PAYLOAD_VALUES_CHECKED = 10000,
};

/* The handler has a shape. `payload` is valid JSON, or empty: as good as {}. 0, or -EINVAL and *ret_problem with the field. */
int payload_check(const struct pool_handler *handler, struct bytes payload,
                  struct problem *ret_problem);

#endif
