/* From a request as it came in to the spec the store takes: checks, and defaults from queue and
 * type. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/host.h"
#include "supervisor/jobs.h"
#include "supervisor/payload_check.h"
#include "supervisor/policy.h"
#include "supervisor/pool_private.h"
#include "supervisor/query.h"

static int resolve_refuse(struct problem *p, int status, const char *code, const char *field,
                          const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static int resolve_refuse(struct problem *p, int status, const char *code, const char *field,
                          const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    p->status = status;
    p->code = code;
    snprintf(p->field, sizeof p->field, "%s", field);
    (void)vsnprintf(p->message, sizeof p->message, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* ------------------------------------------------------------------ lengths */

static int resolve_lengths(const struct job_request *r, struct problem *p) {
    const struct {
        const char *field, *text;
        size_t max;
    } texts[] = {
        {"user", r->tenant, JOB_TENANT_MAX},
        {"key", r->key, JOB_KEY_MAX},
        {"labels", r->labels, JOB_LABELS_MAX},
        {"content_type", r->content_type, JOB_CONTENT_TYPE_MAX},
        {"callback", r->callback, JOB_CALLBACK_MAX},
        {"retry", r->retry, JOB_RETRY_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].text != NULL && strlen(texts[i].text) > texts[i].max) {
            return resolve_refuse(p, 400, "too_long", texts[i].field, "%s is longer than %zu bytes",
                                  texts[i].field, texts[i].max);
        }
    }
    if (r->file_count > JOB_FILES_MAX) {
        return resolve_refuse(p, 400, "too_many_files", "files", "at most %d files",
                              (int)JOB_FILES_MAX);
    }
    return 0;
}

/* None is negative but a dedup.ttl of -1: the reader of requests sees to that. */
static int resolve_numbers(const struct job_request *r, int64_t now, struct problem *p) {
    const struct {
        const char *field;
        int64_t value, max;
        const char *words;
    } numbers[] = {
        {"delay", r->delay_ms, JOB_SPAN_MAX_MS, "at most 3650d"},
        {"run_at", r->run_at_ms == 0 ? 0 : r->run_at_ms - now, JOB_SPAN_MAX_MS,
         "at most 3650 days from now"},
        {"timeout", r->timeout_ms, INT64_C(30) * 86400000, "at most 30d"},
        {"deadline", r->deadline_ms, JOB_SPAN_MAX_MS, "at most 3650d"},
        {"expires", r->expires_ms, JOB_SPAN_MAX_MS, "at most 3650d"},
        {"max", r->max, JOB_MAX_MAX, "at most 1000"},
        {"dedup.ttl", r->dedup_ttl_ms, JOB_SPAN_MAX_MS, "at most 3650d"},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (numbers[i].value > numbers[i].max) {
            return resolve_refuse(p, 400, "out_of_range", numbers[i].field, "%s must be %s",
                                  numbers[i].field, numbers[i].words);
        }
    }
    if (r->delay_ms != 0 && r->run_at_ms != 0) {
        return resolve_refuse(p, 400, "conflict", "delay", "give delay or run_at, not both");
    }
    if (r->flow_id != NULL && (r->key != NULL || r->file_count > 0)) {
        return resolve_refuse(p, 400, "conflict", "flow",
                              "a job that joins a flow has neither a key nor files");
    }
    return 0;
}

/* ------------------------------------------------------------------ type */

/* Is this type served, configured, or of a configured plugin that is not up? */
static bool resolve_type_known(struct host *host, const char *type) {
    const char *pool = NULL;
    (void)pools_handler(host->pools, type, &pool, NULL);
    return pool != NULL || config_job(host->config, type)->entry.name != NULL;
}

