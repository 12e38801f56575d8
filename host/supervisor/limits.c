#include "supervisor/limits.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/limits_private.h"

void limits_kick(struct limits *l) {
    if (!l->turning) {
        l->turning = true;
        event_active(l->turn, EV_TIMEOUT, 0);
    }
}

/* ------------------------------------------------------------------ tickets and tells */

bool limits_tell(struct limits *l, struct gauge *g, enum store_limiter_verb verb, uint64_t id,
                 int64_t n, const struct limiter_hint *hint) {
    struct tell *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return false; // its lease ends
    }
    *t = (struct tell){.gauge = g, .verb = verb, .id = id, .n = n};
    t->hint = hint != NULL ? *hint : LIMITER_HINT_NONE;
    g->pending++;
    STAILQ_INSERT_TAIL(&l->tells, t, link);
    limits_kick(l);
    return true;
}

static void ticket_free(struct limits *l, struct limit_ticket *ticket) {
    ticket->gauge->tickets--;
    TAILQ_REMOVE(&l->tickets, ticket, all);
    free(ticket);
}

static void ticket_end(struct limits *l, struct limit_ticket *ticket, enum store_limiter_verb verb,
                       const struct limiter_hint *hint) {
    (void)limits_tell(l, ticket->gauge, verb, ticket->id, 0, hint);
    ticket_free(l, ticket);
}

void limits_answered(struct host *host, struct limit_ticket *ticket,
                     const struct limiter_hint *hint) {
    ticket_end(host->limits, ticket, STORE_LIMITER_ANSWERED, hint);
}

void limits_give_back(struct host *host, struct limit_ticket *ticket) {
    ticket_end(host->limits, ticket, STORE_LIMITER_GIVE_BACK, NULL);
}

void limits_answered_by_id(struct host *host, const char *name, uint64_t id,
                           const struct limiter_hint *hint) {
    int status;
    struct gauge *g = limits_gauge_get(host->limits, name, &status);
    if (g != NULL) {
        (void)limits_tell(host->limits, g, STORE_LIMITER_ANSWERED, id, 0, hint);
    }
}

static int tell_by_name(struct host *host, const char *name, enum store_limiter_verb verb,
                        int64_t n) {
    int status;
    struct gauge *g = limits_gauge_get(host->limits, name, &status);
    return g == NULL ? status : limits_tell(host->limits, g, verb, 0, n, NULL) ? 0 : -ENOMEM;
}

int limits_close(struct host *host, const char *name, int64_t for_ms) {
    int64_t span = limits_most(0, limits_least(for_ms, LIMITER_CLOSE_MAX_MS));
    return tell_by_name(host, name, STORE_LIMITER_CLOSE, span);
}

int limits_open(struct host *host, const char *name) {
    return tell_by_name(host, name, STORE_LIMITER_OPEN, 0);
}

struct limit_ticket *limits_ticket_new(struct limits *l, struct gauge *g, uint64_t id) {
    struct limit_ticket *ticket = calloc(1, sizeof *ticket);
    if (ticket != NULL) {
        *ticket = (struct limit_ticket){.gauge = g, .id = id, .renewed_mono_ms = limits_now(l)};
        g->tickets++;
        TAILQ_INSERT_TAIL(&l->tickets, ticket, all);
    }
    return ticket;
}

struct limit_ticket *limits_adopt(struct host *host, const char *name, uint64_t id) {
    struct limits *l = host->limits;
    int status;
    struct gauge *g = limits_gauge_get(l, name, &status);
    struct limit_ticket *ticket = g == NULL ? NULL : limits_ticket_new(l, g, id);
    if (ticket != NULL) { // nobody knows when it was renewed
        TAILQ_REMOVE(&l->tickets, ticket, all);
        ticket->renewed_mono_ms = 0;
        TAILQ_INSERT_HEAD(&l->tickets, ticket, all);
        limits_kick(l);
    }
    return ticket;
}

const char *limits_name(const struct limit_ticket *ticket) {
    return ticket->gauge->name;
}

/* ------------------------------------------------------------------ wishes */

static void wish_unlist(struct limit_wish *wish) {
    struct gauge *g = wish->gauge;
    TAILQ_REMOVE(&g->wishes, wish, link);
    g->waiting--;
    g->series->waiting--;
    wish->gauge = NULL;
}

void limits_wish_end(struct limit_wish *wish, int status, int64_t wait_ms) {
    struct limits_count *count = &wish->gauge->series->count;
    count->granted += status == 0;
    count->parked += status == 1;
    count->refused += status < 0;
    wish_unlist(wish);
    wish->done(wish, status, wait_ms);
}

