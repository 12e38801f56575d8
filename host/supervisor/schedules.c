#define _GNU_SOURCE // asprintf
#include "supervisor/schedules.h"

#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/schedules_private.h"

// A turn looks at so many, which is a millisecond's work.
enum { LOOKS_A_TURN = 200 };

/* ------------------------------------------------------------------ entries */

struct entry *schedules_find(const struct schedules *s, const char *id) {
    struct entry *e = NULL;
    HASH_FIND_STR(s->entries, id, e);
    return e;
}

static void entry_free(struct entry *e) {
    schedule_definition_free(&e->own);
    schedule_definition_free(&e->theirs);
    free(e->by);
    free(e->id);
    free(e);
}

struct entry *schedules_get(struct schedules *s, const char *id) {
    struct entry *e = schedules_find(s, id);
    if (e != NULL) {
        return e;
    }
    e = calloc(1, sizeof *e);
    if (e == NULL) {
        return NULL;
    }
    e->id = strdup(id);
    e->pos = HEAP_NOWHERE;
    e->last_ms = e->past_ms = SCHEDULE_NONE;
    if (e->id == NULL) {
        entry_free(e);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, s->entries, e->id, (unsigned)strlen(e->id), e);
    return e;
}

static void forget_times(struct schedules *s, struct entry *e) {
    if (e->asked) {
        TAILQ_REMOVE(&s->looks, e, link);
        e->asked = false;
    }
    if (e->pos != HEAP_NOWHERE) {
        heap_remove(&s->heap, e->pos);
    }
}

void schedules_drop(struct schedules *s, struct entry *e) {
    forget_times(s, e);
    HASH_DEL(s->entries, e);
    entry_free(e);
}

const struct schedule_definition *schedules_definition(const struct entry *e) {
    return e->own != NULL ? e->own : e->of_api ? e->theirs : NULL;
}

const char *schedules_fault(const struct entry *e) {
    const struct schedule_definition *d = schedules_definition(e);
    if (!e->stored) {
        return "another host has removed it";
    }
    if (d == NULL) {
        return e->of_api ? "this host cannot read its definition"
                         : "it is of another host's file, and not in this one's";
    }
    if (strcmp(d->revision, e->revision) == 0) {
        return NULL;
    }
    return e->own == NULL ? "this host's time zones say something else"
           : e->of_api    ? "it has been stored by the API, and this host's file has it too"
                          : "this host's file, or its time zones, say something else";
}

struct schedule_state schedules_state(const struct entry *e) {
    return (struct schedule_state){.last_ms = e->last_ms > e->past_ms ? e->last_ms : e->past_ms,
                                   .resumed_ms = e->resumed_ms == 0 ? SCHEDULE_NONE : e->resumed_ms,
                                   .running = e->running,
                                   .waiting = e->waiting,
                                   .booted = e->boots};
}

static void keep_text(char **slot, const char *text) {
    free(*slot);
    *slot = text == NULL ? NULL : strdup(text);
}

// What it says, unless our file says the same, or it is another file's that we do not have.
static void read_definition(struct schedules *s, struct entry *e, const struct store_schedule *is) {
    bool ours = e->own != NULL && strcmp(e->own->revision, is->revision) == 0;
    bool wanted = is->api ? e->own == NULL || !ours : e->own != NULL && !ours;
    bool known = e->theirs != NULL && strcmp(e->revision, is->revision) == 0 &&
                 e->theirs->when.zones == s->zones;
    struct err why = {0};
    if (wanted && known) {
        return;
    }
    schedule_definition_free(&e->theirs);
    if (wanted && schedule_definition_of_json(s->host->config, e->id, bytes_of(is->definition),
                                              s->zones, &e->theirs, NULL, &why) < 0) {
        log_warn(&s->host->log, "schedule.definition", "name=%s msg=\"%s\"", e->id, why.msg);
    }
}

