/* POST /v1/events/{name}: an event for the jobs that wait for it. The body is what it says, as it comes. */
#include <errno.h>

#include "api/routes.h"
#include "store/events.h"
#include "supervisor/upkeep.h"

struct publish {
    struct store_event_put put;
    struct store_event_item item;
};

static void refuse(struct call *call, int status) {
    switch (status) {
    case -ENOBUFS:
        respond_header(call->req, "Retry-After", "1");
        call_error(call, 429, "event_backlog", NULL,
                   "events of this name come faster than jobs can be told of them");
        break;
    case -EDQUOT:
        respond_header(call->req, "Retry-After", "60");
        call_error(call, 429, "events_full", NULL, "there is no room for more events");
        break;
    default: call_error(call, 400, "bad_event", NULL, "the event does not fit"); break;
    }
}

static void published(struct store_op *op) {
    struct call *call = op->arg;
    struct publish *p = CONTAINER_OF(op, struct publish, put.op);
    struct host *host = call->host;
    struct buf out = {0};
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    int status = p->item.status;
    if (p->put.outbox) {
        upkeep_forward(host);
    }
    store_op_finish(op);
    if (status != 0 && status != -EEXIST) {
        refuse(call, status);
        return;
    }
    buf_char(&out, '{');
    json_kstr(&out, "name", p->item.event.name);
    json_kbool(&out, "duplicate", status == -EEXIST);
    buf_char(&out, '}');
    call_reply(call, 202, &out);
}

static const char *text_of(struct call *call, struct bytes value) {
    return arena_strn(&call->req->arena, value.data, value.len);
}

// What is wrong with the event, or NULL.
static const char *fill(struct call *call, struct store_event *e) {
    struct bytes type = {NULL, 0};
    e->name = call->param[0];
    e->value = call->req->body;
    e->key = request_query(call->req, "key");
    e->tenant = request_query(call->req, "user");
    if (call->bound != NULL && e->tenant == NULL) {
        e->tenant = call->bound->tenant; // of another one: the store refuses it
    }
    if (request_header(call->req, "Content-Type", &type) > 0 && type.len > 0) {
        e->content_type = text_of(call, type);
    }
    return waits_check_name(e->name) < 0                                      ? "name"
           : e->key != NULL && waits_check_event_key(e->key) < 0              ? "key"
           : e->content_type != NULL && waits_check_type(e->content_type) < 0 ? "Content-Type"
           : store_event_check(e) < 0                                         ? "user"
                                                                              : NULL;
}

void publish_admit(struct call *call, struct request_body *body) {
    (void)call;
    body->limit = WAITS_EVENT_MAX;
}

void publish_handle(struct call *call) {
    struct publish *p = CALL_NEW(call, struct publish);
    const char *field = p == NULL ? NULL : fill(call, &p->item.event);
    if (field != NULL) {
        call_errorf(
            call, 400, "bad_event", field,
            "a name has up to %d letters, digits, _ . : @ -; a key up to %d printable characters",
            (int)WAITS_EVENT_NAME_MAX, (int)WAITS_EVENT_KEY_MAX);
    } else if (p != NULL) {
        p->put.items = &p->item;
        p->put.count = 1;
        call_op(call, &p->put.op, STORE_EVENT_PUT, published);
        store_post(&call->host->store, &p->put.op);
    }
}
