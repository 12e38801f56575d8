#include "core/limiter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECES 252 /* of a window that is not remembered exactly */

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t div_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

// ---- the rules

static bool has_window(const struct limiter_rules *r) {
    return r->rate > 0 && r->window != LIMITER_WINDOW_NONE;
}

static bool has_pace(const struct limiter_rules *r) {
    return r->rate > 0 && (r->window == LIMITER_WINDOW_NONE || r->burst > 0);
}

static bool has_holders(const struct limiter_rules *r) {
    return has_window(r) || r->concurrency > 0;
}

static int64_t interval_us(const struct limiter_rules *r) {
    return div_up(r->per_ms * 1000, r->rate);
}

static int64_t burst_of(const struct limiter_rules *r) {
    return r->burst > 0 ? r->burst : r->rate;
}

int limiter_rules_check(const struct limiter_rules *r) {
    bool in_bounds = r->rate >= 0 && r->rate <= LIMITER_RATE_MAX && r->burst >= 0 &&
                     r->burst <= LIMITER_RATE_MAX && r->concurrency >= 0 &&
                     r->concurrency <= LIMITER_CONCURRENCY_MAX && r->lease_ms >= 1 &&
                     r->lease_ms <= LIMITER_LEASE_MAX_MS &&
                     (unsigned)r->window <= LIMITER_WINDOW_FIXED;
    if (!in_bounds || (r->rate == 0 && (r->concurrency == 0 || r->burst > 0))) {
        return -EINVAL;
    }
    if (r->rate == 0) {
        return 0;
    }
    if (r->per_ms < 1 || r->per_ms > LIMITER_PER_MAX_MS) {
        return -EINVAL;
    }
    return has_pace(r) && burst_of(r) > LIMITER_SPAN_MAX_US / interval_us(r) ? -EINVAL : 0;
}

// When a slot whose call was answered at `at` is free.
static int64_t settled_until(const struct limiter_rules *r, int64_t at) {
    if (r->window == LIMITER_WINDOW_FIXED) {
        return (at / r->per_ms + 1) * r->per_ms;
    }
    int64_t ends = at + r->per_ms + 1;
    int64_t piece = r->rate <= LIMITER_EXACT_MAX ? 1 : div_up(r->per_ms, PIECES);
    return div_up(ends, piece) * piece;
}

// ---- memory: taken when slots are, so that nothing else can fail

static int grow(void **items, size_t *cap, size_t want, size_t size, size_t max) {
    if (want <= *cap || *cap == max) {
        return 0;
    }
    size_t more = *cap == 0 ? 8 : *cap * 2;
    more = more < want ? want : more;
    more = more > max ? max : more;
    void *moved = realloc(*items, more * size);
    if (moved == NULL) {
        return -ENOMEM;
    }
    *items = moved;
    *cap = more;
    return 0;
}

static int make_room(struct limiter *l) {
    void *held = l->held, *settled = l->settled;
    int r = grow(&held, &l->held_cap, l->held_count + 1, sizeof *l->held, LIMITER_HOLDERS_MAX);
    l->held = held;
    if (r == 0) {
        r = grow(&settled, &l->settled_cap, l->settled_count + l->held_count + 1,
                 sizeof *l->settled, LIMITER_SETTLED_MAX);
        l->settled = settled;
    }
    return r;
}

void limiter_finish(struct limiter *l) {
    if (l == NULL) {
        return;
    }
    free(l->settled);
    free(l->held);
    *l = (struct limiter){0};
}

// ---- slots

// After a change of the rules there may be more times than there is room for: then two become one, the later.
static void settle(struct limiter *l, int64_t ends_ms, int64_t n) {
    size_t i = l->settled_count;
    while (i > 0 && l->settled[i - 1].ends_ms >= ends_ms) {
        i--;
    }
    if (i < l->settled_count &&
        (l->settled[i].ends_ms == ends_ms || l->settled_count == l->settled_cap)) {
        l->settled[i].n += n;
        return;
    }
    if (l->settled_count == l->settled_cap) {
        l->settled[i - 1].ends_ms = ends_ms;
        l->settled[i - 1].n += n;
        return;
    }
    memmove(l->settled + i + 1, l->settled + i, (l->settled_count - i) * sizeof *l->settled);
    l->settled[i] = (struct limiter_slots){ends_ms, n};
    l->settled_count++;
}

