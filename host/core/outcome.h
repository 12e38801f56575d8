/* From what a handler returned to what becomes of the job: the table of error classes, and the one
 * function that applies it. Pure.
 *
 * The plugin's fail() uses outcome_status() to say which status to return; the supervisor applies
 * outcome_decide() to whatever (status, class) arrives, so a plugin cannot choose its own rules. */
#ifndef JOBHOST_CORE_OUTCOME_H
#define JOBHOST_CORE_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "core/job.h"
#include "core/retry.h"
#include "core/skew.h"
#include "jobhost_plugin.h"

/* A wait kind beside JH_WAIT_*: what jobhost.operator/1 parks for. No plugin says it itself. */
enum { OUTCOME_WAIT_OPERATOR = 64 };

#define OUTCOME_RESOURCE_FREE 3 /* RESOURCE failures that use no attempt           */

enum attempt_use { ATTEMPT_USED, ATTEMPT_FREE, ATTEMPT_FREE_THRICE, ATTEMPT_CRASH };

/* One row per class; `outcome_class_rows` is indexed by jh_class. */
struct outcome_class {
    const char *name; /* "input", "auth", ... as the API shows it */
    jh_status status; /* what fail() returns for it               */
    enum attempt_use use;
};
extern const struct outcome_class outcome_class_rows[JH_E_UNKNOWN + 1];

/* Unknown values are JH_E_BUG's row. */
const struct outcome_class *outcome_class(jh_class cls);
/* The class of that name, or -1. */
int outcome_class_from_name(const char *name);
/* May its failures be tried again, after a back-off? */
bool outcome_class_backs_off(jh_class cls);

/* How an attempt ended, as the supervisor saw it. */
enum attempt_end {
    ATTEMPT_RETURNED,  /* run() returned status and class                             */
    ATTEMPT_CRASHED,   /* its process died by its doing: signal, exit, hang (killed)  */
    ATTEMPT_OOM,       /* signal 9 that we did not send                               */
    ATTEMPT_NEIGHBOUR, /* its process died by another job's doing                     */
    ATTEMPT_UNSTARTED, /* came back without START                                     */
    ATTEMPT_DRAINED,   /* stopped by a drain's hard deadline                          */
    ATTEMPT_SKEWED,    /* not begun: its handler does not resume its steps            */
    ATTEMPT_BARRED,    /* not begun: a breaker of its is open until wake_at_ms        */
    ATTEMPT_LIMITED,   /* not begun: its limiter has no slot before wake_at_ms        */
};

struct attempt_report {
    enum attempt_end end;
    jh_status status; /* ATTEMPT_RETURNED only */
    jh_class cls;
    int64_t retry_after_ms; /* 0 = host decides      */
    uint32_t cancelled;     /* JH_CANCEL_* mask that was in force */
    bool stalled;           /* it was asked to stop because nothing was heard of it */
    bool over_disk;         /* ... because its plugin keeps more on the disk than it may */
    enum skew skew;         /* ATTEMPT_SKEWED only: what was decided */
    bool new_build;         /* of the plugin: earlier crashes of the job were another's */
    /* a yield's wish: */
    int32_t wait_kind;  /* JH_WAIT_*, OUTCOME_WAIT_OPERATOR */
    int64_t wake_at_ms; /* UNTIL: when; the others: when to stop waiting, 0 = never; unix ms */
};

/* Else nothing that the attempt did, or was counted for, came of it. */
static inline bool attempt_was_begun(const struct attempt_report *r) {
    return r->end != ATTEMPT_UNSTARTED && r->end != ATTEMPT_SKEWED && r->end != ATTEMPT_LIMITED &&
           r->end != ATTEMPT_BARRED;
}

/* What the store is asked to do. */
struct outcome {
    enum job_event event;      /* SUCCEED, RETRY, DIE, PARK, RELEASE or CANCEL  */
    jh_class cls;              /* as it will be recorded                        */
    int64_t run_at_ms;         /* RETRY, PARK with a time: when (unix ms)       */
    enum park_reason park;     /* PARK                                          */
    bool drop_steps;           /* it begins again                               */
    struct job_counters after; /* counters once this is applied                 */
    /* machine word the decision adds: "attempts_exhausted", "deadline", "quarantined",
     * "max_yields", "timeout", "stalled", "over_disk", "crash", "killed" (out of memory), "bad_status", "state_version"; NULL = the
     * handler's own */
    const char *code;
};

jh_status outcome_status(jh_class cls);

/* Decides. `before` are the job's counters before this attempt is accounted for, `deadline_ms` the
 * job's deadline (0 = none), `seed` the job's. Rules, in order:
 *   OK wins over every cancel; USER cancel -> CANCEL; over_disk -> class RESOURCE failure, stalled -> class BUG failure, DEADLINE cancel -> class TIMEOUT failure
 *   whatever else was returned; DRAIN cancel -> RELEASE unless the status is OK or FAIL; YIELD ->
 *   PARK (or RELEASE for WAIT_NOW), bounded by JOB_MAX_YIELDS, and woken at the deadline whatever
 *   it waits for; otherwise by class row, attempts against policy->max, and the job's deadline: a
 *   next start that would lie past it -> DIE with code "deadline".
 * The class decides, not the status: FAIL with a class that is retried is retried. A failure
 * without a class is UNKNOWN, and then its status decides. YIELD with class RATE and no wait is
 * what fail() returned: parked until now + retry_after. Crashes are counted by build: under a new
 * one they begin at none. One that was not begun for its steps' or its limiter's sake uses nothing. A crash counts as one whatever cancel was
 * in force, except USER's. A success uses an attempt too. */
struct outcome outcome_decide(const struct attempt_report *report,
                              const struct job_counters *before, const struct retry_policy *policy,
                              int64_t deadline_ms, uint64_t seed, int64_t now_ms);

#endif
