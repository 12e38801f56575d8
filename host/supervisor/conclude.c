#include "supervisor/conclude.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rfc3339.h"
#include "supervisor/breakers.h"
#include "supervisor/crash.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/policy.h"
#include "supervisor/pool_private.h"
#include "supervisor/slots.h"

/* Told with a crash, to say how far the run had come. */
static void conclude_note_step(struct attempt *a, const struct effects *fx) {
    if (fx->step_count > 0) {
        free(a->step);
        a->step = strdup(fx->steps[fx->step_count - 1].name);
    }
}

void conclude_effects(struct attempt *a, struct store_commit_item *item,
                      struct commit_entry *entry) {
    struct effects *fx = a->effects;
    // the store's thread reads these while a worker, perhaps a hostile one, may send more: hence
    // copies
    a->effects = NULL;
    entry->attempt = a;
    entry->effects = fx;
    item->id = a->job->spec.id;
    item->token = a->job->token;
    item->commit_no = ++a->commit_no;
    if (fx != NULL) {
        conclude_note_step(a, fx);
        item->steps = fx->steps;
        item->step_count = fx->step_count;
        item->state_version = fx->state_version;
        item->children = fx->children;
        item->child_count = fx->child_count;
        item->then = fx->then_count > 0 ? fx->then : NULL;
        item->then_keep_ms = fx->then_keep_ms;
        item->flow_on_dead = fx->flow_on_dead;
        item->kv = fx->kv;
        item->kv_count = fx->kv_count;
        item->kv_namespace = a->pool == NULL ? NULL : a->pool->plugin->name;
        item->warnings = fx->warnings;
        item->warning_count = fx->warning_count;
        item->outputs = fx->outputs;
        item->output_count = fx->output_count;
        item->events = fx->events;
        item->event_count = fx->event_count;
    }
    if (a->progress_news) {
        entry->progress = a->progress;
        entry->progress.message = arena_str(&entry->arena, a->progress.message);
        item->progress = &entry->progress;
        a->progress_news = false;
    }
    if (a->log_news) {
        struct bytes copy = arena_bytes(&entry->arena, buf_bytes(&a->log));
        item->log_tail = copy.data == NULL ? (struct bytes){NULL, 0} : copy;
        a->log_news = false;
    }
}

/* Only OK and yield() are commits (jobhost_plugin.h). A yield that came out of fail() is a failure
 * by another name. */
static bool conclude_is_commit(const struct attempt_report *r) {
    return r->end == ATTEMPT_RETURNED &&
           (r->status == JH_OK || (r->status == JH_YIELD && r->cls == JH_E_NONE));
}

/* What an attempt asked for last happens with its success or its wait, and not otherwise. */
static bool conclude_keeps_effects(const struct attempt *a, enum job_event event) {
    return conclude_is_commit(&a->report) &&
           (event == JOB_EV_SUCCEED || event == JOB_EV_PARK || event == JOB_EV_RELEASE);
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
    if (!attempt_was_begun(&a->report)) {
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
        .build = a->pool == NULL ? NULL : a->pool->build,
        .pid = a->pid,
    };
    if (a->crash != NULL) {
        crash_history(a->crash, &entry->history.crash);
    }
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
        commits_later(a, "out of memory");
        return;
    }
    if (a->effects != NULL && !conclude_keeps_effects(a, o->event)) {
        effects_drop(a->effects, conclude_keeps_result(a, o->event));
    }
    conclude_effects(a, item, entry);
    entry->final = true;
    item->event = o->event;
    item->counters = o->after;
    item->run_at_ms = o->run_at_ms;
    item->park = o->park;
    if (o->event == JOB_EV_PARK) {
        item->wait_key = conclude_word(a, 3);
        item->wait_for = conclude_word(a, 4);
    }
    item->keep_ms = conclude_keep(a, o->event);
    item->drop_steps = o->drop_steps;
    if (a->job->first_run_ms == 0 && attempt_was_begun(&a->report)) {
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
    if (o->event == JOB_EV_PARK && o->park == PARK_LIMITER && item->wait_key != NULL) {
        slots_parked(a, item->wait_key); // the item may be on its way after this
    }
}

