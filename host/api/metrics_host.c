/* The families about plugins, store, HTTP and the process itself. */
#include <stdio.h>
#include <string.h>

#include "api/metrics_page.h"
#include "api/pool_json.h"
#include "api/routes.h"
#include "jobhost_plugin.h"
#include "supervisor/hub.h"
#include "supervisor/query.h"
#include "supervisor/ready.h"
#include "supervisor/schedules.h"

static void add_value(struct metrics_page *page, const struct metrics_family *f, double value) {
    prometheus_value(&page->out, f->name, NULL, 0, value);
}

/* ---- plugins ---- */

static void add_of_pool(struct metrics_page *page, const struct metrics_family *f,
                        const struct pool_info *p, double value) {
    const struct prometheus_label label = {"plugin", p->name};
    prometheus_value(&page->out, f->name, &label, 1, value);
}

static const void *at(const void *object, const struct metrics_family *f) {
    return (const char *)object + f->at;
}

void metrics_pool_count(struct metrics_page *page, const struct metrics_family *f) {
    for (uint32_t i = 0; i < page->pool_count; i++) {
        const struct prometheus_label label = {"plugin", page->pools[i].name};
        const uint64_t *value = at(&page->pools[i], f);
        prometheus_count(&page->out, f->name, &label, 1, *value);
    }
}

void metrics_pool_gauge(struct metrics_page *page, const struct metrics_family *f) {
    for (uint32_t i = 0; i < page->pool_count; i++) {
        const uint32_t *value = at(&page->pools[i], f);
        add_of_pool(page, f, &page->pools[i], *value);
    }
}

void metrics_plugin_up(struct metrics_page *page, const struct metrics_family *f) {
    for (uint32_t i = 0; i < page->pool_count; i++) {
        const struct pool_info *p = &page->pools[i];
        add_of_pool(page, f, p, p->state == POOL_READY && p->slots > 0);
    }
}

void metrics_plugin_breaker(struct metrics_page *page, const struct metrics_family *f) {
    static const double values[] = {
        [BREAKER_CLOSED] = 0, [BREAKER_PROBING] = 1, [BREAKER_OPEN] = 2};
    for (uint32_t i = 0; i < page->pool_count; i++) {
        const struct pool_info *p = &page->pools[i];
        add_of_pool(page, f, p, values[p->breaker.state]);
    }
}

static void add_workers(struct metrics_page *page, const struct metrics_family *f,
                        const struct pool_info *p) {
    for (int state = WORKER_SPAWNED; state < WORKER_GONE; state++) {
        const struct prometheus_label labels[] = {
            {"plugin", p->name}, {"state", worker_state_name((enum worker_state)state)}};
        unsigned n = 0;
        for (uint32_t i = 0; i < p->worker_count; i++) {
            n += (int)p->workers[i].state == state;
        }
        prometheus_value(&page->out, f->name, labels, ARRAY_LEN(labels), n);
    }
}

void metrics_workers(struct metrics_page *page, const struct metrics_family *f) {
    for (uint32_t i = 0; i < page->pool_count; i++) {
        add_workers(page, f, &page->pools[i]);
    }
}

void metrics_worker_exits(struct metrics_page *page, const struct metrics_family *f) {
    for (uint32_t i = 0; i < page->pool_count; i++) {
        const struct pool_info *p = &page->pools[i];
        for (unsigned k = 0; p->total.exits != NULL && k < p->total.exits->count; k++) {
            const struct prometheus_label labels[] = {{"plugin", p->name},
                                                      {"reason", p->total.exits->items[k].word}};
            prometheus_count(&page->out, f->name, labels, ARRAY_LEN(labels),
                             p->total.exits->items[k].count);
        }
    }
}

void metrics_worker_memory(struct metrics_page *page, const struct metrics_family *f) {
    for (uint32_t i = 0; i < page->pool_count; i++) {
        const struct pool_info *p = &page->pools[i];
        uint64_t bytes = 0;
        for (uint32_t k = 0; k < p->worker_count; k++) {
            bytes += p->workers[k].rss;
        }
        add_of_pool(page, f, p, (double)bytes);
    }
}

