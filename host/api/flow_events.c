/* GET /v1/jobs/{id}/children/events: how a flow goes, as server-sent events, until it has closed.
 *
 *     how it stands ─▶ `flow` ─▶ members that have ended since ─▶ `member` ... ─▶ how it stands ─▶ ... closed: end
 *                                        ▲                                             │ no change
 *                                        └──────────── a look every second ◀───────────┘
 *
 * All of it comes from the store's own list of who has ended, so it is the same on every host, and an event's id is a
 * place in that list: who comes back with one, even to another host or much later, gets what was missed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/flow_json.h"
#include "api/routes.h"
#include "base/timer.h"

enum { PAGE = 100, LOOK_MS = 1000, SHARED_MS = 2000, BEAT_MS = 15000, RETRY_MS = 2000 };
static const char closed_mark[] = "-closed"; // behind the id of the last event

struct flow_watcher { // freed when the request is over and no read is under way
    struct call *call;
    struct host *host;
    struct job_id id;
    struct timer look;
    struct store_flow_get get;
    struct store_flow_ended page;
    struct flow_tally told; // by the last `flow` event
    uint64_t cursor;        // members up to here have been told
    int64_t sent_mono_ms;   // when the peer was last sent something
    bool has_seen_end;      // with that of the end
    bool reading, begun, ended, gone;
};

static void release(struct flow_watcher *w) {
    if (w->gone && !w->reading) {
        free(w);
    }
}

static void end(struct flow_watcher *w) {
    if (!w->ended) {
        w->ended = true;
        timer_cancel(w->host->timers, &w->look);
        respond_stream_end(w->call->req);
    }
}

static void send_text(struct flow_watcher *w, struct buf *text) {
    if (!w->ended && (text->failed || respond_stream(w->call->req, buf_bytes(text)) != 0)) {
        end(w); // the client comes back and gets the rest
    }
    w->sent_mono_ms = env_mono_ms(&w->host->env);
    buf_free(text);
}

/* ---- events ---- */

static void add_event(struct buf *out, const struct flow_watcher *w, const char *mark,
                      const char *name) {
    buf_printf(out, "id: %" PRIu64 "%s\nevent: %s\ndata: ", w->cursor, mark, name);
}

static void tell_flow(struct flow_watcher *w) {
    const struct store_flow *flow = &w->get.flow;
    struct buf out = {0};
    add_event(&out, w, flow->facts.closed ? closed_mark : "", "flow");
    buf_char(&out, '{');
    flow_json(&out, flow);
    buf_str(&out, "}\n\n");
    w->told = flow->facts.tally;
    send_text(w, &out);
}

static void tell_members(struct flow_watcher *w) {
    struct buf out = {0};
    for (size_t i = 0; i < w->page.count; i++) {
        w->cursor = w->page.members[i].cursor;
        struct buf member = {0}; // of its own: an item of a list begins with a comma
        flow_json_member(&member, &w->page.members[i]);
        add_event(&out, w, "", "member");
        buf_add(&out, member.data, member.len);
        buf_str(&out, "\n\n");
        out.failed |= member.failed;
        buf_free(&member);
    }
    w->cursor = w->page.next_cursor > w->cursor ? w->page.next_cursor : w->cursor;
    if (out.len > 0) {
        send_text(w, &out);
    }
}

static void tell_nothing(struct flow_watcher *w) {
    struct buf out = {0};
    if (env_mono_ms(&w->host->env) - w->sent_mono_ms >= BEAT_MS) {
        buf_str(&out, ":\n\n"); // or a proxy takes it for dead
        send_text(w, &out);
    }
}

/* ---- reading ---- */

static void read_flow(struct flow_watcher *w);

static void look_later(struct flow_watcher *w) {
    int64_t after_ms = w->host->store.ops->caps.shared ? SHARED_MS : LOOK_MS;
    if (!w->ended &&
        timer_set(w->host->timers, &w->look, env_mono_ms(&w->host->env) + after_ms) != 0) {
        end(w);
    }
}

static void begin(struct flow_watcher *w) {
    struct request *req = w->call->req;
    struct buf hint = {0};
    w->begun = true;
    respond_header(req, "X-Accel-Buffering", "no");
    respond_stream_begin(req, 200, "text/event-stream");
    buf_printf(&hint, "retry: %d\n\n", RETRY_MS);
    send_text(w, &hint);
    if (!w->get.flow.facts.closed) {
        tell_flow(w);
    }
}

/* The first page: the answer begins, or is another one. False: it is another one. */
static bool first_page(struct flow_watcher *w) {
    if (w->has_seen_end && w->get.flow.facts.closed && w->page.count == 0) {
        w->ended = true;
        respond(w->call->req, 204, NULL, (struct bytes){NULL, 0}); // a browser comes back no more
        return false;
    }
    begin(w);
    return true;
}

static void read_page(struct flow_watcher *w);

