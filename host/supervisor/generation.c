#include "supervisor/generation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "jobhost_plugin.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/query_worker.h"
#include "supervisor/release.h"

/* ------------------------------------------------------------------ being tried */

struct pool *generation_try(struct host *host, struct config *owner,
                            const struct config_plugin *config, struct snapshot *snapshot,
                            struct pool_trial *trial, struct err *e) {
    struct pool *pool = pool_new(host, owner, config, snapshot);
    if (pool == NULL) {
        (void)err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    pool->trial = trial;
    if (!pool_start(pool)) {
        (void)err_set(e, -EAGAIN, "%s", pool->last_crash);
        pool_free(pool);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&host->pools->others, pool, link);
    return pool;
}

static void kill_workers(struct pool *pool, const char *why) {
    struct worker *w;
    TAILQ_FOREACH(w, &pool->workers, link) {
        worker_kill(w, why);
    }
}

void generation_abandon(struct pool *pool) {
    pool->trial = NULL;
    pool->state = POOL_DRAINING;
    kill_workers(pool, "its generation is not wanted any more");
    generation_end(pool);
}

void generation_on_ready(struct pool *pool) {
    if (pool->ready_count >= pool->target) {
        pool->trial->ready(pool->trial, pool);
    }
}

void generation_failed(struct pool *pool, const char *why) {
    struct pool_trial *trial = pool->trial;
    pool->trial = NULL;
    pool->state = POOL_DRAINING;
    kill_workers(pool, "another worker of its generation has failed");
    trial->failed(trial, pool, why);
}

/* ------------------------------------------------------------------ draining */

static void ask_to_stop(struct pool *pool) {
    struct worker *w;
    TAILQ_FOREACH(w, &pool->workers, link) {
        struct attempt *a;
        TAILQ_FOREACH(a, &w->attempts, link) {
            attempt_cancel(a, JH_CANCEL_DRAIN);
        }
    }
}

static uint32_t jobs_of(const struct pool *pool) {
    const struct worker *w;
    uint32_t n = 0;
    TAILQ_FOREACH(w, &pool->workers, link) {
        n += w->outstanding;
    }
    return n;
}

static void drain_hard(struct pool *pool) {
    log_warn(&pool->host->log, "plugin.drain_hard",
             "plugin=%s generation=%u jobs=%u msg=\"its old code did not end in time; they start "
             "again on the new one\"",
             pool->config->entry.name, pool->number, jobs_of(pool));
    struct worker *w;
    TAILQ_FOREACH(w, &pool->workers, link) {
        w->for_drain = true;
    }
    kill_workers(pool, "its generation had to end (drain_hard)");
}

// At the soft deadline, then at the hard one; both count from the switch.
static void drain_late(struct timer *t, void *arg) {
    struct pool *pool = arg;
    const struct config_plugin *c = pool->config;
    if (pool->drain_asked) {
        drain_hard(pool);
        return;
    }
    int64_t least = c->grace_ms; // a handler that was asked has that long
    int64_t rest = c->drain_hard_ms - c->drain_soft_ms;
    pool->drain_asked = true;
    ask_to_stop(pool);
    (void)timer_set(pool->host->timers, t,
                    env_mono_ms(&pool->host->env) + (rest > least ? rest : least));
}

void generation_init(struct pool *pool) {
    timer_init(&pool->drain_timer, drain_late, pool);
}

static void drain(struct pool *pool) {
    struct host *host = pool->host;
    struct worker *w, *next;
    timer_cancel(host->timers, &pool->respawn_timer);
    for (w = TAILQ_FIRST(&pool->workers); w != NULL; w = next) {
        next = TAILQ_NEXT(w, link);
        worker_drain(w, "its generation has been replaced");
    }
    querier_leave(pool, "its generation has been replaced");
    if (pool->worker_count > 0) {
        (void)timer_set(host->timers, &pool->drain_timer,
                        env_mono_ms(&host->env) + pool->config->drain_soft_ms);
    }
}

void generation_retire(struct pool *pool) {
    pool->trial = NULL;
    pool->state = POOL_DRAINING;
    pool_hold(pool);
    drain(pool);
    pool_release(pool);
}

void generation_drain_on(struct pool *pool, bool asked, int64_t due_mono_ms) {
    struct worker *w, *next;
    pool->drain_asked = asked;
    for (w = TAILQ_FIRST(&pool->workers); w != NULL;
         w = next) { // one that was pinned has not been told
        next = TAILQ_NEXT(w, link);
        worker_drain(w, "its generation has been replaced");
    }
    int64_t soft_ms = env_mono_ms(&pool->host->env) + pool->config->drain_soft_ms;
    (void)timer_set(pool->host->timers, &pool->drain_timer,
                    due_mono_ms != 0 ? due_mono_ms : soft_ms);
}

// It has `grace` to save what it has, whatever its deadlines are.
static void hurry(struct pool *pool) {
    pool->drain_hurried = true;
    if (!pool->drain_asked) {
        pool->drain_asked = true;
        ask_to_stop(pool);
    }
    (void)timer_set(pool->host->timers, &pool->drain_timer,
                    env_mono_ms(&pool->host->env) + pool->config->grace_ms);
}

// The oldest of the plugin's that still have work, by whether they have been hurried; NULL = there are not more than `most`.
static struct pool *one_too_many(struct pools *pools, const struct plugin *plugin, bool hurried,
                                 unsigned most) {
    struct pool *pool, *oldest = NULL;
    unsigned count = 0;
    TAILQ_FOREACH(pool, &pools->others, link) {
        if (pool->plugin == plugin && pool->served && pool->worker_count > 0 &&
            pool->drain_hurried == hurried) {
            oldest = oldest == NULL ? pool : oldest;
            count++;
        }
    }
    return count > most ? oldest : NULL;
}

static void bound_old_ones(struct pools *pools, const struct plugin *plugin) {
    struct pool *pool = one_too_many(pools, plugin, false, GENERATIONS_OLD_MAX);
    if (pool != NULL) {
        hurry(pool);
    }
    pool = one_too_many(pools, plugin, true, GENERATIONS_HURRIED_MAX);
    if (pool != NULL) {
        timer_cancel(pools->host->timers, &pool->drain_timer);
        drain_hard(pool);
    }
}

void generations_drain(struct pools *pools) {
    struct pool *pool;
    TAILQ_FOREACH(pool, &pools->others, link) {
        timer_cancel(pools->host->timers, &pool->drain_timer); // the host's own deadlines hold
        if (pool->trial != NULL) {
            pool->trial = NULL;
            pool->state = POOL_DRAINING;
            kill_workers(pool, "the host is shutting down");
        }
    }
}

void generation_end(struct pool *pool) {
    struct pools *pools = pool->host->pools;
    if (pool->state != POOL_DRAINING || pool->worker_count > 0 || pool->querier != NULL ||
        pool->users > 0 || pool->host->phase != HOST_RUNNING) {
        return; // when the host ends, all pools do
    }
    TAILQ_REMOVE(&pools->others, pool, link);
    pool_free(pool);
}

/* ------------------------------------------------------------------ the switch */

// Its attempts count where threads are shared out no more; those that it holds are in `ret_held`.
static void leave(struct pool *pool, struct attempt_list *ret_held) {
    struct worker *w;
    struct attempt *a;
    TAILQ_FOREACH(w, &pool->workers, link) {
        TAILQ_FOREACH(a, &w->attempts, link) {
            if (!a->concluded && a->lane->pool == pool) {
                lane_give(a->lane, 1);
            }
        }
    }
    while ((a = TAILQ_FIRST(&pool->held)) != NULL) {
        TAILQ_REMOVE(&pool->held, a, link);
        TAILQ_INSERT_TAIL(ret_held, a, link);
        lane_give(a->lane, 1);
    }
    pool->state = POOL_DRAINING;
    pool->served = true;
    pool_hold(pool); // what it held may have been all that kept it
    TAILQ_INSERT_TAIL(&pool->host->pools->others, pool, link);
}

static bool serves(struct pool *const *items, uint32_t count, const struct pool *pool) {
    for (uint32_t i = 0; i < count; i++) {
        if (items[i] == pool) {
            return true;
        }
    }
    return false;
}

// What was claimed and not begun goes to whoever serves its type now, or back to the store.
static void rehome(struct attempt_list *held) {
    struct attempt *a;
    while ((a = TAILQ_FIRST(held)) != NULL) {
        struct pool *pool = a->lane->pool;
        TAILQ_REMOVE(held, a, link);
        if (pool == NULL) {
            attempt_end(a, ATTEMPT_UNSTARTED, NULL);
            continue;
        }
        attempt_join(a, pool);
        dispatch_hold(pool, a, false);
    }
}

void pools_serve(struct pools *pools, struct pool **items, uint32_t count) {
    struct pool **before = pools->items;
    uint32_t before_count = pools->count;
    struct attempt_list held;
    TAILQ_INIT(&held);
    for (uint32_t i = 0; i < before_count; i++) {
        if (!serves(items, count, before[i])) {
            leave(before[i], &held);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (items[i]->trial != NULL) {
            items[i]->trial = NULL;
            items[i]->state = POOL_READY;
            TAILQ_REMOVE(&pools->others, items[i], link);
        }
    }
    pools->items = items;
    pools->count = count;
    lane_bind_all(pools->host);
    rehome(&held);
    for (uint32_t i = 0; i < before_count; i++) {
        struct pool *pool = before[i];
        if (!serves(items, count, pool)) {
            drain(pool);
            bound_old_ones(pools, pool->plugin);
            pool_release(pool);
        }
    }
    free(before);
    queries_place_all(pools->host);
    release_look(pools->host);
    dispatch_kick(pools->host);
}

void generation_reconfigure(struct pool *pool, struct config *owner,
                            const struct config_plugin *config, const char *why) {
    struct config *before = pool->config_owner;
    pool->config_owner = config_hold(owner);
    pool->config = config;
    pool->target = (uint32_t)config->workers;
    config_free(&before);
    if (pool->state == POOL_FAILED) {
        (void)snprintf(pool->fault, sizeof pool->fault, "%s", why);
    } else {
        pool_resize(pool);
    }
}
