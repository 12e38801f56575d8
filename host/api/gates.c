/* POST /v1/queues/{queue}/pause|resume, /v1/plugins/{name}/pause|resume, /v1/host/pause|resume. */
#include <string.h>

#include "api/gate_json.h"
#include "api/input.h"
#include "api/routes.h"

static void add_release(struct buf *out, const struct gate_info *info) {
    char rate[PACE_TEXT_MAX];
    if (info->rate.count == 0) {
        return;
    }
    pace_format(&info->rate, rate);
    json_key(out, "release");
    buf_char(out, '{');
    json_kstr(out, "rate", rate);
    json_kint(out, "left", info->left);
    json_ktime(out, "over_at", info->over_ms);
    buf_char(out, '}');
}

void gate_json_members(struct buf *out, const struct gate_info *info) {
    json_kbool(out, "paused", info->closed);
    if (info->closed) {
        json_kstr(out, "paused_by", info->by);
        json_kstr(out, "paused_why", info->why);
        json_ktime(out, "paused_at", info->since_ms);
    }
    add_release(out, info);
}

static void answer(struct gate_set *set) {
    struct call *call = set->arg;
    struct host *host = call->host;
    struct gate_info info = {.left = set->waiting};
    struct buf out = {0};
    if (set->failed != NULL) {
        call_store_failed(call, set->failed);
        return;
    }
    if (set->waiting > 0) {
        info.rate = set->rate;
        info.over_ms = env_wall_ms(&host->env) + pace_duration_ms(&set->rate, set->waiting);
    }
    buf_char(&out, '{');
    json_kstr(&out, "name", set->scope == GATE_HOST ? host->name : set->name);
    json_kbool(&out, "paused", set->close);
    add_release(&out, &info);
    buf_char(&out, '}');
    call_reply(call, 200, &out);
}

/* Is there such a thing? Queues need only a name, for their jobs may come later. */
static bool scope_fits(struct call *call, enum gate_scope scope) {
    struct err e;
    if (scope == GATE_QUEUE && job_check_queue(call->param[0], &e) != 0) {
        call_error(call, 400, "bad_queue", "queue", e.msg);
        return false;
    }
    if (scope == GATE_PLUGIN && !gates_has_plugin(call->host, call->param[0])) {
        call_error(call, 404, "plugin_not_found", "name", "there is no plugin of this name");
        return false;
    }
    return true;
}

static bool read_close(struct call *call, struct gate_set *set) {
    const struct input_field fields[] = {{"why", INPUT_WHY, &set->why}};
    if (!input_read(call, fields, ARRAY_LEN(fields))) {
        return false;
    }
    if (set->why == NULL || set->why[strspn(set->why, " \t")] == '\0') {
        call_error(call, 400, "missing_field", "why",
                   "say why, for whoever finds it paused: {\"why\": \"...\"}");
        return false;
    }
    return true;
}

static bool read_open(struct call *call, struct gate_set *set) {
    const char *rate = NULL;
    const struct input_field fields[] = {{"why", INPUT_WHY, &set->why},
                                         {"rate", INPUT_TEXT, &rate}};
    if (!input_read(call, fields, ARRAY_LEN(fields))) {
        return false;
    }
    if (rate != NULL && pace_parse(rate, &set->rate) != 0) {
        call_errorf(call, 400, "bad_field", "rate",
                    "write \"50/s\", \"30/min\" or \"6/h\"; from 1 to %d", PACE_COUNT_MAX);
        return false;
    }
    return true;
}

static void set_gate(struct call *call, enum gate_scope scope, bool close) {
    struct gate_set *set = scope_fits(call, scope) ? CALL_NEW(call, struct gate_set) : NULL;
    if (set == NULL) {
        return;
    }
    set->scope = scope;
    set->name = scope == GATE_HOST ? NULL : call->param[0];
    set->close = close;
    set->by = call_actor(call);
    set->done = answer;
    set->arg = call;
    if (close ? read_close(call, set) : read_open(call, set)) {
        gates_set(call->host, set);
    }
}

void queues_pause_handle(struct call *call) {
    set_gate(call, GATE_QUEUE, true);
}

void queues_resume_handle(struct call *call) {
    set_gate(call, GATE_QUEUE, false);
}

void plugins_pause_handle(struct call *call) {
    set_gate(call, GATE_PLUGIN, true);
}

void plugins_resume_handle(struct call *call) {
    set_gate(call, GATE_PLUGIN, false);
}

void host_pause_handle(struct call *call) {
    set_gate(call, GATE_HOST, true);
}

void host_resume_handle(struct call *call) {
    set_gate(call, GATE_HOST, false);
}
