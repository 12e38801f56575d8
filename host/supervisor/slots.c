#include "supervisor/slots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/evaluate.h"
#include "supervisor/attempt.h"
#include "supervisor/commits.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/lane.h"
#include "supervisor/pool_private.h"
#include "supervisor/worker_limits.h"

enum {
    WAIT_HERE_MS = 2000, /* who is to wait for longer is parked                       */
    WAITING_MAX = 16,    /* jobs that wait here for one limiter                        */
    PARKED_MAX = 64,     /* of one limiter that are remembered, to be woken            */
    NO_ROOM_MS = 60000,  /* the store has no room for the limiter                      */
};

/* A claimed job that waits for its slot. */
struct slot_wish {
    struct limit_wish wish;
    struct attempt *attempt;
    char name[LIMITER_NAME_MAX + 1];
};

/* The limit that holds for a lane; NULL = none. That of the type goes before that of the queue. */
static const struct config_use *use_of(const struct lane *lane) {
    const struct config_use *own = &lane->config->limit, *queue = &lane->queue->config->limit;
    return own->name != NULL ? own : queue->name != NULL ? queue : NULL;
}

/* The limiter's name: "limit", or "limit:key". A key that is too long is cut, so that what is alike stays so. */
static void name_of(const struct lane *lane, const struct config_use *use, const char *tenant,
                    char out[LIMITER_NAME_MAX + 1]) {
    const char *const keys[] = {[LIMIT_KEY_NONE] = NULL,
                                [LIMIT_KEY_TENANT] = tenant,
                                [LIMIT_KEY_QUEUE] = lane->queue->name,
                                [LIMIT_KEY_TYPE] = lane->type};
    const char *key = keys[use->key];
    int n = snprintf(out, LIMITER_NAME_MAX + 1, "%s", use->name);
    if (key != NULL && *key != '\0') {
        (void)snprintf(out + n, LIMITER_NAME_MAX + 1 - (size_t)n, ":%.*s", LIMITER_KEY_MAX, key);
    }
}

/* All jobs of the lane want the same one: its name, or false. */
static bool lane_name(const struct lane *lane, char out[LIMITER_NAME_MAX + 1]) {
    const struct config_use *use = use_of(lane);
    if (use == NULL || use->key == LIMIT_KEY_TENANT) {
        return false;
    }
    name_of(lane, use, NULL, out);
    return true;
}

/* ------------------------------------------------------------------ lanes that are shut */

static void on_timer(struct timer *t, void *arg) {
    struct lane *lane = arg;
    (void)t;
    slots_configure(lane);
    dispatch_kick(lane->host);
}

/* Nothing is claimed while its jobs would only be parked, or enough of them wait already. */
static void lane_look(struct lane *lane, const char *name) {
    struct host *host = lane->host;
    enum limiter_part part;
    int64_t until = limits_shut_until(host, name, &part), now = env_mono_ms(&host->env);
    bool far = until - now > WAIT_HERE_MS;
    timer_cancel(host->timers, &lane->shut_timer);
    if (far) {
        timer_init(&lane->shut_timer, on_timer, lane);
        (void)timer_set(host->timers, &lane->shut_timer, until - WAIT_HERE_MS);
    }
    lane_shut(lane, far || limits_waiting(host, name) >= WAITING_MAX);
}

void slots_configure(struct lane *lane) {
    char name[LIMITER_NAME_MAX + 1];
    if (lane_name(lane, name)) {
        lane_look(lane, name);
    } else {
        timer_cancel(lane->host->timers, &lane->shut_timer);
        lane_shut(lane, false);
    }
}

uint32_t slots_room(const struct lane *lane) {
    char name[LIMITER_NAME_MAX + 1];
    if (!lane_name(lane, name)) {
        return UINT32_MAX;
    }
    uint32_t waiting = limits_waiting(lane->host, name);
    return waiting < WAITING_MAX ? WAITING_MAX - waiting : 0;
}

/* ------------------------------------------------------------------ one job */

static void go_on(struct attempt *a) {
    attempt_set_aside(a, false);
    a->slot_done = true;
    dispatch_go_on(a);
}

static void park(struct attempt *a, const char *name, int64_t wait_ms) {
    attempt_set_aside(a, false);
    attempt_limited(a, name, env_wall_ms(&a->host->env) + wait_ms);
}

static void wish_done(struct limit_wish *wish, int status, int64_t wait_ms) {
    struct slot_wish *sw = wish->arg;
    struct attempt *a = sw->attempt;
    struct lane *lane = a->lane;
    a->slot_wish = NULL;
    a->slot_ticket = wish->ticket;
    if (status == 1) {
        park(a, sw->name, wait_ms);
    } else if (status == 0 || status == -ENOENT) { // it may have left the configuration meanwhile
        go_on(a);
    } else if (status == -EDQUOT) { // it would be claimed again at once
        log_warn(&a->host->log, "limiter.no_room",
                 "msg=\"the store has no room for limiter %s: its job is parked\"", sw->name);
        park(a, sw->name, NO_ROOM_MS);
    } else { // the store is not well: it is claimed again when it is
        attempt_set_aside(a, false);
        attempt_end(a, ATTEMPT_UNSTARTED, NULL);
    }
    free(sw);
    slots_configure(lane);
}

