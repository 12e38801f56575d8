#include "sim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_private.h"
#include "worker/mix.h"

enum { EVENTS_BETWEEN_LOOKS = 256, SWEEP_AT_ONCE = 10000 };
#define SWEEP_EVERY_MS INT64_C(3600000)

/* ------------------------------------------------------------------ for all parts */

void sim_fail(struct sim *s, int code, const char *fmt, ...) {
    va_list ap;
    if (s->failure.code != 0) {
        return;
    }
    va_start(ap, fmt);
    s->failure.code = code;
    (void)vsnprintf(s->failure.msg, sizeof s->failure.msg, fmt, ap);
    va_end(ap);
}

void *sim_alloc(struct sim *s, struct arena *a, size_t size) {
    void *p = arena_zalloc(a, size == 0 ? 1 : size);
    if (p == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
    }
    return p;
}

const char *sim_text(struct sim *s, struct arena *a, const char *text) {
    const char *kept = arena_str(a, text);
    if (kept == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
        return "";
    }
    return kept;
}

void sim_set(struct sim *s, struct agenda_event *e, int64_t passed_ms) {
    if (agenda_set(&s->agenda, e, passed_ms) != 0) {
        sim_fail(s, -ENOMEM, "out of memory");
    }
}

bool sim_works(const struct sim *s) {
    for (int64_t h = 0; !s->away && h < s->scenario->hosts; h++) {
        if (s->hosts[h].up) {
            return true;
        }
    }
    return false;
}

void sim_note(struct sim *s, enum note_kind kind, const char *what, const struct job_spec *job,
              const char *fmt, ...) {
    va_list ap;
    if (s->options->note == NULL) {
        return;
    }
    struct note n = {.kind = kind, .wall_ms = sim_wall(s), .passed_ms = s->passed_ms, .what = what};
    if (job != NULL) {
        n.job = job->id;
        n.tenant = job->tenant;
    }
    va_start(ap, fmt);
    (void)vsnprintf(n.text, sizeof n.text, fmt, ap);
    va_end(ap);
    s->options->note(s->options->arg, &n);
}

double sim_chance(uint64_t *draw) {
    return (double)(mix_next(draw) >> 11) / (double)(UINT64_C(1) << 53);
}

int64_t sim_span(uint64_t *draw, const struct scenario_span *span) {
    double wide = (double)(span->max_ms - span->min_ms);
    return span->min_ms + (int64_t)(sim_chance(draw) * (wide + 1));
}

uint64_t sim_draw(const struct sim *s, uint64_t of, uint64_t number) {
    uint64_t draw = (uint64_t)s->scenario->seed;
    draw = mix_next(&draw) ^ of;
    draw = mix_next(&draw) ^ number;
    return mix_next(&draw);
}

const char *sim_expand(struct sim *s, struct arena *a, const char *text, const char *user,
                       uint64_t number) {
    struct buf out = {.data = NULL};
    while (*text != '\0') {
        if (strncmp(text, "{user}", 6) == 0) {
            buf_str(&out, user);
            text += 6;
        } else if (strncmp(text, "{n}", 3) == 0) {
            buf_printf(&out, "%llu", (unsigned long long)number);
            text += 3;
        } else {
            buf_char(&out, *text++);
        }
    }
    const char *kept = out.failed ? NULL : arena_str(a, out.len == 0 ? "" : out.data);
    buf_free(&out);
    if (kept == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
    }
    return kept;
}

/* ------------------------------------------------------------------ events of its own */

static void on_ready(void *arg, const struct store_lane *lane) {
    sim_places_heat(arg, lane->queue, lane->type);
}

void sim_look(struct sim *s, struct agenda_event *e) {
    (void)s; // what is due is taken by every flush, and what may start by every dispatch
    (void)e;
}

static void on_sweep(struct sim *s, struct agenda_event *e) {
    struct store_sweep op;
    do {
        op = (struct store_sweep){.op = {.kind = STORE_SWEEP}, .limit = SWEEP_AT_ONCE};
        (void)stock_run(&s->stock, &op.op, sim_wall(s));
        store_op_finish(&op.op);
        s->report->store_ops++;
    } while (op.op.status == 0 && op.more && op.removed > 0);
    sim_set(s, e, s->passed_ms + SWEEP_EVERY_MS);
}

/* ------------------------------------------------------------------ the loop */

