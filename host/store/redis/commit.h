/* A commit on its way into lua/commit.lua. */
#ifndef JOBHOST_STORE_REDIS_COMMIT_H
#define JOBHOST_STORE_REDIS_COMMIT_H

#include "store/blobfile.h"
#include "store/flows.h"
#include "store/redis/blob.h"
#include "store/redis/claims.h"
#include "store/redis/side.h"
#include "store/redis/store_private.h"

/* A larger item could not be sent as one command (REDIS_CALL_BYTES_MAX). */
enum { REDIS_COMMIT_BYTES_MAX = 14 * 1024 * 1024 };

/* What becomes of the inline result. */
enum redis_result_fate { REDIS_RESULT_STAYS, REDIS_RESULT_GOES, REDIS_RESULT_INLINE };

/* What C decides about an item: where the job goes, and what it is then. */
struct redis_commit_plan {
    enum job_state to;
    bool in_front;   /* QUEUED: with its old turn              */
    int64_t at_ms;   /* SCHEDULED, PARKED: due, 0 = not by time */
    int64_t keep_ms; /* final                                   */
    enum redis_result_fate result;
    struct redis_job job; /* strings are the item's, the claim's and, of the blob, this plan's */
    char blob[BLOBFILE_SHA_TEXT + 1];
};

/* 0, or the item's status: -EINVAL, -E2BIG, -ENOTSUP: what is wrong whatever is stored. */
int redis_commit_check(const struct store_commit_item *item);

/* `item` was checked. Pure; the plan stays where it is as long as its job is used. */
void redis_commit_decide(const struct store_commit_item *item, const struct redis_job *before,
                         int64_t now_ms, struct redis_commit_plan *ret);

/* Appends the item's words; `queue` is its number in the call, `head` that of the item before it. */
void redis_commit_write(const struct redis_store *s, const struct redis_claim *claim,
                        const struct store_commit_item *item, const struct redis_commit_plan *plan,
                        unsigned queue, int64_t now_ms, struct redis_args *a,
                        struct redis_head *head);

/* Appends the words of a job on its way to another queue: its hash, with all of its payload. */
void redis_parcel_write(const struct job_spec *child, struct redis_args *a);

/* Blobs that the item names: its result and outputs for the job in `queue`, files for its children.
 * How many; into `ret`, unless that is NULL. */
size_t redis_commit_names(const struct store_commit_item *item, const char *queue,
                          struct redis_blob_name *ret);

/* Lets go of what the job named before and does not any more; `reply` is what the script said of the
 * item. 0, -EBADMSG, -ENOMEM. */
int redis_commit_let_go(struct redis_task *t, struct arena *a, const struct redis_claim *claim,
                        const struct store_commit_item *item, const struct redis_commit_plan *plan,
                        const struct redis_reply *reply);

/* Becomes a member of a flow in another queue, which is asked first. */
static inline bool redis_commit_joins(const struct redis_claim *claim,
                                      const struct job_spec *child) {
    const char *of = child->flow_queue != NULL ? child->flow_queue : child->queue;
    return store_flow_has(child) && strcmp(of, claim->queue->name) != 0;
}

/* Goes into another queue, by way of the outbox. */
static inline bool redis_commit_is_parcel(const struct redis_claim *claim,
                                          const struct job_spec *child) {
    return strcmp(child->queue, claim->queue->name) != 0 || redis_commit_joins(claim, child);
}

#endif