bool slots_wants(struct attempt *a) {
    const struct config_use *use = use_of(a->lane);
    if (use == NULL || a->slot_done) {
        return false;
    }
    struct slot_wish *sw = calloc(1, sizeof *sw);
    if (sw == NULL) {
        return false; // rather one too many than none ever
    }
    name_of(a->lane, use, a->job->spec.tenant, sw->name);
    bool full = limits_waiting(a->host, sw->name) >= WAITING_MAX;
    sw->attempt = a;
    sw->wish =
        (struct limit_wish){.n = 1,
                            .until_mono_ms = env_mono_ms(&a->host->env) + (full ? 0 : WAIT_HERE_MS),
                            .done = wish_done,
                            .arg = sw};
    if (limits_wish(a->host, sw->name, &sw->wish) != 0) {
        free(sw);
        return false; // a key that is none: it has no limit
    }
    a->slot_wish = sw;
    a->slot_till_start = use->until == LIMIT_UNTIL_START;
    attempt_set_aside(a, true);
    slots_configure(a->lane);
    return true;
}

bool slots_withdraw(struct attempt *a) {
    struct slot_wish *sw = a->slot_wish;
    if (sw == NULL) {
        return false;
    }
    a->slot_wish = NULL;
    limits_withdraw(a->host, &sw->wish);
    attempt_set_aside(a, false);
    free(sw);
    slots_configure(a->lane);
    return true;
}

void slots_begun(struct attempt *a) {
    if (a->slot_ticket != NULL && a->slot_till_start) {
        limits_answered(a->host, a->slot_ticket, NULL);
        a->slot_ticket = NULL;
    }
}

/* Its slot has been given up when it began; what the other side said then concerns all the same. */
static void tell_refused(struct attempt *a, const struct limiter_hint *hint) {
    const struct config_use *use = use_of(a->lane);
    char name[LIMITER_NAME_MAX + 1];
    if (hint->refused && attempt_was_begun(&a->report) && use != NULL &&
        use->until == LIMIT_UNTIL_START) {
        name_of(a->lane, use, a->job->spec.tenant, name);
        limits_answered_by_id(a->host, name, 0, hint);
    }
}

/* One that was refused by the other side closes the limiter for all. */
void slots_end(struct attempt *a) {
    (void)slots_withdraw(a);
    struct limiter_hint hint = LIMITER_HINT_NONE;
    if (a->report.cls == JH_E_RATE) {
        hint.refused = true;
        hint.retry_ms = a->report.retry_after_ms > 0 ? a->report.retry_after_ms : -1;
    }
    if (a->slot_ticket == NULL) {
        tell_refused(a, &hint);
        return;
    }
    if (attempt_was_begun(&a->report)) {
        limits_answered(a->host, a->slot_ticket, &hint);
    } else {
        limits_give_back(a->host, a->slot_ticket);
    }
    a->slot_ticket = NULL;
}

/* ------------------------------------------------------------------ why not */

void slots_facts(const struct lane *lane, const struct attempt *a, struct job_facts *ret) {
    char name[LIMITER_NAME_MAX + 1];
    const char *of = a != NULL && a->slot_wish != NULL                  ? a->slot_wish->name
                     : a == NULL && lane->shut && lane_name(lane, name) ? name
                                                                        : NULL;
    if (of == NULL) {
        return;
    }
    struct host *host = lane->host;
    enum limiter_part part;
    int64_t until = limits_shut_until(host, of, &part), now = env_mono_ms(&host->env);
    ret->limited = true;
    (void)snprintf(ret->limiter, sizeof ret->limiter, "%s", of);
    ret->limiter_part = part;
    ret->limiter_until_ms = until > now ? env_wall_ms(&host->env) + until - now : 0;
}

void slots_open(struct host *host) {
    struct lane *lane, *next;
    HASH_ITER(hh, host->dispatch->lanes.lanes, lane, next) {
        if (lane->shut) {
            slots_configure(lane);
            dispatch_kick(host);
        }
    }
}

/* ------------------------------------------------------------------ woken before their time */

struct waking {
    struct store_move move;
    struct store_move_item item;
    struct host *host;
    char name[LIMITER_NAME_MAX + 1];
};

/* Who has gone on meanwhile, or waits for something else, has no use for the slot: the next one may. */
static void on_woken(struct store_op *op) {
    struct waking *w = op->arg;
    bool next = op->status == 0 && w->item.status != 0 && w->host->phase == HOST_RUNNING;
    store_op_finish(op);
    if (next) {
        slots_wake(w->host, w->name);
    }
    free(w);
}

/* Whoever is being parked at this moment is parked first. */
static void wake(struct host *host, const char *name, const struct job_id *id) {
    struct waking *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return; // it comes when its time does
    }
    w->host = host;
    (void)snprintf(w->name, sizeof w->name, "%s", name);
    w->item = (struct store_move_item){.id = *id, .event = JOB_EV_WAKE, .park = PARK_LIMITER};
    w->move.items = &w->item;
    w->move.count = 1;
    w->move.op = (struct store_op){
        .kind = STORE_MOVE, .done = on_woken, .arg = w, .now_ms = env_wall_ms(&host->env)};
    commits_flush(host);
    store_post(&host->store, &w->move.op);
}

void slots_wake(struct host *host, const char *name) {
    struct job_id id;
    if (limits_unpark(host, name, &id)) {
        wake(host, name, &id);
    }
}

void slots_parked(struct attempt *a, const char *name) {
    const struct job_id *id = &a->job->spec.id;
    if (limits_parked(a->host, name, id, PARKED_MAX, worker_limit_told(a, name))) {
        wake(a->host, name, id);
    }
}