static struct limiter_holder *find(struct limiter *l, uint64_t id) {
    for (size_t i = 0; i < l->held_count; i++) {
        if (l->held[i].id == id) {
            return &l->held[i];
        }
    }
    return NULL;
}

static void let_go(struct limiter *l, struct limiter_holder *h) {
    *h = l->held[--l->held_count];
}

static void end_call(struct limiter *l, const struct limiter_rules *r, struct limiter_holder *h,
                     int64_t at_ms) {
    if (has_window(r)) {
        settle(l, settled_until(r, at_ms), h->n);
    }
    let_go(l, h);
}

static int64_t count_held(const struct limiter *l) {
    int64_t n = 0;
    for (size_t i = 0; i < l->held_count; i++) {
        n += l->held[i].n;
    }
    return n;
}

static int64_t count_settled(const struct limiter *l) {
    int64_t n = 0;
    for (size_t i = 0; i < l->settled_count; i++) {
        n += l->settled[i].n;
    }
    return n;
}

// ---- what time does

static void end_leases(struct limiter *l, const struct limiter_rules *r, int64_t now_ms) {
    for (size_t i = l->held_count; i-- > 0;) {
        struct limiter_holder *h = &l->held[i];
        h->ends_ms = least(h->ends_ms, now_ms + r->lease_ms);
        if (h->ends_ms <= now_ms) {
            end_call(l, r, h, h->ends_ms);
        }
    }
}

static void end_windows(struct limiter *l, const struct limiter_rules *r, int64_t now_ms) {
    size_t count = l->settled_count;
    int64_t last = has_window(r) ? settled_until(r, now_ms) : now_ms;
    l->settled_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct limiter_slots s = l->settled[i];
        s.ends_ms = least(s.ends_ms, last);
        if (s.ends_ms > now_ms) {
            settle(l, s.ends_ms, s.n); // in place: it never gets ahead of i
        }
    }
    l->foreign_ms = least(l->foreign_ms, last);
    l->foreign = l->foreign_ms > now_ms ? l->foreign : 0;
}

static void pass_time(struct limiter *l, const struct limiter_rules *r, int64_t now_ms) {
    end_leases(l, r, now_ms);
    end_windows(l, r, now_ms);
    l->closed_ms = least(l->closed_ms, now_ms + LIMITER_CLOSE_MAX_MS);
    l->limit_ms = least(l->limit_ms, now_ms + LIMITER_LEARN_MS);
    l->closed_ms = l->closed_ms > now_ms ? l->closed_ms : 0;
    l->limit = l->limit_ms > now_ms ? l->limit : 0;
    if (has_pace(r)) {
        l->pace_us = least(l->pace_us, now_ms * 1000 + burst_of(r) * interval_us(r));
    }
}

// ---- each part: when `n` may go; 0 = now

static int64_t limit_of(const struct limiter *l, const struct limiter_rules *r) {
    return l->limit > 0 ? least(l->limit, r->rate) : r->rate;
}

static int64_t wait_closed(const struct limiter *l, const struct limiter_rules *r, int64_t n,
                           int64_t now_ms) {
    (void)r;
    (void)n;
    (void)now_ms;
    return l->closed_ms;
}

static int64_t first_lease(const struct limiter *l) {
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < l->held_count; i++) {
        first = least(first, l->held[i].ends_ms);
    }
    return first;
}

static int64_t wait_concurrency(const struct limiter *l, const struct limiter_rules *r, int64_t n,
                                int64_t now_ms) {
    (void)now_ms;
    bool full = r->concurrency > 0 && count_held(l) + n > r->concurrency;
    return full ? first_lease(l) : 0;
}

static int64_t wait_window(const struct limiter *l, const struct limiter_rules *r, int64_t n,
                           int64_t now_ms) {
    int64_t foreign = l->foreign, limit = limit_of(l, r);
    int64_t lacks = count_held(l) + count_settled(l) + foreign + n - limit;
    if (!has_window(r) || lacks <= 0) {
        return 0;
    }
    if (n > limit) {
        return l->limit_ms;
    }
    for (size_t i = 0; i < l->settled_count; i++) {
        if (l->foreign_ms <= l->settled[i].ends_ms) {
            lacks -= foreign;
            foreign = 0;
        }
        if (lacks <= 0) {
            return l->foreign_ms;
        }
        lacks -= l->settled[i].n;
        if (lacks <= 0) {
            return l->settled[i].ends_ms;
        }
    }
    // those that are held will be answered now at the earliest
    return foreign > 0 && lacks <= foreign ? l->foreign_ms : settled_until(r, now_ms);
}