void schedules_learn(struct schedules *s, struct entry *e, const struct store_schedule *is) {
    e->doubtful = false;
    e->stored = is != NULL;
    if (is == NULL) {
        schedule_definition_free(&e->theirs);
        return;
    }
    read_definition(s, e, is);
    e->past_ms = strcmp(e->revision, is->revision) == 0 ? e->past_ms : SCHEDULE_NONE;
    e->of_api = is->api;
    e->paused = is->paused_ms != 0;
    (void)snprintf(e->revision, sizeof e->revision, "%s", is->revision);
    keep_text(&e->by, is->by);
    e->stored_ms = is->stored_ms;
    e->resumed_ms = is->resumed_ms;
    e->last_ms = is->last_ms;
    e->running = is->running > 0;
    e->waiting = is->waiting;
    e->unfinished = is->running + is->waiting;
}

void schedules_tell_drift(struct schedules *s, struct entry *e) {
    const char *fault = schedules_fault(e);
    const struct log *log = &s->host->log;
    if (fault == NULL && e->told) {
        log_info(log, "schedule.drift_over", "name=%s", e->id);
    } else if (fault != NULL && !e->told && e->own != NULL) {
        log_warn(log, "schedule.drift", "name=%s msg=\"%s: it does not fire here; stored by %s\"",
                 e->id, fault, e->by == NULL ? "?" : e->by);
    }
    e->told = fault != NULL && e->own != NULL;
}

/* ------------------------------------------------------------------ looking */

static void schedules_turn(struct schedules *s) {
    if (!TAILQ_EMPTY(&s->looks)) {
        event_active(s->turn, EV_TIMEOUT, 0);
    }
}

void schedules_ask(struct schedules *s, struct entry *e) {
    if (!e->asked) {
        e->asked = true;
        TAILQ_INSERT_TAIL(&s->looks, e, link);
        schedules_turn(s);
    }
}

void schedules_ask_all(struct schedules *s) {
    struct entry *e, *next;
    HASH_ITER(hh, s->entries, e, next) {
        schedules_ask(s, e);
    }
}

static void on_retry(struct timer *t, void *arg) {
    struct schedules *s = arg;
    struct entry *e, *next;
    (void)t;
    HASH_ITER(hh, s->entries, e, next) {
        if (e->retries) {
            e->retries = false;
            schedules_ask(s, e);
        }
    }
}

void schedules_retry(struct schedules *s, struct entry *e) {
    const struct host *host = s->host;
    e->doubtful = e->retries = true;
    if (!timer_running(&s->retry)) {
        (void)timer_set(host->net_timers, &s->retry,
                        env_mono_ms(&host->net_env) + SCHEDULES_RETRY_MS);
    }
}

// Does the store take anything? If not, who is due waits until it does.
static bool may_look(const struct schedules *s) {
    return s->running && s->host->phase == HOST_RUNNING && !s->host->store_away &&
           s->flights < SCHEDULES_FLIGHTS;
}

static void on_turn(evutil_socket_t fd, short what, void *arg) {
    struct schedules *s = arg;
    struct entry *e;
    (void)fd;
    (void)what;
    for (int i = 0; i < LOOKS_A_TURN && may_look(s) && (e = TAILQ_FIRST(&s->looks)) != NULL; i++) {
        TAILQ_REMOVE(&s->looks, e, link);
        e->asked = false;
        if (e->flight != NULL) {
            e->doubtful = true; // its end brings it back
        } else {
            schedules_look(s, e);
        }
    }
    if (may_look(s)) { // else an end of a flight goes on
        schedules_turn(s);
    }
}

/* ------------------------------------------------------------------ time */

static bool entry_less(const void *a, const void *b) {
    return ((const struct entry *)a)->wake_ms < ((const struct entry *)b)->wake_ms;
}

static void entry_set_pos(void *item, size_t pos) {
    ((struct entry *)item)->pos = pos;
}

