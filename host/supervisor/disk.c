#include "supervisor/disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

enum {
    DISK_EVERY_MS = 5000, /* from one look to the next                         */
    DISK_STEP = 2000,     /* entries at a time: others want that thread as well */
};

static void disk_look_later(struct disk *d) {
    int64_t now = env_mono_ms(&d->host->env);
    (void)timer_set(d->host->timers, &d->timer, d->next_mono_ms > now ? d->next_mono_ms : now);
}

/* The pool that serves. */
static const struct pool *disk_pool(const struct disk *d) {
    const struct pools *pools = d->host->pools;
    for (uint32_t i = 0; i < pools->count; i++) {
        if (pools->items[i]->plugin == d->plugin) {
            return pools->items[i];
        }
    }
    return NULL;
}

static int64_t disk_max(const struct disk *d) {
    const struct pool *pool = disk_pool(d);
    return pool == NULL ? 0 : pool->config->sandbox.max_disk;
}

void disk_watch(struct pool *pool) {
    struct disk *d = &pool->plugin->disk;
    if (pool->config->sandbox.max_disk > 0 && !d->looking && !timer_running(&d->timer)) {
        disk_look_later(d);
    }
}

/* ------------------------------------------------------------------ what a look has found */

static void disk_stop_worker(struct worker *w, void *arg) {
    const struct disk *d = arg;
    struct attempt *a;
    if (w->pool->plugin != d->plugin) {
        return;
    }
    TAILQ_FOREACH(a, &w->attempts, link) {
        attempt_over_disk(a);
    }
}

static bool disk_has_jobs(const struct disk *d) {
    const struct pool *pool;
    for (uint32_t i = 0; i < d->host->pools->count; i++) {
        pool = d->host->pools->items[i];
        if (pool->plugin == d->plugin && pool->users > 0) {
            return true;
        }
    }
    TAILQ_FOREACH(pool, &d->host->pools->others, link) {
        if (pool->plugin == d->plugin && pool->users > 0) {
            return true;
        }
    }
    return false;
}

static void disk_log(const struct disk *d) {
    log_write(&d->host->log, d->over ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "plugin.disk",
              "plugin=%s state=%s bytes=%lld msg=\"%s\"", d->plugin->name,
              d->over ? "over" : "room", (long long)d->bytes,
              d->over ? d->words : "it holds less than its max_disk again");
}

static void disk_judge(struct disk *d) {
    bool was_over = d->over;
    d->max = disk_max(d);
    d->bytes = (int64_t)d->walk.bytes;
    d->over = d->max > 0 && d->bytes > d->max;
    (void)snprintf(
        d->words, sizeof d->words,
        "its data folder holds %lld bytes, more than its max_disk of %lld: nothing of it "
        "starts until there is less",
        (long long)d->bytes, (long long)d->max);
    if (d->over != was_over) {
        disk_log(d);
        dispatch_kick(d->host);
    }
    if (d->over) {
        gates_thin(d->host);
        pools_each_worker(d->host->pools, disk_stop_worker, d);
    }
}

static void disk_done(struct side_op *op) {
    struct disk *d = CONTAINER_OF(op, struct disk, op);
    if (d->walk.depth > 0 && d->host->phase == HOST_RUNNING) {
        side_thread_post(d->host->disk, op); // what others have posted meanwhile goes first
        return;
    }
    disk_walk_end(&d->walk);
    d->looking = false;
    if (d->host->phase != HOST_RUNNING) {
        return;
    }
    if (d->status == 0) {
        disk_judge(d);
    } else {
        log_warn(&d->host->log, "plugin.disk", "plugin=%s msg=\"%s: %s\"", d->plugin->name, d->path,
                 strerror(-d->status));
    }
    if (d->over || (disk_max(d) > 0 && disk_has_jobs(d))) {
        disk_look_later(d);
    }
}

/* ------------------------------------------------------------------ looking */

static void disk_work(struct side_op *op) {
    struct disk *d = CONTAINER_OF(op, struct disk, op);
    if (!d->begun) {
        d->begun = true;
        d->status = disk_walk_begin(&d->walk, d->path);
    }
    (void)disk_walk_step(&d->walk, DISK_STEP);
}

static void disk_look(struct timer *t, void *arg) {
    struct disk *d = arg;
    (void)t;
    (void)snprintf(d->path, sizeof d->path, "%s/data/%s", d->host->config->host.state_dir,
                   d->plugin->name);
    d->looking = true;
    d->begun = false;
    d->next_mono_ms = env_mono_ms(&d->host->env) + DISK_EVERY_MS;
    d->op = (struct side_op){.work = disk_work, .done = disk_done};
    side_thread_post(d->host->disk, &d->op);
}

void disk_init(struct disk *d, struct host *host, struct plugin *plugin) {
    d->host = host;
    d->plugin = plugin;
    timer_init(&d->timer, disk_look, d);
}

void disk_finish(struct disk *d) {
    timer_cancel(d->host->timers, &d->timer);
}

/* ------------------------------------------------------------------ told to people */

void disk_facts(const struct disk *d, struct job_facts *facts) {
    facts->disk_bytes = d->over ? d->bytes : 0;
    facts->disk_max = d->max;
}
