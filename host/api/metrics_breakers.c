/* Samples of breakers of scopes, as this host knows them. */
#include "api/metrics_page.h"
#include "supervisor/breakers.h"

void metrics_breakers(struct metrics_page *page, const struct metrics_family *f) {
    struct breakers_counts c;
    breakers_count(page->host, &c);
    const struct prometheus_label open = {"state", "open"}, half_open = {"state", "half_open"};
    prometheus_count(&page->out, f->name, &open, 1, c.open);
    prometheus_count(&page->out, f->name, &half_open, 1, c.half_open);
}

void metrics_breaker_events(struct metrics_page *page, const struct metrics_family *f) {
    struct breakers_counts c;
    breakers_count(page->host, &c);
    const struct {
        const char *event;
        uint64_t n;
    } rows[] = {{"opened", c.opened}, {"closed", c.closed}, {"parked", c.parked}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct prometheus_label label = {"event", rows[i].event};
        prometheus_count(&page->out, f->name, &label, 1, rows[i].n);
    }
}
