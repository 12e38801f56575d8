#include "store/faulty/faulty.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/env.h"

#define URL_SCHEME "faulty:"
#define URL_DOWN   "down:"

struct faulty;

// An operation on its way through: its own done() and arg come back when it is answered.
struct passage {
    struct faulty *f;
    struct store_op *op;
    void (*done)(struct store_op *op);
    void *arg;
    enum faulty_effect effect;
    int code;
    int64_t release_us; /* held answers: not before this */
    struct passage *prev, *next;
};

struct faulty {
    struct store inner;
    struct faulty_plan plan;
    struct store_events events; // the host's
    bool down;
    struct event *timer;
    struct passage *held;    /* changes, in the order of their answers   */
    struct passage *swapped; /* a read that waits for another one's answer */
    uint32_t delay_ms[STORE_OP_KINDS];
    bool closing;
};

enum { SWAP_MAX_US = 20000 };

void faulty_add(struct faulty_plan *plan, struct faulty_rule rule) {
    if (plan->count < FAULTY_RULES_MAX) {
        plan->rules[plan->count++] = rule;
    }
}

static bool is_read(const struct store_op *op) {
    switch (op->kind) {
    case STORE_GET:
    case STORE_LIST:
    case STORE_STEP_GET:
    case STORE_RESULT_GET:
    case STORE_OUTPUT_GET:
    case STORE_STATS:
    case STORE_BLOB_OPEN:
    case STORE_KV_GET:
    case STORE_HOST_LIST:
    case STORE_AUDIT_LIST:
    case STORE_SCHEDULE_LIST:
    case STORE_LEDGER_LIST:
    case STORE_LIMITER_LIST:
    case STORE_FLOW_GET:
    case STORE_FLOW_ENDED:
    case STORE_FLOW_MEMBERS:
    case STORE_BREAKER_LIST:
    case STORE_TOKEN_LIST:
    case STORE_DEDUP_LIST: return true;
    default: return false;
    }
}

// The rule that decides about this operation, or NULL.
static const struct faulty_rule *rule_for(struct faulty_plan *plan, const struct store_op *op) {
    for (size_t i = 0; i < plan->count; i++) {
        struct faulty_rule *rule = &plan->rules[i];
        if (rule->kind != -1 && rule->kind != (int)op->kind) {
            continue;
        }
        if (rule->skip > 0) {
            rule->skip--;
            continue;
        }
        if (rule->used == rule->times && rule->times > 0) {
            continue;
        }
        rule->used++;
        return rule;
    }
    return NULL;
}

static void deliver(struct passage *p) {
    struct store_op *op = p->op;
    op->done = p->done;
    op->arg = p->arg;
    if (p->effect == FAULTY_AFTER || p->effect == FAULTY_BEFORE) {
        op->status = err_set(&op->err, p->code, "injected by the faulty store");
    }
    free(p);
    op->done(op);
}

static void arm(struct faulty *f) {
    int64_t first = f->held != NULL ? f->held->release_us : INT64_MAX;
    if (f->swapped != NULL && f->swapped->release_us < first) {
        first = f->swapped->release_us;
    }
    if (first != INT64_MAX) {
        int64_t wait = first - env_stopwatch_us();
        wait = wait < 0 ? 0 : wait;
        struct timeval tv = {.tv_sec = wait / 1000000, .tv_usec = wait % 1000000};
        (void)event_add(f->timer, &tv);
    }
}

static void release(struct faulty *f, bool all) {
    while (f->held != NULL && (all || f->held->release_us <= env_stopwatch_us())) {
        struct passage *p = f->held;
        DL_DELETE(f->held, p);
        deliver(p);
    }
    struct passage *p = f->swapped;
    if (p != NULL && (all || p->release_us <= env_stopwatch_us())) {
        f->swapped = NULL;
        deliver(p);
    }
    arm(f);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    release(arg, false);
}

