/* What becomes of a flow: an opener's children, and the job that comes behind them (docs/flows.md).
 *
 * A flow is open from its first member on until its opener has ended and no member is left that has not.
 * Meanwhile members may make more. One that cancels its members closes when all have been met: also those that have
 * ended, for what they made may not have. Pure; Redis decides the same in lua/lib/flow.lua, and tests/store/case_flow*.c
 * holds both to it. */
#ifndef JOBHOST_CORE_FLOW_H
#define JOBHOST_CORE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/job.h"

/* What a member that dies does to the others. Values are stored. */
enum flow_on_dead {
    FLOW_CONTINUE = 0, /* nothing: it is counted                                                */
    FLOW_FAIL = 1,     /* no more members, those that wait are cancelled, `then` does not run   */
    FLOW_ON_DEAD_COUNT
};

const char *flow_on_dead_name(int on_dead); /* NULL outside the enum */
int flow_on_dead_from_name(const char *name);

/* Members by what became of them. One that was the duplicate of another job has ended where it was made. */
struct flow_tally {
    int64_t made, succeeded, dead, cancelled, duplicate;
};

struct flow_facts {
    struct flow_tally tally;
    /* enum job_state it ended in; -1 = it has not ended. JOB_CANCELLED also if it was asked to end before it did, or if
     * the flow above it was cancelled when it had ended already */
    int opener;
    enum flow_on_dead on_dead;
    bool closed;
    bool
        deep; /* a member has ended while a flow of its own was open, or deep; and no cascade has been through since */
};

enum flow_fate {
    FLOW_GOES_ON,
    FLOW_WAKES, /* nobody is left: an opener that waits for its children goes on */
    FLOW_CLOSES
};

/* What its `then` begins as. */
enum flow_then {
    FLOW_THEN_RUNS,
    FLOW_THEN_NOT,         /* the opener was cancelled: it is not made     */
    FLOW_THEN_OPENER_DEAD, /* it is dead from the start, with these codes  */
    FLOW_THEN_CHILD_DEAD
};
#define FLOW_CODE_OPENER_DEAD "opener_dead"
#define FLOW_CODE_CHILD_DEAD  "child_dead"

int64_t flow_open_count(const struct flow_tally *t);

/* One more member has ended in that final state. */
void flow_count(struct flow_tally *t, enum job_state state, int by);

enum flow_fate flow_fate(const struct flow_facts *f);
enum flow_then flow_then(const struct flow_facts *f);

/* May it grow? Not when it is closed, fails or is cancelled. */
bool flow_grows(const struct flow_facts *f);

/* Are members that wait to be cancelled? */
bool flow_cancels(const struct flow_facts *f);

/* Is there, now that its opener has ended, something left that a cascade would have to go through? */
bool flow_leaves(const struct flow_facts *f);

/* Its opener has ended, and the flow above it is cancelled or fails: is this one to be cancelled too? A closed one that
 * leaves something is opened again for that. */
bool flow_follows(const struct flow_facts *f);

#endif
