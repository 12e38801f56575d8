/* How many calls of something may start, counted together for all who share a name: at a rate, in a
 * window, at once. Pure; not thread-safe.
 *
 * A take holds slots under the taker's id until the answer arrives, and from then on for a window:
 *
 *     take ──── held ──── answered ──── settled, for `per` ──── free
 *      │          │
 *      │          ├ its lease ends: as if it had been answered just then
 *      │          └ given back: free at once, it was never sent
 *      └ the other side counts the call anywhere in here, which is why its window cannot begin before
 *        the answer: with one that began at the take, 60 a minute here are 61 there when the first
 *        call is slow and the next one quick
 *
 * So a crash loses no slot for longer than a lease and a window, and even then the other side never
 * sees more than it allows. Granted is what passes all parts that there are:
 *
 *   window       held + settled + what others use + n <= rate. MOVING settles for per_ms and the
 *                millisecond that `now` was cut by, FIXED until the clock's window ends (multiples of
 *                per_ms since 1970). Exact up to 256 a window; above, a slot ends up to per_ms / 252
 *                later, never earlier.
 *   pace         GCRA: after `burst` at once one each per_ms / rate, in whole microseconds, rounded up.
 *                With a window only if burst is set, and then both hold; NONE is the pace alone.
 *   concurrency  held + n <= concurrency
 *   closed       the other side said so (429, 503), or somebody here
 *
 * What answers tell (limiter_headers.h) makes it tighter for a while and never looser than the rules:
 * a lower limit, what others use of it, when to come again. Whose own calls are all that the other
 * side counts is not slowed down by that.
 *
 * `now` is unix ms of one clock for all takers: the store's. When that goes back nothing is stuck: no
 * time in the state stays further ahead than it could have been put there now, and what was taken
 * still counts. When it leaps ahead, windows end too early by that much.
 *
 * The state is a few integers, all below 2^53, so that a store can keep it and do the same in its own
 * transaction (tests/vectors/limiter_take.txt, concurrency_take.txt):
 *
 *   one row or hash fields            pace_us  closed_ms  limit limit_ms  foreign foreign_ms
 *   for each time that slots end at   ends_ms -> n        at most LIMITER_SETTLED_MAX
 *   for each holder                   id -> n, lease_ms   at most LIMITER_HOLDERS_MAX
 *
 * 48 bytes, 16 for each time (60 for 60 a minute), 24 for each call under way. After limiter_rest_ms()
 * a state says nothing any more: that is its TTL. Every call looks at all of it once. */
#ifndef JOBHOST_CORE_LIMITER_H
#define JOBHOST_CORE_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LIMITER_NAME_MAX = 64 + 1 + 128, /* "limit" or "limit:key"                             */
    LIMITER_LIMIT_NAME_MAX = 64,     /* as in the configuration                            */
    LIMITER_KEY_MAX = 128,           /* a tenant, a host name: bytes without control bytes */
    LIMITER_RATE_MAX = 1000000000,   /* also of burst                                      */
    LIMITER_CONCURRENCY_MAX = 1000000,
    LIMITER_EXACT_MAX = 256,
    LIMITER_SETTLED_MAX = 512,
    LIMITER_HOLDERS_MAX = 4096,  /* calls under way; more have to wait                   */
    LIMITER_CLOSE_MIN_MS = 1000, /* how long one answer can close it                     */
    LIMITER_CLOSE_MAX_MS = 86400000,
    LIMITER_BLIND_MAX_MS = 60000, /* the same when it does not say for how long: a window */
    LIMITER_LEARN_MS = 86400000,  /* a lower limit is believed for so long                */
    LIMITER_LEASE_MAX_MS = 86400000
};
#define LIMITER_PER_MAX_MS  (INT64_C(366) * 86400000)
#define LIMITER_SPAN_MAX_US (INT64_C(1) << 52) /* that a whole burst drips in */

enum limiter_window { LIMITER_WINDOW_NONE, LIMITER_WINDOW_MOVING, LIMITER_WINDOW_FIXED };

struct limiter_rules {
    int64_t rate, per_ms; /* rate 0 = neither window nor pace               */
    enum limiter_window window;
    int64_t burst;       /* 0 = with a window no pace; without one the rate */
    int64_t concurrency; /* 0 = any                                         */
    int64_t lease_ms;    /* of a take: longer than any call, timeouts included */
};

