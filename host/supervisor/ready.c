#include "supervisor/ready.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobhost_plugin.h"
#include "supervisor/commits.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

enum {
    READY_LOOKS = 4, /* in the time after which it counts as a stall */
    READY_LOOK_MIN_MS = 100,
    READY_LOOK_MAX_MS = 15000,
};

struct ready {
    struct host *host;
    struct timer timer;
    enum ready_code last; /* what the log has said */
};

/* ---- the facts about one pool ---- */

static bool is_concurrent(const struct attempt *a) {
    return (a->worker->pool->manifest.handlers[a->handler].flags & JH_HANDLER_CONCURRENT) != 0;
}

static uint32_t running(const struct worker *w) {
    uint32_t n = 0;
    for (int64_t i = 0; i < w->pool->config->threads; i++) {
        int64_t since;
        n += worker_runs(w, i, &since) != NULL;
    }
    return n;
}

/* Has it a thread on which another job may begin beside those that run? One whose handler runs
 * alone keeps all threads of its process, and waits for all of them. */
static bool could_begin(const struct worker *w, uint32_t runs) {
    const struct attempt *a;
    if (w->state != WORKER_READY || w->eof || w->reaped || w->kill_why != NULL ||
        (runs > 0 && (w->alone || w == w->pool->kept)) ||
        runs >= (uint32_t)w->pool->config->threads) {
        return false;
    }
    TAILQ_FOREACH(a, &w->attempts, link) {
        if (runs > 0 && !is_concurrent(a)) {
            return false;
        }
    }
    return true;
}

struct look {
    uint32_t runs;  /* jobs that run                                  */
    uint32_t free;  /* workers with a thread for one more             */
    uint32_t stuck; /* jobs in hand that a free worker could have begun */
    uint64_t begun;
};

static void look_at_worker(const struct worker *w, struct look *look) {
    uint32_t runs = running(w);
    look->runs += runs;
    if (could_begin(w, runs)) {
        look->free++;
        look->stuck += w->outstanding > runs ? w->outstanding - runs : 0;
    }
    for (int64_t i = 0; w->page != NULL && i < w->pool->config->threads; i++) {
        look->begun += atomic_load_explicit(&w->page->thread[i].started, memory_order_relaxed);
    }
}

/* Jobs in hand at no worker, and what the store has been asked for. */
static uint32_t on_their_way(const struct pool *pool) {
    uint32_t in_hand = pool->in_hand[LANE_SLOW] + pool->in_hand[LANE_FAST], with_workers = 0;
    const struct worker *w;
    TAILQ_FOREACH(w, &pool->workers, link) {
        with_workers += w->outstanding;
    }
    return in_hand > with_workers ? in_hand - with_workers : 0;
}

/* Jobs that may be in the store, not paused, below their queue's limit, and not even claimed though
 * there is room for them. */
static bool leaves_unclaimed(const struct pool *pool) {
    for (int pace = 0; pace < LANE_PACES; pace++) {
        const struct lane *lane = TAILQ_FIRST(&pool->ready[pace]);
        if (lane != NULL && dispatch_room(lane) > 0) {
            return true;
        }
    }
    return false;
}

static void look_at_pool(struct pool *pool) {
    struct host *host = pool->host;
    struct look look = {.begun = pool->restarts + pool->jobs_done};
    const struct worker *w;
    TAILQ_FOREACH(w, &pool->workers, link) {
        look_at_worker(w, &look);
    }
    bool waits = look.stuck > 0 || on_their_way(pool) > 0 || leaves_unclaimed(pool);
    bool could = pool->state == POOL_READY && gates_room(pool) > 0 && look.free > 0 && waits;
    progress_note(&pool->progress, could, look.begun, env_mono_ms(&host->env));
}

/* ---- the report ---- */

static const struct pool *longest_idle(const struct host *host, int64_t *ret_ms) {
    const struct pool *found = NULL;
    *ret_ms = 0;
    for (uint32_t i = 0; i < host->pools->count; i++) {
        struct pool *pool = host->pools->items[i];
        look_at_pool(pool);
        int64_t ms = progress_idle_ms(&pool->progress, env_mono_ms(&host->env));
        if (ms > *ret_ms) {
            *ret_ms = ms;
            found = pool;
        }
    }
    return found;
}

/* What the host itself knows to be in the way. */
static void say_cause(const struct host *host, const struct pool *pool, char *out, size_t cap) {
    uint32_t with_workers = 0, runs = 0;
    const struct worker *w;
    TAILQ_FOREACH(w, &pool->workers, link) {
        with_workers += w->outstanding;
        runs += running(w);
    }
    if (commits_stalled(host) != NULL) {
        (void)snprintf(out, cap, "; ends of jobs cannot be written: %s", commits_stalled(host));
    } else if (with_workers > runs) {
        (void)snprintf(out, cap, "; its workers have %u jobs that they do not begin",
                       with_workers - runs);
    } else if (host->dispatch->claims_out > 0) {
        (void)snprintf(out, cap, "; the store has not answered %u claims",
                       host->dispatch->claims_out);
    } else {
        (void)snprintf(out, cap, "; the store has %u unanswered commits", commits_pending(host));
    }
}

