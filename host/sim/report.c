#include "sim/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

struct report *report_new(void) {
    return calloc(1, sizeof(struct report));
}

void report_free(struct report **r) {
    if (*r != NULL) {
        arena_free(&(*r)->arena);
        free(*r);
        *r = NULL;
    }
}

/* Lists are short: job types, schedules, limits of one scenario. */
#define FIND(kind, list, test)                                                                     \
    struct kind **at = &(list);                                                                    \
    for (; *at != NULL; at = &(*at)->next) {                                                       \
        if (strcmp((*at)->name, name) == 0 && (test)) {                                            \
            return *at;                                                                            \
        }                                                                                          \
    }                                                                                              \
    struct kind *made = arena_zalloc(&r->arena, sizeof *made);                                     \
    if (made == NULL || (made->name = arena_str(&r->arena, name)) == NULL) {                       \
        return NULL;                                                                               \
    }                                                                                              \
    *at = made

struct report_type *report_type(struct report *r, const char *name) {
    FIND(report_type, r->types, true);
    return made;
}

struct report_type *report_user(struct report *r, const char *name) {
    if (r->user_count == REPORT_USERS_MAX) {
        return NULL;
    }
    FIND(report_type, r->users, true);
    r->user_count++;
    return made;
}

struct report_schedule *report_schedule(struct report *r, const char *name) {
    FIND(report_schedule, r->schedules, true);
    return made;
}

struct report_calls *report_calls(struct report *r, const char *name, bool remote) {
    FIND(report_calls, r->calls, (*at)->remote == remote);
    made->remote = remote;
    return made;
}

struct report_breaker *report_breaker(struct report *r, const char *name) {
    FIND(report_breaker, r->breakers, true);
    return made;
}
#undef FIND

void report_break(struct report *r, const char *fmt, ...) {
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    r->broken_all++;
    if (r->broken_count < REPORT_BROKEN_MAX) {
        const char *kept = arena_str(&r->arena, text);
        r->broken[r->broken_count++] = kept == NULL ? "out of memory" : kept;
    }
}

static void add_quantile(struct quantile *to, const struct quantile *from) {
    to->count += from->count;
    to->max = from->max > to->max ? from->max : to->max;
    for (size_t i = 0; i < QUANTILE_RANGES; i++) {
        to->ranges[i] += from->ranges[i];
    }
}

void report_total(const struct report *r, struct report_type *ret) {
    *ret = (struct report_type){.name = NULL};
    for (const struct report_type *t = r->types; t != NULL; t = t->next) {
        ret->made += t->made;
        ret->started += t->started;
        ret->succeeded += t->succeeded;
        ret->retried += t->retried;
        ret->parked += t->parked;
        ret->dead += t->dead;
        ret->crashed += t->crashed;
        ret->cancelled += t->cancelled;
        ret->lost += t->lost;
        ret->running += t->running;
        add_quantile(&ret->wait, &t->wait);
    }
}

/* ------------------------------------------------------------------ JSON */

static void times_json(struct buf *out, const char *key, const struct quantile *q) {
    json_key(out, key);
    buf_char(out, '{');
    json_kint(out, "count", (int64_t)q->count);
    json_kint(out, "p50_ms", quantile_at(q, 0.5));
    json_kint(out, "p99_ms", quantile_at(q, 0.99));
    json_kint(out, "max_ms", q->max);
    buf_char(out, '}');
}

static void jobs_json(struct buf *out, const char *key, const struct report_type *t) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, key, t->name);
    json_kint(out, "made", (int64_t)t->made);
    json_kint(out, "started", (int64_t)t->started);
    json_kint(out, "succeeded", (int64_t)t->succeeded);
    json_kint(out, "retried", (int64_t)t->retried);
    json_kint(out, "parked", (int64_t)t->parked);
    json_kint(out, "dead", (int64_t)t->dead);
    json_kint(out, "crashed", (int64_t)t->crashed);
    json_kint(out, "cancelled", (int64_t)t->cancelled);
    json_kint(out, "lost", (int64_t)t->lost);
    json_kint(out, "running", (int64_t)t->running);
    times_json(out, "wait", &t->wait);
    buf_char(out, '}');
}

