/* What a worker's records mean. One row a record type: in which states of the worker it is allowed,
 * whether it names a job, and who takes it. Anything else is a breach of the protocol. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/waits.h"
#include "supervisor/beat.h"
#include "supervisor/confine.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/lane.h"
#include "supervisor/pool_private.h"
#include "supervisor/query_worker.h"
#include "supervisor/worker_flows.h"
#include "supervisor/worker_gets.h"
#include "supervisor/worker_limits.h"

enum {
    IN_SPAWNED = 1,
    IN_LOADED = 2,
    IN_READY = 4,
    IN_DRAINING = 8,
    IN_ANY = 15,
    IN_WORK = 12
}; /* 1 << enum worker_state */
enum { JOB_NONE, JOB_REQUIRED, JOB_OPTIONAL };

static int on_hello(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)a;
    struct arena arena = {.head = NULL};
    struct msg_hello m;
    int err = msg_hello_get(r, &arena, &m);
    if (err == 0 && m.wire_version != RECORD_WIRE_VERSION) {
        err = err_set(e, -EPROTO, "it speaks version %u of the protocol, not %d", m.wire_version,
                      (int)RECORD_WIRE_VERSION);
    }
    if (err == 0) {
        w->load_begin = m.load_begin;
        w->load_end = m.load_end;
        err = pool_on_hello(w, &m, e);
    }
    arena_free(&arena);
    return err;
}

static int on_note(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)a;
    struct msg_note m;
    int err = msg_note_get(r, &m);
    err = err != 0 ? err : confine_note(w->pool, &m);
    return err == -EPROTO ? err_set(e, err, "a note that makes no sense") : err;
}

static int on_ready(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)a;
    (void)e;
    if (record_done(r) != 0) {
        return -EBADMSG;
    }
    pool_on_ready(w);
    return 0;
}

/* The worker knows its plugin by the snapshot's path only; the user knows the file. */
static int on_fail(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)a;
    (void)e;
    struct msg_fail m;
    int err = msg_fail_get(r, &m);
    if (err != 0) {
        return err;
    }
    const char *words = m.message == NULL ? "no reason given" : m.message;
    size_t path = strlen(w->pool->snapshot.path);
    bool named = strncmp(words, w->pool->snapshot.path, path) == 0;
    snprintf(w->fail_text, sizeof w->fail_text, "%s: %s%s", m.stage,
             named ? w->pool->config->file : "", named ? words + path : words);
    return 0;
}

/* Where the host itself cannot say that its jobs are its own, no worker that has some shall believe
 * it: its own clock runs on. */
static int on_ping(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)a;
    (void)e;
    bool sure = w->outstanding == 0 || beat_is_held(w->host);
    struct record_writer *out = sure ? worker_out(w, 64) : NULL;
    if (out != NULL) {
        record_begin(out, REC_PONG, 0);
        (void)record_end(out);
    }
    return record_done(r);
}

static int on_nack(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    int64_t since;
    bool begun = a->effects != NULL || a->asking || a->committing ||
                 a->commit_no != a->job->commit_no || worker_is_running(w, a, &since);
    if (record_done(r) != 0 || begun) {
        return err_set(e, -EPROTO, "it gives a job back that it has begun");
    }
    worker_forget(w, a);
    a->worker = NULL;
    dispatch_return(a);
    return 0;
}

/* A plugin that logs without end fills its jobs' tails, not the host's log. */
static bool on_log_fits(struct worker *w) {
    int64_t second = env_stopwatch_us() / 1000000;
    if (second != w->log_second) {
        if (w->log_lines > WORKER_LOG_LINES) {
            log_warn(&w->host->log, "plugin.log_dropped", "plugin=%s pid=%d lines=%u",
                     w->pool->config->entry.name, (int)w->pid, w->log_lines - WORKER_LOG_LINES);
        }
        w->log_second = second;
        w->log_lines = 0;
    }
    return ++w->log_lines <= WORKER_LOG_LINES;
}

static int on_log(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)e;
    struct msg_log m;
    int err = msg_log_get(r, &m);
    if (err != 0) {
        return err;
    }
    static const enum log_level levels[] = {LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN,
                                            LOG_LEVEL_ERROR};
    enum log_level level = m.level < 0 || m.level > 3 ? LOG_LEVEL_INFO : levels[m.level];
    char id[JOB_ID_TEXT + 1] = "";
    if (a != NULL) {
        id_format(&a->job->spec.id, id);
        attempt_on_log(a, &m);
    }
    if (on_log_fits(w)) {
        log_write(&w->host->log, level, "plugin.log", "plugin=%s pid=%d job=%s msg=\"%s\"",
                  w->pool->config->entry.name, (int)w->pid, id, m.text);
    }
    return 0;
}

static int on_progress(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)w;
    (void)e;
    struct msg_progress m;
    int err = msg_progress_get(r, &m);
    return err != 0 ? err : attempt_on_progress(a, &m);
}

static int on_get(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)e;
    struct msg_get m;
    int err = msg_get_get(r, &m);
    return err != 0 ? err : worker_get(w, a, &m);
}

static int on_output(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    struct msg_output m;
    int err = msg_output_get(r, &m);
    err = err != 0 ? err : worker_output(w, a, &m);
    if (err == -EBADMSG) {
        err_set(e, err, "an output over a limit or out of turn");
    }
    return err;
}

static int on_limit(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    struct msg_limit m;
    int err = msg_limit_get(r, &m);
    err = err != 0 ? err : worker_limit(w, a, &m);
    if (err == -EBADMSG) {
        err_set(e, err, "a limit is asked for out of turn, or out of bounds");
    }
    return err;
}

