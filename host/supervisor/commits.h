/* Commits on their way to the store, gathered over one turn of the loop and posted as batches.
 *
 * A batch that the store could not take (read-only, timed out) is kept and posted again every
 * second, in order, until the store is well or the host ends: an attempt's outcome is never
 * dropped. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_COMMITS_H
#define JOBHOST_SUPERVISOR_COMMITS_H

#include <stdbool.h>

#include "base/arena.h"
#include "store/store.h"
#include "supervisor/attempt.h"
#include "supervisor/effects.h"

struct host;
struct commits;

/* What belongs to one item while the store has it. */
struct commit_entry {
    struct attempt *attempt;
    struct effects *effects; /* owned; may be NULL */
    struct job_progress progress;
    struct job_error error;
    struct store_result result;
    struct blob_ref blob;
    struct store_attempt history;
    struct arena arena; /* copies of what the attempt may change meanwhile */
    bool final;
};

/* Ends that may wait because they cannot be written; then nothing more is claimed. */
enum { COMMITS_LATER_MAX = 64 };

struct commits *commits_new(struct host *host);
void commits_free(struct commits **c);

/* The next free item and its entry, zeroed; filled in by the caller before it returns to the loop.
 * NULL without memory. */
struct store_commit_item *commits_add(struct host *host, struct commit_entry **ret_entry);

/* Posts what was gathered. */
void commits_flush(struct host *host);

/* A concluded attempt whose end cannot be written now, for lack of memory or because the store is
 * not well: it is tried again as batches are. */
void commits_later(struct attempt *a, const char *why);
/* Why nothing new is claimed: too many ends cannot be written. NULL: there are not. */
const char *commits_stalled(const struct host *host);

/* Items not yet answered. */
unsigned commits_pending(const struct host *host);

#endif
