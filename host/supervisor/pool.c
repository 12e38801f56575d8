#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobhost_plugin.h"
#include "supervisor/autopsy.h"
#include "supervisor/dispatch.h"
#include "supervisor/generation.h"
#include "supervisor/host.h"
#include "supervisor/manifest.h"
#include "supervisor/pins.h"
#include "supervisor/pool_private.h"
#include "supervisor/query_worker.h"
#include "supervisor/release.h"
#include "supervisor/rollback.h"
#include "supervisor/shutdown.h"
#include "supervisor/upgrade.h"

enum {
    POOL_RESPAWN_MS = 100, /* doubling with each death in a row */
    POOL_RESPAWN_CAP_MS = 30000,
    POOL_RESPAWN_DOUBLINGS = 9,
    POOL_DOWN_AFTER = 5, /* deaths in a row that make a pool count as down */
    POOL_BUILD_HASH = 12,
    POOL_STARTS_AT_ONCE = 2,
};

static void pool_respawn(struct timer *t, void *arg);

/* ------------------------------------------------------------------ life of a pool */

static struct plugin *plugin_get(struct pools *pools, const char *name) {
    struct plugin *p;
    SLIST_FOREACH(p, &pools->plugins, link) {
        if (strcmp(p->name, name) == 0) {
            return p;
        }
    }
    p = calloc(1, sizeof *p);
    if (p == NULL || (p->name = strdup(name)) == NULL) {
        free(p);
        return NULL;
    }
    disk_init(&p->disk, pools->host, p);
    queries_init(&p->queries, pools->host, p);
    SLIST_INSERT_HEAD(&pools->plugins, p, link);
    return p;
}

struct pool *pool_new(struct host *host, struct config *owner, const struct config_plugin *config,
                      struct snapshot *snapshot) {
    struct pool *pool = calloc(1, sizeof *pool);
    struct plugin *plugin = plugin_get(host->pools, config->entry.name);
    if (pool == NULL || plugin == NULL) {
        free(pool);
        return NULL;
    }
    pool->host = host;
    pool->plugin = plugin;
    pool->number = ++plugin->generations;
    pool->config_owner = config_hold(owner);
    pool->config = config;
    pool->target = (uint32_t)config->workers;
    if (snapshot != NULL) {
        pool->snapshot = *snapshot;
        *snapshot = (struct snapshot){.path = NULL};
    }
    TAILQ_INIT(&pool->workers);
    TAILQ_INIT(&pool->held);
    TAILQ_INIT(&pool->ready[LANE_SLOW]);
    TAILQ_INIT(&pool->ready[LANE_FAST]);
    timer_init(&pool->respawn_timer, pool_respawn, pool);
    generation_init(pool);
    pool_breaker_init(pool);
    return pool;
}

void pool_hold(struct pool *pool) {
    if (pool != NULL) {
        pool->users++;
    }
}

void pool_release(struct pool *pool) {
    if (pool != NULL) {
        pool->users--;
        generation_end(pool);
    }
}