static int64_t wait_pace(const struct limiter *l, const struct limiter_rules *r, int64_t n,
                         int64_t now_ms) {
    if (!has_pace(r)) {
        return 0;
    }
    int64_t arrival = most(l->pace_us, now_ms * 1000);
    int64_t at = arrival - (burst_of(r) - n) * interval_us(r);
    return at <= now_ms * 1000 ? 0 : div_up(at, 1000);
}

static int64_t wait_holders(const struct limiter *l, const struct limiter_rules *r, int64_t n,
                            int64_t now_ms) {
    (void)n;
    (void)now_ms;
    return has_holders(r) && l->held_count >= LIMITER_HOLDERS_MAX ? first_lease(l) : 0;
}

static const struct {
    const char *name;
    int64_t (*wait)(const struct limiter *l, const struct limiter_rules *r, int64_t n,
                    int64_t now_ms);
} parts[LIMITER_PARTS] = {
    [LIMITER_PART_NONE] = {"none", NULL},
    [LIMITER_PART_CLOSED] = {"closed", wait_closed},
    [LIMITER_PART_CONCURRENCY] = {"concurrency", wait_concurrency},
    [LIMITER_PART_WINDOW] = {"window", wait_window},
    [LIMITER_PART_PACE] = {"pace", wait_pace},
    [LIMITER_PART_HOLDERS] = {"holders", wait_holders},
};

const char *limiter_part_name(enum limiter_part part) {
    return (unsigned)part < LIMITER_PARTS ? parts[part].name : NULL;
}

bool limiter_lets(const struct limiter_rules *r, int64_t n) {
    return n >= 1 && (!has_window(r) || n <= r->rate) && (!has_pace(r) || n <= burst_of(r)) &&
           (r->concurrency == 0 || n <= r->concurrency);
}

static struct limiter_answer ask(const struct limiter *l, const struct limiter_rules *r, int64_t n,
                                 int64_t now_ms) {
    struct limiter_answer a = {.verdict = LIMITER_GRANTED};
    if (!limiter_lets(r, n)) {
        a.verdict = LIMITER_NEVER;
        return a;
    }
    for (int part = LIMITER_PART_CLOSED; part < LIMITER_PARTS; part++) {
        int64_t until = parts[part].wait(l, r, n, now_ms);
        if (until > a.until_ms) {
            a = (struct limiter_answer){LIMITER_WAIT, (enum limiter_part)part, until};
        }
    }
    return a;
}

int limiter_take(struct limiter *l, const struct limiter_rules *r, uint64_t id, int64_t n,
                 int64_t now_ms, struct limiter_answer *ret) {
    pass_time(l, r, now_ms);
    *ret = (struct limiter_answer){.verdict = LIMITER_GRANTED};
    if (find(l, id) != NULL) {
        return 0;
    }
    *ret = ask(l, r, n, now_ms);
    if (ret->verdict != LIMITER_GRANTED) {
        return 0;
    }
    if (has_holders(r)) {
        int failed = make_room(l);
        if (failed < 0) {
            return failed;
        }
        l->held[l->held_count++] = (struct limiter_holder){id, now_ms + r->lease_ms, n};
    }
    if (has_pace(r)) {
        l->pace_us = most(l->pace_us, now_ms * 1000) + n * interval_us(r);
    }
    return 0;
}

// ---- what answers tell

static int64_t clamp(int64_t low, int64_t value, int64_t high) {
    return most(low, least(value, high));
}

static int64_t pause_of(const struct limiter_rules *r, const struct limiter_hint *hint) {
    int64_t told = hint->retry_ms >= 0 ? hint->retry_ms : hint->reset_ms;
    if (told < 0) {
        told = r->rate > 0 ? least(r->per_ms, LIMITER_BLIND_MAX_MS) : LIMITER_BLIND_MAX_MS;
    }
    return clamp(LIMITER_CLOSE_MIN_MS, told, LIMITER_CLOSE_MAX_MS);
}

// What the other side has counted and nobody here has made. It falls by one an answer only, since
// answers overtake each other.
static void learn_foreign(struct limiter *l, const struct limiter_rules *r,
                          const struct limiter_hint *hint, int64_t now_ms) {
    int64_t limit = limit_of(l, r), last = settled_until(r, now_ms);
    int64_t seen = limit - least(hint->remaining, limit) - count_held(l) - count_settled(l);
    seen = most(seen, l->foreign - 1);
    l->foreign = most(seen, 0);
    l->foreign_ms = 0;
    if (l->foreign > 0) {
        bool told = hint->reset_ms >= 0 && hint->reset_ms < last - now_ms;
        l->foreign_ms = told ? now_ms + most(hint->reset_ms, 1) : last;
    }
}

