/* GET /metrics: what the host counts (supervisor/stats.h, http_stats.h) and what it has now, in the
 * Prometheus text format. One STORE_STATS, which looks at counters and scans nothing; without its
 * answer everything else is still served. */
#include <stdio.h>

#include "api/hooks.h"
#include "api/metrics_page.h"
#include "api/routes.h"

#define COUNTER         PROMETHEUS_COUNTER
#define GAUGE           PROMETHEUS_GAUGE
#define HISTOGRAM       PROMETHEUS_HISTOGRAM
#define SERIES(m)       .at = offsetof(struct stats_series, m)
#define WORDS(m)        .at = offsetof(struct stats, m)
#define POOL(m)         .at = offsetof(struct pool_info, m)
#define PROCESS(m)      .at = offsetof(struct process_usage, m)
#define BACKLOG(member) .at = offsetof(struct store_backlog, member)

static const struct metrics_family families[] = {
    // jobs, counted since the host started
    {"jobhost_jobs_submitted_total", COUNTER, "New jobs that were accepted.",
     .samples = metrics_series_count, SERIES(submitted)},
    {"jobhost_jobs_duplicate_total", COUNTER,
     "Submissions answered with another job, because that holds their key.",
     .samples = metrics_series_count, SERIES(duplicates)},
    {"jobhost_jobs_refused_total", COUNTER, "Jobs of submissions that were refused, by error code.",
     .samples = metrics_words, WORDS(refused), .label = "reason"},
    {"jobhost_jobs_children_total", COUNTER, "Children asked for by jobs, by the parent's lane.",
     .samples = metrics_series_count, SERIES(children)},
    {"jobhost_jobs_started_total", COUNTER, "Executions begun.", .samples = metrics_series_count,
     SERIES(started)},
    {"jobhost_jobs_finished_total", COUNTER, "Jobs that ended after an execution, by final state.",
     .samples = metrics_finished},
    {"jobhost_jobs_ended_waiting_total", COUNTER,
     "Jobs that ended before an execution: cancelled, or dead because they were too late.",
     .samples = metrics_ended_waiting},
    {"jobhost_jobs_retries_total", COUNTER,
     "Executions after which the job waits for its next attempt, by class of the error.",
     .samples = metrics_words, WORDS(retries), .label = "class"},
    {"jobhost_jobs_parked_total", COUNTER,
     "Executions after which the job is parked, by what it waits for.", .samples = metrics_words,
     WORDS(parked), .label = "reason"},
    {"jobhost_job_run_seconds", HISTOGRAM, "Time in the handler, of executions that returned.",
     .samples = metrics_series_histogram, SERIES(run)},
    {"jobhost_job_wait_seconds", HISTOGRAM, "Time from when a job could have started until it did.",
     .samples = metrics_series_histogram, SERIES(wait)},
    // queues, as they are now
    {"jobhost_queue_jobs", GAUGE, "Jobs in the store, by state.", .samples = metrics_queue_jobs},
    {"jobhost_queue_paused", GAUGE, "1 while the queue is paused.",
     .samples = metrics_queue_paused},
    {"jobhost_queue_oldest_ready_seconds", GAUGE,
     "How long the oldest job that could start has waited; 0 when none waits.",
     .samples = metrics_queue_oldest},
    {"jobhost_waiting_jobs", GAUGE,
     "Queued jobs by the first reason that keeps them from starting, as explain says it.",
     .samples = metrics_waiting},
    // plugins
    {"jobhost_plugin_up", GAUGE, "1 while the plugin has a worker that takes jobs.",
     .samples = metrics_plugin_up},
    {"jobhost_plugin_breaker", GAUGE,
     "0 while jobs may start; 1 while one at a time may, 2 while none may: it crashed on many.",
     .samples = metrics_plugin_breaker},
    {"jobhost_plugin_generation", GAUGE, "Number of the build and configuration that serves.",
     .samples = metrics_pool_gauge, POOL(generation)},
    {"jobhost_reloads_total", COUNTER, "Reloads that ended, by what came of them.",
     .samples = metrics_words, WORDS(reloads), .label = "result"},
    {"jobhost_workers", GAUGE, "Worker processes, by state.", .samples = metrics_workers},
    {"jobhost_worker_slots", GAUGE, "Threads of workers that take jobs.",
     .samples = metrics_pool_gauge, POOL(slots)},
    {"jobhost_worker_slots_busy", GAUGE, "Threads that run a job.", .samples = metrics_pool_gauge,
     POOL(busy)},
    {"jobhost_worker_jobs_total", COUNTER, "Executions that returned.",
     .samples = metrics_pool_count, POOL(total.jobs_done)},
    {"jobhost_worker_restarts_total", COUNTER, "Times that missing workers were started again.",
     .samples = metrics_pool_count, POOL(total.restarts)},
    {"jobhost_worker_crashes_total", COUNTER, "Workers that died by what their plugin did.",
     .samples = metrics_pool_count, POOL(total.crashes)},
    {"jobhost_worker_exits_total", COUNTER, "Ends of worker processes, by reason.",
     .samples = metrics_worker_exits},
    {"jobhost_worker_resident_memory_bytes", GAUGE, "Resident memory of all its workers.",
     .samples = metrics_worker_memory},
    {"jobhost_queries_total", COUNTER, "Queries that were answered, by what came of them.",
     .samples = metrics_queries},
    {"jobhost_query_seconds", HISTOGRAM, "Time from asking a query to its answer.",
     .samples = metrics_query_seconds},
    // the store
    {"jobhost_store_up", GAUGE, "1 while the store takes what it is given.",
     .samples = metrics_store_up},
    {"jobhost_store_operations_total", COUNTER, "Operations that were answered.",
     .samples = metrics_store_operations},
    {"jobhost_store_operation_errors_total", COUNTER, "Operations that failed as a whole.",
     .samples = metrics_store_errors},
    {"jobhost_store_operation_seconds", HISTOGRAM,
     "Time from handing an operation to the store to its answer.",
     .samples = metrics_store_latency},
    {"jobhost_store_group_operations", HISTOGRAM,
     "Operations that shared one transaction, and so one sync of the disk.",
     .samples = metrics_store_groups},
    {"jobhost_store_bytes", GAUGE, "Bytes in use, by class of the budget.",
     .samples = metrics_store_bytes},
    {"jobhost_store_disk_bytes", GAUGE, "Size of the store's own files.",
     .samples = metrics_store_disk},
    {"jobhost_store_outbox_rows", GAUGE, "Children and effects not yet delivered to their queue.",
     .samples = metrics_store_outbox},
    {"jobhost_store_commits_pending", GAUGE, "Commits that the store has not yet answered.",
     .samples = metrics_store_pending},
    {"jobhost_spool_jobs", GAUGE, "Jobs that wait on this host until the store can be reached.",
     .samples = metrics_backlog, BACKLOG(waiting)},
    {"jobhost_spool_bytes", GAUGE, "Bytes of them and their input files.",
     .samples = metrics_backlog, BACKLOG(bytes)},
    {"jobhost_spool_oldest_seconds", GAUGE, "Age of the oldest of them.",
     .samples = metrics_backlog_oldest},
    {"jobhost_spool_forwarded_total", COUNTER, "Jobs brought to the store.",
     .samples = metrics_backlog, BACKLOG(forwarded)},
    {"jobhost_spool_undelivered_total", COUNTER, "Jobs written to the file for people instead.",
     .samples = metrics_backlog, BACKLOG(undelivered)},
    {"jobhost_attempts_fenced_total", COUNTER,
     "Attempts whose job was taken from this host: its lease was over.",
     .samples = metrics_stats_count, .at = offsetof(struct stats, fenced)},
    {"jobhost_jobs_recovered_total", COUNTER,
     "Running jobs of hosts that are gone, given back to their queues by this one.",
     .samples = metrics_stats_count, .at = offsetof(struct stats, recovered)},
    // schedules
    {"jobhost_schedules", GAUGE, "Schedules, by how they stand on this host.",
     .samples = metrics_schedules},
    {"jobhost_schedule_times_total", COUNTER,
     "Times of schedules that this host has written down, by what became of them.",
     .samples = metrics_schedule_times},
    {"jobhost_schedule_missed_total", COUNTER,
     "Times of schedules that were missed and not made good.", .samples = metrics_stats_count,
     .at = offsetof(struct stats, schedule_missed)},
    // events
    {"jobhost_events_published_total", COUNTER, "Events for jobs that wait, by who published them.",
     .samples = metrics_events},
    {"jobhost_events_refused_total", COUNTER, "Events of the API that were not kept, by reason.",
     .samples = metrics_words, WORDS(events_refused), .label = "reason"},
    {"jobhost_event_wakes_total", COUNTER,
     "Jobs that this host has queued with the event that they waited for.",
     .samples = metrics_stats_count, .at = offsetof(struct stats, event_wakes)},
    // limits
    {"jobhost_limit_wishes_total", COUNTER, "Wishes for slots of limiters, by what became of them.",
     .samples = metrics_limit_wishes},
    {"jobhost_limit_shut_total", COUNTER, "How often a limiter had no slot.",
     .samples = metrics_limit_shut},
    {"jobhost_limit_waiting", GAUGE, "Wishes that wait on this host.",
     .samples = metrics_limit_waiting},
    // breakers
    {"jobhost_breakers", GAUGE, "Breakers of scopes that are not closed.",
     .samples = metrics_breakers},
    {"jobhost_breaker_events_total", COUNTER,
     "Breakers that this host has opened or closed, and jobs parked for one.",
     .samples = metrics_breaker_events},
    // hooks
    {"jobhost_hook_deliveries_total", COUNTER, "Deliveries, by hook and by what became of them.",
     .samples = metrics_hook_deliveries},
    {"jobhost_hook_refused_total", COUNTER,
     "Deliveries that nobody was believed for, by the check that failed.",
     .samples = metrics_hook_refused},
    {"jobhost_hook_keys_total", COUNTER,
     "Deliveries that a key has proved, by its place among those of its scheme, from 0.",
     .samples = metrics_hook_keys},
    {"jobhost_hook_id_collisions_total", COUNTER,
     "Duplicates whose body was not that of the first delivery.", .samples = metrics_hook_count,
     .at = offsetof(struct hook_stats, other_content)},
    {"jobhost_hook_without_id_total", COUNTER,
     "Deliveries that nothing tells from their repetition.", .samples = metrics_hook_count,
     .at = offsetof(struct hook_stats, without_id)},
    // HTTP
    {"jobhost_http_requests_total", COUNTER,
     "Requests answered, by method and path of the route and by class of the status.",
     .samples = metrics_http_requests},
    {"jobhost_http_request_seconds", HISTOGRAM,
     "Time from the end of a request to the begin of its answer.", .samples = metrics_http_latency},
    {"jobhost_http_open_connections", GAUGE, "Open connections.",
     .samples = metrics_http_connections},
    {"jobhost_http_connections_total", COUNTER, "Connections accepted.",
     .samples = metrics_http_accepted},
    {"jobhost_http_refused_total", COUNTER,
     "Connections and malformed requests that the server refused, by error code.",
     .samples = metrics_http_refused, .label = "reason"},
    {"jobhost_submissions_shed_total", COUNTER,
     "Submissions refused because the store could not keep up.", .samples = metrics_stats_count,
     .at = offsetof(struct stats, shed)},
    {"jobhost_event_watchers", GAUGE, "Open event streams.", .samples = metrics_watchers},
    // the process
    {"jobhost_ready", GAUGE, "1 while /readyz answers 200.", .samples = metrics_ready},
    {"jobhost_build_info", GAUGE, "Always 1; what runs stands in the labels.",
     .samples = metrics_build},
    {"process_cpu_seconds_total", COUNTER, "User and system time of the host, without workers.",
     .samples = metrics_cpu},
    {"process_resident_memory_bytes", GAUGE, "Resident memory of the host.",
     .samples = metrics_process, PROCESS(resident)},
    {"process_virtual_memory_bytes", GAUGE, "Virtual memory of the host.",
     .samples = metrics_process, PROCESS(virtual)},
    {"process_open_fds", GAUGE, "Open file descriptors.", .samples = metrics_process,
     PROCESS(open_fds)},
    {"process_max_fds", GAUGE, "File descriptors that may be open.", .samples = metrics_process,
     PROCESS(max_fds)},
    {"process_start_time_seconds", GAUGE, "When the host started, unix time.",
     .samples = metrics_start_time},
};