static void hold(struct faulty *f, struct passage *p, int64_t release_us) {
    // answers of changes keep their order, so nobody overtakes one that is held
    if (f->held != NULL && f->held->prev->release_us > release_us) {
        release_us = f->held->prev->release_us;
    }
    p->release_us = release_us;
    DL_APPEND(f->held, p);
    arm(f);
}

static void on_done(struct store_op *op) {
    struct passage *p = op->arg;
    struct faulty *f = p->f;
    if (is_read(op) && p->effect == FAULTY_REORDER && f->swapped == NULL && !f->closing) {
        p->release_us = env_stopwatch_us() + SWAP_MAX_US;
        f->swapped = p;
        arm(f);
        return;
    }
    if (!f->closing && (p->effect == FAULTY_DELAY || (!is_read(op) && f->held != NULL))) {
        hold(f, p, env_stopwatch_us() + (int64_t)f->delay_ms[op->kind] * 1000);
        return;
    }
    bool read = is_read(op);
    deliver(p);
    if (read && f->swapped != NULL) {
        p = f->swapped;
        f->swapped = NULL;
        deliver(p);
    }
}

static void faulty_post(void *self, struct store_op *op) {
    struct faulty *f = self;
    f->plan.posted[op->kind]++;
    const struct faulty_rule *rule = rule_for(&f->plan, op);
    struct passage *p = calloc(1, sizeof *p);
    if (p == NULL) {
        store_post(&f->inner, op);
        return;
    }
    *p = (struct passage){.f = f, .op = op, .done = op->done, .arg = op->arg};
    if (f->down) {
        p->effect = FAULTY_BEFORE;
        p->code = -ENOTCONN;
        f->plan.hits++;
    } else if (rule != NULL) {
        p->effect = rule->effect;
        p->code = rule->code == 0 ? -ETIMEDOUT : rule->code;
        f->delay_ms[op->kind] = rule->delay_ms;
        f->plan.hits += rule->effect != FAULTY_PASS;
    }
    op->arg = p;
    op->done = on_done;
    if (p->effect == FAULTY_BEFORE) {
        hold(f, p, env_stopwatch_us());
    } else {
        store_post(&f->inner, op);
    }
}

static void faulty_close(void *self) {
    struct faulty *f = self;
    f->closing = true;
    release(f, true);
    store_close(&f->inner);
    release(f, true);
    event_free(f->timer);
    free(f);
}

static uint64_t faulty_blob_room(void *self) {
    return store_blob_room(&((struct faulty *)self)->inner);
}

static const struct store_ops faulty_ops = {
    .caps = {.name = "faulty", .shared = false, .claim_batch = 64},
    .post = faulty_post,
    .close = faulty_close,
    .blob_room = faulty_blob_room,
};

int faulty_open(const struct store_config *config, struct event_base *base, const struct log *log,
                const struct env *env, const struct store_events *events, struct store *ret_store,
                struct err *e) {
    struct store_config inner = *config;
    const char *url = config->url + strlen(URL_SCHEME);
    bool down = strncmp(url, URL_DOWN, strlen(URL_DOWN)) == 0;
    inner.url = down ? url + strlen(URL_DOWN) : url;
    struct faulty *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    f->timer = evtimer_new(base, on_timer, f);
    int r = f->timer == NULL ? err_set(e, -ENOMEM, "out of memory")
                             : store_open(&inner, base, log, env, events, &f->inner, e);
    if (r < 0) {
        if (f->timer != NULL) {
            event_free(f->timer);
        }
        free(f);
        return r;
    }
    f->events = *events;
    *ret_store = (struct store){&faulty_ops, f};
    if (down) {
        faulty_set_down(ret_store, "the store cannot be reached yet");
    }
    return 0;
}

void faulty_set_down(const struct store *store, const char *reason) {
    struct faulty *f = store->self;
    struct err why;
    f->down = reason != NULL;
    (void)err_set(&why, -ENOTCONN, "%s", f->down ? reason : "");
    f->events.health(f->events.arg, f->down ? &why : NULL);
}

struct faulty_plan *faulty_plan_of(const struct store *store) {
    return store->ops == &faulty_ops ? &((struct faulty *)store->self)->plan : NULL;
}
