#include "supervisor/host_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_forms.h"
#include "supervisor/announce.h"
#include "supervisor/beat.h"
#include "supervisor/breakers.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/jobs.h"
#include "supervisor/limits.h"
#include "supervisor/schedules.h"
#include "supervisor/stats.h"
#include "supervisor/takeover.h"
#include "supervisor/tokens.h"
#include "supervisor/upkeep.h"

/* ------------------------------------------------------------------ what it is opened with */

static int fill_blob_dir(struct host_store *s, const struct config *c, struct err *e) {
    const char *blobs = c->store.blobs;
    bool named = blobs != NULL && strncmp(blobs, "dir:", 4) == 0;
    int n = snprintf(s->blob_dir, sizeof s->blob_dir, "%s%s", named ? blobs + 4 : c->host.state_dir,
                     named ? "" : "/blobs");
    s->config.blob_dir = s->blob_dir;
    s->config.blob_dir_shared = named;
    return n > 0 && (size_t)n < sizeof s->blob_dir
               ? 0
               : err_set(e, -ENAMETOOLONG, "%s: path too long", c->host.state_dir);
}

static int fill_weights(struct arena *a, const struct config_queue *q,
                        struct store_queue_setup *ret) {
    struct store_weight *weights = arena_alloc(a, (q->weight_count + 1) * sizeof *weights);
    for (size_t i = 0; weights != NULL && i < q->weight_count; i++) {
        size_t len;
        weights[i].weight = config_weight(q->weights[i], &len);
        weights[i].tenant = arena_strn(a, q->weights[i], len);
        if (weights[i].tenant == NULL) {
            return -ENOMEM;
        }
    }
    ret->weights = weights;
    ret->weight_count = q->weight_count;
    return weights == NULL ? -ENOMEM : 0;
}

static int fill_queue(struct arena *a, const struct config_queue *q,
                      struct store_queue_setup *ret) {
    *ret = (struct store_queue_setup){
        .queue = arena_str(a, q->entry.name),
        .prefix = arena_str(a, q->key_prefix == NULL ? "" : q->key_prefix),
        .split_normal = q->split_normal,
        .one_line = q->fair_share == FAIR_SHARE_NONE,
    };
    return ret->queue == NULL || ret->prefix == NULL ? -ENOMEM : fill_weights(a, q, ret);
}

static int fill_queues(struct host_store *s, const struct config *c, struct err *e) {
    if (c->queue_count == 0) {
        return 0;
    }
    s->queues = calloc(c->queue_count, sizeof *s->queues);
    if (s->queues == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < c->queue_count; i++) {
        if (fill_queue(&s->arena, &c->queues[i], &s->queues[i]) < 0) {
            return err_set(e, -ENOMEM, "out of memory");
        }
    }
    s->config.queues = s->queues;
    s->config.queue_count = c->queue_count;
    return 0;
}

int host_store_init(struct host_store *ret, const struct config *c, struct err *e) {
    const struct config_store *s = &c->store;
    ret->queues = NULL;
    ret->arena = (struct arena){0};
    ret->config = (struct store_config){
        .url = s->url,
        .budget = {[BUDGET_JOBS] = (uint64_t)s->budget_jobs,
                   [BUDGET_RESULTS] = (uint64_t)s->budget_results,
                   [BUDGET_KV] = (uint64_t)s->budget_kv,
                   [BUDGET_BLOBS] = (uint64_t)s->budget_blobs},
        .dedup_ttl_ms = c->queue_default.dedup_ttl_ms,
        .lease_ms = c->host.lease_ms,
        .tls_ca = s->tls_ca,
        .tls_cert = s->tls_cert,
        .tls_key = s->tls_key,
        .connect_timeout_ms = s->connect_timeout_ms,
        .command_timeout_ms = s->command_timeout_ms,
        .allow_eviction = s->allow_eviction,
        .blobs_max_in_store = (uint64_t)s->blobs_max_in_store,
        .fallback = s->fallback,
        .event_keep_ms = s->event_keep_ms,
        .event_max_kept = s->event_max_kept,
        .event_max_bytes = s->event_max_bytes,
        .spool_max_age_ms = s->spool_max_age_ms,
        .spool_max_bytes = (uint64_t)s->spool_max_bytes,
    };
    int r = fill_blob_dir(ret, c, e);
    return r != 0 ? r : fill_queues(ret, c, e);
}

