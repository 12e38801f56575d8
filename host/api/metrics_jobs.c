/* The families about jobs and queues. */
#include <string.h>

#include "api/metrics_page.h"

/* ---- counted by (queue, type) ---- */

/* Every series, and the shared one once it has been used. */
static void each_series(struct metrics_page *page, const struct metrics_family *f,
                        void (*each)(struct metrics_page *page, const struct metrics_family *f,
                                     const struct stats_series *s)) {
    for (const struct stats_series *s = page->stats->series; s != NULL; s = s->hh.next) {
        each(page, f, s);
    }
    if (page->stats->series_count == STATS_SERIES_MAX) {
        each(page, f, &page->stats->other);
    }
}

static const void *at(const void *object, const struct metrics_family *f) {
    return (const char *)object + f->at;
}

static void add_count(struct metrics_page *page, const struct metrics_family *f,
                      const struct stats_series *s) {
    const struct prometheus_label labels[] = {{"queue", s->queue}, {"type", s->type}};
    const uint64_t *value = at(s, f);
    prometheus_count(&page->out, f->name, labels, ARRAY_LEN(labels), *value);
}

static void add_histogram(struct metrics_page *page, const struct metrics_family *f,
                          const struct stats_series *s) {
    const struct prometheus_label labels[] = {{"queue", s->queue}, {"type", s->type}};
    prometheus_histogram(&page->out, f->name, labels, ARRAY_LEN(labels), at(s, f),
                         &histogram_waits);
}

static void add_finished(struct metrics_page *page, const struct metrics_family *f,
                         const struct stats_series *s) {
    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        if (s->finished[state] > 0) {
            const struct prometheus_label labels[] = {
                {"queue", s->queue}, {"type", s->type}, {"state", job_state_name(state)}};
            prometheus_count(&page->out, f->name, labels, ARRAY_LEN(labels), s->finished[state]);
        }
    }
}

void metrics_series_count(struct metrics_page *page, const struct metrics_family *f) {
    each_series(page, f, add_count);
}

void metrics_series_histogram(struct metrics_page *page, const struct metrics_family *f) {
    each_series(page, f, add_histogram);
}

void metrics_finished(struct metrics_page *page, const struct metrics_family *f) {
    each_series(page, f, add_finished);
}

/* ---- counted by words ---- */

void metrics_add_words(struct metrics_page *page, const struct metrics_family *f,
                       const struct stats_words *words) {
    for (unsigned i = 0; i < words->count; i++) {
        const struct prometheus_label one = {f->label, words->items[i].word};
        prometheus_count(&page->out, f->name, &one, 1, words->items[i].count);
    }
    if (words->other > 0) {
        const struct prometheus_label one = {f->label, STATS_OTHER};
        prometheus_count(&page->out, f->name, &one, 1, words->other);
    }
}

void metrics_words(struct metrics_page *page, const struct metrics_family *f) {
    metrics_add_words(page, f, at(page->stats, f));
}

void metrics_ended_waiting(struct metrics_page *page, const struct metrics_family *f) {
    for (int state = JOB_SUCCEEDED; state < JOB_STATE_COUNT; state++) {
        if (page->stats->ended_waiting[state] > 0) {
            const struct prometheus_label label = {"state", job_state_name(state)};
            prometheus_count(&page->out, f->name, &label, 1, page->stats->ended_waiting[state]);
        }
    }
}

void metrics_events(struct metrics_page *page, const struct metrics_family *f) {
    const struct prometheus_label told = {"by", "api"}, by_jobs = {"by", "job"};
    prometheus_count(&page->out, f->name, &told, 1, page->stats->events_told);
    prometheus_count(&page->out, f->name, &by_jobs, 1, page->stats->events_by_jobs);
}

/* ---- queues, as the store has them now ---- */

static const struct store_queue_stats *find(const struct store_stats *stats, const char *name) {
    for (size_t i = 0; i < stats->queue_count; i++) {
        if (strcmp(stats->queues[i].queue, name) == 0) {
            return &stats->queues[i];
        }
    }
    return NULL;
}