static void pool_fail(struct pool *pool, const char *why) {
    pool->state = POOL_FAILED;
    if (pool->trial != NULL) {
        generation_failed(pool, why);
        return;
    }
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
    struct worker *w = worker_spawn(pool, NULL, &e);
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

bool pool_start(struct pool *pool) {
    pool->state = POOL_STARTING;
    return pool_spawn(pool) != NULL;
}

static void pool_respawn_later(struct pool *pool);

static uint32_t pool_starting_workers(const struct pool *pool) {
    const struct worker *w;
    uint32_t n = 0;
    TAILQ_FOREACH(w, &pool->workers, link) {
        n += w->state == WORKER_SPAWNED || w->state == WORKER_LOADED;
    }
    return n;
}

void pool_fill(struct pool *pool) {
    uint32_t starting =
        upgrade_is_quiet(pool->host) ? POOL_STARTS_AT_ONCE : pool_starting_workers(pool);
    // those that drain are none of it
    while (pool->ready_count + starting < pool->target && starting < POOL_STARTS_AT_ONCE) {
        starting++;
        if (pool_spawn(pool) != NULL) {
            continue;
        }
        if (pool->trial != NULL) {
            pool_fail(pool, pool->last_crash); // a reload does not wait for better times
        } else {
            pool_respawn_later(pool);
        }
        return;
    }
}

static struct worker *pool_idlest(struct pool *pool) {
    struct worker *w, *found = NULL;
    TAILQ_FOREACH(w, &pool->workers, link) {
        if (w->state == WORKER_READY && (found == NULL || w->outstanding < found->outstanding)) {
            found = w;
        }
    }
    return found;
}

void pool_resize(struct pool *pool) {
    struct worker *w;
    while (pool->ready_count > pool->target && (w = pool_idlest(pool)) != NULL) {
        worker_drain(w, "fewer workers are wanted");
    }
    if (pool->state == POOL_READY) {
        pool_fill(pool);
    }
}

bool pool_is_one_job(const struct pool *pool) {
    const char *isolation = pool->config->isolation;
    return isolation != NULL && strcmp(isolation, "process") == 0;
}

void pool_retire(struct worker *w, const char *why) {
    if (w->state == WORKER_READY) {
        worker_drain(w, why);
        pool_resize(w->pool);
    }
}

static void pool_respawn(struct timer *t, void *arg) {
    struct pool *pool = arg;
    (void)t;
    if (pool->state == POOL_READY && pool->host->phase == HOST_RUNNING) {
        pool->restarts++;
        pool->plugin->restarts++;
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

int pool_take_hello(struct pool *pool, const struct msg_hello *m, struct err *e) {
    struct record_writer w = {.fd_count = 0};
    pool->since_ms = env_wall_ms(&pool->host->env);
    int r = manifest_copy(pool, m, e);
    if (r != 0) {
        return r;
    }
    if (msg_hello_put(&w, 0, m) == 0) { // else it cannot be handed over
        pool->hello = arena_bytes(&pool->arena, buf_bytes(&w.packet));
    }
    record_writer_finish(&w);
    snprintf(pool->build, sizeof pool->build, "%.24s+%.*s", m->version, POOL_BUILD_HASH,
             pool->snapshot.sha256);
    return 0;
}

int pool_on_hello(struct worker *w, const struct msg_hello *m, struct err *e) {
    struct pool *pool = w->pool;
    if (pool->manifest.name == NULL) {
        int r = pool_take_hello(pool, m, e);
        if (r != 0) {
            return r;
        }
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
    if (w->querier != NULL) {
        querier_on_ready(w);
        return;
    }
    w->state = WORKER_READY;
    w->ready_mono_ms = env_mono_ms(&host->env);
    timer_cancel(host->timers, &w->start_timer);
    pool->ready_count++;
    pool->fault[0] = '\0';
    log_info(&host->log, "worker.ready", "plugin=%s build=%s pid=%d start_ms=%lld",
             pool->config->entry.name, pool->build, (int)w->pid,
             (long long)(w->ready_mono_ms - w->spawned_mono_ms));
    if (host->phase != HOST_RUNNING || pool->state == POOL_DRAINING ||
        pool->ready_count > pool->target) { // fewer are wanted than when it was started
        worker_drain(w, "it is no longer needed");
        return;
    }
    pool_fill(pool);
    if (pool->trial != NULL) {
        generation_on_ready(pool);
        return;
    }
    if (pool->state == POOL_STARTING) {
        pool->state = POOL_READY;
        lane_bind_all(host);
        release_look(host);
    }
    host_plugin_settled(host);
    dispatch_kick(host);
}

static void pool_note_death(struct worker *w, const char *text) {
    struct pool *pool = w->pool;
    if (autopsy_is_crash(w)) {
        pool->crashes++;
        pool->plugin->crashes++;
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

void pool_note_end(struct worker *w, struct crash *ret) {
    autopsy_examine(w, ret);
    pool_note_death(w, ret->message);
    stats_word(&w->pool->plugin->exits, autopsy_word(w));
}

void pool_on_gone(struct worker *w) {
    struct pool *pool = w->pool;
    struct host *host = w->host;
    struct crash crash;
    if (w->querier != NULL) {
        querier_on_gone(w);
        return;
    }
    pool_note_end(w, &crash);
    if (w->ready_mono_ms != 0 && !w->drained) {
        pool->ready_count--;
    }
    autopsy_settle(w, &crash);
    bool crashed = autopsy_is_crash(w);
    if (crashed) {
        crash_log_add(&pool->plugin->crash_log, &crash);
    }
    TAILQ_REMOVE(&pool->workers, w, link);
    pool->worker_count--;
    pool->draining -= w->drained ? 1 : 0;
    bool replaced = w->drained && w->said_bye; // when it was told to go
    worker_free(w);
    if (host->phase != HOST_RUNNING && host->phase != HOST_STARTING) {
        shutdown_progress(host);
        return;
    }
    if (pool->state == POOL_STARTING) {
        pool_fail(pool, crash.message);
        host_plugin_settled(host);
    } else if (pool->state == POOL_READY && !replaced) {
        pool_respawn_later(pool);
    }
    dispatch_kick(host);
    if (crashed) {
        rollback_note(pool);
    }
    generation_end(pool);
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
    host->pools = pools;
    pools->host = host;
    TAILQ_INIT(&pools->flush);
    TAILQ_INIT(&pools->others);
    SLIST_INIT(&pools->plugins);
    pools->flush_event = event_new(host->base, -1, 0, pools_flush_wanted, pools);
    pools->items = calloc(host->config->plugin_count + 1, sizeof *pools->items);
    bool ok = pools->flush_event != NULL && pools->items != NULL;
    for (size_t i = 0; ok && i < host->config->plugin_count; i++) {
        if (!host->config->plugins[i].entry.on) {
            continue;
        }
        struct pool *pool = pool_new(host, host->config, &host->config->plugins[i], NULL);
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
    snapshots_clear(pools->host->config->host.state_dir);
    for (uint32_t i = 0; i < pools->count && pools->host->phase == HOST_RUNNING; i++) {
        struct pool *pool = pools->items[i];
        struct err e = {.code = 0};
        const char *state_dir = pools->host->config->host.state_dir;
        if (pool->state == POOL_READY) {
            continue; // its workers have been adopted
        }
        if (snapshot_take(pool->config->file, state_dir, &pool->snapshot, &e) != 0) {
            pool_fail(pool, e.msg);
        } else if (!pool_start(pool)) {
            pool_fail(pool, pool->last_crash); // which may stop the host (--strict)
        }
        failed += pool->state == POOL_FAILED;
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

void pool_let_go(struct pool *pool) {
    struct attempt *a;
    while ((a = TAILQ_FIRST(&pool->held)) != NULL) {
        TAILQ_REMOVE(&pool->held, a, link);
        attempt_end(a, ATTEMPT_UNSTARTED, NULL);
    }
}

void pools_let_go(struct pools *pools) {
    for (uint32_t i = 0; i < pools->count; i++) {
        pool_let_go(pools->items[i]);
    }
}

void pools_drain(struct pools *pools) {
    pins_drain(pools->host);
    generations_drain(pools);
    for (uint32_t i = 0; i < pools->count; i++) {
        struct pool *pool = pools->items[i];
        timer_cancel(pools->host->timers, &pool->respawn_timer);
        pool_let_go(pool);
        struct worker *w;
        TAILQ_FOREACH(w, &pool->workers, link) {
            worker_drain(w, "the host is shutting down");
        }
        querier_leave(pool, "the host is shutting down");
        pool->state = pool->state == POOL_FAILED ? POOL_FAILED : POOL_DRAINING;
    }
}

static void pool_each_worker(struct pool *pool, void (*each)(struct worker *w, void *arg),
                             void *arg) {
    struct worker *w, *next;
    for (w = TAILQ_FIRST(&pool->workers); w != NULL; w = next) {
        next = TAILQ_NEXT(w, link);
        each(w, arg);
    }
    if (pool->querier != NULL) {
        each(pool->querier->worker, arg);
    }
}

void pools_each_worker(struct pools *pools, void (*each)(struct worker *w, void *arg), void *arg) {
    struct pool *pool;
    for (uint32_t i = 0; i < pools->count; i++) {
        pool_each_worker(pools->items[i], each, arg);
    }
    TAILQ_FOREACH(pool, &pools->others, link) {
        pool_each_worker(pool, each, arg);
    }
}

uint32_t pools_workers(const struct pools *pools) {
    const struct pool *pool;
    uint32_t n = 0;
    for (uint32_t i = 0; i < pools->count; i++) {
        n += pools->items[i]->worker_count + (pools->items[i]->querier != NULL);
    }
    TAILQ_FOREACH(pool, &pools->others, link) {
        n += pool->worker_count + (pool->querier != NULL);
    }
    return n;
}

void pool_free(struct pool *pool) {
    timer_cancel(pool->host->timers, &pool->respawn_timer);
    timer_cancel(pool->host->timers, &pool->drain_timer);
    struct worker *w;
    while ((w = TAILQ_FIRST(&pool->workers)) != NULL) {
        TAILQ_REMOVE(&pool->workers, w, link);
        worker_free(w);
    }
    querier_free(pool);
    rollback_forget(pool);
    snapshot_finish(&pool->snapshot);
    arena_free(&pool->arena);
    pool_breaker_finish(pool);
    free(pool->infos);
    config_free(&pool->config_owner);
    free(pool);
}

void pools_free(struct pools **pp) {
    struct pools *pools = *pp;
    if (pools == NULL) {
        return;
    }
    struct pool *pool;
    struct plugin *plugin;
    while ((pool = TAILQ_FIRST(&pools->others)) != NULL) {
        TAILQ_REMOVE(&pools->others, pool, link);
        pool_free(pool);
    }
    while (pools->items != NULL && pools->count > 0) {
        pool_free(pools->items[--pools->count]);
    }
    while ((plugin = SLIST_FIRST(&pools->plugins)) != NULL) {
        SLIST_REMOVE_HEAD(&pools->plugins, link);
        crash_log_finish(&plugin->crash_log);
        gate_finish(&plugin->gate);
        cgroup_sweep(&pools->cgroup, plugin->name);
        disk_finish(&plugin->disk);
        queries_finish(&plugin->queries);
        free(plugin->name);
        free(plugin);
    }
    if (pools->flush_event != NULL) {
        event_free(pools->flush_event);
    }
    free(pools->items);
    free(pools);
    *pp = NULL;
}
