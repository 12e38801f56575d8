#include "api/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/custom.h"
#include "api/routes.h"
#include "api/view.h"
#include "base/utf8.h"
#include "supervisor/audit.h"

void *call_alloc(struct call *call, size_t size) {
    void *p = arena_zalloc(&call->req->arena, size);
    if (p == NULL) {
        call_error(call, 503, "out_of_memory", NULL, "the host is out of memory; try again later");
    }
    return p;
}

void call_op(struct call *call, struct store_op *op, enum store_op_kind kind,
             void (*done)(struct store_op *op)) {
    op->kind = kind;
    op->now_ms = env_wall_ms(&call->host->env);
    op->scope = call->bound;
    op->done = done;
    op->arg = call;
}

static void aside_work(struct side_op *op) {
    struct call *call = CONTAINER_OF(op, struct call, aside.op);
    call->aside.work(call);
}

static void aside_done(struct side_op *op) {
    struct call *call = CONTAINER_OF(op, struct call, aside.op);
    call->aside.then(call);
}

void call_aside(struct call *call, size_t len, void (*work)(struct call *call),
                void (*then)(struct call *call)) {
    if (len <= CALL_AT_ONCE) {
        work(call);
        then(call);
        return;
    }
    call->aside = (struct call_aside){{.work = aside_work, .done = aside_done}, work, then};
    side_thread_post(call->host->parser, &call->aside.op);
}

static void reply(struct call *call, int status, const char *content_type, struct buf *body) {
    struct buf text = *body; // the request, and with it `body`, may be gone after the answer
    if (text.failed) {
        respond_error(call->req, 503, "out_of_memory", NULL,
                      "the host is out of memory; try again later");
    } else {
        respond(call->req, status, content_type, buf_bytes(&text));
    }
    buf_free(&text);
}

void call_reply(struct call *call, int status, struct buf *body) {
    buf_char(body, '\n');
    reply(call, status, "application/json", body);
}

void call_reply_text(struct call *call, const char *content_type, struct buf *body) {
    reply(call, 200, content_type, body);
}

void call_list_begin(struct buf *out) {
    buf_str(out, "{\"items\":[");
}

void call_list_end(struct call *call, struct store_op *op, struct buf *out, const char *next_cursor,
                   bool partial) {
    buf_char(out, ']');
    json_kstr(out, "next_cursor", next_cursor);
    if (partial) {
        json_kbool(out, "partial", true);
    }
    buf_char(out, '}');
    store_op_finish(op);
    call_reply(call, 200, out);
}

/* Names of the caller's are cut to what a problem holds, perhaps within a character. */
static struct problem without_broken(const struct problem *problem) {
    struct problem whole = *problem;
    utf8_drop_broken(whole.field);
    utf8_drop_broken(whole.message);
    return whole;
}

/* What a token's scope or binding does not allow: a bound of them a minute, so that nobody fills the audit
 * log with it. */
static void note_refusal(struct call *call, const struct problem *problem) {
    struct api *api = call->api;
    int64_t now_ms = env_mono_ms(&call->host->env);
    if (call->route == NULL || strcmp(problem->code, "forbidden") != 0) {
        return;
    }
    if (now_ms - api->refusals_since_ms >= CALL_REFUSALS_MS) {
        api->refusals_since_ms = now_ms;
        api->refusals = 0;
    }
    if (api->refusals++ >= CALL_REFUSALS_MAX) {
        return;
    }
    const char *action =
        arena_printf(&call->req->arena, "%s %s", call->req->method, call->route->pattern);
    audit_note(call->host, (struct store_audit){.actor = call_actor(call),
                                                .action = action,
                                                .target = call->param[0],
                                                .detail = problem->message,
                                                .outcome = problem->code});
}

static void send_problem(struct call *call, const struct problem *problem) {
    const struct view *view = call->custom == NULL ? NULL : call->custom->view;
    const struct problem whole = without_broken(problem);
    note_refusal(call, &whole);
    if (view == NULL) {
        respond_error(call->req, whole.status, whole.code,
                      whole.field[0] == '\0' ? NULL : whole.field, whole.message);
        return;
    }
    struct buf out = {0};
    view->problem(&out, &whole);
    call_reply(call, whole.status, &out);
}

void call_error(struct call *call, int status, const char *code, const char *field,
                const char *message) {
    struct problem problem = {.status = status, .code = code};
    (void)snprintf(problem.field, sizeof problem.field, "%s", field == NULL ? "" : field);
    (void)snprintf(problem.message, sizeof problem.message, "%s", message);
    send_problem(call, &problem);
}

void call_errorf(struct call *call, int status, const char *code, const char *field,
                 const char *fmt, ...) {
    struct problem problem = {.status = status, .code = code};
    va_list ap;
    (void)snprintf(problem.field, sizeof problem.field, "%s", field == NULL ? "" : field);
    va_start(ap, fmt);
    (void)vsnprintf(problem.message, sizeof problem.message, fmt, ap);
    va_end(ap);
    send_problem(call, &problem);
}

void call_problem(struct call *call, const struct problem *problem) {
    if (problem->status == 401) {
        respond_header(call->req, "WWW-Authenticate", "Bearer");
    }
    if (problem->status == 429 || problem->status == 503) {
        respond_header(call->req, "Retry-After", "1");
    }
    send_problem(call, problem);
}

