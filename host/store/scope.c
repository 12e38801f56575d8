#include "store/scope.h"

#include <errno.h>
#include <string.h>

#include "store/events.h"
#include "store/flows.h"

static bool has_queue(const char *queues, const char *queue) {
    size_t len = strlen(queue);
    for (const char *at = queues; *at != '\0';) {
        size_t n = strcspn(at, ",");
        if (n == len && memcmp(at, queue, len) == 0) {
            return true;
        }
        at += n + (at[n] == ',');
    }
    return false;
}

bool store_scope_has(const struct store_scope *scope, const char *queue, const char *tenant) {
    return scope == NULL ||
           ((scope->tenant == NULL || (tenant != NULL && strcmp(scope->tenant, tenant) == 0)) &&
            (scope->queues == NULL || (queue != NULL && has_queue(scope->queues, queue))));
}

bool store_scope_has_job(const struct store_scope *scope, const struct job_spec *spec) {
    return store_scope_has(scope, spec->queue, spec->tenant);
}

static bool has_items(const struct store_op *op, const struct store_submit_item *items,
                      size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!store_scope_has_job(op->scope, items[i].spec)) {
            return false;
        }
    }
    return true;
}

static bool has_events(const struct store_event_put *put) {
    const struct store_scope *scope = put->op.scope;
    for (size_t i = 0; i < put->count; i++) {
        if (!store_scope_has(scope, NULL, put->items[i].event.tenant)) {
            return false;
        }
    }
    return true;
}

static bool allows(const struct store_op *op) {
    const void *whole = op; // `op` is the first member of all of them
    const struct store_scope *scope = op->scope;
    switch (op->kind) {
    case STORE_GET:
    case STORE_LIST:
    case STORE_STEP_GET:
    case STORE_RESULT_GET:
    case STORE_OUTPUT_GET:
    case STORE_FLOW_GET:
    case STORE_FLOW_ENDED:
    case STORE_FLOW_MEMBERS:
    case STORE_MOVE:
    case STORE_REMOVE: return true;
    case STORE_SUBMIT: {
        const struct store_submit *submit = whole;
        return has_items(op, submit->items, submit->count);
    }
    case STORE_FLOW_JOIN: {
        const struct store_flow_join *join = whole;
        return has_items(op, join->items, join->count);
    }
    case STORE_EVENT_PUT: return has_events(whole);
    case STORE_STATS: return scope->tenant == NULL;
    case STORE_QUEUE_SET:
        return store_scope_has(scope, ((const struct store_queue_set *)whole)->queue, NULL);
    case STORE_BLOB_PUT: return ((const struct store_blob_put *)whole)->for_submit;
    default: return false;
    }
}

int store_scope_check(struct store_op *op) {
    return op->scope == NULL || allows(op)
               ? 0
               : err_set(&op->err, -EACCES,
                         "it is about more than the jobs of one tenant or queue");
}

const struct job_id *store_scope_job(const struct store_op *op) {
    const void *whole = op;
    switch (op->kind) {
    case STORE_GET: return &((const struct store_get *)whole)->id;
    case STORE_STEP_GET: return &((const struct store_step_get *)whole)->id;
    case STORE_RESULT_GET: return &((const struct store_result_get *)whole)->id;
    case STORE_OUTPUT_GET: return &((const struct store_output_get *)whole)->id;
    case STORE_FLOW_GET: return &((const struct store_flow_get *)whole)->id;
    case STORE_FLOW_ENDED: return &((const struct store_flow_ended *)whole)->id;
    case STORE_FLOW_MEMBERS: return &((const struct store_flow_members *)whole)->id;
    default: return NULL;
    }
}

static void answer_get(struct store_get *get) {
    if (!store_scope_has_job(get->op.scope, &get->job.spec)) {
        get->op.status = err_set(&get->op.err, -ENOENT, "the job is not in the store");
        get->job = (struct store_job){.rev = 0};
    }
    get->job.winner = (struct job_id){{0}};
}

static void answer_list(struct store_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        list->jobs[i].winner = (struct job_id){{0}};
    }
}

static void answer_stats(struct store_stats *stats) {
    const struct store_scope *scope = stats->op.scope;
    size_t queues = 0, lanes = 0;
    for (size_t i = 0; i < stats->queue_count; i++) {
        if (store_scope_has(scope, stats->queues[i].queue, NULL)) {
            stats->queues[queues++] = stats->queues[i];
        }
    }
    for (size_t i = 0; i < stats->lane_count; i++) {
        if (store_scope_has(scope, stats->lanes[i].lane.queue, NULL)) {
            stats->lanes[lanes++] = stats->lanes[i];
        }
    }
    stats->queue_count = queues;
    stats->lane_count = lanes;
    stats->outbox = stats->next_due_ms = 0;
    stats->disk_bytes = 0;
    memset(stats->bytes, 0, sizeof stats->bytes);
}

void store_scope_answer(struct store_op *op) {
    void *whole = op;
    if (op->scope == NULL || op->status != 0) {
        return;
    }
    switch (op->kind) {
    case STORE_GET: answer_get(whole); break;
    case STORE_LIST: answer_list(whole); break;
    case STORE_STATS: answer_stats(whole); break;
    default: break;
    }
}
