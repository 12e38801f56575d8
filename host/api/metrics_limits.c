/* Samples by limit: what this host has asked for, all keys together. */
#include <string.h>

#include "api/metrics_page.h"
#include "supervisor/limits.h"

static void each(struct metrics_page *page, const struct metrics_family *f,
                 void (*add)(struct metrics_page *page, const struct metrics_family *f,
                             const char *limit, const struct limits_count *count)) {
    static const struct limits_count none;
    const struct config *c = page->host->config;
    for (size_t i = 0; i < c->limit_count; i++) {
        const char *name = c->limits[i].entry.name;
        const struct limits_count *count = limits_counted(page->host, name);
        add(page, f, name, count == NULL ? &none : count);
    }
}

static void add_wishes(struct metrics_page *page, const struct metrics_family *f, const char *limit,
                       const struct limits_count *count) {
    const struct {
        const char *result;
        uint64_t n;
    } rows[] = {{"granted", count->granted}, {"later", count->parked}, {"refused", count->refused}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct prometheus_label labels[] = {{"limit", limit}, {"result", rows[i].result}};
        prometheus_count(&page->out, f->name, labels, ARRAY_LEN(labels), rows[i].n);
    }
}

void metrics_limit_wishes(struct metrics_page *page, const struct metrics_family *f) {
    each(page, f, add_wishes);
}

static void add_shut(struct metrics_page *page, const struct metrics_family *f, const char *limit,
                     const struct limits_count *count) {
    const struct prometheus_label label = {"limit", limit};
    prometheus_count(&page->out, f->name, &label, 1, count->waited);
}

void metrics_limit_shut(struct metrics_page *page, const struct metrics_family *f) {
    each(page, f, add_shut);
}

static void add_waiting(struct metrics_page *page, const struct metrics_family *f,
                        const char *limit, const struct limits_count *count) {
    const struct prometheus_label label = {"limit", limit};
    (void)count;
    prometheus_value(&page->out, f->name, &label, 1, limits_waiting_of(page->host, limit));
}

void metrics_limit_waiting(struct metrics_page *page, const struct metrics_family *f) {
    each(page, f, add_waiting);
}
