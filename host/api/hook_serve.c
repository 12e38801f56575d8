/* A delivery from its head to its answer. */
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/hook_call.h"
#include "api/routes.h"
#include "base/fault.h"
#include "store/flows.h"

/* One name for all in the statistics of HTTP: they have their own. */
static const struct route hook_route = {
    .method = "*", .pattern = "hooks", .handler = hook_handle, .body = BODY_HOOK};

/* ---- refusals ---- */

static bool is_hiding(const struct call *call) {
    return call->hook->hook->of->hide_routes;
}

/* The caller learns nothing: one text whatever the cause. */
static void answer_refused(struct call *call, int status) {
    if (is_hiding(call)) {
        api_not_found(call);
    } else if (status == 400) {
        call_error(call, 400, "malformed", NULL, "the delivery is malformed");
    } else {
        respond_header(call->req, "WWW-Authenticate", "Signature");
        respond_error(call->req, 401, "unauthorized", NULL, "the delivery is not accepted");
    }
}

enum { TOLD_EVERY_MS = 1000 };

static void tell_refused(struct call *call) {
    const struct hook_call *h = call->hook;
    struct hook_stats *s = h->hook->stats;
    int64_t now = env_mono_ms(&call->host->env);
    if (s->told_ms != 0 && now - s->told_ms < TOLD_EVERY_MS) {
        s->untold++;
        return;
    }
    const struct verdict *v = &h->verdict;
    log_warn(&call->host->log, "hook.refused",
             "hook=%s check=%s scheme=%s peer=%s untold=%llu msg=\"%s\"", s->name, v->check,
             v->scheme == NULL ? "none" : v->scheme, call->req->peer, (unsigned long long)s->untold,
             v->detail);
    s->told_ms = now;
    s->untold = 0;
}

static void refuse(struct call *call) {
    struct hook_call *h = call->hook;
    struct hooks *hooks = call->api->hooks;
    int status = h->verdict.status;
    if (h->verdict.check != NULL && strcmp(h->verdict.check, "no_memory") == 0) {
        hook_end(call, HOOK_FAILED, 503);
        call_error(call, 503, "out_of_memory", NULL, "the host is out of memory; try again later");
        return;
    }
    stats_word(&h->hook->stats->checks, h->verdict.check == NULL ? "none" : h->verdict.check);
    if (!call->req->admin) {
        failures_add(&hooks->failures,
                     failures_who(&hooks->failures, h->hook->of->entry.name, call->req->peer),
                     env_mono_ms(&call->host->env));
    }
    tell_refused(call);
    hook_end(call, HOOK_REFUSED, is_hiding(call) ? 404 : status);
    answer_refused(call, status);
}

/* ---- the head ---- */

static bool admit_method(struct call *call) {
    const struct hook *hook = call->hook->hook;
    if (hook_takes(hook, call->req->method)) {
        return true;
    }
    if (is_hiding(call)) {
        api_not_found(call);
        return false;
    }
    respond_header(call->req, "Allow", hook->allow);
    if (strcmp(call->req->method, "OPTIONS") == 0) {
        respond(call->req, 204, NULL, (struct bytes){NULL, 0});
    } else {
        call_errorf(call, 405, "method_not_allowed", NULL, "this path knows %s", hook->allow);
    }
    return false;
}

static bool admit_peer(struct call *call) {
    const struct failures *f = &call->api->hooks->failures;
    const struct config_hook *of = call->hook->hook->of;
    int64_t now = env_mono_ms(&call->host->env);
    if (call->req->admin || !failures_any(f, now)) {
        return true;
    }
    uint64_t who = failures_who(f, of->entry.name, call->req->peer);
    int64_t wait_ms = failures_wait_ms(f, who, of->failures, now);
    if (wait_ms == 0) {
        return true;
    }
    call->hook->hook->stats->fates[HOOK_LIMITED]++;
    if (is_hiding(call)) {
        api_not_found(call);
        return false;
    }
    const char *seconds =
        arena_printf(&call->req->arena, "%lld", (long long)(wait_ms + 999) / 1000);
    respond_header(call->req, "Retry-After", seconds == NULL ? "60" : seconds);
    respond_error(call->req, 429, "too_many_failures", NULL,
                  "too many deliveries from this address were refused; try again later");
    return false;
}