static void learn(struct limiter *l, const struct limiter_rules *r, const struct limiter_hint *hint,
                  int64_t now_ms) {
    if (hint->refused) {
        l->closed_ms = most(l->closed_ms, now_ms + pause_of(r, hint));
    }
    if (!has_window(r)) {
        return;
    }
    if (hint->limit >= 0) {
        bool lower = hint->limit < r->rate;
        l->limit = lower ? most(hint->limit, 1) : 0;
        l->limit_ms = lower ? now_ms + LIMITER_LEARN_MS : 0;
    }
    if (hint->remaining >= 0) {
        learn_foreign(l, r, hint, now_ms);
    }
}

bool limiter_answered(struct limiter *l, const struct limiter_rules *r, uint64_t id,
                      const struct limiter_hint *hint, int64_t now_ms) {
    pass_time(l, r, now_ms);
    struct limiter_holder *h = find(l, id);
    if (h != NULL) {
        end_call(l, r, h, now_ms);
    }
    if (hint != NULL) {
        learn(l, r, hint, now_ms);
    }
    return h != NULL;
}

bool limiter_give_back(struct limiter *l, const struct limiter_rules *r, uint64_t id,
                       int64_t now_ms) {
    pass_time(l, r, now_ms);
    struct limiter_holder *h = find(l, id);
    if (h == NULL) {
        return false;
    }
    let_go(l, h);
    return true;
}

bool limiter_renew(struct limiter *l, const struct limiter_rules *r, uint64_t id, int64_t now_ms) {
    pass_time(l, r, now_ms);
    struct limiter_holder *h = find(l, id);
    if (h != NULL) {
        h->ends_ms = now_ms + r->lease_ms;
    }
    return h != NULL;
}

void limiter_close(struct limiter *l, const struct limiter_rules *r, int64_t until_ms,
                   int64_t now_ms) {
    pass_time(l, r, now_ms);
    if (until_ms > now_ms) {
        l->closed_ms = most(l->closed_ms, least(until_ms, now_ms + LIMITER_CLOSE_MAX_MS));
    }
}

void limiter_open(struct limiter *l) {
    l->closed_ms = 0;
    l->limit = l->limit_ms = 0;
    l->foreign = l->foreign_ms = 0;
}

// ---- looking

void limiter_look(struct limiter *l, const struct limiter_rules *r, int64_t now_ms,
                  struct limiter_view *ret) {
    pass_time(l, r, now_ms);
    *ret = (struct limiter_view){
        .limit = has_window(r) ? limit_of(l, r) : 0,
        .held = count_held(l),
        .settled = count_settled(l),
        .foreign = l->foreign,
        .closed_ms = l->closed_ms,
        .next = ask(l, r, 1, now_ms),
    };
}

int64_t limiter_rest_ms(const struct limiter *l, const struct limiter_rules *r) {
    int64_t last = most(l->closed_ms, most(l->limit_ms, l->foreign_ms));
    last = most(last, div_up(l->pace_us, 1000));
    for (size_t i = 0; i < l->settled_count; i++) {
        last = most(last, l->settled[i].ends_ms);
    }
    for (size_t i = 0; i < l->held_count; i++) {
        int64_t ends = l->held[i].ends_ms;
        last = most(last, has_window(r) ? settled_until(r, ends) : ends);
    }
    return last;
}

// ---- names

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

int limiter_name_split(const char *name, size_t *ret_limit_len, const char **ret_key) {
    size_t len = 0;
    while (is_name_char(name[len])) {
        len++;
    }
    if (len > LIMITER_LIMIT_NAME_MAX || !is_letter(name[0]) ||
        (name[len] != '\0' && name[len] != ':')) {
        return -EINVAL;
    }
    const char *key = name[len] == ':' ? name + len + 1 : "";
    size_t key_len = strlen(key);
    if (key_len > LIMITER_KEY_MAX || (name[len] == ':' && key_len == 0)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < key_len; i++) {
        if ((unsigned char)key[i] < 0x20 || key[i] == 0x7f) {
            return -EINVAL;
        }
    }
    *ret_limit_len = len;
    *ret_key = key;
    return 0;
}
