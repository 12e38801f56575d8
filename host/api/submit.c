/* POST /v1/jobs: one operation of the store for the whole request, and one more for jobs that join flows. */
#include "api/submit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/routes.h"
#include "base/fault.h"
#include "supervisor/stats.h"

void submit_refuse(struct submit *s, struct submit_slot *slot, const struct problem *problem) {
    static const struct problem no_memory = {
        .status = 503, .code = "out_of_memory", .message = "the host is out of memory"};
    struct problem *copy = arena_alloc(&s->call->req->arena, sizeof *copy);
    if (copy != NULL) {
        *copy = *problem;
    }
    slot->problem = copy == NULL ? &no_memory : copy;
}

/* ---- the answer ---- */

void submit_refusal(const struct store_submit_item *item, struct problem *ret) {
    if (item->status == -EEXIST) {
        *ret = (struct problem){.status = 409, .code = "duplicate", .field = "key"};
        (void)snprintf(ret->message, sizeof ret->message, "another job holds this key");
    } else if (item->status == -EPERM) {
        *ret = (struct problem){.status = 409, .code = "key_taken", .field = "key"};
        (void)snprintf(ret->message, sizeof ret->message,
                       "somebody else's job holds this key in queue \"%s\"", item->spec->queue);
    } else if (item->status == -ENOBUFS) {
        const char *queue = item->spec->queue;
        *ret = (struct problem){.status = 429, .code = "queue_full", .field = "queue"};
        (void)snprintf(ret->message, sizeof ret->message,
                       "%lld jobs wait in queue \"%s\", as many as queues.%s.max_jobs allows",
                       (long long)item->max_waiting, queue, queue);
    } else if (item->spec->flow_id != NULL &&
               (item->status == -ENOENT || item->status == -ESTALE)) {
        bool gone = item->status == -ENOENT;
        *ret = (struct problem){.status = gone ? 404 : 409,
                                .code = gone ? "flow_not_found" : "flow_closed",
                                .field = "flow"};
        (void)snprintf(ret->message, sizeof ret->message,
                       gone ? "there is no job %s, or it has opened no flow"
                            : "the flow of job %s takes no more jobs",
                       item->spec->flow_id);
    } else if (item->status == -EAGAIN) {
        *ret = (struct problem){.status = 503, .code = "store_away", .field = "dedup"};
        (void)snprintf(ret->message, sizeof ret->message,
                       "the store cannot be reached, so nobody knows whether the key is free: try "
                       "again later, or use dedup mode \"return\" or \"throttle\"");
    } else if (item->status == -ENOSPC) {
        *ret = (struct problem){.status = 503, .code = "spool_full"};
        (void)snprintf(ret->message, sizeof ret->message,
                       "the store cannot be reached, and what this host may keep for it is used "
                       "up (store.spool.max_bytes)");
    } else {
        call_store_problem(item->status, NULL, ret);
    }
}

/* Where the result of a job that has succeeded is. */
static void add_result(struct buf *out, const struct job_id *id, enum job_state state) {
    char text[JOB_ID_TEXT + 1];
    if (state == JOB_SUCCEEDED) {
        id_format(id, text);
        json_key(out, "result");
        buf_printf(out, "\"/v1/jobs/%s/result\"", text);
    }
}

static void add_id(struct buf *out, const char *key, const struct job_id *id) {
    char text[JOB_ID_TEXT + 1];
    id_format(id, text);
    json_kstr(out, key, text);
}

/* `item` is NULL for a job that was not sent to the store. */
static void add_refusal(struct buf *out, const struct problem *problem,
                        const struct store_submit_item *item) {
    buf_char(out, '{');
    problem_json(out, problem);
    if (item != NULL && item->status == -EEXIST) {
        add_id(out, "job", &item->winner);
        json_kstr(out, "state", job_state_name((int)item->winner_state));
        add_result(out, &item->winner, item->winner_state);
    }
    buf_char(out, '}');
}

enum job_state submit_state(const struct store_submit_item *item, int64_t now_ms) {
    return item->verdict == SUBMIT_DUPLICATE ? item->winner_state
           : item->spec->run_at_ms > now_ms  ? JOB_SCHEDULED
                                             : JOB_QUEUED;
}