static int resolve_type(struct host *host, const struct job_request *r, struct problem *p) {
    struct err e = {.code = 0};
    if (r->type == NULL) {
        return resolve_refuse(p, 400, "missing_field", "type", "type is required");
    }
    if (job_check_type(r->type, &e) != 0) {
        return resolve_refuse(p, 400, "bad_type", "type", "%s", e.msg);
    }
    if (query_is(host, r->type)) {
        return resolve_refuse(p, 400, "is_query", "type",
                              "%.100s is a query, not a job: a route with action: plugin.query "
                              "asks it",
                              r->type);
    }
    if (r->schedule == NULL && !resolve_type_known(host, r->type)) {
        return resolve_refuse(
            p, 400, "unknown_type", "type",
            "no plugin has a handler named %.100s; `jobhost plugins` lists what there is%s",
            r->type,
            host->store.ops->caps.shared ? "; a type that only other hosts serve has to stand "
                                           "under jobs: here"
                                         : "");
    }
    return 0;
}

/* ------------------------------------------------------------------ payload */

static int resolve_payload(struct host *host, const struct job_request *r,
                           const struct config_queue *queue, struct problem *p) {
    if (r->payload.len > (uint64_t)queue->max_payload) {
        return resolve_refuse(p, 413, "payload_too_large", "payload",
                              "payload of %zu bytes; the queue takes at most %lld", r->payload.len,
                              (long long)queue->max_payload);
    }
    const struct pool_handler *handler = pools_handler(host->pools, r->type, NULL, NULL);
    bool json = r->content_type == NULL || strncmp(r->content_type, "application/json", 16) == 0;
    if (handler == NULL || handler->shape == NULL || !json) {
        return 0;
    }
    return payload_check(handler, r->payload, p);
}

/* ------------------------------------------------------------------ all of it */

int jobs_check_open(const struct host *host, struct problem *p) {
    if (host->phase == HOST_RUNNING) {
        return 0;
    }
    *p = (struct problem){.status = 503};
    return host->phase == HOST_STARTING
               ? resolve_refuse(p, 503, "starting", "",
                                "the host is starting; try again in a moment")
               : resolve_refuse(p, 503, "draining", "", "the host is shutting down");
}

static int resolve_queue(struct host *host, const struct job_request *r, struct arena *arena,
                         const char **ret, struct problem *p) {
    char name[JOB_QUEUE_MAX + 1];
    struct err e = {.code = 0};
    const char *queue =
        r->queue != NULL ? r->queue : config_queue_of_type(host->config, r->type, name);
    if (job_check_queue(queue, &e) != 0) {
        return resolve_refuse(p, 400, "bad_queue", "queue", "%s", e.msg);
    }
    *ret = r->queue != NULL ? queue : arena_str(arena, queue); // the configuration may go meanwhile
    return *ret == NULL ? resolve_refuse(p, 503, "out_of_memory", "", "out of memory") : 0;
}

static int resolve_policy(const struct job_request *r, struct problem *p) {
    struct err e = {.code = 0};
    if (r->retry != NULL && policy_check(r->retry, &e) != 0) {
        return resolve_refuse(p, 400, "bad_retry", "retry", "%s", e.msg);
    }
    return 0;
}

static int64_t resolve_or(int64_t value, int64_t fallback) {
    return value != 0 ? value : fallback;
}

/* ------------------------------------------------------------------ dedup */

enum { RESOLVE_BOUND = 10 }; /* delays that a debounced job waits for at most */

/* How long a debounced job waits at most, from its first submission on; `wait_ms` for this one. 0, or -EINVAL with the
 * reason. */
static int resolve_bound(int64_t given_ms, int64_t wait_ms, int64_t *ret_ms, struct problem *p) {
    if (wait_ms <= 0) {
        return resolve_refuse(p, 400, "missing_field", "delay",
                              "debounce needs a delay or a run_at to come: how long it waits for "
                              "the next submission");
    }
    if (given_ms != 0 && given_ms < wait_ms) {
        return resolve_refuse(p, 400, "out_of_range", "dedup.ttl",
                              "a debounced job runs no later than dedup.ttl after its first "
                              "submission, so that must not be less than its delay");
    }
    bool too_long = wait_ms > JOB_SPAN_MAX_MS / RESOLVE_BOUND;
    *ret_ms = resolve_or(given_ms, too_long ? JOB_SPAN_MAX_MS : wait_ms * RESOLVE_BOUND);
    return 0;
}

