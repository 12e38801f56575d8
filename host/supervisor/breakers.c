#include "supervisor/breakers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/evaluate.h"
#include "core/outcome.h"
#include "supervisor/breakers_private.h"
#include "supervisor/dispatch.h"
#include "supervisor/lane.h"
#include "supervisor/pool_private.h"

enum {
    LEASE_MORE_MS = 60000, /* of a probe, behind the job's timeout */
    SCOPES_MAX = 3,        /* that a job has */
    TENANT_SCOPE_MAX = JOB_SCOPE_MAX + 8,
};

/* One whose probe an attempt is. */
struct breaker_probe {
    char name[BREAKER_NAME_MAX + 1];
    struct breaker_probe *next;
};

/* ------------------------------------------------------------------ those of a job */

/* Do failures of this lane's jobs count, and are its jobs held back? */
static bool is_on(const struct lane *lane, enum breaker_kind kind, struct breaker_times *ret) {
    return config_breaker(lane->host->config, kind, ret) && lane->config->breakers &&
           lane->queue->config->breakers;
}

/* False: it has none, for its scope is too long or not plain text. */
static bool name_of(const struct lane *lane, enum breaker_kind kind, const char *scope,
                    char out[BREAKER_NAME_MAX + 1]) {
    char whole[BREAKER_SCOPE_MAX + 1];
    int n = lane->pool == NULL || scope == NULL
                ? -1
                : snprintf(whole, sizeof whole, "%s:%s", lane->pool->config->entry.name, scope);
    return n > 0 && (size_t)n < sizeof whole && breaker_name(kind, whole, out) == 0;
}

/* By convention what fails for a user fails for all jobs of that tenant. */
static const char *tenant_scope(const char *tenant, char out[TENANT_SCOPE_MAX]) {
    int n = tenant == NULL ? -1 : snprintf(out, TENANT_SCOPE_MAX, "user:%s", tenant);
    return n > 0 && n < TENANT_SCOPE_MAX ? out : NULL;
}

struct stop {
    const struct breaker_entry *entry; /* NULL = nothing stops it */
    int64_t until_ms;                  /* 0 = the store is to be asked */
};

static bool probes(const struct attempt *a, const char *name) {
    const struct breaker_probe *p = a == NULL ? NULL : a->breaker_probes;
    while (p != NULL && strcmp(p->name, name) != 0) {
        p = p->next;
    }
    return p != NULL;
}

/* What is known of one scope and class; NULL = it is closed, or off. */
static struct breaker_entry *entry_of(const struct lane *lane, enum breaker_kind kind,
                                      const char *scope) {
    const struct breakers *b = lane->host->breakers;
    char name[BREAKER_NAME_MAX + 1];
    struct breaker_times times;
    bool may = b->of_kind[kind] > 0 && is_on(lane, kind, &times);
    return may && name_of(lane, kind, scope, name) ? breakers_find(b, name) : NULL;
}

/* Of these scopes the one that lasts longest; an open one before one that can be asked. */
static struct stop stop_of(const struct lane *lane, const char *const scopes[SCOPES_MAX],
                           const struct attempt *a, uint64_t id) {
    const struct breakers *b = lane->host->breakers;
    struct stop stop = {.entry = NULL};
    for (int i = 0; i < SCOPES_MAX * BREAKER_KINDS && b->open != NULL; i++) {
        const struct breaker_entry *e =
            entry_of(lane, (enum breaker_kind)(i % BREAKER_KINDS), scopes[i / BREAKER_KINDS]);
        int64_t until = 0;
        if (e == NULL || probes(a, e->name) ||
            breaker_ask(&e->state, id, breakers_now(b), &until) == BREAKER_GO) {
            continue;
        }
        if (stop.entry == NULL || until > stop.until_ms) {
            stop = (struct stop){e, until};
        }
    }
    return stop;
}

static uint64_t asker(const struct attempt *a) {
    return (uint64_t)id_order(&a->job->spec.id);
}

/* Of all jobs of the lane; `a` is one of them, or NULL. */
static struct stop stop_of_lane(const struct lane *lane, const struct attempt *a) {
    const char *const scopes[SCOPES_MAX] = {lane->type};
    return stop_of(lane, scopes, a, a == NULL ? 0 : asker(a));
}

static struct stop stop_of_attempt(const struct attempt *a) {
    char tenant[TENANT_SCOPE_MAX];
    const char *const scopes[SCOPES_MAX] = {
        a->lane->type, tenant_scope(a->job->spec.tenant, tenant), a->job->scope};
    return stop_of(a->lane, scopes, a, asker(a));
}

bool breakers_bar(const struct lane *lane) {
    return lane->host->breakers != NULL && stop_of_lane(lane, NULL).until_ms != 0;
}

uint32_t breakers_room(const struct lane *lane) {
    const struct breakers *b = lane->host->breakers;
    return b->open != NULL && stop_of_lane(lane, NULL).entry != NULL ? 1 : UINT32_MAX;
}