/* 0, or -EINVAL: out of the bounds above, or nothing that it limits. */
int limiter_rules_check(const struct limiter_rules *r);

/* Is there a time at which it lets n at once? */
bool limiter_lets(const struct limiter_rules *r, int64_t n);

struct limiter_slots {
    int64_t ends_ms, n;
};

struct limiter_holder {
    uint64_t id;
    int64_t ends_ms, n;
};

/* Zeroed: nothing has been taken. */
struct limiter {
    int64_t pace_us;               /* GCRA's theoretical arrival time, unix us; 0 = long ago   */
    int64_t closed_ms;             /* until then; 0 = open                                     */
    int64_t limit, limit_ms;       /* the other side's own and until when it counts; 0 = none  */
    int64_t foreign, foreign_ms;   /* slots that others use, as far as is known; 0 = none      */
    struct limiter_slots *settled; /* by time                                                 */
    struct limiter_holder *held;
    size_t settled_count, settled_cap, held_count, held_cap;
};

void limiter_finish(struct limiter *l);

enum limiter_verdict { LIMITER_GRANTED, LIMITER_WAIT, LIMITER_NEVER };
enum limiter_part {
    LIMITER_PART_NONE,
    LIMITER_PART_CLOSED,
    LIMITER_PART_CONCURRENCY,
    LIMITER_PART_WINDOW,
    LIMITER_PART_PACE,
    LIMITER_PART_HOLDERS, /* too many under way to be remembered */
    LIMITER_PARTS
};
const char *limiter_part_name(enum limiter_part part); /* "window" */

/* WAIT: ask again at until_ms, or when a slot is given back or a call ends, if that is before. A
 * window has none free before until_ms unless one is given back; of concurrency it is the first end
 * of a lease. NEVER: n is less than 1, or more than the rules ever let. */
struct limiter_answer {
    enum limiter_verdict verdict;
    enum limiter_part part; /* what it waits for, the last of them */
    int64_t until_ms;
};

/* Takes `n` slots at once or none. An id that holds some has already been granted them: asking twice
 * is asking once (a pace alone holds nothing). 0, or -ENOMEM and nothing was taken. */
int limiter_take(struct limiter *l, const struct limiter_rules *r, uint64_t id, int64_t n,
                 int64_t now_ms, struct limiter_answer *ret);

/* What an answer told; -1 = it did not. */
struct limiter_hint {
    bool refused;      /* status 429 or 503: for now it takes no more */
    int64_t remaining; /* calls that are left                         */
    int64_t limit;     /* calls in a window                           */
    int64_t reset_ms;  /* in how long there are `limit` again         */
    int64_t retry_ms;  /* in how long to come again                   */
};
#define LIMITER_HINT_NONE ((struct limiter_hint){false, -1, -1, -1, -1})

/* The call is over; `hint` may be NULL. False: it holds nothing (any more); it has been learnt from all
 * the same. */
bool limiter_answered(struct limiter *l, const struct limiter_rules *r, uint64_t id,
                      const struct limiter_hint *hint, int64_t now_ms);
/* It was never made: its slots are free. The pace keeps what it cost, for that may have dripped in. */
bool limiter_give_back(struct limiter *l, const struct limiter_rules *r, uint64_t id,
                       int64_t now_ms);
/* It goes on: its lease begins anew. False: it has ended. */
bool limiter_renew(struct limiter *l, const struct limiter_rules *r, uint64_t id, int64_t now_ms);
/* Nothing is granted until then, nor before what it was closed until already. */
void limiter_close(struct limiter *l, const struct limiter_rules *r, int64_t until_ms,
                   int64_t now_ms);
/* Forgets what answers told. What is held and settled stays: those calls were made. */
void limiter_open(struct limiter *l);

struct limiter_view {
    int64_t limit; /* of the window now; 0 = none */
    int64_t held, settled, foreign;
    int64_t closed_ms;          /* 0 = open */
    struct limiter_answer next; /* what a take of one would be told */
};
void limiter_look(struct limiter *l, const struct limiter_rules *r, int64_t now_ms,
                  struct limiter_view *ret);

/* From when on the state is as good as a zeroed one. 0 = it is. */
int64_t limiter_rest_ms(const struct limiter *l, const struct limiter_rules *r);

/* "limit" or "limit:key" in its parts; *ret_key is "" or points into `name`. 0, or -EINVAL. */
int limiter_name_split(const char *name, size_t *ret_limit_len, const char **ret_key);

#endif
