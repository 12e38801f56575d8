#include "worker/call.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/outcome.h"
#include "worker/ask.h"
#include "worker/call_blob.h"
#include "worker/call_clock.h"
#include "worker/call_event.h"
#include "worker/call_flow.h"
#include "worker/call_http.h"
#include "worker/call_kv.h"
#include "worker/call_limit.h"
#include "worker/call_operator.h"
#include "worker/call_result.h"
#include "worker/call_step.h"
#include "worker/check.h"
#include "worker/receive.h"
#include "worker/state.h"

// ---- who may call ----

static bool is_setup(const struct call *c) {
    return c->runner == NULL && pthread_equal(c->owner, pthread_self()) != 0;
}

static bool is_run(const struct call *c) {
    return c->runner != NULL && atomic_load_explicit(&c->slot, memory_order_relaxed) != 0 &&
           pthread_equal(c->owner, pthread_self()) != 0;
}

int call_check(const struct call *c) {
    return is_run(c) ? c->notes.broken : -EPERM;
}

int call_check_job(const struct call *c) {
    int rc = call_check(c);
    return rc == 0 && task_is_query(c->task) ? -EROFS : rc;
}

int call_refuse(struct call *c, const char *name, int rc) {
    if (rc < 0 && is_run(c)) {
        c->notes.refused = rc;
        c->notes.refused_call = name;
        c->notes.refused_words = NULL;
    }
    return rc;
}

// ---- log ----

static void host_log(struct jh_call *pub, int32_t level, const char *msg) {
    struct call *c = call_of(pub);
    if (msg == NULL || level < c->worker->log_level) {
        return;
    }
    char line[CHECK_LOG_MAX + 1];
    size_t len = check_cut(msg, CHECK_LOG_MAX);
    memcpy(line, msg, len);
    line[len] = '\0';
    const struct msg_log m = {.level = level > JH_LOG_ERROR ? JH_LOG_ERROR : level, .text = line};
    sender_lock(c->sender);
    uint64_t slot = atomic_load(&c->slot);
    if (slot != 0 || c->runner == NULL) { // a thread that outlived its run() has nobody to tell
        int rc;
        do {
            rc = msg_log_put(&c->sender->w, slot, &m);
        } while (sender_again(c->sender, &rc));
        call_show(c);
    }
    sender_unlock(c->sender);
}

// What people watch is sent at once, except at the beginning of a run, which may be over in a
// moment: then it goes with DONE, or the keeper sends it.
void call_show(struct call *c) {
    int64_t now = env_stopwatch_us();
    sender_hurry(c->sender, now);
    if (c->runner == NULL ||
        now - atomic_load_explicit(&c->began_us, memory_order_relaxed) > SENDER_PATIENCE_US) {
        (void)sender_flush(c->sender);
    }
}

// ---- cancelling ----

static uint32_t host_cancelled(struct jh_call *pub) {
    return atomic_load_explicit(&call_of(pub)->cancelled, memory_order_acquire);
}

