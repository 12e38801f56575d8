#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobhost_plugin.h"
#include "supervisor/autopsy.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/manifest.h"
#include "supervisor/pool_private.h"
#include "supervisor/release.h"
#include "supervisor/shutdown.h"

enum {
    POOL_RESPAWN_MS = 100, /* doubling with each death in a row */
    POOL_RESPAWN_CAP_MS = 30000,
    POOL_RESPAWN_DOUBLINGS = 9,
    POOL_DOWN_AFTER = 5, /* deaths in a row that make a pool count as down */
    POOL_BUILD_HASH = 12,
};

static void pool_respawn(struct timer *t, void *arg);

/* ------------------------------------------------------------------ life of a pool */

static struct pool *pool_new(struct host *host, const struct config_plugin *config) {
    struct pool *pool = calloc(1, sizeof *pool);
    if (pool != NULL) {
        pool->host = host;
        pool->config = config;
        pool->target = (uint32_t)config->workers;
        TAILQ_INIT(&pool->workers);
        TAILQ_INIT(&pool->held);
        TAILQ_INIT(&pool->ready[LANE_SLOW]);
        TAILQ_INIT(&pool->ready[LANE_FAST]);
        timer_init(&pool->respawn_timer, pool_respawn, pool);
    }
    return pool;
}

static void pool_fail(struct pool *pool, const char *why) {
    pool->state = POOL_FAILED;
    snprintf(pool->fault, sizeof pool->fault, "%s", why);
    log_error(&pool->host->log, "plugin.failed", "plugin=%s file=%s msg=\"%s\"",
              pool->config->entry.name, pool->config->file, why);
    if (pool->host->strict) {
        pool->host->exit_status = 1;
        host_stop(pool->host, "a plugin failed to start (--strict)");
    }
}

static struct worker *pool_spawn(struct pool *pool) {
    struct err e = {.code = 0};
    struct worker *w = worker_spawn(pool, &e);
    if (w == NULL) {
        log_error(&pool->host->log, "worker.spawn", "plugin=%s msg=\"%s\"",
                  pool->config->entry.name, e.msg);
        snprintf(pool->last_crash, sizeof pool->last_crash, "%s", e.msg);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&pool->workers, w, link);
    pool->worker_count++;
    return w;
}

static void pool_start(struct pool *pool) {
    struct host *host = pool->host;
    struct err e = {.code = 0};
    pool->state = POOL_STARTING;
    if (snapshot_take(pool->config->file, host->config->host.state_dir, &pool->snapshot, &e) != 0) {
        pool_fail(pool, e.msg);
    } else if (pool_spawn(pool) == NULL) {
        pool_fail(pool, pool->last_crash);
    }
}

static void pool_respawn_later(struct pool *pool);

static void pool_fill(struct pool *pool) {
    while (pool->worker_count < pool->target) {
        if (pool_spawn(pool) == NULL) {
            pool_respawn_later(pool);
            return;
        }
    }
}

static void pool_respawn(struct timer *t, void *arg) {
    struct pool *pool = arg;
    (void)t;
    if (pool->state == POOL_READY && pool->host->phase == HOST_RUNNING) {
        pool->restarts++;
        pool_fill(pool);
    }
}

static void pool_respawn_later(struct pool *pool) {
    struct host *host = pool->host;
    unsigned n = pool->deaths > POOL_RESPAWN_DOUBLINGS ? POOL_RESPAWN_DOUBLINGS : pool->deaths;
    int64_t pause = n == 0 ? 0 : (int64_t)POOL_RESPAWN_MS << (n - 1);
    pause = pause > POOL_RESPAWN_CAP_MS ? POOL_RESPAWN_CAP_MS : pause;
    pool->deaths++;
    if (pool->deaths >= POOL_DOWN_AFTER && pool->ready_count == 0) {
        snprintf(pool->fault, sizeof pool->fault,
                 "it has no worker (%u deaths in a row), next try in %lld ms; last: %.300s",
                 pool->deaths, (long long)pause, pool->last_crash);
    }
    // a later death does not put off what an earlier one has earned
    if (!timer_running(&pool->respawn_timer)) {
        (void)timer_set(host->timers, &pool->respawn_timer, env_mono_ms(&host->env) + pause);
    }
}

