/* Whose jobs an operation is about (store_op.scope): what it means, the same for every backend. Pure.
 *
 *     LIST                                      shows what is in it
 *     GET, STEP_GET, RESULT_GET, OUTPUT_GET,
 *     FLOW_GET, FLOW_ENDED, FLOW_MEMBERS        of a job that is in it, else -ENOENT; of members those that are in it
 *     MOVE, REMOVE                              the same, by item
 *     SUBMIT, FLOW_JOIN                         jobs that are in it, else -EACCES, into flows that are in it; a key that
 *                                               a job of another tenant holds is -EPERM, and nothing is told of that job
 *     EVENT_PUT                                 for its tenant, if it has no queues
 *     STATS, QUEUE_SET                          of its queues, if it has no tenant
 *     BLOB_PUT                                  for a job to be submitted
 *
 * All others are -EACCES. */
#ifndef JOBHOST_STORE_SCOPE_H
#define JOBHOST_STORE_SCOPE_H

#include <stdbool.h>

#include "store/store.h"

/* Is a job of that queue and tenant (NULL: nobody's) in it? NULL has all. */
bool store_scope_has(const struct store_scope *scope, const char *queue, const char *tenant);
bool store_scope_has_job(const struct store_scope *scope, const struct job_spec *spec);

/* ---- for the stores */

/* May it be run at all with the scope that it has? 0, or -EACCES with words. */
int store_scope_check(struct store_op *op);
/* The job without which it is not run; NULL: it names none, or its items do. */
const struct job_id *store_scope_job(const struct store_op *op);
/* It has been run: takes out of its answer what is not in its scope. Of a job it is not told which other one
 * took its key, or has it, for that may be anybody's. */
void store_scope_answer(struct store_op *op);

#endif
