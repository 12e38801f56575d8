/* Why does it not run? The dispatcher's own reasons, for a job or a queue. */
#include <errno.h>
#include <string.h>

#include "api/job_json.h"
#include "api/routes.h"
#include "store/flows.h"
#include "store/schedules.h"

enum { REASONS_MAX = 16, MEMBERS_LOOKED_AT = 200 };

struct explain {
    struct store_get get;
    struct store_schedule_list schedule; /* of one that waits for another of its schedule */
    struct store_flow_get flow;          /* of one that waits for its children */
    struct store_flow_members members;
    struct jobs_awaited awaited;
    struct store_stats stats;
    const char *queue;
};

static void add_reasons(struct buf *out, const struct reason *reasons, unsigned count) {
    json_key(out, "reasons");
    buf_char(out, '[');
    for (unsigned i = 0; i < count && i < REASONS_MAX; i++) {
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "code", reason_code_name(reasons[i].code));
        json_kstr(out, "detail", reasons[i].detail);
        json_ktime(out, "clears_at", reasons[i].clears_at_ms);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

static const struct store_stats *known(const struct explain *x) {
    return x->stats.op.status == 0 ? &x->stats
                                   : NULL; // without them nothing is said about who goes first
}

/* ---- a job ---- */

static void job_counted(struct store_op *op) {
    struct call *call = op->arg;
    struct explain *x = CONTAINER_OF(op, struct explain, stats.op);
    struct reason reasons[REASONS_MAX];
    struct buf out = {0};
    unsigned count =
        jobs_explain(call->host, &x->get.job, &x->awaited, known(x), reasons, REASONS_MAX);
    buf_char(&out, '{');
    job_json_id(&out, "job", &x->get.id);
    json_kstr(&out, "state", job_state_name((int)x->get.job.state));
    add_reasons(&out, reasons, count);
    buf_char(&out, '}');
    store_op_finish(&x->get.op);
    store_op_finish(op);
    call_reply(call, 200, &out);
}

static void count_jobs(struct explain *x, struct call *call) {
    call_op(call, &x->stats.op, STORE_STATS, job_counted);
    store_post(&call->host->store, &x->stats.op);
}

static void got_schedule(struct store_op *op) {
    struct explain *x = CONTAINER_OF(op, struct explain, schedule.op);
    if (op->status == 0) {
        x->awaited.job = x->schedule.schedules[0].job;
    }
    store_op_finish(op);
    count_jobs(x, op->arg);
}

// Those made last begin last, so that is where one is open, as a rule.
static void got_members(struct store_op *op) {
    struct explain *x = CONTAINER_OF(op, struct explain, members.op);
    size_t i = 0, count = op->status == 0 ? x->members.count : 0;
    while (i < count && job_is_final(x->members.members[i].state)) {
        i++;
    }
    if (i < count) {
        x->awaited.job = x->members.members[i].id;
    }
    store_op_finish(op);
    count_jobs(x, op->arg);
}

static void got_flow(struct store_op *op) {
    struct call *call = op->arg;
    struct explain *x = CONTAINER_OF(op, struct explain, flow.op);
    if (op->status != 0) {
        store_op_finish(op);
        count_jobs(x, call);
        return;
    }
    x->awaited.children = x->flow.flow.facts.tally.made;
    x->awaited.open = flow_open_count(&x->flow.flow.facts.tally);
    store_op_finish(op);
    x->members.id = x->get.id;
    x->members.limit = MEMBERS_LOOKED_AT;
    call_op(call, &x->members.op, STORE_FLOW_MEMBERS, got_members);
    store_post(&call->host->store, &x->members.op);
}

static void got_job(struct store_op *op) {
    struct call *call = op->arg;
    struct explain *x = CONTAINER_OF(op, struct explain, get.op);
    if (op->status == -ENOENT) {
        store_op_finish(op);
        call_error(call, 404, "job_not_found", "id", "there is no job with this id");
        return;
    }
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    if (x->get.job.park == PARK_SCHEDULE) {
        x->schedule.id = x->get.job.spec.schedule;
        x->schedule.limit = 1;
        call_op(call, &x->schedule.op, STORE_SCHEDULE_LIST, got_schedule);
        store_post(&call->host->store, &x->schedule.op);
    } else if (x->get.job.park == PARK_CHILDREN) {
        x->flow.id = x->get.id;
        call_op(call, &x->flow.op, STORE_FLOW_GET, got_flow);
        store_post(&call->host->store, &x->flow.op);
    } else {
        count_jobs(x, call);
    }
}

void explain_job_handle(struct call *call) {
    struct explain *x = CALL_NEW(call, struct explain);
    if (x == NULL || !call_job_id(call, 0, &x->get.id)) {
        return;
    }
    call_op(call, &x->get.op, STORE_GET, got_job);
    store_post(&call->host->store, &x->get.op);
}

/* ---- a queue ---- */

/* A queue comes into being with its first job, so a name that is mistyped looks like a queue that
 * waits for nothing. */
static bool queue_is_known(const struct explain *x, const struct config *c) {
    const struct store_stats *stats = known(x);
    if (stats == NULL || config_queue(c, x->queue) != &c->queue_default) {
        return true;
    }
    for (size_t i = 0; i < stats->queue_count; i++) {
        if (strcmp(stats->queues[i].queue, x->queue) == 0) {
            return true;
        }
    }
    return false;
}

static void queue_counted(struct store_op *op) {
    struct call *call = op->arg;
    struct explain *x = CONTAINER_OF(op, struct explain, stats.op);
    struct reason reasons[REASONS_MAX];
    struct buf out = {0};
    unsigned count = jobs_explain_queue(call->host, x->queue, known(x), reasons, REASONS_MAX);
    buf_char(&out, '{');
    json_kstr(&out, "queue", x->queue);
    json_kbool(&out, "known", queue_is_known(x, call->host->config));
    add_reasons(&out, reasons, count);
    buf_char(&out, '}');
    store_op_finish(op);
    call_reply(call, 200, &out);
}

void explain_queue_handle(struct call *call) {
    struct err e;
    if (job_check_queue(call->param[0], &e) != 0) {
        call_error(call, 400, "bad_queue", "queue", e.msg);
        return;
    }
    struct explain *x = CALL_NEW(call, struct explain);
    if (x == NULL) {
        return;
    }
    x->queue = call->param[0];
    call_op(call, &x->stats.op, STORE_STATS, queue_counted);
    store_post(&call->host->store, &x->stats.op);
}