static bool is_well(struct sim *s) {
    if (s->stock.failure.code != 0) {
        sim_fail(s, s->stock.failure.code, "the store: %s", s->stock.failure.msg);
    }
    if (s->report->events > (uint64_t)s->scenario->events) {
        sim_fail(s, -EOVERFLOW, "more than %lld events, which is all that `events` allows",
                 (long long)s->scenario->events);
    }
    return s->failure.code == 0;
}

/* Everything that comes of the present moment. */
static void settle(struct sim *s) {
    while (is_well(s) && sim_flush_all(s)) {
    }
}

static void step(struct sim *s, int64_t at_ms) {
    struct agenda_event *e;
    s->passed_ms = at_ms;
    while ((e = agenda_take(&s->agenda, at_ms)) != NULL && s->failure.code == 0) {
        s->report->events++;
        e->happen(s, e);
    }
    settle(s);
}

static bool go_on(struct sim *s) {
    return s->options->go_on == NULL || s->options->go_on(s->options->arg, s->passed_ms);
}

static void run(struct sim *s) {
    int64_t at;
    uint64_t look = 0;
    while (is_well(s) && (at = agenda_next_ms(&s->agenda)) <= s->scenario->for_ms) {
        step(s, at);
        if (s->report->events >= look) {
            look = s->report->events + EVENTS_BETWEEN_LOOKS;
            if (!go_on(s)) {
                sim_fail(s, -ECANCELED, "given up");
            }
        }
    }
}

/* What runs is left where it is; what was decided is written. */
static void finish(struct sim *s) {
    s->passed_ms = s->scenario->for_ms;
    s->running_out = true;
    s->away = false;
    settle(s);
    for (int64_t h = 0; h < s->scenario->hosts; h++) {
        struct sim_attempt *a;
        LIST_FOREACH(a, &s->hosts[h].attempts, link) {
            a->lane->type->report->running += a->begun;
        }
    }
    sim_attempt_waited_all(s, true);
    if (s->failure.code == 0) {
        sim_note(s, NOTE_OVER, NULL, NULL, "%s", "");
        sim_verify_all(s);
    }
}

/* ------------------------------------------------------------------ life */

static int begin(struct sim *s, struct err *e) {
    agenda_init(&s->agenda);
    sim_flush_init(s);
    id_gen_init(&s->ids, sim_draw(s, 2, 0));
    s->nonce = sim_draw(s, 3, 0) | 1;
    agenda_event(&s->due, sim_look);
    agenda_event(&s->sweep, on_sweep);
    s->report->from_ms = s->scenario->from_ms;
    s->report->for_ms = s->scenario->for_ms;
    s->report->seed = s->scenario->seed;
    int r = stock_open(&s->stock, s->config, on_ready, s, e);
    if (r != 0) {
        return r;
    }
    if (sim_places_init(s) != 0) {
        sim_fail(s, -ENOMEM, "out of memory");
    }
    sim_set(s, &s->sweep, SWEEP_EVERY_MS);
    (void)(sim_calls_init(s) != 0 || sim_faults_init(s) != 0 || sim_times_init(s) != 0 ||
           sim_arrivals_init(s) != 0 || sim_acts_init(s) != 0);
    return s->failure.code == 0 ? 0 : err_set(e, s->failure.code, "%s", s->failure.msg);
}

static void clean_up(struct sim *s) {
    for (int64_t h = 0; h < s->scenario->hosts; h++) {
        struct sim_attempt *a;
        while ((a = LIST_FIRST(&s->hosts[h].attempts)) != NULL) {
            LIST_REMOVE(a, link);
            sim_attempt_free(&a);
        }
    }
    stock_close(&s->stock);
    sim_times_finish(s);
    sim_limits_finish(s);
    sim_breakers_finish(s);
    sim_flows_finish(s);
    sim_attempt_waited_all(s, false);
    sim_places_finish(s);
    sim_flush_finish(s);
    agenda_finish(&s->agenda);
    arena_free(&s->arena);
    report_free(&s->report);
    free(s);
}

int sim_run(const struct scenario *scenario, const struct config *config,
            const struct sim_options *options, struct report **ret, struct err *e) {
    struct sim *s = calloc(1, sizeof *s);
    if (s == NULL || (s->report = report_new()) == NULL) {
        free(s);
        return err_set(e, -ENOMEM, "out of memory");
    }
    s->scenario = scenario;
    s->config = config;
    s->options = options;
    int r = begin(s, e);
    if (r == 0) {
        run(s);
        finish(s);
        r = s->failure.code == 0 ? 0 : err_set(e, s->failure.code, "%s", s->failure.msg);
    }
    if (r == 0) {
        *ret = s->report;
        s->report = NULL;
    }
    clean_up(s);
    return r;
}
