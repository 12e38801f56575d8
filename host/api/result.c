/* GET /v1/jobs/{id}/result: the result's own bytes under its own content type. */
#include <errno.h>
#include <stdio.h>

#include "api/routes.h"

struct result_call {
    struct store_result_get result;
    struct store_get get; /* asked when there is no result, to say why */
};

static void no_result(struct store_op *op) {
    struct call *call = op->arg;
    struct store_get *get = CONTAINER_OF(op, struct store_get, op);
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
        call_errorf(call, 404, "no_result", NULL, "the job is %s and has no result",
                    job_state_name((int)state));
    }
}

/* A result is a plugin's output, perhaps HTML made of somebody's input: a browser must not run it
 * in our name. */
static void protect(struct call *call) {
    respond_header(call->req, "Content-Security-Policy", "default-src 'none'; sandbox");
}

static void got_result(struct store_op *op) {
    struct call *call = op->arg;
    struct result_call *r = CONTAINER_OF(op, struct result_call, result.op);
    if (op->status == -ENOENT) {
        store_op_finish(op);
        r->get.id = r->result.id;
        call_op(call, &r->get.op, STORE_GET, no_result);
        store_post(&call->host->store, &r->get.op);
        return;
    }
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    protect(call);
    const char *named =
        r->result.content_type == NULL ? "application/json" : r->result.content_type;
    const char *type = arena_str(&call->req->arena, named);
    if (r->result.fd != -1) {
        char etag[65];
        for (size_t i = 0; i < 32; i++) {
            (void)snprintf(etag + 2 * i, 3, "%02x", r->result.blob.sha256[i]);
        }
        int fd = r->result.fd;
        uint64_t size = r->result.size;
        store_op_finish(op);
        respond_file(call->req, type, fd, size, etag);
        return;
    }
    struct buf text = {0};
    buf_add(&text, r->result.data.data, r->result.data.len);
    store_op_finish(op);
    respond(call->req, 200, type, buf_bytes(&text));
    buf_free(&text);
}

void result_handle(struct call *call) {
    struct result_call *r = CALL_NEW(call, struct result_call);
    if (r == NULL || !call_job_id(call, 0, &r->result.id)) {
        return;
    }
    r->result.fd = -1;
    call_op(call, &r->result.op, STORE_RESULT_GET, got_result);
    store_post(&call->host->store, &r->result.op);
}
