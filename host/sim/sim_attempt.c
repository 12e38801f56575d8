/* One attempt: what its handler does, and what becomes of the job by the host's own rules. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "sim/sim_private.h"
#include "supervisor/policy.h"

#define STEP_PLACE "sim:place"

enum { STATE_VERSION = 1 };

/* Of its type, and of its user if there is one. */
#define COUNT_JOB(a, what)                                                                         \
    do {                                                                                           \
        (a)->lane->type->report->what++;                                                           \
        if ((a)->user != NULL) {                                                                   \
            (a)->user->what++;                                                                     \
        }                                                                                          \
    } while (0)

static const struct scenario_handler handler_default = {
    .takes = {1000, 1000}, .scope = "type", .calls = 0};

static const struct scenario_handler *handler_of(const struct sim_attempt *a) {
    const struct scenario_handler *h = a->lane->type->handler;
    return h == NULL ? &handler_default : h;
}

/* ------------------------------------------------------------------ its place */

static void take_place(struct sim *s, struct sim_attempt *a) {
    a->lane->queue->running++;
    LIST_INSERT_HEAD(&s->hosts[a->host].attempts, a, link);
}

void sim_attempt_unhold(struct sim *s, struct sim_attempt *a) {
    struct sim_pool *pool = a->lane->type->pool;
    if (a->held) {
        TAILQ_REMOVE(&pool->held, a, held_link);
        pool->held_count--;
        s->held--;
        a->held = false;
    }
}

static void leave_place(struct sim *s, struct sim_attempt *a) {
    struct sim_pool *pool = a->lane->type->pool;
    a->lane->queue->running--;
    if (a->begun) {
        pool->busy[a->host]--;
        pool->busy_all--;
    }
    sim_attempt_unhold(s, a);
    LIST_REMOVE(a, link);
}

void sim_attempt_free(struct sim_attempt **a) {
    arena_free(&(*a)->arena);
    free(*a);
    *a = NULL;
}

/* How long it has gone on, and its code with it. */
static int64_t age_of(const struct sim *s, const struct sim_attempt *a) {
    return (a->died_ms != 0 ? a->died_ms : s->passed_ms) - a->began_ms;
}

/* `final`: nothing more comes of the job. What its code did up to now has happened. */
static void end(struct sim *s, struct sim_attempt *a, bool final) {
    if (a->answer != NULL) {
        plugin_run_end(a->lane->type->plugin, &a->spec.id, age_of(s, a), final);
    }
    sim_limits_withdraw(s, &a->wish);
    if (a->died_ms != 0) {
        sim_limits_forget(s, &a->call);
        sim_limits_forget(s, &a->slot);
    }
    sim_limits_answered(s, &a->call, NULL);
    sim_limits_answered(s, &a->slot, NULL);
    sim_plugin_end(s, a);
    agenda_drop(&s->agenda, &a->event);
    leave_place(s, a);
    sim_attempt_free(&a);
}

/* ------------------------------------------------------------------ what is written */

