/* An operator closes a breaker, for all hosts; audited. */
#include "supervisor/audit.h"
#include "supervisor/breakers_private.h"

static void on_audited(struct store_op *op) {
    struct breaker_reset *reset = op->arg;
    store_op_finish(op); // closed it is, even if that is not written down
    reset->done(reset);
}

static void on_reset(struct store_op *op) {
    struct breaker_reset *reset = op->arg;
    struct breakers *b = reset->host->breakers;
    if (op->status != 0) {
        reset->failed = op;
        reset->done(reset);
        return;
    }
    reset->changed = reset->op.changed;
    if (breakers_learn(b, reset->name, &reset->op.state, 0) || reset->changed) {
        unpark_go(&b->unpark);
    }
    store_op_finish(op);
    breakers_look(b);
    log_info(&b->host->log, "breaker.reset", "by=%s msg=\"%s: %s\"", reset->by, reset->name,
             reset->why == NULL ? "" : reset->why);
    const struct store_audit entry = {
        .actor = reset->by, .action = "breaker.reset", .target = reset->name, .detail = reset->why};
    audit_add(reset->host, &reset->audit, entry, on_audited, reset);
}

void breakers_reset(struct host *host, struct breaker_reset *reset) {
    reset->host = host;
    reset->op = (struct store_breaker){.op = {.kind = STORE_BREAKER,
                                              .done = on_reset,
                                              .arg = reset,
                                              .now_ms = env_wall_ms(&host->env)},
                                       .verb = STORE_BREAKER_RESET,
                                       .name = reset->name};
    store_post(&host->store, &reset->op.op);
}
