#include "supervisor/jobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "jobhost_plugin.h"
#include "store/flows.h"
#include "supervisor/audit.h"
#include "supervisor/commits.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/hub.h"
#include "supervisor/lane.h"
#include "supervisor/pool_private.h"
#include "supervisor/upkeep.h"

// What their queues say, and who is to look for them.
static void submit_prepare(struct host *host, struct store_submit_item *items, size_t count) {
    const struct lane *last = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct job_spec *spec = items[i].spec;
        const struct config_queue *queue = config_queue(host->config, spec->queue);
        items[i].max_waiting = queue->max_jobs;
        items[i].keep_ms = queue->ttl_ms;
        if (last != NULL && strcmp(last->type, spec->type) == 0 &&
            strcmp(last->queue->name, spec->queue) == 0) {
            continue;
        }
        // one that is new is made when the store has accepted its first job and says so
        struct lane *lane = lane_find(host, spec->queue, spec->type);
        if (lane != NULL) {
            lane_signal(lane);
            last = lane;
        }
    }
}

static void submit_post(struct host *host, struct store_op *op, enum store_op_kind kind) {
    op->kind = kind;
    op->now_ms = env_wall_ms(&host->env);
    (void)fault(FAULT_SUBMIT_BEFORE_STORE);
    shed_posted(&host->shed);
    store_post(&host->store, op);
    dispatch_run(host); // its claim lands in the same group, so a lone job costs one commit
}

void jobs_submit(struct host *host, struct store_submit *submit) {
    submit_prepare(host, submit->items, submit->count);
    submit_post(host, &submit->op, STORE_SUBMIT);
}

void jobs_join(struct host *host, struct store_flow_join *join) {
    submit_prepare(host, join->items, join->count);
    submit_post(host, &join->op, STORE_FLOW_JOIN);
}

int jobs_check_load(struct host *host, struct problem *ret) {
    if (!shed_refuses(&host->shed)) {
        return 0;
    }
    *ret = (struct problem){
        .status = 503,
        .code = "overloaded",
        .message = "the store cannot keep up with what it was given; try again in a moment"};
    host->stats->shed++;
    return -EAGAIN;
}

/* ------------------------------------------------------------------ actions */

struct act {
    union {
        struct store_op op;
        struct store_get get;
        struct store_move move;
        struct store_remove remove;
    } u;
    struct store_audit_add audit;
    struct store_move_item item;
    int remove_status;
    struct host *host;
    struct jobs_act *act;
    char target[JOB_ID_TEXT + 1];
    bool flows; /* it has made others, which may be members of its flow, or is a member itself */
};

static const struct {
    const char *name;
    enum job_event event;
} act_rows[] = {
    [JOBS_CANCEL] = {"job.cancel", JOB_EV_CANCEL},
    [JOBS_RETRY] = {"job.retry", JOB_EV_REVIVE},
    [JOBS_RESTART] = {"job.restart", JOB_EV_REVIVE},
    [JOBS_PROMOTE] = {"job.promote", JOB_EV_PROMOTE},
    [JOBS_WAKE] = {"job.wake", JOB_EV_WAKE},
    [JOBS_BURY] = {"job.bury", JOB_EV_DIE},
    [JOBS_REMOVE] = {"job.remove", JOB_EV_NONE},
};

static void act_answer(struct act *x) {
    struct jobs_act *act = x->act;
    store_op_finish(&x->u.op);
    store_op_finish(&x->audit.op);
    free(x);
    act->done(act, act->arg);
}

static void act_audited(struct store_op *op) {
    act_answer(op->arg);
}

// A refused action is not audited.
static void act_finish(struct act *x) {
    struct jobs_act *act = x->act;
    if (act->status != 0) {
        act_answer(x);
        return;
    }
    id_format(&act->id, x->target);
    const struct store_audit entry = {.actor = act->actor,
                                      .action = act_rows[act->action].name,
                                      .target = x->target,
                                      .detail = act->why};
    audit_add(x->host, &x->audit, entry, act_audited, x);
}

bool jobs_ask_to_end(struct host *host, const struct job_id *id) {
    struct attempt *a = attempt_find(host, id);
    if (a == NULL || a->concluded) {
        return false;
    }
    attempt_cancel_by_user(a);
    return true;
}

void jobs_replaced(struct host *host, const struct store_submit *submit) {
    for (size_t i = 0; i < submit->count; i++) {
        const struct store_submit_item *item = &submit->items[i];
        if (id_is_zero(&item->replaced)) {
            continue;
        }
        if (item->replaced_state == JOB_RUNNING) {
            (void)jobs_ask_to_end(host, &item->replaced);
        } else {
            hub_publish(host->hub, &(struct hub_event){.kind = HUB_STATE,
                                                       .id = item->replaced,
                                                       .at_ms = env_wall_ms(&host->env),
                                                       .state = item->replaced_state});
        }
    }
    if (submit->outbox) {
        upkeep_forward(host); // members of those
    }
}

static void act_moved(struct store_op *op) {
    struct act *x = op->arg;
    struct host *host = x->host;
    struct jobs_act *act = x->act;
    act->status = op->status != 0 ? op->status : x->item.status;
    act->state = x->item.state;
    if (act->action == JOBS_CANCEL && op->status != 0 && jobs_ask_to_end(host, &act->id)) {
        act->status = 0; // perhaps it is this job that has filled the disk
        act->state = JOB_RUNNING;
        act->pending = true;
    } else if (act->action == JOBS_CANCEL && act->status == 0 && act->state == JOB_RUNNING) {
        (void)jobs_ask_to_end(host, &act->id);
        act->pending = true;
    } else if (act->status == 0) {
        hub_publish(host->hub, &(struct hub_event){.kind = HUB_STATE,
                                                   .id = act->id,
                                                   .at_ms = env_wall_ms(&host->env),
                                                   .state = act->state});
    }
    if (act->status == 0 && (act->action == JOBS_BURY || x->flows)) {
        upkeep_forward(host); // its members, the others of its flow, or it itself
    }
    act_finish(x);
}

