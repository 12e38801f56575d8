/* GET /v1/jobs/{id}/events: what happens to a job, as server-sent events, until it has ended.
 *
 *     follow in the hub ─▶ read the job ─┬─▶ Last-Event-ID is the end that the job still has: 204
 *                                        ├─▶ the hub has all behind Last-Event-ID: what was missed
 *                                        └─▶ else the whole job as it is
 *                                              └─▶ events from the hub's ring as they come
 *                                                    └─▶ final state: the whole job, end
 *
 * Every event comes from the ring, in its order and under its number, so that all watchers see the
 * same ones and a client may come back with any of their ids. The whole job stands in for what
 * happened up to the number that the ring had when the job was asked for.
 *
 * Some changes pass the hub by (what becomes due, what an operator does in bulk, another host), so
 * the job is read again every REFRESH_MS, which also keeps proxies from cutting a silent
 * connection; what is found then is published for all. Where several hosts share the store most
 * jobs may run elsewhere, so it is done every SHARED_MS. */
#include <errno.h>
#include <stdlib.h>

#include "api/custom.h"
#include "api/job_json.h"
#include "api/view.h"
#include "base/timer.h"
#include "core/event_id.h"
#include "supervisor/hub.h"

enum { REFRESH_MS = 15000, SHARED_MS = 2000, RETRY_MS = 2000 };

enum purpose {
    READ_FIRST,   // before the answer begins
    READ_WHOLE,   // the ring has lost something: the whole job stands in for it
    READ_FINAL,   // the event `final_seq` is final: the whole job tells it
    READ_REFRESH, // has something passed the hub by?
};

struct watcher { // freed when the request is over, no read is under way and nobody holds it
    struct host *host;
    struct call *call;
    const struct view *view; // whose form the events have; NULL: the API's
    struct hub_watch watch;
    struct timer refresh;
    struct store_get get;
    enum purpose purpose; // of `get`
    uint64_t read_from;   // the ring's newest number when it was posted
    uint64_t final_seq;
    struct event_id last; // Last-Event-ID
    bool came_back;       // with a Last-Event-ID, whatever stands in it
    bool has_last;        // with one that is ours
    bool reading;         // get is with the store
    bool begun;           // the answer has begun
    bool ended;           // its end has been sent
    bool gone;            // the request is over
    uint64_t seq;         // all up to here has been told
    unsigned held;        // by callbacks: answering may end the request at once
    int state;            // last one sent, or -1
};

static void hold(struct watcher *w) {
    w->held++;
}

static void let_go(struct watcher *w) {
    w->held--;
    if (w->gone && !w->reading && w->held == 0) {
        free(w);
    }
}

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

/* What cannot be sent ends the stream: the client comes back and gets the rest. */
static void send_text(struct watcher *w, const struct buf *text) {
    int r = text->failed ? -ENOMEM : respond_stream(w->call->req, buf_bytes(text));
    if (r != 0) {
        end(w);
    }
}

static void send_event(struct watcher *w, const struct event_id *id, const char *name,
                       struct buf *data) {
    char id_text[EVENT_ID_TEXT + 1];
    struct buf text = {0};
    event_id_format(id, id_text);
    buf_printf(&text, "id: %s\nevent: %s\ndata: ", id_text, name);
    buf_add(&text, data->data, data->len); // JSON has no line ends in it
    buf_str(&text, "\n\n");
    text.failed |= data->failed;
    send_text(w, &text);
    buf_free(&text);
    buf_free(data);
    w->seq = id->seq;
}

static void send_comment(struct watcher *w) {
    static const char beat[] = ":\n\n";
    if (respond_stream(w->call->req, bytes_of(beat)) != 0) {
        end(w);
    }
}

/* The job as it is, under this number. Ends the stream if that is final. */
static void send_job(struct watcher *w, uint64_t seq, bool reset) {
    const struct store_job *job = &w->get.job;
    struct job_live live;
    struct buf data = {0};
    bool runs = jobs_live(w->host, &w->get.id, &live);
    bool final = job_is_final(job->state);
    if (w->view != NULL) {
        w->view->status(&data, job, runs ? &live : NULL);
    } else {
        job_json(&data, job, runs ? &live : NULL, false);
    }
    if (reset && w->view == NULL && data.len > 0 && !data.failed) {
        data.len--; // its last brace
        json_kbool(&data, "reset", true);
        buf_char(&data, '}');
    }
    w->state = (int)job->state;
    send_event(
        w, &(struct event_id){.boot = w->host->nonce, .seq = seq, .final = final, .rev = job->rev},
        w->view == NULL ? "state" : w->view->event, &data);
    if (final) {
        end(w);
    }
}

static void begin_data(struct buf *data, const struct hub_event *e) {
    buf_char(data, '{');
    job_json_id(data, "id", &e->id);
    json_ktime(data, "at", e->at_ms);
}

