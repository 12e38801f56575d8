#include "store/redis/ops.h"

#include "store/store.h"

static const struct redis_op_kind *const kinds[STORE_OP_KINDS] = {
    [STORE_SUBMIT] = &redis_submit,
};

const struct redis_op_kind *redis_kind_of(const struct store_op *op) {
    return op->kind < STORE_OP_KINDS ? kinds[op->kind] : NULL;
}
