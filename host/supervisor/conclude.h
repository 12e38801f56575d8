/* From an attempt's report to the commit that ends it: asks core/outcome.h what becomes of the job,
 * stores a large result first, and fills in the store's commit item. */
#ifndef JOBHOST_SUPERVISOR_CONCLUDE_H
#define JOBHOST_SUPERVISOR_CONCLUDE_H

#include "supervisor/attempt.h"
#include "supervisor/commits.h"

/* Moves the attempt's effects, progress and log into a commit item; the attempt goes on. */
void conclude_effects(struct attempt *a, struct store_commit_item *item,
                      struct commit_entry *entry);

#endif
