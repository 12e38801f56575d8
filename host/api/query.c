/* action plugin.query: a handler's answer to a request, with no job between the two. */
#include <stdio.h>

#include "api/custom.h"
#include "api/query_fields.h"
#include "supervisor/query.h"

struct query_call {
    struct query_ask ask;
    struct call *call;
};

static void refuse(struct call *call, const struct problem *p, int64_t retry_after_ms) {
    char seconds[24];
    (void)snprintf(seconds, sizeof seconds, "%lld", (long long)((retry_after_ms + 999) / 1000));
    if (retry_after_ms > 0) {
        respond_header(call->req, "Retry-After", seconds);
        call_error(call, p->status, p->code, p->field, p->message);
    } else {
        call_problem(call, p);
    }
}

static void answered(struct query_ask *ask, const struct query_answer *answer) {
    struct call *call = CONTAINER_OF(ask, struct query_call, ask)->call;
    const char *type = answer->content_type == NULL ? "application/json" : answer->content_type;
    if (answer->problem.status != 0) {
        refuse(call, &answer->problem, answer->retry_after_ms);
        return;
    }
    respond(call->req, 200, type, answer->body);
}

void query_handle(struct call *call) {
    struct query_call *q = CALL_NEW(call, struct query_call);
    const struct pool_handler *handler = query_handler(call->host, call->custom->config->job);
    struct problem problem;
    if (q == NULL) {
        return;
    }
    q->call = call;
    q->ask = (struct query_ask){.type = call->custom->config->job, .done = answered};
    if (handler != NULL && !query_fields_read(call, handler, &q->ask.payload)) {
        return;
    }
    if (query_ask(call->host, &q->ask, &problem) != 0) {
        call_problem(call, &problem);
    }
}
