/* One schedule with the store: asked where it is, and its times written as rows, one after the other, for a row is the
 * next one only behind the one before it.
 *
 *     look ─▶ plan by what is believed ──▶ one time, on time ──▶ FIRE ──▶ done
 *       │              │                                           │ refused: another host was faster, it is paused,
 *       │ doubtful     │ more than that                            ▼          its last job runs still, ...
 *       └──────────────┴──────────────▶ LIST ─▶ plan by that ─▶ FIRE each ──▶ done */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/attempt.h"
#include "supervisor/pool_private.h"
#include "supervisor/schedule_fire.h"
#include "supervisor/schedules_private.h"
#include "supervisor/upkeep.h"

enum { OVERDUE_MS = 60000 }; /* then nobody fires it */

struct flight {
    struct schedules *of;
    struct entry *entry;
    struct schedule_definition *definition; /* held */
    union {
        struct store_op op;
        struct store_schedule_list list;
        struct store_fire fire;
        struct store_schedule_put put;
    } u;
    struct store_schedule_put_item put;
    struct schedule_fire shot;
    struct arena arena; /* of its job */
    struct schedule_plan plan;
    size_t at;          /* the move that is with the store */
    int64_t unfinished; /* as far as is known */
    bool by_guess;
};

/* ------------------------------------------------------------------ the end */

static void flight_end(struct flight *f, bool failed) {
    struct schedules *s = f->of;
    struct entry *e = f->entry;
    e->flight = NULL;
    s->flights--;
    store_op_finish(&f->u.op);
    arena_free(&f->arena);
    schedule_definition_free(&f->definition);
    free(f);
    if (failed) {
        schedules_retry(s, e);
    } else if (!e->stored && e->own == NULL) {
        schedules_drop(s, e);
    } else {
        schedules_ask(s, e); // for its next time
    }
    schedules_resume(s->host); // others may wait for this place
}

static void flight_post(struct flight *f, enum store_op_kind kind,
                        void (*done)(struct store_op *op)) {
    struct host *host = f->of->host;
    store_op_finish(&f->u.op);
    f->u.op =
        (struct store_op){.kind = kind, .done = done, .arg = f, .now_ms = env_wall_ms(&host->env)};
    store_post(&host->store, &f->u.op);
}

/* ------------------------------------------------------------------ firing */

static void flight_ask(struct flight *f);
static void flight_fire(struct flight *f);

// What a replacement asked to end, if it runs here; a shared store tells the others itself.
static void end_replaced(struct worker *w, void *arg) {
    const struct flight *f = arg;
    struct attempt *a, *next;
    for (a = TAILQ_FIRST(&w->attempts); a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        const struct job_spec *spec = &a->job->spec;
        if (spec->schedule != NULL && strcmp(spec->schedule, f->entry->id) == 0 &&
            !id_equal(&spec->id, &f->shot.item.job)) {
            (void)jobs_ask_to_end(f->of->host, &spec->id);
        }
    }
}

static void tell_missed(const struct flight *f) {
    const struct store_fire_item *item = &f->shot.item;
    if (item->row.missed && !schedule_verdict_starts(item->verdict)) {
        log_warn(&f->of->host->log, "schedule.missed", "name=%s times=%u verdict=%s", f->entry->id,
                 item->row.count, schedule_verdict_name((int)item->verdict));
    } else if (item->verdict == SCHEDULE_REFUSED) {
        log_warn(&f->of->host->log, "schedule.refused", "name=%s msg=\"%s\"", f->entry->id,
                 item->row.reason == NULL ? "the store did not take its job" : item->row.reason);
    }
}

// The row is there: where the schedule is now.
static void advance(struct flight *f) {
    struct entry *e = f->entry;
    const struct schedule_move *move = &f->plan.moves[f->at];
    if (move->boot) {
        e->boots = false;
    }
    e->last_ms = e->last_ms > move->last_ms ? e->last_ms : move->last_ms;
    if (!id_is_zero(&f->shot.item.job)) {
        f->unfinished++;
    }
}

// A row of that time is there: of another host, of an operation that was sent twice, or one that somebody made by hand. The
// last does not say where the schedule is, so that it would be planned for ever.
static void pass(struct flight *f) {
    struct entry *e = f->entry;
    const struct schedule_move *move = &f->plan.moves[f->at];
    if (move->boot) {
        e->boots = false;
    } else if (e->past_ms < move->time.nominal_ms) {
        e->past_ms = move->time.nominal_ms;
    }
}

