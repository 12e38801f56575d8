/* GET /v1/jobs/{id}: how a job is, at once or, with ?wait=, as soon as that is news to who asks.
 *
 *     read the job ─▶ its text, and the text's tag ─▶ is it news? ─▶ 200
 *          ▲                                              │ no
 *          └── the hub tells of a change, or some time ◀──┴─▶ nothing to wait for, or not any longer: 304
 *              has passed
 *
 * News is what If-None-Match does not list; for who sends none, that the job has ended. Many changes pass the hub by
 * (what happens on other hosts, what becomes due), so the job is read again every now and then. */
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "api/job_json.h"
#include "api/routes.h"
#include "base/rfc3339.h"
#include "base/timer.h"
#include "store/flows.h"
#include "supervisor/hub.h"

enum { WAIT_MAX_MS = 60000, LOOK_MS = 15000, SHARED_MS = 1000, TAG_BYTES = 12 };

struct ask {
    struct call *call;
    struct store_get get;
    struct store_flow_get flow; // of a job that has opened one
    int64_t wait_ms;            // 0: it is answered at once
    bool names_tag;             // If-None-Match is there
    bool reading;               // one of the two is with the store
    bool stale;                 // there has been news since it was posted
    bool over;                  // nobody waits any longer: what is read next is the answer
    bool waits;                 // the members below are in use
    struct hub_watch watch;
    uint64_t seq;       // all up to here has been looked at
    struct timer limit; // of the wait
    struct timer look;  // another look
};

static void read_job(struct ask *ask);

static struct host *host_of(const struct ask *ask) {
    return ask->call->host;
}

static void set(struct ask *ask, struct timer *t, int64_t after_ms) {
    struct host *host = host_of(ask);
    if (timer_set(host->timers, t, env_mono_ms(&host->env) + after_ms) != 0) {
        ask->over = true; // without memory for a timer: as it is
    }
}

/* ---- the answer ---- */

static void stop_waiting(struct ask *ask, bool forget) {
    struct host *host = host_of(ask);
    if (!ask->waits) {
        return;
    }
    ask->waits = false;
    ask->call->req->hurry = NULL;
    timer_cancel(host->timers, &ask->limit);
    timer_cancel(host->timers, &ask->look);
    (forget ? hub_forget : hub_remove)(host->hub, &ask->watch);
}

static void failed(struct ask *ask, struct store_op *op) {
    bool unknown = op->status == -ENOENT;
    stop_waiting(ask, unknown); // or ids that somebody makes up drive out real ones
    store_op_finish(&ask->get.op);
    if (!unknown) {
        call_store_failed(ask->call, op);
        return;
    }
    call_error(ask->call, 404, "job_not_found", "id", "there is no job with this id");
}

static void make_tag(const struct buf *text, char ret[2 * TAG_BYTES + 1]) {
    uint8_t sum[SHA256_DIGEST_LENGTH];
    (void)SHA256((const uint8_t *)text->data, text->len, sum);
    for (size_t i = 0; i < TAG_BYTES; i++) {
        (void)snprintf(ret + 2 * i, 3, "%02x", sum[i]);
    }
}

static void answer(struct ask *ask, struct buf *text, const char *tag, bool known) {
    struct call *call = ask->call;
    char value[2 * TAG_BYTES + 5];
    (void)snprintf(value, sizeof value, "W/\"%s\"", tag); // weak: compressed or not
    stop_waiting(ask, false);
    respond_header(call->req, "ETag", value);
    if (!known) {
        call_reply(call, 200, text);
        return;
    }
    buf_free(text);
    respond(call->req, 304, NULL, (struct bytes){NULL, 0});
}

/* Answers, or waits for more. */
static void judge(struct ask *ask, const struct store_flow *flow) {
    const struct store_job *job = &ask->get.job;
    struct job_live live;
    struct buf text = {0};
    char tag[2 * TAG_BYTES + 1];
    const struct job_live *now = jobs_live(host_of(ask), &ask->get.id, &live) ? &live : NULL;
    if (flow == NULL) {
        job_json(&text, job, now, true);
    } else {
        job_json_opener(&text, job, now, flow);
    }
    bool final = job_is_final(job->state);
    store_op_finish(&ask->get.op);
    store_op_finish(&ask->flow.op);
    make_tag(&text, tag);
    bool known = ask->names_tag && request_none_match(ask->call->req, tag);
    bool news = ask->names_tag ? !known : final;
    if (news || final || ask->wait_ms == 0 || ask->over || text.failed) {
        answer(ask, &text, tag, known);
        return;
    }
    buf_free(&text);
    if (ask->stale) {
        read_job(ask);
        return;
    }
    set(ask, &ask->look, host_of(ask)->store.ops->caps.shared ? SHARED_MS : LOOK_MS);
}

