/* Breakers of scopes (core/breaker.h), called and asked as supervisor/breakers.c does it: one of the type keeps its whole
 * lanes waiting, one of a user or of what a job's last failure named has that job parked. No attempt is used. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/rfc3339.h"
#include "sim/sim_private.h"

enum {
    SCOPES_MAX = 3, // that a job has
    USER_SCOPE_MAX = JOB_SCOPE_MAX + 8,
    LEASE_MORE_MS = 60000, // of a probe, behind the job's timeout
};

/* ------------------------------------------------------------------ by name */

static bool name_of(const struct sim_lane *lane, enum breaker_kind kind, const char *scope,
                    char out[BREAKER_NAME_MAX + 1]) {
    char whole[BREAKER_SCOPE_MAX + 1];
    int n =
        scope == NULL ? -1 : snprintf(whole, sizeof whole, "%s:%s", lane->type->pool->name, scope);
    return n > 0 && (size_t)n < sizeof whole && breaker_name(kind, whole, out) == 0;
}

/* Do failures of this lane's jobs count, and are its jobs held back? */
static bool is_on(const struct sim *s, const struct sim_lane *lane, enum breaker_kind kind,
                  struct breaker_times *ret) {
    return config_breaker(s->config, kind, ret) && lane->type->config->breakers &&
           lane->queue->config->breakers;
}

static struct sim_breaker *find(struct sim *s, const struct sim_lane *lane, enum breaker_kind kind,
                                const char *scope) {
    char name[BREAKER_NAME_MAX + 1];
    struct breaker_times times;
    struct sim_breaker *b = NULL;
    if (s->breakers != NULL && is_on(s, lane, kind, &times) && name_of(lane, kind, scope, name)) {
        HASH_FIND_STR(s->breakers, name, b);
    }
    return b;
}

static struct sim_breaker *need(struct sim *s, const struct sim_lane *lane, enum breaker_kind kind,
                                const char *scope) {
    char name[BREAKER_NAME_MAX + 1];
    struct sim_breaker *b = find(s, lane, kind, scope);
    if (b != NULL || !name_of(lane, kind, scope, name) ||
        (b = sim_alloc(s, &s->arena, sizeof *b)) == NULL) {
        return b;
    }
    *b = (struct sim_breaker){.name = (char *)(uintptr_t)sim_text(s, &s->arena, name),
                              .report = report_breaker(s->report, name)};
    if (b->report == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, s->breakers, b->name, strlen(b->name), b);
    return b;
}

/* By convention what fails for a user fails for all jobs of that tenant. */
static const char *user_scope(const char *tenant, char out[USER_SCOPE_MAX]) {
    int n = tenant == NULL ? -1 : snprintf(out, USER_SCOPE_MAX, "user:%s", tenant);
    return n > 0 && n < USER_SCOPE_MAX ? out : NULL;
}

static uint64_t asker(const struct sim_attempt *a) {
    return (uint64_t)id_order(&a->spec.id);
}

/* ------------------------------------------------------------------ who has to wait */

void sim_breakers_facts(struct sim *s, struct sim_lane *lane, struct job_facts *ret) {
    for (int kind = 0; s->breakers != NULL && kind < BREAKER_KINDS; kind++) {
        const struct sim_breaker *b = find(s, lane, (enum breaker_kind)kind, lane->type->name);
        int64_t until = 0;
        if (b == NULL || breaker_ask(&b->core, 0, sim_wall(s), &until) != BREAKER_WAIT ||
            until <= ret->scope_until_ms) {
            continue;
        }
        ret->scope_breaker = b->name;
        ret->scope_class = outcome_class(b->core.cls)->name;
        ret->scope_failures = b->core.failures;
        ret->scope_half_open = breaker_state(&b->core, sim_wall(s)) == BREAKER_IS_HALF_OPEN;
        ret->scope_until_ms = until;
    }
    if (ret->scope_until_ms > sim_wall(s)) {
        sim_set(s, &lane->opens, sim_passed_at(s, ret->scope_until_ms));
    }
}

bool sim_breakers_probing(struct sim *s, const struct sim_lane *lane) {
    for (int kind = 0; s->breakers != NULL && kind < BREAKER_KINDS; kind++) {
        const struct sim_breaker *b = find(s, lane, (enum breaker_kind)kind, lane->type->name);
        if (b != NULL && breaker_state(&b->core, sim_wall(s)) != BREAKER_IS_CLOSED) {
            return true;
        }
    }
    return false;
}

struct sim_breaker *sim_breakers_admit(struct sim *s, struct sim_attempt *a,
                                       int64_t *ret_until_ms) {
    char user[USER_SCOPE_MAX];
    const char *const scopes[SCOPES_MAX] = {a->lane->type->name, user_scope(a->spec.tenant, user),
                                            a->scope};
    struct sim_breaker *stop = NULL;
    *ret_until_ms = 0;
    for (int i = 0; s->breakers != NULL && i < SCOPES_MAX * BREAKER_KINDS; i++) {
        struct sim_breaker *b =
            find(s, a->lane, (enum breaker_kind)(i % BREAKER_KINDS), scopes[i / BREAKER_KINDS]);
        int64_t until = 0;
        if (b != NULL && breaker_admit(&b->core, asker(a), a->spec.timeout_ms + LEASE_MORE_MS,
                                       sim_wall(s), &until) == BREAKER_WAIT) {
            stop = stop == NULL || until > *ret_until_ms ? b : stop;
            *ret_until_ms = until > *ret_until_ms ? until : *ret_until_ms;
        }
    }
    return stop;
}