void submit_accepted(struct buf *out, const struct store_submit_item *item, int64_t now_ms) {
    bool duplicate = item->verdict == SUBMIT_DUPLICATE;
    const struct job_id *id = duplicate ? &item->winner : &item->spec->id;
    enum job_state state = submit_state(item, now_ms);
    buf_char(out, '{');
    add_id(out, "id", id);
    json_kstr(out, "state", job_state_name((int)state));
    if (item->verdict == SUBMIT_SPOOLED) {
        json_key(out, "duplicate");
        buf_str(out, "null"); // nobody knows yet
        json_kbool(out, "degraded", true);
    } else {
        json_kbool(out, "duplicate", duplicate);
    }
    add_id(out, "job", id);
    if (duplicate) {
        add_result(out, id, state);
    }
    if (item->updated) {
        json_kbool(out, "updated", true);
    }
    if (!id_is_zero(&item->replaced)) {
        add_id(out, "replaced", &item->replaced);
    }
    buf_char(out, '}');
}

/* The answer for one job; returns its HTTP status. */
static int add_answer(struct stats *stats, struct buf *out, const struct submit_slot *slot,
                      int64_t now_ms) {
    const struct store_submit_item *item = slot->item;
    struct problem problem;
    json_comma(out);
    if (slot->problem != NULL) {
        stats_word(&stats->refused, slot->problem->code);
        add_refusal(out, slot->problem, NULL);
        return slot->problem->status;
    }
    if (item->status != 0) {
        submit_refusal(item, &problem);
        stats_word(&stats->refused, problem.code);
        add_refusal(out, &problem, item);
        return problem.status;
    }
    submit_accepted(out, item, now_ms);
    return 202;
}

/* One answer per job, in the order of the request. Returns the HTTP status: 202 if any was taken,
 * else the first refusal's. */
static int add_answers(const struct submit *s, struct buf *out) {
    int status = s->count == 0 ? 202 : 0;
    for (size_t i = 0; i < s->count; i++) {
        int one = add_answer(s->call->host->stats, out, &s->slots[i], s->store.op.now_ms);
        status = status == 0 || one == 202 ? one : status;
    }
    return status;
}

static void answer(struct submit *s) {
    struct call *call = s->call;
    struct buf out = {0};
    if (s->is_array) {
        buf_char(&out, '[');
    }
    int status = add_answers(s, &out);
    if (s->is_array) {
        buf_char(&out, ']');
    }
    if (status == 429 || status == 503) {
        respond_header(call->req, "Retry-After", "1");
    }
    store_op_finish(&s->store.op);
    store_op_finish(&s->join.op);
    call_reply(call, status, &out);
}

/* An operation that took jobs is over. Did it fail as a whole? */
static bool has_failed(struct store_op *op) {
    if (op->status == 0 && fault(FAULT_SUBMIT_BEFORE_ANSWER) != 0) {
        op->status = -EIO;
    }
    return op->status != 0;
}

/* None of its jobs is known to be taken, and none was before. */
static void answer_failed(struct submit *s, struct store_op *op, size_t count) {
    struct problem problem;
    call_store_problem(op->status, NULL, &problem);
    for (size_t i = 0; i < count; i++) {
        stats_word(&s->call->host->stats->refused, problem.code);
    }
    if (op != &s->join.op) {
        store_op_finish(&s->join.op);
    }
    call_store_failed(s->call, op);
}

/* Others have joined a flow before: each of these says for itself what became of it. */
static void refuse_the_others(struct submit *s, int status) {
    struct problem problem;
    call_store_problem(status, NULL, &problem);
    for (size_t i = 0; i < s->count; i++) {
        if (s->slots[i].problem == NULL && s->slots[i].spec.flow_id == NULL) {
            submit_refuse(s, &s->slots[i], &problem);
        }
    }
}

static void submitted(struct store_op *op) {
    struct submit *s = CONTAINER_OF(op, struct submit, store.op);
    bool bad = has_failed(op);
    if (bad && s->join.count == 0) {
        answer_failed(s, op, s->store.count);
        return;
    }
    if (bad) {
        refuse_the_others(s, op->status);
    }
    s->answer(s);
}

static void joined(struct store_op *op) {
    struct submit *s = CONTAINER_OF(op, struct submit, join.op);
    if (has_failed(op)) {
        answer_failed(s, op, s->join.count);
    } else if (s->store.count == 0) {
        s->answer(s);
    } else {
        jobs_submit(s->call->host, &s->store);
    }
}

