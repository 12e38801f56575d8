/* Calls of handlers: leave is asked of a limit (sim_limits.c), then a remote answers, or says 429, and the limit learns
 * from the headers what the remote told.
 *
 *     ask ── granted ──▶ under way ── the answer ──▶ ask for the next
 *      └── not in the time that it waits: the job yields until then */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/limiter_headers.h"
#include "sim/sim_private.h"

/* ------------------------------------------------------------------ limits */

static struct sim_limit *limit_of(struct sim *s, const struct sim_attempt *a) {
    const char *name = a->lane->type->handler->limit;
    if (name == NULL) {
        return NULL;
    }
    struct arena scratch = {.head = NULL};
    const char *tenant = a->spec.tenant == NULL ? "nobody" : a->spec.tenant;
    const char *full = sim_expand(s, &scratch, name, tenant, 0);
    struct sim_limit *l = full == NULL ? NULL : sim_limits_find(s, full);
    if (full != NULL && l == NULL) {
        sim_fail(s, -EINVAL, "the configuration has no limit \"%s\"", full);
    }
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

/* Is there room for one more in a ring of times? What is older than `per` does not count. */
static bool ring_is_full(const struct sim_ring *r, int64_t now_ms, int64_t per_ms) {
    return r->count == r->cap && now_ms - r->times[r->next] < per_ms; // the oldest of them
}

static void ring_add(struct sim_ring *r, int64_t now_ms) {
    r->times[r->next] = now_ms;
    r->next = (r->next + 1) % r->cap;
    r->count += r->count < r->cap;
}

/* How many of the latest are younger than `per`, and the age of the oldest of these. */
static size_t ring_inside(const struct sim_ring *r, int64_t now_ms, int64_t per_ms,
                          int64_t *ret_oldest_ms) {
    size_t inside = 0;
    *ret_oldest_ms = now_ms;
    while (inside < r->count) {
        int64_t at = r->times[(r->next + r->cap - 1 - inside) % r->cap];
        if (now_ms - at >= per_ms) {
            break;
        }
        *ret_oldest_ms = at;
        inside++;
    }
    return inside;
}

/* What is expected of it is counted by itself, whatever it says to the call. */
static void watch(struct sim *s, struct sim_remote *r) {
    const struct scenario_expect_remote *e = r->expect;
    if (e != NULL && e->most > 0) {
        if (ring_is_full(&r->watch, s->passed_ms, e->per_ms)) {
            r->over_most++;
        }
        ring_add(&r->watch, s->passed_ms);
    }
}

/* What it says to a call that comes now, by its own watch, which nobody sets. */
static bool answers(struct sim *s, struct sim_remote *r) {
    const struct scenario_remote *c = r->config;
    watch(s, r);
    if (r->storms > 0) {
        r->report->refused++;
        return false;
    }
    if (c->rate > 0 && ring_is_full(&r->calls, s->passed_ms, c->per_ms)) {
        r->report->refused++;
        r->report->over_rate++;
        return false;
    }
    if (c->rate > 0) {
        ring_add(&r->calls, s->passed_ms);
    }
    r->report->granted++;
    return true;
}

/* Others who share the address or account: their calls count, and are not ours. */
static void on_other(struct sim *s, struct agenda_event *e) {
    struct sim_remote *r = CONTAINER_OF(e, struct sim_remote, other);
    const struct scenario_remote *c = r->config;
    if (c->rate > 0 && !ring_is_full(&r->calls, s->passed_ms, c->per_ms)) {
        ring_add(&r->calls, s->passed_ms);
    }
    sim_set(s, e, s->passed_ms + c->others_ms);
}

static int64_t seconds(int64_t ms) {
    return (ms + 999) / 1000;
}

/* The value that a header of its answer has, by what its name means; -1 = it is not there. */
static int64_t header_value(const struct sim *s, const struct sim_remote *r, const char *name,
                            bool refused, int64_t retry_after_ms) {
    const struct scenario_remote *c = r->config;
    int64_t oldest;
    int64_t used = (int64_t)ring_inside(&r->calls, s->passed_ms, c->per_ms, &oldest);
    switch (limiter_header_of(bytes_of(name))) {
    case LIMITER_HEADER_RETRY_AFTER:
        return refused && retry_after_ms > 0 ? seconds(retry_after_ms) : -1;
    case LIMITER_HEADER_LIMIT: return c->rate > 0 ? c->rate : -1;
    case LIMITER_HEADER_REMAINING: return c->rate > 0 ? c->rate - used : -1;
    case LIMITER_HEADER_RESET: return c->rate > 0 ? seconds(oldest + c->per_ms - s->passed_ms) : -1;
    default: return c->rate > 0 ? used : -1;
    }
}

void sim_calls_headers(const struct sim *s, const struct sim_said *said, struct buf *out) {
    const struct sim_remote *r = said->remote;
    if (said->refused && said->retry_after_ms > 0) {
        buf_printf(out, "Retry-After: %lld\n", (long long)seconds(said->retry_after_ms));
    }
    for (size_t i = 0; r != NULL && i < r->config->header_count; i++) {
        const char *name = r->config->headers[i];
        int64_t value = header_value(s, r, name, said->refused, said->retry_after_ms);
        if (value >= 0) {
            buf_printf(out, "%s: %lld\n", name, (long long)value);
        }
    }
}

/* As a plugin's observe() hears it. */
static struct limiter_hint hint_of(struct sim *s, const struct sim_attempt *a) {
    const struct config_limit *c = a->call.limit->config;
    struct buf lines = {.data = NULL};
    sim_calls_headers(s, &a->said, &lines);
    struct limiter_hint hint = limiter_headers_read(a->said.refused ? 429 : 200, buf_bytes(&lines),
                                                    c->learn, c->learn_count, sim_wall(s));
    buf_free(&lines);
    return hint;
}

struct sim_said sim_calls_ask(struct sim *s, struct sim_remote *r) {
    struct sim_said said = {.remote = r};
    if (r != NULL && r->downs > 0) {
        said.down = true;
    } else if (r != NULL && !answers(s, r)) {
        said.refused = true;
        said.retry_after_ms = r->storms > 0 ? r->storm_retry_ms : r->config->retry_after_ms;
    }
    return said;
}

/* What it answers, and tells, is decided when it counts the call. */
static void ask_remote(struct sim *s, struct sim_attempt *a) {
    a->said = sim_calls_ask(s, sim_calls_remote(s, a->lane->type->handler->remote));
    bool learns = a->said.remote != NULL && !a->said.down && a->call.limit != NULL;
    a->hint = learns ? hint_of(s, a) : LIMITER_HINT_NONE;
}

struct sim_remote *sim_calls_of_url(struct sim *s, const char *url, const char **ret_path) {
    for (size_t i = 0; i < s->scenario->remote_count; i++) {
        const char *own = s->remotes[i].config->url;
        size_t len = own == NULL ? 0 : strlen(own);
        len -= len > 0 && own[len - 1] == '/';
        if (len > 0 && strncmp(url, own, len) == 0 && strchr("/?#", url[len]) != NULL) {
            *ret_path = url + len;
            return &s->remotes[i];
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------ one call */

/* There is no answer, or it is 429: so ends the attempt. */
static void fail(struct sim *s, struct sim_attempt *a) {
    const char *remote = a->lane->type->handler->remote;
    jh_class cls = a->said.down ? JH_E_NETWORK : JH_E_RATE;
    if (a->said.refused) {
        sim_note(s, NOTE_REFUSED_CALL, remote, &a->spec, "429");
    }
    const struct attempt_report report = {.end = ATTEMPT_RETURNED,
                                          .status = outcome_status(cls),
                                          .cls = cls,
                                          .retry_after_ms = a->said.retry_after_ms};
    sim_attempt_return(s, a, &report, a->said.down ? "connect" : "429");
}

static void finish(struct sim *s, struct sim_attempt *a) {
    if (a->said.down) {
        sim_limits_give_back(s, &a->call);
    } else {
        sim_limits_answered(s, &a->call, &a->hint);
    }
    if (a->said.down || a->said.refused) {
        fail(s, a);
        return;
    }
    a->calls_made++;
    sim_attempt_go_on(s, a);
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

/* Leave to call, or not in the time that it waits in its thread: it yields until then. */
static void on_wish(struct sim *s, struct sim_wish *w, int64_t wait_ms) {
    struct sim_attempt *a = CONTAINER_OF(w, struct sim_attempt, wish);
    if (wait_ms <= 0) {
        send_call(s, a);
        return;
    }
    const struct attempt_report report = {.end = ATTEMPT_RETURNED,
                                          .status = JH_YIELD,
                                          .wait_kind = JH_WAIT_LIMITER,
                                          .wake_at_ms = sim_wall(s) + wait_ms};
    sim_attempt_return(s, a, &report, limit_of(s, a)->name);
}

void sim_calls_go_on(struct sim *s, struct sim_attempt *a) {
    const struct scenario_handler *h = a->lane->type->handler;
    struct sim_limit *l = limit_of(s, a);
    if (l == NULL) {
        send_call(s, a);
        return;
    }
    sim_attempt_waits(s, a, h->call_wait_ms);
    a->wish = (struct sim_wish){.n = 1,
                                .give_up_ms = s->passed_ms + h->call_wait_ms,
                                .done = on_wish,
                                .of = a,
                                .ticket = &a->call};
    sim_limits_wish(s, l, &a->wish);
}

/* ------------------------------------------------------------------ all of them */

static const struct scenario_expect_remote *expected(const struct sim *s, const char *name) {
    const struct scenario_expect *e = &s->scenario->expect;
    for (size_t i = 0; i < e->remote_count; i++) {
        if (strcmp(e->remotes[i].entry.name, name) == 0) {
            return &e->remotes[i];
        }
    }
    return NULL;
}

static void ring_init(struct sim *s, struct sim_ring *r, int64_t cap) {
    r->cap = (size_t)cap;
    r->times = sim_alloc(s, &s->arena, (r->cap + 1) * sizeof *r->times);
}

int sim_calls_init(struct sim *s) {
    size_t count = s->scenario->remote_count;
    s->remotes = sim_alloc(s, &s->arena, (count + 1) * sizeof *s->remotes);
    for (size_t i = 0; s->remotes != NULL && i < count; i++) {
        struct sim_remote *r = &s->remotes[i];
        const struct scenario_remote *c = &s->scenario->remotes[i];
        *r = (struct sim_remote){.config = c,
                                 .expect = expected(s, c->entry.name),
                                 .report = report_calls(s->report, c->entry.name, true)};
        ring_init(s, &r->calls, c->rate);
        ring_init(s, &r->watch, r->expect == NULL ? 0 : r->expect->most);
        agenda_event(&r->other, on_other);
        if (c->others_ms > 0) {
            sim_set(s, &r->other, c->others_ms);
        }
        if (r->report == NULL) {
            sim_fail(s, -ENOMEM, "out of memory");
        }
    }
    return s->failure.code;
}
