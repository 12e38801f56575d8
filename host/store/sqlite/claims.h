/* The jobs that are out: claimed by this host and not given back.
 *
 * A claim is not written down. Only one host uses the file, so nobody else needs to see it; if the
 * host dies, its claims die with it and the jobs are simply still queued. What outlives the host is
 * written when an attempt is known to have begun (START or a first commit): the row then says
 * RUNNING. This saves a third of the disk syncs of a job's life.
 *
 * Tokens: last token in the row + 1 + number of this opening of the file. A claim that left no
 * trace in the row happened in an earlier opening, so a token is larger than every earlier one of
 * its job even so.
 *
 * The writer thread changes it under `lock`; other threads copy it under `lock`. `row_rev` is the
 * revision of the row that a claim belongs to: a reader whose snapshot shows another revision
 * ignores it. A claim that ends stays visible in `ending` until its transaction is committed, so
 * that no reader sees a running job as queued in between. */
#ifndef JOBHOST_STORE_SQLITE_CLAIMS_H
#define JOBHOST_STORE_SQLITE_CLAIMS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/job.h"
#include "store/hash.h"
#include "store/sqlite/lanes.h"

struct claim {
    int64_t rid;
    struct job_id id;
    uint32_t token, commit_no, row_rev, has;
    uint64_t nonce; /* of the host that claimed */
    struct lane *lane;
    enum job_priority priority;
    int64_t at_ms; /* ready since */
    bool written;  /* the row says RUNNING */
    bool plain; /* the row has no `life` and no dedup key: nothing to read before a final change */
    int64_t claimed_ms, started_ms;
    struct claim *next_ending;
    UT_hash_handle hh; /* by rid */
};

struct claims {
    pthread_mutex_t *lock; /* borrowed */
    struct claim *by_rid;
    struct claim *ending;
    struct claim *spare;
};

void claims_init(struct claims *cs, pthread_mutex_t *lock);
void claims_finish(struct claims *cs);

/* NULL: not out. */
struct claim *claims_find(const struct claims *cs, int64_t rid);

/* For another thread: is it out, or has it ended in a group that is not committed yet? */
bool claims_known(struct claims *cs, int64_t rid);

/* A zeroed claim, not yet among the others; NULL: out of memory. */
struct claim *claims_new(struct claims *cs);
int claims_add(struct claims *cs, struct claim *claim); /* 0 or -ENOMEM */

/* Takes it out; other threads see it until claims_settle(). */
void claims_end(struct claims *cs, struct claim *claim);
void claims_settle(struct claims *cs);

/* For a rollback: the reverse of claims_add() (frees it) and of claims_end(). */
void claims_drop(struct claims *cs, struct claim *claim);
void claims_restore(struct claims *cs, struct claim *claim);

/* A copy for another thread, ordered by rid, newest first; also those that are ending. -ENOMEM. */
struct claim_view {
    int64_t rid;
    uint32_t token, row_rev;
    int64_t started_ms;
};
int claims_view(struct claims *cs, struct claim_view **ret, size_t *ret_count);
const struct claim_view *claims_view_find(const struct claim_view *view, size_t count, int64_t rid,
                                          uint32_t row_rev);

#endif
