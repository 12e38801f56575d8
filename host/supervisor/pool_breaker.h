/* A pool's breaker (core/plugin_breaker.h): fed by the ends of attempts, asked by the dispatcher,
 * told to people. Each generation has its own, so that
 * new code begins with a closed one. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_POOL_BREAKER_H
#define JOBHOST_SUPERVISOR_POOL_BREAKER_H

#include <stdint.h>

#include "base/timer.h"
#include "core/outcome.h"
#include "core/plugin_breaker.h"

struct attempt;
struct pool;

struct pool_breaker {
    struct plugin_breaker core;
    struct timer timer;    /* running while it is open */
    int64_t until_wall_ms; /* as people are told, the same each time */
};

void pool_breaker_init(struct pool *pool);
void pool_breaker_finish(struct pool *pool);

/* An attempt has ended so. */
void pool_breaker_note(const struct attempt *a, const struct outcome *o);

/* How many of its jobs may be in hand, counted from none; UINT32_MAX = it is closed. */
uint32_t pool_breaker_room(struct pool *pool);

/* Gives back what is held and may not start. */
void pool_breaker_thin(struct pool *pool);

struct breaker_info {
    enum plugin_breaker_state state;
    int64_t until_ms; /* wall; open only */
    unsigned trips;
    char detail[192]; /* a sentence; "" = closed */
};
void pool_breaker_info(struct pool *pool, struct breaker_info *ret);

#endif
