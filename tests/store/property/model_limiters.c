/* Limiters, against takes that are written down one by one. */
#include <string.h>

#include "model.h"

static const struct {
    const char *name;
    struct limiter_rules rules;
    bool counts_twice; /* a take that is sent twice */
} limits[MODEL_LIMITERS] = {
    {"moving", {.rate = 3, .per_ms = 400, .window = LIMITER_WINDOW_MOVING, .lease_ms = 300}, false},
    {"fixed:ann",
     {.rate = 4, .per_ms = 500, .window = LIMITER_WINDOW_FIXED, .concurrency = 3, .lease_ms = 200},
     false},
    {"pace", {.rate = 5, .per_ms = 1000, .burst = 2, .lease_ms = 300}, true},
    {"all",
     {.rate = 5,
      .per_ms = 600,
      .window = LIMITER_WINDOW_MOVING,
      .burst = 2,
      .concurrency = 3,
      .lease_ms = 250},
     false},
};

/* ------------------------------------------------------------------ the model */

static int64_t settled_until(const struct limiter_rules *r, int64_t at_ms) {
    switch (r->window) {
    case LIMITER_WINDOW_MOVING: return at_ms + r->per_ms + 1;
    case LIMITER_WINDOW_FIXED: return (at_ms / r->per_ms + 1) * r->per_ms;
    default: return at_ms;
    }
}

// Whoever was not heard of until the end of a lease is answered then.
static void pass_time(struct model_limiter *l, const struct limiter_rules *r, int64_t now_ms) {
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct model_take t = l->takes[i];
        if (t.held && t.lease_ms <= now_ms) {
            t.held = false;
            t.settled_ms = settled_until(r, t.lease_ms);
        }
        if (t.held || t.settled_ms > now_ms) {
            l->takes[kept++] = t;
        }
    }
    l->count = kept;
}

static struct model_take *find(struct model_limiter *l, uint64_t id) {
    for (size_t i = 0; i < l->count; i++) {
        if (l->takes[i].held && l->takes[i].id == id) {
            return &l->takes[i];
        }
    }
    return NULL;
}

static int64_t count(const struct model_limiter *l, bool settled) {
    int64_t n = 0;
    for (size_t i = 0; i < l->count; i++) {
        n += l->takes[i].held || settled ? l->takes[i].n : 0;
    }
    return n;
}

static int64_t interval_us(const struct limiter_rules *r) {
    return (r->per_ms * 1000 + r->rate - 1) / r->rate;
}

static bool has_pace(const struct limiter_rules *r) {
    return r->burst > 0;
}

static int64_t arrival_us(const struct model_limiter *l, int64_t now_ms) {
    return l->pace_us > now_ms * 1000 ? l->pace_us : now_ms * 1000;
}

static enum limiter_verdict decide(const struct model_limiter *l, const struct limiter_rules *r,
                                   int64_t n, int64_t now_ms) {
    bool windowed = r->window != LIMITER_WINDOW_NONE;
    if (n > r->rate || (has_pace(r) && n > r->burst) ||
        (r->concurrency > 0 && n > r->concurrency)) {
        return LIMITER_NEVER;
    }
    bool open = l->closed_ms <= now_ms;
    bool room = r->concurrency == 0 || count(l, false) + n <= r->concurrency;
    bool in_window = !windowed || count(l, true) + n <= r->rate;
    int64_t late = now_ms * 1000 + r->burst * interval_us(r);
    bool paced = !has_pace(r) || arrival_us(l, now_ms) + n * interval_us(r) <= late;
    return open && room && in_window && paced ? LIMITER_GRANTED : LIMITER_WAIT;
}

static void grant(struct model_limiter *l, const struct limiter_rules *r,
                  const struct store_limiter_item *item, int64_t now_ms) {
    if (has_pace(r)) {
        l->pace_us = arrival_us(l, now_ms) + item->n * interval_us(r);
    }
    if (r->window != LIMITER_WINDOW_NONE || r->concurrency > 0) {
        l->takes[l->count++] = (struct model_take){
            .id = item->id, .n = item->n, .held = true, .lease_ms = now_ms + r->lease_ms};
    }
}

static void close_until(struct model_limiter *l, int64_t until_ms) {
    l->closed_ms = until_ms > l->closed_ms ? until_ms : l->closed_ms;
}

static int64_t closes_for(const struct limiter_hint *hint) {
    return hint->retry_ms > LIMITER_CLOSE_MIN_MS ? hint->retry_ms : LIMITER_CLOSE_MIN_MS;
}

// The take's verdict, or whether the id held something.
static int apply(struct model_limiter *l, const struct limiter_rules *r,
                 const struct store_limiter_item *item, bool *waited, int64_t now_ms) {
    struct model_take *t = find(l, item->id);
    switch (item->verb) {
    case STORE_LIMITER_TAKE: {
        enum limiter_verdict verdict = *waited     ? LIMITER_WAIT
                                       : t != NULL ? LIMITER_GRANTED
                                                   : decide(l, r, item->n, now_ms);
        if (verdict == LIMITER_GRANTED && t == NULL) {
            grant(l, r, item, now_ms);
        }
        *waited = verdict == LIMITER_WAIT;
        return (int)verdict;
    }
    case STORE_LIMITER_ANSWERED:
        if (t != NULL) {
            t->held = false;
            t->settled_ms = settled_until(r, now_ms);
        }
        if (item->hint.refused) {
            close_until(l, now_ms + closes_for(&item->hint));
        }
        break;
    case STORE_LIMITER_GIVE_BACK:
        if (t != NULL) {
            *t = (struct model_take){.held = false};
        }
        break;
    case STORE_LIMITER_RENEW:
        if (t != NULL) {
            t->lease_ms = now_ms + r->lease_ms;
        }
        break;
    case STORE_LIMITER_CLOSE: close_until(l, now_ms + item->n); break;
    default: l->closed_ms = 0; break;
    }
    return t != NULL;
}