void metrics_queries(struct metrics_page *page, const struct metrics_family *f) {
    for (uint32_t i = 0; i < page->pool_count; i++) {
        const struct query_stats *stats = page->pools[i].queries.stats;
        for (unsigned k = 0; stats != NULL && k < stats->outcomes.count; k++) {
            const struct prometheus_label labels[] = {{"plugin", page->pools[i].name},
                                                      {"outcome", stats->outcomes.items[k].word}};
            prometheus_count(&page->out, f->name, labels, ARRAY_LEN(labels),
                             stats->outcomes.items[k].count);
        }
    }
}

void metrics_query_seconds(struct metrics_page *page, const struct metrics_family *f) {
    for (uint32_t i = 0; i < page->pool_count; i++) {
        const struct query_stats *stats = page->pools[i].queries.stats;
        const struct prometheus_label label = {"plugin", page->pools[i].name};
        if (stats != NULL) {
            prometheus_histogram(&page->out, f->name, &label, 1, &stats->took,
                                 &histogram_latencies);
        }
    }
}

/* ---- store ---- */

static void count_of_store(struct metrics_page *page, const struct metrics_family *f, bool errors) {
    for (int kind = 0; kind < STORE_OP_KINDS; kind++) {
        const struct stats_store *s = &page->stats->store[kind];
        const struct prometheus_label label = {"operation",
                                               stats_store_name((enum store_op_kind)kind)};
        if (s->count > 0 && label.value != NULL) {
            prometheus_count(&page->out, f->name, &label, 1, errors ? s->errors : s->count);
        }
    }
}

void metrics_store_up(struct metrics_page *page, const struct metrics_family *f) {
    add_value(page, f, page->host->store_fault == NULL);
}

void metrics_backlog(struct metrics_page *page, const struct metrics_family *f) {
    struct store_backlog log = store_backlog(&page->host->store);
    const uint64_t *value = at(&log, f);
    if (log.present) {
        add_value(page, f, (double)*value);
    }
}

void metrics_backlog_oldest(struct metrics_page *page, const struct metrics_family *f) {
    struct store_backlog log = store_backlog(&page->host->store);
    int64_t age = log.oldest_ms == 0 ? 0 : env_wall_ms(&page->host->env) - log.oldest_ms;
    if (log.present) {
        add_value(page, f, age < 0 ? 0 : (double)age / 1000);
    }
}

void metrics_store_operations(struct metrics_page *page, const struct metrics_family *f) {
    count_of_store(page, f, false);
}

void metrics_store_errors(struct metrics_page *page, const struct metrics_family *f) {
    count_of_store(page, f, true);
}

void metrics_store_latency(struct metrics_page *page, const struct metrics_family *f) {
    for (int kind = 0; kind < STORE_OP_KINDS; kind++) {
        const struct stats_store *s = &page->stats->store[kind];
        const struct prometheus_label label = {"operation",
                                               stats_store_name((enum store_op_kind)kind)};
        if (s->count > 0 && label.value != NULL) {
            prometheus_histogram(&page->out, f->name, &label, 1, &s->latency, &histogram_latencies);
        }
    }
}

void metrics_store_groups(struct metrics_page *page, const struct metrics_family *f) {
    prometheus_histogram(&page->out, f->name, NULL, 0, &page->stats->groups, &histogram_sizes);
}

void metrics_store_bytes(struct metrics_page *page, const struct metrics_family *f) {
    static const char *const budgets[BUDGET_COUNT] = {"jobs", "results", "kv", "blobs"};
    for (size_t i = 0; page->counted && i < BUDGET_COUNT; i++) {
        const struct prometheus_label label = {"class", budgets[i]};
        prometheus_value(&page->out, f->name, &label, 1, (double)page->store.bytes[i]);
    }
}

void metrics_store_disk(struct metrics_page *page, const struct metrics_family *f) {
    if (page->counted) {
        add_value(page, f, (double)page->store.disk_bytes);
    }
}

void metrics_store_outbox(struct metrics_page *page, const struct metrics_family *f) {
    if (page->counted) {
        add_value(page, f, (double)page->store.outbox);
    }
}

void metrics_store_pending(struct metrics_page *page, const struct metrics_family *f) {
    add_value(page, f, page->waiting.commits_pending);
}

void metrics_stats_count(struct metrics_page *page, const struct metrics_family *f) {
    const uint64_t *value = at(page->stats, f);
    prometheus_count(&page->out, f->name, NULL, 0, *value);
}

/* ---- schedules ---- */

