/* What the files of limits.h share.
 *
 *     limits.c          what others ask of them: wishes, tickets, what is told of them
 *     limits_gauge.c    one line for each limiter, and the jobs that are parked for it
 *     limits_ask.c      one operation of the store, and its answer */
#ifndef JOBHOST_SUPERVISOR_LIMITS_PRIVATE_H
#define JOBHOST_SUPERVISOR_LIMITS_PRIVATE_H

#include <uthash.h>

#include "base/timer.h"
#include "store/limits.h"
#include "supervisor/host.h"
#include "supervisor/limits.h"
#include "supervisor/unpark.h"

/* Counters of a limit, and its keys together. Live as long as the host: limits are few. */
struct limit_series {
    char name[LIMITER_LIMIT_NAME_MAX + 1];
    struct limits_count count;
    uint32_t waiting;
    UT_hash_handle hh;
};

/* One limiter that somebody here waits for, holds slots of, or has just been told to wait for. */
struct gauge {
    struct limits *of;
    char *name;
    struct limit_series *series;
    struct limiter_rules rules;
    bool known; /* the configuration has it */
    struct limit_wishes wishes;
    uint32_t waiting, tickets, pending; /* the last: items of the operation under way, and tells */
    int64_t until_mono_ms;              /* nothing is asked before; 0 = at once */
    enum limiter_part part;
    uint64_t woken;        /* the last time that it may have had slots, of limits.wakes */
    int64_t next_mono_ms;  /* when the next one who is sent away may come */
    struct job_id *parked; /* jobs that were sent away, by turn */
    uint32_t parked_count;
    struct timer timer; /* it has something to look at then */
    bool listed;        /* in limits.changed */
    TAILQ_ENTRY(gauge) changed;
    UT_hash_handle hh;
};
TAILQ_HEAD(gauges, gauge);

/* What the store has still to be told. */
struct tell {
    struct gauge *gauge;
    enum store_limiter_verb verb;
    uint64_t id;
    int64_t n;
    struct limiter_hint hint;
    STAILQ_ENTRY(tell) link;
};

struct asking;
struct limits {
    struct host *host;
    struct gauge *gauges;
    uint64_t wakes;
    struct gauges changed; /* those that a turn of the loop looks at, by turns */
    struct limit_series *series;
    struct limit_tickets tickets; /* by when they were renewed */
    STAILQ_HEAD(tells, tell) tells;
    struct asking *asking; /* NULL: none is under way */
    struct event *turn;
    bool turning;
    struct timer timer;   /* tickets are to be renewed, or the store is asked again */
    struct unpark unpark; /* those whose limiter may have slots before it was thought */
};

static inline int64_t limits_least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t limits_most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline int64_t limits_now(const struct limits *l) {
    return env_mono_ms(&l->host->env);
}

/* The store is asked in this turn of the loop. */
void limits_kick(struct limits *l);
/* What the store has still to be told; false: no memory, and a lease ends instead. */
bool limits_tell(struct limits *l, struct gauge *g, enum store_limiter_verb verb, uint64_t id,
                 int64_t n, const struct limiter_hint *hint);
struct limit_ticket *limits_ticket_new(struct limits *l, struct gauge *g, uint64_t id);
/* Calls done(). */
void limits_wish_end(struct limit_wish *wish, int status, int64_t wait_ms);

/* ---- gauge */

/* The limit of a name that may have a key. NULL: -EINVAL, -ENOENT. */
const struct config_limit *limits_config(const struct host *host, const char *name,
                                         int *ret_status);
struct gauge *limits_gauge(struct limits *l, const char *name);
/* A new one, if there is none yet. NULL: -EINVAL, -ENOENT, -ENOMEM. */
struct gauge *limits_gauge_get(struct limits *l, const char *name, int *ret_status);
/* The next time that the store may be asked it is looked at. */
void limits_gauge_look(struct gauge *g);
/* Until when it has nothing to look at: a wish or its own time ends. Forgotten when nothing hangs on it and it says nothing. */
void limits_gauge_rest(struct gauge *g);
/* It may have slots: whoever waits is asked for. */
void limits_gauge_wake(struct gauge *g);
void limits_gauge_free(struct gauge *g);

/* ---- ask */

/* Asks the store, if there is anything to ask or tell and nothing is under way. */
void limits_run(struct limits *l);
/* Nobody is there any more to be granted what is asked for: it is given back. */
void limits_unask(struct limits *l, struct limit_wish *wish);

#endif
