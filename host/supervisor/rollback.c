#include "supervisor/rollback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/generation.h"
#include "supervisor/host.h"
#include "supervisor/reload.h"

struct rollback {
    struct pool_trial trial;
    struct pool *bad; // on probation; NULL: it has gone meanwhile
    struct config *owner;
    const struct config_plugin *config;
    struct snapshot snapshot;
    uint32_t number;  // of the generation before
    int64_t since_ms; // mono
    bool wanted, trying;
};

/* ------------------------------------------------------------------ what to go back to */

void rollback_watch(struct pool *pool, const struct pool *before) {
    struct rollback *r = calloc(1, sizeof *r);
    if (r != NULL && snapshot_copy_of(&before->snapshot, &r->snapshot) != 0) {
        free(r);
        r = NULL;
    }
    if (r == NULL || pool->config->probation_ms == 0) {
        if (r != NULL) {
            snapshot_finish(&r->snapshot);
            free(r);
        }
        return;
    }
    r->bad = pool;
    r->owner = config_hold(before->config_owner);
    r->config = before->config;
    r->number = before->number;
    r->since_ms = env_mono_ms(&pool->host->env);
    pool->rollback = r;
}

static void forget(struct rollback *r) {
    config_free(&r->owner);
    snapshot_finish(&r->snapshot);
    free(r);
}

void rollback_forget(struct pool *pool) {
    struct rollback *r = pool->rollback;
    pool->rollback = NULL;
    if (r != NULL && r->trying && pool->host->phase == HOST_RUNNING) {
        r->bad = NULL; // its trial has it; when the host stops, that is told nothing
    } else if (r != NULL) {
        forget(r);
    }
}

void rollback_forgive(struct plugin *plugin) {
    plugin->refused_settings[0] = '\0';
    plugin->refused_sha256[0] = '\0';
    plugin->note[0] = '\0';
}

const char *rollback_refuses(const struct plugin *plugin, const char *sha256,
                             const struct config_plugin *config) {
    char settings[CONFIG_DIGEST_LEN + 1];
    if (plugin->refused_sha256[0] == '\0' || strcmp(plugin->refused_sha256, sha256) != 0) {
        return NULL;
    }
    config_plugin_digest(config, settings);
    return strcmp(plugin->refused_settings, settings) == 0 ? plugin->note : NULL;
}

/* ------------------------------------------------------------------ going back */

bool rollback_is_busy(const struct host *host) {
    const struct pool *pool;
    TAILQ_FOREACH(pool, &host->pools->others, link) {
        if (pool->trial != NULL && pool->returns) {
            return true;
        }
    }
    return false;
}

// So that the next reload leaves it alone.
static void refuse(struct pool *bad, const struct rollback *r) {
    struct plugin *plugin = bad->plugin;
    rollback_forgive(plugin);
    config_plugin_digest(bad->config, plugin->refused_settings);
    memcpy(plugin->refused_sha256, bad->snapshot.sha256, sizeof plugin->refused_sha256);
    (void)snprintf(
        plugin->note, sizeof plugin->note,
        "build %s was rolled back to that of generation %u: %u of its jobs crashed in its first "
        "%lld s; replace the file, or change its settings, to try again; last: %.200s",
        bad->build, r->number, bad->bugs,
        (long long)((env_mono_ms(&bad->host->env) - r->since_ms) / 1000),
        bad->last_crash[0] == '\0' ? "class BUG" : bad->last_crash);
}

static void put_in_place_of(struct pool *pool, const struct pool *bad) {
    struct pools *pools = pool->host->pools;
    struct pool **items = calloc(pools->count + 1, sizeof(struct pool *));
    if (items == NULL) {
        generation_abandon(pool);
        return;
    }
    for (uint32_t i = 0; i < pools->count; i++) {
        items[i] = pools->items[i] == bad ? pool : pools->items[i];
    }
    pools_serve(pools, items, pools->count);
}

static void on_ready(struct pool_trial *trial, struct pool *pool) {
    struct rollback *r = CONTAINER_OF(trial, struct rollback, trial);
    struct pool *bad = r->bad;
    struct host *host = pool->host;
    if (bad == NULL || bad->state != POOL_READY) {
        generation_abandon(pool);
    } else {
        refuse(bad, r);
        log_error(&host->log, "plugin.rolled_back", "plugin=%s generation=%u msg=\"%s\"",
                  pool->config->entry.name, pool->number, bad->plugin->note);
        bad->rollback = NULL;
        put_in_place_of(pool, bad);
    }
    forget(r);
    reload_resume(host);
}

static void on_failed(struct pool_trial *trial, struct pool *pool, const char *why) {
    struct rollback *r = CONTAINER_OF(trial, struct rollback, trial);
    log_error(&pool->host->log, "plugin.rollback_failed", "plugin=%s msg=\"%s\"",
              pool->config->entry.name, why);
    if (r->bad != NULL) {
        r->bad->rollback = NULL;
    }
    forget(r);
    reload_resume(pool->host);
}

static void begin(struct rollback *r) {
    struct host *host = r->bad->host;
    struct err e = {.code = 0};
    if (reload_is_busy(host) || rollback_is_busy(host) || host->phase != HOST_RUNNING) {
        return; // rollback_resume()
    }
    r->wanted = false;
    r->trial = (struct pool_trial){.ready = on_ready, .failed = on_failed};
    struct pool *pool = generation_try(host, r->owner, r->config, &r->snapshot, &r->trial, &e);
    if (pool == NULL) {
        log_error(&host->log, "plugin.rollback_failed", "plugin=%s msg=\"%s\"",
                  r->config->entry.name, e.msg);
        rollback_forget(r->bad);
        return;
    }
    r->trying = true;
    pool->returns = true;
}

static bool is_over(const struct rollback *r) {
    int64_t passed = env_mono_ms(&r->bad->host->env) - r->since_ms;
    int64_t probation = r->bad->config->probation_ms; // as it is configured by now
    return probation == 0 || (passed >= probation && r->bad->jobs_done >= ROLLBACK_JOBS) ||
           passed >= ROLLBACK_LONGEST_MS;
}

bool rollback_watches(const struct pool *pool) {
    const struct rollback *r = pool->rollback;
    return r != NULL && (r->wanted || r->trying || !is_over(r));
}

void rollback_note(struct pool *pool) {
    struct rollback *r = pool->rollback;
    pool->bugs++;
    if (r == NULL || r->trying || r->wanted || pool->state != POOL_READY) {
        return;
    }
    if (is_over(r)) {
        rollback_forget(pool);
    } else if (pool->bugs >= ROLLBACK_CRASHES) {
        r->wanted = true;
        begin(r);
    }
}

void rollback_resume(struct host *host) {
    for (uint32_t i = 0; i < host->pools->count; i++) {
        struct pool *pool = host->pools->items[i];
        if (pool->rollback != NULL && pool->rollback->wanted) {
            begin(pool->rollback);
        }
    }
}
