#include "supervisor/query_worker.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jobhost_plugin.h"
#include "supervisor/autopsy.h"
#include "supervisor/crash.h"
#include "supervisor/generation.h"
#include "supervisor/host.h"
#include "supervisor/memory.h"
#include "supervisor/pool_private.h"
#include "supervisor/rollback.h"
#include "supervisor/shutdown.h"
#include "supervisor/worker_gets.h"

enum { QUERIER_PAUSE_MS = 100, QUERIER_PAUSE_DOUBLINGS = 9, QUERIER_PAUSE_MAX_MS = 30000 };

/* ------------------------------------------------------------------ beginning and end */

void querier_want(struct pool *pool) {
    struct err e = {.code = 0};
    if (pool->querier != NULL || timer_running(&pool->plugin->queries.retry)) {
        return;
    }
    struct querier *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return; // those that wait are told in time
    }
    TAILQ_INIT(&k->running);
    pool->querier = k;
    k->worker = worker_spawn(pool, k, &e);
    if (k->worker == NULL) {
        log_error(&pool->host->log, "worker.spawn", "plugin=%s queries=true msg=\"%s\"",
                  pool->config->entry.name, e.msg);
        pool->querier = NULL;
        free(k);
    }
}

static void let_go(struct worker *w) {
    struct record_writer *out = worker_out(w, 0);
    w->state = WORKER_DRAINING;
    w->drained = true;
    if (out != NULL) {
        record_begin(out, REC_DRAIN, 0);
        (void)record_end(out);
    }
}

void querier_retire(struct worker *w, const char *why) {
    w->querier->leaving = true;
    if (w->state == WORKER_SPAWNED || w->state == WORKER_LOADED) {
        w->for_drain = true;
        worker_kill(w, why);
    } else if (w->state == WORKER_READY && w->querier->count == 0) {
        let_go(w);
    }
}

void querier_leave(struct pool *pool, const char *why) {
    if (pool->querier != NULL) {
        querier_retire(pool->querier->worker, why);
    }
}

void querier_on_ready(struct worker *w) {
    struct host *host = w->host;
    w->state = WORKER_READY;
    w->ready_mono_ms = env_mono_ms(&host->env);
    timer_cancel(host->timers, &w->start_timer);
    log_info(&host->log, "worker.ready", "plugin=%s build=%s pid=%d queries=true start_ms=%lld",
             w->pool->config->entry.name, w->pool->build, (int)w->pid,
             (long long)(w->ready_mono_ms - w->spawned_mono_ms));
    if (w->querier->leaving) {
        let_go(w);
    } else {
        queries_place(&w->pool->plugin->queries);
    }
}

void querier_free(struct pool *pool) {
    struct querier *k = pool->querier;
    struct query *q;
    if (k == NULL) {
        return;
    }
    while ((q = TAILQ_FIRST(&k->running)) != NULL) {
        TAILQ_REMOVE(&k->running, q, link);
        query_free(q);
    }
    worker_free(k->worker);
    free(k);
    pool->querier = NULL;
}

/* ------------------------------------------------------------------ its death */

static bool is_running(const struct worker *w, const struct query *q) {
    for (unsigned i = 0; i < QUERY_THREADS; i++) {
        if (atomic_load_explicit(&w->page->thread[i].job, memory_order_acquire) == q->slot) {
            return true;
        }
    }
    return false;
}

static bool has_begun(const struct worker *w, const struct query *q) {
    for (unsigned i = 0; i < QUERY_THREADS; i++) {
        if (atomic_load_explicit(&w->page->thread[i].last, memory_order_acquire) >= q->slot) {
            return true;
        }
    }
    return false;
}

static void answer_crashed(struct query *q, struct crash *crash, bool guilty) {
    struct problem problem = {.status = guilty ? 502 : 503,
                              .code = guilty ? "query_crashed" : "query_lost"};
    (void)snprintf(problem.message, sizeof problem.message, "%s",
                   guilty ? "the query ended its process"
                          : "the process that ran the query has ended; try again");
    if (guilty && crash->type[0] == '\0') {
        (void)snprintf(crash->type, sizeof crash->type, "%s", q->type);
    }
    query_answer(q, guilty ? "crashed" : "busy", &problem, guilty ? 0 : 1000);
}

