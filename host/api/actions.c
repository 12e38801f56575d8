/* POST /v1/jobs/{id}/cancel|retry|promote, their bulk forms, and DELETE /v1/jobs/{id}. */
#include "api/actions.h"

#include <errno.h>
#include <stdio.h>

#include "api/bulk.h"
#include "api/input.h"
#include "api/job_json.h"
#include "api/routes.h"

static const char *const names[] = {
    [JOBS_CANCEL] = "cancel",   [JOBS_RETRY] = "retry", [JOBS_RESTART] = "restart",
    [JOBS_PROMOTE] = "promote", [JOBS_WAKE] = "wake",   [JOBS_BURY] = "bury",
    [JOBS_REMOVE] = "remove",
};

void actions_problem(const struct jobs_act *act, struct problem *ret) {
    const char *name = names[act->action];
    switch (act->status) {
    case -ENOENT:
        *ret = (struct problem){.status = 404, .code = "job_not_found"};
        (void)snprintf(ret->message, sizeof ret->message, "there is no job with this id");
        break;
    case -EBUSY:
        *ret = (struct problem){.status = 409, .code = "job_busy"};
        (void)snprintf(ret->message, sizeof ret->message, "cannot %s it: the job is %s", name,
                       act->action == JOBS_REMOVE ? "not finished" : "running");
        break;
    case -EINVAL:
        *ret = (struct problem){.status = 409, .code = "wrong_state"};
        (void)snprintf(ret->message, sizeof ret->message, "cannot %s a job that is %s", name,
                       job_state_name((int)act->state));
        break;
    case -ESTALE:
        *ret = (struct problem){.status = 409, .code = "job_changed"};
        (void)snprintf(ret->message, sizeof ret->message,
                       "cannot %s it: the job has changed meanwhile", name);
        break;
    case -EAGAIN:
        *ret = (struct problem){.status = 503, .code = "store_away"};
        (void)snprintf(ret->message, sizeof ret->message,
                       "cannot %s it yet: the job is on this host only, until the store can be "
                       "reached and has room for it",
                       name);
        break;
    default: call_store_problem(act->status, NULL, ret);
    }
}

void actions_json(struct buf *out, const struct jobs_act *act) {
    struct problem problem;
    buf_char(out, '{');
    job_json_id(out, "id", &act->id);
    if (act->status != 0) {
        actions_problem(act, &problem);
        problem_json(out, &problem);
    } else if (act->action == JOBS_REMOVE) {
        json_kbool(out, "removed", true);
    } else {
        json_kstr(out, "state", job_state_name((int)act->state));
        if (act->pending) {
            json_kbool(out, "pending", true);
        }
    }
    buf_char(out, '}');
}

static void acted(struct jobs_act *act, void *arg) {
    (void)act;
    struct actions *all = arg;
    if (--all->open == 0) {
        all->done(all, all->arg);
    }
}

void actions_run(struct actions *all, const struct job_id *ids, size_t count) {
    all->count = count;
    all->open = count;
    for (size_t i = 0; i < count; i++) {
        all->acts[i] = (struct jobs_act){.action = all->action,
                                         .id = ids[i],
                                         .actor = all->actor,
                                         .scope = all->call->bound,
                                         .why = all->why,
                                         .done = acted,
                                         .arg = all};
        jobs_act(all->call->host, &all->acts[i]);
    }
}

/* ---- one ---- */

static void one_done(struct actions *all, void *arg) {
    (void)arg;
    struct problem problem;
    struct buf out = {0};
    if (all->acts[0].status != 0) {
        actions_problem(&all->acts[0], &problem);
        call_problem(all->call, &problem);
        return;
    }
    actions_json(&out, &all->acts[0]);
    call_reply(all->call, 200, &out);
}

static struct actions *new_actions(struct call *call, enum jobs_action action, size_t count) {
    struct actions *all = CALL_NEW(call, struct actions);
    if (all == NULL) {
        return NULL;
    }
    all->acts = call_alloc(call, count * sizeof *all->acts);
    all->call = call;
    all->action = action;
    all->actor = call_actor(call);
    return all->acts == NULL ? NULL : all;
}

static void act_on_one(struct call *call, enum jobs_action action) {
    struct job_id id;
    bool restart = false;
    const char *why = request_query(call->req, "why"); // DELETE has no body
    const struct input_field fields[] = {{"why", INPUT_WHY, &why},
                                         {"restart", INPUT_BOOL, &restart}};
    size_t count = ARRAY_LEN(fields) - (action != JOBS_RETRY);
    if (!call_job_id(call, 0, &id) || !input_why_fits(call, why) ||
        (action != JOBS_REMOVE && !input_read(call, fields, count))) {
        return;
    }
    action = restart ? JOBS_RESTART : action;
    struct actions *all = new_actions(call, action, 1);
    if (all != NULL) {
        all->why = why;
        all->done = one_done;
        actions_run(all, &id, 1);
    }
}

void action_cancel_handle(struct call *call) {
    act_on_one(call, JOBS_CANCEL);
}

void action_retry_handle(struct call *call) {
    act_on_one(call, JOBS_RETRY);
}

void action_promote_handle(struct call *call) {
    act_on_one(call, JOBS_PROMOTE);
}

void action_remove_handle(struct call *call) {
    act_on_one(call, JOBS_REMOVE);
}

/* ---- many ---- */

static const enum job_state waiting_first[] = {JOB_SCHEDULED, JOB_PARKED, JOB_QUEUED, JOB_RUNNING};
static const enum job_state revivable[] = {JOB_DEAD, JOB_CANCELLED};
static const enum job_state scheduled[] = {JOB_SCHEDULED};
static const enum job_state final[] = {JOB_SUCCEEDED, JOB_DEAD, JOB_CANCELLED, JOB_DUPLICATE};

void action_bulk_cancel_handle(struct call *call) {
    static const struct bulk kind = {.action = JOBS_CANCEL,
                                     .states = waiting_first,
                                     .state_count = ARRAY_LEN(waiting_first),
                                     .all_words = "every job that has not ended"};
    bulk_handle(call, &kind);
}

void action_bulk_retry_handle(struct call *call) {
    static const struct bulk kind = {.action = JOBS_RETRY,
                                     .states = revivable,
                                     .state_count = ARRAY_LEN(revivable),
                                     .takes_restart = true,
                                     .all_words = "every dead or cancelled job"};
    bulk_handle(call, &kind);
}

void action_bulk_promote_handle(struct call *call) {
    static const struct bulk kind = {.action = JOBS_PROMOTE,
                                     .states = scheduled,
                                     .state_count = ARRAY_LEN(scheduled),
                                     .all_words = "every scheduled job"};
    bulk_handle(call, &kind);
}

void action_bulk_remove_handle(struct call *call) {
    static const struct bulk kind = {.action = JOBS_REMOVE,
                                     .states = final,
                                     .state_count = ARRAY_LEN(final),
                                     .all_words = "every job that has ended"};
    bulk_handle(call, &kind);
}
