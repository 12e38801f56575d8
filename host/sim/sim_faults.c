/* What goes wrong, by the scenario's plan. */
#include <string.h>

#include "sim/sim_private.h"

static const char *state(bool on) {
    return on ? "begins" : "is over";
}

/* ------------------------------------------------------------------ hosts */

static void recover(struct sim *s, struct sim_host *h) {
    struct sim_attempt *a, *next;
    for (a = LIST_FIRST(&h->attempts); a != NULL; a = next) {
        next = LIST_NEXT(a, link);
        sim_attempt_recover(s, a);
    }
}

/* Its lease is over: others take what it had. Where there are none it does so itself when it starts again. */
static void on_lease(struct sim *s, struct agenda_event *e) {
    struct sim_host *h = CONTAINER_OF(e, struct sim_host, lease);
    if (!h->up && sim_works(s)) {
        recover(s, h);
    }
}

void sim_faults_boot(struct sim *s, unsigned host) {
    struct sim_host *h = &s->hosts[host];
    h->up = true;
    h->boots++;
    if (h->boots > 1) {
        sim_note(s, NOTE_FAULT, "host", NULL, "host %u starts again", host + 1);
        recover(s, h);
    }
    sim_times_look_all(s, true);
}

static void kill_host(struct sim *s, unsigned host) {
    struct sim_host *h = &s->hosts[host];
    struct sim_attempt *a;
    h->up = false;
    sim_note(s, NOTE_FAULT, "host", NULL, "host %u dies", host + 1);
    LIST_FOREACH(a, &h->attempts, link) {
        sim_attempt_die(s, a);
    }
    sim_set(s, &h->lease, s->passed_ms + s->config->host.lease_ms);
}

static void fault_host(struct sim *s, struct sim_fault *f, bool on) {
    unsigned host = (unsigned)f->config->host - 1;
    if (on && s->hosts[host].up) {
        kill_host(s, host);
    } else if (!on && !s->hosts[host].up) {
        sim_faults_boot(s, host);
    }
}

/* ------------------------------------------------------------------ the others */

static void fault_crash(struct sim *s, struct sim_fault *f, bool on) {
    sim_note(s, NOTE_FAULT, f->config->crash, NULL, "crashing %s", state(on));
}

double sim_faults_crash(const struct sim *s, const struct sim_type *type) {
    double well = 1;
    for (size_t i = 0; i < s->scenario->fault_count; i++) {
        const struct sim_fault *f = &s->faults[i];
        const char *of = f->config->crash;
        if (f->on && of != NULL &&
            (strcmp(of, type->name) == 0 || strcmp(of, type->pool->name) == 0)) {
            well *= 1 - f->config->probability;
        }
    }
    return 1 - well;
}

static void fault_storm(struct sim *s, struct sim_fault *f, bool on) {
    struct sim_remote *r = sim_calls_remote(s, f->config->storm);
    r->storms += on ? 1 : (unsigned)-1;
    r->storm_retry_ms = on ? f->config->retry_after_ms : r->storm_retry_ms;
    sim_note(s, NOTE_FAULT, f->config->storm, NULL, "429 storm %s", state(on));
}

static void fault_down(struct sim *s, struct sim_fault *f, bool on) {
    sim_calls_remote(s, f->config->down)->downs += on ? 1 : (unsigned)-1;
    sim_note(s, NOTE_FAULT, f->config->down, NULL, "%s", on ? "is down" : "is up again");
}

static void fault_clock(struct sim *s, struct sim_fault *f, bool on) {
    if (on) {
        s->skew_ms += f->config->clock_ms;
        sim_note(s, NOTE_FAULT, "clock", NULL, "set by %s", f->config->clock_text);
        sim_times_look_all(s, false);
        sim_set(s, &s->due, s->passed_ms);
    }
}

static void fault_store(struct sim *s, struct sim_fault *f, bool on) {
    (void)f;
    s->away = on;
    sim_note(s, NOTE_FAULT, "store", NULL, "%s", on ? "is away" : "is back");
    if (!on) {
        sim_times_look_all(s, false);
    }
}

static void (*const kinds[FAULT_KINDS])(struct sim *, struct sim_fault *, bool) = {
    [FAULT_CRASH] = fault_crash, [FAULT_STORM] = fault_storm, [FAULT_DOWN] = fault_down,
    [FAULT_CLOCK] = fault_clock, [FAULT_HOST] = fault_host,   [FAULT_STORE] = fault_store,
};

static void on_begin(struct sim *s, struct agenda_event *e) {
    struct sim_fault *f = CONTAINER_OF(e, struct sim_fault, begin);
    f->on = true;
    kinds[f->config->kind](s, f, true);
}

static void on_end(struct sim *s, struct agenda_event *e) {
    struct sim_fault *f = CONTAINER_OF(e, struct sim_fault, end);
    f->on = false;
    kinds[f->config->kind](s, f, false);
}

int sim_faults_init(struct sim *s) {
    size_t count = s->scenario->fault_count;
    for (int64_t h = 0; h < s->scenario->hosts; h++) {
        LIST_INIT(&s->hosts[h].attempts);
        agenda_event(&s->hosts[h].lease, on_lease);
        s->hosts[h].up = true;
        s->hosts[h].boots = 1;
    }
    s->faults = sim_alloc(s, &s->arena, (count + 1) * sizeof *s->faults);
    for (size_t i = 0; s->faults != NULL && i < count; i++) {
        struct sim_fault *f = &s->faults[i];
        const struct scenario_fault *c = &s->scenario->faults[i];
        *f = (struct sim_fault){.config = c};
        agenda_event(&f->begin, on_begin);
        agenda_event(&f->end, on_end);
        sim_set(s, &f->begin, c->at_ms);
        if (c->for_ms > 0 && c->kind != FAULT_CLOCK) {
            sim_set(s, &f->end, c->at_ms + c->for_ms);
        }
    }
    return s->failure.code;
}