static void type_json(struct buf *out, const struct report_type *t) {
    jobs_json(out, "type", t);
}

static void user_json(struct buf *out, const struct report_type *t) {
    jobs_json(out, "user", t);
}

static void schedule_json(struct buf *out, const struct report_schedule *s) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "schedule", s->name);
    json_kint(out, "missed", (int64_t)s->missed);
    for (int i = 0; i < SCHEDULE_VERDICT_COUNT; i++) {
        if (s->times[i] > 0) {
            json_kint(out, schedule_verdict_name(i), (int64_t)s->times[i]);
        }
    }
    buf_char(out, '}');
}

static void calls_json(struct buf *out, const struct report_calls *c) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, c->remote ? "remote" : "limit", c->name);
    json_kint(out, c->remote ? "answered" : "granted", (int64_t)c->granted);
    if (c->remote) {
        json_kint(out, "refused", (int64_t)c->refused);
        json_kint(out, "over_rate", (int64_t)c->over_rate);
    } else {
        json_kint(out, "waited", (int64_t)c->waited);
    }
    buf_char(out, '}');
}

static void breaker_json(struct buf *out, const struct report_breaker *b) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "breaker", b->name);
    json_kint(out, "opened", (int64_t)b->opened);
    json_kint(out, "open_ms", b->open_ms);
    buf_char(out, '}');
}

static void reasons_json(struct buf *out, const struct report *r) {
    json_key(out, "waited_ms");
    buf_char(out, '{');
    for (int i = 0; i < REASON_COUNT; i++) {
        if (r->waited_ms[i] > 0) {
            json_kint(out, reason_code_name((enum reason_code)i), r->waited_ms[i]);
        }
    }
    buf_char(out, '}');
    json_key(out, "parked_ms");
    buf_char(out, '{');
    for (int i = 0; i < PARK_REASON_COUNT; i++) {
        if (r->parked_ms[i] > 0) {
            json_kint(out, park_reason_name(i), r->parked_ms[i]);
        }
    }
    buf_char(out, '}');
}

#define LIST(key, kind, list, write)                                                               \
    json_key(out, key);                                                                            \
    buf_char(out, '[');                                                                            \
    for (const struct kind *x = (list); x != NULL; x = x->next) {                                  \
        write(out, x);                                                                             \
    }                                                                                              \
    buf_char(out, ']')

void report_json(const struct report *r, struct buf *out) {
    buf_str(out, "{\"event\":\"summary\"");
    json_ktime(out, "from", r->from_ms);
    json_kint(out, "for_ms", r->for_ms);
    json_kint(out, "seed", r->seed);
    json_kint(out, "events", (int64_t)r->events);
    json_kint(out, "refused", (int64_t)r->refused);
    json_kint(out, "duplicates", (int64_t)r->duplicates);
    json_kint(out, "flows_opened", (int64_t)r->flows_opened);
    json_kint(out, "flows_closed", (int64_t)r->flows_closed);
    LIST("types", report_type, r->types, type_json);
    LIST("users", report_type, r->users, user_json);
    LIST("schedules", report_schedule, r->schedules, schedule_json);
    LIST("calls", report_calls, r->calls, calls_json);
    LIST("breakers", report_breaker, r->breakers, breaker_json);
    times_json(out, "late", &r->late);
    reasons_json(out, r);
    json_key(out, "broken");
    buf_char(out, '[');
    for (size_t i = 0; i < r->broken_count; i++) {
        json_comma(out);
        json_str(out, r->broken[i]);
    }
    buf_str(out, "]}");
}
#undef LIST
