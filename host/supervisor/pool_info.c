/* Pools as the API shows them, and which pool serves a type. */
#include <stdlib.h>
#include <string.h>

#include "base/process.h"
#include "jobhost_plugin.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

uint32_t pools_count(const struct pools *pools) {
    return pools->count;
}

uint32_t pools_generations(const struct pools *pools) {
    const struct pool *pool;
    uint32_t n = pools->count;
    TAILQ_FOREACH(pool, &pools->others, link) {
        n++;
    }
    return n;
}

static struct pool *generation_at(const struct pools *pools, uint32_t index) {
    struct pool *pool = TAILQ_FIRST(&pools->others);
    if (index < pools->count) {
        return pools->items[index];
    }
    for (uint32_t i = pools->count; i < index; i++) {
        pool = TAILQ_NEXT(pool, link);
    }
    return pool;
}

static void worker_describe(const struct worker *w, int64_t wall_offset, struct worker_info *ret) {
    *ret = (struct worker_info){
        .pid = (int32_t)w->pid,
        .state = w->state,
        .started_ms = w->spawned_mono_ms + wall_offset,
        .jobs_done = w->jobs_done,
        .rss = process_resident((int32_t)w->pid),
    };
    for (int64_t i = 0; i < w->pool->config->threads; i++) {
        int64_t since;
        ret->running += worker_runs(w, i, &since) != NULL;
    }
    ret->window = w->outstanding > ret->running ? w->outstanding - ret->running : 0;
}

static void describe_queries(const struct pool *pool, bool is_current, int64_t wall_offset,
                             struct pool_info *ret) {
    const struct querier *k = pool->querier;
    bool asks = false;
    for (size_t h = 0; h < pool->manifest.handler_count; h++) {
        asks = asks || (pool->manifest.handlers[h].flags & JH_HANDLER_QUERY) != 0;
    }
    if (!asks) {
        return;
    }
    ret->queries.stats = &pool->plugin->queries.stats;
    ret->queries.waiting = is_current ? pool->plugin->queries.waiting_count : 0;
    if (k != NULL) {
        ret->queries.running = k->count;
        worker_describe(k->worker, wall_offset, &ret->queries.worker);
    }
}

void pools_info(struct host *host, uint32_t index, struct pool_info *ret) {
    struct pool *pool = generation_at(host->pools, index);
    bool is_current = index < host->pools->count;
    int64_t wall_offset = env_wall_ms(&host->env) - env_mono_ms(&host->env);
    *ret = (struct pool_info){
        .name = pool->config->entry.name,
        .state = pool->state,
        .fault = pool->fault[0] != '\0'                        ? pool->fault
                 : is_current && pool->plugin->disk.over       ? pool->plugin->disk.words
                 : is_current && pool->plugin->note[0] != '\0' ? pool->plugin->note
                                                               : NULL,
        .file = pool->config->file,
        .sha256 = pool->snapshot.sha256,
        .manifest = pool->manifest.name == NULL ? NULL : &pool->manifest,
        .slots = pool->ready_count * (uint32_t)pool->config->threads,
        .jobs_done = pool->jobs_done,
        .crashes = pool->crashes,
        .notes = pool->notes,
        .note_count = pool->note_count,
        .crash_log = &pool->plugin->crash_log,
        .total = {.jobs_done = pool->plugin->jobs_done,
                  .crashes = pool->plugin->crashes,
                  .restarts = pool->plugin->restarts,
                  .exits = &pool->plugin->exits},
        .since_ms = pool->since_ms,
        .current = is_current,
        .pinned = pool->pinned,
        .generation = pool->number,
        .last_crash = pool->last_crash[0] == '\0' ? NULL : pool->last_crash,
    };
    memcpy(ret->build, pool->build, sizeof ret->build);
    pool_breaker_info(pool, &ret->breaker);
    gate_describe(host, &pool->plugin->gate, &ret->gate);
    describe_queries(pool, is_current, wall_offset, ret);
    struct worker_info *infos = realloc(pool->infos, (pool->worker_count + 1) * sizeof *infos);
    if (infos == NULL) {
        return;
    }
    pool->infos = infos;
    ret->workers = infos;
    const struct worker *w;
    TAILQ_FOREACH(w, &pool->workers, link) {
        struct worker_info *info = &infos[ret->worker_count++];
        worker_describe(w, wall_offset, info);
        ret->busy += info->running;
    }
}

const struct pool_handler *pool_find_handler(const struct pool *pool, const char *type) {
    for (size_t h = 0; h < pool->manifest.handler_count; h++) {
        if (strcmp(pool->manifest.handlers[h].name, type) == 0) {
            return &pool->manifest.handlers[h];
        }
    }
    return NULL;
}

const char *pools_build(const struct pools *pools, const char *type) {
    for (uint32_t i = 0; i < pools->count; i++) {
        const struct pool *pool = pools->items[i];
        if (pool->state == POOL_READY && pool_find_handler(pool, type) != NULL) {
            return pool->build;
        }
    }
    return NULL;
}

static const char *pool_fault(const struct pool *pool) {
    static const char *const words[] = {
        [POOL_STARTING] = "it is still starting",
        [POOL_FAILED] = "it failed to start",
        [POOL_DRAINING] = "it is draining",
    };
    return pool->fault[0] != '\0' ? pool->fault : words[pool->state];
}

const struct pool_handler *pools_handler(const struct pools *pools, const char *type,
                                         const char **ret_pool, const char **ret_fault) {
    size_t prefix = strcspn(type, ".");
    if (ret_pool != NULL) {
        *ret_pool = NULL;
    }
    if (ret_fault != NULL) {
        *ret_fault = NULL;
    }
    for (uint32_t i = 0; i < pools->count; i++) {
        const struct pool *pool = pools->items[i];
        const char *name = pool->config->entry.name;
        bool named = pool->manifest.name == NULL && strlen(name) == prefix &&
                     memcmp(name, type, prefix) == 0;
        const struct pool_handler *found = pool_find_handler(pool, type);
        if (found != NULL && (found->flags & JH_HANDLER_QUERY) != 0) {
            found = NULL; // no job's
        }
        if (found == NULL && !named) {
            continue;
        }
        if (ret_pool != NULL) {
            *ret_pool = name;
        }
        if (pool->state != POOL_READY) {
            if (ret_fault != NULL) {
                *ret_fault = pool_fault(pool);
            }
            return NULL;
        }
        return found;
    }
    return NULL;
}
