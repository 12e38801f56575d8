/* GET /metrics under way, and the families it is made of. A family is a row of one table
 * (metrics.c): its name, type and help stand there, its samples come from a function in
 * metrics_jobs.c or metrics_host.c. docs/metrics.md lists the same names. */
#ifndef JOBHOST_API_METRICS_PAGE_H
#define JOBHOST_API_METRICS_PAGE_H

#include "api/call.h"
#include "base/process.h"
#include "base/prometheus.h"
#include "supervisor/jobs.h"
#include "supervisor/pool.h"
#include "supervisor/stats.h"

enum {
    METRICS_QUEUES_MAX = 128, /* queues with samples of their own; the others are added up */
};

struct metrics_queue {
    const char *name;
    int64_t by_state[JOB_STATE_COUNT];
    int64_t oldest_ready_ms; /* 0 = none waits */
    bool paused;             /* one of them    */
};

struct metrics_page {
    struct call *call;
    struct host *host;
    const struct stats *stats;
    const struct http_stats *http;
    struct store_stats store;
    bool counted; /* `store` has an answer: else what comes from it is left out */
    struct metrics_queue queues[METRICS_QUEUES_MAX + 1]; /* the last one: "other" */
    size_t queue_count;
    struct jobs_waiting waiting;
    const struct pool_info *pools;
    uint32_t pool_count;
    struct process_usage process;
    struct buf out;
};

/* Fills in queues: those that the configuration names first, then in order of creation. */
void metrics_gather_queues(struct metrics_page *page);

/* A row of the table. */
struct metrics_family {
    const char *name;
    enum prometheus_type type;
    const char *help;
    /* Writes the samples. `at` is the offset of what it shows, where several families differ in
     * that alone. */
    void (*samples)(struct metrics_page *page, const struct metrics_family *f);
    size_t at;
    const char *label; /* of words */
};
typedef void metrics_samples(struct metrics_page *page, const struct metrics_family *f);

/* metrics_jobs.c; `at` in struct stats_series, or in struct stats for words */
metrics_samples metrics_series_count, metrics_series_histogram, metrics_words, metrics_finished,
    metrics_ended_waiting, metrics_events, metrics_queue_jobs, metrics_queue_paused,
    metrics_queue_oldest, metrics_waiting;
/* metrics_host.c; `at` in struct pool_info, or in struct process_usage */
metrics_samples metrics_pool_count, metrics_pool_gauge, metrics_plugin_up, metrics_plugin_breaker,
    metrics_workers, metrics_worker_exits, metrics_worker_memory, metrics_queries,
    metrics_query_seconds;
metrics_samples metrics_store_up, metrics_store_operations, metrics_store_errors,
    metrics_store_latency, metrics_store_groups, metrics_store_bytes, metrics_store_disk,
    metrics_store_outbox, metrics_store_pending, metrics_stats_count, metrics_schedules,
    metrics_schedule_times;
/* `at` in struct store_backlog; without a spool there is no sample */
metrics_samples metrics_backlog, metrics_backlog_oldest;
metrics_samples metrics_http_requests, metrics_http_latency, metrics_http_connections,
    metrics_http_accepted, metrics_http_refused, metrics_watchers;
metrics_samples metrics_breakers, metrics_breaker_events;
/* `at` in struct hook_stats */
metrics_samples metrics_hook_deliveries, metrics_hook_refused, metrics_hook_keys,
    metrics_hook_count;
metrics_samples metrics_limit_wishes, metrics_limit_shut, metrics_limit_waiting;
metrics_samples metrics_ready, metrics_build, metrics_cpu, metrics_process, metrics_start_time;

/* One sample a word. */
void metrics_add_words(struct metrics_page *page, const struct metrics_family *f,
                       const struct stats_words *words);

#endif
