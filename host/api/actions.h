/* Many actions at once, with an end: used by bulk forms and by the DLQ. */
#ifndef JOBHOST_API_ACTIONS_H
#define JOBHOST_API_ACTIONS_H

#include "api/call.h"

struct actions {
    struct call *call;
    enum jobs_action action;
    const char *actor, *why;
    struct jobs_act *acts; /* answers, in the order of the ids */
    size_t count, open;
    void (*done)(struct actions *all, void *arg);
    void *arg;
};

/* Starts `count` actions; `done` is called when the last has been answered, always later. `all` and
 * what it names live until then. */
void actions_run(struct actions *all, const struct job_id *ids, size_t count);

/* {"id", "state"}, or {"id", "error"} of one that was refused. */
void actions_json(struct buf *out, const struct jobs_act *act);

/* Why one action was refused, in the API's terms. */
void actions_problem(const struct jobs_act *act, struct problem *ret);

#endif