static void on_written(struct flight *f) {
    advance(f);
    tell_missed(f);
    if (f->u.fire.outbox) {
        upkeep_forward(f->of->host);
    }
    if (f->shot.item.verdict == SCHEDULE_REPLACE) {
        pools_each_worker(f->of->host->pools, end_replaced, f);
    }
    if (++f->at < f->plan.count) {
        flight_fire(f);
        return;
    }
    f->entry->doubtful = !f->by_guess; // there may be more than a plan holds
    flight_end(f, false);
}

static void fire_done(struct store_op *op) {
    struct flight *f = op->arg;
    int status = f->shot.item.status;
    enum schedule_verdict verdict = f->shot.item.verdict;
    if (op->status != 0) {
        flight_end(f, true);
    } else if (status == 0) {
        on_written(f);
    } else if (status == -EEXIST) {
        pass(f);
        if (f->by_guess && schedule_verdict_starts(verdict)) {
            flight_end(f, false); // such a row stands for one time
        } else {
            flight_ask(f);
        }
    } else if (status == -EADDRINUSE) {
        flight_fire(f); // with another id
    } else if (status == -EINVAL) {
        log_error(&f->of->host->log, "schedule.fire", "name=%s msg=\"the store refuses its rows\"",
                  f->entry->id);
        flight_end(f, true);
    } else {
        flight_ask(f);
    }
}

static void flight_fire(struct flight *f) {
    f->shot.problem.status = 0;
    arena_reset(&f->arena);
    schedule_fire_move(f->of->host, f->definition, &f->plan.moves[f->at], f->unfinished, &f->arena,
                       &f->shot);
    if (f->of->host->phase != HOST_RUNNING || f->shot.problem.status == 503) {
        flight_end(f, true); // that is no fault of the job's
        return;
    }
    store_op_finish(&f->u.op);
    f->u.fire = (struct store_fire){.items = &f->shot.item, .count = 1};
    flight_post(f, STORE_FIRE, fire_done);
}

/* ------------------------------------------------------------------ asking */

static bool plan_anew(struct flight *f) {
    struct schedules *s = f->of;
    struct entry *e = f->entry;
    const struct schedule_definition *d = schedules_definition(e);
    schedules_tell_drift(s, e);
    if (schedules_fault(e) != NULL || s->host->phase != HOST_RUNNING) {
        return false;
    }
    schedule_definition_free(&f->definition);
    f->definition = schedule_definition_hold((struct schedule_definition *)(uintptr_t)d);
    struct schedule rule = schedule_fire_rule(d, e->stored_ms, e->paused);
    struct schedule_state state = schedules_state(e);
    schedule_plan(&rule, &state, env_wall_ms(&s->host->env), &f->plan);
    f->at = 0;
    f->unfinished = e->unfinished;
    f->by_guess = false;
    return f->plan.count > 0;
}

/* ------------------------------------------------------------------ taking over */

// When one that drifts here should have fired by what the store says, and a while has passed; never, if that cannot be
// told. Then nobody is there any more who says the same as the store.
static int64_t overdue_ms(struct schedules *s, const struct entry *e) {
    if (e->own == NULL || !e->stored || e->theirs == NULL) {
        return SCHEDULE_NEVER;
    }
    struct schedule rule = schedule_fire_rule(e->theirs, e->stored_ms, e->paused);
    if (rule.paused) {
        return SCHEDULE_NEVER;
    }
    struct schedule_state state = schedules_state(e);
    // what a pause left out waits for a row, and for no job
    state.last_ms = state.last_ms > state.resumed_ms ? state.last_ms : state.resumed_ms;
    state.running = state.booted = false;
    state.waiting = 0;
    int64_t now = env_wall_ms(&s->host->env);
    if (state.last_ms > now + SCHEDULE_AHEAD_MS) { // a plan would not count it
        return state.last_ms + OVERDUE_MS;         // our clock is days late, or theirs was early
    }
    schedule_plan(&rule, &state, now, &s->plan);
    int64_t due = s->plan.count > 0 ? s->plan.moves[0].time.fire_ms : s->plan.wake_ms;
    return due == SCHEDULE_NEVER ? due : due + OVERDUE_MS;
}

