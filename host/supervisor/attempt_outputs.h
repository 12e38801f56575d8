/* The output files of an attempt between their put, when the content goes to the store, and the
 * commit that makes them the job's. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_ATTEMPT_OUTPUTS_H
#define JOBHOST_SUPERVISOR_ATTEMPT_OUTPUTS_H

#include <stdint.h>

#include "supervisor/attempt.h"

/* May it put one of this name? 0, or -ENOSPC: the job has JOB_OUTPUTS_MAX others. */
int attempt_outputs_room(const struct attempt *a, const char *name);

/* The content is in the store: one more effect. 0, -EBADMSG (over a limit of effects.h), -ENOMEM. */
int attempt_outputs_add(struct attempt *a, const char *name, const char *content_type,
                        const struct blob_ref *blob);

/* Content that no commit names for an hour is swept: tells the store, long before, that some of a
 * running attempt is still wanted. When to come again (mono ms), INT64_MAX: when there is more. */
int64_t attempt_outputs_keep(struct attempt *a, int64_t now_mono_ms);

void attempt_outputs_forget(struct attempt *a);

/* This name is one of those that it has put. 0 or -ENOMEM. */
int attempt_outputs_know(struct attempt *a, const char *name);

#endif
