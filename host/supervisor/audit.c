#include "supervisor/audit.h"

void audit_add(struct host *host, struct store_audit_add *op, struct store_audit entry,
               void (*done)(struct store_op *op), void *arg) {
    entry.at_ms = env_wall_ms(&host->env);
    *op = (struct store_audit_add){
        .op = {.kind = STORE_AUDIT_ADD, .done = done, .arg = arg, .now_ms = entry.at_ms},
        .entry = entry};
    store_post(&host->store, &op->op);
}
