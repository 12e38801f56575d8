#include "supervisor/schedule_acts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/audit.h"
#include "supervisor/schedule_fire.h"
#include "supervisor/schedules.h"

enum { BATCH = 50 };

struct doing {
    struct host *host;
    struct schedule_act *act;
    struct schedule_definition *definition; /* what the store has, if this host knows it; held */
    union {
        struct store_op op;
        struct store_schedule_list list;
        struct store_schedule_put put;
        struct store_schedule_set set;
        struct store_fire fire;
        struct store_audit_add audit;
    } u;
    bool there;
    struct store_schedule_put_item put;
    struct schedule rule;
    /* FIRE */
    struct arena arena;
    struct schedule_fire shots[BATCH];
    struct store_fire_item items[BATCH];
    int64_t times[BATCH]; /* nominal */
    size_t count;
    bool by_hand_keys; /* the second round: those that have a row without a job */
    int64_t after_ms;  /* BACKFILL: done so far */
};

static const char *const act_names[SCHEDULE_ACT_COUNT] = {
    [SCHEDULE_ACT_RUN] = "schedule.run",       [SCHEDULE_ACT_PAUSE] = "schedule.pause",
    [SCHEDULE_ACT_RESUME] = "schedule.resume", [SCHEDULE_ACT_BACKFILL] = "schedule.backfill",
    [SCHEDULE_ACT_PUT] = "schedule.put",       [SCHEDULE_ACT_REMOVE] = "schedule.remove",
};

/* ------------------------------------------------------------------ the end */

static void act_post(struct doing *x, enum store_op_kind kind, void (*done)(struct store_op *)) {
    x->u.op = (struct store_op){
        .kind = kind, .done = done, .arg = x, .now_ms = env_wall_ms(&x->host->env)};
    store_post(&x->host->store, &x->u.op);
}

static void act_answer(struct doing *x) {
    struct schedule_act *act = x->act;
    store_op_finish(&x->u.op);
    arena_free(&x->arena);
    schedule_definition_free(&x->definition);
    free(x);
    act->done(act, act->arg);
}

static void audited(struct store_op *op) {
    act_answer(op->arg);
}

// It is done: written down, and looked at by this host too.
static void act_done(struct doing *x) {
    const struct schedule_act *act = x->act;
    schedules_changed(x->host, act->id);
    store_op_finish(&x->u.op);
    const struct store_audit entry = {.actor = act->actor,
                                      .action = act_names[act->action],
                                      .target = act->id,
                                      .detail = act->why};
    audit_add(x->host, &x->u.audit, entry, audited, x);
}

