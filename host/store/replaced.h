/* What stands in a job that was cancelled because a newer one took its key (dedup replace). Redis: the same in
 * redis/lua/lib/meet.lua. */
#ifndef JOBHOST_STORE_REPLACED_H
#define JOBHOST_STORE_REPLACED_H

#include <stdio.h>

#include "core/job.h"
#include "jobhost_plugin.h"

struct replaced_words {
    char text[80];
};

/* Borrows `words`. */
static inline struct job_error replaced_error(const struct job_id *by,
                                              struct replaced_words *words) {
    char id[JOB_ID_TEXT + 1];
    id_format(by, id);
    (void)snprintf(words->text, sizeof words->text, "job %s took its key before it began", id);
    return (struct job_error){.cls = JH_E_PERMANENT, .code = "replaced", .message = words->text};
}

#endif
