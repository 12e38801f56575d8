/* Schedules: planned by core/schedule.h, fired into the store's ledger, as hosts do it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim_private.h"

static void on_time(struct sim *s, struct agenda_event *e);

/* ------------------------------------------------------------------ where it is */

static struct schedule_state state_of(const struct sim_schedule *t) {
    return (struct schedule_state){.last_ms = t->last_ms,
                                   .resumed_ms = t->resumed_ms,
                                   .booted = t->booted,
                                   .running = t->unfinished > 0};
}

/* What has become of its jobs, as hosts ask for it. */
static void learn(struct sim *s, struct sim_schedule *t, struct schedule_state *state) {
    struct store_schedule_list op = {
        .op = {.kind = STORE_SCHEDULE_LIST}, .id = t->is->is.entry.name, .limit = 1};
    if (stock_run(&s->stock, &op.op, sim_wall(s)) == 0 && op.count == 1) {
        state->running = op.schedules[0].running > 0;
        state->waiting = op.schedules[0].waiting;
        t->unfinished = op.schedules[0].running + op.schedules[0].waiting;
    }
    store_op_finish(&op.op);
    s->report->store_ops++;
}

/* ------------------------------------------------------------------ pauses */

static void set_pause(struct sim *s, const struct sim_schedule *t, bool paused) {
    struct store_schedule_set op = {.op = {.kind = STORE_SCHEDULE_SET},
                                    .id = t->is->is.entry.name,
                                    .paused = paused,
                                    .by = "sim"};
    (void)stock_run(&s->stock, &op.op, sim_wall(s));
    store_op_finish(&op.op);
    s->report->store_ops++;
}

void sim_times_pause(struct sim *s, struct sim_schedule *t, bool paused) {
    if (t->paused && !paused) {
        t->resumed_ms = sim_wall(s);
    }
    t->paused = paused;
    set_pause(s, t, paused);
    sim_set(s, &t->event, s->passed_ms);
}

/* ------------------------------------------------------------------ firing */

static void end_running(struct sim *s, const struct sim_schedule *t) {
    for (size_t h = 0; h < (size_t)s->scenario->hosts; h++) {
        struct sim_attempt *a, *next;
        for (a = LIST_FIRST(&s->hosts[h].attempts); a != NULL; a = next) {
            next = LIST_NEXT(a, link);
            if (a->schedule == t && s->hosts[h].up) {
                sim_attempt_cancel(s, a);
            }
        }
    }
}

static void fire(struct sim *s, struct sim_schedule *t, const struct schedule_move *move,
                 int64_t unfinished) {
    struct arena *arena = &s->batch.arena;
    struct sim_fire *f = sim_alloc(s, arena, sizeof *f);
    char boot[32];
    if (f == NULL) {
        return;
    }
    f->schedule = t;
    f->mark = move->time.mark;
    (void)snprintf(boot, sizeof boot, "%lld", (long long)s->passed_ms);
    schedule_fire_row(s->config, t->is, move, boot, unfinished, sim_wall(s), &f->shot);
    if (schedule_verdict_starts(move->verdict)) {
        const struct job_request request = schedule_fire_request(t->is, move->time.nominal_ms);
        schedule_fire_take(&f->shot,
                           jobs_fill(s->config, &request, t->is->is.queue, &s->ids, sim_wall(s),
                                     arena, &f->shot.spec, &f->shot.problem));
    }
    if (move->verdict == SCHEDULE_REPLACE) {
        end_running(s, t);
    }
    sim_flush_fire(s, f);
}

static void look(struct sim *s, struct sim_schedule *t) {
    struct schedule_state state = state_of(t);
    if (t->asked || !sim_works(s)) {
        return; // it is looked at again when there is an answer, or somebody who works
    }
    const struct schedule rule = schedule_fire_rule(t->is, t->stored_ms, t->paused);
    schedule_plan(&rule, &state, sim_wall(s), &s->plan);
    if (s->plan.count > 0 && t->unfinished > 0) { // else its jobs do not matter
        learn(s, t, &state);
        schedule_plan(&rule, &state, sim_wall(s), &s->plan);
    }
    int64_t unfinished = t->unfinished;
    for (size_t i = 0; i < s->plan.count; i++) {
        fire(s, t, &s->plan.moves[i], unfinished);
        unfinished += schedule_verdict_starts(s->plan.moves[i].verdict);
        t->asked = true;
    }
    if (s->plan.count == 0 && s->plan.wake_ms != SCHEDULE_NEVER) {
        int64_t at = sim_passed_at(s, s->plan.wake_ms);
        sim_set(s, &t->event, at > s->passed_ms ? at : s->passed_ms + 1);
    }
}

static void on_time(struct sim *s, struct agenda_event *e) {
    look(s, CONTAINER_OF(e, struct sim_schedule, event));
}

/* ------------------------------------------------------------------ answers */