/* Which are charged: what the process was killed in, or all that ran. What had not begun waits again. */
static void settle(struct worker *w, struct crash *crash, bool crashed) {
    struct querier *k = w->querier;
    struct query *q;
    while ((q = TAILQ_LAST(&k->running, query_list)) != NULL) {
        bool named = w->crashed && w->crash_slot != 0;
        bool begun = is_running(w, q) || (crashed && has_begun(w, q));
        TAILQ_REMOVE(&k->running, q, link);
        k->count--;
        if (!begun) {
            query_put_back(q);
            continue;
        }
        answer_crashed(q, crash, crashed && (!named || w->crash_slot == q->slot));
        query_free(q);
    }
}

static void pause_before_next(struct queries *all) {
    unsigned n = all->deaths < QUERIER_PAUSE_DOUBLINGS ? all->deaths : QUERIER_PAUSE_DOUBLINGS;
    int64_t pause = (int64_t)QUERIER_PAUSE_MS << n;
    pause = pause < QUERIER_PAUSE_MAX_MS ? pause : QUERIER_PAUSE_MAX_MS;
    all->deaths++;
    (void)timer_set(all->host->net_timers, &all->retry, env_mono_ms(&all->host->net_env) + pause);
}

void querier_on_gone(struct worker *w) {
    struct pool *pool = w->pool;
    struct host *host = w->host;
    struct queries *all = &pool->plugin->queries;
    struct crash crash;
    pool_note_end(w, &crash);
    bool crashed = autopsy_is_crash(w), drained = w->said_bye || w->for_drain;
    settle(w, &crash, crashed);
    if (crashed) {
        crash_log_add(&pool->plugin->crash_log, &crash);
    }
    querier_free(pool);
    if (host->phase != HOST_RUNNING) {
        shutdown_progress(host);
        return;
    }
    if (!drained) {
        pause_before_next(all);
    }
    queries_place(all);
    if (crashed) {
        rollback_note(pool);
    }
    generation_end(pool);
}

/* ------------------------------------------------------------------ giving it something to do */

bool querier_has_room(const struct pool *pool) {
    const struct querier *k = pool->querier;
    const struct worker *w = k == NULL ? NULL : k->worker;
    return w != NULL && w->state == WORKER_READY && !w->blocked && !w->eof && !w->reaped &&
           w->kill_why == NULL && !w->for_a_job && !k->leaving && k->count < QUERY_THREADS;
}

static int send_query(struct worker *w, const struct query *q, uint32_t handler) {
    char id[JOB_ID_TEXT + 1];
    size_t inline_len = q->payload.len > RECORD_INLINE_MAX ? 0 : q->payload.len;
    struct record_writer *out = worker_out(w, inline_len);
    int64_t now = env_wall_ms(&w->host->env);
    id_format(&q->id, id);
    if (out == NULL) {
        return -EPIPE;
    }
    // its time is the supervisor's to keep, by a clock that no test moves
    return msg_job_put(out, q->slot,
                       &(struct msg_job){.handler = handler,
                                         .attempt = 1,
                                         .id = id,
                                         .content_type = "application/json",
                                         .payload = {.data = q->payload},
                                         .deadline_ms = now + QUERY_MS,
                                         .tenant = q->tenant,
                                         .first_run_ms = now,
                                         .seed = id_seed(&q->id),
                                         .max_result = QUERY_RESULT_MAX});
}

bool querier_place(struct pool *pool, struct query *q) {
    struct querier *k = pool->querier;
    struct worker *w = k->worker;
    const struct pool_handler *h = pool_find_handler(pool, q->type);
    q->slot = ++w->slot_seq;
    if (send_query(w, q, (uint32_t)(h - pool->manifest.handlers)) != 0) {
        return false;
    }
    q->worker = w;
    TAILQ_INSERT_TAIL(&k->running, q, link);
    k->count++;
    memory_watch(w);
    return true;
}

void querier_cancel(struct query *q) {
    struct record_writer *out = worker_out(q->worker, 64);
    if (q->stop != STOP_NOT) {
        return;
    }
    q->stop = STOP_ASKED;
    if (out != NULL) {
        record_begin(out, REC_CANCEL, q->slot);
        record_u32(out, JH_CANCEL_DEADLINE);
        (void)record_end(out);
    }
}