static struct sim_commit *new_commit(struct sim *s, struct sim_attempt *a, enum job_event event) {
    struct sim_commit *c = sim_alloc(s, &s->batch.arena, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    *c = (struct sim_commit){.item = {.id = a->spec.id,
                                      .token = a->token,
                                      .commit_no = a->commit_no + 1,
                                      .event = event,
                                      .counters = a->counters}};
    return c;
}

/* Where it goes on when it runs again: the phase, and how many calls are made. */
static void add_step(struct sim *s, const struct sim_attempt *a, struct sim_commit *c) {
    char text[48];
    int len = snprintf(text, sizeof text, "%d %lld", (int)a->phase, (long long)a->calls_made);
    const char *kept = sim_text(s, &s->batch.arena, text);
    c->steps[c->item.step_count++] =
        (struct store_step){.name = STEP_PLACE, .value = {kept, (size_t)len}};
    c->item.steps = c->steps;
    c->item.state_version = STATE_VERSION;
}

static int64_t keep_of(const struct sim_attempt *a, enum job_event event) {
    const struct config_queue *q = a->lane->queue->config;
    return event == JOB_EV_DIE ? q->dead_ttl_ms : q->ttl_ms;
}

/* Its end sets nothing going: no other of its schedule waits for it, no flow, and nothing was made. */
static bool nobody_notices(struct sim *s, const struct sim_attempt *a, const struct sim_commit *c) {
    bool over = c->item.event == JOB_EV_SUCCEED || c->item.event == JOB_EV_DIE;
    return over && (a->schedule == NULL || a->schedule->unfinished <= 1) && id_is_zero(&a->flow) &&
           c->item.child_count + c->item.event_count == 0 && c->item.then == NULL &&
           sim_flows_find(s, &a->spec.id) == NULL;
}

static void commit(struct sim *s, struct sim_attempt *a, const struct outcome *o, const char *scope,
                   const char *code) {
    struct sim_commit *c = new_commit(s, a, o->event);
    if (c == NULL) {
        return;
    }
    c->item.counters = o->after;
    c->item.run_at_ms = o->run_at_ms;
    c->item.park = o->park;
    c->item.keep_ms = keep_of(a, o->event);
    c->item.first_run_ms = a->begun && a->first_run_ms == 0 ? sim_wall(s) : 0;
    c->item.drop_steps = o->drop_steps;
    if (o->event == JOB_EV_PARK) {
        c->item.wait_key = code == NULL ? NULL : sim_text(s, &s->batch.arena, code);
    }
    if (o->event == JOB_EV_RETRY || o->event == JOB_EV_DIE) {
        c->error =
            (struct job_error){.cls = o->cls,
                               .code = o->code,
                               .scope = scope == NULL ? NULL : sim_text(s, &s->batch.arena, scope)};
        c->item.error = &c->error;
    }
    if (a->answer != NULL) {
        sim_plugin_commit(s, a, age_of(s, a), c);
    } else if (a->makes) {
        sim_children_make(s, a, c);
    }
    if (o->event == JOB_EV_PARK && a->phase != SIM_PHASE_WORK) {
        add_step(s, a, c);
    }
    if (o->event == JOB_EV_PARK && a->lane->type->plugin == NULL) {
        sim_waits_begin(s, a, o->park, c);
    }
    sim_flush_commit(s, c, nobody_notices(s, a, c));
}

/* ------------------------------------------------------------------ what is told */

static void count(struct sim *s, const struct sim_pause *p, int64_t until_ms) {
    int64_t waited = until_ms - p->since_ms;
    if (waited > 0) {
        s->report->waited_ms[p->reason] += waited;
        s->report->parked_ms[p->park] += p->reason == REASON_PARKED ? waited : 0;
    }
}

static void free_pause(struct sim_pause *p) {
    free(p->wait_key);
    free(p->wait_for);
    free(p);
}

void sim_attempt_waited(struct sim *s, const struct job_id *id, int64_t until_ms) {
    struct sim_pause *p = NULL;
    if (s->pauses != NULL) {
        HASH_FIND(hh, s->pauses, id, sizeof *id, p);
    }
    if (p != NULL) {
        count(s, p, until_ms);
        HASH_DEL(s->pauses, p);
        free_pause(p);
    }
}

void sim_attempt_waited_all(struct sim *s, bool counts) {
    struct sim_pause *p = s->pauses, *next;
    HASH_CLEAR(hh, s->pauses); // they are still in their order
    for (; p != NULL; p = next) {
        next = p->hh.next;
        if (counts) {
            count(s, p, sim_wall(s));
        }
        free_pause(p);
    }
}

/* From now on it waits; the first of evaluate()'s reasons says for what. */
static void begin_wait(struct sim *s, const struct sim_attempt *a, const struct outcome *o) {
    struct reason reason;
    const struct job_facts facts = {
        .state = o->event == JOB_EV_RETRY ? JOB_SCHEDULED : JOB_PARKED,
        .park = o->park,
        .run_at_ms = o->run_at_ms,
        .has_handler = true,
        .pool_slots = 1,
    };
    if ((o->event != JOB_EV_RETRY && o->event != JOB_EV_PARK) ||
        evaluate(&facts, sim_wall(s), &reason, 1) == 0) {
        return;
    }
    struct sim_pause *p = calloc(1, sizeof *p);
    if (p == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
        return;
    }
    *p = (struct sim_pause){
        .id = a->spec.id, .since_ms = sim_wall(s), .reason = reason.code, .park = o->park};
    if (a->answer != NULL &&
        a->answer->wait_key != NULL) { // what it finds there then is told to its code
        p->wait_key = strdup(a->answer->wait_key);
        p->wait_for = a->answer->wait_for == NULL ? NULL : strdup(a->answer->wait_for);
    }
    HASH_ADD(hh, s->pauses, id, sizeof p->id, p);
}

static void tell(struct sim *s, const struct sim_attempt *a, const struct outcome *o,
                 const char *code) {
    const char *name = a->lane->type->name;
    const char *why = o->code != NULL ? o->code : outcome_class(o->cls)->name;
    char wait[48];
    int64_t left = (o->run_at_ms - sim_wall(s) + 999) / 1000 * 1000;
    duration_format(left < 0 ? 0 : left, wait, sizeof wait);
    bool timed = o->run_at_ms != 0 && o->run_at_ms != a->spec.deadline_ms;
    switch (o->event) {
    case JOB_EV_SUCCEED:
        COUNT_JOB(a, succeeded);
        sim_note(s, NOTE_SUCCEED, name, &a->spec, "%s", "");
        break;
    case JOB_EV_RETRY:
        COUNT_JOB(a, retried);
        sim_note(s, NOTE_RETRY, name, &a->spec, "%s; again in %s", why, wait);
        break;
    case JOB_EV_PARK:
        COUNT_JOB(a, parked);
        sim_note(s, NOTE_PARK, name, &a->spec, "%s%s%s%s%s", park_reason_name((int)o->park),
                 code == NULL ? "" : " ", code == NULL ? "" : code, timed ? "; again in " : "",
                 timed ? wait : "");
        break;
    case JOB_EV_CANCEL:
        COUNT_JOB(a, cancelled);
        sim_note(s, NOTE_CANCEL, name, &a->spec, "%s", "");
        break;
    case JOB_EV_DIE:
        COUNT_JOB(a, dead);
        sim_note(s, NOTE_DEAD, name, &a->spec, "%s", why);
        break;
    default: sim_note(s, NOTE_RETURN, name, &a->spec, "%s", why);
    }
    begin_wait(s, a, o);
}

/* As pool_breaker_note() has it: a crash that counts, or a return. */
static void learn_plugin(struct sim *s, const struct sim_attempt *a,
                         const struct attempt_report *report, const struct outcome *o) {
    struct sim_pool *pool = a->lane->type->pool;
    char wait[48];
    if (o->after.crashes > a->counters.crashes) {
        if (plugin_breaker_crash(&pool->breaker, &pool->rules, (uint64_t)id_order(&a->spec.id),
                                 s->passed_ms)) {
            duration_format(pool->breaker.until_ms - s->passed_ms, wait, sizeof wait);
            sim_note(s, NOTE_PLUGIN, pool->name, NULL, "left alone for %s: it crashed on many jobs",
                     wait);
            sim_set(s, &pool->probes, pool->breaker.until_ms);
        }
    } else if (report->end == ATTEMPT_RETURNED && report->cancelled == 0 &&
               plugin_breaker_return(&pool->breaker, s->passed_ms)) {
        sim_note(s, NOTE_PLUGIN, pool->name, NULL, "one returned: it goes on");
    }
}

/* ------------------------------------------------------------------ its end */

/* By convention what fails for a user fails for all jobs of that tenant. */
static const char *scope_of(const struct sim_attempt *a, char out[JOB_SCOPE_MAX + 1]) {
    if (a->answer != NULL) {
        return a->answer->scope;
    }
    bool of_user = strcmp(handler_of(a)->scope, "user") == 0 && a->spec.tenant != NULL;
    int n = of_user ? snprintf(out, JOB_SCOPE_MAX + 1, "user:%s", a->spec.tenant) : -1;
    return n > 0 && n <= JOB_SCOPE_MAX ? out : NULL;
}

void sim_attempt_return(struct sim *s, struct sim_attempt *a, const struct attempt_report *report,
                        const char *code) {
    struct policy policy;
    char room[JOB_SCOPE_MAX + 1];
    const char *scope = scope_of(a, room);
    policy_of(a->lane->queue->config, a->lane->type->config, &a->spec, &policy);
    struct outcome o = outcome_decide(report, &a->counters, &policy.retry, a->spec.deadline_ms,
                                      id_seed(&a->spec.id), sim_wall(s));
    policy_finish(&policy);
    sim_breakers_learn(s, a, report, scope, &o);
    learn_plugin(s, a, report, &o);
    tell(s, a, &o, code);
    commit(s, a, &o, scope, code);
    sim_slots_end(s, a, report);
    bool final = job_is_final((enum job_state)job_next_state(JOB_RUNNING, o.event));
    if (final && a->schedule != NULL && a->schedule->unfinished > 0) {
        a->schedule->unfinished--;
    }
    if (final) {
        sim_flows_ended(s, &a->spec.id, &a->flow,
                        (enum job_state)job_next_state(JOB_RUNNING, o.event));
    }
    end(s, a, final);
}

static void on_timeout(struct sim *s, struct agenda_event *e) {
    const struct attempt_report report = {
        .end = ATTEMPT_RETURNED, .status = JH_RETRY, .cancelled = JH_CANCEL_DEADLINE};
    sim_attempt_return(s, CONTAINER_OF(e, struct sim_attempt, event), &report, NULL);
}

void sim_attempt_crash(struct sim *s, struct agenda_event *e) {
    struct sim_attempt *a = CONTAINER_OF(e, struct sim_attempt, event);
    const struct attempt_report report = {.end = ATTEMPT_CRASHED};
    COUNT_JOB(a, crashed);
    sim_note(s, NOTE_CRASH, a->lane->type->name, &a->spec, "%s", "");
    sim_attempt_return(s, a, &report, NULL);
}

struct sim_attempt *sim_attempt_find(struct sim *s, const struct job_id *id) {
    for (int64_t h = 0; h < s->scenario->hosts; h++) {
        struct sim_attempt *a;
        LIST_FOREACH(a, &s->hosts[h].attempts, link) {
            if (id_equal(&a->spec.id, id)) {
                return a;
            }
        }
    }
    return NULL;
}

void sim_attempt_cancel(struct sim *s, struct sim_attempt *a) {
    const struct attempt_report report = {
        .end = ATTEMPT_RETURNED, .status = JH_RETRY, .cancelled = JH_CANCEL_USER};
    sim_attempt_return(s, a, &report, NULL);
}

/* What it makes goes with what ends this run. */
static void make_children(struct sim *s, struct sim_attempt *a) {
    const struct attempt_report report = {
        .end = ATTEMPT_RETURNED, .status = JH_YIELD, .wait_kind = JH_WAIT_CHILDREN};
    a->makes = true;
    a->phase = SIM_PHASE_END;
    sim_attempt_return(s, a, &report, NULL);
}

static void ask(struct sim *s, struct sim_attempt *a) {
    const struct attempt_report report = {
        .end = ATTEMPT_RETURNED, .status = JH_YIELD, .wait_kind = OUTCOME_WAIT_OPERATOR};
    a->phase = SIM_PHASE_EVENT;
    sim_attempt_return(s, a, &report, SIM_WAITS_KEY);
}

static void wait_for_event(struct sim *s, struct sim_attempt *a, const struct scenario_handler *h) {
    const char *name =
        sim_expand(s, &a->arena, h->event, a->spec.tenant == NULL ? "nobody" : a->spec.tenant, 0);
    const struct attempt_report report = {
        .end = ATTEMPT_RETURNED,
        .status = JH_YIELD,
        .wait_kind = JH_WAIT_EVENT,
        .wake_at_ms = h->event_for_ms == 0 ? 0 : sim_wall(s) + h->event_for_ms};
    a->phase = SIM_PHASE_CALLS;
    sim_attempt_return(s, a, &report, name);
}

void sim_attempt_go_on(struct sim *s, struct sim_attempt *a) {
    const struct scenario_handler *h = handler_of(a);
    if (a->phase == SIM_PHASE_WORK && h->asks != NULL) {
        ask(s, a);
    } else if (a->phase <= SIM_PHASE_EVENT && h->event != NULL) {
        wait_for_event(s, a, h);
    } else if (a->phase != SIM_PHASE_END && a->calls_made < h->calls) {
        a->phase = SIM_PHASE_CALLS;
        sim_calls_go_on(s, a);
    } else if (a->phase != SIM_PHASE_END && h->child != NULL && h->waits) {
        make_children(s, a);
    } else {
        a->makes = a->phase != SIM_PHASE_END && h->child != NULL;
        sim_attempt_done(s, a);
    }
}

void sim_attempt_done(struct sim *s, struct sim_attempt *a) {
    const struct attempt_report report = {.end = ATTEMPT_RETURNED, .status = JH_OK};
    sim_attempt_return(s, a, &report, NULL);
}

void sim_attempt_die(struct sim *s, struct sim_attempt *a) {
    agenda_drop(&s->agenda, &a->event);
    sim_limits_withdraw(s, &a->wish);
    sim_attempt_unhold(s, a);
    a->died_ms = s->passed_ms;
    if (a->begun) { // else nobody hears of it
        a->lane->type->report->lost++;
        sim_note(s, NOTE_LOST, a->lane->type->name, &a->spec, "host %u", a->host + 1);
    }
}

void sim_attempt_recover(struct sim *s, struct sim_attempt *a) {
    struct sim_commit *c = new_commit(s, a, JOB_EV_RELEASE);
    if (c != NULL) {
        c->item.counters.lost += a->begun;
        if (a->answer != NULL) {
            sim_plugin_commit(s, a, age_of(s, a), c);
        }
        sim_flush_commit(s, c, false);
        sim_note(s, NOTE_RETURN, a->lane->type->name, &a->spec, "%s", "");
    }
    end(s, a, false);
}

/* ------------------------------------------------------------------ its way */

void sim_attempt_waits(struct sim *s, struct sim_attempt *a, int64_t wait_ms) {
    a->event.happen = on_timeout;
    if (a->until_ms != INT64_MAX && wait_ms > 0) {
        sim_set(s, &a->event, a->until_ms);
    }
}

void sim_attempt_next(struct sim *s, struct sim_attempt *a, int64_t after_ms,
                      void (*happen)(struct sim *, struct agenda_event *)) {
    int64_t at = s->passed_ms + after_ms;
    a->event.happen = at > a->until_ms ? on_timeout : happen;
    sim_set(s, &a->event, at > a->until_ms ? a->until_ms : at);
}

/* The class that chance has it fail with, JH_E_NONE = it does not. */
static jh_class draw_failure(struct sim_attempt *a) {
    const struct scenario_handler *h = handler_of(a);
    double u = sim_chance(&a->draw);
    for (int cls = JH_E_INPUT; cls <= JH_E_UNKNOWN; cls++) {
        if (u < h->fails[cls]) {
            return cls;
        }
        u -= h->fails[cls];
    }
    return JH_E_NONE;
}

static void on_worked(struct sim *s, struct agenda_event *e) {
    struct sim_attempt *a = CONTAINER_OF(e, struct sim_attempt, event);
    jh_class cls = a->resumed ? JH_E_NONE : draw_failure(a);
    if (cls == JH_E_NONE) {
        sim_attempt_go_on(s, a);
        return;
    }
    const struct attempt_report report = {.end = ATTEMPT_RETURNED,
                                          .status = outcome_status(cls),
                                          .cls = cls,
                                          .retry_after_ms = handler_of(a)->retry_after_ms};
    sim_attempt_return(s, a, &report, NULL);
}

static void begin(struct sim *s, struct sim_attempt *a) {
    const struct scenario_handler *h = handler_of(a);
    double crash = 1 - (1 - h->crash) * (1 - sim_faults_crash(s, a->lane->type));
    a->crashes = sim_chance(&a->draw) < crash;
    if (a->lane->type->plugin != NULL) {
        sim_plugin_begin(s, a);
        return;
    }
    int64_t takes = a->resumed ? 0 : sim_span(&a->draw, &h->takes);
    if (a->crashes) {
        sim_attempt_next(s, a, (int64_t)(sim_chance(&a->draw) * (double)takes), sim_attempt_crash);
    } else {
        sim_attempt_next(s, a, takes, on_worked);
    }
}

/* ------------------------------------------------------------------ its beginning */

static void read_step(struct sim *s, struct sim_attempt *a) {
    struct store_step_get op = {
        .op = {.kind = STORE_STEP_GET}, .id = a->spec.id, .name = STEP_PLACE};
    char text[48] = "";
    if (stock_run(&s->stock, &op.op, sim_wall(s)) == 0 && op.value.len < sizeof text) {
        char *rest;
        memcpy(text, op.value.data, op.value.len);
        a->phase = (enum sim_phase)strtol(text, &rest, 10);
        a->calls_made = strtoll(rest, NULL, 10);
        a->resumed = true;
    }
    store_op_finish(&op.op);
    s->report->store_ops++;
}

static void copy_spec(struct sim *s, struct sim_attempt *a, const struct job_spec *spec) {
    a->spec = *spec;
    a->spec.type = a->lane->type->name;
    a->spec.queue = a->lane->queue->name;
    a->spec.tenant = spec->tenant == NULL ? NULL : sim_text(s, &a->arena, spec->tenant);
    a->spec.retry = spec->retry == NULL ? NULL : sim_text(s, &a->arena, spec->retry);
    a->spec.schedule = NULL;
    bool runs = a->lane->type->plugin != NULL; // and reads all of it
    a->spec.payload = runs ? arena_bytes(&a->arena, spec->payload) : (struct bytes){NULL, 0};
    a->spec.content_type = runs ? arena_str(&a->arena, spec->content_type) : NULL;
    a->spec.dedup_key = runs ? arena_str(&a->arena, spec->dedup_key) : NULL;
    a->spec.labels = NULL;
    a->spec.callback = NULL;
    a->flow = store_flow_has(spec) ? spec->parent : (struct job_id){{0}};
    a->spec.flow_id = spec->flow_id == NULL ? NULL : arena_str(&a->arena, spec->flow_id);
    a->spec.flow_queue = spec->flow_queue == NULL ? NULL : arena_str(&a->arena, spec->flow_queue);
    a->spec.files = NULL;
    a->spec.file_count = 0;
}

/* Its scope is left alone: it waits, and nothing of it was begun. */
static void park_for_breaker(struct sim *s, struct sim_attempt *a, struct sim_breaker *b,
                             int64_t until_ms) {
    const struct attempt_report report = {.end = ATTEMPT_BARRED, .wake_at_ms = until_ms};
    sim_breakers_parked(s, b, &a->spec.id);
    sim_attempt_return(s, a, &report, b->name);
}

void sim_attempt_begin(struct sim *s, struct sim_attempt *a) {
    struct sim_pool *pool = a->lane->type->pool;
    int64_t waited = sim_wall(s) - a->ready_ms;
    a->begun = true;
    pool->busy[a->host]++;
    pool->busy_all++;
    a->began_ms = s->passed_ms;
    a->until_ms = a->spec.timeout_ms == 0 ? INT64_MAX : s->passed_ms + a->spec.timeout_ms;
    quantile_add(&a->lane->type->report->wait, waited);
    if (a->user != NULL) {
        quantile_add(&a->user->wait, waited);
    }
    COUNT_JOB(a, started);
    sim_note(s, NOTE_START, a->lane->type->name, &a->spec, "host %u", a->host + 1);
    sim_slots_begun(s, a);
    if (a->steps_version != 0) {
        read_step(s, a);
    }
    begin(s, a);
}

void sim_attempt_place(struct sim *s, struct sim_attempt *a) {
    struct sim_pool *pool = a->lane->type->pool;
    if (pool->busy[a->host] < pool->slots && pool->held_count == 0) {
        sim_attempt_begin(s, a);
    } else {
        a->held = true;
        TAILQ_INSERT_TAIL(&pool->held, a, held_link);
        pool->held_count++;
        s->held++;
    }
}

void sim_attempt_start(struct sim *s, struct sim_lane *lane, const struct store_claimed *job,
                       unsigned host) {
    struct sim_attempt *a = calloc(1, sizeof *a);
    int64_t until_ms;
    if (a == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
        return;
    }
    a->lane = lane;
    a->host = host;
    agenda_event(&a->event, on_worked);
    copy_spec(s, a, &job->spec);
    a->user = sim_places_user(s, a->spec.tenant);
    a->counters = job->counters;
    a->token = job->token;
    a->commit_no = job->commit_no;
    a->steps_version = job->steps_version;
    a->first_run_ms = job->first_run_ms;
    a->ready_ms = job->ready_ms;
    a->created_ms = job->created_ms;
    if (lane->type->plugin != NULL) {
        sim_plugin_recall(s, a);
    }
    sim_attempt_waited(s, &job->spec.id, job->ready_ms);
    a->scope = job->scope == NULL ? NULL : sim_text(s, &a->arena, job->scope);
    a->schedule = sim_times_find(s, job->spec.schedule);
    a->draw = sim_draw(s, id_seed(&job->spec.id), (uint64_t)(uint32_t)job->counters.executions + 1);
    take_place(s, a);
    s->report->events++;
    struct sim_breaker *b = sim_breakers_admit(s, a, &until_ms);
    if (b != NULL) {
        park_for_breaker(s, a, b, until_ms);
    } else if (!sim_slots_wants(s, a)) {
        sim_attempt_place(s, a);
    }
}
