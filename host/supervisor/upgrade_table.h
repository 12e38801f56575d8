/* All that a quiet host has in hand, as the table for the next binary. */
#ifndef JOBHOST_SUPERVISOR_UPGRADE_TABLE_H
#define JOBHOST_SUPERVISOR_UPGRADE_TABLE_H

#include "supervisor/handover.h"

struct host;

/* What *ret points to is its arena's or the host's. 0 or -ENOMEM; handover_finish() follows. */
int upgrade_table_fill(struct host *host, int64_t asked_ms, struct handover *ret);
/* Reads it as the next binary will: what that does not believe, the one that would have to come back does not believe either.
 * 0, or negative errno with words. */
int upgrade_table_check(int table, struct err *e);

#endif
