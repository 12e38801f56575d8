/* One submitted job as JSON, read into a job_request: the table of the fields that a submission
 * has. */
#ifndef JOBHOST_API_SUBMIT_ITEM_H
#define JOBHOST_API_SUBMIT_ITEM_H

#include "base/arena.h"
#include "supervisor/jobs.h"

/* `object` is the raw text of one valid JSON value; a job without a type gets `default_type` (NULL:
 * is refused). Strings are copied into the arena; the payload
 * is borrowed from the text, byte for byte. 0; with *ret_problem, -EINVAL: not an object, an
 * unknown or repeated field, a value of the wrong form; -ENOMEM. Files get their hash; their size is found out
 * later. */
int submit_item_read(struct bytes object, const char *default_type, struct arena *arena,
                     struct job_request *ret_request, struct job_file **ret_files,
                     struct problem *ret_problem);

/* 64 hex digits. */
bool submit_item_sha256(const char *text, uint8_t ret[32]);

#endif
