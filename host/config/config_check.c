#include "config/config_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/rfc3339.h"
#include "config/config_forms.h"
#include "config/config_suggest.h"

static struct config_place place_of(const struct config_binding *b,
                                    const struct config_entry *entry) {
    struct config_place at = {entry->file, 0, entry->line, entry->column};
    for (size_t i = 0; i < b->sources->count; i++) {
        if (strcmp(b->sources->items[i].name, entry->file) == 0) {
            at.source = (unsigned)i;
        }
    }
    return at;
}

static void path_of(const struct config_entry *entry, const char *section, const char *key,
                    char out[256]) {
    (void)snprintf(out, 256, "%s%s%s%s%s", section, entry->name == NULL ? "" : ".",
                   entry->name == NULL ? "" : entry->name, *key == '\0' ? "" : ".", key);
}

void config_check_error(struct config_binding *b, const struct config_entry *entry,
                        const char *section, const char *key, const char *code, const char *fmt,
                        ...) {
    char words[384], path[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    path_of(entry, section, key, path);
    config_report_error(b->report, place_of(b, entry), path, code, "%s", words);
}

// ---- host

// Where the value of a plain key stands, or the file's beginning.
static struct config_place place_of_slot(const struct config_binding *b, const void *slot) {
    const struct config_origin *o = config_origin_find(b->priv, slot);
    if (o == NULL || o->file == NULL) {
        return b->at;
    }
    const struct config_entry as_entry = {.file = o->file, .line = o->line, .column = 1};
    return place_of(b, &as_entry);
}

static void check_readable(struct config_binding *b, const char *path, const void *slot,
                           const char *where) {
    int fd = b->sources->no_files ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd != -1) {
        (void)close(fd);
    } else if (!b->sources->no_files) {
        config_report_error(b->report, place_of_slot(b, slot), where, "cannot_read",
                            "cannot read %s: %s", path, strerror(errno));
    }
}

static void check_listen(struct config_binding *b, const struct config_host *host, size_t i) {
    const struct config_listen *l = &host->listen[i];
    char where[64];
    (void)snprintf(where, sizeof(where), "host.listen[%zu]", i);
    if (l->address == NULL) {
        return;
    }
    struct config_place at = place_of_slot(b, &l->address);
    for (size_t j = 0; j < i; j++) {
        // port 0 asks for any free port, so two of them do not meet
        bool any_port =
            strlen(l->address) > 2 && strcmp(l->address + strlen(l->address) - 2, ":0") == 0;
        if (!any_port && host->listen[j].address != NULL &&
            strcmp(host->listen[j].address, l->address) == 0) {
            config_report_error(b->report, at, where, "duplicate_address", "%s is listed twice",
                                l->address);
        }
    }
    if ((l->tls_cert == NULL) != (l->tls_key == NULL)) {
        config_report_error(b->report, at, where, "tls_pair",
                            "tls needs both cert and key; %s is missing",
                            l->tls_cert == NULL ? "cert" : "key");
    } else if (l->tls_cert != NULL) {
        check_readable(b, l->tls_cert, &l->tls_cert, where);
        check_readable(b, l->tls_key, &l->tls_key, where);
    }
    if (host->auth != NULL && strcmp(host->auth, "none") == 0 &&
        !config_address_is_local(l->address)) {
        config_report_error(b->report, at, where, "open_to_all",
                            "%s can be reached from other machines while host.auth is none; set "
                            "host.auth: tokens, or listen on 127.0.0.1",
                            l->address);
    }
}

// ---- pairs of values that contradict each other

static void check_plugin(struct config_binding *b, const struct config_plugin *p) {
    if (p->drain_soft_ms > p->drain_hard_ms) {
        config_check_error(b, &p->entry, "plugins", "drain_soft", "contradiction",
                           "is longer than drain_hard");
    }
    if (p->isolation != NULL && strcmp(p->isolation, "process") == 0 && p->threads > 1) {
        config_check_error(b, &p->entry, "plugins", "threads", "contradiction",
                           "isolation: process runs one job in a process; threads must be 1");
    }
}

static void check_retry(struct config_binding *b, const struct config_job *job) {
    const struct retry_policy *r = &job->retry;
    struct err e = {0};
    double ms;
    if (r->backoff == BACKOFF_EXPRESSION && r->expression == NULL) {
        config_check_error(b, &job->entry, "jobs", "retry.expression", "missing_key",
                           "backoff: expression needs one, such as \"pow(2, retried) * 1000\"");
    } else if (r->backoff != BACKOFF_EXPRESSION && r->expression != NULL) {
        config_check_error(b, &job->entry, "jobs", "retry.expression", "contradiction",
                           "is used with backoff: expression only");
    } else if (r->expression != NULL && retry_expression_eval(r->expression, 1, &ms, &e) < 0) {
        config_check_error(b, &job->entry, "jobs", "retry.expression", "bad_value", "%s", e.msg);
    }
    if (r->base_ms > r->cap_ms) {
        config_check_error(b, &job->entry, "jobs", "retry.base", "contradiction",
                           "is longer than cap");
    }
}