void sim_breakers_parked(struct sim *s, struct sim_breaker *b, const struct job_id *id) {
    struct sim_sleeper *sleeper = sim_alloc(s, &s->arena, sizeof *sleeper);
    if (sleeper != NULL) {
        sleeper->id = *id;
        sleeper->next = b->sleepers;
        b->sleepers = sleeper;
    }
}

/* Who was parked for it goes on; of those that went on before the store says so. */
static void wake_some(struct sim *s, struct sim_breaker *b, bool *one) {
    for (const struct sim_sleeper *p = b->sleepers; p != NULL; p = p->next) {
        struct sim_move *m = sim_alloc(s, &s->batch.arena, sizeof *m);
        if (m != NULL) {
            *m = (struct sim_move){
                .item = {.id = p->id, .event = JOB_EV_WAKE}, .wait_key = b->name, .one = one};
            sim_flush_move(s, m);
        }
    }
}

static void wake_all(struct sim *s, struct sim_breaker *b) {
    wake_some(s, b, NULL);
    b->sleepers = NULL;
}

/* Its probe has said nothing, and the next one may try. */
static void wake_one(struct sim *s, struct sim_breaker *b) {
    bool *one = sim_alloc(s, &s->batch.arena, sizeof *one);
    if (one != NULL) {
        *one = false;
        wake_some(s, b, one);
    }
}

/* ------------------------------------------------------------------ what became of it */

static void note_open(struct sim *s, struct sim_breaker *b, const struct sim_attempt *a) {
    char wait[48];
    duration_format(b->core.until_ms - sim_wall(s), wait, sizeof wait);
    b->report->opened++;
    b->report->open_ms += b->core.until_ms - sim_wall(s);
    sim_note(s, NOTE_BREAKER, b->name, &a->spec, "opens for %s: %s", wait,
             outcome_class(b->core.cls)->name);
}

/* The class is the handler's own word: what the host has stopped, or what gave no class, says nothing of the other side. */
static int kind_of(const struct sim *s, const struct sim_lane *lane, const struct attempt_report *r,
                   const struct outcome *o, struct breaker_times *ret) {
    bool own = r->end == ATTEMPT_RETURNED && r->cancelled == 0 && r->cls != JH_E_NONE &&
               r->status != JH_OK && (o->event == JOB_EV_RETRY || o->event == JOB_EV_DIE);
    int kind = own ? breaker_kind_of(o->cls) : -1;
    return kind >= 0 && is_on(s, lane, (enum breaker_kind)kind, ret) ? kind : -1;
}

static void learn_failure(struct sim *s, struct sim_attempt *a, const struct attempt_report *report,
                          const struct breaker_times *times, struct sim_breaker *b,
                          struct outcome *o) {
    int64_t deadline = a->spec.deadline_ms;
    if (breaker_failed(&b->core, times, asker(a), o->cls, report->retry_after_ms, sim_wall(s))) {
        note_open(s, b, a);
    }
    if (breaker_kind_of(o->cls) == BREAKER_AUTH && o->event == JOB_EV_RETRY &&
        b->core.until_ms > o->run_at_ms) {
        o->run_at_ms = deadline != 0 && b->core.until_ms > deadline ? deadline : b->core.until_ms;
    }
}

void sim_breakers_learn(struct sim *s, struct sim_attempt *a, const struct attempt_report *report,
                        const char *scope, struct outcome *o) {
    char user[USER_SCOPE_MAX];
    const char *const scopes[SCOPES_MAX] = {a->lane->type->name, user_scope(a->spec.tenant, user),
                                            a->scope};
    struct breaker_times times;
    int failed = kind_of(s, a->lane, report, o, &times);
    struct sim_breaker *own =
        failed < 0 ? NULL
                   : need(s, a->lane, (enum breaker_kind)failed, scope == NULL ? scopes[0] : scope);
    for (int i = 0; s->breakers != NULL && i < SCOPES_MAX * BREAKER_KINDS; i++) {
        struct sim_breaker *b =
            find(s, a->lane, (enum breaker_kind)(i % BREAKER_KINDS), scopes[i / BREAKER_KINDS]);
        if (b == NULL || b == own) {
            continue;
        }
        if (o->event != JOB_EV_SUCCEED) {
            if (breaker_abandoned(&b->core, asker(a))) {
                wake_one(s, b);
            }
        } else if (breaker_succeeded(&b->core, asker(a))) {
            sim_note(s, NOTE_BREAKER, b->name, &a->spec, "closes");
            wake_all(s, b);
        }
    }
    if (own != NULL) {
        learn_failure(s, a, report, &times, own, o);
    }
}

void sim_breakers_finish(struct sim *s) {
    HASH_CLEAR(hh, s->breakers);
}
