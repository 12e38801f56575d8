/* Schedules: planned by core/schedule.h, fired into the store's ledger, as hosts do it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim_private.h"

#define REVISION "1" /* nobody changes one while it is simulated */

static void on_time(struct sim *s, struct agenda_event *e);

/* ------------------------------------------------------------------ where it is */

/* While jobs of it are on their way the store is asked, as hosts do it; else nothing of it can have changed. */
static void learn(struct sim *s, struct sim_schedule *t, struct schedule_state *state) {
    *state = (struct schedule_state){
        .last_ms = t->last_ms, .resumed_ms = SCHEDULE_NONE, .booted = t->booted};
    if (t->unfinished == 0) {
        return;
    }
    struct store_schedule_list op = {
        .op = {.kind = STORE_SCHEDULE_LIST}, .id = t->config->entry.name, .limit = 1};
    if (stock_run(&s->stock, &op.op, sim_wall(s)) == 0 && op.count == 1) {
        state->running = op.schedules[0].running > 0;
        state->waiting = op.schedules[0].waiting;
        t->unfinished = op.schedules[0].running + op.schedules[0].waiting;
    }
    store_op_finish(&op.op);
    s->report->store_ops++;
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

static bool fill_job(struct sim *s, struct sim_schedule *t, struct sim_fire *f) {
    const struct config_schedule *c = t->config;
    struct job_request request = {
        .type = c->job,
        .payload = bytes_of(c->payload),
        .tenant = c->user,
        .key = c->key,
        .priority = -1,
        .dedup_mode = -1,
    };
    struct problem problem;
    if (jobs_fill(s->config, &request, t->queue, &s->ids, sim_wall(s), &s->batch.arena, &f->spec,
                  &problem) != 0) {
        f->item.row.verdict = SCHEDULE_REFUSED;
        f->item.row.reason = sim_text(s, &s->batch.arena, problem.message);
        return false;
    }
    f->spec.schedule = c->entry.name;
    f->spec.nominal_ms = f->item.row.nominal_ms;
    return true;
}

static void fire(struct sim *s, struct sim_schedule *t, const struct schedule_move *move) {
    struct sim_fire *f = sim_alloc(s, &s->batch.arena, sizeof *f);
    char boot[32];
    if (f == NULL) {
        return;
    }
    (void)snprintf(boot, sizeof boot, "%lld", (long long)s->passed_ms);
    *f = (struct sim_fire){.schedule = t, .fire_ms = move->time.fire_ms};
    schedule_key(move, boot, f->key);
    f->item = (struct store_fire_item){
        .schedule = t->config->entry.name,
        .queue = t->queue,
        .row = {.revision = REVISION,
                .key = f->key,
                .verdict = move->verdict,
                .missed = move->missed,
                .count = move->count,
                .nominal_ms = move->boot ? sim_wall(s) : move->time.nominal_ms,
                .last_ms = move->boot ? sim_wall(s) : move->last_ms,
                .actual_ms = sim_wall(s)},
        .max_waiting = config_queue(s->config, t->queue)->max_jobs,
        .unfinished_max = -1,
        .keep_ms = config_queue(s->config, t->queue)->ttl_ms,
    };
    if (schedule_verdict_starts(move->verdict) && fill_job(s, t, f)) {
        f->item.spec = &f->spec;
    }
    if (move->verdict == SCHEDULE_REPLACE) {
        end_running(s, t);
    }
    sim_flush_fire(s, f);
}

static void look(struct sim *s, struct sim_schedule *t) {
    struct schedule_state state;
    if (t->asked || !sim_works(s)) {
        return; // it is looked at again when there is an answer, or somebody who works
    }
    learn(s, t, &state);
    struct schedule rule = t->when.schedule;
    schedule_plan(&rule, &state, sim_wall(s), &s->plan);
    for (size_t i = 0; i < s->plan.count; i++) {
        fire(s, t, &s->plan.moves[i]);
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
    const struct store_fire_item *item = &f->item;
    const char *verdict = schedule_verdict_name((int)item->verdict);
    char words[160] = "";
    if (item->row.count > 1) {
        (void)snprintf(words, sizeof words, ", %u times", item->row.count);
    } else if (item->row.reason != NULL) {
        (void)snprintf(words, sizeof words, ": %s", item->row.reason);
    }
    bool job = !id_is_zero(&item->job);
    if (job && f->spec.type != NULL) {
        struct sim_type *type = sim_places_type(s, f->spec.type);
        if (type != NULL) {
            type->report->made++;
        }
    }
    const char *plain = item->verdict == SCHEDULE_FIRE ? "" : verdict;
    sim_note(s, job ? NOTE_FIRE : NOTE_SKIP, t->config->entry.name, job ? &f->spec : NULL, "%s%s",
             plain, words);
}

void sim_times_answered(struct sim *s, const struct sim_fire *f) {
    struct sim_schedule *t = f->schedule;
    const struct store_fire_item *item = &f->item;
    t->asked = false;
    if (item->status != 0) {
        sim_fail(s, item->status, "the ledger of %s refused the time %s: %s", t->config->entry.name,
                 f->key, strerror(-item->status));
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
    sim_set(s, &t->event, s->passed_ms); // and what comes next
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
    struct store_schedule_put_item item = {.id = t->config->entry.name,
                                           .queue = t->queue,
                                           .revision = REVISION,
                                           .definition = "{}",
                                           .by = "sim"};
    struct store_schedule_put op = {.op = {.kind = STORE_SCHEDULE_PUT}, .items = &item, .count = 1};
    int r = stock_run(&s->stock, &op.op, sim_wall(s));
    r = r != 0 ? r : item.status;
    store_op_finish(&op.op);
    return r == 0 ? 0 : err_set(e, r, "schedule %s: %s", t->config->entry.name, strerror(-r));
}

static int open_one(struct sim *s, const struct config_schedule *c, struct sim_schedule *t,
                    struct err *e) {
    char own[JOB_QUEUE_MAX + 1];
    *t = (struct sim_schedule){.config = c, .last_ms = SCHEDULE_NONE, .booted = true};
    agenda_event(&t->event, on_time);
    t->queue = sim_text(s, &s->arena,
                        c->queue != NULL ? c->queue : config_queue_of_type(s->config, c->job, own));
    t->report = report_schedule(s->report, c->entry.name);
    if (t->queue == NULL || t->report == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    HASH_ADD_KEYPTR(hh, s->schedules, c->entry.name, strlen(c->entry.name), t);
    int r = config_timetable_open(c, sim_wall(s), &t->when, e);
    r = r == 0 ? put(s, t, e) : r;
    // its lane, so that its number does not depend on when it comes
    return r != 0 || sim_places_lane(s, t->queue, c->job) != NULL ? r : -ENOMEM;
}

int sim_times_init(struct sim *s) {
    struct err e = {0};
    s->schedule_items =
        sim_alloc(s, &s->arena, (s->config->schedule_count + 1) * sizeof *s->schedule_items);
    for (size_t i = 0; s->failure.code == 0 && i < s->config->schedule_count; i++) {
        const struct config_schedule *c = &s->config->schedules[i];
        if (!c->entry.on) {
            continue;
        }
        if (open_one(s, c, &s->schedule_items[s->schedule_count++], &e) != 0) {
            sim_fail(s, e.code == 0 ? -ENOMEM : e.code, "%s", e.msg);
        }
    }
    sim_times_look_all(s, true);
    return s->failure.code;
}

void sim_times_finish(struct sim *s) {
    HASH_CLEAR(hh, s->schedules);
    for (size_t i = 0; i < s->schedule_count; i++) {
        config_timetable_close(&s->schedule_items[i].when);
    }
}
