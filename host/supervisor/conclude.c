#include "supervisor/conclude.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rfc3339.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/policy.h"
#include "supervisor/pool_private.h"

void conclude_effects(struct attempt *a, struct store_commit_item *item,
                      struct commit_entry *entry) {
    struct effects *fx = a->effects;
    // the store's thread reads these while a worker, perhaps a hostile one, may send more: hence copies
    a->effects = NULL;
    entry->attempt = a;
    entry->effects = fx;
    item->id = a->job->spec.id;
    item->token = a->job->token;
    item->commit_no = ++a->commit_no;
    if (fx != NULL) {
        item->steps = fx->steps;
        item->step_count = fx->step_count;
        item->state_version = fx->state_version;
        item->children = fx->children;
        item->child_count = fx->child_count;
        item->kv = fx->kv;
        item->kv_count = fx->kv_count;
        item->kv_namespace = a->lane->pool == NULL ? NULL : a->lane->pool->config->entry.name;
        item->warnings = fx->warnings;
        item->warning_count = fx->warning_count;
    }
    if (a->progress_news) {
        entry->progress = a->progress;
        entry->progress.message = arena_str(&entry->arena, a->progress.message);
        item->progress = &entry->progress;
        a->progress_news = false;
    }
    if (a->log_news) {
        item->log_tail = arena_bytes(&entry->arena, buf_bytes(&a->log));
        a->log_news = false;
    }
}

/* The n-th text of the report, or NULL when it is empty. */
static const char *conclude_word(const struct attempt *a, unsigned n) {
    const char *at = a->words.data, *end = at == NULL ? NULL : at + a->words.len;
    for (; at != NULL && at < end; at += strlen(at) + 1) {
        if (n-- == 0) {
            return *at == '\0' ? NULL : at;
        }
    }
    return NULL;
}

static bool conclude_keeps_result(const struct attempt *a, enum job_event event) {
    return event == JOB_EV_SUCCEED ||
           (event == JOB_EV_DIE && (a->failure_flags & JH_FAILURE_KEEP_RESULT) != 0);
}

static bool conclude_has_result(const struct attempt *a) {
    return !a->result_over && (a->result.len > 0 || a->result_fd != -1);
}

static void conclude_history(struct attempt *a, const struct outcome *o,
                             struct store_commit_item *item, struct commit_entry *entry) {
    const struct job_counters *before = &a->job->counters;
    if (o->event == JOB_EV_SUCCEED && before->executions == 0 && before->attempts == 0) {
        return;
    }
    if (a->report.end == ATTEMPT_UNSTARTED) {
        return;
    }
    static const char *const ends[] = {
        [ATTEMPT_CRASHED] = "crash",
        [ATTEMPT_OOM] = "oom",
        [ATTEMPT_NEIGHBOUR] = "neighbour",
        [ATTEMPT_DRAINED] = "drain",
    };
    const char *outcome =
        a->report.end == ATTEMPT_RETURNED ? job_event_name((int)o->event) : ends[a->report.end];
    int64_t now = env_wall_ms(&a->host->env);
    entry->history = (struct store_attempt){
        .execution = o->after.executions,
        .started_ms = a->started_wall_ms != 0 ? a->started_wall_ms : now,
        .ended_ms = now,
        .outcome = outcome,
        .cls = o->cls,
        .code = entry->error.code,
        .message = entry->error.message,
        .host = a->host->name,
        .build = a->lane->pool == NULL ? NULL : a->lane->pool->build,
        .pid = a->pid,
    };
    item->attempt = &entry->history;
}

static void conclude_error(struct attempt *a, const struct outcome *o,
                           struct store_commit_item *item, struct commit_entry *entry) {
    if (o->event != JOB_EV_RETRY && o->event != JOB_EV_DIE && o->event != JOB_EV_PARK) {
        return;
    }
    entry->error = (struct job_error){
        .cls = o->cls,
        .scope = conclude_word(a, 0),
        .message = conclude_word(a, 1),
        .code = o->code != NULL ? o->code : conclude_word(a, 2),
    };
    if (entry->error.message != NULL || entry->error.code != NULL || o->cls != JH_E_NONE) {
        item->error = &entry->error;
    }
}

static int64_t conclude_keep(const struct attempt *a, enum job_event event) {
    const struct config_queue *queue = a->lane->queue->config;
    return event == JOB_EV_DIE ? queue->dead_ttl_ms : queue->ttl_ms;
}

