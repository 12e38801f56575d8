#include "sim/scenario.h"

#include <errno.h>
#include <string.h>

#include "base/rfc3339.h"

/* ------------------------------------------------------------------ words */

enum { SPAN_WORD_MAX = 40 };
#define SPAN_MAX_MS (INT64_C(365) * 86400000)

static int read_duration(const char *text, size_t len, int64_t *ret, struct err *e) {
    char word[SPAN_WORD_MAX];
    if (len >= sizeof word) {
        return err_set(e, -EINVAL, "a duration such as 200ms is shorter");
    }
    memcpy(word, text, len);
    word[len] = '\0';
    if (duration_parse(word, ret) != 0 || *ret > SPAN_MAX_MS) {
        return err_set(e, -EINVAL, "\"%s\" is no duration such as 200ms, 365 days at most", word);
    }
    return 0;
}

int scenario_span_parse(const char *text, struct scenario_span *ret, struct err *e) {
    const char *dots = strstr(text, "..");
    size_t len = dots == NULL ? strlen(text) : (size_t)(dots - text);
    struct scenario_span span = {0, 0};
    int r = read_duration(text, len, &span.min_ms, e);
    span.max_ms = span.min_ms;
    if (r == 0 && dots != NULL) {
        r = read_duration(dots + 2, strlen(dots + 2), &span.max_ms, e);
    }
    if (r == 0 && span.max_ms < span.min_ms) {
        r = err_set(e, -EINVAL, "the second duration is the shorter one");
    }
    if (r == 0) {
        *ret = span;
    }
    return r;
}

int scenario_jump_parse(const char *text, int64_t *ret_ms, struct err *e) {
    int64_t ms = 0;
    if (text[0] != '+' && text[0] != '-') {
        return err_set(e, -EINVAL, "expected a sign and a duration, such as +3h or -10m");
    }
    int r = read_duration(text + 1, strlen(text + 1), &ms, e);
    if (r == 0) {
        *ret_ms = text[0] == '-' ? -ms : ms;
    }
    return r;
}

/* ------------------------------------------------------------------ what the tables cannot say */

static void complain(struct config_binding *b, const struct config_entry *entry, const char *path,
                     const char *code, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void complain(struct config_binding *b, const struct config_entry *entry, const char *path,
                     const char *code, const char *fmt, ...) {
    struct config_place at = {entry->file, 0, entry->line, entry->column};
    va_list ap;
    va_start(ap, fmt);
    config_report_add(b->report, false, at, path, code, fmt, ap);
    va_end(ap);
}

static void check_handler(struct config_binding *b, struct scenario *s,
                          struct scenario_handler *h) {
    double sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(h->fails); i++) {
        sum += h->fails[i];
    }
    if (sum > 1 + 1e-9) {
        complain(b, &h->entry, "handlers", "out_of_range",
                 "%s: the probabilities of `fails` are more than 1 together", h->entry.name);
    }
    if (h->plugin != NULL &&
        (sum > 0 || h->calls > 0 || h->child != NULL || h->asks != NULL || h->event != NULL)) {
        complain(b, &h->entry, "handlers", "conflict",
                 "%s: with a plugin, its code says what fails, whom it calls and what it leaves "
                 "behind",
                 h->entry.name);
    }
    if (h->child == NULL && (h->waits || h->then != NULL)) {
        complain(b, &h->entry, "handlers", "conflict", "%s: children.job is missing",
                 h->entry.name);
    }
    if (h->remote != NULL && scenario_remote(s, h->remote) == NULL) {
        complain(b, &h->entry, "handlers", "unknown_name", "remotes has no \"%s\"", h->remote);
    }
    // the forms have accepted both
    (void)scenario_span_parse(h->takes_text, &h->takes, NULL);
    (void)scenario_span_parse(h->call_takes_text, &h->call_takes, NULL);
}

static void check_fault(struct config_binding *b, struct scenario *s, struct scenario_fault *f) {
    const bool is[FAULT_KINDS] = {
        [FAULT_CRASH] = f->crash != NULL, [FAULT_STORM] = f->storm != NULL,
        [FAULT_DOWN] = f->down != NULL,   [FAULT_CLOCK] = f->clock_text != NULL,
        [FAULT_HOST] = f->host != 0,      [FAULT_STORE] = f->store,
    };
    int kinds = 0;
    for (int i = 0; i < FAULT_KINDS; i++) {
        kinds += is[i];
        f->kind = is[i] ? (enum scenario_fault_kind)i : f->kind;
    }
    if (kinds != 1) {
        complain(b, &f->entry, "faults", "conflict",
                 "each fault is one of crash, storm, down, clock, host and store");
    }
    if (f->clock_text != NULL) {
        (void)scenario_jump_parse(f->clock_text, &f->clock_ms, NULL);
    }
    const char *whose = f->storm != NULL ? f->storm : f->down;
    f->remote = whose == NULL ? NULL : scenario_remote(s, whose);
    if (whose != NULL && f->remote == NULL) {
        complain(b, &f->entry, "faults", "unknown_name", "remotes has no \"%s\"", whose);
    }
    if (f->host > s->hosts) {
        complain(b, &f->entry, "faults", "out_of_range", "there are not so many hosts");
    }
}