void metrics_schedules(struct metrics_page *page, const struct metrics_family *f) {
    uint64_t counts[STANDING_COUNT];
    schedules_count(page->host, counts);
    for (int i = 0; i < STANDING_COUNT; i++) {
        const struct prometheus_label label = {"state",
                                               schedule_standing_name((enum schedule_standing)i)};
        prometheus_value(&page->out, f->name, &label, 1, (double)counts[i]);
    }
}

void metrics_schedule_times(struct metrics_page *page, const struct metrics_family *f) {
    for (int v = 0; v < SCHEDULE_VERDICT_COUNT; v++) {
        const struct prometheus_label label = {"verdict", schedule_verdict_name(v)};
        prometheus_count(&page->out, f->name, &label, 1, page->stats->schedule_times[v]);
    }
}

/* ---- HTTP ---- */

static void route_labels(const struct http_route_stats *r, struct prometheus_label ret[2]) {
    ret[0] = (struct prometheus_label){"method", r->route == NULL ? STATS_OTHER : r->route->method};
    ret[1] = (struct prometheus_label){"path", r->route == NULL ? STATS_OTHER : r->route->pattern};
}

static void add_requests(struct metrics_page *page, const struct metrics_family *f,
                         const struct http_route_stats *r) {
    struct prometheus_label labels[3];
    route_labels(r, labels);
    for (int class = 1; class < HTTP_STATUS_CLASSES; class ++) {
        char text[8];
        (void)snprintf(text, sizeof text, "%dxx", class);
        labels[2] = (struct prometheus_label){"status", text};
        if (r->by_class[class] > 0) {
            prometheus_count(&page->out, f->name, labels, ARRAY_LEN(labels), r->by_class[class]);
        }
    }
}

static void add_latency(struct metrics_page *page, const struct metrics_family *f,
                        const struct http_route_stats *r) {
    struct prometheus_label labels[2];
    route_labels(r, labels);
    prometheus_histogram(&page->out, f->name, labels, ARRAY_LEN(labels), &r->latency,
                         &histogram_latencies);
}

static void each_route(struct metrics_page *page, const struct metrics_family *f,
                       void (*each)(struct metrics_page *page, const struct metrics_family *f,
                                    const struct http_route_stats *r)) {
    for (unsigned i = 0; i < page->http->route_count; i++) {
        each(page, f, &page->http->routes[i]);
    }
    each(page, f, &page->http->other);
}

void metrics_http_requests(struct metrics_page *page, const struct metrics_family *f) {
    each_route(page, f, add_requests);
}

void metrics_http_latency(struct metrics_page *page, const struct metrics_family *f) {
    each_route(page, f, add_latency);
}

void metrics_http_connections(struct metrics_page *page, const struct metrics_family *f) {
    add_value(page, f, page->host->server == NULL ? 0 : server_connections(page->host->server));
}

void metrics_http_accepted(struct metrics_page *page, const struct metrics_family *f) {
    prometheus_count(&page->out, f->name, NULL, 0, page->http->connections);
}

void metrics_http_refused(struct metrics_page *page, const struct metrics_family *f) {
    metrics_add_words(page, f, &page->http->refused);
}

void metrics_watchers(struct metrics_page *page, const struct metrics_family *f) {
    add_value(page, f, hub_watchers(page->host->hub));
}

/* ---- the process ---- */

void metrics_ready(struct metrics_page *page, const struct metrics_family *f) {
    struct ready_report report;
    ready_report(page->host, &report);
    add_value(page, f, report.code == READY_YES);
}

void metrics_build(struct metrics_page *page, const struct metrics_family *f) {
    char abi[16];
    (void)snprintf(abi, sizeof abi, "%u.%u", JH_ABI_MAJOR, JH_ABI_MINOR);
    const struct prometheus_label labels[] = {{"version", JOBHOST_VERSION}, {"abi", abi}};
    prometheus_value(&page->out, f->name, labels, ARRAY_LEN(labels), 1);
}

void metrics_cpu(struct metrics_page *page, const struct metrics_family *f) {
    add_value(page, f, page->process.cpu_seconds);
}

void metrics_process(struct metrics_page *page, const struct metrics_family *f) {
    const uint64_t *value = at(&page->process, f);
    add_value(page, f, (double)*value);
}

void metrics_start_time(struct metrics_page *page, const struct metrics_family *f) {
    add_value(page, f, (double)page->host->started_ms / 1000);
}
