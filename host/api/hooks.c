/* GET /v1/hooks: the hooks of the configuration. /v1/hooks/inbox, /v1/hooks/NAME/inbox: what they were sent lately, and by
 * POST .../replay a job of it once more. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/hook_call.h"
#include "api/input.h"
#include "api/job_json.h"
#include "api/routes.h"
#include "base/decode.h"
#include "base/utf8.h"
#include "net/path.h"
#include "supervisor/audit.h"

/* ---- the hooks ---- */

static void add_words(struct buf *out, const char *key, const char *const *words, size_t count) {
    json_key(out, key);
    buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        json_comma(out);
        json_str(out, words[i]);
    }
    buf_char(out, ']');
}

static void add_schemes(struct buf *out, const struct config_hook *of) {
    const char *words[8]; // as many as verify may have
    size_t count = 0;
    for (size_t i = 0; i < of->verify_count && count < ARRAY_LEN(words); i++) {
        words[count++] = of->verify[i].scheme;
    }
    add_words(out, "schemes", words, count);
}

static void add_stats(struct buf *out, const struct hook_stats *s) {
    json_key(out, "deliveries");
    buf_char(out, '{');
    for (int fate = 0; fate < HOOK_FATES; fate++) {
        json_kint(out, hook_fate_name((enum hook_fate)fate),
                  s == NULL ? 0 : (int64_t)s->fates[fate]);
    }
    buf_char(out, '}');
    json_key(out, "keys");
    buf_char(out, '[');
    for (size_t i = 0; s != NULL && i < ARRAY_LEN(s->keys) && s->keys[i].scheme != NULL; i++) {
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "scheme", s->keys[i].scheme);
        json_kint(out, "key", s->keys[i].key);
        json_kint(out, "deliveries", (int64_t)s->keys[i].count);
        buf_char(out, '}');
    }
    buf_char(out, ']');
    if (s != NULL) {
        json_ktime(out, "last_at", s->last_ms);
    }
}

static void add_hook(struct buf *out, const struct hooks *hooks, const struct config_hook *of) {
    bool served = hooks_named(hooks, of->entry.name) != NULL;
    struct hook_stats *s = NULL;
    HASH_FIND_STR(hooks->stats, of->entry.name, s);
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", of->entry.name);
    json_kstr(out, "path", of->path);
    add_words(out, "methods", of->methods, of->method_count);
    add_schemes(out, of);
    json_kstr(out, "job", of->job);
    json_kbool(out, "on", served);
    json_kstr(out, "why",
              served         ? NULL
              : of->entry.on ? "its keys could not be read; the log says more"
                             : of->entry.off_why);
    add_stats(out, s);
    buf_char(out, '}');
}

void hooks_list_handle(struct call *call) {
    const struct config *c = call->host->config;
    struct buf out = {0};
    call_list_begin(&out);
    for (size_t i = 0; i < c->hook_count; i++) {
        add_hook(&out, call->api->hooks, &c->hooks[i]);
    }
    buf_str(&out, "]}");
    call_reply(call, 200, &out);
}

/* ---- their deliveries ---- */

static void add_entry(struct buf *out, const struct inbox_entry *e) {
    job_json_id(out, "id", &e->id);
    json_kstr(out, "hook", e->hook);
    json_ktime(out, "at", e->at_ms);
    json_kstr(out, "verdict", e->verdict);
    json_kbool(out, "refused", e->kind != INBOX_TAKEN);
    json_kint(out, "status", e->status);
    json_kstr(out, "check", e->check);
    json_kstr(out, "detail", e->detail);
    json_kstr(out, "scheme", e->scheme);
    if (e->key >= 0) {
        json_kint(out, "key", e->key);
    }
    json_kstr(out, "delivery", e->ident == NULL || e->ident[0] == '\0' ? NULL : e->ident);
    json_kstr(out, "peer", e->peer);
    json_kstr(out, "method", e->method);
    json_kstr(out, "target", e->target);
    json_kstr(out, "job", e->job);
    json_kint(out, "body_size", e->body_size);
}

struct listing {
    struct hook_look look;
    struct inbox_query query;
    struct job_id before, last;
    unsigned count, limit;
    struct buf out;
};

