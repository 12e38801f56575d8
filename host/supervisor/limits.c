#include "supervisor/limits.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "store/limits.h"
#include "supervisor/host.h"
#include "supervisor/slots.h"
#include "supervisor/unpark.h"

enum {
    ASK_AT_ONCE = 16, /* wishes of one gauge in one operation                      */
    SPREAD_MS = 1000, /* between who is sent away until a call of unknown length ends */
    AGAIN_MS = 1000,  /* after an operation that the store refused                 */
    RENEW_AT = 3,     /* parts of a lease                                           */
};

/* Counters of a limit, and its keys together. Live as long as the host: limits are few. */
struct limit_series {
    char name[LIMITER_LIMIT_NAME_MAX + 1];
    struct limits_count count;
    uint32_t waiting;
    UT_hash_handle hh;
};

/* One limiter that somebody here waits for, holds slots of, or has just been told to wait for. */
struct gauge {
    char *name;
    struct limit_series *series;
    struct limiter_rules rules;
    bool known; /* the configuration has it */
    struct limit_wishes wishes;
    uint32_t waiting, tickets, pending; /* the last: items of the operation under way, and tells */
    int64_t until_mono_ms;              /* nothing is asked before; 0 = at once */
    enum limiter_part part;
    int64_t next_mono_ms;  /* when the next one who is sent away may come */
    struct job_id *parked; /* jobs that were sent away, by turn */
    uint32_t parked_count;
    UT_hash_handle hh;
};

/* What the store has still to be told. */
struct tell {
    struct gauge *gauge;
    enum store_limiter_verb verb;
    uint64_t id;
    int64_t n;
    struct limiter_hint hint;
    STAILQ_ENTRY(tell) link;
};

/* The operation under way. */
struct asking {
    struct store_limiter op;
    struct limits *limits;
    struct store_limiter_item items[STORE_LIMITER_ITEMS_MAX];
    struct gauge *gauges[STORE_LIMITER_ITEMS_MAX];
    struct limit_wish *wishes[STORE_LIMITER_ITEMS_MAX]; /* of a take; NULL: withdrawn since */
    struct tell *tells[STORE_LIMITER_ITEMS_MAX];
};

struct limits {
    struct host *host;
    struct gauge *gauges;
    struct limit_series *series;
    struct limit_tickets tickets; /* by when they were renewed */
    STAILQ_HEAD(tells, tell) tells;
    struct asking *asking; /* NULL: none is under way */
    struct event *turn;
    bool turning;
    struct timer timer;
    struct unpark unpark; /* those whose limiter may have slots before it was thought */
};

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t now_of(const struct limits *l) {
    return env_mono_ms(&l->host->env);
}

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

