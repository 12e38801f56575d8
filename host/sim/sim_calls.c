/* Calls of handlers: leave is asked of a limit (core/limiter.h), then a remote answers, or says 429.
 *
 *     ask ── granted ──▶ under way ── the answer ──▶ ask for the next
 *      └── not before T: the job yields until then */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_private.h"

/* ------------------------------------------------------------------ limits */

static const struct config_limit *config_of(const struct sim *s, const char *name) {
    size_t len;
    const char *key;
    if (limiter_name_split(name, &len, &key) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < s->config->limit_count; i++) {
        const char *known = s->config->limits[i].entry.name;
        if (strlen(known) == len && strncmp(known, name, len) == 0) {
            return &s->config->limits[i];
        }
    }
    return NULL;
}

static struct sim_limit *find(struct sim *s, const char *name) {
    struct sim_limit *l;
    HASH_FIND_STR(s->limits, name, l);
    if (l != NULL) {
        return l;
    }
    const struct config_limit *c = config_of(s, name);
    if (c == NULL) {
        sim_fail(s, -EINVAL, "the configuration has no limit \"%s\"", name);
        return NULL;
    }
    l = sim_alloc(s, &s->arena, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    bool fixed = strcmp(c->window, "fixed") == 0;
    *l = (struct sim_limit){
        .name = (char *)(uintptr_t)sim_text(s, &s->arena, name),
        .rules = {.rate = c->rate,
                  .per_ms = c->per_ms == 0 ? 1000 : c->per_ms,
                  .window = fixed ? LIMITER_WINDOW_FIXED : LIMITER_WINDOW_MOVING,
                  .burst = c->burst,
                  .concurrency = c->concurrency,
                  .lease_ms = s->config->host.lease_ms},
        .report = report_calls(s->report, name, false),
    };
    if (l->report == NULL || l->name == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
        return NULL;
    }
    if (limiter_rules_check(&l->rules) != 0) {
        sim_fail(s, -EINVAL, "the limit \"%s\" has neither a rate nor a concurrency", name);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, s->limits, l->name, strlen(l->name), l);
    return l;
}

static struct sim_limit *limit_of(struct sim *s, const struct sim_attempt *a) {
    const char *name = a->lane->type->handler->limit;
    if (name == NULL) {
        return NULL;
    }
    struct arena scratch = {.head = NULL};
    const char *tenant = a->spec.tenant == NULL ? "nobody" : a->spec.tenant;
    const char *full = sim_expand(s, &scratch, name, tenant, 0);
    struct sim_limit *l = full == NULL ? NULL : find(s, full);
    arena_free(&scratch);
    return l;
}

/* ------------------------------------------------------------------ remotes */

struct sim_remote *sim_calls_remote(struct sim *s, const char *name) {
    for (size_t i = 0; name != NULL && i < s->scenario->remote_count; i++) {
        if (strcmp(s->remotes[i].config->entry.name, name) == 0) {
            return &s->remotes[i];
        }
    }
    return NULL;
}

/* What it says to a call that comes now, by its own watch, which nobody sets. */
static bool answers(struct sim *s, struct sim_remote *r) {
    const struct scenario_remote *c = r->config;
    if (r->storms > 0) {
        r->report->refused++;
        return false;
    }
    bool full = c->rate > 0 && r->count == (size_t)c->rate;
    if (full && s->passed_ms - r->calls[r->next] < c->per_ms) { // the oldest of them
        r->report->refused++;
        r->report->over_rate++;
        return false;
    }
    if (c->rate > 0) {
        r->calls[r->next] = s->passed_ms;
        r->next = (r->next + 1) % (size_t)c->rate;
        r->count += full ? 0 : 1;
    }
    r->report->granted++;
    return true;
}

static void ask_remote(struct sim *s, struct sim_attempt *a) {
    struct sim_remote *r = sim_calls_remote(s, a->lane->type->handler->remote);
    a->refused = r != NULL && !answers(s, r);
    a->retry_after_ms = !a->refused     ? 0
                        : r->storms > 0 ? r->storm_retry_ms
                                        : r->config->retry_after_ms;
}

/* ------------------------------------------------------------------ one call */

static void refused(struct sim *s, struct sim_attempt *a) {
    sim_note(s, NOTE_REFUSED_CALL, a->lane->type->handler->remote, &a->spec, "429");
    const struct attempt_report report = {.end = ATTEMPT_RETURNED,
                                          .status = outcome_status(JH_E_RATE),
                                          .cls = JH_E_RATE,
                                          .retry_after_ms = a->retry_after_ms};
    sim_attempt_return(s, a, &report, "429");
}

static void finish(struct sim *s, struct sim_attempt *a) {
    struct sim_limit *l = limit_of(s, a);
    struct limiter_hint hint = LIMITER_HINT_NONE;
    hint.refused = a->refused;
    hint.retry_ms = a->retry_after_ms > 0 ? a->retry_after_ms : -1;
    if (l != NULL && a->ticket != 0) {
        (void)limiter_answered(&l->core, &l->rules, a->ticket, &hint, sim_wall(s));
        a->ticket = 0;
    }
    if (a->refused) {
        refused(s, a);
        return;
    }
    a->calls_made++;
    sim_calls_go_on(s, a);
}

static void on_answer(struct sim *s, struct agenda_event *e) {
    finish(s, CONTAINER_OF(e, struct sim_attempt, event));
}

/* The other side counts a call at its end here, ... */
static void on_late_answer(struct sim *s, struct agenda_event *e) {
    struct sim_attempt *a = CONTAINER_OF(e, struct sim_attempt, event);
    ask_remote(s, a);
    finish(s, a);
}

/* ... or at its beginning: which of them is left to chance, as it is out there. */
static void send_call(struct sim *s, struct sim_attempt *a) {
    int64_t takes = sim_span(&a->draw, &a->lane->type->handler->call_takes);
    bool late = sim_chance(&a->draw) < 0.5;
    if (!late) {
        ask_remote(s, a);
    }
    sim_attempt_next(s, a, takes, late ? on_late_answer : on_answer);
}

static void wait_for(struct sim *s, struct sim_attempt *a, struct sim_limit *l, int64_t until_ms) {
    l->report->waited++;
    const struct attempt_report report = {.end = ATTEMPT_RETURNED,
                                          .status = JH_YIELD,
                                          .wait_kind = JH_WAIT_LIMITER,
                                          .wake_at_ms = until_ms};
    sim_attempt_return(s, a, &report, l->name);
}

void sim_calls_go_on(struct sim *s, struct sim_attempt *a) {
    const struct scenario_handler *h = a->lane->type->handler;
    if (h == NULL || a->calls_made >= h->calls) {
        sim_attempt_done(s, a);
        return;
    }
    struct sim_limit *l = limit_of(s, a);
    struct limiter_answer answer = {.verdict = LIMITER_GRANTED};
    if (l != NULL) {
        a->ticket = ++s->tickets;
        if (limiter_take(&l->core, &l->rules, a->ticket, 1, sim_wall(s), &answer) != 0) {
            sim_fail(s, -ENOMEM, "out of memory");
            return;
        }
    }
    if (answer.verdict == LIMITER_GRANTED) {
        if (l != NULL) {
            l->report->granted++;
        }
        send_call(s, a);
    } else {
        a->ticket = 0;
        wait_for(s, a, l, answer.until_ms);
    }
}

void sim_calls_abandon(struct sim *s, struct sim_attempt *a) {
    struct sim_limit *l = a->ticket == 0 ? NULL : limit_of(s, a);
    if (l != NULL) {
        (void)limiter_answered(&l->core, &l->rules, a->ticket, NULL, sim_wall(s));
        a->ticket = 0;
    }
}

/* ------------------------------------------------------------------ all of them */

int sim_calls_init(struct sim *s) {
    size_t count = s->scenario->remote_count;
    s->remotes = sim_alloc(s, &s->arena, (count + 1) * sizeof *s->remotes);
    for (size_t i = 0; s->remotes != NULL && i < count; i++) {
        const struct scenario_remote *c = &s->scenario->remotes[i];
        s->remotes[i] = (struct sim_remote){
            .config = c,
            .calls = sim_alloc(s, &s->arena, ((size_t)c->rate + 1) * sizeof(int64_t)),
            .report = report_calls(s->report, c->entry.name, true),
        };
        if (s->remotes[i].report == NULL) {
            sim_fail(s, -ENOMEM, "out of memory");
        }
    }
    return s->failure.code;
}

void sim_calls_finish(struct sim *s) {
    struct sim_limit *l, *next;
    HASH_ITER(hh, s->limits, l, next) {
        limiter_finish(&l->core);
    }
    HASH_CLEAR(hh, s->limits);
}