/* The key's time. 0, or -EINVAL with the reason. */
static int resolve_dedup(const struct job_request *r, const struct config_queue *queue,
                         int64_t wait_ms, int64_t *ret_ms, struct problem *p) {
    if (r->key != NULL && r->dedup_mode == DEDUP_DEBOUNCE) {
        return resolve_bound(r->dedup_ttl_ms, wait_ms, ret_ms, p);
    }
    // "0s" in the configuration means that a key ends with its job; to a store 0 is "not said"
    *ret_ms = resolve_or(resolve_or(r->dedup_ttl_ms, queue->dedup_ttl_ms), -1);
    if (r->key != NULL && r->dedup_mode == DEDUP_THROTTLE && *ret_ms < 0) {
        return resolve_refuse(p, 400, "missing_field", "dedup.ttl",
                              "throttle needs a ttl: for how long its key is held");
    }
    return 0;
}

int jobs_fill(const struct config *config, const struct job_request *r, const char *queue_name,
              struct id_gen *ids, int64_t now, struct arena *arena, struct job_spec *ret,
              struct problem *p) {
    const struct config_queue *queue = config_queue(config, queue_name);
    const struct config_job *type = config_job(config, r->type);
    int64_t run_at = r->run_at_ms != 0 ? r->run_at_ms : (r->delay_ms != 0 ? now + r->delay_ms : 0);
    int64_t begin = run_at > now ? run_at : now;
    int64_t dedup_ttl = 0;
    int err = resolve_dedup(r, queue, run_at - now, &dedup_ttl, p);
    if (err != 0) {
        return err;
    }
    int64_t deadline = resolve_or(r->deadline_ms, type->deadline_ms);
    int64_t expires = resolve_or(r->expires_ms, type->expires_ms);
    *ret = (struct job_spec){
        .id = id_next(ids, now),
        .queue = queue_name,
        .type = r->type,
        .tenant = r->tenant,
        .priority = r->priority >= 0 ? (enum job_priority)r->priority : type->priority,
        .payload = r->payload,
        .content_type = r->content_type,
        .dedup_key = r->key,
        .dedup_mode = r->dedup_mode >= 0 ? (enum dedup_mode)r->dedup_mode : DEDUP_RETURN,
        .dedup_ttl_ms = dedup_ttl,
        .run_at_ms = run_at,
        .max_attempts = r->max != 0 ? r->max : config_retry_policy(queue, type)->max,
        .timeout_ms = resolve_or(r->timeout_ms, type->timeout_ms),
        .deadline_ms = deadline == 0 ? 0 : begin + deadline,
        .expires_ms = expires == 0 ? 0 : begin + expires,
        .labels = r->labels != NULL ? r->labels : arena_str(arena, type->labels),
        .callback = r->callback,
        .retry = r->retry,
        .flow_id = r->flow_id,
        .schedule = r->schedule,
        .nominal_ms = r->nominal_ms,
        .files = r->files,
        .file_count = r->file_count,
    };
    if (r->flow_id != NULL && id_parse(r->flow_id, &ret->parent) != 0) {
        return resolve_refuse(p, 400, "bad_field", "flow",
                              "flow is the id of the job that has opened it");
    }
    return 0;
}

int jobs_resolve(struct host *host, const struct job_request *r, struct arena *arena,
                 struct job_spec *ret, struct problem *p) {
    const char *queue_name = NULL;
    int64_t now = env_wall_ms(&host->env);
    int err = jobs_check_open(host, p);
    if (err != 0 || (err = resolve_type(host, r, p)) != 0) {
        return err;
    }
    if ((err = resolve_lengths(r, p)) != 0 || (err = resolve_numbers(r, now, p)) != 0 ||
        (err = resolve_policy(r, p)) != 0 ||
        (err = resolve_queue(host, r, arena, &queue_name, p)) != 0) {
        return err;
    }
    const struct config_queue *queue = config_queue(host->config, queue_name);
    err = resolve_payload(host, r, queue, p);
    return err != 0 ? err : jobs_fill(host->config, r, queue_name, &host->ids, now, arena, ret, p);
}
