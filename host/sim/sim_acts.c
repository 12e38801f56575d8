/* What people do, by the scenario's plan. */
#include <errno.h>
#include <string.h>

#include "sim/sim_private.h"

static void act_publish(struct sim *s, const struct scenario_act *c, bool on) {
    int r = s->away ? -EAGAIN : sim_waits_publish(s, c->what, c->payload, c->user);
    (void)on;
    sim_note(s, NOTE_ACT, c->what, NULL, "event%s%s%s%s", c->user == NULL ? "" : " for ",
             c->user == NULL ? "" : c->user, r == 0 ? "" : " refused: ",
             r == 0    ? ""
             : s->away ? "the store is away"
                       : strerror(-r));
}

static void act_resolve(struct sim *s, const struct scenario_act *c, bool on) {
    (void)on;
    size_t n = sim_waits_resolve(s, c->what, c->answer);
    sim_note(s, NOTE_ACT, c->what, NULL, "answers %zu: %s", n, c->answer);
}

static void cancel(struct sim *s, const struct store_job *job, const void *arg) {
    struct sim_move *m = sim_alloc(s, &s->batch.arena, sizeof *m);
    (void)arg;
    if (m != NULL) {
        *m = (struct sim_move){.item = {.id = job->spec.id,
                                        .event = JOB_EV_CANCEL,
                                        .ask = true,
                                        .keep_ms = s->config->queue_default.ttl_ms}};
        sim_flush_move(s, m);
    }
}

static void act_cancel(struct sim *s, const struct scenario_act *c, bool on) {
    (void)on;
    size_t n = sim_waits_each(s, c->what, -1, cancel, NULL);
    sim_note(s, NOTE_ACT, c->what, NULL, "cancels %zu", n);
}

static void act_pause_queue(struct sim *s, const struct scenario_act *c, bool on) {
    struct sim_queue *q = sim_places_queue(s, c->what);
    if (q != NULL) {
        q->paused = on;
        q->paused_ms = sim_wall(s);
        sim_note(s, NOTE_ACT, c->what, NULL, "queue %s", on ? "paused" : "resumed");
    }
}

static void act_pause_schedule(struct sim *s, const struct scenario_act *c, bool on) {
    struct sim_schedule *t = sim_times_find(s, c->what);
    if (t == NULL) {
        sim_fail(s, -EINVAL, "the configuration has no schedule \"%s\" that is on", c->what);
        return;
    }
    sim_note(s, NOTE_ACT, c->what, NULL, "schedule %s", on ? "paused" : "resumed");
    sim_times_pause(s, t, on);
}

static void (*const kinds[ACT_KINDS])(struct sim *, const struct scenario_act *, bool) = {
    [ACT_PUBLISH] = act_publish,
    [ACT_RESOLVE] = act_resolve,
    [ACT_CANCEL] = act_cancel,
    [ACT_PAUSE_QUEUE] = act_pause_queue,
    [ACT_PAUSE_SCHEDULE] = act_pause_schedule,
};

static void on_begin(struct sim *s, struct agenda_event *e) {
    struct sim_act *a = CONTAINER_OF(e, struct sim_act, begin);
    kinds[a->config->kind](s, a->config, true);
    if (a->config->every_ms > 0 && a->config->kind <= ACT_CANCEL) {
        sim_set(s, e, s->passed_ms + a->config->every_ms);
    }
}

static void on_end(struct sim *s, struct agenda_event *e) {
    struct sim_act *a = CONTAINER_OF(e, struct sim_act, end);
    kinds[a->config->kind](s, a->config, false);
}

int sim_acts_init(struct sim *s) {
    size_t count = s->scenario->act_count;
    s->acts = sim_alloc(s, &s->arena, (count + 1) * sizeof *s->acts);
    for (size_t i = 0; s->acts != NULL && i < count; i++) {
        struct sim_act *a = &s->acts[i];
        const struct scenario_act *c = &s->scenario->acts[i];
        *a = (struct sim_act){.config = c};
        agenda_event(&a->begin, on_begin);
        agenda_event(&a->end, on_end);
        sim_set(s, &a->begin, c->at_ms);
        if (c->for_ms > 0 && c->kind > ACT_CANCEL) {
            sim_set(s, &a->end, c->at_ms + c->for_ms);
        }
    }
    return s->failure.code;
}
