/* One operation of the store a turn of the loop: what there is to tell, what is due to be renewed, and who waits; and
 * its answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/limits_private.h"

enum {
    ASK_AT_ONCE = 16, /* wishes of one gauge in one operation                      */
    SPREAD_MS = 1000, /* between who is sent away until a call of unknown length ends */
    AGAIN_MS = 1000,  /* after an operation that the store refused                 */
    RENEW_AT = 3,     /* parts of a lease                                           */
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

/* ------------------------------------------------------------------ who is sent away */

/* Who is sent away comes when it is his turn, as far as one host can tell: not all at the same time. Who asks again before that
 * is no other one, or a handler that asks in a loop would put off everybody's turn. */
static int64_t gauge_send_away(struct limits *l, struct gauge *g, struct limit_wish *wish) {
    int64_t now = limits_now(l), first = limits_most(g->until_mono_ms, now + 1);
    int64_t step = g->rules.rate > 0 ? wish->n * g->rules.per_ms / g->rules.rate : SPREAD_MS;
    if (wish->turn_mono_ms < first) {
        wish->turn_mono_ms = limits_most(g->next_mono_ms, first);
        g->next_mono_ms = wish->turn_mono_ms + limits_most(step, 1);
    }
    wish->told = g->woken;
    return wish->turn_mono_ms - now;
}

/* A call of unknown length may end long before its lease does; any other time is a time. */
static bool gauge_may_end_early(const struct gauge *g) {
    return g->part == LIMITER_PART_CONCURRENCY || g->part == LIMITER_PART_HOLDERS;
}

static bool wish_is_hopeless(const struct limits *l, const struct gauge *g,
                             const struct limit_wish *wish) {
    if (g->until_mono_ms <= limits_now(l)) {
        return false; // it has to be asked first
    }
    return wish->until_mono_ms <= limits_now(l) ||
           (!gauge_may_end_early(g) && wish->until_mono_ms < g->until_mono_ms);
}

static void gauge_sift(struct limits *l, struct gauge *g) {
    struct limit_wish *wish, *next;
    for (wish = TAILQ_FIRST(&g->wishes); wish != NULL; wish = next) {
        next = TAILQ_NEXT(wish, link);
        if (!g->known) {
            limits_wish_end(wish, -ENOENT, 0);
        } else if (!wish->asked && wish_is_hopeless(l, g, wish)) {
            limits_wish_end(wish, 1, gauge_send_away(l, g, wish));
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
    int64_t now = limits_now(l), due = now - l->host->config->host.lease_ms / RENEW_AT;
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

/* False: there was no room for all. */
static bool gather_gauge(struct limits *l, struct asking *a, struct gauge *g) {
    gauge_sift(l, g);
    const struct limit_wish *first = TAILQ_FIRST(&g->wishes);
    if (first == NULL || (!first->asked && g->until_mono_ms > limits_now(l))) {
        limits_gauge_rest(g);
    } else if (!first->asked && asking_is_full(a)) {
        return false;
    } else if (!first->asked) {
        gather_wishes(a, g);
    }
    return true; // one that is asked for is looked at again with the answer
}

/* Gauges take turns, should there be more than one operation holds. One that changes while it is looked at comes in the next. */
static void gather_gauges(struct limits *l, struct asking *a) {
    struct gauges all = TAILQ_HEAD_INITIALIZER(all);
    struct gauge *g;
    bool room = true;
    TAILQ_CONCAT(&all, &l->changed, changed);
    while (room && (g = TAILQ_FIRST(&all)) != NULL) {
        TAILQ_REMOVE(&all, g, changed);
        g->listed = false;
        if (!gather_gauge(l, a, g)) {
            g->listed = true;
            TAILQ_INSERT_HEAD(&all, g, changed);
            room = false;
        }
    }
    TAILQ_CONCAT(&all, &l->changed, changed);
    TAILQ_CONCAT(&l->changed, &all, changed);
}

static void arm(struct limits *l) {
    const struct limit_ticket *oldest = TAILQ_FIRST(&l->tickets);
    timer_cancel(l->host->timers, &l->timer);
    if (oldest != NULL) {
        (void)timer_set(l->host->timers, &l->timer,
                        oldest->renewed_mono_ms + l->host->config->host.lease_ms / RENEW_AT);
    }
}

static void on_answer(struct store_op *op);

void limits_run(struct limits *l) {
    if (l->asking != NULL || l->host->store.ops == NULL || l->host->phase == HOST_STOPPED) {
        return; // its answer brings us here again
    }
    struct asking *a = calloc(1, sizeof *a);
    if (a == NULL) {
        (void)timer_set(l->host->timers, &l->timer, limits_now(l) + AGAIN_MS);
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

void limits_unask(struct limits *l, struct limit_wish *wish) {
    struct asking *a = l->asking;
    for (size_t i = 0; wish->asked && a != NULL && i < a->op.count; i++) {
        a->wishes[i] = a->wishes[i] == wish ? NULL : a->wishes[i];
    }
}

/* ------------------------------------------------------------------ its answer */

static void grant(struct limits *l, struct gauge *g, struct limit_wish *wish, uint64_t id) {
    struct limit_ticket *ticket = wish == NULL ? NULL : limits_ticket_new(l, g, id);
    if (ticket == NULL) {
        (void)limits_tell(l, g, STORE_LIMITER_GIVE_BACK, id, 0, NULL);
    }
    if (wish != NULL) {
        wish->ticket = ticket;
        limits_wish_end(wish, ticket == NULL ? -ETIMEDOUT : 0, 0);
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
        g->series->count.waited += g->until_mono_ms <= limits_now(l);
        g->until_mono_ms = limits_now(l) + limits_most(item->answer.until_ms - clock_ms, 1);
        g->part = item->answer.part;
    } else if (wish != NULL) {
        limits_wish_end(wish, item->status == 0 ? -ERANGE : item->status, 0);
    }
}

/* A tell that frees slots here, or says something about when there will be some. */
static void on_told(struct limits *l, size_t i) {
    struct gauge *g = l->asking->gauges[i];
    enum store_limiter_verb verb = l->asking->items[i].verb;
    if (verb == STORE_LIMITER_GIVE_BACK || verb == STORE_LIMITER_OPEN ||
        (verb == STORE_LIMITER_ANSWERED && (g->rules.concurrency > 0 || gauge_may_end_early(g)))) {
        limits_gauge_wake(g);
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
        (void)limits_tell(l, g, STORE_LIMITER_GIVE_BACK, wish->id, 0, NULL);
        limits_wish_end(wish, -ETIMEDOUT, 0);
    }
}

/* Whoever waits behind those that were answered is asked for next. Takes first: what the same operation has told of
 * before them is in their answers. */
static void read_answer(struct limits *l, struct asking *a) {
    for (size_t i = 0; i < a->op.count; i++) {
        a->gauges[i]->pending--;
        limits_gauge_look(a->gauges[i]);
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
        (void)timer_set(l->host->timers, &l->timer, limits_now(l) + AGAIN_MS);
    } else if (l->host->phase != HOST_STOPPED) {
        limits_kick(l);
    }
}