/* ------------------------------------------------------------------ operations */

static uint64_t some_id(struct model *m, const struct model_limiter *l) {
    return l->count == 0 ? 1 : l->takes[model_dice(m, l->count)].id;
}

static void make_item(struct model *m, int number, struct store_limiter_item *item) {
    static const enum store_limiter_verb verbs[] = {STORE_LIMITER_TAKE,      STORE_LIMITER_TAKE,
                                                    STORE_LIMITER_TAKE,      STORE_LIMITER_TAKE,
                                                    STORE_LIMITER_ANSWERED,  STORE_LIMITER_ANSWERED,
                                                    STORE_LIMITER_GIVE_BACK, STORE_LIMITER_RENEW,
                                                    STORE_LIMITER_CLOSE,     STORE_LIMITER_OPEN};
    const struct model_limiter *l = &m->limiters[number];
    *item = (struct store_limiter_item){.verb = verbs[model_dice(m, ARRAY_LEN(verbs))],
                                        .name = limits[number].name,
                                        .rules = limits[number].rules,
                                        .id = some_id(m, l),
                                        .n = 1,
                                        .hint = LIMITER_HINT_NONE};
    bool is_new = item->verb == STORE_LIMITER_TAKE && model_dice(m, 6) != 0;
    item->id = is_new ? ++m->takes : item->id;
    if (item->verb == STORE_LIMITER_TAKE) {
        item->n = model_dice(m, 12) == 0 ? 50 : 1 + (int64_t)model_dice(m, 2);
    } else if (item->verb == STORE_LIMITER_CLOSE) {
        item->n = (int64_t)model_dice(m, 200);
    } else if (item->verb == STORE_LIMITER_ANSWERED && model_dice(m, 12) == 0) {
        item->hint.refused = true;
        item->hint.retry_ms = (int64_t)model_dice(m, 1500);
    }
}

/* A few of one limiter, which may be sent twice where that means nothing. */
void model_limiters_post(struct model *m) {
    struct store_limiter_item items[3];
    int number = (int)model_dice(m, MODEL_LIMITERS);
    struct model_limiter *l = &m->limiters[number];
    const struct limiter_rules *r = &limits[number].rules;
    struct store_limiter op = {.items = items, .count = 1 + model_dice(m, 3)};
    pass_time(l, r, m->rig.now);
    if (l->count + op.count > MODEL_TAKES) {
        return;
    }
    for (size_t i = 0; i < op.count; i++) {
        make_item(m, number, &items[i]);
    }
    (void)model_same(m, 0, rig_run(model_host(m), &op.op, STORE_LIMITER), "a limiter");
    bool waited = false;
    for (size_t i = 0; i < op.count; i++) {
        bool takes = items[i].verb == STORE_LIMITER_TAKE;
        int want = apply(l, r, &items[i], &waited, m->rig.now);
        int got = takes ? (int)items[i].answer.verdict : items[i].held;
        bool asks = items[i].verb < STORE_LIMITER_CLOSE;
        (void)model_same(m, 0, items[i].status, "an item of a limiter");
        (void)model_same(m, asks ? want : got, got, limits[number].name);
        if (takes && got == LIMITER_WAIT) {
            (void)model_agree(m, items[i].answer.until_ms > m->rig.now,
                              "who waits knows until when");
        }
    }
    store_op_finish(&op.op);
}

static void expect_slots(struct model *m, int number, struct limiter *is) {
    struct model_limiter *l = &m->limiters[number];
    const struct limiter_rules *r = &limits[number].rules;
    struct limiter_view view;
    pass_time(l, r, m->rig.now);
    limiter_look(is, r, m->rig.now, &view);
    (void)model_same(m, count(l, false), view.held, "slots that are held");
    (void)model_same(m, count(l, true) - count(l, false), view.settled, "slots that settle");
    (void)model_same(m, l->closed_ms > m->rig.now ? l->closed_ms : 0, view.closed_ms,
                     "until when it is closed");
}

/* Nobody has a slot that the model does not know of: those of the dead come back. */
void model_limiters_look(struct model *m) {
    struct store_limiter_list list = {.max = 100};
    (void)model_same(m, 0, rig_run(model_host(m), &list.op, STORE_LIMITER_LIST), "limiters");
    for (int i = 0; i < MODEL_LIMITERS; i++) {
        struct limiter none = {.pace_us = 0}, *is = &none;
        for (size_t k = 0; k < list.count; k++) {
            bool same = strcmp(list.limiters[k].name, limits[i].name) == 0;
            is = same ? &list.limiters[k].state : is;
        }
        expect_slots(m, i, is);
    }
    store_op_finish(&list.op);
}