static void conclude_commit(struct attempt *a, const struct outcome *o,
                            const struct blob_ref *blob) {
    struct commit_entry *entry;
    struct store_commit_item *item = commits_add(a->host, &entry);
    if (item == NULL) {
        attempt_free(a); // the store gives the job back at the next start
        return;
    }
    conclude_effects(a, item, entry);
    entry->final = true;
    entry->state = (enum job_state)job_next_state(JOB_RUNNING, o->event);
    item->event = o->event;
    item->counters = o->after;
    item->run_at_ms = o->run_at_ms;
    item->park = o->park;
    item->wait_key = o->event == JOB_EV_PARK ? conclude_word(a, 3) : NULL;
    item->keep_ms = conclude_keep(a, o->event);
    if (a->job->first_run_ms == 0 && a->report.end != ATTEMPT_UNSTARTED) {
        item->first_run_ms =
            a->started_wall_ms != 0 ? a->started_wall_ms : env_wall_ms(&a->host->env);
    }
    conclude_error(a, o, item, entry);
    conclude_history(a, o, item, entry);
    if (conclude_keeps_result(a, o->event) && conclude_has_result(a)) {
        entry->result =
            (struct store_result){.content_type = a->result_type, .data = buf_bytes(&a->result)};
        if (blob != NULL) {
            entry->blob = *blob;
            entry->result.blob = &entry->blob;
            entry->result.data = (struct bytes){NULL, 0};
        }
        item->result = &entry->result;
    }
}

/* ------------------------------------------------------------------ large results go first */

struct conclude_blob {
    struct store_blob_put put;
    struct attempt *attempt;
    struct outcome outcome;
};

static void conclude_blob_done(struct store_op *op) {
    struct conclude_blob *c = op->arg;
    struct attempt *a = c->attempt;
    if (op->status == 0) {
        conclude_commit(a, &c->outcome, &c->put.ref);
    } else {
        // not durable: the attempt failed for lack of a place to put its result
        a->report = (struct attempt_report){
            .end = ATTEMPT_RETURNED, .status = JH_RETRY, .cls = JH_E_RESOURCE};
        char message[sizeof op->err.msg + 32];
        snprintf(message, sizeof message, "cannot store the result: %s", op->err.msg);
        attempt_say(a, NULL, message, "result_not_stored", NULL);
        a->result_over = true;
        attempt_conclude(a);
    }
    store_op_finish(op);
    free(c);
}

static bool conclude_blob_first(struct attempt *a, const struct outcome *o) {
    bool large = a->result_fd != -1 || a->result.len > STORE_INLINE_MAX;
    if (!large || !conclude_keeps_result(a, o->event) || !conclude_has_result(a)) {
        return false;
    }
    struct conclude_blob *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return false;
    }
    c->attempt = a;
    c->outcome = *o;
    c->put = (struct store_blob_put){
        .op = {.kind = STORE_BLOB_PUT,
               .done = conclude_blob_done,
               .arg = c,
               .now_ms = env_wall_ms(&a->host->env)},
        .data = buf_bytes(&a->result),
        .fd = a->result_fd,
        .max_size = (uint64_t)a->lane->queue->config->max_result,
    };
    store_post(&a->host->store, &c->put.op);
    return true;
}

/* A result over the limit fails once, clearly. */
static void conclude_too_large(struct attempt *a) {
    if (!a->result_over || a->report.end != ATTEMPT_RETURNED || a->report.status != JH_OK) {
        return;
    }
    char limit[32], message[160];
    size_format((uint64_t)a->lane->queue->config->max_result, limit, sizeof limit);
    a->report.status = JH_FAIL;
    a->report.cls = JH_E_PERMANENT;
    a->failure_flags = 0;
    snprintf(message, sizeof message, "the result is larger than queues.%s.max_result (%s)",
             a->lane->queue->name, limit);
    attempt_say(a, NULL, message, "result_too_large", NULL);
}

void attempt_conclude(struct attempt *a) {
    if (a->committing) {
        return; // its answer brings us here again
    }
    conclude_too_large(a);
    struct policy policy;
    policy_of(a->lane->config, &a->job->spec, &policy);
    struct outcome o =
        outcome_decide(&a->report, &a->job->counters, &policy.retry, a->job->spec.deadline_ms,
                       id_seed(&a->job->spec.id), env_wall_ms(&a->host->env));
    policy_finish(&policy);
    if (!conclude_blob_first(a, &o)) {
        conclude_commit(a, &o, NULL);
    }
}