/* The signature covers the bytes as they were sent. */
static bool admit_coding(struct call *call) {
    struct bytes coding;
    unsigned codings = request_header(call->req, "Content-Encoding", &coding);
    if (codings == 0 || (codings == 1 && coding.len == strlen("identity") &&
                         strncasecmp(coding.data, "identity", coding.len) == 0)) {
        return true;
    }
    if (is_hiding(call)) {
        api_not_found(call);
    } else {
        call_error(call, 415, "unknown_content_coding", "Content-Encoding",
                   "send the body as it is, without Content-Encoding");
    }
    return false;
}

static struct delivery delivery_of(const struct call *call) {
    const struct request *req = call->req;
    return (struct delivery){.headers = req->headers,
                             .header_count = req->header_count,
                             .body = req->body,
                             .target = req->target,
                             .now_ms = call->hook->delivery.now_ms};
}

static bool admit_head(struct call *call) {
    struct hook_call *h = call->hook;
    struct delivery d = delivery_of(call);
    verifier_check_head(h->hook->verifier, &d, &call->req->arena, &h->verdict);
    if (h->verdict.status != 0) {
        refuse(call);
    }
    return h->verdict.status == 0;
}

static void let_go(struct request *req, void *arg) {
    (void)req;
    struct hook_call *h = arg;
    hook_release(&h->hook);
}

/* Who is hidden does not say that it would be too large, either. */
static bool admit_size(struct call *call) {
    uint64_t most = (uint64_t)call->hook->hook->of->max_body;
    if (!is_hiding(call) || call->req->announced <= most) {
        return true;
    }
    api_not_found(call);
    return false;
}

static void admit(struct call *call, struct request_body *body) {
    uint64_t most = (uint64_t)call->hook->hook->of->max_body;
    if (!admit_method(call) || !admit_peer(call) || !admit_coding(call) || !admit_size(call)) {
        return;
    }
    body->limit = most;
    body->ends_with_drain = true;
    if (call->req->announced <= most && admit_head(call)) { // else it is the server's to refuse
        (void)api_takes_work(call);
    }
}

bool hook_admit(struct call *call, struct request_body *body) {
    const char *param[CALL_PARAMS_MAX] = {NULL};
    struct request *req = call->req;
    struct hook *hook = hooks_find(call->api->hooks, req, param);
    if (hook == NULL) {
        return false;
    }
    if (req->mistrusted) {
        call_error(call, 403, "worker_refused", NULL,
                   "the admin socket is not for the host's own workers");
        return true;
    }
    call->route = &hook_route;
    struct hook_call *h = call->hook = CALL_NEW(call, struct hook_call);
    if (h == NULL) {
        return true;
    }
    h->hook = hook_hold(hook);
    req->done = let_go;
    req->done_arg = h;
    memcpy(h->param, param, sizeof param);
    h->delivery = (struct hook_delivery){.hook = hook,
                                         .arena = &req->arena,
                                         .headers = req->headers,
                                         .header_count = req->header_count,
                                         .param = h->param,
                                         .query = req->query,
                                         .now_ms = env_wall_ms(&call->host->env)};
    admit(call, body);
    return true;
}

/* ---- the body ---- */

static void add_once(struct hook_call *h, const char *kind, struct bytes what, int64_t keep_ms,
                     uint64_t content) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    const char *name = h->hook->of->entry.name;
    struct store_once *once = &h->once[h->once_count++];
    struct buf text = {0};
    buf_str(&text, kind);
    buf_char(&text, '\0');
    buf_add(&text, name, strlen(name) + 1);
    buf_add(&text, what.data, what.len);
    h->no_memory |= text.failed;
    SHA256((const unsigned char *)(text.failed ? "" : text.data), text.failed ? 0 : text.len,
           digest);
    buf_free(&text);
    memcpy(once->key, digest, sizeof once->key);
    once->content = content;
    once->keep_ms = keep_ms;
}

