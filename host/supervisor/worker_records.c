/* What a worker's records mean. One row a record type: in which states of the worker it is allowed, whether it names a job, and who takes
 * it. Anything else is a breach of the protocol. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/lane.h"
#include "supervisor/pool_private.h"
#include "supervisor/worker_gets.h"

enum { IN_SPAWNED = 1, IN_LOADED = 2, IN_READY = 4, IN_DRAINING = 8, IN_ANY = 15, IN_WORK = 12 };
enum { JOB_NONE, JOB_REQUIRED, JOB_OPTIONAL };

static int on_hello(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)a;
    struct arena arena = {.head = NULL};
    struct msg_hello m;
    int err = msg_hello_get(r, &arena, &m);
    if (err == 0) {
        w->load_begin = m.load_begin;
        w->load_end = m.load_end;
        err = pool_on_hello(w, &m, e);
    }
    arena_free(&arena);
    return err;
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

static int on_ping(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)a;
    (void)e;
    struct record_writer *out = worker_out(w, 64);
    if (out != NULL) {
        record_begin(out, REC_PONG, 0);
        (void)record_end(out);
    }
    return record_done(r);
}

static int on_nack(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)e;
    if (record_done(r) != 0 || a->effects != NULL || a->committing) {
        return -EPROTO;
    }
    worker_forget(w, a);
    a->worker = NULL;
    dispatch_return(a);
    return 0;
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
    log_write(&w->host->log, level, "plugin.log", "plugin=%s pid=%d job=%s msg=\"%s\"",
              w->pool->config->entry.name, (int)w->pid, id, m.text);
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

/* Run times, smoothed; one slow run counts at once, so that nothing is queued behind the next. */
static void on_done_estimate(struct lane *lane, uint32_t run_us) {
    uint32_t us = run_us == 0 ? 1 : run_us;
    if (lane->est_us == 0 || us > lane->est_us * 8) {
        lane->est_us = us;
    } else {
        lane->est_us = (uint32_t)(((uint64_t)lane->est_us * 7 + us) / 8);
        lane->est_us = lane->est_us == 0 ? 1 : lane->est_us;
    }
}

static int on_done(struct worker *w, struct attempt *a, struct record *r, struct err *e) {
    (void)e;
    struct msg_done m;
    int err = msg_done_get(r, &m);
    if (err != 0) {
        return err;
    }
    m.cancel_mask &= a->cancel_mask; // only what we asked for counts
    worker_forget(w, a);
    on_done_estimate(a->lane, m.run_us);
    w->jobs_done++;
    w->pool->jobs_done++;
    w->pool->deaths = 0;
    a->worker = NULL;
    err = attempt_on_done(a, &m);
    if (err != 0) {
        // cannot happen to an honest worker; the job is not to be lost for it
        attempt_end(a, ATTEMPT_CRASHED, "its worker broke the protocol");
    }
    dispatch_kick(w->host);
    return err;
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
    [REC_RESULT] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_RESULT_TYPE] = {IN_WORK, JOB_REQUIRED, on_effect},
    [REC_COMMIT] = {IN_WORK, JOB_REQUIRED, on_commit},
    [REC_DONE] = {IN_WORK, JOB_REQUIRED, on_done},
    [REC_CRASH] = {IN_ANY, JOB_OPTIONAL, on_crash},
    [REC_BYE] = {IN_ANY, JOB_NONE, on_bye},
};

int worker_record(struct worker *w, struct record *r, struct err *e) {
    unsigned type = r->h.type;
    if (type >= ARRAY_LEN(record_rows) || record_rows[type].take == NULL) {
        return err_set(e, -EPROTO, "record of unknown type %u", type);
    }
    if ((record_rows[type].states & (1u << w->state)) == 0) {
        return err_set(e, -EPROTO, "record of type %u is not allowed now", type);
    }
    struct attempt *a = NULL;
    if (record_rows[type].job != JOB_NONE && r->h.job != 0) {
        a = worker_slot(w, r->h.job);
        if (a == NULL && type != REC_CRASH) {
            return err_set(e, -EPROTO, "record of type %u names job %llu, which it does not have",
                           type, (unsigned long long)r->h.job);
        }
    }
    if (record_rows[type].job == JOB_REQUIRED && a == NULL) {
        return err_set(e, -EPROTO, "record of type %u names no job", type);
    }
    return record_rows[type].take(w, a, r, e);
}
