// The functions of struct jh_host over a vault in memory. Checks and limits are the worker's own
// (worker/check.h).
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/job.h"
#include "core/outcome.h"
#include "harness.h"
#include "worker/check.h"

static bool is_owner(const struct jh_harness *h) {
    return pthread_equal(h->owner, pthread_self()) != 0;
}

int harness_check_run(struct jh_harness *h) {
    return h->running && is_owner(h) ? h->attempt.notes.broken : -EPERM;
}

static bool is_query(const struct jh_harness *h) {
    return (h->handler->flags & JH_HANDLER_QUERY) != 0;
}

int harness_check_job(struct jh_harness *h) {
    int rc = harness_check_run(h);
    return rc == 0 && is_query(h) ? -EROFS : rc;
}

int harness_refuse(struct jh_harness *h, const char *name, int rc) {
    if (rc < 0 && h->running && is_owner(h)) {
        h->attempt.notes.refused = rc;
        h->attempt.notes.refused_call = name;
    }
    return rc;
}

// ---- cancelling ----

static void cancel_locked(struct jh_harness *h, uint32_t mask) {
    struct attempt *a = &h->attempt;
    if (a->cancelled == 0 && a->cancel_write != -1) {
        (void)!write(a->cancel_write, "!", 1);
    }
    a->cancelled |= mask;
}

void harness_cancel(struct jh_harness *h, uint32_t mask) {
    (void)pthread_mutex_lock(&h->lock);
    cancel_locked(h, mask);
    (void)pthread_mutex_unlock(&h->lock);
}

void harness_enter(struct jh_harness *h) {
    (void)pthread_mutex_lock(&h->lock);
    if (h->running && ++h->attempt.calls == h->trouble.cancel_call) {
        cancel_locked(h, h->trouble.cancel_mask);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

static uint32_t host_cancelled(struct jh_call *call) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    (void)pthread_mutex_lock(&h->lock);
    uint32_t mask = h->running ? h->attempt.cancelled : 0;
    (void)pthread_mutex_unlock(&h->lock);
    return mask;
}

static int host_cancel_fd(struct jh_call *call) {
    struct jh_harness *h = harness_of(call);
    struct attempt *a = &h->attempt;
    harness_enter(h);
    if (!h->running) {
        return -EPERM;
    }
    (void)pthread_mutex_lock(&h->lock);
    int ends[2];
    if (a->cancel_fd == -1 && pipe(ends) == 0) {
        a->cancel_fd = ends[0];
        a->cancel_write = ends[1];
        if (a->cancelled != 0) {
            (void)!write(a->cancel_write, "!", 1);
        }
    }
    int fd = a->cancel_fd == -1 ? -EMFILE : a->cancel_fd;
    (void)pthread_mutex_unlock(&h->lock);
    return fd;
}

static int host_sleep_ms(struct jh_call *call, int64_t ms) {
    struct jh_harness *h = harness_of(call);
    struct attempt *a = &h->attempt;
    harness_enter(h);
    if (!h->running || !is_owner(h)) {
        return -EPERM;
    }
    int64_t wait = a->cancelled != 0 || ms < 0 ? 0 : ms;
    if (h->trouble.cancel_after_ms > 0) {
        int64_t left = a->began_ms + h->trouble.cancel_after_ms - h->now_ms;
        if (left <= wait) {
            wait = left > 0 ? left : 0;
            harness_cancel(h, h->trouble.cancel_mask);
        }
    }
    h->now_ms += wait;
    return a->cancelled != 0 ? 1 : 0;
}

// ---- shown, not kept ----

static void host_log(struct jh_call *call, int32_t level, const char *msg) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    if (msg == NULL) {
        return;
    }
    int32_t known = level < 0 ? 0 : level > JH_LOG_ERROR ? JH_LOG_ERROR : level;
    (void)pthread_mutex_lock(&h->lock);
    buf_printf(&h->log, "%s: ", names[known]);
    buf_add(&h->log, msg, check_cut(msg, CHECK_LOG_MAX));
    buf_char(&h->log, '\n');
    (void)pthread_mutex_unlock(&h->lock);
}

static const char *keep_text(struct jh_harness *h, const char *text, size_t max) {
    if (text == NULL) {
        return NULL;
    }
    struct bytes copy = arena_bytes(&h->attempt.arena, (struct bytes){text, check_cut(text, max)});
    return copy.len == 0 ? "" : copy.data;
}

