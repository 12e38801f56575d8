/* What people ask of a schedule: one definition of the API stored or removed, a pause, a run now, times made up for.
 * As in jobs.h nothing here knows HTTP. Each begins with what the store has of it, and ends with a line in the audit
 * log. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_SCHEDULE_ACTS_H
#define JOBHOST_SUPERVISOR_SCHEDULE_ACTS_H

#include "supervisor/jobs.h"
#include "supervisor/schedule_definition.h"

enum { SCHEDULE_BACKFILL_MAX = 1000 }; /* times at once */

enum schedule_action {
    /* One job now, whatever runs, of a paused one too. It is none of the schedule's times. */
    SCHEDULE_ACT_RUN,
    SCHEDULE_ACT_PAUSE,
    SCHEDULE_ACT_RESUME,
    /* Every time of from..to that has no job gets one, oldest first: each once, by the same ledger. They wait for
     * each other unless `overlap` is allow. */
    SCHEDULE_ACT_BACKFILL,
    SCHEDULE_ACT_PUT, /* a new one, or other words for one; not if a file has it */
    SCHEDULE_ACT_REMOVE,
    SCHEDULE_ACT_COUNT
};

struct schedule_act {
    enum schedule_action action;
    const char *id;                               /* all of these are borrowed until done() */
    const char *actor, *why;                      /* for the audit log */
    int64_t from_ms, to_ms;                       /* BACKFILL, both included */
    const struct schedule_definition *definition; /* PUT */
    /* answers: problem.status 0 = it is done; -1 = the store failed, with words in `failure` */
    struct problem problem;
    int store_status;
    struct err failure;
    bool created;                     /* PUT */
    struct job_id job;                /* RUN */
    uint32_t made, existing, refused; /* BACKFILL: times */
    void (*done)(struct schedule_act *act, void *arg);
    void *arg;
};

void schedule_act(struct host *host, struct schedule_act *act);

#endif
