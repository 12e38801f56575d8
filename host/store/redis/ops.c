#include "store/redis/ops.h"

#include "store/store.h"

static const struct redis_op_kind *const kinds[STORE_OP_KINDS] = {
    [STORE_SUBMIT] = &redis_submit,
    [STORE_CLAIM] = &redis_claim,
    [STORE_ADOPT] = &redis_adopt,
    [STORE_START] = &redis_start,
    [STORE_COMMIT] = &redis_commit,
    [STORE_MOVE] = &redis_move,
    [STORE_REMOVE] = &redis_remove,
    [STORE_DUE] = &redis_due,
    [STORE_RECOVER] = &redis_recover,
    [STORE_FORWARD] = &redis_forward,
    [STORE_SWEEP] = &redis_sweep,
    [STORE_DEDUP_RELEASE] = &redis_dedup_release,
    [STORE_SCHEDULE_PUT] = &redis_schedule_put,
    [STORE_SCHEDULE_SET] = &redis_schedule_set,
    [STORE_SCHEDULE_LIST] = &redis_schedule_list,
    [STORE_FIRE] = &redis_fire,
    [STORE_LEDGER_LIST] = &redis_ledger_list,
    [STORE_FLOW_GET] = &redis_flow_get,
    [STORE_FLOW_ENDED] = &redis_flow_ended,
    [STORE_FLOW_MEMBERS] = &redis_flow_members,
    [STORE_FLOW_JOIN] = &redis_flow_join,
    [STORE_FLOW_CANCEL] = &redis_flow_cancel,
    [STORE_LIMITER] = &redis_limiter,
    [STORE_LIMITER_LIST] = &redis_limiter_list,
    [STORE_BREAKER] = &redis_breaker,
    [STORE_BREAKER_LIST] = &redis_breaker_list,
    [STORE_GET] = &redis_get,
    [STORE_LIST] = &redis_list,
    [STORE_STATS] = &redis_stats,
    [STORE_QUEUE_SET] = &redis_queue_set,
    [STORE_HOST_LEASE] = &redis_host_lease,
    [STORE_FSCK] = &redis_fsck_kind,
    [STORE_HOST_LIST] = &redis_host_list,
    [STORE_AUDIT_ADD] = &redis_audit_add,
    [STORE_AUDIT_LIST] = &redis_audit_list,
    [STORE_DEDUP_LIST] = &redis_dedup_list,
    [STORE_STEP_GET] = &redis_step_get,
    [STORE_RESULT_GET] = &redis_result_get,
    [STORE_OUTPUT_GET] = &redis_output_get,
    [STORE_BLOB_PUT] = &redis_blob_put,
    [STORE_BLOB_OPEN] = &redis_blob_open,
    [STORE_BLOB_KEEP] = &redis_blob_keep,
    [STORE_KV_GET] = &redis_kv_get,
    [STORE_KV_CLAIM] = &redis_kv_claim,
};

const struct redis_op_kind *redis_kind_of(const struct store_op *op) {
    return op->kind < STORE_OP_KINDS ? kinds[op->kind] : NULL;
}