static void arm(struct schedules *s) {
    const struct entry *first = heap_min(&s->heap);
    wall_timer_set(s->timer, first == NULL ? WALL_TIMER_NEVER : first->wake_ms);
}

void schedules_wake(struct schedules *s, struct entry *e, int64_t at_ms) {
    if (e->pos != HEAP_NOWHERE) {
        heap_remove(&s->heap, e->pos);
    }
    e->wake_ms = at_ms;
    if (at_ms != SCHEDULE_NEVER && heap_add(&s->heap, e) != 0) {
        schedules_ask(s, e); // without memory it is looked at turn by turn
    }
    arm(s);
}

static void on_time(void *arg, bool set) {
    struct schedules *s = arg;
    int64_t now = env_wall_ms(&s->host->env);
    struct entry *e;
    if (set && s->running) { // all is planned anew, by what the store says
        log_info(&s->host->log, "schedule.clock_set", "msg=\"the clock was set\"");
        load_begin(s->load, false);
    }
    while ((e = heap_min(&s->heap)) != NULL && e->wake_ms <= now) {
        heap_remove(&s->heap, e->pos);
        schedules_ask(s, e);
    }
    arm(s);
}

/* ------------------------------------------------------------------ what happens around */

void schedules_run(struct host *host) {
    struct schedules *s = host->schedules;
    struct err e = {.code = 0};
    if (s->timer == NULL &&
        wall_timer_new(host->base, host->timers, &host->env, on_time, s, &s->timer, &e) != 0) {
        log_error(&host->log, "schedule.start", "msg=\"%s: no schedule fires\"", e.msg);
        return;
    }
    load_begin(s->load, true);
}

void schedules_reload(struct host *host) {
    if (host->schedules->timer != NULL) { // else it has not begun
        load_begin(host->schedules->load, true);
    }
}

void schedules_changed(struct host *host, const char *id) {
    struct schedules *s = host->schedules;
    if (s == NULL || s->timer == NULL) {
        return;
    }
    struct entry *e = id == NULL ? NULL : schedules_get(s, id);
    if (e == NULL) {
        load_begin(s->load, false);
        return;
    }
    e->doubtful = true;
    schedules_ask(s, e);
}

void schedules_resume(struct host *host) {
    if (host->schedules != NULL) {
        schedules_turn(host->schedules);
    }
}

/* ------------------------------------------------------------------ life */

static char *name_of_file(const struct host *host) {
    char path[PATH_MAX];
    char *by = NULL;
    bool known = host->config_file != NULL && realpath(host->config_file, path) != NULL;
    if (asprintf(&by, "%s:%s", host->name, known ? path : "") < 0) {
        return NULL;
    }
    return by;
}

struct schedules *schedules_new(struct host *host) {
    struct schedules *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->host = host;
    s->adopted = host->adoption != NULL;
    s->heap.less = entry_less;
    s->heap.set_pos = entry_set_pos;
    TAILQ_INIT(&s->looks);
    timer_init(&s->retry, on_retry, s);
    s->by = name_of_file(host);
    s->zones = config_zones_new();
    s->load = load_new(s);
    s->turn = event_new(host->base, -1, 0, on_turn, s);
    if (s->by == NULL || s->zones == NULL || s->load == NULL || s->turn == NULL) {
        schedules_free(&s);
    }
    return s;
}

void schedules_free(struct schedules **at) {
    struct schedules *s = *at;
    struct entry *e, *next;
    *at = NULL;
    if (s == NULL) {
        return;
    }
    e = s->entries;
    HASH_CLEAR(hh, s->entries); // their order stays
    for (; e != NULL; e = next) {
        next = e->hh.next;
        entry_free(e);
    }
    load_free(&s->load);
    timer_cancel(s->host->net_timers, &s->retry);
    wall_timer_free(&s->timer);
    heap_finish(&s->heap);
    config_zones_free(&s->zones);
    if (s->turn != NULL) {
        event_free(s->turn);
    }
    free(s->by);
    free(s);
}
