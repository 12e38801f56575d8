#include "store/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int store_limiter_check(const struct store_limiter_item *item) {
    size_t len;
    const char *key;
    int64_t most = item->verb == STORE_LIMITER_CLOSE ? LIMITER_CLOSE_MAX_MS : STORE_LIMITER_N_MAX;
    bool ok = (unsigned)item->verb < STORE_LIMITER_VERBS && item->name != NULL &&
              limiter_name_split(item->name, &len, &key) == 0 &&
              limiter_rules_check(&item->rules) == 0 && item->n >= 0 && item->n <= most;
    return ok ? 0 : -EINVAL;
}

bool store_limiter_is_of(const char *name, const char *limit) {
    size_t len = strlen(limit);
    return strncmp(name, limit, len) == 0 && (name[len] == '\0' || name[len] == ':');
}

/* ------------------------------------------------------------------ the kept form */

void store_limiter_write(const struct limiter *l, bool waits, struct buf *out) {
    buf_printf(out,
               "%d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %zu",
               waits, l->pace_us, l->closed_ms, l->limit, l->limit_ms, l->foreign, l->foreign_ms,
               l->settled_count);
    for (size_t i = 0; i < l->settled_count; i++) {
        buf_printf(out, " %" PRId64 " %" PRId64, l->settled[i].ends_ms, l->settled[i].n);
    }
    for (size_t i = 0; i < l->held_count; i++) {
        buf_printf(out, " %" PRIu64 " %" PRId64 " %" PRId64, l->held[i].id, l->held[i].n,
                   l->held[i].ends_ms);
    }
}

struct cursor {
    const char *at, *end;
    bool bad;
};

static uint64_t next(struct cursor *c) {
    uint64_t n = 0;
    bool any = false;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        uint64_t digit = (uint64_t)(*c->at - '0');
        c->bad = c->bad || n > (UINT64_MAX - digit) / 10;
        n = n * 10 + digit;
        any = true;
    }
    if (c->at < c->end) {
        c->bad = c->bad || *c->at != ' ';
        c->at++;
    }
    c->bad = c->bad || !any;
    return n;
}

static int64_t next_number(struct cursor *c) {
    uint64_t n = next(c);
    c->bad = c->bad || n > (UINT64_C(1) << 53);
    return c->bad ? 0 : (int64_t)n;
}

static size_t count_words(struct bytes text) {
    size_t words = text.len > 0;
    const char *at = text.data;
    for (size_t i = 0; i < text.len; i++) {
        words += at[i] == ' ';
    }
    return words;
}

enum { HEAD_WORDS = 8, SETTLED_WORDS = 2, HELD_WORDS = 3 };

static void read_head(struct cursor *c, struct limiter *l) {
    (void)next(c); // who waits
    l->pace_us = next_number(c);
    l->closed_ms = next_number(c);
    l->limit = next_number(c);
    l->limit_ms = next_number(c);
    l->foreign = next_number(c);
    l->foreign_ms = next_number(c);
    l->settled_count = (size_t)next_number(c);
}

static void read_lists(struct cursor *c, struct limiter *l) {
    for (size_t i = 0; i < l->settled_count; i++) {
        l->settled[i].ends_ms = next_number(c);
        l->settled[i].n = next_number(c);
    }
    for (size_t i = 0; i < l->held_count; i++) {
        l->held[i].id = next(c);
        l->held[i].n = next_number(c);
        l->held[i].ends_ms = next_number(c);
    }
}

// How many entries the lists have, by the number of words; false: they are not whole, or too long.
static bool count_lists(struct bytes text, struct limiter *l) {
    size_t words = count_words(text);
    if (words < HEAD_WORDS || l->settled_count > LIMITER_SETTLED_MAX) {
        return false;
    }
    size_t left = words - HEAD_WORDS;
    if (left < l->settled_count * SETTLED_WORDS) {
        return false;
    }
    left -= l->settled_count * SETTLED_WORDS;
    l->held_count = left / HELD_WORDS;
    return left % HELD_WORDS == 0 && l->held_count <= LIMITER_HOLDERS_MAX;
}

// All that is held may settle, without memory then.
static size_t room_to_settle(const struct limiter *l) {
    size_t room = l->settled_count + l->held_count + 1;
    return room < LIMITER_SETTLED_MAX ? room : LIMITER_SETTLED_MAX;
}

static int read_state(struct bytes text, struct limiter *ret, struct arena *a) {
    struct cursor c = {.at = text.data, .bad = text.len == 0};
    c.end = c.at + text.len;
    struct limiter l = {.pace_us = 0};
    read_head(&c, &l);
    if (c.bad || !count_lists(text, &l)) {
        return -EBADMSG;
    }
    l.settled_cap = room_to_settle(&l);
    l.held_cap = l.held_count + 1;
    size_t settled = l.settled_cap * sizeof *l.settled, held = l.held_cap * sizeof *l.held;
    l.settled = a != NULL ? arena_alloc(a, settled) : malloc(settled);
    l.held = a != NULL ? arena_alloc(a, held) : malloc(held);
    int r = l.settled == NULL || l.held == NULL ? -ENOMEM : 0;
    if (r == 0) {
        read_lists(&c, &l);
        r = c.bad ? -EBADMSG : 0;
    }
    if (r == 0) {
        *ret = l;
    } else if (a == NULL) {
        limiter_finish(&l);
    }
    return r;
}

int store_limiter_read(struct bytes text, struct limiter *ret) {
    return read_state(text, ret, NULL);
}

int store_limiter_show(struct bytes text, struct arena *a, struct limiter *ret) {
    return read_state(text, ret, a);
}

/* ------------------------------------------------------------------ one item */

static int take(struct limiter *l, struct store_limiter_item *item, int64_t now_ms,
                struct limiter_answer *told) {
    if (told->verdict == LIMITER_WAIT) {
        item->answer = *told;
        return 0;
    }
    int r = limiter_take(l, &item->rules, item->id, item->n, now_ms, &item->answer);
    if (r == 0 && item->answer.verdict == LIMITER_WAIT) {
        *told = item->answer;
    }
    return r;
}

int store_limiter_apply(struct limiter *l, struct store_limiter_item *item, int64_t now_ms,
                        struct limiter_answer *told) {
    const struct limiter_rules *r = &item->rules;
    item->held = false;
    switch (item->verb) {
    case STORE_LIMITER_TAKE: return take(l, item, now_ms, told);
    case STORE_LIMITER_ANSWERED:
        item->held = limiter_answered(l, r, item->id, &item->hint, now_ms);
        break;
    case STORE_LIMITER_GIVE_BACK: item->held = limiter_give_back(l, r, item->id, now_ms); break;
    case STORE_LIMITER_RENEW: item->held = limiter_renew(l, r, item->id, now_ms); break;
    case STORE_LIMITER_CLOSE: limiter_close(l, r, now_ms + item->n, now_ms); break;
    case STORE_LIMITER_OPEN: limiter_open(l); break;
    case STORE_LIMITER_VERBS: break;
    }
    return 0;
}
