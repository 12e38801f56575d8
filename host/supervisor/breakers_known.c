/* Those that are not closed, as this host knows them: from the store's list when it has been reached, from its
 * answers, and from what other hosts say of theirs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/breakers_private.h"
#include "supervisor/dispatch.h"
#include "supervisor/lane.h"

enum { RETRY_MS = 1000 };

/* ------------------------------------------------------------------ times */

// The timer is for whichever is next; one that has closed since only makes it look once too often.
static void plan(struct breakers *b, int64_t wake_ms) {
    struct host *host = b->host;
    int64_t now = breakers_now(b);
    if (wake_ms > now && (b->next_ms == 0 || wake_ms < b->next_ms)) {
        b->next_ms = wake_ms;
        timer_cancel(host->timers, &b->timer);
        (void)timer_set(host->timers, &b->timer, env_mono_ms(&host->env) + wake_ms - now);
    }
}

static void on_timer(struct timer *t, void *arg) {
    struct breakers *b = arg;
    struct breaker_entry *e, *next;
    int64_t now = breakers_now(b);
    (void)t;
    b->next_ms = 0;
    HASH_ITER(hh, b->open, e, next) {
        if (breaker_rest_ms(&e->state) <= now) {
            breakers_drop(b, e);
        } else {
            plan(b, breaker_wake_ms(&e->state, now));
        }
    }
    breakers_look(b);
}

void breakers_look(struct breakers *b) {
    struct lane *lane, *next;
    HASH_ITER(hh, b->host->dispatch->lanes.lanes, lane, next) {
        lane_bar(lane, breakers_bar(lane));
    }
    dispatch_kick(b->host);
}

/* ------------------------------------------------------------------ what the store says */

static struct breaker shifted(struct breaker state, int64_t by_ms) {
    state.opened_ms += by_ms;
    state.until_ms += by_ms;
    state.probe_ms += state.probe_ms == 0 ? 0 : by_ms;
    return state;
}

// Whoever closed it tells those that are parked for it, unless he dies: so does each host that hears of it.
static bool held_back(const struct breaker_entry *e) {
    return e != NULL && !breaker_is_counting(&e->state);
}

bool breakers_learn(struct breakers *b, const char *name, const struct breaker *state,
                    int64_t ahead_ms) {
    struct breaker_entry *e = breakers_find(b, name);
    if (state->failures == 0) {
        bool held = held_back(e);
        if (e != NULL) {
            breakers_drop(b, e);
        }
        return held;
    }
    if (e == NULL) {
        e = breakers_add(b, name);
    }
    if (e != NULL) {
        e->state = shifted(*state, ahead_ms);
        e->listed = true;
        plan(b, breaker_wake_ms(&e->state, breakers_now(b)));
    }
    return false;
}

/* ------------------------------------------------------------------ all of them */

static void on_list(struct store_op *op);

static void load_page(struct breakers *b) {
    b->loading = true;
    b->list.op.kind = STORE_BREAKER_LIST;
    b->list.op.done = on_list;
    b->list.op.arg = b;
    b->list.op.now_ms = breakers_now(b);
    store_post(&b->host->store, &b->list.op);
}

// What was not in the list has closed while nobody here listened. True: one of them held jobs back.
static bool drop_unlisted(struct breakers *b) {
    struct breaker_entry *e, *next;
    bool held = false;
    HASH_ITER(hh, b->open, e, next) {
        if (!e->listed) {
            held = held || held_back(e);
            breakers_drop(b, e);
        }
    }
    return held;
}

static void load_end(struct breakers *b, int status) {
    struct host *host = b->host;
    b->loaded = true; // after a failure too: rather one call too many than none ever
    if (status != 0) {
        (void)timer_set(host->timers, &b->again, env_mono_ms(&host->env) + RETRY_MS);
    } else if (drop_unlisted(b) || !b->looked) {
        b->looked = true;
        unpark_go(&b->unpark);
    }
    breakers_look(b);
    if (status == 0 && b->load_again) {
        breakers_load(host);
    }
}

