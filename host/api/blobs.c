/* POST /v1/blobs: content for a later submission's files. The body goes to a file without a name as
 * it comes in, and from there to the store. */
#include <stdlib.h>

#include "api/job_json.h"
#include "api/routes.h"
#include "api/upload.h"

struct upload {
    struct spool *spool;
    struct store_blob_put put;
};

/* ---- the body ---- */

static void on_room(void *arg) {
    const struct call *call = arg;
    request_body_resume(call->req);
}

static int take_piece(struct request *req, struct bytes piece) {
    struct call *call = req->context;
    struct upload *u = call->upload;
    if (!call_has_room(call, piece.len)) {
        return 0;
    }
    int r = spool_write(u->spool, piece);
    if (r < 0) {
        call_spool_failed(call, r);
        return 0;
    }
    return r == SPOOL_BEHIND ? BODY_BEHIND : 0;
}

/* Answered, or the peer is gone in mid-body. */
static void release(struct request *req, void *arg) {
    (void)req;
    struct call *call = arg;
    spool_free(&call->upload->spool);
}

static void on_written(void *arg, int status);

void upload_admit(struct call *call, struct request_body *body) {
    struct upload *u = call->upload = CALL_NEW(call, struct upload);
    if (u == NULL) {
        return;
    }
    uint64_t announced = call->req->announced;
    if (!call_has_room(call, announced)) {
        return;
    }
    u->spool = spool_new(&call->api->spools, &(struct spool_plan){announced, call->req->admin},
                         &(struct spool_events){on_room, on_written, call});
    if (u->spool == NULL) {
        call_error(call, 503, "out_of_memory", NULL, "the host is out of memory; try again later");
        return;
    }
    call->req->done = release;
    call->req->done_arg = call;
    body->limit = (uint64_t)call->host->config->store.blobs_max_in_store;
    body->piece = take_piece;
}

/* ---- the store ---- */

static void stored(struct store_op *op) {
    struct call *call = op->arg;
    struct store_blob_put *put = CONTAINER_OF(op, struct store_blob_put, op);
    struct buf out = {0};
    spool_free(&call->upload->spool); // now it counts in the store
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    buf_char(&out, '{');
    job_json_hex(&out, "sha256", put->ref.sha256, sizeof put->ref.sha256);
    json_kint(&out, "size", (int64_t)put->ref.size);
    buf_char(&out, '}');
    store_op_finish(op);
    call_reply(call, 200, &out);
}

static void on_written(void *arg, int status) {
    struct call *call = arg;
    struct upload *u = call->upload;
    if (status != 0) {
        call_spool_failed(call, status);
        return;
    }
    u->put.fd = spool_fd(u->spool);
    u->put.max_size = (uint64_t)call->host->config->store.blobs_max_in_store;
    u->put.for_submit = true;
    call_op(call, &u->put.op, STORE_BLOB_PUT, stored);
    store_post(&call->host->store, &u->put.op);
}

void blobs_put_handle(struct call *call) {
    spool_end(call->upload->spool);
}