/* ------------------------------------------------------------------ before it begins */

static void park(struct attempt *a, const char *name, int64_t until_ms) {
    struct breakers *b = a->host->breakers;
    struct breaker_entry *e = breakers_find(b, name);
    if (e != NULL) {
        e->parked = true;
    }
    b->counts.parked++;
    attempt_barred(a, name, until_ms);
}

static void note_probe(struct attempt *a, const char *name) {
    struct breaker_probe *p = calloc(1, sizeof *p);
    if (p != NULL) { // else its end is not told, and the next goes when its lease is over
        (void)snprintf(p->name, sizeof p->name, "%s", name);
        p->next = a->breaker_probes;
        a->breaker_probes = p;
    }
}

static void answered(struct attempt *a, const struct breaker_telling *t) {
    const struct store_breaker *op = &t->op;
    a->breaker_asks = NULL;
    attempt_set_aside(a, false);
    if (a->host->phase == HOST_STOPPED) {
        return; // it is freed with all others
    }
    // a store that is not well: it is claimed again when it is
    bool back = op->op.status != 0 ||
                (op->verdict == BREAKER_WAIT && stop_of_lane(a->lane, a).until_ms != 0);
    if (back) {
        attempt_end(a, ATTEMPT_UNSTARTED, NULL);
    } else if (op->verdict == BREAKER_WAIT) {
        park(a, t->name, op->until_ms + op->op.now_ms - op->clock_ms);
    } else {
        if (op->verdict == BREAKER_PROBE) {
            note_probe(a, t->name);
        }
        dispatch_go_on(a);
    }
}

/* False: without memory. */
static bool ask(struct attempt *a, const char *name) {
    struct breaker_telling *t = breakers_telling(a->host->breakers, STORE_BREAKER_ADMIT, name);
    if (t == NULL) {
        return false;
    }
    t->op.id = asker(a);
    t->op.lease_ms = a->job->spec.timeout_ms + LEASE_MORE_MS;
    t->asks = a;
    t->answered = answered;
    a->breaker_asks = &t->asks;
    attempt_set_aside(a, true);
    breakers_tell(t);
    return true;
}

bool breakers_hold(struct attempt *a) {
    bool any = a->host->breakers->open != NULL; // else a job costs nothing more
    struct stop stop = any ? stop_of_attempt(a) : (struct stop){.entry = NULL};
    if (stop.entry == NULL) {
        return false;
    }
    bool back = stop_of_lane(a->lane, a).until_ms != 0; // all of its lane wait where they were
    if (!back && stop.until_ms != 0) {
        park(a, stop.entry->name, stop.until_ms);
    } else if (back || !ask(a, stop.entry->name)) {
        attempt_end(a, ATTEMPT_UNSTARTED, NULL);
    }
    return true;
}

bool breakers_withdraw(struct attempt *a) {
    if (a->breaker_asks == NULL) {
        return false;
    }
    *a->breaker_asks = NULL;
    a->breaker_asks = NULL;
    attempt_set_aside(a, false);
    return true;
}

/* What was claimed ahead, before it opened. */
static void thin(struct pool *pool) {
    struct attempt *a, *next;
    for (a = TAILQ_FIRST(&pool->held); a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        if (stop_of_attempt(a).entry != NULL) {
            TAILQ_REMOVE(&pool->held, a, link);
            (void)breakers_hold(a);
        }
    }
}

/* ------------------------------------------------------------------ what became of it */

static void tell(struct attempt *a, enum store_breaker_verb verb, const char *name) {
    struct breaker_telling *t = breakers_telling(a->host->breakers, verb, name);
    if (t != NULL) {
        t->op.id = asker(a);
        breakers_tell(t);
    }
}

/* The class is the handler's own word: what the host has stopped, or what gave no class, says nothing of the other side. */
static int kind_of(const struct attempt *a, const struct outcome *o, struct breaker_times *ret) {
    const struct attempt_report *r = &a->report;
    bool own = r->end == ATTEMPT_RETURNED && r->cancelled == 0 && r->cls != JH_E_NONE &&
               r->status != JH_OK && (o->event == JOB_EV_RETRY || o->event == JOB_EV_DIE);
    int kind = own ? breaker_kind_of(o->cls) : -1;
    return kind >= 0 && is_on(a->lane, (enum breaker_kind)kind, ret) ? kind : -1;
}

struct failure {
    const char *name; /* of the breaker */
    enum breaker_kind kind;
    struct breaker_times times;
};

static void tell_failed(struct attempt *a, const struct outcome *o, const struct failure *f) {
    struct breaker_telling *t = breakers_telling(a->host->breakers, STORE_BREAKER_FAILED, f->name);
    if (t != NULL) {
        t->op.id = asker(a);
        t->op.times = f->times;
        t->op.cls = o->cls;
        t->op.retry_after_ms = a->report.retry_after_ms;
        breakers_tell(t);
    }
}

