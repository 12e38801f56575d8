/* `limit:` of a job type or a queue: its jobs take a slot of that limiter before they start, by the rules of
 * supervisor/slots.c.
 *
 *     claimed ──▶ has it a slot? ──▶ it begins when a thread is free, and holds the slot until its run is over
 *                  │ soon: it waits, and takes nobody's thread
 *                  └ later: parked until then, or until a slot comes free before */
#include <stdio.h>
#include <string.h>

#include "sim/sim_private.h"

enum {
    WAIT_HERE_MS = 2000, // who is to wait for longer is parked
    WAITING_MAX = 16,    // jobs that wait for one limiter without being parked
};

/* The one that holds for a lane; NULL = none. That of the type goes before that of the queue. */
static const struct config_use *use_of(const struct sim_lane *lane) {
    const struct config_use *own = &lane->type->config->limit, *queue = &lane->queue->config->limit;
    return own->name != NULL ? own : queue->name != NULL ? queue : NULL;
}

static struct sim_limit *limit_of(struct sim *s, const struct sim_lane *lane,
                                  const struct config_use *use, const char *tenant) {
    char name[LIMITER_NAME_MAX + 1];
    const char *const keys[] = {[LIMIT_KEY_NONE] = NULL,
                                [LIMIT_KEY_TENANT] = tenant,
                                [LIMIT_KEY_QUEUE] = lane->queue->name,
                                [LIMIT_KEY_TYPE] = lane->type->name};
    const char *key = keys[use->key];
    int n = snprintf(name, sizeof name, "%s", use->name);
    if (key != NULL && *key != '\0') {
        (void)snprintf(name + n, sizeof name - (size_t)n, ":%.*s", LIMITER_KEY_MAX, key);
    }
    return sim_limits_find(s, name);
}

/* All jobs of the lane want the same one; NULL = they do not. */
static struct sim_limit *limit_of_lane(struct sim *s, const struct sim_lane *lane) {
    const struct config_use *use = use_of(lane);
    return use == NULL || use->key == LIMIT_KEY_TENANT ? NULL : limit_of(s, lane, use, NULL);
}

/* ------------------------------------------------------------------ lanes */

uint32_t sim_slots_room(struct sim *s, const struct sim_lane *lane) {
    const struct sim_limit *l = limit_of_lane(s, lane);
    return l == NULL ? UINT32_MAX : l->waiting < WAITING_MAX ? WAITING_MAX - l->waiting : 0;
}

/* Nothing is claimed while its jobs would only be parked, or enough of them wait already. */
void sim_slots_facts(struct sim *s, struct sim_lane *lane, struct job_facts *ret) {
    const struct sim_limit *l = limit_of_lane(s, lane);
    if (l == NULL) {
        return;
    }
    bool far = l->until_ms - s->passed_ms > WAIT_HERE_MS;
    if (far) {
        sim_set(s, &lane->opens, l->until_ms - WAIT_HERE_MS);
    }
    if (far || l->waiting >= WAITING_MAX) {
        ret->limited = true;
        (void)snprintf(ret->limiter, sizeof ret->limiter, "%s", l->name);
        ret->limiter_part = l->part;
        ret->limiter_until_ms = far ? sim_wall(s) + l->until_ms - s->passed_ms : 0;
    }
}

/* ------------------------------------------------------------------ one job */

static void on_wish(struct sim *s, struct sim_wish *w, int64_t wait_ms) {
    struct sim_attempt *a = CONTAINER_OF(w, struct sim_attempt, wish);
    if (wait_ms <= 0) { // one that is never let is none that could have been asked for
        sim_attempt_place(s, a);
        return;
    }
    const struct attempt_report report = {.end = ATTEMPT_LIMITED,
                                          .wake_at_ms = sim_wall(s) + wait_ms};
    sim_limits_parked(a->slot_of, &a->spec.id);
    sim_attempt_return(s, a, &report, a->slot_of->name);
}

bool sim_slots_wants(struct sim *s, struct sim_attempt *a) {
    const struct config_use *use = use_of(a->lane);
    struct sim_limit *l = use == NULL ? NULL : limit_of(s, a->lane, use, a->spec.tenant);
    if (l == NULL) {
        return false;
    }
    bool full = l->waiting >= WAITING_MAX;
    a->slot_of = l;
    a->slot_till_start = use->until == LIMIT_UNTIL_START;
    a->wish = (struct sim_wish){.n = 1,
                                .give_up_ms = s->passed_ms + (full ? 0 : WAIT_HERE_MS),
                                .done = on_wish,
                                .of = a,
                                .ticket = &a->slot};
    sim_limits_wish(s, l, &a->wish);
    return true;
}

void sim_slots_begun(struct sim *s, struct sim_attempt *a) {
    if (a->slot_till_start) {
        sim_limits_answered(s, &a->slot, NULL);
    }
}

/* One that was refused by the other side closes the limiter for all. */
void sim_slots_end(struct sim *s, struct sim_attempt *a, const struct attempt_report *report) {
    struct limiter_hint hint = LIMITER_HINT_NONE;
    if (report->cls == JH_E_RATE) {
        hint.refused = true;
        hint.retry_ms = report->retry_after_ms > 0 ? report->retry_after_ms : -1;
    }
    if (a->slot_till_start && a->slot.limit == NULL && hint.refused && attempt_was_begun(report)) {
        (void)limiter_answered(&a->slot_of->core, &a->slot_of->rules, 0, &hint, sim_wall(s));
    } else if (attempt_was_begun(report)) {
        sim_limits_answered(s, &a->slot, &hint);
    } else {
        sim_limits_give_back(s, &a->slot);
    }
}
