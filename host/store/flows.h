/* The store's side of flows (core/flow.h decides, docs/flows.md tells the whole).
 *
 *     COMMIT        children that are members, and the job that comes behind all of them (`then`)
 *     FLOW_GET      how a flow stands         FLOW_ENDED   its members that have ended, in that order
 *     FLOW_MEMBERS  those that are there, open or not, the last made first
 *     FLOW_JOIN     a new job from outside becomes a member
 *     FLOW_CANCEL   which members are to be cancelled, some at a time
 *
 * A flow has its opener's id and lives beside it. It costs a job that has no children nothing. Who is a member
 * has its id as `parent` and as `flow_id`; a member in another queue than the opener says that queue as well
 * (job_spec.flow_queue). What happens to it there is told to the flow by way of the outbox, in order, and counts
 * once however often it is delivered.
 *
 * An opener goes with its flow: neither SWEEP nor REMOVE (-EBUSY) deletes one whose flow is open. */
#ifndef JOBHOST_STORE_FLOWS_H
#define JOBHOST_STORE_FLOWS_H

#include "core/flow.h"
#include "store/store.h"

enum { STORE_FLOW_PAGE_MAX = 1000 };
#define STORE_FLOW_CURSOR_MAX ((uint64_t)1 << 53) /* no list is so long */

struct store_flow {
    struct flow_facts facts;
    int64_t closed_ms;
    struct job_id then; /* zero = none was asked for                                    */
    bool then_made;     /* it is in the store                                           */
    struct job_id died; /* FLOW_FAIL: the first member that did                         */
    bool cancelling;    /* FLOW_CANCEL has something to do                              */
};

struct store_flow_get {
    struct store_op op;
    struct job_id id;       /* of the opener */
    struct store_flow flow; /* answer; op.status -ENOENT: it has opened none */
};

struct store_flow_member {
    struct job_id id;
    enum job_state state; /* FLOW_ENDED: as it ended     */
    uint64_t cursor;      /* of a page that begins behind it */
    /* The rest is the job's as it is now; it may be gone, then there is none (`type` NULL). */
    const char *type;
    struct job_error error;
    bool has_result;
    uint64_t result_size;
};

/* Members in the order in which they ended. While the flow is open more may come behind the end. */
struct store_flow_ended {
    struct store_op op; /* status -ENOENT: no such flow */
    struct job_id id;
    uint32_t limit; /* 1..STORE_FLOW_PAGE_MAX        */
    /* of the answer before, or of a member; 0 = from the first. One that no answer had: -EINVAL, or a page */
    uint64_t cursor;
    enum job_state
        only; /* only who ended so; JOB_SCHEDULED = any. A page may be short then, and there is more */
    struct store_flow_member *members;
    size_t count;
    uint64_t next_cursor;
    bool more;
};

/* Members that are in the store, the last made first (on SQLite: by id), each as it is now. One that has been
 * removed, or is still underway to its queue, is not among them, so a page may be short, and even empty. */
struct store_flow_members {
    struct store_op op; /* status -ENOENT: no such flow */
    struct job_id id;
    uint32_t limit;  /* so many are looked at: 1..STORE_FLOW_PAGE_MAX  */
    uint64_t cursor; /* of the answer before; 0 = from the last        */
    struct store_flow_member *members;
    size_t count;
    uint64_t next_cursor; /* 0 = these were all */
};

/* SUBMIT of jobs that become members: spec->flow_id and spec->parent are the flow's (flow_queue is found); without
 * dedup key and files. Item status -ENOENT: no such flow; -ESTALE: it does not grow any more. */
struct store_flow_join {
    struct store_op op;
    struct store_submit_item *items;
    size_t count;
};

/* What members of a cancelled or failed flow are still to be cancelled: all of them, for a member that has ended may have
 * made others that have not (store_move_item.through). What was answered before is given back as
 * `done` once MOVE has been through it: who dies in between is followed by one who gets the same page. Jobs that
 * are underway to their queue are not met: FORWARD ends them as they arrive. Who is revived lets it begin anew: what is
 * given back of a walk before that does not count. */
struct store_flow_cancel {
    struct store_op op;
    uint32_t limit;
    struct job_id done; /* zero = nothing yet */
    uint64_t done_cursor, done_walk;
    /* answer: the flow, zero = there is nothing to do */
    struct job_id id;
    uint64_t cursor, walk; /* up to where; of which walk */
    struct job_id *members;
    const char **queues; /* where each of them is; NULL: it is gone */
    size_t count;
};

/* ---- for the stores */

/* Is it a member of its parent's flow? */
bool store_flow_has(const struct job_spec *spec);

/* Can there be such a page? 0, or -EINVAL and op.err. */
int store_flow_check_page(struct store_flow_ended *ended);

#endif
