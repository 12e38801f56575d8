/* POST /v1/jobs/{id}/resolve: an operator's answer to a job that asks. */
#include "api/input.h"
#include "api/job_json.h"
#include "api/routes.h"
#include "supervisor/operator.h"

static void given(struct operator_answer *answer, void *arg) {
    struct call *call = arg;
    struct buf out = {0};
    if (answer->status != 0) {
        if (answer->problem.status == 0) { // it is the store's
            struct problem problem;
            call_store_problem(answer->status, answer->problem.message, &problem);
            answer->problem = problem;
        }
        call_problem(call, &answer->problem);
        return;
    }
    buf_char(&out, '{');
    job_json_id(&out, "id", &answer->id);
    json_kstr(&out, "state", job_state_name((int)answer->state));
    buf_char(&out, '}');
    call_reply(call, 200, &out);
}

void answer_handle(struct call *call) {
    struct operator_answer *answer = CALL_NEW(call, struct operator_answer);
    if (answer == NULL || !call_job_id(call, 0, &answer->id)) {
        return;
    }
    const struct input_field fields[] = {{"answer", INPUT_TEXT, &answer->answer},
                                         {"by", INPUT_WHY, &answer->by},
                                         {"why", INPUT_WHY, &answer->why}};
    if (!input_read(call, fields, ARRAY_LEN(fields))) {
        return;
    }
    if (answer->answer == NULL) {
        call_error(call, 400, "missing_field", "answer", "say what: {\"answer\": \"...\"}");
        return;
    }
    answer->actor = call_actor(call);
    answer->scope = call->bound;
    answer->done = given;
    answer->arg = call;
    operator_give(call->host, answer);
}
