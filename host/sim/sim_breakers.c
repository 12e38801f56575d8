/* Breakers of scopes (core/breaker.h): a job whose scope is left alone waits for that, and uses nothing. */
#include <errno.h>
#include <string.h>

#include "base/rfc3339.h"
#include "sim/sim_private.h"

static const char *scope_of(const struct sim_lane *lane, const struct job_spec *spec) {
    const struct scenario_handler *h = lane->type->handler;
    bool of_user = h != NULL && strcmp(h->scope, "user") == 0 && spec->tenant != NULL;
    return of_user ? spec->tenant : lane->type->name;
}

static struct sim_breaker *find(struct sim *s, enum breaker_kind kind, const char *scope,
                                bool make) {
    char name[BREAKER_NAME_MAX + 1];
    struct sim_breaker *b = NULL;
    if (breaker_name(kind, scope, name) != 0) {
        return NULL;
    }
    HASH_FIND_STR(s->breakers, name, b);
    if (b != NULL || !make || (b = sim_alloc(s, &s->arena, sizeof *b)) == NULL) {
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

static struct breaker_times times_of(const struct sim *s, enum breaker_kind kind) {
    struct breaker_times times = breaker_default[kind];
    for (size_t i = 0; i < s->config->breaker_count; i++) {
        const struct config_breaker *c = &s->config->breakers[i];
        if (strcmp(c->entry.name, breaker_kind_name(kind)) == 0) {
            times.base_ms = c->base_ms != 0 ? c->base_ms : times.base_ms;
            times.cap_ms = c->cap_ms != 0 ? c->cap_ms : times.cap_ms;
        }
    }
    return times;
}

static uint64_t asker(const struct job_spec *spec) {
    return (uint64_t)id_order(&spec->id);
}

bool sim_breakers_admit(struct sim *s, const struct sim_lane *lane, const struct job_spec *spec,
                        int64_t *ret_until_ms, const char **ret_name) {
    const char *scope = scope_of(lane, spec);
    bool go = true;
    for (int kind = 0; s->breakers != NULL && kind < BREAKER_KINDS; kind++) {
        struct sim_breaker *b = find(s, (enum breaker_kind)kind, scope, false);
        int64_t until = 0;
        if (b != NULL && breaker_admit(&b->core, asker(spec), spec->timeout_ms, sim_wall(s),
                                       &until) == BREAKER_WAIT) {
            *ret_until_ms = go || until > *ret_until_ms ? until : *ret_until_ms;
            *ret_name = b->name;
            go = false;
        }
    }
    return go;
}

static void note_open(struct sim *s, struct sim_breaker *b, const struct sim_attempt *a) {
    char wait[48];
    duration_format(b->core.until_ms - sim_wall(s), wait, sizeof wait);
    b->report->opened++;
    b->report->open_ms += b->core.until_ms - sim_wall(s);
    sim_note(s, NOTE_BREAKER, b->name, &a->spec, "opens for %s: %s", wait,
             outcome_class(b->core.cls)->name);
}

void sim_breakers_learn(struct sim *s, const struct sim_attempt *a,
                        const struct attempt_report *report, const struct outcome *o) {
    const char *scope = scope_of(a->lane, &a->spec);
    int failed = o->event == JOB_EV_RETRY || o->event == JOB_EV_DIE ? breaker_kind_of(o->cls) : -1;
    for (int kind = 0; kind < BREAKER_KINDS; kind++) {
        struct sim_breaker *b = find(s, (enum breaker_kind)kind, scope, kind == failed);
        struct breaker_times times = times_of(s, (enum breaker_kind)kind);
        if (b == NULL) {
            continue;
        }
        if (kind == failed) {
            if (breaker_failed(&b->core, &times, asker(&a->spec), o->cls, report->retry_after_ms,
                               sim_wall(s))) {
                note_open(s, b, a);
            }
        } else if (o->event == JOB_EV_SUCCEED) {
            if (breaker_succeeded(&b->core, asker(&a->spec))) {
                sim_note(s, NOTE_BREAKER, b->name, &a->spec, "closes");
            }
        } else {
            (void)breaker_abandoned(&b->core, asker(&a->spec));
        }
    }
}

void sim_breakers_finish(struct sim *s) {
    HASH_CLEAR(hh, s->breakers);
}