static int on_flow(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    struct msg_flow m;
    int err = msg_flow_get(r, &m);
    err = err != 0 ? err : worker_flow(w, a, &m);
    if (err == -EBADMSG) {
        err_set(e, err, "a flow is asked about out of turn, or out of bounds");
    }
    return err;
}

static int on_effect(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)w;
    int err = a->committing ? -EPROTO : attempt_on_effect(a, r);
    if (err != 0) {
        err_set(e, err, "effect of type %u over a limit or out of turn", (unsigned)r->h.type);
    }
    return err;
}

static int on_commit(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)w;
    uint32_t commit_no = record_get_u32(r);
    int err = record_done(r) != 0 ? -EBADMSG : attempt_on_commit(a, commit_no);
    if (err == -EPROTO) {
        err_set(e, err, "commit %u is out of order", commit_no);
    }
    return err;
}

/* The worker cuts texts to these, so a longer one is not its own. */
static bool on_done_fits(const struct msg_done *m) {
    const struct {
        const char *text;
        size_t max;
    } texts[] = {{m->scope, JOB_SCOPE_MAX},
                 {m->message, JOB_MESSAGE_MAX},
                 {m->code, JOB_CODE_MAX},
                 {m->wait_key, JOB_KEY_MAX},
                 {m->wait_for, WAITS_FOR_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].text != NULL && strlen(texts[i].text) > texts[i].max) {
            return false;
        }
    }
    return true;
}

static int on_done(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    struct msg_done m;
    int err = msg_done_get(r, &m);
    if (err != 0) {
        return err;
    }
    if (a->committing || !on_done_fits(&m)) {
        return err_set(e, -EPROTO, "DONE %s",
                       a->committing ? "before COMMITTED" : "with a text over its limit");
    }
    // only what we asked for counts, and what a user asked for counts even when it crossed the DONE
    m.cancel_mask = (m.cancel_mask & a->cancel_mask) | (a->cancel_mask & JH_CANCEL_USER);
    worker_forget(w, a);
    lane_learn(a->lane, m.run_us);
    w->jobs_done++;
    w->pool->jobs_done++;
    w->pool->plugin->jobs_done++;
    w->pool->deaths = 0;
    a->worker = NULL;
    attempt_on_done(a, &m);
    if (pool_is_one_job(w->pool)) {
        pool_retire(w, "it has had its job");
    }
    dispatch_kick(w->host);
    return 0;
}

static int on_crash(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)a;
    (void)e;
    struct msg_crash m;
    int err = msg_crash_get(r, &m);
    if (err == 0) {
        w->crashed = true;
        w->crash = m;
        w->crash_slot = r->h.job;
    }
    return err;
}

static int on_bye(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)a;
    (void)e;
    w->said_bye = true;
    return record_done(r);
}

static const struct {
    uint8_t states, job;
    int (*take)(struct worker *w, struct attempt *a, struct record *r, struct err *e);
} record_rows[] = {
    [REC_HELLO] = {IN_SPAWNED, JOB_NONE, on_hello},
    [REC_NOTE] = {IN_SPAWNED, JOB_NONE, on_note},
    [REC_READY] = {IN_LOADED, JOB_NONE, on_ready},
    [REC_FAIL] = {IN_SPAWNED | IN_LOADED, JOB_NONE, on_fail},
    [REC_PING] = {IN_ANY, JOB_NONE, on_ping},
    [REC_NACK] = {IN_WORK, JOB_REQUIRED, on_nack},
    [REC_LOG] = {IN_ANY, JOB_OPTIONAL, on_log},
    [REC_PROGRESS] = {IN_WORK, JOB_REQUIRED, on_progress},
    [REC_GET] = {IN_WORK, JOB_REQUIRED, on_get},
    [REC_WARN] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_STEP] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_CHILD] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_KV] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_EVENT] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_RESULT] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_RESULT_TYPE] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_COMMIT] = {IN_WORK, JOB_REQUIRED, on_commit},
    [REC_DONE] = {IN_WORK, JOB_REQUIRED, on_done},
    [REC_CRASH] = {IN_ANY, JOB_OPTIONAL, on_crash},
    [REC_OUTPUT] = {IN_WORK, JOB_REQUIRED, on_output},
    [REC_LIMIT] = {IN_WORK, JOB_REQUIRED, on_limit},
    [REC_FLOW] = {IN_WORK, JOB_REQUIRED, on_flow},
    [REC_SIBLING] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_THEN] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_ON_DEAD] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_BYE] = {IN_ANY & ~IN_READY, JOB_NONE, on_bye},
};

int worker_record(struct worker *w, struct record *r, struct err *e) {
    unsigned type = r->h.type;
    if (type >= ARRAY_LEN(record_rows) || record_rows[type].take == NULL) {
        return err_set(e, -EPROTO, "record of unknown type %u", type);
    }
    if ((record_rows[type].states & (1u << w->state)) == 0) {
        return err_set(e, -EPROTO, "record of type %u is not allowed now", type);
    }
    if (w->querier != NULL && record_rows[type].job == JOB_REQUIRED) {
        return querier_record(w, r, e);
    }
    struct attempt *a = NULL;
    if (record_rows[type].job != JOB_NONE && r->h.job != 0 && w->querier == NULL) {
        a = worker_slot(w, r->h.job);
        if (a == NULL && type != REC_CRASH) {
            return err_set(e, -EPROTO, "record of type %u names job %llu, which it does not have",
                           type, (unsigned long long)r->h.job);
        }
    }
    if (record_rows[type].job == JOB_REQUIRED && a == NULL) {
        return err_set(e, -EPROTO, "record of type %u names no job", type);
    }
    if (a != NULL && a->lane->config->stall_ms > 0) {
        a->heard_mono_ms = env_mono_ms(&w->host->env);
    }
    return record_rows[type].take(w, a, r, e);
}
