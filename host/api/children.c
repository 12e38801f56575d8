/* GET /v1/jobs/{id}/children: members of the flow that a job has opened.
 *
 *     state is a final one   those that ended so, in the order in which they ended
 *     another one, or none   those that are there, the last made first */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/flow_json.h"
#include "api/routes.h"

struct children {
    struct store_flow_ended ended;
    struct store_flow_members members;
    struct job_id id;
    int state; // -1 = any
    uint32_t limit;
    uint64_t cursor;
};

static bool failed(struct call *call, struct store_op *op) {
    if (op->status == -ENOENT) {
        store_op_finish(op);
        call_error(call, 404, "flow_not_found", "id",
                   "there is no job with this id, or it has made no others");
        return true;
    }
    if (op->status != 0) {
        call_store_failed(call, op);
        return true;
    }
    return false;
}

static void end_page(struct call *call, struct store_op *op, struct buf *out, uint64_t cursor) {
    char text[24] = "";
    (void)snprintf(text, sizeof text, "%" PRIu64, cursor);
    call_list_end(call, op, out, cursor == 0 ? NULL : text, false);
}

/* ---- those that have ended */

static void got_ended(struct store_op *op) {
    struct call *call = op->arg;
    const struct store_flow_ended *e = CONTAINER_OF(op, struct store_flow_ended, op);
    struct buf out = {0};
    if (failed(call, op)) {
        return;
    }
    call_list_begin(&out);
    for (size_t i = 0; i < e->count; i++) {
        flow_json_member(&out, &e->members[i]);
    }
    end_page(call, op, &out, e->more ? e->next_cursor : 0);
}

static void list_ended(struct call *call, struct children *x) {
    x->ended.id = x->id;
    x->ended.only = (enum job_state)x->state;
    x->ended.limit = x->limit;
    x->ended.cursor = x->cursor;
    call_op(call, &x->ended.op, STORE_FLOW_ENDED, got_ended);
    store_post(&call->host->store, &x->ended.op);
}

/* ---- all, as they are */

// With a state a page of the store is looked through, and may have few of it.
static void got_members(struct store_op *op) {
    struct call *call = op->arg;
    const struct store_flow_members *m = CONTAINER_OF(op, struct store_flow_members, op);
    const struct children *x = CONTAINER_OF(m, struct children, members);
    struct buf out = {0};
    uint64_t cursor = m->next_cursor;
    if (failed(call, op)) {
        return;
    }
    call_list_begin(&out);
    uint32_t shown = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (x->state >= 0 && (int)m->members[i].state != x->state) {
            continue;
        }
        flow_json_member(&out, &m->members[i]);
        if (++shown == x->limit && i + 1 < m->count) {
            cursor = m->members[i].cursor;
            break;
        }
    }
    end_page(call, op, &out, cursor);
}

static void list_members(struct call *call, struct children *x) {
    x->members.id = x->id;
    x->members.limit = x->state < 0 ? x->limit : STORE_FLOW_PAGE_MAX;
    x->members.cursor = x->cursor;
    call_op(call, &x->members.op, STORE_FLOW_MEMBERS, got_members);
    store_post(&call->host->store, &x->members.op);
}

/* ---- the question */

static bool read_state(struct call *call, int *ret) {
    const char *text = request_query(call->req, "state");
    *ret = text == NULL ? -1 : job_state_from_name(text);
    if (text == NULL || *ret >= 0) {
        return true;
    }
    call_error(call, 400, "bad_parameter", "state",
               "state is one of scheduled, queued, running, parked, succeeded, dead, cancelled, "
               "duplicate");
    return false;
}

static bool read_cursor(struct call *call, uint64_t *ret) {
    const char *text = request_query(call->req, "cursor");
    char *end = NULL;
    *ret = 0;
    if (text == NULL) {
        return true;
    }
    errno = 0;
    *ret = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *ret <= INT64_MAX) {
        return true;
    }
    call_error(call, 400, "bad_parameter", "cursor",
               "cursor is the next_cursor of the page before");
    return false;
}

void children_handle(struct call *call) {
    struct children *x = CALL_NEW(call, struct children);
    if (x == NULL || !call_job_id(call, 0, &x->id) || !read_state(call, &x->state) ||
        !read_cursor(call, &x->cursor)) {
        return;
    }
    x->limit = call_limit(call, 50, STORE_FLOW_PAGE_MAX);
    if (x->limit == 0) {
        return;
    }
    if (x->state >= 0 && job_is_final((enum job_state)x->state)) {
        list_ended(call, x);
    } else {
        list_members(call, x);
    }
}
