/* The jobs that this host has claimed: by id, each as it stands in Redis.
 *
 *     CLAIM ─▶ redis_claims_add ─▶ START: redis_claims_tell ─┬─▶ COMMIT that goes on: redis_claims_update
 *                                                └─▶ the attempt's end, fenced, recovered: redis_claims_end
 *
 * Only the host that claimed a job changes what C owns of it, so a commit is computed from `job` here
 * and sent as a difference, without reading. `job` is what the server is known to hold: it follows
 * the answers. Nothing of it is written down: what a lost answer of CLAIM had claimed is not here, is
 * not renewed, and comes back when its lease ends.
 *
 * Loop thread only. */
#ifndef JOBHOST_STORE_REDIS_CLAIMS_H
#define JOBHOST_STORE_REDIS_CLAIMS_H

#include "store/hash.h"
#include "store/redis/jobhash.h"
#include "store/redis/queues.h"
#include "store/redis/recall.h"

struct redis_claim {
    struct redis_queue *queue;
    /* As the server has it: state RUNNING, token, commit_no, rev, host_nonce of this claim. Of the spec
     * its texts are NULL but for type and dedup_key, and there are no payload and no files; spec.queue
     * is the queue's name. Strings live until the next redis_claims_update(), or redis_claims_end(). */
    struct redis_job job;
    bool
        busy; /* a commit is under way: nothing else changes `job` meanwhile (whose commit it is says so) */
    bool asked;   /* events.ask has been told */
    bool started; /* a START has been sent: the hash may say `begun`, and more may hang on it */
    struct redis_recalled
        *submitted; /* owned: but for its claim the job is as this says; NULL: it may not be */
    /* private */
    bool told; /* by redis_claims_tell() while busy */
    struct arena arena;
    struct redis_claim *next_spare;
    UT_hash_handle hh; /* by job.spec.id, in the order of claiming */
};

/* Zeroed: none. */
struct redis_claims {
    struct redis_claim *by_id;
    struct redis_claim *spare; /* memory for the next ones */
    unsigned spare_count;
};

void redis_claims_finish(struct redis_claims *all);

/* NULL: not ours (any more). */
struct redis_claim *redis_claims_find(const struct redis_claims *all, const struct job_id *id);

/* Adds a claim; `job` (state, token, host_nonce, ... as the claim left it) is copied. An older claim of the same job
 * is forgotten. NULL: no memory. */
struct redis_claim *redis_claims_add(struct redis_claims *all, struct redis_queue *queue,
                                     const struct redis_job *job);

/* A commit was applied, or the like: `job` is how it stands now (copied; its strings may be those of
 * claim->job). What redis_claims_tell() said while the claim was busy stays. 0, or -ENOMEM and nothing
 * changed. */
int redis_claims_update(struct redis_claims *all, struct redis_claim *claim,
                        const struct redis_job *job);

/* START was applied: started_ms, pid, build of `life`, and its progress unless at_ms is 0. 0 or -ENOMEM. */
int redis_claims_tell(struct redis_claims *all, struct redis_claim *claim,
                      const struct redis_life *life);

/* It is not ours any more; the claim is gone. */
void redis_claims_end(struct redis_claims *all, struct redis_claim *claim);

static inline unsigned redis_claims_count(const struct redis_claims *all) {
    return HASH_COUNT(all->by_id);
}

#endif
