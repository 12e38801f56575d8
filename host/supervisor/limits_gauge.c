/* One line for each limiter that somebody here waits for, holds slots of, or has just been told to wait for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/limits_private.h"
#include "supervisor/slots.h"

/* ------------------------------------------------------------------ rules */

struct limiter_rules limits_rules(const struct host *host, const struct config_limit *limit) {
    bool fixed = strcmp(limit->window, "fixed") == 0;
    return (struct limiter_rules){
        .rate = limit->rate,
        .per_ms = limit->per_ms,
        .window = fixed ? LIMITER_WINDOW_FIXED : LIMITER_WINDOW_MOVING,
        .burst = limit->burst,
        .concurrency = limit->concurrency,
        .lease_ms = host->config->host.lease_ms,
    };
}

const struct config_limit *limits_config(const struct host *host, const char *name,
                                         int *ret_status) {
    size_t len;
    const char *key;
    *ret_status = limiter_name_split(name, &len, &key);
    const struct config_limit *found =
        *ret_status == 0 ? config_limit(host->config, name, len) : NULL;
    if (*ret_status == 0 && found == NULL) {
        *ret_status = -ENOENT;
    }
    return found;
}

int limits_check(struct host *host, const char *name) {
    int status;
    (void)limits_config(host, name, &status);
    return status;
}

/* ------------------------------------------------------------------ gauges */

static struct limit_series *series_of(struct limits *l, const char *name) {
    size_t len = strcspn(name, ":");
    struct limit_series *s;
    HASH_FIND(hh, l->series, name, len, s);
    if (s == NULL && len <= LIMITER_LIMIT_NAME_MAX && (s = calloc(1, sizeof *s)) != NULL) {
        memcpy(s->name, name, len);
        HASH_ADD(hh, l->series, name[0], len, s);
    }
    return s;
}

struct gauge *limits_gauge(struct limits *l, const char *name) {
    struct gauge *g;
    HASH_FIND_STR(l->gauges, name, g);
    return g;
}

static void on_timer(struct timer *t, void *arg) {
    struct gauge *g = arg;
    (void)t;
    limits_gauge_look(g);
    limits_run(g->of);
}

struct gauge *limits_gauge_get(struct limits *l, const char *name, int *ret_status) {
    struct gauge *g = limits_gauge(l, name);
    const struct config_limit *c = g == NULL ? limits_config(l->host, name, ret_status) : NULL;
    if (g != NULL) {
        *ret_status = g->known ? 0 : -ENOENT;
        return g->known ? g : NULL;
    }
    if (c == NULL) {
        return NULL;
    }
    *ret_status = -ENOMEM;
    g = calloc(1, sizeof *g);
    struct limit_series *s = g == NULL ? NULL : series_of(l, name);
    if (s == NULL || (g->name = strdup(name)) == NULL) {
        free(g);
        return NULL;
    }
    g->of = l;
    g->woken = ++l->wakes; // one before it may have been
    g->series = s;
    g->rules = limits_rules(l->host, c);
    g->known = true;
    TAILQ_INIT(&g->wishes);
    timer_init(&g->timer, on_timer, g);
    HASH_ADD_KEYPTR(hh, l->gauges, g->name, strlen(g->name), g);
    *ret_status = 0;
    return g;
}

void limits_gauge_free(struct gauge *g) {
    timer_cancel(g->of->host->timers, &g->timer);
    free(g->parked);
    free(g->name);
    free(g);
}

static void gauge_drop(struct gauge *g) {
    HASH_DELETE(hh, g->of->gauges, g);
    if (g->listed) {
        TAILQ_REMOVE(&g->of->changed, g, changed);
    }
    limits_gauge_free(g);
}

void limits_gauge_look(struct gauge *g) {
    if (!g->listed) {
        g->listed = true;
        TAILQ_INSERT_TAIL(&g->of->changed, g, changed);
    }
}

/* When one of those who wait is sent away, or all are asked for. */
static int64_t end_of_wait(const struct gauge *g) {
    const struct limit_wish *wish;
    int64_t first = g->until_mono_ms;
    TAILQ_FOREACH(wish, &g->wishes, link) {
        first = limits_least(first, wish->until_mono_ms);
    }
    return first;
}

void limits_gauge_rest(struct gauge *g) {
    int64_t says = limits_most(g->until_mono_ms, g->next_mono_ms);
    bool hangs = g->tickets > 0 || g->pending > 0; // its end is told, and that is looked at
    if (g->waiting == 0 && !hangs && says <= limits_now(g->of)) {
        gauge_drop(g);
        return;
    }
    timer_cancel(g->of->host->timers, &g->timer);
    if (g->waiting > 0 || !hangs) {
        (void)timer_set(g->of->host->timers, &g->timer, g->waiting > 0 ? end_of_wait(g) : says);
    }
}

void limits_gauge_wake(struct gauge *g) {
    g->until_mono_ms = 0;
    g->woken = ++g->of->wakes;
    g->part = LIMITER_PART_NONE;
    limits_gauge_look(g);
    limits_kick(g->of);
    slots_open(g->of->host);
    if (g->waiting == 0 && g->parked_count > 0) {
        slots_wake(g->of->host, g->name);
    }
}

/* ------------------------------------------------------------------ parked jobs */

/* One that is parked again keeps its place: it has one only. */
static bool remembers(const struct gauge *g, const struct job_id *id) {
    for (uint32_t i = 0; i < g->parked_count; i++) {
        if (id_equal(&g->parked[i], id)) {
            return true;
        }
    }
    return false;
}

bool limits_parked(struct host *host, const char *name, const struct job_id *id, uint32_t max,
                   uint64_t told) {
    struct gauge *g = limits_gauge(host->limits, name);
    if (told != 0 && (g == NULL || g->woken != told)) {
        return true;
    }
    if (g == NULL || remembers(g, id)) {
        return false; // it comes when its time does
    }
    if (g->parked == NULL && (g->parked = calloc(max, sizeof *g->parked)) == NULL) {
        return false;
    }
    if (g->parked_count == max) { // the first one's time comes first, or has come
        struct job_id first;
        (void)limits_unpark(host, name, &first);
    }
    g->parked[g->parked_count++] = *id;
    return false;
}

bool limits_unpark(struct host *host, const char *name, struct job_id *ret) {
    struct gauge *g = limits_gauge(host->limits, name);
    if (g == NULL || g->parked_count == 0) {
        return false;
    }
    *ret = g->parked[0];
    g->parked_count--;
    memmove(g->parked, g->parked + 1, g->parked_count * sizeof *g->parked);
    return true;
}
