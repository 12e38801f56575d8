/* GET /v1/jobs, /v1/jobs/{id}/log. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/job_json.h"
#include "api/job_list.h"
#include "api/routes.h"

static void get_job(struct call *call, void (*done)(struct store_op *op)) {
    struct job_id id;
    if (!call_job_id(call, 0, &id)) {
        return;
    }
    struct store_get *get = CALL_NEW(call, struct store_get);
    if (get != NULL) {
        get->id = id;
        call_op(call, &get->op, STORE_GET, done);
        store_post(&call->host->store, &get->op);
    }
}

static bool get_failed(struct call *call, struct store_op *op) {
    if (op->status == -ENOENT) {
        store_op_finish(op);
        call_error(call, 404, "job_not_found", "id", "there is no job with this id");
        return true;
    }
    if (op->status != 0) {
        call_store_failed(call, op);
        return true;
    }
    return false;
}

/* ---- its log ---- */

static void got_log(struct store_op *op) {
    struct call *call = op->arg;
    struct store_get *get = CONTAINER_OF(op, struct store_get, op);
    struct job_live live;
    if (get_failed(call, op)) {
        return;
    }
    struct bytes tail = get->job.log_tail;
    if (jobs_live(call->host, &get->id, &live) && live.log_tail.len > 0) {
        tail = live.log_tail;
    }
    struct buf text = {0};
    buf_add(&text, tail.data, tail.len);
    store_op_finish(op);
    respond(call->req, 200, "text/plain; charset=utf-8", buf_bytes(&text));
    buf_free(&text);
}

void jobs_log_handle(struct call *call) {
    get_job(call, got_log);
}

/* ---- lists ---- */

static void listed(struct store_op *op) {
    struct call *call = op->arg;
    struct store_list *list = CONTAINER_OF(op, struct store_list, op);
    struct buf out = {0};
    if (op->status != 0) {
        call_list_failed(call, op);
        return;
    }
    call_list_begin(&out);
    for (size_t i = 0; i < list->count; i++) {
        struct job_live live;
        bool runs = jobs_live(call->host, &list->jobs[i].spec.id, &live);
        json_comma(&out);
        job_json(&out, &list->jobs[i], runs ? &live : NULL, false);
    }
    call_list_end(call, op, &out, list->next_cursor, list->partial);
}

void job_list_post(struct call *call, int state) {
    struct store_list *list = CALL_NEW(call, struct store_list);
    struct problem problem;
    if (list == NULL) {
        return;
    }
    list->limit = call_limit(call, 50, 1000);
    if (list->limit == 0) {
        return;
    }
    if (job_list_filter(call, state, &list->filter, &problem) != 0) {
        call_problem(call, &problem);
        return;
    }
    list->cursor = request_query(call->req, "cursor");
    call_op(call, &list->op, STORE_LIST, listed);
    store_post(&call->host->store, &list->op);
}

void jobs_list_handle(struct call *call) {
    job_list_post(call, -1);
}