/* What the breaker will be, as far as this host knows. */
static struct breaker after_failure(struct attempt *a, const struct outcome *o,
                                    const struct failure *f, const struct breaker_entry *known) {
    struct breaker state = known == NULL ? (struct breaker){.version = 0} : known->state;
    (void)breaker_failed(&state, &f->times, asker(a), o->cls, a->report.retry_after_ms,
                         breakers_now(a->host->breakers));
    return state;
}

static void note_failure(struct attempt *a, struct outcome *o, const struct failure *f) {
    struct breakers *b = a->host->breakers;
    const struct breaker_entry *known = breakers_find(b, f->name);
    if (known == NULL && env_mono_ms(&b->host->env) < b->full_mono_ms) {
        return;
    }
    struct breaker after = after_failure(a, o, f, known);
    int64_t deadline = a->job->spec.deadline_ms;
    if (known == NULL || known->state.version != after.version) { // else it tells nothing new
        tell_failed(a, o, f);
        (void)breakers_learn(b, f->name, &after, 0); // what is claimed meanwhile goes by it
        breakers_look(b);
        thin(a->lane->pool);
    }
    if (f->kind == BREAKER_AUTH && o->event == JOB_EV_RETRY && after.until_ms > o->run_at_ms) {
        o->run_at_ms = deadline != 0 && after.until_ms > deadline ? deadline : after.until_ms;
    }
}

/* Failures before it were not in a row. */
static void note_success(struct attempt *a) {
    static const struct breaker closed;
    struct breakers *b = a->host->breakers;
    char tenant[TENANT_SCOPE_MAX];
    const char *const scopes[SCOPES_MAX] = {
        a->lane->type, tenant_scope(a->job->spec.tenant, tenant), a->job->scope};
    for (int i = 0; i < SCOPES_MAX * BREAKER_KINDS && b->open != NULL; i++) {
        const struct breaker_entry *e =
            entry_of(a->lane, (enum breaker_kind)(i % BREAKER_KINDS), scopes[i / BREAKER_KINDS]);
        if (e != NULL && breaker_is_counting(&e->state)) {
            tell(a, STORE_BREAKER_SUCCEEDED, e->name);
            (void)breakers_learn(b, e->name, &closed, 0);
        }
    }
}

/* The binary before had it try these. */
static void find_probes(struct attempt *a) {
    const struct breaker_entry *e = a->host->breakers->open;
    for (; e != NULL; e = e->hh.next) {
        if (e->state.probe_ms != 0 && e->state.probe == asker(a) && !probes(a, e->name)) {
            note_probe(a, e->name);
        }
    }
}

void breakers_note(struct attempt *a, struct outcome *o, const char *scope) {
    char failed[BREAKER_NAME_MAX + 1] = "";
    struct failure f = {.name = failed};
    int kind = kind_of(a, o, &f.times);
    if (kind >= 0) {
        f.kind = (enum breaker_kind)kind;
        if (!name_of(a->lane, f.kind, scope != NULL ? scope : a->lane->type, failed)) {
            failed[0] = '\0';
        }
    }
    if (a->adopted) {
        find_probes(a);
    }
    for (const struct breaker_probe *p = a->breaker_probes; p != NULL; p = p->next) {
        if (strcmp(p->name, failed) != 0) {
            tell(a, o->event == JOB_EV_SUCCEED ? STORE_BREAKER_SUCCEEDED : STORE_BREAKER_ABANDONED,
                 p->name);
        }
    }
    if (failed[0] != '\0') {
        note_failure(a, o, &f);
    } else if (o->event == JOB_EV_SUCCEED && a->host->breakers->open != NULL) {
        note_success(a);
    }
    breakers_forget(a);
}

void breakers_forget(struct attempt *a) {
    struct breaker_probe *p;
    while ((p = a->breaker_probes) != NULL) {
        a->breaker_probes = p->next;
        free(p);
    }
    (void)breakers_withdraw(a);
}

/* ------------------------------------------------------------------ why not */

void breakers_facts(const struct lane *lane, const struct store_job *job, struct job_facts *ret) {
    char tenant[TENANT_SCOPE_MAX];
    const char *const scopes[SCOPES_MAX] = {
        lane->type, job == NULL ? NULL : tenant_scope(job->spec.tenant, tenant),
        job == NULL ? NULL : job->error.scope};
    struct stop stop =
        stop_of(lane, scopes, NULL, job == NULL ? 0 : (uint64_t)id_order(&job->spec.id));
    if (stop.entry != NULL) {
        const struct breaker *state = &stop.entry->state;
        ret->scope_breaker = stop.entry->name;
        ret->scope_class = outcome_class(state->cls)->name;
        ret->scope_failures = state->failures;
        ret->scope_half_open =
            breaker_state(state, breakers_now(lane->host->breakers)) == BREAKER_IS_HALF_OPEN;
        ret->scope_until_ms = stop.until_ms;
    }
}