static void taken_over(struct store_op *op) {
    struct flight *f = op->arg;
    bool failed = op->status != 0 || f->put.status != 0;
    if (!failed) {
        log_warn(
            &f->of->host->log, "schedule.taken_over",
            "name=%s revision=%s msg=\"nobody has fired it: it is what this host's file says\"",
            f->entry->id, f->definition->revision);
        f->entry->doubtful = true;
    }
    flight_end(f, failed);
}

static void take_over(struct flight *f) {
    struct schedule_definition *own = f->entry->own;
    schedule_definition_free(&f->definition);
    f->definition = schedule_definition_hold(own);
    f->put = (struct store_schedule_put_item){.id = own->is.entry.name,
                                              .queue = own->is.queue,
                                              .revision = own->revision,
                                              .definition = own->text,
                                              .by = f->of->by};
    store_op_finish(&f->u.op);
    f->u.put = (struct store_schedule_put){.items = &f->put, .count = 1};
    flight_post(f, STORE_SCHEDULE_PUT, taken_over);
}

/* ------------------------------------------------------------------ what the store says */

static void list_done(struct store_op *op) {
    struct flight *f = op->arg;
    if (op->status != 0 && op->status != -ENOENT) {
        flight_end(f, true);
        return;
    }
    struct schedules *s = f->of;
    schedules_learn(s, f->entry, op->status == 0 ? &f->u.list.schedules[0] : NULL);
    bool drifts = schedules_fault(f->entry) != NULL && s->host->phase == HOST_RUNNING;
    if (plan_anew(f)) {
        flight_fire(f);
    } else if (drifts && overdue_ms(s, f->entry) <= env_wall_ms(&s->host->env)) {
        take_over(f);
    } else {
        flight_end(f, false);
    }
}

static void flight_ask(struct flight *f) {
    store_op_finish(&f->u.op);
    f->u.list = (struct store_schedule_list){.id = f->entry->id, .limit = 1};
    flight_post(f, STORE_SCHEDULE_LIST, list_done);
}

/* ------------------------------------------------------------------ the look */

static struct flight *flight_new(struct schedules *s, struct entry *e) {
    struct flight *f = calloc(1, sizeof *f);
    if (f == NULL) {
        schedules_retry(s, e);
        return NULL;
    }
    f->of = s;
    f->entry = e;
    e->flight = f;
    s->flights++;
    return f;
}

// One time, on time: the common case.
static bool is_plain(const struct schedule_plan *plan) {
    return plan->count == 1 && !plan->moves[0].missed &&
           schedule_verdict_starts(plan->moves[0].verdict);
}

static void fire_by_guess(struct schedules *s, struct entry *e,
                          const struct schedule_definition *d) {
    struct flight *f = flight_new(s, e);
    if (f != NULL) {
        f->definition = schedule_definition_hold((struct schedule_definition *)(uintptr_t)d);
        f->plan = s->plan;
        f->by_guess = true;
        flight_fire(f);
    }
}

// It fires nothing here, but somewhere it should.
static void look_at_drift(struct schedules *s, struct entry *e) {
    int64_t at = overdue_ms(s, e);
    struct flight *f = NULL;
    if (at > env_wall_ms(&s->host->env)) {
        schedules_wake(s, e, at);
    } else if ((f = flight_new(s, e)) != NULL) {
        flight_ask(f); // by what is known here
    }
}

void schedules_look(struct schedules *s, struct entry *e) {
    const struct schedule_definition *d = schedules_definition(e);
    bool doubtful = e->doubtful;
    if (!doubtful) {
        schedules_tell_drift(s, e);
        if (schedules_fault(e) != NULL) {
            look_at_drift(s, e);
            return;
        }
        struct schedule rule = schedule_fire_rule(d, e->stored_ms, e->paused);
        struct schedule_state guess = schedules_state(e);
        guess.running = false;
        guess.waiting = 0;
        schedule_plan(&rule, &guess, env_wall_ms(&s->host->env), &s->plan);
        if (s->plan.count == 0) {
            schedules_wake(s, e, s->plan.wake_ms);
            return;
        }
        if (is_plain(&s->plan)) {
            fire_by_guess(s, e, d);
            return;
        }
    }
    struct flight *f = flight_new(s, e);
    if (f != NULL) {
        flight_ask(f);
    }
}