static void list_entry(void *arg, const struct inbox_entry *e) {
    struct listing *l = arg;
    if (l->count++ == l->limit) {
        return; // it shows that there are more
    }
    json_comma(&l->out);
    buf_char(&l->out, '{');
    add_entry(&l->out, e);
    buf_char(&l->out, '}');
    l->last = e->id;
}

static void list_work(struct hook_look *look, struct inbox *file) {
    struct listing *l = CONTAINER_OF(look, struct listing, look);
    look->status = inbox_list(file, &l->query, list_entry, l, &look->err);
}

static void look_failed(const struct hook_look *look) {
    if (look->status == -ENOENT) {
        call_error(look->call, 404, "delivery_not_found", "id", "the inbox has no such delivery");
    } else {
        call_error(look->call, 503, "inbox_unavailable", NULL, look->err.msg);
    }
}

static void listed(struct hook_look *look) {
    struct listing *l = CONTAINER_OF(look, struct listing, look);
    if (look->status != 0) {
        buf_free(&l->out);
        look_failed(look);
        return;
    }
    buf_char(&l->out, ']');
    if (l->count > l->limit) {
        job_json_id(&l->out, "next_cursor", &l->last);
    }
    buf_char(&l->out, '}');
    call_reply(look->call, 200, &l->out);
}

/* ?refused=true|false; -2: answered. */
static int refused_asked(struct call *call) {
    const char *text = request_query(call->req, "refused");
    if (text == NULL) {
        return -1;
    }
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        return text[0] == 't';
    }
    call_error(call, 400, "bad_parameter", "refused", "refused is true or false");
    return -2;
}

static void list(struct call *call, const char *hook) {
    struct listing *l = CALL_NEW(call, struct listing);
    const char *cursor = request_query(call->req, "cursor");
    if (l == NULL) {
        return;
    }
    int refused = refused_asked(call);
    l->limit = refused == -2 ? 0 : call_limit(call, 50, 1000);
    if (l->limit == 0) {
        return;
    }
    if (cursor != NULL && id_parse(cursor, &l->before) != 0) {
        call_error(
            call, 400, "bad_parameter", "cursor",
            "that is no cursor of this list; give the next_cursor of its last page as it was");
        return;
    }
    l->query = (struct inbox_query){.hook = hook,
                                    .refused = refused,
                                    .before = cursor == NULL ? NULL : &l->before,
                                    .limit = l->limit + 1};
    l->look = (struct hook_look){.call = call, .work = list_work, .then = listed};
    call_list_begin(&l->out);
    hook_inbox_look(&l->look);
}

void hooks_inbox_handle(struct call *call) {
    list(call, NULL);
}

void hooks_inbox_of_handle(struct call *call) {
    const struct config *c = call->host->config;
    for (size_t i = 0; i < c->hook_count; i++) {
        if (strcmp(c->hooks[i].entry.name, call->param[0]) == 0) {
            list(call, call->param[0]);
            return;
        }
    }
    call_error(call, 404, "hook_not_found", "name", "the configuration has no such hook");
}

/* ---- one of them ---- */

struct showing {
    struct hook_look look;
    struct job_id id;
    struct buf out;
};

static bool is_text(struct bytes text) {
    const uint8_t *p = text.data, *end = p + text.len;
    while (p < end) {
        size_t len = utf8_char_len(p, end);
        if (len == 0 || *p == '\0') {
            return false;
        }
        p += len;
    }
    return true;
}

static void show_entry(void *arg, const struct inbox_entry *e) {
    struct buf *out = &((struct showing *)arg)->out;
    buf_char(out, '{');
    add_entry(out, e);
    json_key(out, "headers");
    buf_str(out, e->headers == NULL ? "[]" : e->headers);
    if (is_text(e->body)) {
        json_key(out, "body");
        json_strn(out, e->body.len == 0 ? "" : e->body.data, e->body.len);
    } else {
        json_key(out, "body_base64");
        buf_char(out, '"');
        encode_bytes(DECODE_BASE64, e->body.data, e->body.len, out);
        buf_char(out, '"');
    }
    json_kbool(out, "body_whole", (int64_t)e->body.len == e->body_size);
    buf_char(out, '}');
}