/* A queue of that very name is counted with those that have no samples of their own. */
static struct metrics_queue *place_for(struct metrics_page *page, const char *name) {
    struct metrics_queue *other = &page->queues[METRICS_QUEUES_MAX];
    if (page->queue_count == METRICS_QUEUES_MAX || strcmp(name, STATS_OTHER) == 0) {
        other->name = STATS_OTHER;
        return other;
    }
    struct metrics_queue *q = &page->queues[page->queue_count++];
    q->name = name;
    return q;
}

static void gather(struct metrics_page *page, const char *name, const struct store_queue_stats *s) {
    struct metrics_queue *q = place_for(page, name);
    for (int i = 0; s != NULL && i < JOB_STATE_COUNT; i++) {
        q->by_state[i] += s->by_state[i];
    }
    if (s != NULL && s->oldest_ready_ms != 0 &&
        (q->oldest_ready_ms == 0 || s->oldest_ready_ms < q->oldest_ready_ms)) {
        q->oldest_ready_ms = s->oldest_ready_ms;
    }
    q->paused = q->paused || (s != NULL && s->paused);
}

void metrics_gather_queues(struct metrics_page *page) {
    const struct config *c = page->host->config;
    for (size_t i = 0; i < c->queue_count; i++) {
        gather(page, c->queues[i].entry.name, find(&page->store, c->queues[i].entry.name));
    }
    for (size_t i = 0; i < page->store.queue_count; i++) {
        const struct store_queue_stats *s = &page->store.queues[i];
        if (config_queue(c, s->queue) == &c->queue_default) {
            gather(page, s->queue, s);
        }
    }
}

static void each_queue(struct metrics_page *page, const struct metrics_family *f,
                       void (*each)(struct metrics_page *page, const struct metrics_family *f,
                                    const struct metrics_queue *q)) {
    for (size_t i = 0; i < page->queue_count; i++) {
        each(page, f, &page->queues[i]);
    }
    if (page->queues[METRICS_QUEUES_MAX].name != NULL) {
        each(page, f, &page->queues[METRICS_QUEUES_MAX]);
    }
}

static void add_jobs(struct metrics_page *page, const struct metrics_family *f,
                     const struct metrics_queue *q) {
    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        const struct prometheus_label labels[] = {{"queue", q->name},
                                                  {"state", job_state_name(state)}};
        prometheus_value(&page->out, f->name, labels, ARRAY_LEN(labels),
                         (double)q->by_state[state]);
    }
}

static void add_paused(struct metrics_page *page, const struct metrics_family *f,
                       const struct metrics_queue *q) {
    const struct prometheus_label label = {"queue", q->name};
    prometheus_value(&page->out, f->name, &label, 1, q->paused);
}

static void add_oldest(struct metrics_page *page, const struct metrics_family *f,
                       const struct metrics_queue *q) {
    const struct prometheus_label label = {"queue", q->name};
    int64_t age_ms =
        q->oldest_ready_ms == 0 ? 0 : env_wall_ms(&page->host->env) - q->oldest_ready_ms;
    prometheus_value(&page->out, f->name, &label, 1, age_ms < 0 ? 0 : (double)age_ms / 1000);
}

void metrics_queue_jobs(struct metrics_page *page, const struct metrics_family *f) {
    each_queue(page, f, add_jobs);
}

void metrics_queue_paused(struct metrics_page *page, const struct metrics_family *f) {
    each_queue(page, f, add_paused);
}

void metrics_queue_oldest(struct metrics_page *page, const struct metrics_family *f) {
    each_queue(page, f, add_oldest);
}

/* ---- why jobs wait ---- */

static void add_waiting(struct metrics_page *page, const struct metrics_family *f,
                        const char *reason, int64_t jobs) {
    const struct prometheus_label label = {"reason", reason};
    if (jobs > 0) {
        prometheus_value(&page->out, f->name, &label, 1, (double)jobs);
    }
}

void metrics_waiting(struct metrics_page *page, const struct metrics_family *f) {
    if (!page->counted) {
        return;
    }
    for (int i = 0; i < REASON_COUNT; i++) {
        add_waiting(page, f, reason_code_name((enum reason_code)i), page->waiting.by_reason[i]);
    }
    add_waiting(page, f, "none", page->waiting.startable);
    add_waiting(page, f, STATS_OTHER, page->waiting.not_looked_at);
}