struct query *querier_slot(const struct worker *w, uint64_t slot) {
    struct query *q;
    TAILQ_FOREACH(q, &w->querier->running, link) {
        if (q->slot == slot) {
            return q;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------ what it says */

static void forget(struct worker *w, struct query *q) {
    TAILQ_REMOVE(&w->querier->running, q, link);
    w->querier->count--;
}

static int on_progress(struct worker *w, struct query *q, struct record *r, struct err *e) {
    struct msg_progress m;
    (void)w;
    (void)q;
    (void)e;
    return msg_progress_get(r, &m); // nobody watches
}

static int on_get(struct worker *w, struct query *q, struct record *r, struct err *e) {
    struct msg_get m;
    int err = msg_get_get(r, &m);
    err = err != 0 ? err : worker_get_for_query(w, q, &m);
    return err == -EBADMSG ? err_set(e, err, "a query asks for what it may not have") : err;
}

/* Sent once, when run() has returned: in the record, or as a file. */
static int on_result(struct worker *w, struct query *q, struct record *r, struct err *e) {
    int fd = -1;
    struct bytes content = record_get_bytes(r, &fd);
    const void *map = NULL;
    bool done = record_done(r) == 0;
    (void)w;
    (void)e;
    q->result_over = content.len > QUERY_RESULT_MAX;
    if (done && fd != -1 && content.len > 0 && !q->result_over) {
        map = record_map(fd, content.len);
        content.data = map;
    }
    if (fd != -1) {
        (void)close(fd);
    }
    if (!done || (fd != -1 && content.len > 0 && !q->result_over && map == NULL)) {
        return done ? -ENOMEM : -EBADMSG;
    }
    if (!q->result_over) {
        buf_clear(&q->result);
        buf_add(&q->result, content.data, content.len);
    }
    if (map != NULL) {
        (void)munmap((void *)(uintptr_t)map, content.len);
    }
    return 0;
}

static int on_result_type(struct worker *w, struct query *q, struct record *r, struct err *e) {
    const char *type = record_get_str(r);
    (void)w;
    (void)e;
    if (record_done(r) != 0 || type == NULL || strlen(type) > JOB_CONTENT_TYPE_MAX) {
        return -EBADMSG;
    }
    free(q->result_type);
    q->result_type = strdup(type);
    return q->result_type == NULL ? -ENOMEM : 0;
}

static int on_done(struct worker *w, struct query *q, struct record *r, struct err *e) {
    struct msg_done m;
    int err = msg_done_get(r, &m);
    (void)e;
    if (err != 0) {
        return err;
    }
    struct pool *pool = w->pool;
    forget(w, q);
    w->jobs_done++;
    query_done(q, &m);
    if (w->querier->leaving) {
        querier_retire(w, "its generation has been replaced");
    } else {
        queries_place(&pool->plugin->queries);
    }
    return 0;
}

static int on_nack(struct worker *w, struct query *q, struct record *r, struct err *e) {
    (void)e;
    if (record_done(r) != 0) {
        return -EBADMSG;
    }
    forget(w, q);
    query_put_back(q);
    queries_place(&w->pool->plugin->queries);
    return 0;
}

int querier_record(struct worker *w, struct record *r, struct err *e) {
    static const struct {
        uint16_t type;
        int (*take)(struct worker *w, struct query *q, struct record *r, struct err *e);
    } rows[] = {
        {REC_PROGRESS, on_progress},       {REC_GET, on_get},   {REC_RESULT, on_result},
        {REC_RESULT_TYPE, on_result_type}, {REC_DONE, on_done}, {REC_NACK, on_nack},
    };
    struct query *q = querier_slot(w, r->h.job);
    if (q == NULL) {
        return err_set(e, -EPROTO, "record of type %u names query %llu, which it does not have",
                       (unsigned)r->h.type, (unsigned long long)r->h.job);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].type == r->h.type) {
            return rows[i].take(w, q, r, e);
        }
    }
    return err_set(e, -EPROTO, "a query sends a record of type %u", (unsigned)r->h.type);
}