static int host_cancel_fd(struct jh_call *pub) {
    struct call *c = call_of(pub);
    if (c->runner == NULL || atomic_load(&c->slot) == 0) {
        return -EPERM;
    }
    (void)pthread_mutex_lock(&c->worker->lock);
    if (c->cancel_fd == -1) {
        int fd = eventfd(atomic_load(&c->cancelled) != 0 ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
        c->cancel_fd = fd;
    }
    int fd = c->cancel_fd == -1 ? -EMFILE : c->cancel_fd;
    (void)pthread_mutex_unlock(&c->worker->lock);
    return fd;
}

void call_cancel(struct call *c, uint32_t mask) {
    uint32_t before = atomic_fetch_or(&c->cancelled, mask);
    if (before == 0 && mask != 0) {
        if (c->cancel_fd != -1) {
            (void)eventfd_write(c->cancel_fd, 1);
        }
        receive_wake(c->worker, c->runner);
    }
}

// A cancel may come when its run() is just over; it must not meet the next one.
void call_uncancel(struct call *c) {
    if (atomic_exchange(&c->cancelled, 0) != 0 && c->cancel_fd != -1) {
        eventfd_t count;
        (void)eventfd_read(c->cancel_fd, &count);
    }
}

static bool was_cancelled(const struct runner *r) {
    return atomic_load_explicit(&r->call.cancelled, memory_order_acquire) != 0;
}

static int host_sleep_ms(struct jh_call *pub, int64_t ms) {
    struct call *c = call_of(pub);
    if (!is_run(c)) {
        return -EPERM;
    }
    struct worker *w = c->worker;
    sender_lock(c->sender);
    (void)sender_flush(c->sender);
    sender_unlock(c->sender);
    int64_t now = env_mono_ms(&w->env);
    int64_t until = ms <= 0 ? now : ms > INT64_MAX - now ? INT64_MAX : now + ms;
    (void)pthread_mutex_lock(&w->lock);
    (void)receive_wait(w, c->runner, was_cancelled, until);
    (void)pthread_mutex_unlock(&w->lock);
    return was_cancelled(c->runner) ? 1 : 0;
}

// ---- progress ----

void call_put_progress(struct call *c, int64_t now_us) {
    struct call_progress *p = &c->progress;
    const struct msg_progress m = {p->done, p->total, p->has_message ? p->message : NULL};
    int rc;
    do {
        rc = msg_progress_put(&c->sender->w, atomic_load(&c->slot), &m);
    } while (sender_again(c->sender, &rc));
    p->pending = false;
    p->sent_us = now_us;
}

static int host_progress(struct jh_call *pub, uint64_t done, uint64_t total, const char *message) {
    struct call *c = call_of(pub);
    int rc = call_check(c);
    if (rc < 0) {
        return rc;
    }
    struct call_progress *p = &c->progress;
    int64_t now = env_stopwatch_us();
    sender_lock(c->sender);
    p->done = done;
    p->total = total;
    p->has_message = message != NULL;
    if (message != NULL) {
        size_t len = check_cut(message, JOB_MESSAGE_MAX);
        memcpy(p->message, message, len);
        p->message[len] = '\0';
    }
    p->pending = true;
    if (p->sent_us == 0 || now - p->sent_us >= KEEPER_PROGRESS_US) {
        call_put_progress(c, now);
        call_show(c);
    } else {
        sender_hurry(c->sender, now);
    }
    sender_unlock(c->sender);
    return 0;
}

// ---- effects ----

int call_child(struct call *c, const char *name, const struct jh_child *child,
               int (*put)(struct record_writer *w, uint64_t job, const struct msg_child *m)) {
    struct jh_child k;
    int rc = call_check_job(c);
    if (rc == 0) {
        rc = check_child(child, &k);
    }
    if (rc == 0) {
        rc = check_count_child(&c->sum, &k);
    }
    if (rc < 0) {
        return call_refuse(c, name, rc);
    }
    const struct msg_child m = {
        .priority = k.priority,
        .handler = k.handler,
        .dedup_key = k.dedup_key,
        .payload = {.data = {k.payload.data, k.payload.len}},
        .delay_ms = k.delay_ms,
        .spread_ms = k.spread_ms,
        .queue = k.queue,
        .tenant = k.tenant,
        .labels = k.labels,
    };
    sender_lock(c->sender);
    do {
        rc = put(&c->sender->w, c->task->slot, &m);
    } while (sender_again(c->sender, &rc));
    sender_unlock(c->sender);
    return rc;
}

static int host_enqueue(struct jh_call *pub, const struct jh_child *child) {
    struct call *c = call_of(pub);
    int rc = call_check(c) == 0 ? call_flow_takes(c) : 0;
    return rc < 0 ? rc : call_child(c, "enqueue", child, msg_child_put);
}

static int host_warn(struct jh_call *pub, const char *code, const char *message) {
    struct call *c = call_of(pub);
    int rc = call_check_job(c);
    if (rc == 0) {
        rc = check_warn(code, message);
    }
    if (rc == 0) {
        rc = check_count(&c->sum, CHECK_WARN_WEIGHT);
    }
    if (rc < 0) {
        return call_refuse(c, "warn", rc);
    }
    const struct msg_warn m = {code, message};
    sender_lock(c->sender);
    do {
        rc = msg_warn_put(&c->sender->w, c->task->slot, &m);
    } while (sender_again(c->sender, &rc));
    sender_unlock(c->sender);
    return rc;
}

// ---- how it ends ----

static const char *keep_text(struct call *c, const char *text, size_t max) {
    if (text == NULL) {
        return NULL;
    }
    size_t len = check_cut(text, max);
    const struct bytes copy = arena_bytes(&c->arena, (struct bytes){text, len});
    return copy.data; // arena_bytes() ends it with NUL
}

static jh_status host_fail(struct jh_call *pub, const struct jh_failure *failure) {
    struct call *c = call_of(pub);
    if (!is_setup(c) && !is_run(c)) {
        return JH_FAIL;
    }
    struct jh_failure f;
    check_failure(failure, &f);
    f.message = keep_text(c, f.message, JOB_MESSAGE_MAX);
    f.code = keep_text(c, f.code, JOB_CODE_MAX);
    f.scope = keep_text(c, f.scope, JOB_SCOPE_MAX);
    c->notes.said = SAID_FAIL;
    c->notes.failure = f;
    return outcome_status(f.cls);
}

static jh_status host_yield(struct jh_call *pub, const struct jh_wait *wait) {
    struct call *c = call_of(pub);
    if (!is_run(c)) {
        return JH_FAIL;
    }
    if (task_is_query(c->task)) {
        return host_fail(pub, &(struct jh_failure){.size = sizeof(struct jh_failure),
                                                   .cls = JH_E_BUG,
                                                   .message = "yield() was called in a query, "
                                                              "which cannot wait"});
    }
    struct jh_wait w;
    if (check_wait(wait, &w) < 0) {
        return host_fail(pub, &(struct jh_failure){.size = sizeof(struct jh_failure),
                                                   .cls = JH_E_BUG,
                                                   .message = "yield() was called with a bad "
                                                              "struct jh_wait"});
    }
    if (w.kind == JH_WAIT_EVENT && waiting_plain(pub, &call_waiting, &w) == 1) {
        return JH_YIELD;
    }
    w.key = keep_text(c, w.key, JOB_KEY_MAX);
    c->notes.said = SAID_WAIT;
    c->notes.wait = w;
    c->notes.wait_for = NULL;
    return JH_YIELD;
}

// ---- the rest ----

static const char *host_config(struct jh_call *pub, const char *option) {
    struct call *c = call_of(pub);
    return is_setup(c) || is_run(c) ? settings_value(&c->worker->settings, option) : NULL;
}

static const void *host_extension(const struct jh_host *host, const char *id) {
    static const struct {
        const char *id;
        const void *table;
    } extensions[] = {
        {JH_BLOB_1, &call_blob_table},   {JH_KV_1, &call_kv_table},
        {JH_CLOCK_1, &call_clock_table}, {JH_OPERATOR_1, &call_operator_table},
        {JH_LIMIT_1, &call_limit_table}, {JH_EVENT_1, &call_event_table},
        {JH_FLOW_1, &call_flow_table},
    };
    (void)host;
    if (id != NULL && strcmp(id, JH_HTTP_1) == 0) {
        return call_http_table();
    }
    for (size_t i = 0; id != NULL && i < ARRAY_LEN(extensions); i++) {
        if (strcmp(extensions[i].id, id) == 0) {
            return extensions[i].table;
        }
    }
    return NULL;
}

const struct jh_host call_host = {
    .size = sizeof(struct jh_host),
    .abi_major = JH_ABI_MAJOR,
    .abi_minor = JH_ABI_MINOR,
    .log = host_log,
    .cancelled = host_cancelled,
    .cancel_fd = host_cancel_fd,
    .sleep_ms = host_sleep_ms,
    .progress = host_progress,
    .step_get = call_step_get,
    .step_put = call_step_put,
    .result = call_result_add,
    .enqueue = host_enqueue,
    .fail = host_fail,
    .yield = host_yield,
    .warn = host_warn,
    .config = host_config,
    .extension = host_extension,
};

// ---- life ----

void call_init(struct call *c, struct worker *w, struct sender *sender, struct runner *runner) {
    memset(c, 0, sizeof *c);
    c->pub.host = &call_host;
    c->worker = w;
    c->sender = sender;
    c->runner = runner;
    c->owner = pthread_self();
    c->cancel_fd = -1;
    c->answer.fd = -1;
    c->result.fd = -1;
}

void call_begin(struct call *c, struct task *t, int64_t now_us) {
    c->task = t;
    c->notes = (struct verdict_notes){0};
    c->commit_no = t->message.commit_no;
    c->flow.harmless = c->commit_no == 0;
    c->sum = (struct check_sum){0};
    c->random = t->job.seed;
    atomic_store_explicit(&c->began_us, now_us, memory_order_relaxed);
}

void call_end(struct call *c) {
    steps_finish(&c->steps);
    pending_clear(&c->pending);
    call_result_finish(c);
    ask_unmap(c);
    c->claims = NULL; // in the arena
    c->tickets = NULL;
    c->waits = NULL;
    call_flow_finish(c);
    call_http_forget(c);
    arena_free(&c->arena);
    c->task = NULL;
}

void call_finish(struct call *c) {
    call_end(c);
    call_http_finish(c);
    if (c->cancel_fd != -1) {
        (void)close(c->cancel_fd);
    }
}