static void note_row(struct sim *s, const struct sim_schedule *t, const struct sim_fire *f) {
    const struct store_fire_item *item = &f->shot.item;
    const char *verdict = schedule_verdict_name((int)item->verdict);
    char words[160] = "";
    if (item->row.count > 1) {
        (void)snprintf(words, sizeof words, ", %u times", item->row.count);
    } else if (item->row.reason != NULL) {
        (void)snprintf(words, sizeof words, ": %s", item->row.reason);
    }
    bool job = !id_is_zero(&item->job);
    if (job && f->shot.spec.type != NULL) {
        struct sim_type *type = sim_places_type(s, f->shot.spec.type);
        if (type != NULL) {
            type->report->made++;
        }
    }
    const char *plain = item->verdict == SCHEDULE_FIRE ? "" : verdict;
    const char *mark = job ? cron_mark_name((int)f->mark) : "";
    sim_note(s, job ? NOTE_FIRE : NOTE_SKIP, t->is->is.entry.name, job ? &f->shot.spec : NULL,
             "%s%s%s%s", plain, words, plain[0] != '\0' && mark[0] != '\0' ? ", " : "", mark);
}

void sim_times_answered(struct sim *s, const struct sim_fire *f) {
    struct sim_schedule *t = f->schedule;
    const struct store_fire_item *item = &f->shot.item;
    t->asked = false;
    sim_set(s, &t->event, s->passed_ms); // and what comes next
    if (item->status == -EAGAIN) {
        t->unfinished = t->unfinished == 0 ? 1 : t->unfinished; // more than was known: it is asked
        return;
    }
    if (item->status != 0) {
        sim_fail(s, item->status, "the ledger of %s refused the time %s: %s", t->is->is.entry.name,
                 f->shot.key, strerror(-item->status));
        return;
    }
    note_row(s, t, f);
    t->report->times[item->verdict] += item->row.count;
    t->report->missed += item->row.missed ? item->row.count : 0;
    t->last_ms = item->row.last_ms > t->last_ms ? item->row.last_ms : t->last_ms;
    t->booted = false;
    if (!id_is_zero(&item->job)) {
        t->unfinished++;
        quantile_add(&s->report->late, sim_wall(s) - item->row.nominal_ms);
    }
}

/* ------------------------------------------------------------------ all of them */

struct sim_schedule *sim_times_find(struct sim *s, const char *id) {
    struct sim_schedule *t = NULL;
    if (id != NULL) {
        HASH_FIND_STR(s->schedules, id, t);
    }
    return t;
}

void sim_times_look_all(struct sim *s, bool booted) {
    for (size_t i = 0; i < s->schedule_count; i++) {
        s->schedule_items[i].booted |= booted;
        sim_set(s, &s->schedule_items[i].event, s->passed_ms);
    }
}

static int put(struct sim *s, struct sim_schedule *t, struct err *e) {
    struct store_schedule_put_item item = {.id = t->is->is.entry.name,
                                           .queue = t->is->is.queue,
                                           .revision = t->is->revision,
                                           .definition = t->is->text,
                                           .by = "sim"};
    struct store_schedule_put op = {.op = {.kind = STORE_SCHEDULE_PUT}, .items = &item, .count = 1};
    int r = stock_run(&s->stock, &op.op, sim_wall(s));
    r = r != 0 ? r : item.status;
    t->stored_ms = item.stored_ms;
    store_op_finish(&op.op);
    return r == 0 ? 0 : err_set(e, r, "schedule %s: %s", t->is->is.entry.name, strerror(-r));
}

static int open_one(struct sim *s, const struct config_schedule *c, struct config_zones *zones,
                    struct sim_schedule *t, struct err *e) {
    *t = (struct sim_schedule){
        .last_ms = SCHEDULE_NONE, .resumed_ms = SCHEDULE_NONE, .booted = true};
    agenda_event(&t->event, on_time);
    int r = schedule_definition_of_config(s->config, c, zones, &t->is, e);
    if (r != 0) {
        return r;
    }
    s->schedule_count++;
    HASH_ADD_KEYPTR(hh, s->schedules, t->is->is.entry.name, strlen(t->is->is.entry.name), t);
    t->report = report_schedule(s->report, c->entry.name);
    if (t->report == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    r = put(s, t, e);
    // its lane, so that its number does not depend on when it comes
    return r != 0 || sim_places_lane(s, t->is->is.queue, c->job) != NULL ? r : -ENOMEM;
}

int sim_times_init(struct sim *s) {
    struct err e = {0};
    struct config_zones *zones = config_zones_new();
    s->schedule_items =
        sim_alloc(s, &s->arena, (s->config->schedule_count + 1) * sizeof *s->schedule_items);
    if (zones == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; s->failure.code == 0 && i < s->config->schedule_count; i++) {
        const struct config_schedule *c = &s->config->schedules[i];
        if (c->entry.on && open_one(s, c, zones, &s->schedule_items[s->schedule_count], &e) != 0) {
            sim_fail(s, e.code == 0 ? -ENOMEM : e.code, "%s", e.msg);
        }
    }
    if (zones != NULL) {
        config_zones_free(&zones); // definitions hold them
    }
    sim_times_look_all(s, true);
    return s->failure.code;
}

void sim_times_finish(struct sim *s) {
    HASH_CLEAR(hh, s->schedules);
    for (size_t i = 0; i < s->schedule_count; i++) {
        schedule_definition_free(&s->schedule_items[i].is);
    }
}