static void act_refuse(struct doing *x, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void act_refuse(struct doing *x, int status, const char *code, const char *fmt, ...) {
    struct problem *p = &x->act->problem;
    va_list ap;
    va_start(ap, fmt);
    *p = (struct problem){.status = status, .code = code};
    (void)vsnprintf(p->message, sizeof p->message, fmt, ap);
    va_end(ap);
    act_answer(x);
}

// True: the operation failed, and that has been said.
static bool act_failed(struct doing *x, const struct store_op *op) {
    if (op->status == 0) {
        return false;
    }
    x->act->problem.status = -1;
    x->act->store_status = op->status;
    x->act->failure = op->err;
    act_answer(x);
    return true;
}

static void act_unknown(struct doing *x) {
    act_refuse(x, 404, "schedule_not_found", "there is no schedule of this name");
}

static void act_changed(struct doing *x) {
    act_refuse(x, 409, "schedule_changed", "somebody has changed the schedule meanwhile");
}

/* ------------------------------------------------------------------ PUT, REMOVE, PAUSE */

static void put_done(struct store_op *op) {
    struct doing *x = op->arg;
    if (act_failed(x, op)) {
        return;
    }
    switch (x->put.status) {
    case 0:
        x->act->created = !x->there;
        act_done(x);
        return;
    case -ENOENT: act_unknown(x); return;
    case -EDQUOT:
        act_refuse(x, 409, "too_many_schedules", "there are %d schedules, and no more can be",
                   STORE_SCHEDULES_MAX);
        return;
    default: act_refuse(x, 400, "bad_schedule", "the store does not take it");
    }
}

static void put(struct doing *x) {
    const struct schedule_definition *d = x->act->definition;
    x->put = (struct store_schedule_put_item){.id = x->act->id, .remove = d == NULL};
    if (d != NULL) {
        x->put.queue = d->is.queue;
        x->put.revision = d->revision;
        x->put.definition = d->text;
        x->put.by = x->act->actor;
        x->put.api = true;
    }
    x->u.put = (struct store_schedule_put){.items = &x->put, .count = 1};
    act_post(x, STORE_SCHEDULE_PUT, put_done);
}

static void set_done(struct store_op *op) {
    struct doing *x = op->arg;
    if (op->status == -ENOENT) {
        act_unknown(x);
    } else if (!act_failed(x, op)) {
        act_done(x);
    }
}

static void set(struct doing *x) {
    store_op_finish(&x->u.op);
    x->u.set = (struct store_schedule_set){.id = x->act->id,
                                           .paused = x->act->action == SCHEDULE_ACT_PAUSE,
                                           .by = x->act->actor,
                                           .why = x->act->why};
    act_post(x, STORE_SCHEDULE_SET, set_done);
}

/* ------------------------------------------------------------------ FIRE */

static void fire(struct doing *x, void (*done)(struct store_op *)) {
    store_op_finish(&x->u.op);
    for (size_t i = 0; i < x->count; i++) {
        x->items[i] = x->shots[i].item;
    }
    x->u.fire = (struct store_fire){.items = x->items, .count = x->count};
    act_post(x, STORE_FIRE, done);
}

static void run_written(struct store_op *op) {
    struct doing *x = op->arg;
    const struct store_fire_item *item = &x->items[0];
    if (act_failed(x, op)) {
        return;
    }
    x->act->job = item->job;
    if (item->status != 0) {
        act_changed(x);
    } else if (item->verdict == SCHEDULE_REFUSED) {
        act_refuse(x, 409, "job_refused",
                   "the store did not take its job: the newest row of the ledger says why");
    } else {
        act_done(x);
    }
}

static void run(struct doing *x) {
    struct schedule_fire *f = &x->shots[0];
    schedule_fire_by_hand(x->host, x->definition, NULL, SCHEDULE_FIRE, 0, "by hand", &x->arena, f);
    if (f->item.spec == NULL) {
        x->act->problem = f->problem;
        act_answer(x);
        return;
    }
    x->count = 1;
    fire(x, run_written);
}

/* ------------------------------------------------------------------ BACKFILL */

static void backfill(struct doing *x);

static void prepare_time(struct doing *x, int64_t nominal_ms) {
    bool allow = x->definition->when.schedule.overlap == OVERLAP_ALLOW;
    char key[SCHEDULE_KEY_MAX];
    (void)snprintf(key, sizeof key, "%" PRId64 "%s", nominal_ms / 1000,
                   x->by_hand_keys ? "-hand" : "");
    x->times[x->count] = nominal_ms;
    schedule_fire_by_hand(x->host, x->definition, key, allow ? SCHEDULE_CAUGHT_UP : SCHEDULE_QUEUED,
                          nominal_ms, "by hand", &x->arena, &x->shots[x->count]);
    x->count++;
}

// Those of a batch that have a row, but no job, once more under a key of their own. False: there are none.
static bool prepare_second(struct doing *x) {
    size_t count = x->count;
    x->count = 0;
    x->by_hand_keys = true;
    for (size_t i = 0; i < count; i++) { // it is never ahead of what it reads
        if (x->items[i].status == -EEXIST && !schedule_verdict_starts(x->items[i].verdict)) {
            prepare_time(x, x->times[i]);
        }
    }
    return x->count > 0;
}

static bool count_times(struct doing *x) {
    struct schedule_act *act = x->act;
    for (size_t i = 0; i < x->count; i++) {
        const struct store_fire_item *item = &x->items[i];
        bool again = item->status == -EEXIST && !schedule_verdict_starts(item->verdict);
        if (item->status != 0 && item->status != -EEXIST) {
            return false;
        }
        if (item->status == 0) {
            *(item->verdict == SCHEDULE_REFUSED ? &act->refused : &act->made) += 1;
        } else if (!again || x->by_hand_keys) {
            act->existing++;
        }
    }
    return true;
}

static void backfilled(struct store_op *op) {
    struct doing *x = op->arg;
    if (act_failed(x, op)) {
        return;
    }
    if (!count_times(x)) {
        act_changed(x);
        return;
    }
    if (!x->by_hand_keys && prepare_second(x)) {
        fire(x, backfilled);
    } else {
        backfill(x);
    }
}

static void backfill(struct doing *x) {
    struct schedule_time t;
    arena_reset(&x->arena);
    x->count = 0;
    x->by_hand_keys = false;
    while (x->count < BATCH && schedule_next(&x->rule, x->after_ms, &t) &&
           t.nominal_ms <= x->act->to_ms) {
        x->after_ms = t.nominal_ms;
        prepare_time(x, t.nominal_ms);
    }
    if (x->count > 0) {
        fire(x, backfilled);
    } else {
        act_done(x);
    }
}

// Times of the past alone, and not too many.
static void begin_backfill(struct doing *x) {
    struct schedule_act *act = x->act;
    struct schedule_time t = {.nominal_ms = act->from_ms - 1};
    int64_t now = env_wall_ms(&x->host->env);
    int count = 0;
    act->to_ms = act->to_ms < now ? act->to_ms : now;
    x->after_ms = t.nominal_ms;
    while (count <= SCHEDULE_BACKFILL_MAX && schedule_next(&x->rule, t.nominal_ms, &t) &&
           t.nominal_ms <= act->to_ms) {
        count++;
    }
    if (count > SCHEDULE_BACKFILL_MAX) {
        act_refuse(x, 400, "too_many_times",
                   "more than %d times lie between the two: ask for them in parts",
                   SCHEDULE_BACKFILL_MAX);
    } else {
        backfill(x);
    }
}

/* ------------------------------------------------------------------ the beginning */

// What the store has, if this host can tell what it says.
static struct schedule_definition *stored_definition(const struct doing *x,
                                                     const struct store_schedule *is) {
    const struct schedule_definition *own = schedules_of_file(x->host, is->id);
    struct schedule_definition *d = NULL;
    if (own != NULL && strcmp(own->revision, is->revision) == 0) {
        return schedule_definition_hold((struct schedule_definition *)(uintptr_t)own);
    }
    if (is->api) {
        (void)schedule_definition_of_json(x->host->config, is->id, bytes_of(is->definition),
                                          schedules_zones(x->host), &d, NULL, NULL);
    }
    if (d != NULL && strcmp(d->revision, is->revision) != 0) {
        schedule_definition_free(&d);
    }
    return d;
}

static void learn(struct doing *x, const struct store_schedule *is) {
    x->there = true;
    x->definition = stored_definition(x, is);
    if (x->definition != NULL) {
        x->rule = schedule_fire_rule(x->definition, is->stored_ms, is->paused_ms != 0);
    }
}

// May the API change what it says? False: no, and that has been said.
static bool may_change(struct doing *x, bool api) {
    bool ours = schedules_of_file(x->host, x->act->id) != NULL;
    bool others = x->there && !api && x->act->action == SCHEDULE_ACT_PUT;
    if (ours || others) {
        act_refuse(x, 409, "owned_by_file",
                   "the schedule stands in %s: change it there, and reload",
                   ours ? "this host's configuration" : "another host's configuration");
    }
    return !ours && !others;
}

static void begin(struct doing *x, bool api) {
    enum schedule_action action = x->act->action;
    bool changes = action == SCHEDULE_ACT_PUT || action == SCHEDULE_ACT_REMOVE;
    bool fires = action == SCHEDULE_ACT_RUN || action == SCHEDULE_ACT_BACKFILL;
    store_op_finish(&x->u.op);
    if ((changes || (fires && x->definition == NULL)) && !schedules_known(x->host)) {
        act_refuse(x, 503, "starting", "the host is reading its schedules; try again in a moment");
        return;
    }
    if (changes && !may_change(x, api)) {
        return;
    }
    if (!x->there && action != SCHEDULE_ACT_PUT) {
        act_unknown(x);
    } else if (fires && x->definition == NULL) {
        act_refuse(x, 409, "schedule_drifts",
                   "this host's configuration says something else than what is stored: ask a host "
                   "that has the stored one, or reload this one");
    } else {
        static void (*const acts[SCHEDULE_ACT_COUNT])(struct doing *) = {
            [SCHEDULE_ACT_RUN] = run,    [SCHEDULE_ACT_PAUSE] = set,
            [SCHEDULE_ACT_RESUME] = set, [SCHEDULE_ACT_BACKFILL] = begin_backfill,
            [SCHEDULE_ACT_PUT] = put,    [SCHEDULE_ACT_REMOVE] = put,
        };
        acts[action](x);
    }
}

static void found(struct store_op *op) {
    struct doing *x = op->arg;
    bool api = false;
    if (op->status == 0) {
        learn(x, &x->u.list.schedules[0]);
        api = x->u.list.schedules[0].api;
    } else if (op->status != -ENOENT) {
        (void)act_failed(x, op);
        return;
    }
    begin(x, api);
}

static void ask(struct doing *x) {
    store_op_finish(&x->u.op);
    x->u.list = (struct store_schedule_list){.id = x->act->id, .limit = 1};
    act_post(x, STORE_SCHEDULE_LIST, found);
}

void schedule_act(struct host *host, struct schedule_act *act) {
    struct doing *x = calloc(1, sizeof *x);
    act->problem.status = 0;
    if (x == NULL) {
        act->problem.status = -1;
        act->store_status = err_set(&act->failure, -ENOMEM, "out of memory");
        act->done(act, act->arg);
        return;
    }
    x->host = host;
    x->act = act;
    ask(x);
}