static void check_expect(struct config_binding *b, struct scenario *s) {
    for (size_t i = 0; i < s->expect.remote_count; i++) {
        struct scenario_expect_remote *e = &s->expect.remotes[i];
        const struct scenario_remote *r = scenario_remote(s, e->entry.name);
        if (r == NULL) {
            complain(b, &e->entry, "expect.remotes", "unknown_name", "remotes has no \"%s\"",
                     e->entry.name);
        } else if (e->used > 0 && r->rate == 0) {
            complain(b, &e->entry, "expect.remotes", "conflict",
                     "%s has no rate of which a share could be used", e->entry.name);
        } else if (e->per_ms == 0) {
            e->per_ms = r->per_ms;
        }
    }
}

static void check_act(struct config_binding *b, struct scenario_act *a) {
    const char *const act_words[ACT_KINDS] = {
        [ACT_PUBLISH] = a->publish,
        [ACT_RESOLVE] = a->resolve,
        [ACT_CANCEL] = a->cancel,
        [ACT_PAUSE_QUEUE] = a->pause_queue,
        [ACT_PAUSE_SCHEDULE] = a->pause_schedule,
    };
    int kinds = 0;
    for (int i = 0; i < ACT_KINDS; i++) {
        kinds += act_words[i] != NULL;
        a->kind = act_words[i] != NULL ? (enum scenario_act_kind)i : a->kind;
        a->what = act_words[i] != NULL ? act_words[i] : a->what;
    }
    if (kinds != 1) {
        complain(b, &a->entry, "acts", "conflict",
                 "each act is one of publish, resolve, cancel, pause_queue and pause_schedule");
    }
}

static void check_all(struct config_binding *b, void *base) {
    struct scenario *s = base;
    (void)rfc3339_parse(s->from, &s->from_ms); // the form has accepted it
    for (size_t i = 0; i < s->remote_count; i++) {
        struct scenario_remote *r = &s->remotes[i];
        r->per_ms = r->per_ms == 0 ? 1000 : r->per_ms;
        (void)scenario_span_parse(r->takes_text, &r->takes, NULL); // the form has accepted it
    }
    for (size_t i = 0; i < s->handler_count; i++) {
        check_handler(b, s, &s->handlers[i]);
    }
    for (size_t i = 0; i < s->fault_count; i++) {
        check_fault(b, s, &s->faults[i]);
    }
    for (size_t i = 0; i < s->arrival_count; i++) {
        struct scenario_arrival *a = &s->arrivals[i];
        if (a->user != NULL && a->users > 0) {
            complain(b, &a->entry, "arrivals", "conflict", "there is one user, or there are many");
        }
    }
    for (size_t i = 0; i < s->act_count; i++) {
        check_act(b, &s->acts[i]);
    }
    check_expect(b, s);
}

/* ------------------------------------------------------------------ all of it */

int scenario_load(const char *path, const struct config_env *env, struct scenario *ret,
                  struct config_report *report) {
    *ret = (struct scenario){.config = NULL};
    return config_part_load(path, env, &scenario_table, check_all, ret, &ret->part, report);
}

int scenario_load_text(const char *name, struct bytes text, const struct config_env *env,
                       struct scenario *ret, struct config_report *report) {
    *ret = (struct scenario){.config = NULL};
    return config_part_load_text(name, text, env, &scenario_table, check_all, ret, &ret->part,
                                 report);
}

void scenario_finish(struct scenario *s) {
    config_part_finish(&s->part);
}

const struct scenario_handler *scenario_handler(const struct scenario *s, const char *type) {
    for (size_t i = 0; i < s->handler_count; i++) {
        if (strcmp(s->handlers[i].entry.name, type) == 0) {
            return &s->handlers[i];
        }
    }
    return NULL;
}

const struct scenario_remote *scenario_remote(const struct scenario *s, const char *name) {
    for (size_t i = 0; i < s->remote_count; i++) {
        if (strcmp(s->remotes[i].entry.name, name) == 0) {
            return &s->remotes[i];
        }
    }
    return NULL;
}