static void check_job(struct config_binding *b, const struct config_job *job) {
    check_retry(b, job);
    if (job->timeout_ms > job->deadline_ms) {
        config_check_error(b, &job->entry, "jobs", "timeout", "contradiction",
                           "is longer than deadline, so no run could use it");
    }
    if (job->expires_ms > job->deadline_ms) {
        config_check_error(b, &job->entry, "jobs", "expires", "contradiction",
                           "is later than deadline");
    }
}

static void check_schedule(struct config_binding *b, const struct config_schedule *s) {
    int64_t start, end;
    if (s->start_at != NULL && s->end_at != NULL && rfc3339_parse(s->start_at, &start) == 0 &&
        rfc3339_parse(s->end_at, &end) == 0 && start >= end) {
        config_check_error(b, &s->entry, "schedules", "end_at", "contradiction",
                           "is not after start_at");
    }
    const char *prefix = s->cron == NULL ? NULL : strstr(s->cron, "TZ=");
    if (prefix != NULL && s->timezone != NULL &&
        config_origin_find(b->priv, &s->timezone) != NULL &&
        strncmp(prefix + 3, s->timezone, strlen(s->timezone)) != 0) {
        config_check_error(b, &s->entry, "schedules", "timezone", "contradiction",
                           "differs from the zone in cron");
    }
}

static void check_limit(struct config_binding *b, const struct config_limit *l) {
    if (l->rate == 0 && l->concurrency == 0) {
        config_check_error(b, &l->entry, "limits", "", "contradiction",
                           "limits nothing; set rate or concurrency");
    }
    if (l->rate == 0 && l->burst != 0) {
        config_check_error(b, &l->entry, "limits", "burst", "contradiction", "needs a rate");
    }
}

static void check_breaker(struct config_binding *b, const struct config_breaker *k) {
    if (k->base_ms > k->cap_ms) {
        config_check_error(b, &k->entry, "breakers", "base", "contradiction", "is longer than cap");
    }
}

// ---- references

struct reference_check {
    struct config_binding *b;
    const struct config *c;
    int searches; /* left: a search compares with every queue, so a huge file must not do thousands */
};

// Queues need not be named, so a reference is doubtful only if it looks like a slip of the pen.
static void check_queue_name(struct reference_check *r, const char *queue,
                             const struct config_entry *entry, const char *section) {
    struct config_nearest nearest = {0};
    if (queue == NULL || config_queue(r->c, queue) != &r->c->queue_default || r->searches-- <= 0) {
        return;
    }
    for (size_t i = 0; i < r->c->queue_count; i++) {
        config_nearest_try(&nearest, queue, r->c->queues[i].entry.name);
    }
    const char *near = config_nearest_word(&nearest);
    if (near != NULL) {
        char path[256];
        path_of(entry, section, "queue", path);
        config_report_warning(r->b->report, place_of(r->b, entry), path, "unknown_queue",
                              "there is no queue \"%s\" in queues; did you mean \"%s\"?", queue,
                              near);
    }
}

static void check_queue_names(struct config_binding *b, const struct config *c) {
    struct reference_check r = {b, c, 200};
    for (size_t i = 0; i < c->job_count; i++) {
        check_queue_name(&r, c->jobs[i].queue, &c->jobs[i].entry, "jobs");
    }
    for (size_t i = 0; i < c->schedule_count; i++) {
        check_queue_name(&r, c->schedules[i].queue, &c->schedules[i].entry, "schedules");
    }
    for (size_t i = 0; i < c->hook_count; i++) {
        check_queue_name(&r, c->hooks[i].queue, &c->hooks[i].entry, "hooks");
    }
    for (size_t i = 0; i < c->route_count; i++) {
        check_queue_name(&r, c->routes[i].queue, &c->routes[i].entry, "routes");
    }
}

static void check_store(struct config_binding *b, const struct config_store *s) {
    if (s->fallback == NULL || s->url == NULL) {
        return;
    }
    if (strncmp(s->url, "sqlite:", 7) == 0) {
        config_report_error(b->report, place_of_slot(b, &s->fallback), "store.fallback",
                            "contradiction", "a fallback is for Redis; the store is SQLite itself");
    }
}

void config_check(struct config_binding *b, const struct config *c) {
    for (size_t i = 0; i < c->host.listen_count; i++) {
        check_listen(b, &c->host, i);
    }
    check_store(b, &c->store);
    for (size_t i = 0; i < c->plugin_count; i++) {
        check_plugin(b, &c->plugins[i]);
    }
    for (size_t i = 0; i < c->job_count; i++) {
        check_job(b, &c->jobs[i]);
    }
    for (size_t i = 0; i < c->schedule_count; i++) {
        check_schedule(b, &c->schedules[i]);
    }
    for (size_t i = 0; i < c->limit_count; i++) {
        check_limit(b, &c->limits[i]);
    }
    for (size_t i = 0; i < c->breaker_count; i++) {
        check_breaker(b, &c->breakers[i]);
    }
    check_queue_names(b, c);
    config_check_hooks(b, c);
    config_check_routes(b, c);
}
