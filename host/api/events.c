/* GET /v1/jobs/{id}/events: what happens to a job, as server-sent events, until it has ended.
 *
 *     watch the hub ─▶ read the job ─▶ "state" as it is now ─▶ "state", "progress", "log"
 *     as they come ─▶ final state, end
 *
 * The hub is watched before the job is read, so that no change falls between the two. It is
 * lossy (and another host's changes never pass through it), so the job is read again every
 * REFRESH_MS, which also keeps proxies from cutting a silent connection. */
#include <errno.h>
#include <stdlib.h>

#include "api/job_json.h"
#include "api/routes.h"
#include "base/timer.h"
#include "supervisor/hub.h"

enum { REFRESH_MS = 15000 };

struct watcher { // freed when the request is over and no read is under way
    struct host *host;
    struct call *call;
    struct hub_watch watch;
    struct timer refresh;
    struct store_get get;
    bool reading; // get is with the store
    bool begun;   // the answer has begun
    bool ended;   // its end has been sent
    bool gone;    // the request is over
    bool stirred; // a change of state passed while a read was under way
    bool final;   // the final state has been sent
    uint32_t rev; // last one sent
    int state;    // last one sent, or -1
    int32_t attempt;
    uint64_t seq;
};

/* ---- sending ---- */

static void stop(struct watcher *w) {
    hub_remove(w->host->hub, &w->watch);
    timer_cancel(w->host->timers, &w->refresh);
}

static void end(struct watcher *w) {
    if (w->ended) {
        return;
    }
    w->ended = true;
    stop(w);
    respond_stream_end(w->call->req);
}

/* One event; what cannot be sent ends the stream: the client comes back and reads the state
 * anew. */
static void send_event(struct watcher *w, const char *name, int64_t at_ms, struct buf *data) {
    struct buf text = {0};
    buf_printf(&text, "id: %lld-%llu\nevent: %s\ndata: ", (long long)at_ms,
               (unsigned long long)++w->seq, name);
    buf_add(&text, data->data, data->len); // JSON has no line ends in it
    buf_str(&text, "\n\n");
    int r = text.failed || data->failed ? -ENOMEM : respond_stream(w->call->req, buf_bytes(&text));
    buf_free(&text);
    buf_free(data);
    if (r != 0 && r != -EPIPE) { // -EPIPE: `done` is on its way
        end(w);
    }
}

static void begin_data(struct buf *data, const struct job_id *id, int64_t at_ms) {
    buf_char(data, '{');
    job_json_id(data, "id", id);
    json_ktime(data, "at", at_ms);
}

/* The job as it is, as one event. Ends the stream if that is final. */
static void send_job(struct watcher *w) {
    const struct store_job *job = &w->get.job;
    struct job_live live;
    struct buf data = {0};
    bool runs = jobs_live(w->host, &w->get.id, &live);
    job_json(&data, job, runs ? &live : NULL, false);
    w->rev = job->rev;
    w->state = (int)job->state;
    w->attempt = job->counters.executions;
    w->final = job_is_final(job->state);
    send_event(w, "state", w->get.op.now_ms, &data);
}

static void send_state(struct watcher *w, const struct hub_event *e) {
    struct buf data = {0};
    begin_data(&data, &e->id, e->at_ms);
    json_kstr(&data, "state", job_state_name((int)e->state));
    json_kint(&data, "attempt", e->attempt);
    job_json_progress(&data, &e->progress);
    json_kstr(&data, "message", e->text);
    buf_char(&data, '}');
    w->state = (int)e->state;
    w->attempt = e->attempt;
    send_event(w, "state", e->at_ms, &data);
}

static void send_progress(struct watcher *w, const struct hub_event *e) {
    struct buf data = {0};
    begin_data(&data, &e->id, e->at_ms);
    job_json_progress(&data, &e->progress);
    buf_char(&data, '}');
    send_event(w, "progress", e->at_ms, &data);
}

