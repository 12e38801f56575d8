/* Does a job's payload have the fields that its handler has declared? One pass over the text, no
 * tree: a value that is no scalar fits no field, so nothing is looked into deeper. Pure. */
#ifndef JOBHOST_SUPERVISOR_PAYLOAD_CHECK_H
#define JOBHOST_SUPERVISOR_PAYLOAD_CHECK_H

#include "base/bytes.h"
#include "supervisor/jobs.h"
#include "supervisor/pool.h"

/* `payload` is valid JSON, or empty: as good as {}. 0, or -EINVAL and *ret_problem with the field. */
int payload_check(const struct pool_handler *handler, struct bytes payload,
                  struct problem *ret_problem);

#endif