static const struct config_limit *config_of(const struct host *host, const char *name,
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
    (void)config_of(host, name, &status);
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

static struct gauge *gauge_find(struct limits *l, const char *name) {
    struct gauge *g;
    HASH_FIND_STR(l->gauges, name, g);
    return g;
}

static struct gauge *gauge_get(struct limits *l, const char *name, int *ret_status) {
    struct gauge *g = gauge_find(l, name);
    const struct config_limit *c = g == NULL ? config_of(l->host, name, ret_status) : NULL;
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
    g->series = s;
    g->rules = limits_rules(l->host, c);
    g->known = true;
    TAILQ_INIT(&g->wishes);
    HASH_ADD_KEYPTR(hh, l->gauges, g->name, strlen(g->name), g);
    *ret_status = 0;
    return g;
}

static void gauge_free(struct gauge *g) {
    free(g->parked);
    free(g->name);
    free(g);
}

static void gauge_drop(struct limits *l, struct gauge *g) {
    HASH_DELETE(hh, l->gauges, g);
    gauge_free(g);
}

/* Forgotten when nothing hangs on it and it says nothing. */
static void gauge_tidy(struct limits *l, struct gauge *g) {
    if (g->waiting == 0 && g->tickets == 0 && g->pending == 0 && g->until_mono_ms <= now_of(l) &&
        g->next_mono_ms <= now_of(l)) {
        gauge_drop(l, g);
    }
}

static void limits_kick(struct limits *l) {
    if (!l->turning) {
        l->turning = true;
        event_active(l->turn, EV_TIMEOUT, 0);
    }
}

static void gauge_wake(struct limits *l, struct gauge *g) {
    g->until_mono_ms = 0;
    g->part = LIMITER_PART_NONE;
    limits_kick(l);
    slots_open(l->host);
    if (g->waiting == 0 && g->parked_count > 0) {
        slots_wake(l->host, g->name);
    }
}

/* ------------------------------------------------------------------ tickets and tells */

static bool tell_store(struct limits *l, struct gauge *g, enum store_limiter_verb verb, uint64_t id,
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
    (void)tell_store(l, ticket->gauge, verb, ticket->id, 0, hint);
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
    struct gauge *g = gauge_get(host->limits, name, &status);
    if (g != NULL) {
        (void)tell_store(host->limits, g, STORE_LIMITER_ANSWERED, id, 0, hint);
    }
}

static int tell_by_name(struct host *host, const char *name, enum store_limiter_verb verb,
                        int64_t n) {
    int status;
    struct gauge *g = gauge_get(host->limits, name, &status);
    return g == NULL ? status : tell_store(host->limits, g, verb, 0, n, NULL) ? 0 : -ENOMEM;
}

int limits_close(struct host *host, const char *name, int64_t for_ms) {
    int64_t span = most(0, least(for_ms, LIMITER_CLOSE_MAX_MS));
    return tell_by_name(host, name, STORE_LIMITER_CLOSE, span);
}

int limits_open(struct host *host, const char *name) {
    return tell_by_name(host, name, STORE_LIMITER_OPEN, 0);
}

static struct limit_ticket *ticket_new(struct limits *l, struct gauge *g, uint64_t id) {
    struct limit_ticket *ticket = calloc(1, sizeof *ticket);
    if (ticket != NULL) {
        *ticket = (struct limit_ticket){.gauge = g, .id = id, .renewed_mono_ms = now_of(l)};
        g->tickets++;
        TAILQ_INSERT_TAIL(&l->tickets, ticket, all);
    }
    return ticket;
}

struct limit_ticket *limits_adopt(struct host *host, const char *name, uint64_t id) {
    struct limits *l = host->limits;
    int status;
    struct gauge *g = gauge_get(l, name, &status);
    struct limit_ticket *ticket = g == NULL ? NULL : ticket_new(l, g, id);
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

static void wish_end(struct limit_wish *wish, int status, int64_t wait_ms) {
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
    struct gauge *g = gauge_get(l, name, &status);
    if (g == NULL) {
        return status;
    }
    if (!limiter_lets(&g->rules, wish->n)) {
        g->series->count.refused++;
        limits_kick(l); // it may be forgotten
        return -ERANGE;
    }
    env_random(&wish->id, sizeof wish->id);
    wish->gauge = g;
    wish->asked = false;
    wish->ticket = NULL;
    TAILQ_INSERT_TAIL(&g->wishes, wish, link);
    g->waiting++;
    g->series->waiting++;
    limits_kick(l);
    return 0;
}

void limits_withdraw(struct host *host, struct limit_wish *wish) {
    struct asking *a = host->limits->asking;
    for (size_t i = 0; wish->asked && a != NULL && i < a->op.count; i++) {
        a->wishes[i] = a->wishes[i] == wish ? NULL : a->wishes[i];
    }
    if (wish->gauge != NULL) {
        wish_unlist(wish);
        limits_kick(host->limits); // the next one may want less
    }
}

/* Who is sent away comes when it is his turn, as far as one host can tell: not all at the same time. Who asks again before that
 * is no other one, or a handler that asks in a loop would put off everybody's turn. */
static int64_t gauge_send_away(struct limits *l, struct gauge *g, struct limit_wish *wish) {
    int64_t now = now_of(l), first = most(g->until_mono_ms, now + 1);
    int64_t step = g->rules.rate > 0 ? wish->n * g->rules.per_ms / g->rules.rate : SPREAD_MS;
    if (wish->turn_mono_ms < first) {
        wish->turn_mono_ms = most(g->next_mono_ms, first);
        g->next_mono_ms = wish->turn_mono_ms + most(step, 1);
    }
    return wish->turn_mono_ms - now;
}

/* A call of unknown length may end long before its lease does; any other time is a time. */
static bool gauge_may_end_early(const struct gauge *g) {
    return g->part == LIMITER_PART_CONCURRENCY || g->part == LIMITER_PART_HOLDERS;
}

static bool wish_is_hopeless(const struct limits *l, const struct gauge *g,
                             const struct limit_wish *wish) {
    if (g->until_mono_ms <= now_of(l)) {
        return false; // it has to be asked first
    }
    return wish->until_mono_ms <= now_of(l) ||
           (!gauge_may_end_early(g) && wish->until_mono_ms < g->until_mono_ms);
}

static void gauge_sift(struct limits *l, struct gauge *g) {
    struct limit_wish *wish, *next;
    for (wish = TAILQ_FIRST(&g->wishes); wish != NULL; wish = next) {
        next = TAILQ_NEXT(wish, link);
        if (!g->known) {
            wish_end(wish, -ENOENT, 0);
        } else if (!wish->asked && wish_is_hopeless(l, g, wish)) {
            wish_end(wish, 1, gauge_send_away(l, g, wish));
        }
    }
}

/* ------------------------------------------------------------------ the operation */

static struct store_limiter_item *asking_add(struct asking *a, struct gauge *g,
                                             enum store_limiter_verb verb, uint64_t id, int64_t n) {
    size_t i = a->op.count++;
    a->gauges[i] = g;
    a->items[i] = (struct store_limiter_item){.verb = verb,
                                              .name = g->name,
                                              .rules = g->rules,
                                              .id = id,
                                              .n = n,
                                              .hint = LIMITER_HINT_NONE};
    g->pending++;
    return &a->items[i];
}

static bool asking_is_full(const struct asking *a) {
    return a->op.count == STORE_LIMITER_ITEMS_MAX;
}

static void gather_tells(struct limits *l, struct asking *a) {
    struct tell *t;
    while (!asking_is_full(a) && (t = STAILQ_FIRST(&l->tells)) != NULL) {
        STAILQ_REMOVE_HEAD(&l->tells, link);
        a->tells[a->op.count] = t;
        asking_add(a, t->gauge, t->verb, t->id, t->n)->hint = t->hint;
        t->gauge->pending--;
    }
}

static void gather_renewals(struct limits *l, struct asking *a) {
    struct limit_ticket *t;
    int64_t now = now_of(l), due = now - l->host->config->host.lease_ms / RENEW_AT;
    while (!asking_is_full(a) && (t = TAILQ_FIRST(&l->tickets)) != NULL &&
           t->renewed_mono_ms <= due) {
        TAILQ_REMOVE(&l->tickets, t, all);
        TAILQ_INSERT_TAIL(&l->tickets, t, all);
        t->renewed_mono_ms = now;
        (void)asking_add(a, t->gauge, STORE_LIMITER_RENEW, t->id, 0);
    }
}

static void gather_wishes(struct asking *a, struct gauge *g) {
    struct limit_wish *wish;
    unsigned asked = 0;
    TAILQ_FOREACH(wish, &g->wishes, link) {
        if (asking_is_full(a) || asked++ == ASK_AT_ONCE) {
            return;
        }
        a->wishes[a->op.count] = wish;
        wish->asked = true;
        (void)asking_add(a, g, STORE_LIMITER_TAKE, wish->id, wish->n);
    }
}

/* Gauges take turns, should there be more than one operation holds. */
static void gather_gauges(struct limits *l, struct asking *a) {
    struct gauge *g, *next;
    HASH_ITER(hh, l->gauges, g, next) {
        gauge_sift(l, g);
        const struct limit_wish *first = TAILQ_FIRST(&g->wishes);
        if (first == NULL) {
            gauge_tidy(l, g);
        } else if (!first->asked && g->until_mono_ms <= now_of(l) && !asking_is_full(a)) {
            gather_wishes(a, g);
            HASH_DEL(l->gauges, g);
            HASH_ADD_KEYPTR(hh, l->gauges, g->name, strlen(g->name), g);
        }
    }
}

static void arm(struct limits *l) {
    struct gauge *g, *next;
    const struct limit_wish *wish;
    int64_t first = INT64_MAX;
    const struct limit_ticket *oldest = TAILQ_FIRST(&l->tickets);
    if (oldest != NULL) {
        first = oldest->renewed_mono_ms + l->host->config->host.lease_ms / RENEW_AT;
    }
    HASH_ITER(hh, l->gauges, g, next) {
        TAILQ_FOREACH(wish, &g->wishes, link) {
            first = least(first, least(wish->until_mono_ms, g->until_mono_ms));
        }
    }
    timer_cancel(l->host->timers, &l->timer);
    if (first != INT64_MAX) {
        (void)timer_set(l->host->timers, &l->timer, first);
    }
}

static void on_answer(struct store_op *op);

static void limits_run(struct limits *l) {
    if (l->asking != NULL || l->host->store.ops == NULL || l->host->phase == HOST_STOPPED) {
        return; // its answer brings us here again
    }
    struct asking *a = calloc(1, sizeof *a);
    if (a == NULL) {
        (void)timer_set(l->host->timers, &l->timer, now_of(l) + AGAIN_MS);
        return;
    }
    gather_tells(l, a);
    gather_renewals(l, a);
    gather_gauges(l, a);
    if (a->op.count == 0) {
        free(a);
        arm(l);
        return;
    }
    l->asking = a;
    a->limits = l;
    a->op.items = a->items;
    a->op.op = (struct store_op){
        .kind = STORE_LIMITER, .done = on_answer, .arg = a, .now_ms = env_wall_ms(&l->host->env)};
    store_post(&l->host->store, &a->op.op);
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

/* ------------------------------------------------------------------ its answer */

static void grant(struct limits *l, struct gauge *g, struct limit_wish *wish, uint64_t id) {
    struct limit_ticket *ticket = wish == NULL ? NULL : ticket_new(l, g, id);
    if (ticket == NULL) {
        (void)tell_store(l, g, STORE_LIMITER_GIVE_BACK, id, 0, NULL);
    }
    if (wish != NULL) {
        wish->ticket = ticket;
        wish_end(wish, ticket == NULL ? -ETIMEDOUT : 0, 0);
    }
}

static void on_take(struct limits *l, size_t i, int64_t clock_ms) {
    const struct store_limiter_item *item = &l->asking->items[i];
    struct limit_wish *wish = l->asking->wishes[i];
    struct gauge *g = l->asking->gauges[i];
    if (wish != NULL) {
        wish->asked = false;
    }
    if (item->status == 0 && item->answer.verdict == LIMITER_GRANTED) {
        grant(l, g, wish, item->id);
    } else if (item->status == 0 && item->answer.verdict == LIMITER_WAIT) {
        g->series->count.waited += g->until_mono_ms <= now_of(l);
        g->until_mono_ms = now_of(l) + most(item->answer.until_ms - clock_ms, 1);
        g->part = item->answer.part;
    } else if (wish != NULL) {
        wish_end(wish, item->status == 0 ? -ERANGE : item->status, 0);
    }
}

/* A tell that frees slots here, or says something about when there will be some. */
static void on_told(struct limits *l, size_t i) {
    struct gauge *g = l->asking->gauges[i];
    enum store_limiter_verb verb = l->asking->items[i].verb;
    if (verb == STORE_LIMITER_GIVE_BACK || verb == STORE_LIMITER_OPEN ||
        (verb == STORE_LIMITER_ANSWERED && (g->rules.concurrency > 0 || gauge_may_end_early(g)))) {
        gauge_wake(l, g);
    }
}

static void on_lost(struct limits *l, size_t i) {
    struct limit_wish *wish = l->asking->wishes[i];
    struct gauge *g = l->asking->gauges[i];
    struct tell *t = l->asking->tells[i];
    if (t != NULL) { // again, until it is known to have been heard
        g->pending++;
        STAILQ_INSERT_TAIL(&l->tells, t, link);
        l->asking->tells[i] = NULL;
    } else if (wish != NULL) {
        wish->asked = false;
        (void)tell_store(l, g, STORE_LIMITER_GIVE_BACK, wish->id, 0, NULL);
        wish_end(wish, -ETIMEDOUT, 0);
    }
}

/* Whoever waits behind those that were answered is asked for next. Takes first: what the same operation has told of
 * before them is in their answers. */
static void read_answer(struct limits *l, struct asking *a) {
    for (size_t i = 0; i < a->op.count; i++) {
        a->gauges[i]->pending--;
        if (a->op.op.status != 0) {
            on_lost(l, i);
        } else if (a->items[i].verb == STORE_LIMITER_TAKE) {
            on_take(l, i, a->op.clock_ms);
        } else {
            on_told(l, i);
        }
    }
}

static void on_answer(struct store_op *op) {
    struct asking *a = op->arg;
    struct limits *l = a->limits;
    bool lost = op->status != 0;
    if (lost) {
        log_warn(&l->host->log, "store.limiter_refused", "status=%d msg=\"%s\"", op->status,
                 op->err.msg);
    }
    read_answer(l, a);
    l->asking = NULL;
    for (size_t i = 0; i < a->op.count; i++) {
        free(a->tells[i]);
    }
    store_op_finish(op);
    free(a);
    if (lost) {
        (void)timer_set(l->host->timers, &l->timer, now_of(l) + AGAIN_MS);
    } else if (l->host->phase != HOST_STOPPED) {
        limits_kick(l);
    }
}

/* ------------------------------------------------------------------ parked jobs */

void limits_parked(struct host *host, const char *name, const struct job_id *id, uint32_t max) {
    struct gauge *g = gauge_find(host->limits, name);
    if (g == NULL || g->parked_count >= max) {
        return; // it comes when its time does
    }
    if (g->parked == NULL && (g->parked = calloc(max, sizeof *g->parked)) == NULL) {
        return;
    }
    g->parked[g->parked_count++] = *id;
}

bool limits_unpark(struct host *host, const char *name, struct job_id *ret) {
    struct gauge *g = gauge_find(host->limits, name);
    if (g == NULL || g->parked_count == 0) {
        return false;
    }
    *ret = g->parked[0];
    g->parked_count--;
    memmove(g->parked, g->parked + 1, g->parked_count * sizeof *g->parked);
    return true;
}

/* ------------------------------------------------------------------ the rest */

void limits_news(struct host *host, const char *name) {
    struct gauge *g = gauge_find(host->limits, name);
    if (g != NULL) {
        gauge_wake(host->limits, g);
    }
}

void limits_was_reset(struct host *host, const char *name) {
    limits_news(host, name);
    unpark_go(&host->limits->unpark);
}

int64_t limits_shut_until(struct host *host, const char *name, enum limiter_part *ret_part) {
    const struct gauge *g = gauge_find(host->limits, name);
    *ret_part = g == NULL ? LIMITER_PART_NONE : g->part;
    return g == NULL || g->until_mono_ms <= now_of(host->limits) ? 0 : g->until_mono_ms;
}

uint32_t limits_waiting(struct host *host, const char *name) {
    const struct gauge *g = gauge_find(host->limits, name);
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
        const struct config_limit *c = config_of(host, g->name, &status);
        g->known = c != NULL; // else what is held ends by the rules that it was taken by
        g->rules = c == NULL ? g->rules : limits_rules(host, c);
        g->next_mono_ms = 0;
        gauge_wake(l, g);
    }
    if (l->gauges != NULL) { // their times are the old rules'
        unpark_go(&l->unpark);
    }
}

/* Once slots are known to be out, the rest of them stays. */
static bool is_free(const struct host *host, const struct store_job *job) {
    const struct gauge *g = job->wait_key == NULL ? NULL : gauge_find(host->limits, job->wait_key);
    return g == NULL || g->until_mono_ms <= now_of(host->limits);
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
        gauge_free(g);
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