static void say_stall(const struct host *host, const struct pool *pool, struct ready_report *ret) {
    char cause[160];
    say_cause(host, pool, cause, sizeof cause);
    (void)snprintf(
        ret->detail, sizeof ret->detail,
        "jobs of plugin %.64s could start and threads are free, but none has started for "
        "%lld s%s",
        pool->config->entry.name, (long long)(ret->idle_ms / 1000), cause);
    ret->plugin = pool->config->entry.name;
}

/* It keeps no other plugin from its work, so the host is as ready as before. */
static void note_breakers(struct host *host, struct ready_report *ret) {
    for (uint32_t i = 0; i < host->pools->count && ret->note[0] == '\0'; i++) {
        struct breaker_info breaker;
        pool_breaker_info(host->pools->items[i], &breaker);
        memcpy(ret->note, breaker.detail, sizeof ret->note);
    }
}

/* Held back on purpose. */
static void note_gates(struct host *host, struct ready_report *ret) {
    const struct plugin *p;
    if (host->dispatch->gate.closed) {
        (void)snprintf(ret->note, sizeof ret->note, "the host is in safe mode: it starts no jobs");
    }
    SLIST_FOREACH(p, &host->pools->plugins, link) {
        if (ret->note[0] == '\0' && p->gate.closed) {
            (void)snprintf(ret->note, sizeof ret->note, "plugin \"%.64s\" is paused", p->name);
        }
        if (ret->note[0] == '\0' && p->disk.over) {
            (void)snprintf(ret->note, sizeof ret->note,
                           "plugin \"%.64s\" keeps more than its max_disk", p->name);
        }
    }
}

void ready_report(struct host *host, struct ready_report *ret) {
    static const char *const details[READY_COUNT] = {
        [READY_YES] = "",
        [READY_STARTING] = "the host is starting",
        [READY_DRAINING] = "the host is shutting down",
    };
    *ret = (struct ready_report){.code = READY_YES};
    note_gates(host, ret);
    note_breakers(host, ret);
    const struct pool *pool = longest_idle(host, &ret->idle_ms);
    const struct ready_facts facts = {
        .starting = host->phase == HOST_STARTING || !host->settled,
        .draining = host->phase == HOST_DRAINING || host->phase == HOST_STOPPED,
        .store_down = host_store_refusal(host) != NULL,
        .idle_ms = ret->idle_ms,
        .limit_ms = host->config->host.ready_stall_ms,
    };
    ret->code = ready_decide(&facts);
    if (ret->code == READY_STALLED) {
        say_stall(host, pool, ret);
        return;
    }
    const char *detail = ret->code == READY_STORE ? host_store_refusal(host) : details[ret->code];
    (void)snprintf(ret->detail, sizeof ret->detail, "%s", detail);
    ret->idle_ms = 0;
}

/* ---- looking by itself ---- */

static void look_later(struct ready *ready) {
    const struct host *host = ready->host;
    int64_t pause = host->config->host.ready_stall_ms / READY_LOOKS;
    pause = pause < READY_LOOK_MIN_MS ? READY_LOOK_MIN_MS : pause;
    pause = pause > READY_LOOK_MAX_MS ? READY_LOOK_MAX_MS : pause;
    (void)timer_set(host->timers, &ready->timer, env_mono_ms(&host->env) + pause);
}

static void on_timer(struct timer *t, void *arg) {
    struct ready *ready = arg;
    struct ready_report report;
    (void)t;
    ready_report(ready->host, &report);
    if (report.code == READY_STALLED && ready->last != READY_STALLED) {
        log_error(&ready->host->log, "host.stalled", "plugin=%s msg=\"%s\"", report.plugin,
                  report.detail);
    } else if (report.code == READY_YES && ready->last == READY_STALLED) {
        log_info(&ready->host->log, "host.moving", "msg=\"jobs start again\"");
    }
    ready->last = report.code;
    look_later(ready);
}

struct ready *ready_new(struct host *host) {
    struct ready *ready = calloc(1, sizeof *ready);
    if (ready != NULL) {
        ready->host = host;
        timer_init(&ready->timer, on_timer, ready);
    }
    return ready;
}

void ready_run(struct host *host) {
    if (host->config->host.ready_stall_ms > 0) {
        look_later(host->ready);
    }
}

void ready_free(struct ready **at) {
    struct ready *ready = *at;
    if (ready != NULL) {
        timer_cancel(ready->host->timers, &ready->timer);
        free(ready);
        *at = NULL;
    }
}