/* ---- from the parsed jobs to the store ---- */

/* Items of the jobs that join a flow, or of the others. How many. */
static size_t fill(struct submit *s, bool joins, struct store_submit_item *items) {
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct submit_slot *slot = &s->slots[i];
        if (slot->problem == NULL && (slot->spec.flow_id != NULL) == joins) {
            int64_t most = config_queue(s->call->host->config, slot->spec.queue)->max_jobs;
            slot->item = &items[count];
            items[count++] = (struct store_submit_item){.spec = &slot->spec, .max_waiting = most};
        }
    }
    return count;
}

static void post(struct submit *s) {
    s->store.count = fill(s, false, s->store.items);
    s->join.items = s->store.items + s->store.count;
    s->join.count = fill(s, true, s->join.items);
    if (s->join.count > 0) {
        jobs_join(s->call->host, &s->join);
    } else if (s->store.count > 0) {
        jobs_submit(s->call->host, &s->store);
    } else {
        s->answer(s);
    }
}

static void form_stored(struct call *call) {
    submit_form_stored(call->submit);
    submit_files_check(call->submit, post);
}

/* Only what is going to be submitted has its files put into the store. */
static void go_on(struct submit *s) {
    if (s->form != NULL && s->slots[0].problem == NULL) {
        form_store(s->form, form_stored);
    } else {
        submit_files_check(s, post);
    }
}

/* ---- from the request to jobs ---- */

int submit_make_slots(struct submit *s, size_t count) {
    struct arena *arena = &s->call->req->arena;
    s->slots = arena_zalloc(arena, count * sizeof *s->slots);
    s->store.items = arena_zalloc(arena, count * sizeof *s->store.items);
    s->count = count;
    return s->slots == NULL || s->store.items == NULL ? -ENOMEM : 0;
}

struct submit *submit_new(struct call *call) {
    struct submit *s = call->submit = CALL_NEW(call, struct submit);
    if (s != NULL) {
        s->call = call;
        s->go_on = go_on;
        s->answer = answer;
        call_op(call, &s->store.op, STORE_SUBMIT, submitted);
        call_op(call, &s->join.op, STORE_FLOW_JOIN, joined);
    }
    return s;
}

void submit_request(struct call *call, struct job_request *request, struct form *form,
                    void (*answer_with)(struct submit *s)) {
    struct submit *s = submit_new(call);
    if (s == NULL) {
        return;
    }
    s->form = form;
    s->answer = answer_with;
    if (submit_make_slots(s, 1) != 0) {
        call_error(call, 503, "out_of_memory", NULL, "the host is out of memory; try again later");
        return;
    }
    struct submit_slot *slot = &s->slots[0];
    struct problem problem;
    slot->request = *request;
    if (submit_key_take(call, &slot->request, &problem) != 0) {
        submit_refuse(s, slot, &problem);
    } else {
        submit_resolve(s, slot);
    }
    go_on(s);
}

static void read_text(struct call *call, struct bytes text) {
    struct submit *s = submit_new(call);
    if (s != NULL) {
        s->form = call->form;
        submit_read(s, text);
    }
}

static void check_form_job(struct call *call) {
    call->json_valid = json_is_valid(submit_form_job(call->form));
}

static void form_job_checked(struct call *call) {
    struct bytes job = submit_form_job(call->form);
    if (!call->json_valid) {
        call_error(call, 400, "bad_json", "job", "the part named job is not valid JSON");
    } else if (*(const char *)bytes_trim(job).data == '[') {
        call_error(call, 400, "bad_job", "job", "a form brings one job: its files are that job's");
    } else {
        read_text(call, job);
    }
}

static void form_complete(struct call *call) {
    if (form_find(call->form, "job", NULL) == NULL) {
        call_error(call, 400, "missing_field", "job",
                   "a form needs a part named job: the submission as JSON");
    } else {
        call_aside(call, submit_form_job(call->form).len, check_form_job, form_job_checked);
    }
}

void submit_handle(struct call *call) {
    if (call->form != NULL) {
        form_end(call, form_complete);
    } else {
        read_text(call, call->req->body);
    }
}