static int host_progress(struct jh_call *call, uint64_t done, uint64_t total, const char *message) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    int rc = harness_check_run(h);
    if (rc < 0) {
        return rc;
    }
    h->progress.updates++;
    h->progress.done = done;
    h->progress.total = total;
    h->progress.message = message == NULL ? "" : keep_text(h, message, JOB_MESSAGE_MAX);
    return 0;
}

// ---- steps and commits ----

// As the worker counts.
static int count(struct check_sum *sum, const struct wish *wish) {
    switch (wish->kind) {
    case WISH_STEP:
    case WISH_OUTPUT: return 0; // has a limit of its own
    case WISH_CHILD:
    case WISH_SIBLING:
    case WISH_THEN: return check_count_child(sum, &wish->child);
    case WISH_ON_DEAD: return 0;
    case WISH_EVENT:
        return check_count(sum, strlen(wish->name) + wish->value.len + CHECK_EVENT_WEIGHT);
    case WISH_WARN: return check_count(sum, CHECK_WARN_WEIGHT);
    case WISH_KV:
    case WISH_DONE: return check_count(sum, strlen(wish->name) + wish->value.len + CHECK_KV_WEIGHT);
    }
    return 0;
}

int harness_wish(struct jh_harness *h, const struct wish *wish) {
    struct attempt *a = &h->attempt;
    int rc = count(&a->sum, wish);
    if (rc < 0) {
        return rc;
    }
    struct wish *w = vault_copy_wish(&a->arena, wish);
    *a->wishes_end = w;
    a->wishes_end = &w->next;
    return 0;
}

static void apply_wishes(struct jh_harness *h) {
    for (const struct wish *w = h->attempt.wishes; w != NULL; w = w->next) {
        vault_apply(&h->vault, w);
        if (w->kind == WISH_STEP) {
            h->vault.steps_version = h->handler->state_version;
        }
        if (h->applied != NULL) {
            h->applied(h, w);
        }
    }
    h->attempt.wishes = NULL;
    h->attempt.wishes_end = &h->attempt.wishes;
    h->attempt.sum = (struct check_sum){0};
    pending_clear(&h->attempt.pending);
}

int harness_commit(struct jh_harness *h) {
    struct attempt *a = &h->attempt;
    const struct trouble *t = &h->trouble;
    unsigned n = ++a->commits;
    if (n == t->crash_commit) {
        if (t->crash_when == JH_CRASH_AFTER) {
            apply_wishes(h);
        }
        a->crashed = true;
        return -ESTALE;
    }
    if (n == t->fail_commit) {
        return t->fail_error;
    }
    apply_wishes(h);
    return 0;
}

static int host_step_get(struct jh_call *call, const char *name, struct jh_bytes *out) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    int rc = harness_check_run(h);
    if (rc == 0) {
        rc = out == NULL ? -EINVAL : check_step(name, (struct jh_bytes){NULL, 0});
    }
    if (rc < 0) {
        return harness_refuse(h, "step_get", rc);
    }
    const struct wish *step = vault_named(&h->vault, WISH_STEP, name);
    if (step == NULL) {
        return 1;
    }
    struct bytes copy = arena_bytes(&h->attempt.arena, step->value);
    *out = (struct jh_bytes){copy.data, copy.len};
    return 0;
}

static int host_step_put(struct jh_call *call, const char *name, struct jh_bytes value) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    int rc = harness_check_job(h);
    if (rc == 0) {
        rc = check_step(name, value);
    }
    if (rc < 0) {
        return harness_refuse(h, "step_put", rc);
    }
    const struct wish wish = {.kind = WISH_STEP, .name = name, .value = {value.data, value.len}};
    rc = harness_wish(h, &wish);
    if (rc == 0) {
        rc = harness_commit(h);
    }
    if (rc < 0) {
        h->attempt.notes.broken = rc;
    }
    return rc;
}

// ---- effects ----

static int host_result(struct jh_call *call, struct jh_bytes chunk) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    int rc = harness_check_run(h);
    if (rc == 0) {
        rc = check_bytes(chunk, CHECK_RESULT_MAX - h->attempt.result.len);
    }
    if (rc == 0 && chunk.len > 0) {
        buf_add(&h->attempt.result, chunk.data, chunk.len);
    }
    return harness_refuse(h, "result", rc);
}