/* ---- reading ---- */

static void got_flow(struct store_op *op) {
    struct ask *ask = CONTAINER_OF(op, struct ask, flow.op);
    ask->reading = false;
    if (op->status != 0 && op->status != -ENOENT) { // that one has been removed since
        failed(ask, op);
        return;
    }
    judge(ask, op->status == 0 ? &ask->flow.flow : NULL);
}

static void got_job(struct store_op *op) {
    struct ask *ask = CONTAINER_OF(op, struct ask, get.op);
    ask->reading = false;
    if (op->status != 0) {
        failed(ask, op);
        return;
    }
    if (!ask->get.job.has_flow) {
        judge(ask, NULL);
        return;
    }
    ask->reading = true;
    ask->flow = (struct store_flow_get){.id = ask->get.id};
    call_op(ask->call, &ask->flow.op, STORE_FLOW_GET, got_flow);
    store_post(&host_of(ask)->store, &ask->flow.op);
}

static void read_job(struct ask *ask) {
    ask->reading = true;
    ask->stale = false;
    timer_cancel(host_of(ask)->timers, &ask->look);
    ask->get = (struct store_get){.id = ask->get.id};
    call_op(ask->call, &ask->get.op, STORE_GET, got_job);
    store_post(&host_of(ask)->store, &ask->get.op);
}

/* ---- waiting ---- */

static void look_again(struct ask *ask) {
    ask->stale = ask->reading;
    if (!ask->reading) {
        read_job(ask);
    }
}

static void on_look(struct timer *t, void *arg) {
    (void)t;
    look_again(arg);
}

static void on_limit(struct timer *t, void *arg) {
    struct ask *ask = arg;
    (void)t;
    ask->over = true;
    look_again(ask);
}

static void on_hurry(struct request *req, void *arg) {
    (void)req;
    on_limit(NULL, arg);
}

/* Would this change be news? A line of its log is no part of a job's text. */
static bool matters(const struct ask *ask, const struct hub_event *e) {
    return ask->names_tag ? e->kind != HUB_LOG : e->kind == HUB_STATE && job_is_final(e->state);
}

static void on_news(struct hub_watch *watch) {
    struct ask *ask = watch->arg;
    const struct hub_event *e;
    bool any = hub_after(host_of(ask)->hub, &watch->id, ask->seq, &e) != 0; // some are gone
    for (; !any && e != NULL; e = hub_next(e)) {
        any = matters(ask, e);
    }
    ask->seq = hub_seq(host_of(ask)->hub);
    if (any) {
        look_again(ask);
    }
}

/* False: it has been answered. */
static bool start_waiting(struct ask *ask) {
    struct call *call = ask->call;
    ask->watch = (struct hub_watch){.id = ask->get.id, .news = on_news, .arg = ask};
    if (hub_add(call->host->hub, &ask->watch) != 0) {
        respond_header(call->req, "Retry-After", "5");
        call_error(call, 503, "too_many_watchers", NULL, "too many jobs are watched already");
        return false;
    }
    ask->waits = true;
    ask->seq = hub_seq(call->host->hub);
    call->req->hurry = on_hurry;
    call->req->hurry_arg = ask;
    set(ask, &ask->limit, ask->wait_ms);
    return true;
}

static bool read_wait(struct call *call, int64_t *ret_ms) {
    const char *text = request_query(call->req, "wait");
    *ret_ms = 0;
    if (text == NULL) {
        return true;
    }
    if (duration_parse(text, ret_ms) != 0 || *ret_ms < 0 || *ret_ms > WAIT_MAX_MS) {
        call_error(call, 400, "bad_parameter", "wait", "wait is a duration of at most 60s");
        return false;
    }
    return true;
}

void jobs_get_handle(struct call *call) {
    struct job_id id;
    int64_t wait_ms;
    if (!call_job_id(call, 0, &id) || !read_wait(call, &wait_ms)) {
        return;
    }
    struct ask *ask = CALL_NEW(call, struct ask);
    if (ask == NULL) {
        return;
    }
    ask->call = call;
    ask->get.id = id;
    timer_init(&ask->limit, on_limit, ask);
    timer_init(&ask->look, on_look, ask);
    ask->wait_ms = request_may_wait(call->req) ? wait_ms : 0;
    ask->names_tag = request_header(call->req, "If-None-Match", NULL) > 0;
    if (ask->wait_ms == 0 || start_waiting(ask)) {
        read_job(ask);
    }
}