static void show_work(struct hook_look *look, struct inbox *file) {
    struct showing *s = CONTAINER_OF(look, struct showing, look);
    look->status = inbox_get(file, &s->id, show_entry, s, &look->err);
}

static void shown(struct hook_look *look) {
    struct showing *s = CONTAINER_OF(look, struct showing, look);
    if (look->status != 0) {
        buf_free(&s->out);
        look_failed(look);
        return;
    }
    call_reply(look->call, 200, &s->out);
}

/* False: answered. */
static bool delivery_id(struct call *call, struct job_id *ret) {
    if (id_parse(call->param[0], ret) == 0) {
        return true;
    }
    call_error(call, 404, "delivery_not_found", "id", "the inbox has no such delivery");
    return false;
}

void hooks_delivery_handle(struct call *call) {
    struct showing *s = CALL_NEW(call, struct showing);
    if (s != NULL && delivery_id(call, &s->id)) {
        s->look = (struct hook_look){.call = call, .work = show_work, .then = shown};
        hook_inbox_look(&s->look);
    }
}

/* ---- once more ---- */

struct replay {
    struct hook_look look;
    struct job_id id;
    const char *why;
    const char *hook_name, *target, *scheme, *headers, *ident;
    struct bytes body;
    int64_t body_size;
    struct hook *hook;
    struct header header[128];
    size_t header_count;
    struct job_spec spec;
    struct store_submit_item item;
    struct store_submit store;
    struct store_flow_join join;
    struct store_audit_add audit;
    char detail[JOB_ID_TEXT * 2 + 32];
};

static void copy_entry(void *arg, const struct inbox_entry *e) {
    struct replay *r = arg;
    struct arena *a = &r->look.call->req->arena;
    r->hook_name = arena_str(a, e->hook);
    r->target = arena_str(a, e->target);
    r->scheme = arena_str(a, e->scheme);
    r->headers = arena_str(a, e->headers);
    r->ident = arena_str(a, e->ident == NULL ? "" : e->ident);
    r->body = arena_bytes(a, e->body);
    r->body_size = e->body_size;
}

static void replay_work(struct hook_look *look, struct inbox *file) {
    struct replay *r = CONTAINER_OF(look, struct replay, look);
    look->status = inbox_get(file, &r->id, copy_entry, r, &look->err);
}

struct pair {
    struct arena *arena;
    struct bytes part[2];
    size_t count;
};

static int add_part(void *arg, struct bytes text) {
    struct pair *p = arg;
    if (p->count < 2) {
        p->part[p->count++] = bytes_of(json_text(p->arena, text));
    }
    return 0;
}

static int add_header(void *arg, struct bytes text) {
    struct replay *r = arg;
    struct pair p = {.arena = &r->look.call->req->arena};
    (void)json_each(text, add_part, &p);
    if (p.count == 2 && p.part[0].data != NULL && p.part[1].data != NULL &&
        r->header_count < ARRAY_LEN(r->header)) {
        r->header[r->header_count++] = (struct header){p.part[0], p.part[1]};
    }
    return 0;
}

static void release_hook(struct request *req, void *arg) {
    (void)req;
    struct replay *r = arg;
    hook_release(&r->hook);
}

static void audited(struct store_op *op) {
    struct call *call = op->arg;
    struct replay *r = CONTAINER_OF(op, struct replay, audit.op);
    struct buf out = {0};
    store_op_finish(op); // the job is there, whether or not that could be written down
    submit_accepted(&out, &r->item, op->now_ms);
    store_op_finish(&r->store.op);
    store_op_finish(&r->join.op);
    call_reply(call, 202, &out);
}