static void act_removed(struct store_op *op) {
    struct act *x = op->arg;
    x->act->status = op->status != 0 ? op->status : x->remove_status;
    act_finish(x);
}

static void act_post(struct act *x) {
    x->u.op.arg = x;
    x->u.op.now_ms = env_wall_ms(&x->host->env);
    x->u.op.scope = x->act->scope;
    store_post(&x->host->store, &x->u.op);
}

/* A revived job has as long again as it had at first. */
static int64_t act_renew(int64_t end_ms, int64_t created_ms, int64_t now_ms) {
    return end_ms == 0 ? 0 : now_ms + (end_ms - created_ms);
}

/* It waits for code that resumes its steps, and so for nothing that would come otherwise. */
static bool act_is_skewed(const struct store_job *job) {
    return job->state == JOB_PARKED &&
           (job->park == PARK_STATE_VERSION || job->park == PARK_PIN_UNAVAILABLE);
}

static const struct job_error act_no_handler = {.cls = JH_E_PERMANENT,
                                                .code = "no_handler",
                                                .message = "no loaded plugin has a handler for it"};

/* `job` is what the store said of it, NULL when that does not matter. */
static void act_move(struct act *x, const struct store_job *job) {
    struct host *host = x->host;
    bool wakes = job != NULL && x->act->action == JOBS_RESTART && act_is_skewed(job);
    x->item = (struct store_move_item){
        .id = x->act->id,
        .event = wakes ? JOB_EV_WAKE : act_rows[x->act->action].event,
        .rev = wakes ? job->rev : x->act->rev,
        .ask = true,
        .reset_counters = x->act->action == JOBS_RETRY || x->act->action == JOBS_RESTART,
        .drop_steps = x->act->action == JOBS_RESTART,
        .error = x->act->action == JOBS_BURY ? &act_no_handler : NULL,
        .keep_ms = x->act->keep_ms,
    };
    if (job != NULL) {
        int64_t now = env_wall_ms(&host->env);
        x->item.keep_ms = config_queue(host->config, job->spec.queue)->ttl_ms;
        x->item.deadline_ms = act_renew(job->spec.deadline_ms, job->created_ms, now);
        x->item.expires_ms = act_renew(job->spec.expires_ms, job->created_ms, now);
    }
    store_op_finish(&x->u.op);
    x->u.move = (struct store_move){
        .op = {.kind = STORE_MOVE, .done = act_moved}, .items = &x->item, .count = 1};
    act_post(x);
}

static void act_found(struct store_op *op) {
    struct act *x = op->arg;
    if (op->status != 0) {
        x->act->status = op->status;
        act_finish(x);
        return;
    }
    struct store_job job = x->u.get.job;
    if (job.spooled) {
        x->act->status = -EAGAIN;
        act_finish(x);
        return;
    }
    x->flows = job.has_flow || store_flow_has(&job.spec);
    act_move(x, &job);
}

static void act_begin(struct act *x) {
    struct jobs_act *act = x->act;
    if (act->action == JOBS_CANCEL || act->action == JOBS_RETRY || act->action == JOBS_RESTART) {
        x->u.get = (struct store_get){.op = {.kind = STORE_GET, .done = act_found}, .id = act->id};
        act_post(x);
    } else if (act->action == JOBS_REMOVE) {
        x->u.remove = (struct store_remove){.op = {.kind = STORE_REMOVE, .done = act_removed},
                                            .ids = &act->id,
                                            .status = &x->remove_status,
                                            .count = 1};
        act_post(x);
    } else {
        act_move(x, NULL);
    }
}

void jobs_act(struct host *host, struct jobs_act *act) {
    struct act *x = calloc(1, sizeof *x);
    act->pending = false;
    if (x == NULL) {
        act->status = -ENOMEM;
        act->done(act, act->arg);
        return;
    }
    x->host = host;
    x->act = act;
    act_begin(x);
}

/* ------------------------------------------------------------------ what runs here */

uint32_t jobs_in_hand(const struct host *host) {
    return dispatch_in_hand(host);
}

bool jobs_live(struct host *host, const struct job_id *id, struct job_live *ret) {
    const struct attempt *a = attempt_find(host, id);
    if (a == NULL || a->concluded) {
        return false;
    }
    *ret = (struct job_live){
        .pid = a->pid,
        .plugin = a->pool == NULL ? NULL : a->pool->config->entry.name,
        .build = a->pool == NULL ? NULL : a->pool->build,
        .started_ms = a->started_wall_ms,
        .progress = a->progress,
        .log_tail = buf_bytes(&a->log),
        .cancel_mask = a->cancel_mask,
    };
    int64_t since;
    if (a->worker != NULL && worker_is_running(a->worker, a, &since)) {
        if (ret->started_ms == 0) {
            ret->started_ms = env_wall_ms(&host->env) - (env_mono_ms(&host->env) - since);
        }
        ret->timeout_at_ms =
            a->job->spec.timeout_ms == 0 ? 0 : ret->started_ms + a->job->spec.timeout_ms;
    }
    return true;
}