void host_store_finish(struct host_store *s) {
    free(s->queues);
    s->queues = NULL;
    arena_free(&s->arena);
}

/* ------------------------------------------------------------------ its events */

static void on_ready(void *arg, const struct store_lane *lane) {
    struct host *host = arg;
    if (host->dispatch != NULL) {
        dispatch_lane_ready(host, lane);
    }
}

static void on_due(void *arg, int64_t due_ms) {
    struct host *host = arg;
    if (host->upkeep != NULL) {
        upkeep_due(host, due_ms);
    }
}

static void on_outbox(void *arg) {
    struct host *host = arg;
    if (host->phase == HOST_RUNNING) { // one that starts looks by itself
        upkeep_forward(host);
    }
}

static void on_health(void *arg, const struct err *why) {
    struct host *host = arg;
    const char *reason = why == NULL ? NULL : why->msg;
    bool new = host->store_fault == NULL;
    if (new) {
        host->store_fault_ms = env_wall_ms(&host->env);
    }
    free((void *)(uintptr_t)host->store_fault);
    host->store_fault = reason == NULL ? NULL : strdup(reason);
    host->store_away = why != NULL && why->code != -EROFS;
    if (reason != NULL && new) {
        log_error(&host->log, "store.degraded", "msg=\"%s\"", reason);
        if (host->upkeep != NULL) {
            upkeep_probe(host);
        }
    } else if (reason == NULL) {
        log_info(&host->log, "store.healthy", "msg=\"it takes writes again\"");
        beat_again(host);
        dispatch_kick(host);
        schedules_resume(host);
    }
}

static void on_ask(void *arg, const struct job_id *id) {
    (void)jobs_ask_to_end(arg, id);
}

static void on_fenced(void *arg, const struct job_id *id) {
    struct attempt *a = attempt_find(arg, id);
    if (a != NULL) {
        attempt_fence(a, "its lease was over, and the store has given the job to another host");
    }
}

static void on_paused(void *arg, const struct store_queue_stats *queue) {
    upkeep_take_queue(arg, queue);
    dispatch_kick(arg);
}

static void on_schedule(void *arg, const char *id) {
    schedules_changed(arg, id);
}

static void on_lease(void *arg, int64_t end_ms) {
    takeover_plan(arg, end_ms);
}

static void on_limiter(void *arg, const char *name) {
    struct host *host = arg;
    if (host->limits != NULL) {
        limits_news(host, name);
    }
}

static void on_breaker(void *arg, const char *name) {
    breakers_news(arg, name);
}

/* A submission has its answer. Says so when the host begins to refuse others, and when it takes them again. */
static void note_load(struct host *host, int64_t took_us) {
    bool before = host->shed.sheds;
    shed_answered(&host->shed, took_us / 1000, env_stopwatch_us() / 1000 + 1);
    if (host->shed.sheds && !before) {
        log_warn(&host->log, "host.overloaded", "under_way=%u took_ms=%lld", host->shed.under_way,
                 (long long)(took_us / 1000));
    } else if (before && !host->shed.sheds) {
        log_info(&host->log, "host.keeps_up", "shed=%llu", (unsigned long long)host->stats->shed);
    }
}

static void on_token(void *arg, const char *id) {
    tokens_news(arg, id);
}

static void on_answered(void *arg, const struct store_op *op) {
    struct host *host = arg;
    int64_t took_us = env_stopwatch_us() - op->posted_us;
    if (op->kind == STORE_SUBMIT || op->kind == STORE_FLOW_JOIN) {
        note_load(host, took_us);
    }
    if (op->kind == STORE_SUBMIT && op->status == 0) {
        jobs_replaced(host, CONTAINER_OF(op, const struct store_submit, op));
    }
    announce_stored(host, op);
    stats_store_answered(host->stats, op, took_us);
}

struct store_events host_store_events(struct host *host) {
    return (struct store_events){
        .ready = on_ready,
        .due = on_due,
        .outbox = on_outbox,
        .health = on_health,
        .ask = on_ask,
        .fenced = on_fenced,
        .paused = on_paused,
        .lease = on_lease,
        .schedule = on_schedule,
        .limiter = on_limiter,
        .breaker = on_breaker,
        .token = on_token,
        .answered = on_answered,
        .arg = host,
    };
}
