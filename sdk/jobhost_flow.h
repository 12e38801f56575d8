/* jobhost_flow.h — extension "jobhost.flow/1": what a job has to do with its children, and with those that have the same
 * parent. Thread words and ownership as in jobhost_plugin.h.
 *
 *     const struct jh_flow *flow = h->extension(h, JH_FLOW_1);   // NULL: this host has none
 *
 * A job that makes children by enqueue() has opened a flow, and they are its members. The flow is open until its opener
 * has ended and so has every member; then it closes, once. Whoever may ask about a flow names it by what it is to the
 * job:
 *
 *     opener   JH_FLOW_OPENED   makes members by enqueue(), and says then() and on_child_dead()
 *     member   JH_FLOW_MEMBER   makes more members by add()
 *     `then`   JH_FLOW_BEHIND   the job that starts when the flow has closed
 *
 * Split and gather, with a job behind the flow:
 *
 *     for (...) { h->enqueue(c, &part); }
 *     const struct jh_child report = {.size = sizeof report, .handler = "crawl.report"};
 *     flow->then(c, &report);
 *     return JH_OK;                        // all of it at once; from here on the flow goes by itself
 *
 * and in crawl.report, which holds a page of members in memory however many there are:
 *
 *     struct jh_member m = {.size = sizeof m};
 *     uint64_t cursor = 0;
 *     while ((rc = flow->results(c, JH_FLOW_BEHIND, &cursor, &m)) == 0) {
 *         if (m.has_result && flow->result(c, JH_FLOW_BEHIND, m.id, &bytes) == 0) { ... }
 *     }
 *
 * Or without one: the opener parks by yield(JH_WAIT_CHILDREN), which holds no worker, and reads them itself, as
 * JH_FLOW_OPENED. Each run begins anew, and one may be cut off between the commit that makes the children and the yield():
 *
 *     if (step "made" is not there) { enqueue() ...; step_put "made"; }
 *     if (flow->counts(c, JH_FLOW_OPENED, &counts) == 0 && counts.open > 0) { return h->yield(c, &wait); }
 *     ...                                  // all have ended
 *
 * What is stored of members goes with them: `type`, error and result are there as long as their queues keep ended jobs,
 * and the flow as long as its opener is there. */
#ifndef JOBHOST_FLOW_H
#define JOBHOST_FLOW_H

#include "jobhost_plugin.h"
#ifdef __cplusplus
extern "C" {
#endif

#define JH_FLOW_1 "jobhost.flow/1"

/* Which flow. */
enum { JH_FLOW_OPENED = 0, JH_FLOW_BEHIND = 1, JH_FLOW_MEMBER = 2 };

/* What a member that dies does to the others. */
enum {
    JH_ON_DEAD_CONTINUE = 0, /* nothing: it is counted                                            */
    JH_ON_DEAD_FAIL =
        1 /* the flow takes no more members, those that have not begun are cancelled, running ones
                              * are asked to stop, and `then` is dead from the start, with the code "child_dead" */
};

enum {
    JH_FLOW_CLOSED = 1u, /* it stays as it is, but for members that somebody revives */
    JH_FLOW_GROWS = 2u   /* it takes more members           */
};
struct jh_flow_counts {
    uint32_t size;
    uint32_t flags;                      /* JH_FLOW_CLOSED, JH_FLOW_GROWS   */
    uint64_t made;                       /* members so far                  */
    uint64_t open;                       /* that have not ended             */
    uint64_t succeeded, dead, cancelled; /* that have                       */
    uint64_t duplicate;                  /* whose dedup key another job held */
};

/* How a member has ended. */
enum {
    JH_MEMBER_SUCCEEDED = 1,
    JH_MEMBER_DEAD = 2,
    JH_MEMBER_CANCELLED = 3,
    JH_MEMBER_DUPLICATE = 4 /* it never was a job: `type` is NULL */
};
struct jh_member {
    uint32_t size;
    int32_t state; /* JH_MEMBER_*; of a later host perhaps another number   */
    const char *id;
    const char *type;    /* NULL: it is not kept any more                         */
    const char *code;    /* of the error that it ended with, or NULL              */
    jh_class cls;        /* and its class                                         */
    uint32_t has_result; /* 1: result() has it                                    */
    uint64_t result_size;
};

struct jh_flow {
    uint32_t size;
    uint32_t reserved;

    /* [run] A sibling: one more member of the flow that this job is a member of. Buffered as by enqueue(), whose limits and
     * errors it has.
     *  -ENOENT     this job is a member of no flow
     *  -ESHUTDOWN  the flow takes no more ("flow_closed"): it fails or was cancelled, or this member was revived after it had
     *              closed. Siblings that were added before it came to that, and not committed, are not made. */
    JH_MUST_CHECK int (*add)(struct jh_call *, const struct jh_child *);

    /* [run] The job that starts when the flow that this job opens has closed; without any members that is when this job has
     * ended. Buffered as by enqueue(). Its delay and its times count from the close. It is no member, has no dedup key, and
     * its JH_FLOW_BEHIND is this flow. The first that was committed stays, in whichever run: what a later run asks for is
     * the same as nothing.
     *  -EALREADY   this run() has said so before
     *  -EINVAL     it has a dedup key
     *  <0          as enqueue() */
    JH_MUST_CHECK int (*then)(struct jh_call *, const struct jh_child *);

    /* [run] JH_ON_DEAD_*, of the flow that this job opens; without it JH_ON_DEAD_CONTINUE. Buffered; the last one counts.
     * When a member of a flow with JH_ON_DEAD_FAIL has died, enqueue() answers -ESHUTDOWN, as add() does. 0, -EINVAL. */
    int (*on_child_dead)(struct jh_call *, int32_t what);

    /* [run] How a flow stands, as committed: what this run has buffered is not in it. `which`: JH_FLOW_*; ret->size set by the
     * caller.
     *  -ENOENT     there is no such flow: this job has opened none, is a member of none, comes behind none, or the opener
     *              is gone
     *  -ETIMEDOUT  the store did not answer
     *  -EINVAL, <0 as step_put() */
    int (*counts)(struct jh_call *, int32_t which, struct jh_flow_counts *ret);

    /* [run] The next member that has ended, in the order in which they did. *cursor is 0 for the first, and then what the call
     * before made of it; it may be kept in a step, for another run to go on from there. ret->size is set by the caller;
     * its texts are valid until the next results() or until run() returns.
     *  0           *ret, and *cursor is behind it
     *  1           there is none: no more at all if the flow is closed, else not yet
     *  -EINVAL     *cursor is none of ours
     *  <0          as counts()
     * A member that is revived leaves the list until it has ended again, and is then its last; a cursor from before that
     * passes nobody over. */
    int (*results)(struct jh_call *, int32_t which, uint64_t *cursor, struct jh_member *ret);

    /* [run] The result of the member of this id, valid until the next result() or until run() returns. 0; -ENOENT: it is no
     * member, has not left a result, or is not kept any more; <0 as counts(). */
    int (*result)(struct jh_call *, int32_t which, const char *id, struct jh_bytes *ret);
};

#ifdef __cplusplus
}
#endif
#endif
