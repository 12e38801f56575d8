#include "supervisor/operator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/waits.h"
#include "supervisor/audit.h"
#include "supervisor/hub.h"

struct giving {
    union {
        struct store_op op;
        struct store_get get;
        struct store_move move;
        struct store_audit_add audit;
    } u;
    struct store_move_item item;
    struct store_step step;
    struct buf value, detail;
    char name[WAITS_STEP_MAX], target[JOB_ID_TEXT + 1], key[JOB_KEY_MAX + 1];
    struct host *host;
    struct operator_answer *answer;
};

// As people read them: "a", "b" or "c".
static void add_choices(const struct waits_question *q, struct buf *out) {
    for (size_t i = 0; i < q->choice_count; i++) {
        buf_str(out, i == 0 ? "" : i + 1 == q->choice_count ? " or " : ", ");
        buf_printf(out, "\"%.*s\"", (int)q->choices[i].len, (const char *)q->choices[i].data);
    }
}

static void refuse(struct giving *g, int r, int status, const char *code, const char *message) {
    struct problem *p = &g->answer->problem;
    g->answer->status = r;
    *p = (struct problem){.status = status, .code = code};
    (void)snprintf(p->message, sizeof p->message, "%.*s", (int)sizeof p->message - 1, message);
}

static void finish(struct giving *g) {
    struct operator_answer *answer = g->answer;
    store_op_finish(&g->u.op);
    buf_free(&g->value);
    buf_free(&g->detail);
    free(g);
    answer->done(answer, answer->arg);
}

static void post(struct giving *g, enum store_op_kind kind, void (*done)(struct store_op *op)) {
    g->u.op.kind = kind;
    g->u.op.done = done;
    g->u.op.arg = g;
    g->u.op.now_ms = env_wall_ms(&g->host->env);
    g->u.op.scope = g->answer->scope;
    store_post(&g->host->store, &g->u.op);
}

/* ------------------------------------------------------------------ third: it is written down */

static void audited(struct store_op *op) {
    finish(op->arg); // it is given, whether or not that could be written down
}

static void audit(struct giving *g) {
    const struct operator_answer *answer = g->answer;
    buf_printf(&g->detail, "%s: %.*s", g->key, JOB_MESSAGE_MAX, answer->answer);
    buf_printf(&g->detail, answer->by == NULL ? "%s" : "; by %s",
               answer->by == NULL ? "" : answer->by);
    buf_printf(&g->detail, answer->why == NULL ? "%s" : "; %s",
               answer->why == NULL ? "" : answer->why);
    buf_char(&g->detail, '\0');
    id_format(&answer->id, g->target);
    store_op_finish(&g->u.op);
    const struct store_audit entry = {.actor = answer->actor,
                                      .action = "job.resolve",
                                      .target = g->target,
                                      .detail = g->detail.failed ? answer->answer : g->detail.data};
    audit_add(g->host, &g->u.audit, entry, audited, g);
}

/* ------------------------------------------------------------------ second: the job goes on */

static void say_late(struct giving *g) {
    refuse(g, -ESTALE, 409, "job_changed",
           "it does not wait for this answer any more: somebody else has given one, or its time is "
           "over");
}

static void moved(struct store_op *op) {
    struct giving *g = op->arg;
    struct operator_answer *answer = g->answer;
    answer->state = g->item.state;
    if (op->status != 0) {
        refuse(g, op->status, 0, NULL, op->err.msg);
    } else if (g->item.status != 0) {
        say_late(g);
    } else {
        hub_publish(g->host->hub, &(struct hub_event){.kind = HUB_STATE,
                                                      .id = answer->id,
                                                      .at_ms = env_wall_ms(&g->host->env),
                                                      .state = answer->state});
        audit(g);
        return;
    }
    finish(g);
}

static void move(struct giving *g, uint32_t rev) {
    const struct operator_answer *answer = g->answer;
    const struct waits_step step = {
        .state = WAITS_GOT, .at_ms = env_wall_ms(&g->host->env), .value = bytes_of(answer->answer)};
    waits_operator_step(g->key, g->name);
    waits_step_put(&g->value, &step);
    if (g->value.failed) {
        refuse(g, -ENOMEM, 503, "out_of_memory", "out of memory");
        finish(g);
        return;
    }
    g->step = (struct store_step){g->name, buf_bytes(&g->value)};
    g->item = (struct store_move_item){
        .id = answer->id, .event = JOB_EV_WAKE, .rev = rev, .step = &g->step};
    store_op_finish(&g->u.op);
    g->u.move = (struct store_move){.items = &g->item, .count = 1};
    post(g, STORE_MOVE, moved);
}

/* ------------------------------------------------------------------ first: what is asked */

static void say_wrong(struct giving *g, const struct waits_question *q, int r) {
    struct buf text = {.data = NULL};
    if (r == -ENOENT) {
        buf_str(&text, "the answer is none of the choices: ");
        add_choices(q, &text);
    } else if (r == -EFBIG) {
        buf_printf(&text, "the answer is longer than %d bytes", (int)WAITS_ANSWER_MAX);
    } else {
        buf_str(&text, "an answer is text, without control characters");
    }
    buf_char(&text, '\0');
    refuse(g, r, 422, "bad_answer", text.failed ? "the answer does not fit" : text.data);
    (void)snprintf(g->answer->problem.field, sizeof g->answer->problem.field, "answer");
    buf_free(&text);
}

// 0 = it may be given.
static int check(struct giving *g, const struct store_job *job) {
    struct waits_question q;
    char message[160];
    if (job->spooled || job->state != JOB_PARKED || job->park != PARK_NEEDS_OPERATOR ||
        job->wait_key == NULL || strlen(job->wait_key) >= sizeof g->key) {
        (void)snprintf(message, sizeof message, "it asks nothing: the job is %s",
                       job_state_name((int)job->state));
        refuse(g, -EINVAL, 409, "wrong_state", message);
        return -EINVAL;
    }
    if (waits_question_read(job->wait_for, &q) < 0) {
        q.choice_count = 0; // whoever parked it so takes any answer
    }
    int r = waits_check_answer(&q, g->answer->answer);
    if (r < 0) {
        say_wrong(g, &q, r);
    }
    return r;
}

static void found(struct store_op *op) {
    struct giving *g = op->arg;
    const struct store_job *job = &g->u.get.job;
    if (op->status == -ENOENT) {
        refuse(g, -ENOENT, 404, "job_not_found", "there is no job with this id");
    } else if (op->status != 0) {
        refuse(g, op->status, 0, NULL, op->err.msg);
    } else {
        g->answer->state = job->state;
        if (check(g, job) == 0) {
            (void)snprintf(g->key, sizeof g->key, "%s", job->wait_key);
            move(g, job->rev);
            return;
        }
    }
    finish(g);
}

void operator_give(struct host *host, struct operator_answer *answer) {
    struct giving *g = calloc(1, sizeof *g);
    answer->status = 0;
    if (g == NULL) {
        answer->status = -ENOMEM;
        answer->problem = (struct problem){.status = 503, .code = "out_of_memory"};
        answer->done(answer, answer->arg);
        return;
    }
    g->host = host;
    g->answer = answer;
    g->u.get = (struct store_get){.id = answer->id};
    post(g, STORE_GET, found);
}