static void state_data(struct buf *data, const struct hub_event *e) {
    json_kstr(data, "state", job_state_name((int)e->state));
    if (e->attempt > 0) {
        json_kint(data, "attempt", e->attempt);
    }
    job_json_progress(data, &e->progress);
    json_kstr(data, "message", e->text);
}

static void progress_data(struct buf *data, const struct hub_event *e) {
    job_json_progress(data, &e->progress);
}

static void log_data(struct buf *data, const struct hub_event *e) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    json_kstr(data, "level", levels[e->level & 3]);
    json_kstr(data, "text", e->text);
}

static void send_hub_event(struct watcher *w, const struct hub_event *e) {
    static const struct {
        const char *name;
        void (*add)(struct buf *data, const struct hub_event *e);
    } kinds[] = {
        [HUB_STATE] = {"state", state_data},
        [HUB_PROGRESS] = {"progress", progress_data},
        [HUB_LOG] = {"log", log_data},
    };
    struct buf data = {0};
    begin_data(&data, e);
    kinds[e->kind].add(&data, e);
    buf_char(&data, '}');
    w->state = e->kind == HUB_STATE ? (int)e->state : w->state;
    send_event(w, &(struct event_id){.boot = w->host->nonce, .seq = e->seq}, kinds[e->kind].name,
               &data);
}

/* ---- from the ring ---- */

static void read_job(struct watcher *w, enum purpose purpose);

/* A view tells the whole job whenever something has happened to it but that it has logged a line. What comes while it is read
 * is told with it. */
static void pump_view(struct watcher *w) {
    const struct hub_event *e;
    int lost = hub_after(w->host->hub, &w->watch.id, w->seq, &e);
    for (; lost == 0 && e != NULL && e->kind == HUB_LOG; e = hub_next(e)) {
        w->seq = e->seq;
    }
    if ((lost != 0 || e != NULL) && !w->reading) {
        read_job(w, READ_WHOLE);
    }
}

/* Sends what the ring has behind w->seq, up to a final state, which the job itself has to tell. A
 * refresh under way holds nothing up but what needs a read of its own. */
static void pump(struct watcher *w) {
    const struct hub_event *e;
    bool waits = w->reading && w->purpose != READ_REFRESH;
    if (!w->begun || waits || w->ended || w->gone) {
        return;
    }
    if (w->view != NULL) {
        pump_view(w);
        return;
    }
    if (hub_after(w->host->hub, &w->watch.id, w->seq, &e) != 0) {
        if (!w->reading) {
            read_job(w, READ_WHOLE);
        }
        return;
    }
    for (; e != NULL && !w->ended; e = hub_next(e)) {
        if (e->kind != HUB_STATE || !job_is_final(e->state)) {
            send_hub_event(w, e);
            continue;
        }
        if (!w->reading) {
            w->final_seq = e->seq;
            read_job(w, READ_FINAL);
        }
        return;
    }
}

static void on_news(struct hub_watch *watch) {
    struct watcher *w = watch->arg;
    hold(w);
    pump(w);
    let_go(w);
}

/* ---- reading the job ---- */

/* Has all that was published been told, and nothing since the job was asked for? */
static bool is_quiet(const struct watcher *w) {
    const struct hub_event *newer;
    return w->seq <= w->read_from && hub_after(w->host->hub, &w->watch.id, w->seq, &newer) == 0 &&
           newer == NULL;
}

/* Has the ring all behind Last-Event-ID? *ret_missed: the first of it, or NULL. */
static bool resumes(const struct watcher *w, const struct hub_event **ret_missed) {
    return w->has_last && w->last.boot == w->host->nonce &&
           hub_after(w->host->hub, &w->watch.id, w->last.seq, ret_missed) == 0;
}

static void begin(struct watcher *w) {
    struct request *req = w->call->req;
    struct buf hint = {0};
    const struct hub_event *missed;
    w->begun = true;
    respond_header(req, "X-Accel-Buffering", "no");
    respond_stream_begin(req, 200, "text/event-stream");
    buf_printf(&hint, "retry: %d\n\n", RETRY_MS);
    send_text(w, &hint);
    buf_free(&hint);
    if (w->ended) {
        return; // nobody is there
    }
    if (!resumes(w, &missed)) {
        send_job(w, w->read_from, w->came_back);
        return;
    }
    w->seq = w->last.seq;
    if (job_is_final(w->get.job.state) && missed == NULL) {
        send_job(w, w->read_from, false); // its end has passed the hub by
    }
}