/* What the handler reported cannot be had: it failed, and leaves no result. */
static void conclude_as_failure(struct attempt *a, jh_status status, jh_class cls, const char *code,
                                const char *message) {
    a->report = (struct attempt_report){.end = ATTEMPT_RETURNED,
                                        .status = status,
                                        .cls = cls,
                                        .cancelled = a->report.cancelled & JH_CANCEL_USER};
    a->failure_flags = 0;
    attempt_say(a, NULL, message, code, NULL, NULL);
}

/* ------------------------------------------------------------------ large results go first */

struct conclude_blob {
    struct store_blob_put put;
    struct attempt *attempt;
    struct outcome outcome;
};

/* Will the same be taken later, when the store or the disk is well again? */
static bool conclude_is_passing(int status) {
    static const int passing[] = {-EROFS,  -ENOSPC, -EIO,      -ETIMEDOUT,  -ENOMEM,
                                  -EMFILE, -ENFILE, -ENOTCONN, -ECONNRESET, -EBUSY};
    for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
        if (status == passing[i]) {
            return true;
        }
    }
    return false;
}

static void conclude_blob_done(struct store_op *op) {
    struct conclude_blob *c = op->arg;
    struct attempt *a = c->attempt;
    if (a->fenced) {
        attempt_free(a);
    } else if (op->status == 0) {
        conclude_commit(a, &c->outcome, &c->put.ref);
    } else if (a->host->phase == HOST_STOPPED || conclude_is_passing(op->status)) {
        commits_later(a, op->err.msg);
    } else {
        // the attempt failed for lack of a place to put its result
        char message[sizeof op->err.msg + 32];
        snprintf(message, sizeof message, "cannot store the result: %s", op->err.msg);
        conclude_as_failure(a, JH_RETRY, JH_E_RESOURCE, "result_not_stored", message);
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
        commits_later(a, "out of memory");
        return true;
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

/* What is over a limit fails once, clearly. */
static void conclude_over_limit(struct attempt *a) {
    if (!conclude_is_commit(&a->report)) {
        return;
    }
    if (a->effects != NULL && a->effects->refused != NULL) {
        conclude_as_failure(a, JH_FAIL, JH_E_PERMANENT, a->effects->refused, a->effects->refusal);
    } else if (a->result_over && a->report.status == JH_OK) {
        char limit[32], message[160];
        size_format((uint64_t)a->lane->queue->config->max_result, limit, sizeof limit);
        snprintf(message, sizeof message, "the result is larger than queues.%s.max_result (%s)",
                 a->lane->queue->name, limit);
        conclude_as_failure(a, JH_FAIL, JH_E_PERMANENT, "result_too_large", message);
    }
}

/* Did the attempts before run other code? */
static bool conclude_is_new_build(const struct attempt *a) {
    const struct pool *pool = a->pool;
    return pool != NULL && a->job->build != NULL && strcmp(a->job->build, pool->build) != 0;
}

void attempt_conclude(struct attempt *a) {
    if (a->committing) {
        return; // its answer brings us here again
    }
    if (a->fenced) {
        attempt_free(a);
        return;
    }
    conclude_over_limit(a);
    struct policy policy;
    a->report.new_build = conclude_is_new_build(a);
    policy_of(a->lane->queue->config, a->lane->config, &a->job->spec, &policy);
    struct outcome o =
        outcome_decide(&a->report, &a->job->counters, &policy.retry, a->job->spec.deadline_ms,
                       id_seed(&a->job->spec.id), env_wall_ms(&a->host->env));
    policy_finish(&policy);
    pool_breaker_note(a, &o);
    breakers_note(a, &o, conclude_word(a, 0));
    if (!conclude_blob_first(a, &o)) {
        conclude_commit(a, &o, NULL);
    }
}

bool attempt_refuse(struct attempt *a, int status) {
    char message[160];
    bool again = a->refused;
    bool later = status == -EDQUOT || status == -ENOSPC || status == -ENOENT;
    snprintf(message, sizeof message, "the store refused what the attempt ended with: %s",
             status == -EDQUOT ? "a budget of store.budget is full" : strerror(-status));
    a->commit_no--; // it did not happen: the number is free
    a->refused = true;
    a->result_over = true; // may be what was refused
    if (conclude_is_commit(&a->report)) {
        conclude_as_failure(a, later ? JH_RETRY : JH_FAIL, later ? JH_E_RESOURCE : JH_E_PERMANENT,
                            "store_refused", message);
    }
    if (!again) {
        attempt_conclude(a);
    }
    return !again;
}
