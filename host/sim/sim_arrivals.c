/* Jobs that come from outside. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim_private.h"

static void on_arrival(struct sim *s, struct agenda_event *e);

/* At random: the time between two is exponential, as of people who know nothing of each other. */
static int64_t gap(struct sim_arrival *a) {
    double every = (double)a->config->every_ms;
    double gap = a->config->steady ? every : -log(1 - sim_chance(&a->draw)) * every;
    return gap < 1 ? 1 : (int64_t)gap;
}

static void plan(struct sim *s, struct sim_arrival *a, int64_t at_ms) {
    int64_t until = a->config->until_ms;
    if (until == 0 || at_ms <= until) {
        sim_set(s, &a->event, at_ms);
    }
}

/* ------------------------------------------------------------------ one job */

static bool fill_job(struct sim *s, struct sim_arrival *a, struct sim_submit *f,
                     struct problem *problem) {
    const struct scenario_arrival *c = a->config;
    struct arena *arena = &s->batch.arena;
    char user[JOB_TENANT_MAX + 1] = "", own[JOB_QUEUE_MAX + 1];
    a->number++;
    if (c->user != NULL) {
        (void)snprintf(user, sizeof user, "%s", c->user);
    } else if (c->users > 0) {
        uint64_t who = (uint64_t)(sim_chance(&a->draw) * (double)c->users);
        (void)snprintf(user, sizeof user, "user%llu", (unsigned long long)who + 1);
    }
    struct job_request request = {
        .type = c->job,
        .payload = bytes_of(c->payload),
        .tenant = user[0] == '\0' ? NULL : sim_text(s, arena, user),
        .key = c->key == NULL ? NULL : sim_expand(s, arena, c->key, user, a->number),
        .priority = -1,
        .dedup_mode = -1,
    };
    const char *queue = sim_text(
        s, arena, c->queue != NULL ? c->queue : config_queue_of_type(s->config, c->job, own));
    if (jobs_fill(s->config, &request, queue, &s->ids, sim_wall(s), arena, &f->spec, problem) !=
        0) {
        return false;
    }
    const struct config_queue *config = config_queue(s->config, queue);
    f->item = (struct store_submit_item){
        .spec = &f->spec, .max_waiting = config->max_jobs, .keep_ms = config->ttl_ms};
    return true;
}

static void arrive(struct sim *s, struct sim_arrival *a) {
    struct sim_submit *f = sim_alloc(s, &s->batch.arena, sizeof *f);
    struct problem problem;
    if (f == NULL) {
        return;
    }
    *f = (struct sim_submit){.next = NULL};
    s->report->events++; // each of them counts
    if (s->away || !sim_works(s)) {
        s->report->refused++;
        sim_note(s, NOTE_REFUSE, a->config->job, NULL, "%s",
                 s->away ? "the store is away" : "no host is up");
    } else if (!fill_job(s, a, f, &problem)) {
        s->report->refused++;
        sim_note(s, NOTE_REFUSE, a->config->job, NULL, "%s", problem.message);
    } else {
        sim_flush_submit(s, f);
    }
}

static void on_arrival(struct sim *s, struct agenda_event *e) {
    struct sim_arrival *a = CONTAINER_OF(e, struct sim_arrival, event);
    for (int64_t i = 0; i < a->config->count; i++) {
        arrive(s, a);
    }
    plan(s, a, s->passed_ms + gap(a));
}

void sim_arrivals_answered(struct sim *s, const struct sim_submit *f) {
    struct sim_type *type = sim_places_type(s, f->spec.type);
    const struct store_submit_item *item = &f->item;
    if (type == NULL) {
        return;
    }
    switch (item->verdict) {
    case SUBMIT_DUPLICATE:
        s->report->duplicates++;
        sim_note(s, NOTE_DUPLICATE, type->name, &f->spec, "%s", f->spec.dedup_key);
        return;
    case SUBMIT_REFUSED:
        s->report->refused++;
        sim_note(s, NOTE_REFUSE, type->name, &f->spec, "%s", strerror(-item->status));
        return;
    default:
        type->report->made++;
        struct report_type *user = sim_places_user(s, f->spec.tenant);
        if (user != NULL) {
            user->made++;
        }
        sim_note(s, NOTE_ARRIVE, type->name, &f->spec, "%s", "");
    }
}

/* ------------------------------------------------------------------ all of them */

int sim_arrivals_init(struct sim *s) {
    size_t count = s->scenario->arrival_count;
    s->arrivals = sim_alloc(s, &s->arena, (count + 1) * sizeof *s->arrivals);
    for (size_t i = 0; s->arrivals != NULL && i < count; i++) {
        const struct scenario_arrival *c = &s->scenario->arrivals[i];
        struct sim_arrival *a = &s->arrivals[i];
        *a = (struct sim_arrival){.config = c, .draw = sim_draw(s, 1, i)};
        agenda_event(&a->event, on_arrival);
        plan(s, a, c->from_ms + (c->steady ? 0 : gap(a)));
    }
    return s->failure.code;
}
