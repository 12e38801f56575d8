#include "worker/runner.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "worker/call_result.h"
#include "worker/crash.h"
#include "worker/receive.h"
#include "worker/state.h"

// ---- one job ----

// A moving average over about eight runs says what to expect of a handler.
static void learn_time(_Atomic uint32_t *usual, uint32_t run_us) {
    uint32_t old = atomic_load_explicit(usual, memory_order_relaxed);
    uint32_t next = old == 0 ? run_us : (uint32_t)(((uint64_t)old * 7 + run_us) / 8);
    atomic_store_explicit(usual, next, memory_order_relaxed);
}

static void send_before(struct runner *r, bool slow) {
    struct sender *s = &r->sender;
    sender_lock(s);
    if (slow || (s->since_us != 0 && r->now_us - s->since_us > SENDER_PATIENCE_US)) {
        (void)sender_flush(s);
        r->unsent = false;
    }
    sender_unlock(s);
}

static jh_status run_handler(struct runner *r, struct task *t) {
    struct call *c = &r->call;
    if (fault(FAULT_WORKER_BEFORE_RUN) < 0) {
        c->notes.broken = -EIO;
        return JH_OK;
    }
    jh_status status = t->handler->run(r->worker->self, &c->pub, &t->job);
    if (fault(FAULT_WORKER_AFTER_RUN) < 0) {
        c->notes.broken = -EIO;
    }
    return status;
}

static int put_done(struct runner *r, const struct verdict *v, uint32_t cancelled,
                    uint32_t run_us) {
    const struct msg_done m = {
        .status = v->status,
        .cls = v->cls,
        .retry_after_ms = v->failure.retry_after_ms,
        .scope = v->failure.scope,
        .message = v->failure.message,
        .code = v->failure.code,
        .failure_flags = v->failure.flags,
        .wait_kind = v->wait.kind,
        .wake_at_ms = v->wait.wake_at_ms,
        .wait_key = v->wait.key,
        .wait_for = v->wait_for,
        .wait_timeout_ms = v->wait.timeout_ms,
        .cancel_mask = cancelled,
        .run_us = run_us,
    };
    int rc;
    do {
        rc = msg_done_put(&r->sender.w, r->call.task->slot, &m);
    } while (sender_again(&r->sender, &rc));
    return rc;
}

// The last commit of the attempt: held-back progress, the result, DONE.
static void send_end(struct runner *r, jh_status status, uint32_t run_us) {
    struct call *c = &r->call;
    struct sender *s = &r->sender;
    uint32_t cancelled = atomic_load(&c->cancelled);
    struct verdict v;
    verdict_reach(&c->notes, status, cancelled, &v);
    bool keep = v.status == JH_OK || (v.failure.flags & JH_FAILURE_KEEP_RESULT) != 0;
    sender_lock(s);
    if (c->progress.pending) {
        call_put_progress(c, r->now_us);
    }
    int rc = keep ? call_result_put(c) : 0;
    if (rc < 0) {
        c->notes.broken = rc;
        verdict_reach(&c->notes, JH_OK, cancelled, &v);
    }
    (void)put_done(r, &v, cancelled, run_us);
    // From here on nobody may add to this job: foreign threads look at the slot with this lock
    // held.
    atomic_store(&c->slot, 0);
    c->progress.pending = false;
    c->progress.sent_us = 0;
    sender_hurry(s, r->now_us);
    r->unsent = ++s->done < SENDER_BATCH && s->w.packet.len <= SENDER_FULL;
    if (!r->unsent) {
        (void)sender_flush(s);
    }
    sender_unlock(s);
}

static void run_task(struct runner *r, struct task *t) {
    struct worker *w = r->worker;
    _Atomic uint32_t *usual = &w->handler_us[t->message.handler];
    if (r->unsent) {
        send_before(r, atomic_load_explicit(usual, memory_order_relaxed) > RUNNER_SLOW_US);
    }
    // the supervisor counts its timeout from here, by the clock that both have
    int64_t since_us = env_is_virtual(&w->env) ? env_mono_ms(&w->env) * 1000 : r->now_us;
    atomic_store_explicit(&r->mark->since_us, since_us, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->mark->started, 1, memory_order_relaxed);
    atomic_store_explicit(&r->mark->last, t->slot, memory_order_relaxed);
    atomic_store_explicit(&r->mark->job, t->slot, memory_order_release);

    jh_status status = run_handler(r, t);

    int64_t began = r->now_us;
    r->now_us = env_stopwatch_us();
    int64_t took = r->now_us - began;
    uint32_t run_us = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    learn_time(usual, run_us);
    send_end(r, status, run_us);
    atomic_store_explicit(&r->mark->job, 0, memory_order_release);
}