static void gather_pools(struct metrics_page *page) {
    uint32_t count = pools_count(page->host->pools);
    struct pool_info *pools = arena_alloc(&page->call->req->arena, (count + 1) * sizeof *pools);
    for (uint32_t i = 0; pools != NULL && i < count; i++) {
        pools_info(page->host, i, &pools[i]);
    }
    page->pools = pools;
    page->pool_count = pools == NULL ? 0 : count;
}

static void write_page(struct metrics_page *page) {
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        const struct metrics_family *f = &families[i];
        prometheus_family(&page->out, f->name, f->type, f->help);
        f->samples(page, f);
    }
}

static void counted(struct store_op *op) {
    struct metrics_page *page = CONTAINER_OF(op, struct metrics_page, store.op);
    page->counted = op->status == 0;
    if (page->counted) {
        metrics_gather_queues(page);
    }
    jobs_waiting(page->host, page->counted ? &page->store : NULL, &page->waiting);
    gather_pools(page);
    process_usage(&page->process);
    write_page(page);
    store_op_finish(op);
    call_reply_text(page->call, PROMETHEUS_CONTENT_TYPE, &page->out);
}

void metrics_handle(struct call *call) {
    struct metrics_page *page = CALL_NEW(call, struct metrics_page);
    if (page == NULL) {
        return;
    }
    page->call = call;
    page->host = call->host;
    page->stats = call->host->stats;
    page->http = &call->api->http;
    call_op(call, &page->store.op, STORE_STATS, counted);
    store_post(&call->host->store, &page->store.op);
}
