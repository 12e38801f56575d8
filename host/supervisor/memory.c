#include "supervisor/memory.h"

#include "base/process.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

enum { MEMORY_EVERY_MS = 1000 };

void memory_watch(struct worker *w) {
    if (w->pool->config->max_rss > 0 && !timer_running(&w->memory_timer)) {
        (void)timer_set(w->host->timers, &w->memory_timer,
                        env_mono_ms(&w->host->env) + MEMORY_EVERY_MS);
    }
}

static void memory_log(struct worker *w, const char *what, int64_t rss) {
    log_warn(&w->host->log, "worker.memory", "plugin=%s pid=%d rss=%lld max_rss=%lld msg=\"%s\"",
             w->pool->config->entry.name, (int)w->pid, (long long)rss,
             (long long)w->pool->config->max_rss, what);
}

void memory_check(struct timer *t, void *arg) {
    struct worker *w = arg;
    int64_t max = w->pool->config->max_rss;
    (void)t;
    if (w->eof || w->reaped || w->kill_why != NULL) {
        return;
    }
    int64_t rss = (int64_t)process_resident((int32_t)w->pid);
    if (rss > max + max / 2) {
        memory_log(w, "killed", rss);
        w->for_memory = true;
        worker_kill(w, "it takes more than one and a half times max_rss");
        return;
    }
    if (rss > max && w->state == WORKER_READY) {
        memory_log(w, "replaced when it has finished what it runs", rss);
        pool_retire(w, "it takes more than max_rss");
    }
    if (w->outstanding > 0) {
        memory_watch(w);
    }
}
