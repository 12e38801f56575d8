#include <errno.h>

#include "store/sqlite/ops.h"
#include "store/sqlite/reader.h"
int read_fsck(struct reader *r, struct store_op *op) {
    (void)r;
    return err_set(&op->err, -ENOTSUP, "x");
}
int op_fsck_repair(struct writer *w, struct store_op *op) {
    (void)w;
    return err_set(&op->err, -ENOTSUP, "x");
}
