/* actions status and result through a view. */
#include <errno.h>
#include <stdio.h>

#include "api/custom.h"
#include "api/result.h"
#include "api/view.h"

struct view_call {
    struct store_get get;
    struct store_result_get result;
};

/* An id has its time in it: one that is older than finished jobs are kept was a job, most likely. */
static void answer_unknown(struct call *call, const struct job_id *id) {
    int64_t now_ms = env_wall_ms(&call->host->env);
    bool old = id != NULL && id_time_ms(id) + call->custom->keep_ms < now_ms;
    call_error(call, 404, old ? "job_expired" : "job_not_found", "id",
               old ? call->custom->view->expired : call->custom->view->unknown);
}

static void get_job(struct call *call, void (*done)(struct store_op *op)) {
    struct view_call *v = CALL_NEW(call, struct view_call);
    if (v == NULL) {
        return;
    }
    if (id_parse(call->param[0], &v->get.id) != 0) {
        answer_unknown(call, NULL);
        return;
    }
    call_op(call, &v->get.op, STORE_GET, done);
    store_post(&call->host->store, &v->get.op);
}

/* False: answered. */
static bool found(struct call *call, struct store_get *get) {
    if (get->op.status == -ENOENT) {
        store_op_finish(&get->op);
        answer_unknown(call, &get->id);
        return false;
    }
    if (get->op.status != 0) {
        call_store_failed(call, &get->op);
        return false;
    }
    return true;
}

static void got_status(struct store_op *op) {
    struct call *call = op->arg;
    struct store_get *get = CONTAINER_OF(op, struct store_get, op);
    struct job_live live;
    struct buf out = {0};
    if (!found(call, get)) {
        return;
    }
    bool runs = jobs_live(call->host, &get->id, &live);
    call->custom->view->status(&out, &get->job, runs ? &live : NULL);
    store_op_finish(op);
    call_reply(call, 200, &out);
}

void view_status_handle(struct call *call) {
    get_job(call, got_status);
}

/* ---- result ---- */

static void got_result(struct store_op *op) {
    struct call *call = op->arg;
    struct store_result_get *result = CONTAINER_OF(op, struct store_result_get, op);
    if (op->status == -ENOENT) { // its time has come between the two questions, or it made none
        store_op_finish(op);
        answer_unknown(call, &result->id);
    } else if (op->status != 0) {
        call_store_failed(call, op);
    } else {
        result_send(call, result);
    }
}

static void get_result(struct call *call, struct view_call *v) {
    v->result.id = v->get.id;
    v->result.fd = -1;
    call_op(call, &v->result.op, STORE_RESULT_GET, got_result);
    store_post(&call->host->store, &v->result.op);
}

static void got_job(struct store_op *op) {
    struct call *call = op->arg;
    const struct view *view = call->custom->view;
    struct view_call *v = CONTAINER_OF(op, struct view_call, get.op);
    struct problem problem = {.status = 0};
    if (!found(call, &v->get)) {
        return;
    }
    if (!job_is_final(v->get.job.state)) {
        problem = (struct problem){.status = view->unfinished_status, .code = "not_finished"};
        (void)snprintf(problem.message, sizeof problem.message, "%s", view->unfinished);
    } else if (v->get.job.state != JOB_SUCCEEDED) {
        problem = (struct problem){.status = view->failed_status, .code = "job_failed"};
        view->failed(&v->get.job, problem.message, sizeof problem.message);
    }
    store_op_finish(op);
    if (problem.status != 0) {
        call_problem(call, &problem);
    } else {
        get_result(call, v);
    }
}

void view_result_handle(struct call *call) {
    get_job(call, got_job);
}
