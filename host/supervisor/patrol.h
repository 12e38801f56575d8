/* Looks through the jobs of a list, fifty a second, and acts upon those that are due, as an operator would do it: audited,
 * and only if they are still as they were when somebody judged them.
 *
 *     patrol_go ─▶ a page ─▶ judge() each ─▶ jobs_act() ─▶ a second later the next page ─▶ ended()
 *                    ▲ the store is away: the same page again
 *
 * A patrol that the host's end cuts short is told nothing. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_PATROL_H
#define JOBHOST_SUPERVISOR_PATROL_H

#include "base/timer.h"
#include "supervisor/jobs.h"

enum { PATROL_PER_S = 50, PATROL_WHY_MAX = 320 };

struct patrol {
    struct host *host;
    /* Is it due? Then `act` is filled in but for what every act has, and `why` for the audit log. */
    bool (*judge)(struct patrol *p, const struct store_job *job, struct jobs_act *act,
                  char why[PATROL_WHY_MAX]);
    /* The list is at its end; so many have been acted upon. Another one may be begun. */
    void (*ended)(struct patrol *p, uint64_t acted);
    /* the rest is private */
    struct store_filter filter;
    struct store_list list;
    struct jobs_act acts[PATROL_PER_S];
    char why[PATROL_PER_S][PATROL_WHY_MAX];
    unsigned open; /* acts not answered */
    uint64_t acted;
    char *cursor;
    struct timer timer;
};

/* host, judge and ended are set. */
void patrol_init(struct patrol *p);
/* When the store is closed. */
void patrol_finish(struct patrol *p);

/* Begins with a list, after `pause_ms`; texts of the filter stay until its end. */
void patrol_go(struct patrol *p, const struct store_filter *filter, int64_t pause_ms);

#endif