static void send_log(struct watcher *w, const struct hub_event *e) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct buf data = {0};
    begin_data(&data, &e->id, e->at_ms);
    json_kstr(&data, "level", levels[e->level & 3]);
    json_kstr(&data, "text", e->text);
    buf_char(&data, '}');
    send_event(w, "log", e->at_ms, &data);
}

/* ---- reading the job ---- */

static void read_job(struct watcher *w);

/* False: answered with an error instead. */
static bool begin(struct watcher *w) {
    struct call *call = w->call;
    struct store_op *op = &w->get.op;
    if (op->status == 0) {
        w->begun = true;
        respond_header(call->req, "X-Accel-Buffering", "no");
        respond_stream_begin(call->req, 200, "text/event-stream");
        send_job(w);
        return true;
    }
    stop(w);
    if (op->status == -ENOENT) {
        store_op_finish(op);
        call_error(call, 404, "job_not_found", "id", "there is no job with this id");
    } else {
        call_store_failed(call, op);
    }
    return false;
}

static void read_again(struct watcher *w) {
    static const char beat[] = ":\n\n";
    bool removed = w->get.op.status == -ENOENT; // nothing will ever come
    if (w->get.op.status == 0 && w->get.job.rev != w->rev) {
        send_job(w);
    } else if (removed || respond_stream(w->call->req, bytes_of(beat)) == -ENOBUFS) {
        w->final = true;
    }
}

static void got_job(struct store_op *op) {
    struct watcher *w = CONTAINER_OF(op, struct watcher, get.op);
    w->reading = false;
    if (w->gone) {
        store_op_finish(op);
        free(w);
        return;
    }
    if (w->begun) {
        read_again(w);
    } else if (!begin(w)) {
        return;
    }
    store_op_finish(op);
    if (w->final) {
        end(w);
    } else if (w->stirred) {
        w->stirred = false;
        read_job(w);
    } else if (!w->ended) {
        (void)timer_set(w->host->timers, &w->refresh, env_mono_ms(&w->host->env) + REFRESH_MS);
    }
}

static void read_job(struct watcher *w) {
    w->reading = true;
    call_op(w->call, &w->get.op, STORE_GET, got_job);
    store_post(&w->host->store, &w->get.op);
}

static void on_refresh(struct timer *t, void *arg) {
    (void)t;
    read_job(arg);
}

/* ---- the hub ---- */

static void on_hub(struct hub_watch *watch, const struct hub_event *e) {
    struct watcher *w = watch->arg;
    if (!w->begun || w->reading) {
        w->stirred |= e->kind == HUB_STATE; // the read under way may have missed it
        return;
    }
    if (e->kind == HUB_PROGRESS) {
        send_progress(w, e);
    } else if (e->kind == HUB_LOG) {
        send_log(w, e);
    } else if (job_is_final(e->state)) {
        timer_cancel(w->host->timers, &w->refresh);
        read_job(w); // the final event tells everything: result, error, warnings
    } else if ((int)e->state != w->state || e->attempt != w->attempt) {
        send_state(w, e);
    }
}

/* The request is over: sent to its end, or the peer has gone. */
static void on_done(struct request *req, void *arg) {
    (void)req;
    struct watcher *w = arg;
    w->gone = true;
    stop(w);
    if (!w->reading) {
        free(w);
    }
}

void events_handle(struct call *call) {
    struct job_id id;
    if (!call_job_id(call, 0, &id)) {
        return;
    }
    struct watcher *w = calloc(1, sizeof *w);
    if (w == NULL) {
        call_error(call, 503, "out_of_memory", NULL, "the host is out of memory");
        return;
    }
    w->host = call->host;
    w->call = call;
    w->get.id = id;
    w->state = -1;
    w->watch = (struct hub_watch){.id = id, .event = on_hub, .arg = w};
    timer_init(&w->refresh, on_refresh, w);
    if (hub_add(w->host->hub, &w->watch) != 0) {
        free(w);
        call_error(call, 503, "too_many_watchers", NULL, "too many are watching already");
        return;
    }
    call->req->done = on_done;
    call->req->done_arg = w;
    read_job(w);
}