static void on_list(struct store_op *op) {
    struct breakers *b = op->arg;
    char cursor[BREAKER_NAME_MAX + 1] = "";
    b->loading = false;
    for (size_t i = 0; op->status == 0 && i < b->list.count; i++) {
        (void)breakers_learn(b, b->list.breakers[i].name, &b->list.breakers[i].state,
                             op->now_ms - b->list.clock_ms);
    }
    if (op->status == 0 && b->list.next_cursor != NULL) {
        (void)snprintf(cursor, sizeof cursor, "%s", b->list.next_cursor);
    }
    int status = op->status;
    store_op_finish(op);
    if (b->host->phase != HOST_RUNNING) {
        return;
    }
    if (cursor[0] == '\0') {
        load_end(b, status);
        return;
    }
    b->list = (struct store_breaker_list){.max = BREAKERS_PAGE};
    b->list.cursor = arena_str(&b->list.op.arena, cursor);
    load_page(b);
}

void breakers_load(struct host *host) {
    struct breakers *b = host->breakers;
    struct breaker_entry *e;
    b->load_again = b->loading;
    if (b->loading) {
        return;
    }
    timer_cancel(host->timers, &b->again);
    for (e = b->open; e != NULL; e = e->hh.next) {
        e->listed = false;
    }
    b->list = (struct store_breaker_list){.max = BREAKERS_PAGE};
    load_page(b);
}

bool breakers_are_known(const struct host *host) {
    return host->breakers->loaded;
}

void breakers_news(struct host *host, const char *name) {
    if (host->breakers == NULL || host->phase != HOST_RUNNING || !host->joined) {
        return;
    }
    if (name == NULL) {
        breakers_load(host);
        return;
    }
    struct breaker_telling *t = breakers_telling(host->breakers, STORE_BREAKER_LOOK, name);
    if (t != NULL) {
        breakers_tell(t);
    }
}

void breakers_count(const struct host *host, struct breakers_counts *ret) {
    const struct breakers *b = host->breakers;
    *ret = b->counts;
    for (const struct breaker_entry *e = b->open; e != NULL; e = e->hh.next) {
        enum breaker_state state = breaker_state(&e->state, breakers_now(b));
        ret->open += state == BREAKER_IS_OPEN;
        ret->half_open += state == BREAKER_IS_HALF_OPEN;
    }
}

static void on_again(struct timer *t, void *arg) {
    (void)t;
    breakers_load(((struct breakers *)arg)->host);
}

void breakers_configure(struct host *host) {
    struct breakers *b = host->breakers;
    if (b->open != NULL) {
        breakers_look(b);
        unpark_go(&b->unpark);
    }
}

// Does it hold back jobs of that queue and type?
static bool is_on(const struct host *host, enum breaker_kind kind, const struct job_spec *spec) {
    struct breaker_times times;
    return config_breaker(host->config, kind, &times) &&
           config_job(host->config, spec->type)->breakers &&
           config_queue(host->config, spec->queue)->breakers;
}

// One that is half open lets its jobs go at their time, one after the other.
static bool is_free(const struct host *host, const struct store_job *job) {
    const struct breakers *b = host->breakers;
    int64_t until;
    struct breaker_entry *e = job->wait_key == NULL ? NULL : breakers_find(b, job->wait_key);
    enum breaker_verdict verdict = e == NULL || !is_on(host, e->kind, &job->spec)
                                       ? BREAKER_GO
                                       : breaker_ask(&e->state, 0, breakers_now(b), &until);
    if (verdict == BREAKER_PROBE && e->calls) {
        e->calls = false;
        return true;
    }
    return verdict == BREAKER_GO;
}

struct breakers *breakers_new(struct host *host) {
    struct breakers *b = calloc(1, sizeof *b);
    if (b != NULL) {
        b->host = host;
        b->unpark = (struct unpark){.host = host, .park = PARK_BREAKER, .is_free = is_free};
        timer_init(&b->timer, on_timer, b);
        timer_init(&b->again, on_again, b);
    }
    return b;
}

void breakers_free(struct breakers **bp) {
    struct breakers *b = *bp;
    if (b == NULL) {
        return;
    }
    timer_cancel(b->host->timers, &b->timer);
    timer_cancel(b->host->timers, &b->again);
    struct breaker_entry *e = b->open, *next;
    HASH_CLEAR(hh, b->open); // their order stays
    for (; e != NULL; e = next) {
        next = e->hh.next;
        free(e);
    }
    unpark_finish(&b->unpark);
    free(b);
    *bp = NULL;
}
