/* Limiters (core/limiter.h), and who waits for one: in order, as supervisor/limits.c has it for a running host, with the
 * state in the simulation's memory instead of the store.
 *
 *     wish ──▶ one line for each limiter ──▶ limiter_take() ──▶ ticket, or: not before T
 *               ▲ T has come, or a call has ended                └ T is too far: sent away, each to another moment */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim_private.h"

enum {
    RENEW_AT = 3,     // parts of a lease
    SPREAD_MS = 1000, // between who is sent away until a call of unknown length ends
};

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* ------------------------------------------------------------------ by name */

static const struct config_limit *config_of(const struct sim *s, const char *name) {
    size_t len;
    const char *key;
    return limiter_name_split(name, &len, &key) == 0 ? config_limit(s->config, name, len) : NULL;
}

static void on_look(struct sim *s, struct agenda_event *e);
static void on_renew(struct sim *s, struct agenda_event *e);

static struct sim_limit *make(struct sim *s, const struct config_limit *c, const char *name) {
    struct sim_limit *l = sim_alloc(s, &s->arena, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    bool fixed = strcmp(c->window, "fixed") == 0;
    *l = (struct sim_limit){
        .name = (char *)(uintptr_t)sim_text(s, &s->arena, name),
        .config = c,
        .rules = {.rate = c->rate,
                  .per_ms = c->per_ms == 0 ? 1000 : c->per_ms,
                  .window = fixed ? LIMITER_WINDOW_FIXED : LIMITER_WINDOW_MOVING,
                  .burst = c->burst,
                  .concurrency = c->concurrency,
                  .lease_ms = s->config->host.lease_ms},
        .report = report_calls(s->report, name, false),
    };
    TAILQ_INIT(&l->wishes);
    LIST_INIT(&l->tickets);
    agenda_event(&l->look, on_look);
    agenda_event(&l->renew, on_renew);
    if (l->report == NULL) {
        sim_fail(s, -ENOMEM, "out of memory");
        return NULL;
    }
    if (limiter_rules_check(&l->rules) != 0) {
        sim_fail(s, -EINVAL, "the limit \"%s\" has neither a rate nor a concurrency", name);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, s->limits, l->name, strlen(l->name), l);
    return l;
}

struct sim_limit *sim_limits_find(struct sim *s, const char *name) {
    struct sim_limit *l;
    HASH_FIND_STR(s->limits, name, l);
    const struct config_limit *c = l == NULL ? config_of(s, name) : NULL;
    return c == NULL ? l : make(s, c, name);
}

/* ------------------------------------------------------------------ tickets */

/* What a living host has is renewed as long as it lasts; what a dead one had ends with its lease. */
static void on_renew(struct sim *s, struct agenda_event *e) {
    struct sim_limit *l = CONTAINER_OF(e, struct sim_limit, renew);
    struct sim_ticket *t;
    LIST_FOREACH(t, &l->tickets, link) {
        if (t->of->died_ms == 0) {
            (void)limiter_renew(&l->core, &l->rules, t->id, sim_wall(s));
        }
    }
    if (!LIST_EMPTY(&l->tickets)) {
        sim_set(s, e, s->passed_ms + l->rules.lease_ms / RENEW_AT);
    }
}

static void add_ticket(struct sim *s, struct sim_limit *l, struct sim_wish *w) {
    *w->ticket = (struct sim_ticket){.limit = l, .id = w->id, .of = w->of};
    if (LIST_EMPTY(&l->tickets)) {
        sim_set(s, &l->renew, s->passed_ms + l->rules.lease_ms / RENEW_AT);
    }
    LIST_INSERT_HEAD(&l->tickets, w->ticket, link);
}

static struct sim_limit *drop_ticket(struct sim *s, struct sim_ticket *t) {
    struct sim_limit *l = t->limit;
    if (l != NULL) {
        LIST_REMOVE(t, link);
        t->limit = NULL;
        if (LIST_EMPTY(&l->tickets)) {
            agenda_drop(&s->agenda, &l->renew);
        }
    }
    return l;
}

/* A call of unknown length may end long before its lease does; any other time is a time. */
static bool may_end_early(const struct sim_limit *l) {
    return l->part == LIMITER_PART_CONCURRENCY || l->part == LIMITER_PART_HOLDERS;
}

/* Slots may be free: who waits is asked for now, or else one that was sent away comes before its time. */
static void wake(struct sim *s, struct sim_limit *l) {
    l->until_ms = 0;
    l->part = LIMITER_PART_NONE;
    if (l->waiting > 0) {
        sim_set(s, &l->look, s->passed_ms);
    } else if (l->parked_count > 0) {
        struct sim_move *m = sim_alloc(s, &s->batch.arena, sizeof *m);
        if (m != NULL) {
            *m = (struct sim_move){.item = {.id = l->parked[0], .event = JOB_EV_WAKE}};
            memmove(l->parked, l->parked + 1, --l->parked_count * sizeof *l->parked);
            sim_flush_move(s, m);
        }
    }
}

void sim_limits_answered(struct sim *s, struct sim_ticket *t, const struct limiter_hint *hint) {
    uint64_t id = t->id;
    struct sim_limit *l = drop_ticket(s, t);
    if (l != NULL) {
        (void)limiter_answered(&l->core, &l->rules, id, hint, sim_wall(s));
        if (l->rules.concurrency > 0 || may_end_early(l)) {
            wake(s, l);
        }
    }
}

void sim_limits_give_back(struct sim *s, struct sim_ticket *t) {
    uint64_t id = t->id;
    struct sim_limit *l = drop_ticket(s, t);
    if (l != NULL) {
        (void)limiter_give_back(&l->core, &l->rules, id, sim_wall(s));
        wake(s, l);
    }
}

void sim_limits_forget(struct sim *s, struct sim_ticket *t) {
    (void)drop_ticket(s, t);
}

/* ------------------------------------------------------------------ who waits */

static void unlist(struct sim_wish *w) {
    TAILQ_REMOVE(&w->limit->wishes, w, link);
    w->limit->waiting--;
    w->limit = NULL;
}

void sim_limits_withdraw(struct sim *s, struct sim_wish *w) {
    if (w->limit != NULL) {
        sim_set(s, &w->limit->look, s->passed_ms); // the next one may want less
        unlist(w);
    }
}

/* Who is sent away comes when it is his turn, as far as can be told: not all at the same time. Who asks again before that is
 * no other one. */
static int64_t send_away(const struct sim *s, struct sim_limit *l, const struct sim_wish *w) {
    int64_t step = l->rules.rate > 0 ? w->n * l->rules.per_ms / l->rules.rate : SPREAD_MS;
    int64_t first = most(l->until_ms, s->passed_ms + 1);
    struct sim_attempt *a = w->of;
    if (a->turn_of != l || a->turn_ms < first) {
        a->turn_of = l;
        a->turn_ms = most(l->next_ms, first);
        l->next_ms = a->turn_ms + most(step, 1);
    }
    return a->turn_ms - s->passed_ms;
}

static void finish_wish(struct sim *s, struct sim_wish *w, int64_t wait_ms) {
    unlist(w);
    w->done(s, w, wait_ms);
}

static bool is_hopeless(const struct sim *s, const struct sim_limit *l, const struct sim_wish *w) {
    return l->until_ms > s->passed_ms &&
           (w->give_up_ms <= s->passed_ms || (!may_end_early(l) && w->give_up_ms < l->until_ms));
}

/* True: somebody was sent away, and what waits may be another list now. */
static bool sift(struct sim *s, struct sim_limit *l) {
    struct sim_wish *w;
    TAILQ_FOREACH(w, &l->wishes, link) {
        if (!limiter_lets(&l->rules, w->n)) {
            finish_wish(s, w, SIM_LIMITS_NEVER);
            return true;
        }
        if (is_hopeless(s, l, w)) {
            finish_wish(s, w, send_away(s, l, w));
            return true;
        }
    }
    return false;
}

/* True: the first one has its answer. */
static bool take(struct sim *s, struct sim_limit *l) {
    struct sim_wish *w = TAILQ_FIRST(&l->wishes);
    struct limiter_answer answer;
    if (w == NULL || l->until_ms > s->passed_ms) {
        return false;
    }
    if (limiter_take(&l->core, &l->rules, w->id, w->n, sim_wall(s), &answer) != 0) {
        sim_fail(s, -ENOMEM, "out of memory");
        return false;
    }
    switch (answer.verdict) {
    case LIMITER_GRANTED:
        l->report->granted += (uint64_t)w->n;
        add_ticket(s, l, w);
        finish_wish(s, w, 0);
        return true;
    case LIMITER_NEVER: finish_wish(s, w, SIM_LIMITS_NEVER); return true;
    default:
        l->report->waited++;
        l->until_ms = s->passed_ms + most(answer.until_ms - sim_wall(s), 1);
        l->part = answer.part;
        return true; // who cannot wait for that long is sent away
    }
}

static void arm(struct sim *s, struct sim_limit *l) {
    const struct sim_wish *w;
    int64_t first = INT64_MAX;
    TAILQ_FOREACH(w, &l->wishes, link) {
        first = least(first, least(w->give_up_ms, l->until_ms));
    }
    if (first != INT64_MAX) {
        sim_set(s, &l->look, most(first, s->passed_ms + 1));
    }
}

static void look(struct sim *s, struct sim_limit *l) {
    if (l->looking) {
        return; // who is told something wishes again: that is looked at next
    }
    l->looking = true;
    while (s->failure.code == 0 && (sift(s, l) || take(s, l))) {
    }
    l->looking = false;
    arm(s, l);
}

static void on_look(struct sim *s, struct agenda_event *e) {
    look(s, CONTAINER_OF(e, struct sim_limit, look));
}

void sim_limits_wish(struct sim *s, struct sim_limit *l, struct sim_wish *w) {
    w->id = ++s->tickets;
    w->limit = l;
    TAILQ_INSERT_TAIL(&l->wishes, w, link);
    l->waiting++;
    look(s, l);
}

void sim_limits_close(struct sim *s, struct sim_limit *l, int64_t for_ms) {
    limiter_close(&l->core, &l->rules, sim_wall(s) + most(0, least(for_ms, LIMITER_CLOSE_MAX_MS)),
                  sim_wall(s));
}

void sim_limits_parked(struct sim_limit *l, const struct job_id *id) {
    if (l->parked_count < ARRAY_LEN(l->parked)) { // else it comes when its time does
        l->parked[l->parked_count++] = *id;
    }
}

void sim_limits_finish(struct sim *s) {
    struct sim_limit *l, *next;
    HASH_ITER(hh, s->limits, l, next) {
        limiter_finish(&l->core);
    }
    HASH_CLEAR(hh, s->limits);
}