/* ------------------------------------------------------------------ what workers report */

int pool_on_hello(struct worker *w, const struct msg_hello *m, struct err *e) {
    struct pool *pool = w->pool;
    if (pool->manifest.name == NULL) {
        pool->since_ms = env_wall_ms(&pool->host->env);
        int r = manifest_copy(pool, m, e);
        if (r != 0) {
            return r;
        }
        snprintf(pool->build, sizeof pool->build, "%.24s+%.*s", m->version, POOL_BUILD_HASH,
                 pool->snapshot.sha256);
        struct buf problems = {.data = NULL};
        bool ok = manifest_bind(pool, &problems);
        if (!ok) {
            snprintf(w->fail_text, sizeof w->fail_text, "%.*s", (int)problems.len,
                     problems.data == NULL ? "" : problems.data);
            w->distrusted = true;
            worker_kill(w, "its configuration does not fit");
        }
        buf_free(&problems);
        if (!ok) {
            return 0;
        }
    }
    w->state = WORKER_LOADED;
    return manifest_send_settings(w);
}

void pool_on_ready(struct worker *w) {
    struct pool *pool = w->pool;
    struct host *host = w->host;
    w->state = WORKER_READY;
    w->ready_mono_ms = env_mono_ms(&host->env);
    timer_cancel(host->timers, &w->start_timer);
    pool->ready_count++;
    pool->fault[0] = '\0';
    log_info(&host->log, "worker.ready", "plugin=%s build=%s pid=%d start_ms=%lld",
             pool->config->entry.name, pool->build, (int)w->pid,
             (long long)(w->ready_mono_ms - w->spawned_mono_ms));
    if (host->phase != HOST_RUNNING) {
        worker_drain(w);
        return;
    }
    if (pool->state == POOL_STARTING) {
        pool->state = POOL_READY;
        lane_bind_all(host);
        release_look(host);
        pool_fill(pool);
    }
    host_plugin_settled(host);
    dispatch_kick(host);
}

static void pool_note_death(struct worker *w, const char *text) {
    struct pool *pool = w->pool;
    if (autopsy_is_crash(w)) {
        pool->crashes++;
        snprintf(pool->last_crash, sizeof pool->last_crash, "%s", text);
        log_error(&pool->host->log, "worker.died", "plugin=%s pid=%d jobs_in_hand=%u msg=\"%s\"",
                  pool->config->entry.name, (int)w->pid, w->outstanding, text);
    } else {
        log_info(&pool->host->log, "worker.gone", "plugin=%s pid=%d jobs_done=%llu",
                 pool->config->entry.name, (int)w->pid, (unsigned long long)w->jobs_done);
    }
    if (w->ready_mono_ms != 0 &&
        env_mono_ms(&pool->host->env) - w->ready_mono_ms >= POOL_RESPAWN_CAP_MS) {
        pool->deaths = 0; // it had been well for long, busy or not: this is none of a row
    }
}

void pool_on_gone(struct worker *w) {
    struct pool *pool = w->pool;
    struct host *host = w->host;
    struct crash crash;
    autopsy_examine(w, &crash);
    pool_note_death(w, crash.message);
    stats_word(&pool->exits, autopsy_word(w));
    if (w->ready_mono_ms != 0 && !w->drained) {
        pool->ready_count--;
    }
    autopsy_settle(w, &crash);
    if (autopsy_is_crash(w)) {
        crash_log_add(&pool->crash_log, &crash);
    }
    TAILQ_REMOVE(&pool->workers, w, link);
    pool->worker_count--;
    worker_free(w);
    if (host->phase != HOST_RUNNING && host->phase != HOST_STARTING) {
        shutdown_progress(host);
        return;
    }
    if (pool->state == POOL_STARTING) {
        pool_fail(pool, crash.message);
        host_plugin_settled(host);
    } else if (pool->state == POOL_READY) {
        pool_respawn_later(pool);
    }
    dispatch_kick(host);
}

/* ------------------------------------------------------------------ all of them */

void pools_flush(struct pools *pools) {
    struct worker *w;
    while ((w = TAILQ_FIRST(&pools->flush)) != NULL) {
        TAILQ_REMOVE(&pools->flush, w, flush_link);
        w->flush_wanted = false;
        worker_flush(w);
    }
}

