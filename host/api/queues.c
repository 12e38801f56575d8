/* GET /v1/queues. */
#include <string.h>

#include "api/gate_json.h"
#include "api/routes.h"
#include "store/scope.h"

/* ---- the list: queues that hold jobs, and those that the configuration names ---- */

static void add_limits(struct buf *out, const struct config_queue *q) {
    json_kint(out, "concurrency", q->concurrency);
    json_kint(out, "max_jobs", q->max_jobs);
}

/* The pause is the store's, the pace this host's own. */
static void add_pause(struct buf *out, struct host *host, const struct store_queue_stats *q) {
    struct gate_info info;
    gates_info(host, GATE_QUEUE, q->queue, &info);
    info.closed = q->paused;
    info.by = q->paused_by;
    info.why = q->paused_why;
    info.since_ms = q->paused_at_ms;
    info.rate.count = q->paused ? 0 : info.rate.count;
    gate_json_members(out, &info);
}

static void add_queue(struct buf *out, struct host *host, const struct store_queue_stats *q) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", q->queue);
    add_pause(out, host, q);
    json_key(out, "waiting");
    buf_char(out, '{');
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        json_kint(out, priority_name(p), q->waiting[p]);
    }
    buf_char(out, '}');
    json_key(out, "states");
    buf_char(out, '{');
    for (int s = 0; s < JOB_STATE_COUNT; s++) {
        json_kint(out, job_state_name(s), q->by_state[s]);
    }
    buf_char(out, '}');
    json_ktime(out, "oldest_ready_at", q->oldest_ready_ms);
    add_limits(out, config_queue(host->config, q->queue));
    buf_char(out, '}');
}

static bool listed(const struct store_stats *stats, const char *name) {
    for (size_t i = 0; i < stats->queue_count; i++) {
        if (strcmp(stats->queues[i].queue, name) == 0) {
            return true;
        }
    }
    return false;
}

static void add_store(struct buf *out, const struct store_stats *stats) {
    static const char *const budgets[BUDGET_COUNT] = {"jobs", "results", "kv", "blobs"};
    json_key(out, "store");
    buf_char(out, '{');
    json_key(out, "bytes");
    buf_char(out, '{');
    for (size_t i = 0; i < BUDGET_COUNT; i++) {
        json_kint(out, budgets[i], (int64_t)stats->bytes[i]);
    }
    buf_char(out, '}');
    json_kint(out, "disk_bytes", (int64_t)stats->disk_bytes);
    json_kint(out, "outbox", stats->outbox);
    json_ktime(out, "next_due_at", stats->next_due_ms);
    buf_char(out, '}');
}

static void counted(struct store_op *op) {
    struct call *call = op->arg;
    struct store_stats *stats = CONTAINER_OF(op, struct store_stats, op);
    const struct config *c = call->host->config;
    struct buf out = {0};
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    buf_str(&out, "{\"items\":[");
    for (size_t i = 0; i < stats->queue_count; i++) {
        add_queue(&out, call->host, &stats->queues[i]);
    }
    for (size_t i = 0; i < c->queue_count; i++) {
        const char *name = c->queues[i].entry.name;
        if (!listed(stats, name) && store_scope_has(call->bound, name, NULL)) {
            add_queue(&out, call->host, &(struct store_queue_stats){.queue = name});
        }
    }
    buf_char(&out, ']');
    if (call->bound == NULL) {
        add_store(&out, stats);
    }
    buf_char(&out, '}');
    store_op_finish(op);
    call_reply(call, 200, &out);
}

void queues_list_handle(struct call *call) {
    struct store_stats *stats = CALL_NEW(call, struct store_stats);
    if (stats != NULL) {
        call_op(call, &stats->op, STORE_STATS, counted);
        store_post(&call->host->store, &stats->op);
    }
}
