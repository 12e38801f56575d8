/* PUT and DELETE /v1/schedules/{id}, POST .../run|pause|resume|backfill. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/input.h"
#include "api/job_json.h"
#include "api/routes.h"
#include "api/schedule_json.h"
#include "base/rfc3339.h"
#include "config/config_forms.h"
#include "supervisor/schedule_acts.h"

struct asking {
    struct schedule_act act;
    struct schedule_definition *definition; /* PUT: freed with the answer */
};

static void add_answer(struct buf *out, const struct schedule_act *act) {
    json_kstr(out, "name", act->id);
    switch (act->action) {
    case SCHEDULE_ACT_RUN: job_json_id(out, "job", &act->job); break;
    case SCHEDULE_ACT_PAUSE:
    case SCHEDULE_ACT_RESUME: json_kbool(out, "paused", act->action == SCHEDULE_ACT_PAUSE); break;
    case SCHEDULE_ACT_BACKFILL:
        json_kint(out, "made", act->made);
        json_kint(out, "existing", act->existing);
        json_kint(out, "refused", act->refused);
        break;
    case SCHEDULE_ACT_PUT:
        json_kbool(out, "created", act->created);
        json_kstr(out, "revision", act->definition->revision);
        break;
    default: json_kbool(out, "removed", true);
    }
}

static void acted(struct schedule_act *act, void *arg) {
    struct call *call = arg;
    struct asking *asking = CONTAINER_OF(act, struct asking, act);
    struct problem problem = act->problem;
    struct buf out = {0};
    if (problem.status == -1) {
        call_store_problem(act->store_status, act->failure.msg, &problem);
    } else if (problem.status == 0) {
        buf_char(&out, '{');
        add_answer(&out, act);
        buf_char(&out, '}');
    }
    schedule_definition_free(&asking->definition);
    if (problem.status != 0) {
        call_problem(call, &problem);
    } else {
        call_reply(call, act->created ? 201 : 200, &out);
    }
}

static struct asking *asking_new(struct call *call, enum schedule_action action) {
    const char *id;
    struct asking *a = schedules_id(call, &id) ? CALL_NEW(call, struct asking) : NULL;
    if (a != NULL) {
        a->act = (struct schedule_act){
            .action = action, .id = id, .actor = call_actor(call), .done = acted, .arg = call};
    }
    return a;
}

static void act_with_why(struct call *call, enum schedule_action action) {
    struct asking *a = asking_new(call, action);
    const struct input_field fields[] = {{"why", INPUT_WHY, a == NULL ? NULL : &a->act.why}};
    if (a == NULL || !input_read(call, fields, ARRAY_LEN(fields))) {
        return;
    }
    bool blank = a->act.why == NULL || a->act.why[strspn(a->act.why, " \t")] == '\0';
    if (action == SCHEDULE_ACT_PAUSE && blank) {
        call_error(call, 400, "missing_field", "why",
                   "say why, for whoever finds it paused: {\"why\": \"...\"}");
        return;
    }
    schedule_act(call->host, &a->act);
}

void schedules_run_handle(struct call *call) {
    act_with_why(call, SCHEDULE_ACT_RUN);
}

void schedules_pause_handle(struct call *call) {
    act_with_why(call, SCHEDULE_ACT_PAUSE);
}

void schedules_resume_handle(struct call *call) {
    act_with_why(call, SCHEDULE_ACT_RESUME);
}

/* ---- backfill */

static bool read_time(struct call *call, const char *field, const char *text, int64_t *ret) {
    if (text == NULL) {
        call_errorf(call, 400, "missing_field", field,
                    "say from when to when: {\"from\": \"2026-01-31T09:00:00Z\", \"to\": ...}");
        return false;
    }
    if (rfc3339_parse(text, ret) != 0) {
        call_errorf(call, 400, "bad_time", field,
                    "\"%.40s\" is not a time such as \"2026-01-31T09:00:00Z\"", text);
        return false;
    }
    return true;
}

void schedules_backfill_handle(struct call *call) {
    struct asking *a = asking_new(call, SCHEDULE_ACT_BACKFILL);
    const char *from = NULL, *to = NULL;
    if (a == NULL) {
        return;
    }
    const struct input_field fields[] = {
        {"from", INPUT_TEXT, &from}, {"to", INPUT_TEXT, &to}, {"why", INPUT_WHY, &a->act.why}};
    if (!input_read(call, fields, ARRAY_LEN(fields)) ||
        !read_time(call, "from", from, &a->act.from_ms) ||
        !read_time(call, "to", to, &a->act.to_ms)) {
        return;
    }
    if (a->act.from_ms > a->act.to_ms) {
        call_error(call, 400, "out_of_range", "to", "is before from");
        return;
    }
    schedule_act(call->host, &a->act);
}

/* ---- definitions */

void schedules_put_handle(struct call *call) {
    struct asking *a = asking_new(call, SCHEDULE_ACT_PUT);
    const char *key;
    struct err e = {0};
    if (a == NULL) {
        return;
    }
    if (form_name.check(a->act.id, &e) < 0) {
        call_error(call, 400, "bad_name", "name", e.msg);
        return;
    }
    struct bytes body = call->req->body;
    while (body.len > 0 && strchr(" \t\r\n", *(const char *)body.data) != NULL) {
        body = (struct bytes){(const char *)body.data + 1, body.len - 1};
    }
    if (schedule_definition_of_json(call->host->config, a->act.id, body,
                                    schedules_zones(call->host), &a->definition, &key, &e) < 0) {
        call_error(call, e.code == -ENOMEM ? 503 : 400, "bad_schedule", key, e.msg);
        return;
    }
    a->act.definition = a->definition;
    schedule_act(call->host, &a->act);
}

void schedules_delete_handle(struct call *call) {
    struct asking *a = asking_new(call, SCHEDULE_ACT_REMOVE);
    const char *why = request_query(call->req, "why");
    if (a != NULL && input_why_fits(call, why)) {
        a->act.why = why;
        schedule_act(call->host, &a->act);
    }
}