static void replayed(struct store_op *op) {
    struct call *call = op->arg;
    struct replay *r = op->kind == STORE_SUBMIT ? CONTAINER_OF(op, struct replay, store.op)
                                                : CONTAINER_OF(op, struct replay, join.op);
    struct problem problem;
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    if (r->item.status != 0) {
        submit_refusal(&r->item, &problem);
        store_op_finish(op);
        call_problem(call, &problem);
        return;
    }
    char delivery[JOB_ID_TEXT + 1], job[JOB_ID_TEXT + 1];
    id_format(&r->id, delivery);
    id_format(&r->spec.id, job);
    (void)snprintf(r->detail, sizeof r->detail, "delivery %s, job %s", delivery, job);
    const struct store_audit entry = {.actor = call_actor(call),
                                      .action = "hook.replay",
                                      .target = r->hook_name,
                                      .detail = r->why == NULL ? r->detail : r->why};
    audit_add(call->host, &r->audit, entry, audited, call);
}

static int make_job(struct replay *r, struct job_request *request, struct problem *p) {
    struct call *call = r->look.call;
    struct request as_sent = {.method = "POST"};
    const char *param[CALL_PARAMS_MAX] = {NULL};
    if (path_split(&call->req->arena, r->target, &as_sent.path, &as_sent.path_count,
                   &as_sent.query) == 0) {
        (void)routes_path_fits(&as_sent, r->hook->of->path, param);
    }
    (void)json_each(bytes_of(r->headers), add_header, r);
    struct hook_delivery d = {.hook = r->hook,
                              .arena = &call->req->arena,
                              .headers = r->header,
                              .header_count = r->header_count,
                              .param = param,
                              .query = as_sent.query,
                              .body = r->body,
                              .scheme = r->scheme,
                              .id = bytes_of(r->ident),
                              .id_signed = true,
                              .now_ms = env_wall_ms(&call->host->env)};
    if (hook_delivery_read(&d) != 0) {
        *p = (struct problem){
            .status = 503, .code = "out_of_memory", .message = "the host is out of memory"};
        return -ENOMEM;
    }
    int e = hook_delivery_job(&d, request, p);
    request->key = NULL; // somebody wants a job of it, whatever there was
    request->dedup_ttl_ms = 0;
    return e != 0 ? e : jobs_resolve(call->host, request, &call->req->arena, &r->spec, p);
}

static void submit(struct replay *r) {
    struct call *call = r->look.call;
    r->item = (struct store_submit_item){
        .spec = &r->spec, .max_waiting = config_queue(call->host->config, r->spec.queue)->max_jobs};
    if (r->spec.flow_id != NULL) {
        r->join.items = &r->item;
        r->join.count = 1;
        call_op(call, &r->join.op, STORE_FLOW_JOIN, replayed);
        jobs_join(call->host, &r->join);
        return;
    }
    r->store.items = &r->item;
    r->store.count = 1;
    call_op(call, &r->store.op, STORE_SUBMIT, replayed);
    jobs_submit(call->host, &r->store);
}

static void found(struct hook_look *look) {
    struct replay *r = CONTAINER_OF(look, struct replay, look);
    struct call *call = look->call;
    struct job_request request;
    struct problem problem;
    if (look->status != 0) {
        look_failed(look);
        return;
    }
    struct hook *hook = r->hook_name == NULL ? NULL : hooks_named(call->api->hooks, r->hook_name);
    if (hook == NULL) {
        call_error(call, 409, "hook_off", NULL,
                   "the delivery's hook is not there any more, or off");
        return;
    }
    if ((int64_t)r->body.len != r->body_size) {
        call_error(call, 409, "body_not_kept", NULL,
                   "only a part of the delivery's body is kept (hooks.NAME.inbox.bodies)");
        return;
    }
    r->hook = hook_hold(hook);
    call->req->done = release_hook;
    call->req->done_arg = r;
    if (make_job(r, &request, &problem) != 0) {
        call_problem(call, &problem);
    } else {
        submit(r);
    }
}

void hooks_replay_handle(struct call *call) {
    struct replay *r = CALL_NEW(call, struct replay);
    const struct input_field fields[] = {{"why", INPUT_WHY, r == NULL ? NULL : &r->why}};
    if (r != NULL && input_read(call, fields, ARRAY_LEN(fields)) && delivery_id(call, &r->id)) {
        r->look = (struct hook_look){.call = call, .work = replay_work, .then = found};
        hook_inbox_look(&r->look);
    }
}
