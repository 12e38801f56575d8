/* Metrics of hooks: those that have had a delivery since the host started. */
#include <stdio.h>

#include "api/hooks.h"
#include "api/metrics_page.h"

void metrics_hook_deliveries(struct metrics_page *page, const struct metrics_family *f) {
    for (const struct hook_stats *s = page->call->api->hooks->stats; s != NULL; s = s->hh.next) {
        for (int fate = 0; fate < HOOK_FATES; fate++) {
            const struct prometheus_label labels[] = {
                {"hook", s->name}, {"verdict", hook_fate_name((enum hook_fate)fate)}};
            if (s->fates[fate] > 0) {
                prometheus_value(&page->out, f->name, labels, ARRAY_LEN(labels),
                                 (double)s->fates[fate]);
            }
        }
    }
}

static void add_check(struct metrics_page *page, const struct metrics_family *f,
                      const struct hook_stats *s, const char *check, uint64_t count) {
    const struct prometheus_label labels[] = {{"hook", s->name}, {"check", check}};
    if (count > 0) {
        prometheus_value(&page->out, f->name, labels, ARRAY_LEN(labels), (double)count);
    }
}

void metrics_hook_refused(struct metrics_page *page, const struct metrics_family *f) {
    for (const struct hook_stats *s = page->call->api->hooks->stats; s != NULL; s = s->hh.next) {
        for (unsigned i = 0; i < s->checks.count; i++) {
            add_check(page, f, s, s->checks.items[i].word, s->checks.items[i].count);
        }
        add_check(page, f, s, STATS_OTHER, s->checks.other);
    }
}

void metrics_hook_keys(struct metrics_page *page, const struct metrics_family *f) {
    for (const struct hook_stats *s = page->call->api->hooks->stats; s != NULL; s = s->hh.next) {
        for (size_t i = 0; i < ARRAY_LEN(s->keys) && s->keys[i].scheme != NULL; i++) {
            char key[12];
            (void)snprintf(key, sizeof key, "%u", s->keys[i].key);
            const struct prometheus_label labels[] = {
                {"hook", s->name}, {"scheme", s->keys[i].scheme}, {"key", key}};
            prometheus_value(&page->out, f->name, labels, ARRAY_LEN(labels),
                             (double)s->keys[i].count);
        }
    }
}

void metrics_hook_count(struct metrics_page *page, const struct metrics_family *f) {
    for (const struct hook_stats *s = page->call->api->hooks->stats; s != NULL; s = s->hh.next) {
        const struct prometheus_label label = {"hook", s->name};
        uint64_t count = *(const uint64_t *)(const void *)((const char *)s + f->at);
        if (count > 0) {
            prometheus_value(&page->out, f->name, &label, 1, (double)count);
        }
    }
}
