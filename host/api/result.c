/* GET /v1/jobs/{id}/result and /v1/jobs/{id}/outputs/{name}: a job's own bytes under their own
 * content type. */
#include <errno.h>
#include <stdio.h>

#include "api/result.h"
#include "api/routes.h"
#include "net/disposition.h"

struct result_call {
    union {
        struct store_op op;
        struct store_result_get result;
        struct store_output_get output;
    } u;
    struct store_get get; /* asked when there is none, to say why */
    const char *code;     /* of the answer then */
    const char *what;
};

static void nothing_there(struct store_op *op) {
    struct call *call = op->arg;
    struct store_get *get = CONTAINER_OF(op, struct store_get, op);
    const struct result_call *r = CONTAINER_OF(get, struct result_call, get);
    int status = op->status;
    enum job_state state = get->job.state;
    if (status != 0 && status != -ENOENT) {
        call_store_failed(call, op);
        return;
    }
    store_op_finish(op);
    if (status == -ENOENT) {
        call_error(call, 404, "job_not_found", "id", "there is no job with this id");
    } else if (!job_is_final(state)) {
        call_errorf(call, 409, "not_finished", "state", "the job has not finished: it is %s",
                    job_state_name((int)state));
    } else {
        call_errorf(call, 404, r->code, NULL, "the job is %s and has no %s",
                    job_state_name((int)state), r->what);
    }
}

/* False: there is something; else it is answered, or soon will be. */
static bool result_missing(struct store_op *op, struct result_call *r, const struct job_id *id) {
    struct call *call = op->arg;
    if (op->status == -ENOENT) {
        r->get.id = *id;
        store_op_finish(op);
        call_op(call, &r->get.op, STORE_GET, nothing_there);
        store_post(&call->host->store, &r->get.op);
        return true;
    }
    if (op->status != 0) {
        call_store_failed(call, op);
        return true;
    }
    return false;
}

/* They are a plugin's, perhaps HTML made of somebody's input: a browser must not run it in our
 * name, nor fetch anything for it. A report that brings its own styles and pictures shows. */
static void protect(struct call *call) {
    respond_header(call->req, "Content-Security-Policy",
                   "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
                   "font-src data:");
}

/* Copied from the operation, which is finished first. */
static const char *keep_type(struct call *call, const char *type, const char *fallback) {
    const char *copy = type == NULL ? NULL : arena_str(&call->req->arena, type);
    return copy == NULL ? fallback : copy;
}

static void answer_blob(struct call *call, const char *type, int fd, const struct blob_ref *blob) {
    char etag[65];
    for (size_t i = 0; i < 32; i++) {
        (void)snprintf(etag + 2 * i, 3, "%02x", blob->sha256[i]);
    }
    respond_file(call->req, type, fd, blob->size, etag);
}

void result_send(struct call *call, struct store_result_get *got) {
    protect(call);
    const char *type = keep_type(call, got->content_type, "application/json");
    if (got->fd != -1) {
        got->blob.size = got->size;
        store_op_finish(&got->op);
        answer_blob(call, type, got->fd, &got->blob);
        return;
    }
    struct buf text = {0};
    buf_add(&text, got->data.data, got->data.len);
    store_op_finish(&got->op);
    respond(call->req, 200, type, buf_bytes(&text));
    buf_free(&text);
}

static void got_result(struct store_op *op) {
    struct call *call = op->arg;
    struct result_call *r = CONTAINER_OF(op, struct result_call, u.op);
    if (!result_missing(op, r, &r->u.result.id)) {
        result_send(call, &r->u.result);
    }
}

void result_handle(struct call *call) {
    struct result_call *r = CALL_NEW(call, struct result_call);
    if (r == NULL || !call_job_id(call, 0, &r->u.result.id)) {
        return;
    }
    r->code = "no_result";
    r->what = "result";
    r->u.result.fd = -1;
    call_op(call, &r->u.op, STORE_RESULT_GET, got_result);
    store_post(&call->host->store, &r->u.op);
}

/* ---- outputs ---- */

static void got_output(struct store_op *op) {
    struct call *call = op->arg;
    struct result_call *r = CONTAINER_OF(op, struct result_call, u.op);
    struct store_output_get *got = &r->u.output;
    if (result_missing(op, r, &got->id)) {
        return;
    }
    const char *type = keep_type(call, got->content_type, "application/octet-stream");
    struct buf disposition = {0};
    disposition_inline(&disposition, got->name);
    protect(call);
    if (!disposition.failed) { // without it a download has the name that is in the path
        respond_header(call->req, "Content-Disposition", disposition.data);
    }
    buf_free(&disposition);
    store_op_finish(op);
    answer_blob(call, type, got->fd, &got->blob);
}

void outputs_get_handle(struct call *call) {
    struct result_call *r = CALL_NEW(call, struct result_call);
    if (r == NULL || !call_job_id(call, 0, &r->u.output.id)) {
        return;
    }
    r->code = "no_output";
    r->what = "output of that name";
    r->u.output.name = call->param[1];
    r->u.output.fd = -1;
    call_op(call, &r->u.op, STORE_OUTPUT_GET, got_output);
    store_post(&call->host->store, &r->u.op);
}
