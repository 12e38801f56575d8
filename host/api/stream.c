/* GET /v1/events: every change of state of a job on this host, as server-sent events, for dashboards and the like.
 * ?queue= ?type= ?user= ?state= choose. What could not be told is counted in an event `missed`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/feed.h"
#include "api/job_json.h"
#include "api/routes.h"
#include "base/timer.h"
#include "core/event_id.h"

enum { BEAT_MS = 15000, RETRY_MS = 2000, STREAMS_MAX = 64 };

struct stream { // freed when the request is over
    struct call *call;
    struct host *host;
    struct feed *feed;
    struct feed_listener listener;
    struct timer beat;
    const char *queue, *type, *tenant; // in the request's arena
    int state;                         // -1: any
    uint64_t seq;                      // told up to here
    bool ended;
};

static void end(struct stream *s) {
    if (!s->ended) {
        s->ended = true;
        feed_remove(s->feed, &s->listener);
        timer_cancel(s->host->timers, &s->beat);
        respond_stream_end(s->call->req);
    }
}

static void plan_beat(struct stream *s) {
    (void)timer_set(s->host->timers, &s->beat, env_mono_ms(&s->host->env) + BEAT_MS);
}

static void send_text(struct stream *s, struct buf *text) {
    int r = text->failed ? -ENOMEM : respond_stream(s->call->req, buf_bytes(text));
    buf_free(text);
    if (r != 0) {
        end(s); // the client comes back and gets what is still there
        return;
    }
    plan_beat(s);
}

/* ---- events ---- */

static bool is_wanted(const struct stream *s, const struct feed_change *c) {
    bool queue = s->queue == NULL || strcmp(s->queue, c->queue) == 0;
    bool type = s->type == NULL || strcmp(s->type, c->type) == 0;
    bool tenant = s->tenant == NULL || (c->tenant != NULL && strcmp(s->tenant, c->tenant) == 0);
    return queue && type && tenant && (s->state < 0 || s->state == (int)c->state);
}

static void add_head(struct buf *out, const struct stream *s, const char *name) {
    char id[EVENT_ID_TEXT + 1];
    event_id_format(&(struct event_id){.boot = s->host->nonce, .seq = s->seq}, id);
    buf_printf(out, "id: %s\nevent: %s\ndata: {", id, name);
}

static void add_missed(struct buf *out, const struct stream *s, uint64_t missed) {
    add_head(out, s, "missed");
    json_kint(out, "count", (int64_t)missed);
    buf_str(out, "}\n\n");
}

static void add_change(struct buf *out, const struct stream *s, const struct feed_change *c) {
    add_head(out, s, "job");
    job_json_id(out, "id", &c->id);
    json_ktime(out, "at", c->at_ms);
    json_kstr(out, "state", job_state_name((int)c->state));
    json_kstr(out, "queue", c->queue);
    json_kstr(out, "type", c->type);
    json_kstr(out, "user", c->tenant);
    if (c->attempt > 0) {
        json_kint(out, "attempt", c->attempt);
    }
    json_kstr(out, "message", c->message);
    buf_str(out, "}\n\n");
}

static void on_news(struct feed_listener *listener) {
    struct stream *s = listener->arg;
    const struct feed_change *change;
    struct buf out = {0};
    uint64_t missed = 0;
    while ((change = feed_next(s->feed, &s->seq, &missed)) != NULL) {
        if (missed > 0) {
            add_missed(&out, s, missed);
            missed = 0;
        }
        if (is_wanted(s, change)) {
            add_change(&out, s, change);
        }
    }
    if (out.len > 0) {
        send_text(s, &out);
    }
}

static void on_beat(struct timer *t, void *arg) {
    struct buf out = {0};
    (void)t;
    buf_str(&out, ":\n\n"); // or a proxy takes it for dead
    send_text(arg, &out);
}

/* ---- the request ---- */

static void on_done(struct request *req, void *arg) {
    struct stream *s = arg;
    (void)req;
    feed_remove(s->feed, &s->listener);
    timer_cancel(s->host->timers, &s->beat);
    free(s);
}

/* Where it goes on: behind Last-Event-ID if all since is there. Otherwise it begins anew, and says so. */
static bool resume(struct stream *s) {
    struct bytes value = {NULL, 0};
    struct event_id last;
    bool came_back = request_header(s->call->req, "Last-Event-ID", &value) > 0 && value.len > 0;
    bool ours = came_back && event_id_parse(value, &last) == 0 && last.boot == s->host->nonce &&
                feed_has_behind(s->feed, last.seq);
    s->seq = ours ? last.seq : feed_seq(s->feed);
    return !came_back || ours;
}

static void begin(struct stream *s) {
    struct request *req = s->call->req;
    struct buf out = {0};
    bool whole = resume(s);
    respond_header(req, "X-Accel-Buffering", "no");
    respond_stream_begin(req, 200, "text/event-stream");
    buf_printf(&out, "retry: %d\n\n", RETRY_MS);
    add_head(&out, s, "begin");
    if (!whole) {
        json_kbool(&out, "reset", true); // what happened meanwhile is to be looked up
    }
    buf_str(&out, "}\n\n");
    send_text(s, &out);
    if (!s->ended) {
        on_news(&s->listener);
    }
}

static bool read_filters(struct call *call, struct stream *s) {
    const char *state = request_query(call->req, "state");
    s->queue = request_query(call->req, "queue");
    s->type = request_query(call->req, "type");
    s->tenant = request_query(call->req, "user");
    s->state = state == NULL ? -1 : job_state_from_name(state);
    if (state != NULL && s->state < 0) {
        call_error(call, 400, "bad_parameter", "state",
                   "state is one of scheduled, queued, running, parked, succeeded, dead, "
                   "cancelled, duplicate");
        return false;
    }
    return true;
}

void stream_handle(struct call *call) {
    struct feed *feed = call->api->feed;
    struct stream *s = calloc(1, sizeof *s);
    if (s == NULL || !read_filters(call, s)) {
        bool no_memory = s == NULL;
        free(s);
        if (no_memory) {
            call_error(call, 503, "out_of_memory", NULL, "the host is out of memory");
        }
        return;
    }
    if (feed_listeners(feed) >= STREAMS_MAX) {
        free(s);
        respond_header(call->req, "Retry-After", "5");
        call_error(call, 503, "too_many_watchers", NULL, "too many such streams are open already");
        return;
    }
    s->call = call;
    s->host = call->host;
    s->feed = feed;
    s->listener = (struct feed_listener){.news = on_news, .arg = s};
    timer_init(&s->beat, on_beat, s);
    feed_add(feed, &s->listener);
    call->req->done = on_done;
    call->req->done_arg = s;
    begin(s);
}
