/* The queues of a Redis and what their keys begin with (docs/redis-keys.md).
 *
 *     prefix "klap:"   klap:jobs:queue, klap:jobs:processing, ...   klap:job:<id>
 *     no prefix        jobs:<queue>:queue, ...                      job:<id>
 *
 * The HASH jh:queues holds all of them, so that every host finds the keys of queues that it has no
 * configuration for. Loop thread only; queues live as long as the store. */
#ifndef JOBHOST_STORE_REDIS_QUEUES_H
#define JOBHOST_STORE_REDIS_QUEUES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "redis/reply.h"
#include "store/hash.h"
#include "store/store.h"

enum { REDIS_PREFIX_MAX = 128, REDIS_QUEUES_MAX = 65536, REDIS_CALLER_TEXT = 16 };

struct redis_queue {
    char *name;
    const char *caller; /* redis_queues.caller; NULL = none */
    char *prefix;
    bool split_normal;
    bool one_line;                      /* tenants do not take turns */
    const struct store_weight *weights; /* borrowed from the store's configuration */
    size_t weight_count;
    bool registered; /* stands in jh:queues, or a command that enters it was sent before */
    bool lost;       /* it did, and the answer that is read does not tell of it          */
    bool astray;     /* jobs of it are in no list, which was told */
    /* for KEYS: */
    char *structures, *jobs, *normal;
    int64_t bytes[2];    /* BUDGET_JOBS, BUDGET_RESULTS: as the last answer said */
    uint64_t pause_mark; /* of the pause that was told of last (wake.c); 0 = none */
    UT_hash_handle hh;
};

struct redis_queues {
    struct redis_queue *by_name;
    char
        caller[REDIS_CALLER_TEXT + 1]; /* who we are in messages of jh:wake; set before the first */
};

/* 0; -ENOMEM; -EINVAL: a prefix is too long, or two queues share one (*e). */
int redis_queues_configure(struct redis_queues *all, const struct store_queue_setup *list,
                           size_t count, struct err *e);
void redis_queues_finish(struct redis_queues *all);

struct redis_queue *redis_queues_find(const struct redis_queues *all, const char *name);
/* Found, or made without a prefix. NULL: no memory, or REDIS_QUEUES_MAX (errno -EDQUOT in *r). */
struct redis_queue *redis_queues_get(struct redis_queues *all, const char *name, int *r);

/* The answer to HGETALL jh:queues. A queue that is configured otherwise than it is stored is
 * -EINVAL with words: its jobs would be out of sight. 0, -ENOMEM. */
int redis_queues_learn(struct redis_queues *all, const struct redis_reply *stored, struct err *e);
/* What jh:queues holds for it; "klap:\n0". */
struct bytes redis_queues_value(const struct redis_queue *q, char room[REDIS_PREFIX_MAX + 4]);

/* A field of S'types', "type", "type:high", and behind those ":user": how long the type is; which band, and is it
 * about lines of tenants (may be NULL). Names of types have no colon. */
size_t redis_lane_type(struct bytes field);
enum job_priority redis_lane_priority(struct bytes field, bool *ret_in_lines);

static inline unsigned redis_queues_count(const struct redis_queues *all) {
    return HASH_COUNT(all->by_name);
}

#endif
