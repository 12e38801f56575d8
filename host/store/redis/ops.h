/* The operations of the Redis store: one file each, named after what it does. */
#ifndef JOBHOST_STORE_REDIS_OPS_H
#define JOBHOST_STORE_REDIS_OPS_H

#include "store/redis/task.h"

extern const struct redis_op_kind redis_submit, redis_commit, redis_move, redis_remove;
extern const struct redis_op_kind redis_forward, redis_sweep, redis_dedup_release;
extern const struct redis_op_kind redis_audit_add;
extern const struct redis_op_kind redis_claim, redis_start, redis_due, redis_recover;
extern const struct redis_op_kind redis_host_lease, redis_queue_set;
extern const struct redis_op_kind redis_blob_put, redis_blob_open, redis_blob_keep;
extern const struct redis_op_kind redis_kv_get, redis_kv_claim;

extern const struct redis_op_kind redis_event_put;
extern const struct redis_op_kind redis_schedule_put, redis_schedule_set, redis_fire;
extern const struct redis_op_kind redis_limiter, redis_flow_join, redis_flow_cancel;
extern const struct redis_op_kind redis_breaker, redis_token_put, redis_token_set;

/* reading */
extern const struct redis_op_kind redis_schedule_list, redis_ledger_list;
extern const struct redis_op_kind redis_limiter_list, redis_flow_get, redis_flow_ended;
extern const struct redis_op_kind redis_flow_members;
extern const struct redis_op_kind redis_breaker_list, redis_token_list;
extern const struct redis_op_kind redis_adopt;
extern const struct redis_op_kind redis_get;
extern const struct redis_op_kind redis_list;
extern const struct redis_op_kind redis_stats;
extern const struct redis_op_kind redis_fsck_kind;
extern const struct redis_op_kind redis_host_list;
extern const struct redis_op_kind redis_audit_list;
extern const struct redis_op_kind redis_dedup_list;
extern const struct redis_op_kind redis_step_get;
extern const struct redis_op_kind redis_result_get;
extern const struct redis_op_kind redis_output_get;

#endif