/* Goes on behind a page that has been told; its operation is free again. */
static void go_on(struct flow_watcher *w, bool more) {
    if (w->ended) {
        return;
    }
    if (more) {
        read_page(w);
    } else if (w->get.flow.facts.closed) {
        tell_flow(w); // nothing more will come, unless a member is revived
        end(w);
    } else {
        look_later(w);
    }
}

static void page_failed(struct flow_watcher *w, struct store_op *op) {
    int status = op->status;
    if (status == -EINVAL && w->cursor > 0) { // a Last-Event-ID that was none of this flow's
        store_op_finish(op);
        w->cursor = 0;
        w->has_seen_end = false;
        read_page(w);
    } else if (!w->begun) {
        w->ended = true;
        call_store_failed(w->call, op);
    } else {
        store_op_finish(op);
        look_later(w); // a store that is slow is no news
    }
}

static void got_page(struct store_op *op) {
    struct flow_watcher *w = op->arg;
    w->reading = false;
    if (w->gone || w->ended) {
        store_op_finish(op);
        release(w);
    } else if (op->status != 0) {
        page_failed(w, op);
    } else {
        bool more = w->page.more, begun = w->begun || first_page(w);
        if (begun) {
            tell_members(w);
        }
        store_op_finish(op);
        go_on(w, more);
    }
}

/* The operations outlive the call when its peer has gone, so they belong to the watcher. */
static void post(struct flow_watcher *w, struct store_op *op, enum store_op_kind kind,
                 void (*done)(struct store_op *op)) {
    w->reading = true;
    call_op(w->call, op, kind, done);
    op->arg = w;
    store_post(&w->host->store, op);
}

static void read_page(struct flow_watcher *w) {
    w->page = (struct store_flow_ended){
        .id = w->id, .limit = PAGE, .cursor = w->cursor, .only = JOB_SCHEDULED};
    post(w, &w->page.op, STORE_FLOW_ENDED, got_page);
}

static bool has_changed(const struct flow_watcher *w) {
    return memcmp(&w->told, &w->get.flow.facts.tally, sizeof w->told) != 0;
}

static void refuse(struct flow_watcher *w, int status) {
    w->ended = true;
    if (status == -ENOENT) {
        call_error(w->call, 404, "flow_not_found", "id",
                   "there is no job with this id, or it has made no others");
        return;
    }
    struct problem problem;
    call_store_problem(status, NULL, &problem);
    call_problem(w->call, &problem);
}

static void got_flow(struct store_op *op) {
    struct flow_watcher *w = op->arg;
    int status = op->status;
    w->reading = false;
    store_op_finish(op); // what the answer says is in the operation itself
    if (w->gone || w->ended) {
        release(w);
    } else if (status != 0 && !w->begun) {
        refuse(w, status);
    } else if (status == -ENOENT) {
        end(w); // it has gone with its opener
    } else if (status != 0) {
        look_later(w);
    } else if (!w->begun || has_changed(w) || w->get.flow.facts.closed) {
        if (w->begun && !w->get.flow.facts.closed) {
            tell_flow(w);
        }
        read_page(w);
    } else {
        tell_nothing(w);
        look_later(w);
    }
}

static void read_flow(struct flow_watcher *w) {
    w->get = (struct store_flow_get){.id = w->id};
    post(w, &w->get.op, STORE_FLOW_GET, got_flow);
}

static void on_look(struct timer *t, void *arg) {
    (void)t;
    read_flow(arg);
}

/* ---- the request ---- */

static void on_done(struct request *req, void *arg) {
    (void)req;
    struct flow_watcher *w = arg;
    w->gone = true;
    w->ended = true;
    timer_cancel(w->host->timers, &w->look);
    release(w);
}

/* "17" or "17-closed"; anything else is as good as none. */
static void read_last_event_id(struct flow_watcher *w, const struct request *req) {
    struct bytes value = {NULL, 0};
    char text[40];
    char *rest;
    if (request_header(req, "Last-Event-ID", &value) != 1 || value.len == 0 ||
        value.len >= sizeof text) {
        return;
    }
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    errno = 0;
    unsigned long long cursor = strtoull(text, &rest, 10);
    bool end_seen = strcmp(rest, closed_mark) == 0;
    if (text[0] < '0' || text[0] > '9' || errno != 0 || cursor > STORE_FLOW_CURSOR_MAX ||
        (*rest != '\0' && !end_seen)) {
        return;
    }
    w->cursor = cursor;
    w->has_seen_end = end_seen;
}

void flow_events_handle(struct call *call) {
    struct job_id id;
    if (!call_job_id(call, 0, &id)) {
        return;
    }
    struct flow_watcher *w = calloc(1, sizeof *w);
    if (w == NULL) {
        call_error(call, 503, "out_of_memory", NULL, "the host is out of memory");
        return;
    }
    w->host = call->host;
    w->call = call;
    w->id = id;
    timer_init(&w->look, on_look, w);
    read_last_event_id(w, call->req);
    call->req->done = on_done;
    call->req->done_arg = w;
    read_flow(w);
}
