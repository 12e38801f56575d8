/* One operation on a breaker of the store, and its answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/outcome.h"
#include "supervisor/breakers_private.h"

static void log_change(const struct breaker_telling *t) {
    const struct store_breaker *op = &t->op;
    const struct log *log = &t->of->host->log;
    if (op->verb == STORE_BREAKER_FAILED && op->changed) {
        t->of->counts.opened++;
        log_warn(log, "breaker.open", "class=%s failures=%u pause_ms=%lld breaker=\"%s\"",
                 outcome_class(op->state.cls)->name, op->state.failures,
                 (long long)(op->state.until_ms - op->clock_ms), t->name);
    } else if (op->verb == STORE_BREAKER_SUCCEEDED && op->changed) {
        t->of->counts.closed++;
        log_info(log, "breaker.closed", "breaker=\"%s\"", t->name);
    }
}

// Nobody tries it any more, and it is half open as before: of those that are parked until then one may.
static bool calls_one(struct breakers *b, const struct breaker_telling *t, int64_t probe_ms) {
    struct breaker_entry *e = breakers_find(b, t->name);
    if (e == NULL || !e->parked || probe_ms == 0 || e->state.probe_ms != 0 ||
        breaker_state(&e->state, breakers_now(b)) != BREAKER_IS_HALF_OPEN) {
        return false;
    }
    e->calls = true;
    return true;
}

static void learn(struct breaker_telling *t) {
    struct breakers *b = t->of;
    const struct breaker_entry *before = breakers_find(b, t->name);
    int64_t probe_ms = before == NULL ? 0 : before->state.probe_ms;
    bool held = breakers_learn(b, t->name, &t->op.state, t->op.op.now_ms - t->op.clock_ms);
    log_change(t);
    if (held || (t->op.changed && t->op.state.failures == 0) || calls_one(b, t, probe_ms)) {
        unpark_go(&b->unpark);
    }
}

// Where there is no room nobody is held back, and for a while the store is not asked for some.
static void no_answer(struct breaker_telling *t) {
    static const struct breaker closed;
    struct breakers *b = t->of;
    if (t->op.op.status == -EDQUOT) {
        b->full_mono_ms = env_mono_ms(&b->host->env) + BREAKERS_FULL_MS;
        (void)breakers_learn(b, t->name, &closed, 0);
    }
    if (b->host->phase == HOST_RUNNING) {
        log_warn(&b->host->log, "breaker.untold", "msg=\"%s: %s\"", t->name, t->op.op.err.msg);
    }
}

// It has become the probe while nobody waited for it any more: the next may go.
static void give_up(const struct breaker_telling *t) {
    struct breaker_telling *next = breakers_telling(t->of, STORE_BREAKER_ABANDONED, t->name);
    if (next != NULL) {
        next->op.id = t->op.id;
        breakers_tell(next);
    }
}

static void on_told(struct store_op *op) {
    struct breaker_telling *t = op->arg;
    if (op->status == 0) {
        learn(t);
    } else {
        no_answer(t);
    }
    breakers_look(t->of);
    if (t->asks != NULL) {
        t->answered(t->asks, t);
    } else if (op->status == 0 && t->op.verdict == BREAKER_PROBE &&
               t->of->host->phase == HOST_RUNNING) {
        give_up(t);
    }
    store_op_finish(op);
    free(t);
}

struct breaker_telling *breakers_telling(struct breakers *b, enum store_breaker_verb verb,
                                         const char *name) {
    struct breaker_telling *t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->of = b;
        (void)snprintf(t->name, sizeof t->name, "%s", name);
        t->op = (struct store_breaker){
            .op = {.kind = STORE_BREAKER, .done = on_told, .arg = t, .now_ms = breakers_now(b)},
            .verb = verb,
            .name = t->name};
    }
    return t;
}

void breakers_tell(struct breaker_telling *t) {
    store_post(&t->of->host->store, &t->op.op);
}
