#include "supervisor/pool_breaker.h"

#include <stdio.h>
#include <string.h>

#include "base/rfc3339.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

static int64_t breaker_now(const struct pool *pool) {
    return env_mono_ms(&pool->host->env);
}

static void breaker_due(struct timer *t, void *arg) {
    struct pool *pool = arg;
    (void)t;
    dispatch_kick(pool->host); // the first probe
}

void pool_breaker_init(struct pool *pool) {
    timer_init(&pool->breaker.timer, breaker_due, pool);
}

void pool_breaker_finish(struct pool *pool) {
    timer_cancel(pool->host->timers, &pool->breaker.timer);
}

static void breaker_crashed(struct pool *pool, const struct job_id *id) {
    struct plugin_breaker *b = &pool->breaker.core;
    int64_t now = breaker_now(pool);
    if (plugin_breaker_crash(b, &pool->config->breaker, (uint64_t)id_order(id), now)) {
        log_warn(&pool->host->log, "plugin.breaker", "plugin=%s state=open pause_ms=%lld trips=%u",
                 pool->config->entry.name, (long long)(b->until_ms - now), b->trips);
        pool->breaker.until_wall_ms = env_wall_ms(&pool->host->env) + b->until_ms - now;
        (void)timer_set(pool->host->timers, &pool->breaker.timer, b->until_ms);
        dispatch_kick(pool->host);
    }
}

void pool_breaker_note(const struct attempt *a, const struct outcome *o) {
    struct pool *pool = a->pool;
    if (pool == NULL || a->fenced || !attempt_was_begun(&a->report)) {
        return;
    }
    int32_t before = a->report.new_build ? 0 : a->job->counters.crashes;
    bool returned = a->report.end == ATTEMPT_RETURNED && a->report.cancelled == 0;
    if (o->after.crashes > before) {
        breaker_crashed(pool, &a->job->spec.id);
    } else if (returned && // what had to be stopped says nothing
               plugin_breaker_return(&pool->breaker.core, breaker_now(pool))) {
        log_info(&pool->host->log, "plugin.breaker", "plugin=%s state=closed",
                 pool->config->entry.name);
        dispatch_kick(pool->host);
    }
}

uint32_t pool_breaker_room(struct pool *pool) {
    static const uint32_t rooms[] = {
        [BREAKER_CLOSED] = UINT32_MAX, [BREAKER_OPEN] = 0, [BREAKER_PROBING] = 1};
    return rooms[plugin_breaker_look(&pool->breaker.core, breaker_now(pool))];
}

void pool_breaker_thin(struct pool *pool) {
    uint32_t room = pool_breaker_room(pool);
    const struct worker *w;
    struct attempt *a, *next;
    if (room == UINT32_MAX) {
        return;
    }
    TAILQ_FOREACH(w, &pool->workers, link) {
        room = w->outstanding > 0 ? 0 : room;
    }
    for (a = TAILQ_FIRST(&pool->held); a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        if (room > 0) {
            room--;
            continue;
        }
        TAILQ_REMOVE(&pool->held, a, link);
        attempt_end(a, ATTEMPT_UNSTARTED, NULL);
    }
}

void pool_breaker_info(struct pool *pool, struct breaker_info *ret) {
    struct plugin_breaker *b = &pool->breaker.core;
    int64_t now = breaker_now(pool);
    char at[RFC3339_LEN + 1];
    *ret = (struct breaker_info){.state = plugin_breaker_look(b, now), .trips = b->trips};
    if (ret->state == BREAKER_OPEN) {
        ret->until_ms = pool->breaker.until_wall_ms;
        rfc3339_format(ret->until_ms, at);
        snprintf(ret->detail, sizeof ret->detail,
                 "plugin \"%.64s\" crashed on too many jobs: nothing of it starts before %s",
                 pool->config->entry.name, at);
    } else if (ret->state == BREAKER_PROBING) {
        snprintf(ret->detail, sizeof ret->detail,
                 "plugin \"%.64s\" crashed on too many jobs: one at a time, until one returns",
                 pool->config->entry.name);
    }
}
