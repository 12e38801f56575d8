/* POST /v1/blobs: content for a later submission's files. The body has been written to an unlinked
 * file as it came in. */
#include "api/job_json.h"
#include "api/routes.h"

static void stored(struct store_op *op) {
    struct call *call = op->arg;
    struct store_blob_put *put = CONTAINER_OF(op, struct store_blob_put, op);
    struct buf out = {0};
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

void blobs_put_handle(struct call *call) {
    struct store_blob_put *put = CALL_NEW(call, struct store_blob_put);
    if (put == NULL) {
        return;
    }
    put->fd = call->req->body_fd;
    put->data = put->fd == -1 ? call->req->body : (struct bytes){NULL, 0};
    put->max_size = (uint64_t)call->host->config->store.blobs_max_in_store;
    call_op(call, &put->op, STORE_BLOB_PUT, stored);
    store_post(&call->host->store, &put->op);
}