static int host_enqueue(struct jh_call *call, const struct jh_child *child) {
    struct jh_harness *h = harness_of(call);
    struct wish wish = {.kind = WISH_CHILD};
    harness_enter(h);
    int rc = harness_check_job(h);
    if (rc == 0) {
        rc = check_child(child, &wish.child);
    }
    if (rc == 0 && !harness_flow_takes(h)) {
        return -ESHUTDOWN;
    }
    if (rc == 0) {
        rc = harness_wish(h, &wish);
    }
    return harness_refuse(h, "enqueue", rc);
}

static int host_warn(struct jh_call *call, const char *code, const char *message) {
    struct jh_harness *h = harness_of(call);
    const struct wish wish = {.kind = WISH_WARN, .name = code, .value = bytes_of(message)};
    harness_enter(h);
    int rc = harness_check_job(h);
    if (rc == 0) {
        rc = check_warn(code, message);
    }
    if (rc == 0) {
        rc = harness_wish(h, &wish);
    }
    return harness_refuse(h, "warn", rc);
}

// ---- the end ----

static jh_status host_fail(struct jh_call *call, const struct jh_failure *failure) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    if ((!h->running && !h->setting_up) || !is_owner(h)) {
        return JH_FAIL;
    }
    struct jh_failure f;
    check_failure(failure, &f);
    f.message = keep_text(h, f.message, JOB_MESSAGE_MAX);
    f.code = keep_text(h, f.code, JOB_CODE_MAX);
    f.scope = keep_text(h, f.scope, JOB_SCOPE_MAX);
    h->attempt.notes.said = SAID_FAIL;
    h->attempt.notes.failure = f;
    return outcome_status(f.cls);
}

static jh_status host_yield(struct jh_call *call, const struct jh_wait *wait) {
    struct jh_harness *h = harness_of(call);
    struct jh_wait w;
    harness_enter(h);
    if (!h->running || !is_owner(h)) {
        return JH_FAIL;
    }
    if (is_query(h)) {
        return host_fail(call, &(struct jh_failure){.size = sizeof(struct jh_failure),
                                                    .cls = JH_E_BUG,
                                                    .message = "yield() was called in a query, "
                                                               "which cannot wait"});
    }
    if (check_wait(wait, &w) < 0) {
        return host_fail(call, &(struct jh_failure){.size = sizeof(struct jh_failure),
                                                    .cls = JH_E_BUG,
                                                    .message = "yield() was called with a bad "
                                                               "struct jh_wait"});
    }
    if (w.kind == JH_WAIT_EVENT && waiting_plain(call, &harness_waiting, &w) == 1) {
        return JH_YIELD;
    }
    w.key = keep_text(h, w.key, JOB_KEY_MAX);
    h->attempt.notes.said = SAID_WAIT;
    h->attempt.notes.wait = w;
    h->attempt.notes.wait_for = NULL;
    return JH_YIELD;
}

// ---- the rest ----

static const char *host_config(struct jh_call *call, const char *option) {
    struct jh_harness *h = harness_of(call);
    harness_enter(h);
    for (size_t i = 0; option != NULL && is_owner(h) && i < h->setting_count; i++) {
        if (strcmp(h->settings[i].name, option) == 0) {
            return h->settings[i].value;
        }
    }
    return NULL;
}

static const void *host_extension(const struct jh_host *host, const char *id) {
    (void)host;
    return id == NULL ? NULL : harness_extension(id);
}

const struct jh_host harness_host = {
    .size = sizeof(struct jh_host),
    .abi_major = JH_ABI_MAJOR,
    .abi_minor = JH_ABI_MINOR,
    .log = host_log,
    .cancelled = host_cancelled,
    .cancel_fd = host_cancel_fd,
    .sleep_ms = host_sleep_ms,
    .progress = host_progress,
    .step_get = host_step_get,
    .step_put = host_step_put,
    .result = host_result,
    .enqueue = host_enqueue,
    .fail = host_fail,
    .yield = host_yield,
    .warn = host_warn,
    .config = host_config,
    .extension = host_extension,
};