bool call_has_room(struct call *call, uint64_t more) {
    struct problem problem;
    uint64_t room = store_blob_room(&call->host->store), taken = call->api->spools.size;
    if (taken <= room && more <= room - taken) {
        return true;
    }
    call_store_problem(-EDQUOT, "there is no room for these files", &problem);
    call_problem(call, &problem);
    return false;
}

void call_spool_failed(struct call *call, int error) {
    bool full = error == -ENOSPC || error == -EDQUOT || error == -EFBIG;
    respond_header(call->req, "Retry-After", "5");
    if (error == -EMFILE) {
        call_error(
            call, 503, "too_many_uploads", NULL,
            "the host has as many uploads in hand as it has descriptors for; try again later");
        return;
    }
    if (full) {
        call_errorf(call, 507, "disk_full", NULL,
                    "there is no room for the upload below host.state_dir (%s; the last %d MiB are "
                    "kept for the store): make room there",
                    strerror(-error), SPOOL_RESERVE >> 20);
        return;
    }
    call_errorf(call, 503, "upload_not_stored", NULL,
                "the upload could not be written below host.state_dir: %s", strerror(-error));
}

static const struct {
    int error, status;
    const char *code, *message;
} store_problems[] = {
    {-ETIMEDOUT, 503, "store_timeout",
     "the store did not answer in time; what was asked may still have happened"},
    {-EROFS, 503, "store_read_only", "the store takes no writes; try again when it does"},
    {-EAGAIN, 503, "store_away", "the store cannot be reached; try again when it is back"},
    {-ENOTCONN, 503, "store_away", "the store cannot be reached; try again when it is back"},
    {-EDQUOT, 429, "budget_full", "the store's byte budget is full"},
    {-ENOSPC, 507, "disk_full", "the store's disk is full"},
    {-EACCES, 403, "forbidden", "that is not for a token that is bound"},
    {-ENOTSUP, 501, "not_supported", "this store cannot do that"},
    {-EINVAL, 400, "bad_request", "the store refused the request"},
    {-ENOENT, 404, "not_found", "there is no such thing"},
    {-EFBIG, 413, "large_body", "the content is larger than the store accepts"},
};

void call_store_problem(int status, const char *message, struct problem *ret) {
    *ret = (struct problem){.status = 503, .code = "store_unavailable"};
    const char *words = "the store failed";
    for (size_t i = 0; i < ARRAY_LEN(store_problems); i++) {
        if (store_problems[i].error == status) {
            ret->status = store_problems[i].status;
            ret->code = store_problems[i].code;
            words = store_problems[i].message;
        }
    }
    bool more = message != NULL && message[0] != '\0';
    (void)snprintf(ret->message, sizeof ret->message, "%s%s%.200s", words, more ? ": " : "",
                   more ? message : "");
}

void call_store_failed(struct call *call, struct store_op *op) {
    struct problem problem;
    call_store_problem(op->status, op->err.msg, &problem);
    store_op_finish(op);
    call_problem(call, &problem);
}

void call_list_failed(struct call *call, struct store_op *op) {
    if (op->status != -EINVAL || request_query(call->req, "cursor") == NULL) {
        call_store_failed(call, op);
        return;
    }
    store_op_finish(op);
    call_error(call, 400, "bad_parameter", "cursor",
               "that is no cursor of this list; give the next_cursor of its last page as it was");
}

bool call_job_id(struct call *call, unsigned index, struct job_id *ret_id) {
    if (id_parse(call->param[index], ret_id) == 0) {
        return true;
    }
    call_error(call, 404, "job_not_found", "id",
               "that is not a job id: a job id has the form 0198c1a2-....-7...-....-............");
    return false;
}

uint32_t call_limit(struct call *call, uint32_t fallback, uint32_t max) {
    const char *text = request_query(call->req, "limit");
    if (text == NULL) {
        return fallback;
    }
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < 1 || n > max) {
        call_errorf(call, 400, "bad_parameter", "limit", "limit is a number from 1 to %u", max);
        return 0;
    }
    return (uint32_t)n;
}

const char *call_actor(struct call *call) {
    struct request *req = call->req;
    const struct bearer *b = &call->bearer;
    const char *actor =
        b->id != NULL
            ? arena_printf(&req->arena, "token:%s (%s) from %s", b->name, b->id, req->peer)
        : b->name != NULL ? arena_printf(&req->arena, "token:%s from %s", b->name, req->peer)
        : req->certificate != NULL    ? arena_printf(&req->arena, "cert:%s", req->certificate)
        : req->peer_uid == UINT32_MAX ? arena_printf(&req->arena, "http:%s", req->peer)
                                      : arena_printf(&req->arena, "uid:%u", req->peer_uid);
    return actor == NULL ? "unknown" : actor;
}

void problem_json(struct buf *out, const struct problem *problem) {
    const struct problem whole = without_broken(problem);
    json_key(out, "error");
    buf_char(out, '{');
    json_kstr(out, "code", whole.code);
    json_kstr(out, "message", whole.message);
    if (whole.field[0] != '\0') {
        json_kstr(out, "field", whole.field);
    }
    buf_char(out, '}');
}
