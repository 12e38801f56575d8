#include "store/sqlite/ops.h"

#include <errno.h>

#include "store/events.h"
#include "store/flows.h"
#include "store/limits.h"
#include "store/schedules.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/writer.h"
#include "store/tokens.h"

enum { WRITE_TIMEOUT_MS = 10000, READ_TIMEOUT_MS = 2000 };

struct ops_row {
    enum ops_thread thread;
    int (*write)(struct writer *w, struct store_op *op);
    int (*read)(struct reader *r, struct store_op *op);
};

static const struct ops_row rows[STORE_OP_KINDS] = {
    [STORE_SUBMIT] = {OPS_WRITER, op_submit, NULL},
    [STORE_CLAIM] = {OPS_WRITER, op_claim, NULL},
    [STORE_ADOPT] = {OPS_WRITER, op_adopt, NULL},
    [STORE_START] = {OPS_WRITER, op_start, NULL},
    [STORE_COMMIT] = {OPS_WRITER, op_commit, NULL},
    [STORE_MOVE] = {OPS_WRITER, op_move, NULL},
    [STORE_REMOVE] = {OPS_WRITER, op_remove, NULL},
    [STORE_DUE] = {OPS_WRITER, op_due, NULL},
    [STORE_FORWARD] = {OPS_WRITER, op_forward, NULL},
    [STORE_RECOVER] = {OPS_WRITER, op_recover, NULL},
    [STORE_SWEEP] = {OPS_WRITER, op_sweep, NULL},
    [STORE_GET] = {OPS_READER, NULL, read_get},
    [STORE_LIST] = {OPS_SEARCHER, NULL, read_list},
    [STORE_STEP_GET] = {OPS_READER, NULL, read_step},
    [STORE_RESULT_GET] = {OPS_READER, NULL, read_result},
    [STORE_OUTPUT_GET] = {OPS_READER, NULL, read_output},
    [STORE_STATS] = {OPS_READER, NULL, read_stats},
    [STORE_FSCK] = {OPS_SEARCHER, op_fsck_repair, read_fsck},
    [STORE_BLOB_PUT] = {OPS_BLOBS, op_blob_put, NULL},
    [STORE_BLOB_OPEN] = {OPS_BLOBS, NULL, NULL},
    [STORE_BLOB_KEEP] = {OPS_WRITER, op_blob_keep, NULL},
    [STORE_KV_GET] = {OPS_READER, NULL, read_kv},
    [STORE_KV_CLAIM] = {OPS_WRITER, op_kv_claim, NULL},
    [STORE_QUEUE_SET] = {OPS_WRITER, op_queue_set, NULL},
    [STORE_HOST_LEASE] = {OPS_WRITER, op_host_lease, NULL},
    [STORE_HOST_LIST] = {OPS_READER, NULL, read_hosts},
    [STORE_AUDIT_ADD] = {OPS_WRITER, op_audit_add, NULL},
    [STORE_AUDIT_LIST] = {OPS_SEARCHER, NULL, read_audit},
    [STORE_DEDUP_LIST] = {OPS_SEARCHER, NULL, read_dedup},
    [STORE_DEDUP_RELEASE] = {OPS_WRITER, op_dedup_release, NULL},
    [STORE_SCHEDULE_PUT] = {OPS_WRITER, op_schedule_put, NULL},
    [STORE_SCHEDULE_SET] = {OPS_WRITER, op_schedule_set, NULL},
    [STORE_SCHEDULE_LIST] = {OPS_SEARCHER, NULL, read_schedules},
    [STORE_FIRE] = {OPS_WRITER, op_fire, NULL},
    [STORE_LEDGER_LIST] = {OPS_SEARCHER, NULL, read_ledger},
    [STORE_FLOW_GET] = {OPS_READER, NULL, read_flow},
    [STORE_FLOW_ENDED] = {OPS_SEARCHER, NULL, read_flow_ended},
    [STORE_FLOW_MEMBERS] = {OPS_SEARCHER, NULL, read_flow_members},
    [STORE_FLOW_JOIN] = {OPS_WRITER, op_flow_join, NULL},
    [STORE_FLOW_CANCEL] = {OPS_WRITER, op_flow_cancel, NULL},
    [STORE_EVENT_PUT] = {OPS_WRITER, op_event_put, NULL},
    [STORE_LIMITER] = {OPS_WRITER, op_limiter, NULL},
    [STORE_LIMITER_LIST] = {OPS_SEARCHER, NULL, read_limiters},
    [STORE_BREAKER] = {OPS_WRITER, op_breaker, NULL},
    [STORE_BREAKER_LIST] = {OPS_SEARCHER, NULL, read_breakers},
    [STORE_TOKEN_PUT] = {OPS_WRITER, op_token_put, NULL},
    [STORE_TOKEN_SET] = {OPS_WRITER, op_token_set, NULL},
    [STORE_TOKEN_LIST] = {OPS_READER, NULL, read_tokens},
};

enum ops_thread ops_thread(const struct store_op *op) {
    if ((unsigned)op->kind >= STORE_OP_KINDS) {
        return OPS_NOBODY;
    }
    return rows[op->kind].thread;
}

int64_t ops_deadline(const struct store_op *op) {
    int64_t limit = op->timeout_ms;
    if (limit <= 0) {
        if (op->kind == STORE_FSCK) {
            return INT64_MAX; // as long as it takes
        }
        enum ops_thread thread = ops_thread(op);
        bool reads = thread == OPS_READER || thread == OPS_SEARCHER;
        limit = reads ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS;
    }
    return op->posted_mono_ms + limit;
}

size_t ops_weight(const struct store_op *op) {
    const void *whole = op; // `op` is the first member of all of them
    switch (op->kind) {
    case STORE_SUBMIT: return ((const struct store_submit *)whole)->count + 1;
    case STORE_COMMIT: return ((const struct store_commit *)whole)->count + 1;
    case STORE_START: return ((const struct store_start *)whole)->count + 1;
    case STORE_MOVE: return ((const struct store_move *)whole)->count + 1;
    case STORE_REMOVE: return ((const struct store_remove *)whole)->count + 1;
    case STORE_SCHEDULE_PUT: return ((const struct store_schedule_put *)whole)->count + 1;
    case STORE_EVENT_PUT: return ((const struct store_event_put *)whole)->count + 1;
    case STORE_FIRE: return ((const struct store_fire *)whole)->count + 1;
    case STORE_FLOW_JOIN: return ((const struct store_flow_join *)whole)->count + 1;
    case STORE_TOKEN_SET: return ((const struct store_token_set *)whole)->count + 1;
    case STORE_LIMITER: return ((const struct store_limiter *)whole)->count + 1;
    case STORE_BLOB_KEEP: return ((const struct store_blob_keep *)whole)->count + 1;
    case STORE_DUE: return ((const struct store_due *)whole)->limit + 1;
    case STORE_SWEEP: return ((const struct store_sweep *)whole)->limit + 1;
    default: return 1;
    }
}

int ops_run(struct writer *w, struct store_op *op) {
    return rows[op->kind].write(w, op);
}

int ops_read(struct reader *r, struct store_op *op) {
    int code = op->scope == NULL ? 0 : read_scope(r, op);
    return code < 0 ? code : rows[op->kind].read(r, op);
}
