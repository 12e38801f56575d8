#include "supervisor/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobhost_plugin.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/payload_check.h"
#include "supervisor/pool_private.h"
#include "supervisor/query_worker.h"
#include "supervisor/upgrade.h"

enum { QUERY_RETRY_AFTER_MS = 1000, QUERY_STOP_MS = 2000 };

static int refuse(struct problem *p, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(struct problem *p, int status, const char *code, const char *fmt, ...) {
    va_list ap;
    *p = (struct problem){.status = status, .code = code};
    va_start(ap, fmt);
    (void)vsnprintf(p->message, sizeof p->message, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* ------------------------------------------------------------------ which handler */

static const struct pool_handler *find(const struct pool *pool, const char *type) {
    const struct pool_handler *h = pool_find_handler(pool, type);
    return h != NULL && (h->flags & JH_HANDLER_QUERY) != 0 ? h : NULL;
}

static struct pool *pool_of(const struct host *host, const char *type) {
    for (uint32_t i = 0; i < host->pools->count; i++) {
        if (find(host->pools->items[i], type) != NULL) {
            return host->pools->items[i];
        }
    }
    return NULL;
}

const struct pool_handler *query_handler(const struct host *host, const char *type) {
    const struct pool *pool = pool_of(host, type);
    return pool == NULL || pool->state != POOL_READY ? NULL : find(pool, type);
}

bool query_is(const struct host *host, const char *type) {
    return pool_of(host, type) != NULL;
}

/* ------------------------------------------------------------------ life of one */

static void query_late(struct timer *t, void *arg);

static struct bytes copy_bytes(struct bytes from) {
    char *to = malloc(from.len + 1);
    if (to != NULL && from.len > 0) {
        memcpy(to, from.data, from.len);
    }
    return (struct bytes){to, from.len};
}

static struct query *query_new(struct plugin *plugin, struct query_ask *ask) {
    struct host *host = plugin->queries.host;
    struct query *q = calloc(1, sizeof *q);
    if (q == NULL) {
        return NULL;
    }
    *q = (struct query){.host = host,
                        .plugin = plugin,
                        .ask = ask,
                        .type = strdup(ask->type),
                        .tenant = ask->tenant == NULL ? NULL : strdup(ask->tenant),
                        .payload = copy_bytes(ask->payload),
                        .id = id_next(&host->ids, env_wall_ms(&host->env)),
                        .asked_us = env_stopwatch_us()};
    timer_init(&q->timer, query_late, q);
    bool whole =
        q->type != NULL && q->payload.data != NULL &&
        (q->tenant == NULL) == (ask->tenant == NULL) &&
        timer_set(host->net_timers, &q->timer, env_mono_ms(&host->net_env) + QUERY_MS) == 0;
    if (!whole) {
        query_free(q);
        return NULL;
    }
    return q;
}

void query_free(struct query *q) {
    timer_cancel(q->host->net_timers, &q->timer);
    free(q->type);
    free(q->tenant);
    free((void *)(uintptr_t)q->payload.data);
    buf_free(&q->result);
    free(q->result_type);
    free(q);
}

void query_answer(struct query *q, const char *outcome, const struct problem *problem,
                  int64_t retry_after_ms) {
    struct query_ask *ask = q->ask;
    struct query_stats *stats = &q->plugin->queries.stats;
    struct query_answer answer = {.retry_after_ms = retry_after_ms};
    if (ask == NULL) {
        return;
    }
    if (problem != NULL) {
        answer.problem = *problem;
    } else {
        answer.body = buf_bytes(&q->result);
        answer.content_type = q->result_type;
    }
    q->ask = NULL;
    stats_word(&stats->outcomes, outcome);
    histogram_add(&stats->took, &histogram_latencies, env_stopwatch_us() - q->asked_us);
    ask->done(ask, &answer);
}

static void query_busy(struct query *q, const char *code, const char *why) {
    struct problem problem;
    (void)refuse(&problem, 503, code, "%s", why);
    query_answer(q, "busy", &problem, QUERY_RETRY_AFTER_MS);
}

/* ------------------------------------------------------------------ those that wait */

static void wait_first(struct queries *all, struct query *q) {
    TAILQ_INSERT_HEAD(&all->waiting, q, link);
    all->waiting_count++;
}

static void wait_no_more(struct queries *all, struct query *q) {
    TAILQ_REMOVE(&all->waiting, q, link);
    all->waiting_count--;
}

void query_put_back(struct query *q) {
    q->worker = NULL;
    q->asking = false;
    if (q->ask == NULL) {
        query_free(q);
    } else {
        wait_first(&q->plugin->queries, q);
    }
}

static void retry(struct timer *t, void *arg) {
    (void)t;
    queries_place(arg);
}

void queries_init(struct queries *all, struct host *host, struct plugin *plugin) {
    *all = (struct queries){.host = host, .plugin = plugin};
    TAILQ_INIT(&all->waiting);
    timer_init(&all->retry, retry, all);
}

void queries_finish(struct queries *all) {
    struct query *q, *next;
    timer_cancel(all->host->net_timers, &all->retry);
    for (q = TAILQ_FIRST(&all->waiting); q != NULL; q = next) {
        next = TAILQ_NEXT(q, link);
        query_free(q); // whoever asked is gone with the server
    }
}

static struct pool *pool_serving(const struct queries *all) {
    struct pools *pools = all->host->pools;
    for (uint32_t i = 0; i < pools->count; i++) {
        if (pools->items[i]->plugin == all->plugin && pools->items[i]->state == POOL_READY) {
            return pools->items[i];
        }
    }
    return NULL;
}

void queries_place(struct queries *all) {
    struct pool *pool = pool_serving(all);
    struct query *q, *next;
    if (pool == NULL || all->host->phase != HOST_RUNNING) {
        return;
    }
    for (q = TAILQ_FIRST(&all->waiting); q != NULL; q = next) {
        next = TAILQ_NEXT(q, link);
        if (find(pool, q->type) == NULL) {
            wait_no_more(all, q);
            query_busy(q, "no_such_query", "the plugin's new code has no such query");
            query_free(q);
            continue;
        }
        querier_want(pool);
        if (!querier_has_room(pool)) {
            return;
        }
        wait_no_more(all, q);
        if (!querier_place(pool, q)) {
            wait_first(all, q);
            return;
        }
    }
}

static void each_plugin(struct host *host, void (*each)(struct queries *all, const char *why),
                        const char *why) {
    struct plugin *plugin;
    SLIST_FOREACH(plugin, &host->pools->plugins, link) {
        each(&plugin->queries, why);
    }
}

static void place(struct queries *all, const char *why) {
    (void)why;
    queries_place(all);
}

void queries_place_all(struct host *host) {
    each_plugin(host, place, NULL);
}

static void refuse_waiting(struct queries *all, const char *why) {
    struct query *q, *next;
    for (q = TAILQ_FIRST(&all->waiting); q != NULL; q = next) {
        next = TAILQ_NEXT(q, link);
        wait_no_more(all, q);
        query_busy(q, "queries_stopped", why);
        query_free(q);
    }
}

void queries_refuse(struct host *host, const char *why) {
    each_plugin(host, refuse_waiting, why);
}

static void cut_worker(struct worker *w, void *arg) {
    struct query *q;
    const char *why = arg;
    if (w->querier == NULL) {
        return;
    }
    TAILQ_FOREACH(q, &w->querier->running, link) {
        query_busy(q, "queries_stopped", why);
        querier_cancel(q);
    }
}

void queries_cut(struct host *host, const char *why) {
    queries_refuse(host, why);
    pools_each_worker(host->pools, cut_worker, (void *)(uintptr_t)why);
}

/* ------------------------------------------------------------------ its time is over */

/* Asked to stop, then told, then ended: as a job that does not stop, only sooner. */
static void stop_further(struct query *q) {
    struct worker *w = q->worker;
    int64_t grace =
        w->pool->config->grace_ms < QUERY_STOP_MS ? w->pool->config->grace_ms : QUERY_STOP_MS;
    int64_t next_ms = WORKER_KILL_AFTER_MS;
    if (q->stop == STOP_NOT) {
        querier_cancel(q);
        next_ms = grace;
    } else if (q->stop == STOP_ASKED) {
        q->stop = STOP_TERM;
        w->for_a_job = true;
        log_warn(&q->host->log, "query.terminate", "plugin=%s pid=%d type=%s", q->plugin->name,
                 (int)w->pid, q->type);
        worker_term(w);
    } else {
        worker_kill(w, "a query did not stop");
        return;
    }
    (void)timer_set(q->host->net_timers, &q->timer, env_mono_ms(&q->host->net_env) + next_ms);
}

static void query_late(struct timer *t, void *arg) {
    struct query *q = arg;
    struct problem problem;
    (void)t;
    if (q->worker == NULL) {
        wait_no_more(&q->plugin->queries, q);
        query_busy(q, "query_not_begun", "the plugin had no thread for this query in time");
        query_free(q);
        return;
    }
    (void)refuse(&problem, 504, "query_timeout", "%.100s did not answer within %d s", q->type,
                 QUERY_MS / 1000);
    query_answer(q, "timeout", &problem, 0);
    stop_further(q);
}

/* ------------------------------------------------------------------ it has returned */

/* What a failure is to the caller. Words of the handler's are for those whose request is at fault, or too early; the others are
 * told in the log. */
static const struct {
    int status;
    const char *code, *outcome;
    bool told;
    const char *words;
} classes[] = {
    [JH_E_NONE] = {502, "query_failed", "failed", false, "the query failed"},
    [JH_E_INPUT] = {422, "query_refused", "refused", true, "the query refuses this request"},
    [JH_E_AUTH] = {502, "upstream_auth", "failed", false,
                   "somebody that the query depends on has refused its credentials"},
    [JH_E_NETWORK] = {502, "upstream_unreachable", "failed", false,
                      "somebody that the query depends on cannot be reached"},
    [JH_E_RATE] = {429, "rate_limited", "refused", true, "too many of these for now"},
    [JH_E_UPSTREAM] = {502, "upstream_failed", "failed", false,
                       "somebody that the query depends on has failed"},
    [JH_E_TIMEOUT] = {504, "query_timeout", "timeout", false, "the query took too long"},
    [JH_E_RESOURCE] = {503, "out_of_resources", "busy", false,
                       "this machine has no room for the query at the moment"},
    [JH_E_BUG] = {502, "query_failed", "failed", false, "the query failed by a fault of its own"},
    [JH_E_PERMANENT] = {404, "not_found", "refused", true, "there is no such thing"},
    [JH_E_UNKNOWN] = {502, "query_failed", "failed", false, "the query failed"},
};

static void answer_failure(struct query *q, const struct msg_done *m) {
    struct problem problem;
    size_t cls = m->cls >= 0 && (size_t)m->cls < ARRAY_LEN(classes) ? (size_t)m->cls : JH_E_BUG;
    bool has_words = m->message != NULL && m->message[0] != '\0';
    int64_t retry_ms = m->retry_after_ms;
    (void)refuse(&problem, classes[cls].status, classes[cls].code, "%s",
                 classes[cls].told && has_words ? m->message : classes[cls].words);
    if (retry_ms == 0 && (problem.status == 429 || problem.status == 503)) {
        retry_ms = QUERY_RETRY_AFTER_MS;
    }
    if (!classes[cls].told) {
        log_warn(&q->host->log, "query.failed", "plugin=%s type=%s class=%s msg=\"%s\"",
                 q->plugin->name, q->type, outcome_class((jh_class)cls)->name,
                 has_words ? m->message : "");
    }
    query_answer(q, classes[cls].outcome, &problem, retry_ms);
}

void query_done(struct query *q, const struct msg_done *m) {
    struct problem problem;
    if (m->status != JH_OK) {
        answer_failure(q, m);
    } else if (q->result_over || q->result.failed) {
        (void)refuse(&problem, 502, "result_too_large",
                     "the answer of %.100s is larger than a query's may be (%d bytes)", q->type,
                     (int)QUERY_RESULT_MAX);
        query_answer(q, "failed", &problem, 0);
    } else {
        q->plugin->queries.deaths = 0;
        query_answer(q, "ok", NULL, 0);
    }
    query_free(q);
}

/* ------------------------------------------------------------------ asking */

/* Whose it is; NULL with the problem. */
static struct pool *open_pool(struct host *host, const char *type, struct problem *p) {
    struct pool *pool = pool_of(host, type);
    if (jobs_check_open(host, p) != 0) {
        return NULL;
    }
    if (upgrade_is_quiet(host)) {
        (void)refuse(p, 503, "upgrading", "the host is being upgraded; try again in a moment");
        return NULL;
    }
    if (pool == NULL || pool->state != POOL_READY) {
        (void)refuse(p, 503, "no_such_query", "no plugin that is up has a query %.100s", type);
        return NULL;
    }
    if (host->dispatch->gate.closed || pool->plugin->gate.closed) {
        (void)refuse(p, 503, "plugin_paused", "the plugin is paused");
        return NULL;
    }
    return pool;
}

int query_ask(struct host *host, struct query_ask *ask, struct problem *p) {
    struct pool *pool = open_pool(host, ask->type, p);
    if (pool == NULL) {
        return -EINVAL;
    }
    const struct pool_handler *handler = find(pool, ask->type);
    struct queries *all = &pool->plugin->queries;
    if (ask->payload.len > QUERY_PAYLOAD_MAX) {
        return refuse(p, 413, "payload_too_large", "a query takes at most %d bytes",
                      (int)QUERY_PAYLOAD_MAX);
    }
    if (handler->shape != NULL && payload_check(handler, ask->payload, p) != 0) {
        return -EINVAL;
    }
    if (all->waiting_count >= QUERY_WAITING_MAX) {
        stats_word(&all->stats.outcomes, "busy");
        return refuse(p, 503, "queries_full", "the plugin has as many queries waiting as it takes");
    }
    struct query *q = query_new(pool->plugin, ask);
    if (q == NULL) {
        return refuse(p, 503, "out_of_memory", "the host is out of memory; try again later");
    }
    TAILQ_INSERT_TAIL(&all->waiting, q, link);
    all->waiting_count++;
    queries_place(all);
    return 0;
}
