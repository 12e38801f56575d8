/* One action on many jobs at once: on those of a list of ids, on those that a filter finds, or on all that it makes
 * sense for.
 *
 *     {"ids": [...]} | {"filter": {...}} | {"all": true}    with "why", "dry_run", "restart"
 *
 * A filter is worked through page by page: list, act on the page, next. The cursor moves towards older jobs, so what
 * comes meanwhile is left alone, and the walk ends. The answer comes when all has been done. */
#ifndef JOBHOST_API_BULK_H
#define JOBHOST_API_BULK_H

#include "api/call.h"

struct bulk {
    enum jobs_action action;
    /* In which states a filter looks, one walk after the other; a job that the action moves on is to be found by no
     * later walk. */
    const enum job_state *states;
    size_t state_count;
    /* Ids are held to these states, too, and answered with counts as filters are; otherwise each id has an answer of
     * its own. */
    bool only_these;
    const char *unfit_words; /* only_these: "it is no dead letter" */
    bool takes_restart;
    const char *all_words; /* who means them all says "all": true, "to mean every dead job" */
};

/* `kind` outlives the call. */
void bulk_handle(struct call *call, const struct bulk *kind);

#endif