static void pools_flush_wanted(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    pools_flush(arg);
}

void pool_want_flush(struct worker *w) {
    if (!w->flush_wanted) {
        w->flush_wanted = true;
        TAILQ_INSERT_TAIL(&w->host->pools->flush, w, flush_link);
        event_active(w->host->pools->flush_event, EV_TIMEOUT, 0);
    }
}

void pool_forget_flush(struct worker *w) {
    if (w->flush_wanted) {
        w->flush_wanted = false;
        TAILQ_REMOVE(&w->host->pools->flush, w, flush_link);
    }
}

int pools_new(struct host *host, struct pools **ret) {
    struct pools *pools = calloc(1, sizeof *pools);
    if (pools == NULL) {
        return -ENOMEM;
    }
    pools->host = host;
    TAILQ_INIT(&pools->flush);
    pools->flush_event = event_new(host->base, -1, 0, pools_flush_wanted, pools);
    pools->items = calloc(host->config->plugin_count + 1, sizeof *pools->items);
    bool ok = pools->flush_event != NULL && pools->items != NULL;
    for (size_t i = 0; ok && i < host->config->plugin_count; i++) {
        if (!host->config->plugins[i].entry.on) {
            continue;
        }
        struct pool *pool = pool_new(host, &host->config->plugins[i]);
        ok = pool != NULL;
        if (ok) {
            pools->items[pools->count++] = pool;
        }
    }
    *ret = pools;
    if (!ok) {
        pools_free(ret);
        return -ENOMEM;
    }
    return 0;
}

uint32_t pools_start(struct pools *pools) {
    uint32_t failed = 0;
    for (uint32_t i = 0; i < pools->count && pools->host->phase == HOST_RUNNING; i++) {
        pool_start(pools->items[i]); // the first that fails may stop the host (--strict)
        failed += pools->items[i]->state == POOL_FAILED;
    }
    return failed;
}

bool pools_starting(const struct pools *pools) {
    for (uint32_t i = 0; i < pools->count; i++) {
        if (pools->items[i]->state == POOL_STARTING) {
            return true;
        }
    }
    return false;
}

void pools_drain(struct pools *pools) {
    for (uint32_t i = 0; i < pools->count; i++) {
        struct pool *pool = pools->items[i];
        timer_cancel(pools->host->timers, &pool->respawn_timer);
        struct attempt *a;
        while ((a = TAILQ_FIRST(&pool->held)) != NULL) {
            TAILQ_REMOVE(&pool->held, a, link);
            attempt_end(a, ATTEMPT_UNSTARTED, NULL);
        }
        struct worker *w;
        TAILQ_FOREACH(w, &pool->workers, link) {
            worker_drain(w);
        }
        pool->state = pool->state == POOL_FAILED ? POOL_FAILED : POOL_DRAINING;
    }
}

void pools_each_worker(struct pools *pools, void (*each)(struct worker *w, void *arg), void *arg) {
    for (uint32_t i = 0; i < pools->count; i++) {
        struct worker *w, *next;
        for (w = TAILQ_FIRST(&pools->items[i]->workers); w != NULL; w = next) {
            next = TAILQ_NEXT(w, link);
            each(w, arg);
        }
    }
}

uint32_t pools_workers(const struct pools *pools) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < pools->count; i++) {
        n += pools->items[i]->worker_count;
    }
    return n;
}

static void pool_free(struct pool *pool) {
    timer_cancel(pool->host->timers, &pool->respawn_timer);
    struct worker *w;
    while ((w = TAILQ_FIRST(&pool->workers)) != NULL) {
        TAILQ_REMOVE(&pool->workers, w, link);
        worker_free(w);
    }
    snapshot_finish(&pool->snapshot);
    arena_free(&pool->arena);
    crash_log_finish(&pool->crash_log);
    free(pool->infos);
    free(pool);
}

void pools_free(struct pools **pp) {
    struct pools *pools = *pp;
    if (pools == NULL) {
        return;
    }
    while (pools->items != NULL && pools->count > 0) {
        pool_free(pools->items[--pools->count]);
    }
    if (pools->flush_event != NULL) {
        event_free(pools->flush_event);
    }
    free(pools->items);
    free(pools);
    *pp = NULL;
}
