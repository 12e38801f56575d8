/* The store's side of limiters (core/limiter.h decides, the store remembers), counted together for all
 * who share it.
 *
 *     LIMITER        takes, and what became of them    LIMITER_LIST   what there is now
 *
 * The rules come with each item: the store knows none. Takes are held under ids that their takers make,
 * never twice the same: a call that is sent again finds its slots there, but where a pace is all that
 * there is, which then counts twice. A slot is somebody's for rules.lease_ms, or until he renews it; who
 * dies is no different from who was answered then. What was granted still counts when everybody has died,
 * as surely as anything else that the store has answered.
 *
 * States count for no budget. One is forgotten when it says nothing any more (limiter_rest_ms()). */
#ifndef JOBHOST_STORE_LIMITS_H
#define JOBHOST_STORE_LIMITS_H

#include "base/buf.h"
#include "core/limiter.h"
#include "store/store.h"

enum {
    STORE_LIMITERS_MAX = 100000, /* that say something */
    STORE_LIMITER_ITEMS_MAX = 100
};
#define STORE_LIMITER_N_MAX (INT64_C(1) << 53) /* more than any rules let */

enum store_limiter_verb {
    STORE_LIMITER_TAKE,
    STORE_LIMITER_ANSWERED,
    STORE_LIMITER_GIVE_BACK,
    STORE_LIMITER_RENEW,
    STORE_LIMITER_CLOSE,
    STORE_LIMITER_OPEN,
    STORE_LIMITER_VERBS
};

struct store_limiter_item {
    enum store_limiter_verb verb;
    const char *name; /* "limit" or "limit:key" */
    struct limiter_rules rules;
    uint64_t id;              /* of the take; not of CLOSE, OPEN */
    int64_t n;                /* TAKE: slots; CLOSE: for how long, in ms */
    struct limiter_hint hint; /* ANSWERED */
    /* Answers: 0; -EINVAL: a name, rules or a number out of bounds; -EDQUOT: STORE_LIMITERS_MAX */
    int status;
    bool held;                    /* ANSWERED, GIVE_BACK, RENEW: the id held something */
    struct limiter_answer answer; /* TAKE; its time is by clock_ms */
};

/* In order. When a take has been told to wait, those of the same name behind it are told the same: who
 * came first goes first. At most STORE_LIMITER_ITEMS_MAX. */
struct store_limiter {
    struct store_op op;
    struct store_limiter_item *items;
    size_t count;
    int64_t clock_ms; /* answer: the one clock of all takers, when it was decided */
};

struct store_limiter_state {
    const char *name;
    struct limiter state; /* in the operation's arena: not to be finished */
};

/* By name, in the order of bytes. */
struct store_limiter_list {
    struct store_op op;
    const char *limit; /* only this one and those with its keys; NULL = all */
    uint32_t max;      /* 1..1000 */
    const char *cursor;
    struct store_limiter_state *limiters;
    size_t count;
    const char *next_cursor; /* NULL at the end */
    int64_t clock_ms;
};

/* ---- for the stores */

/* 0 or -EINVAL: the bounds above. */
int store_limiter_check(const struct store_limiter_item *item);

/* Is `name` this limit, or one of its keys? */
bool store_limiter_is_of(const char *name, const char *limit);

/* The form in which a state is kept, in C and in Lua: numbers with blanks between them.
 *
 *   waits pace_us closed_ms limit limit_ms foreign foreign_ms
 *   the number of times at which slots end, for each: when, how many
 *   for each holder: id, how many, the end of its lease
 *
 * `waits` is not the core's: 1 = somebody was told to wait for the end of a call (a shared store: he is
 * on another host, and wants to be told). */
void store_limiter_write(const struct limiter *l, bool waits, struct buf *out);
/* Into a zeroed one, with room for what may settle. 0, -EBADMSG (it holds nothing then), -ENOMEM. */
int store_limiter_read(struct bytes text, struct limiter *ret);
/* The same, its arrays in the arena. */
int store_limiter_show(struct bytes text, struct arena *a, struct limiter *ret);

/* One item on a state, as the C form decides it. `told`: the answer of an earlier take that had to wait,
 * or a zeroed one; the item's own is put there if it has to. 0 or -ENOMEM. */
int store_limiter_apply(struct limiter *l, struct store_limiter_item *item, int64_t now_ms,
                        struct limiter_answer *told);

#endif