/* What must not come again. */
static void take_once(struct call *call) {
    struct hook_call *h = call->hook;
    const struct config_hook *of = h->hook->of;
    const struct verdict *v = &h->verdict;
    bool by_body = strcmp(of->replay, "body") == 0;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    uint64_t content;
    if (v->replay.len == 0 && !by_body) {
        return;
    }
    SHA256(call->req->body.data == NULL ? (const unsigned char *)"" : call->req->body.data,
           call->req->body.len, digest);
    memcpy(&content, digest, sizeof content);
    if (v->replay.len > 0) {
        int64_t keep_ms = v->replay_keep_ms > of->remember_ms ? v->replay_keep_ms : of->remember_ms;
        add_once(h, "id", v->replay, keep_ms, content);
    }
    if (by_body) {
        struct bytes body = {digest, sizeof digest};
        add_once(h, "body", v->content.len > 0 ? v->content : body, of->remember_ms, content);
    }
}

/* Deliveries of the schemes themselves that ask for nothing. */
static bool is_special(struct hook_call *h) {
    const struct hook_delivery *d = &h->delivery;
    struct bytes event;
    if (d->scheme == NULL) {
        return false;
    }
    if (strcmp(d->scheme, "github") == 0) {
        return hook_delivery_header(d, "X-GitHub-Event", &event) &&
               bytes_equal(event, bytes_of("ping"));
    }
    if (strcmp(d->scheme, "slack") != 0 || !json_is_valid(d->body)) {
        return false;
    }
    struct bytes type = json_member(d->body, "type");
    if (!bytes_equal(type, bytes_of("\"url_verification\""))) {
        return false;
    }
    h->challenge = json_text(d->arena, json_member(d->body, "challenge"));
    return h->challenge != NULL;
}

/* [any thread that has the call] */
static void judge(struct call *call) {
    struct hook_call *h = call->hook;
    struct delivery d = delivery_of(call);
    verifier_check(h->hook->verifier, &d, &call->req->arena, &h->verdict);
    if (h->verdict.status != 0) {
        h->fate = HOOK_REFUSED;
        return;
    }
    h->delivery.body = call->req->body;
    h->delivery.scheme = h->verdict.scheme;
    h->delivery.id = h->verdict.id;
    h->delivery.id_signed = h->verdict.id_signed;
    int r = hook_delivery_read(&h->delivery);
    bool skipped = r == 0 && is_special(h);
    bool judged =
        r == 0 && (skipped || hook_delivery_skip(&h->delivery, &skipped, &h->problem) == 0);
    if (skipped) {
        h->fate = HOOK_SKIPPED;
        return;
    }
    h->fate = HOOK_UNMAPPED;
    if (judged && hook_delivery_job(&h->delivery, &h->request, &h->problem) == 0) {
        take_once(call);
        h->fate = HOOK_ACCEPTED;
    }
    if (r != 0 || h->no_memory) {
        h->fate = HOOK_FAILED;
        h->problem = (struct problem){
            .status = 503, .code = "out_of_memory", .message = "the host is out of memory"};
    }
}

/* ---- the answer ---- */

static void answer_skipped(struct call *call) {
    struct hook_call *h = call->hook;
    struct buf out = {0};
    const char *type = "application/json";
    if (h->challenge != NULL) {
        buf_str(&out, h->challenge);
        type = "text/plain; charset=utf-8";
    } else {
        buf_str(&out, "{\"skipped\":true}\n");
    }
    hook_end(call, HOOK_SKIPPED, 200);
    call_reply_text(call, type, &out);
}

/* What keeps the host from taking it now is no fault of the sender's, and senders try again after 5xx only. */
static void restate(struct problem *p) {
    bool ours = p->status == 429 || strcmp(p->code, "unknown_type") == 0;
    p->status = ours ? 503 : p->status == 400 ? 422 : p->status;
}