/* The first read: begins the answer, or answers otherwise. */
static void first(struct watcher *w) {
    struct call *call = w->call;
    struct store_op *op = &w->get.op;
    const struct store_job *job = &w->get.job;
    bool has_seen_end = op->status == 0 && w->has_last && w->last.final &&
                        job_is_final(job->state) && job->rev == w->last.rev;
    if (op->status == 0 && !has_seen_end) {
        begin(w);
        return;
    }
    w->ended = true;
    if (op->status == -ENOENT) {
        hub_forget(w->host->hub, &w->watch); // or ids that somebody makes up drive out real ones
    }
    stop(w);
    if (has_seen_end) {
        respond(call->req, 204, NULL, (struct bytes){NULL, 0}); // a browser comes back no more
    } else if (op->status == -ENOENT) {
        call_error(call, 404, "job_not_found", "id", "there is no job with this id");
    } else {
        struct problem problem;
        call_store_problem(op->status, op->err.msg, &problem);
        call_problem(call, &problem);
    }
}

/* The ring's final event. The job may have been revived since, or removed. */
static void tell_final(struct watcher *w) {
    const struct hub_event *e;
    if (w->get.op.status == 0 && job_is_final(w->get.job.state)) {
        send_job(w, w->final_seq, false);
    } else if (hub_after(w->host->hub, &w->watch.id, w->final_seq - 1, &e) == 0 && e != NULL) {
        send_hub_event(w, e);
    }
}

/* Tells what was read. The state that is to be published for all, or -1. */
static int tell(struct watcher *w) {
    const struct store_job *job = &w->get.job;
    bool known = w->get.op.status == 0;
    switch (w->purpose) {
    case READ_FIRST: first(w); return -1;
    case READ_FINAL: tell_final(w); return -1;
    case READ_WHOLE:
        if (known) {
            send_job(w, w->read_from, true);
        }
        return -1;
    case READ_REFRESH: break;
    }
    if (known && is_quiet(w) && (int)job->state != w->state) {
        if (!job_is_final(job->state)) {
            return (int)job->state;
        }
        send_job(w, w->read_from, false);
    } else {
        send_comment(w);
    }
    return -1;
}

static void look_again(struct watcher *w, int64_t after_ms) {
    if (!w->ended && !w->gone && !w->reading) {
        (void)timer_set(w->host->timers, &w->refresh, env_mono_ms(&w->host->env) + after_ms);
    }
}

static void take_job(struct watcher *w) {
    struct store_op *op = &w->get.op;
    int status = op->status;
    if (status != 0 && status != -ENOENT && w->purpose != READ_FIRST) {
        store_op_finish(op); // a store that is slow is no news
        look_again(w, RETRY_MS);
        return;
    }
    int found = tell(w);
    store_op_finish(op);                  // from here on it may be posted again
    if (status == -ENOENT && !w->ended) { // removed: nothing will ever come
        end(w);
    }
    if (found != -1) {
        hub_publish(w->host->hub, &(struct hub_event){.kind = HUB_STATE,
                                                      .id = w->watch.id,
                                                      .at_ms = env_wall_ms(&w->host->env),
                                                      .state = (enum job_state)found});
    }
    pump(w);
    look_again(w, w->host->store.ops->caps.shared ? SHARED_MS : REFRESH_MS);
}

static void got_job(struct store_op *op) {
    struct watcher *w = CONTAINER_OF(op, struct watcher, get.op);
    hold(w);
    w->reading = false;
    if (w->gone) {
        store_op_finish(op);
    } else {
        take_job(w);
    }
    let_go(w);
}

static void read_job(struct watcher *w, enum purpose purpose) {
    w->purpose = purpose;
    w->reading = true;
    w->read_from = hub_seq(w->host->hub);
    timer_cancel(w->host->timers, &w->refresh);
    call_op(w->call, &w->get.op, STORE_GET, got_job);
    store_post(&w->host->store, &w->get.op);
}

static void on_refresh(struct timer *t, void *arg) {
    (void)t;
    read_job(arg, READ_REFRESH);
}

/* ---- the request ---- */

/* It is over: sent to its end, or the peer has gone. */
static void on_done(struct request *req, void *arg) {
    (void)req;
    struct watcher *w = arg;
    w->gone = true;
    hold(w);
    stop(w);
    let_go(w);
}

static void read_last_event_id(struct watcher *w, const struct request *req) {
    struct bytes value = {NULL, 0};
    unsigned count = request_header(req, "Last-Event-ID", &value);
    w->came_back = count > 0 && value.len > 0;
    w->has_last = count == 1 && event_id_parse(value, &w->last) == 0;
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
    w->view = call->custom == NULL ? NULL : call->custom->view;
    w->view = w->view == NULL || w->view->event == NULL ? NULL : w->view;
    w->get.id = id;
    w->state = -1;
    w->watch = (struct hub_watch){.id = id, .news = on_news, .arg = w};
    timer_init(&w->refresh, on_refresh, w);
    read_last_event_id(w, call->req);
    if (hub_add(w->host->hub, &w->watch) != 0) {
        free(w);
        respond_header(call->req, "Retry-After", "5");
        call_error(call, 503, "too_many_watchers", NULL, "too many jobs are watched already");
        return;
    }
    call->req->done = on_done;
    call->req->done_arg = w;
    read_job(w, READ_FIRST);
}