// ---- one job after the other ----

static bool has_work(const struct runner *r) {
    const struct worker *w = r->worker;
    return w->phase != PHASE_SERVING || task_queue_ready(&w->queue);
}

// With worker->lock held; NULL: this thread shall end.
static struct task *wait_for_task(struct runner *r) {
    struct worker *w = r->worker;
    while (w->phase == PHASE_SERVING) {
        struct task *t = task_queue_take(&w->queue);
        if (t != NULL) {
            return t;
        }
        (void)pthread_mutex_unlock(&w->lock);
        sender_lock(&r->sender);
        (void)sender_flush(&r->sender);
        r->unsent = false;
        sender_unlock(&r->sender);
        (void)pthread_mutex_lock(&w->lock);
        r->idle = true;
        (void)receive_wait(w, r, has_work, -1);
        r->idle = false;
        r->now_us = env_stopwatch_us();
    }
    return NULL;
}

static void begin(struct runner *r, struct task *t) {
    struct worker *w = r->worker;
    struct call *c = &r->call;
    int64_t timeout = t->message.timeout_ms;
    timeout = timeout < JOB_SPAN_MAX_MS ? timeout : JOB_SPAN_MAX_MS; // so that it can be added
    call_begin(c, t, r->now_us);
    c->timeout_at_ms = timeout > 0 ? env_mono_ms(&w->env) + timeout : 0;
    call_uncancel(c);
    atomic_store(&c->slot, t->slot);
    w->unwatched_us = w->receiving ? w->unwatched_us : r->now_us;
    receive_pass_on(w);
}

static void *run_thread(void *arg) {
    struct runner *r = arg;
    struct worker *w = r->worker;
    crash_watch_thread(&r->call);
    r->call.owner = pthread_self();
    r->now_us = env_stopwatch_us();
    (void)pthread_mutex_lock(&w->lock);
    struct task *t;
    while ((t = wait_for_task(r)) != NULL) {
        begin(r, t);
        (void)pthread_mutex_unlock(&w->lock);
        run_task(r, t);
        call_end(&r->call);
        (void)pthread_mutex_lock(&w->lock);
        task_queue_ran(&w->queue, t);
        task_free(t);
    }
    (void)pthread_mutex_unlock(&w->lock);
    sender_lock(&r->sender);
    (void)sender_flush(&r->sender);
    sender_unlock(&r->sender);
    (void)pthread_mutex_lock(&w->lock);
    w->live_runners--;
    keeper_nudge(w, 0);
    (void)pthread_mutex_unlock(&w->lock);
    crash_unwatch_thread();
    return NULL;
}

// ---- all of them ----

static int prepare(struct worker *w, uint32_t index) {
    struct runner *r = &w->runners[index];
    r->worker = w;
    r->index = index;
    r->mark = &w->page->thread[index];
    sender_init(&r->sender, w->sock);
    call_init(&r->call, w, &r->sender, r);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    int rc = pthread_cond_init(&r->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return -rc;
}

int runner_start_all(struct worker *w) {
    w->live_runners = w->runner_count;
    for (uint32_t i = 0; i < w->runner_count; i++) {
        int rc = prepare(w, i);
        if (rc < 0) {
            return rc;
        }
    }
    for (uint32_t i = 0; i < w->runner_count; i++) {
        int rc = pthread_create(&w->runners[i].thread, NULL, run_thread, &w->runners[i]);
        if (rc != 0) {
            return -rc;
        }
    }
    return 0;
}

void runner_join_all(struct worker *w) {
    for (uint32_t i = 0; i < w->runner_count; i++) {
        struct runner *r = &w->runners[i];
        (void)pthread_join(r->thread, NULL);
        call_finish(&r->call);
        sender_finish(&r->sender);
        (void)pthread_cond_destroy(&r->wake);
    }
}
