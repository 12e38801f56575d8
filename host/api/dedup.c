/* GET /v1/dedup: which keys are held. DELETE /v1/dedup?queue&key and POST /v1/dedup/release let one
 * go. */
#include <errno.h>

#include "api/input.h"
#include "api/job_json.h"
#include "api/routes.h"
#include "supervisor/audit.h"

static void listed(struct store_op *op) {
    struct call *call = op->arg;
    struct store_dedup_list *list = CONTAINER_OF(op, struct store_dedup_list, op);
    struct buf out = {0};
    if (op->status != 0) {
        call_list_failed(call, op);
        return;
    }
    call_list_begin(&out);
    for (size_t i = 0; i < list->count; i++) {
        const struct store_dedup_entry *e = &list->entries[i];
        json_comma(&out);
        buf_char(&out, '{');
        json_kstr(&out, "queue", e->queue);
        json_kstr(&out, "key", e->key);
        job_json_id(&out, "job", &e->id);
        json_ktime(&out, "expires_at", e->expires_ms);
        buf_char(&out, '}');
    }
    call_list_end(call, op, &out, list->next_cursor, false);
}

void dedup_list_handle(struct call *call) {
    struct store_dedup_list *list = CALL_NEW(call, struct store_dedup_list);
    if (list == NULL) {
        return;
    }
    list->limit = call_limit(call, 50, 1000);
    list->queue = request_query(call->req, "queue");
    list->cursor = request_query(call->req, "cursor");
    if (list->limit != 0) {
        call_op(call, &list->op, STORE_DEDUP_LIST, listed);
        store_post(&call->host->store, &list->op);
    }
}

struct release {
    struct store_dedup_release op;
    struct store_audit_add audit;
};

static void audited(struct store_op *op) {
    struct call *call = op->arg;
    struct buf out = {0};
    store_op_finish(op); // the key is released, whether or not that could be written down
    buf_str(&out, "{\"released\":true}");
    call_reply(call, 200, &out);
}

static void released(struct store_op *op) {
    struct call *call = op->arg;
    struct release *r = CONTAINER_OF(op, struct release, op.op);
    if (op->status == -ENOENT) {
        store_op_finish(op);
        call_error(call, 404, "key_not_found", "key", "this queue holds no such key");
        return;
    }
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    store_op_finish(op);
    const struct store_audit entry = {.actor = call_actor(call),
                                      .action = "dedup.release",
                                      .target = r->op.queue,
                                      .detail = r->op.key};
    audit_add(call->host, &r->audit, entry, audited, call);
}

static void release(struct call *call, const char *queue, const char *key) {
    if (queue == NULL || key == NULL) {
        call_error(call, 400, "missing_field", queue == NULL ? "queue" : "key",
                   "name both the queue and the key");
        return;
    }
    struct release *r = CALL_NEW(call, struct release);
    if (r != NULL) {
        r->op.queue = queue;
        r->op.key = key;
        call_op(call, &r->op.op, STORE_DEDUP_RELEASE, released);
        store_post(&call->host->store, &r->op.op);
    }
}

void dedup_release_handle(struct call *call) {
    const char *queue = NULL, *key = NULL;
    const struct input_field fields[] = {{"queue", INPUT_TEXT, &queue}, {"key", INPUT_TEXT, &key}};
    if (input_read(call, fields, ARRAY_LEN(fields))) {
        release(call, queue, key);
    }
}

void dedup_delete_handle(struct call *call) {
    release(call, request_query(call->req, "queue"), request_query(call->req, "key"));
}