int limits_wish(struct host *host, const char *name, struct limit_wish *wish) {
    struct limits *l = host->limits;
    int status;
    struct gauge *g = limits_gauge_get(l, name, &status);
    if (g == NULL) {
        return status;
    }
    if (!limiter_lets(&g->rules, wish->n)) {
        g->series->count.refused++;
        limits_gauge_look(g); // it may be forgotten
        limits_kick(l);
        return -ERANGE;
    }
    env_random(&wish->id, sizeof wish->id);
    wish->gauge = g;
    wish->asked = false;
    wish->ticket = NULL;
    TAILQ_INSERT_TAIL(&g->wishes, wish, link);
    g->waiting++;
    g->series->waiting++;
    limits_gauge_look(g);
    limits_kick(l);
    return 0;
}

void limits_withdraw(struct host *host, struct limit_wish *wish) {
    limits_unask(host->limits, wish);
    if (wish->gauge != NULL) {
        limits_gauge_look(wish->gauge); // the next one may want less
        wish_unlist(wish);
        limits_kick(host->limits);
    }
}

/* ------------------------------------------------------------------ the rest */

void limits_news(struct host *host, const char *name) {
    struct gauge *g = limits_gauge(host->limits, name);
    if (g != NULL) {
        limits_gauge_wake(g);
    }
}

void limits_was_reset(struct host *host, const char *name) {
    limits_news(host, name);
    unpark_go(&host->limits->unpark);
}

int64_t limits_shut_until(struct host *host, const char *name, enum limiter_part *ret_part) {
    const struct gauge *g = limits_gauge(host->limits, name);
    *ret_part = g == NULL ? LIMITER_PART_NONE : g->part;
    return g == NULL || g->until_mono_ms <= limits_now(host->limits) ? 0 : g->until_mono_ms;
}

uint32_t limits_waiting(struct host *host, const char *name) {
    const struct gauge *g = limits_gauge(host->limits, name);
    return g == NULL ? 0 : g->waiting;
}

const struct limits_count *limits_counted(struct host *host, const char *limit) {
    struct limit_series *s;
    HASH_FIND_STR(host->limits->series, limit, s);
    return s == NULL ? NULL : &s->count;
}

uint32_t limits_waiting_of(struct host *host, const char *limit) {
    struct limit_series *s;
    HASH_FIND_STR(host->limits->series, limit, s);
    return s == NULL ? 0 : s->waiting;
}

void limits_configure(struct host *host) {
    struct limits *l = host->limits;
    struct gauge *g, *next;
    HASH_ITER(hh, l->gauges, g, next) {
        int status;
        const struct config_limit *c = limits_config(host, g->name, &status);
        g->known = c != NULL; // else what is held ends by the rules that it was taken by
        g->rules = c == NULL ? g->rules : limits_rules(host, c);
        g->next_mono_ms = 0;
        limits_gauge_wake(g);
    }
    if (l->gauges != NULL) { // their times are the old rules'
        unpark_go(&l->unpark);
    }
}

static void on_turn(evutil_socket_t fd, short what, void *arg) {
    struct limits *l = arg;
    (void)fd;
    (void)what;
    l->turning = false;
    limits_run(l);
}

static void on_timer(struct timer *t, void *arg) {
    (void)t;
    limits_run(arg);
}

/* Once slots are known to be out, the rest of them stays. */
static bool is_free(const struct host *host, const struct store_job *job) {
    const struct gauge *g =
        job->wait_key == NULL ? NULL : limits_gauge(host->limits, job->wait_key);
    return g == NULL || g->until_mono_ms <= limits_now(host->limits);
}

struct limits *limits_new(struct host *host) {
    struct limits *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    l->host = host;
    l->unpark = (struct unpark){.host = host, .park = PARK_LIMITER, .is_free = is_free};
    STAILQ_INIT(&l->tells);
    TAILQ_INIT(&l->tickets);
    TAILQ_INIT(&l->changed);
    timer_init(&l->timer, on_timer, l);
    l->turn = host->base == NULL ? NULL : event_new(host->base, -1, 0, on_turn, l);
    if (l->turn == NULL) {
        free(l);
        return NULL;
    }
    return l;
}

void limits_free(struct limits **lp) {
    struct limits *l = *lp;
    if (l == NULL) {
        return;
    }
    struct tell *t;
    while ((t = STAILQ_FIRST(&l->tells)) != NULL) {
        STAILQ_REMOVE_HEAD(&l->tells, link);
        free(t);
    }
    struct limit_ticket *ticket;
    while ((ticket = TAILQ_FIRST(&l->tickets)) != NULL) {
        TAILQ_REMOVE(&l->tickets, ticket, all);
        free(ticket);
    }
    struct gauge *g = l->gauges, *next_gauge;
    HASH_CLEAR(hh, l->gauges); // their order stays
    for (; g != NULL; g = next_gauge) {
        next_gauge = g->hh.next;
        limits_gauge_free(g);
    }
    struct limit_series *s = l->series, *next_series;
    HASH_CLEAR(hh, l->series);
    for (; s != NULL; s = next_series) {
        next_series = s->hh.next;
        free(s);
    }
    timer_cancel(l->host->timers, &l->timer);
    unpark_finish(&l->unpark);
    event_free(l->turn);
    free(l);
    *lp = NULL;
}
