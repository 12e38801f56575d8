#include "supervisor/worker_flows.h"

#include <errno.h>
#include <stdlib.h>

#include "jobhost_flow.h"
#include "store/flows.h"
#include "supervisor/attempt.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"
#include "supervisor/question.h"

/* One outstanding question. A result is asked for in two operations: is it a member's? */
struct flow_question {
    union {
        struct store_op op;
        struct store_flow_get flow;
        struct store_flow_ended ended;
        struct store_get job;
        struct store_result_get result;
    } u;
    struct question from;
    struct job_id flow, member;
};

static void finish(struct flow_question *q, struct question_answer *answer) {
    question_answer(&q->from, answer);
    store_op_finish(&q->u.op);
    free(q);
}

static void post(struct flow_question *q, enum store_op_kind kind,
                 void (*done)(struct store_op *)) {
    struct host *host = q->from.host;
    q->u.op.kind = kind;
    q->u.op.done = done;
    q->u.op.arg = q;
    q->u.op.now_ms = env_wall_ms(&host->env);
    store_post(&host->store, &q->u.op);
}

/* A row of fields, as record.h says for each answer. */
static void answer_fields(struct flow_question *q, struct record_writer *fields, int64_t number) {
    struct question_answer answer = {
        .status = fields->fault, .number = number, .value = buf_bytes(&fields->packet), .fd = -1};
    finish(q, &answer);
    record_writer_finish(fields);
}

static void answer_status(struct flow_question *q, int status) {
    struct question_answer answer = {.status = status, .fd = -1};
    finish(q, &answer);
}

/* ------------------------------------------------------------------ how it stands */

static void counts_done(struct store_op *op) {
    struct flow_question *q = op->arg;
    const struct flow_facts *is = &q->u.flow.flow.facts;
    struct record_writer w = {.fd_count = 0};
    if (op->status != 0) {
        answer_status(q, op->status);
        return;
    }
    record_i64(&w, is->tally.made);
    record_i64(&w, flow_open_count(&is->tally));
    record_i64(&w, is->tally.succeeded);
    record_i64(&w, is->tally.dead);
    record_i64(&w, is->tally.cancelled);
    record_i64(&w, is->tally.duplicate);
    record_u32(&w, (is->closed ? JH_FLOW_CLOSED : 0) | (flow_grows(is) ? JH_FLOW_GROWS : 0));
    answer_fields(q, &w, 0);
}

static void ask_counts(struct flow_question *q, const struct msg_flow *m) {
    (void)m;
    q->u.flow = (struct store_flow_get){.id = q->flow};
    post(q, STORE_FLOW_GET, counts_done);
}

/* ------------------------------------------------------------------ those that have ended */

static int32_t member_state(enum job_state state) {
    static const int32_t states[JOB_STATE_COUNT] = {[JOB_SUCCEEDED] = JH_MEMBER_SUCCEEDED,
                                                    [JOB_DEAD] = JH_MEMBER_DEAD,
                                                    [JOB_CANCELLED] = JH_MEMBER_CANCELLED,
                                                    [JOB_DUPLICATE] = JH_MEMBER_DUPLICATE};
    return states[state];
}

static void put_member(struct record_writer *w, const struct store_flow_member *m) {
    char id[JOB_ID_TEXT + 1];
    id_format(&m->id, id);
    record_u64(w, m->cursor);
    record_str(w, id);
    record_i32(w, member_state(m->state));
    record_str(w, m->type);
    record_i32(w, m->error.cls);
    record_str(w, m->error.code);
    record_u32(w, m->has_result);
    record_u64(w, m->result_size);
}

static void ended_done(struct store_op *op) {
    struct flow_question *q = op->arg;
    const struct store_flow_ended *e = &q->u.ended;
    struct record_writer w = {.fd_count = 0};
    if (op->status != 0) {
        answer_status(q, op->status);
        return;
    }
    record_u32(&w, (uint32_t)e->count);
    for (size_t i = 0; i < e->count; i++) {
        put_member(&w, &e->members[i]);
    }
    answer_fields(q, &w, e->more);
}

static void ask_ended(struct flow_question *q, const struct msg_flow *m) {
    q->u.ended =
        (struct store_flow_ended){.id = q->flow, .limit = RECORD_FLOW_PAGE, .cursor = m->cursor};
    post(q, STORE_FLOW_ENDED, ended_done);
}

/* ------------------------------------------------------------------ a result */

static void result_done(struct store_op *op) {
    struct flow_question *q = op->arg;
    const struct store_result_get *got = &q->u.result;
    struct question_answer answer = {.status = op->status, .fd = -1};
    if (op->status == 0) {
        answer.value = got->data;
        answer.fd = got->fd;
        answer.fd_size = got->size;
    }
    finish(q, &answer);
}

static bool is_member(const struct flow_question *q, const struct job_spec *spec) {
    return store_flow_has(spec) && id_equal(&spec->parent, &q->flow);
}

static void member_done(struct store_op *op) {
    struct flow_question *q = op->arg;
    int status = op->status;
    if (status == 0 && !is_member(q, &q->u.job.job.spec)) {
        status = -ENOENT;
    }
    if (status != 0) {
        answer_status(q, status);
        return;
    }
    store_op_finish(op);
    q->u.result = (struct store_result_get){.id = q->member, .fd = -1};
    post(q, STORE_RESULT_GET, result_done);
}

static void ask_result(struct flow_question *q, const struct msg_flow *m) {
    (void)m;
    q->u.job = (struct store_get){.id = q->member};
    post(q, STORE_GET, member_done);
}

/* ------------------------------------------------------------------ the door */

/* The flow that it may ask about: 0 or -ENOENT. */
static int find_flow(const struct attempt *a, uint32_t which, struct job_id *ret) {
    const struct job_spec *spec = &a->job->spec;
    bool member = store_flow_has(spec);
    *ret = which == JH_FLOW_OPENED ? spec->id : spec->parent;
    return which == JH_FLOW_OPENED ||
                   (!id_is_zero(&spec->parent) && member == (which == JH_FLOW_MEMBER))
               ? 0
               : -ENOENT;
}

int worker_flow(struct worker *w, struct attempt *a, const struct msg_flow *m) {
    static void (*const asks[])(struct flow_question *, const struct msg_flow *) = {
        [FLOW_COUNTS] = ask_counts,
        [FLOW_MEMBERS] = ask_ended,
        [FLOW_RESULT] = ask_result,
    };
    if (m->what >= ARRAY_LEN(asks) || asks[m->what] == NULL || m->which > JH_FLOW_MEMBER ||
        m->cursor > STORE_FLOW_CURSOR_MAX || (m->what == FLOW_RESULT) != (m->id != NULL) ||
        a->asking || a->committing) {
        return -EBADMSG;
    }
    struct flow_question *q = calloc(1, sizeof *q);
    int status = q == NULL ? -ENOMEM : find_flow(a, m->which, &q->flow);
    if (status == 0 && m->id != NULL && id_parse(m->id, &q->member) != 0) {
        status = -ENOENT;
    }
    if (status != 0) {
        free(q);
        question_refuse(w, a, m->request, status);
        return 0;
    }
    question_begin(&q->from, w, a, m->request);
    asks[m->what](q, m);
    return 0;
}