static void answer_problem(struct call *call) {
    struct hook_call *h = call->hook;
    restate(&h->problem);
    stats_word(&call->host->stats->refused, h->problem.code);
    hook_end(call, h->problem.status < 500 ? HOOK_UNMAPPED : HOOK_FAILED, h->problem.status);
    call_problem(call, &h->problem);
}

static void answer_accepted(struct call *call) {
    struct hook_call *h = call->hook;
    const struct config_hook *of = h->hook->of;
    const struct store_submit_item *item = &h->item;
    bool duplicate = item->verdict == SUBMIT_DUPLICATE;
    const char *type = "application/json";
    struct buf out = {0};
    struct err e = {.code = 0};
    id_format(duplicate ? &item->winner : &h->spec.id, h->job);
    h->has_job = true;
    h->delivery.job = h->job;
    h->delivery.duplicate = duplicate;
    h->delivery.state = job_state_name((int)submit_state(item, h->store.op.now_ms));
    if (h->hook->response == NULL || hook_delivery_answer(&h->delivery, &out, &type, &e) != 0) {
        buf_clear(&out);
        submit_accepted(&out, item, h->store.op.now_ms);
        buf_char(&out, '\n');
    }
    if (duplicate && item->once_differs) {
        h->hook->stats->other_content++;
    }
    store_op_finish(&h->store.op);
    store_op_finish(&h->join.op);
    hook_end(call, duplicate ? HOOK_DUPLICATE : HOOK_ACCEPTED, (int)of->response.status);
    if (of->response.status == 204 || out.failed) {
        buf_free(&out);
        respond(call->req, out.failed ? 503 : 204, NULL, (struct bytes){NULL, 0});
        return;
    }
    struct bytes body = buf_bytes(&out);
    respond(call->req, (int)of->response.status, type, body);
    buf_free(&out);
}

static void stored(struct call *call, struct store_op *op) {
    struct hook_call *h = call->hook;
    if (op->status == 0 && fault(FAULT_SUBMIT_BEFORE_ANSWER) != 0) {
        op->status = -EIO;
    }
    if (op->status == 0 && h->item.status == 0) {
        answer_accepted(call);
        return;
    }
    if (op->status != 0) {
        call_store_problem(op->status, op->err.msg, &h->problem);
    } else {
        submit_refusal(&h->item, &h->problem);
    }
    store_op_finish(op);
    answer_problem(call);
}

static void submitted(struct store_op *op) {
    stored(op->arg, op);
}

static void submit(struct call *call) {
    struct hook_call *h = call->hook;
    h->item = (struct store_submit_item){
        .spec = &h->spec,
        .max_waiting = config_queue(call->host->config, h->spec.queue)->max_jobs,
        .once = h->once,
        .once_count = h->once_count};
    if (h->spec.flow_id != NULL) {
        h->join.items = &h->item;
        h->join.count = 1;
        call_op(call, &h->join.op, STORE_FLOW_JOIN, submitted);
        jobs_join(call->host, &h->join);
        return;
    }
    h->store.items = &h->item;
    h->store.count = 1;
    call_op(call, &h->store.op, STORE_SUBMIT, submitted);
    jobs_submit(call->host, &h->store);
}

static void judged(struct call *call) {
    struct hook_call *h = call->hook;
    struct hook_stats *s = h->hook->stats;
    if (h->fate == HOOK_REFUSED) {
        refuse(call);
        return;
    }
    hook_stats_key(s, &h->verdict);
    s->last_ms = h->delivery.now_ms;
    if (h->fate == HOOK_SKIPPED) {
        answer_skipped(call);
        return;
    }
    bool fine = h->fate == HOOK_ACCEPTED && jobs_resolve(call->host, &h->request, &call->req->arena,
                                                         &h->spec, &h->problem) == 0;
    if (!fine) {
        answer_problem(call);
        return;
    }
    s->without_id += h->once_count == 0 && h->request.key == NULL;
    submit(call);
}

void hook_handle(struct call *call) {
    call_aside(call, call->req->body.len, judge, judged);
}

void hook_end(struct call *call, enum hook_fate fate, int status) {
    call->hook->hook->stats->fates[fate]++;
    hook_inbox_take(call, fate, status);
}
