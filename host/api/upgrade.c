/* POST /v1/upgrade, GET /v1/upgrade: another binary in the host's place, and what became of the last time. What is asked for
 * is to execute a file as the host's user, so only the admin door may. */
#include "supervisor/upgrade.h"

#include <errno.h>

#include "api/input.h"
#include "api/routes.h"
#include "supervisor/audit.h"

struct asked {
    struct upgrade_waiter waiter;
    struct call *call;
};

static void on_verdict(struct upgrade_waiter *w, int status, const char *why) {
    struct asked *asked = CONTAINER_OF(w, struct asked, waiter);
    struct buf out = {0};
    if (status != 0) {
        call_error(asked->call, 409, status == -EBUSY ? "not_now" : "upgrade_refused",
                   status == -EBUSY ? NULL : "file", why);
        return;
    }
    buf_str(&out, "{\"asked\":true}");
    call_reply(asked->call, 202, &out);
}

void upgrade_post_handle(struct call *call) {
    const char *file = NULL;
    const struct input_field fields[] = {{"file", INPUT_TEXT, &file}};
    if (!call->req->admin) {
        call_error(call, 403, "admin_only", NULL,
                   "another binary is put in place by the admin socket only");
        return;
    }
    if (!input_read(call, fields, ARRAY_LEN(fields))) {
        return;
    }
    if (file != NULL && file[0] != '/') {
        call_error(call, 400, "bad_file", "file", "write the whole path of the binary");
        return;
    }
    struct asked *asked = CALL_NEW(call, struct asked);
    if (asked != NULL) {
        *asked = (struct asked){.waiter = {.done = on_verdict}, .call = call};
        audit_note(call->host, (struct store_audit){.actor = call_actor(call),
                                                    .action = "host.upgrade",
                                                    .target = call->host->name,
                                                    .detail = file});
        upgrade_request(call->host, file, &asked->waiter);
    }
}

void upgrade_get_handle(struct call *call) {
    static const char *const states[] = {
        [UPGRADE_RUNNING] = "running", [UPGRADE_DONE] = "done", [UPGRADE_FAILED] = "failed"};
    const struct upgrade_report *last = upgrade_last(call->host);
    struct buf out = {0};
    if (last->state == UPGRADE_NONE) {
        call_error(call, 404, "no_upgrade", NULL,
                   "this host has not been upgraded since its start");
        return;
    }
    buf_char(&out, '{');
    json_kstr(&out, "state", states[last->state]);
    json_kstr(&out, "from", last->from);
    json_kstr(&out, "to", last->to[0] == '\0' ? NULL : last->to);
    json_ktime(&out, "started_at", last->started_ms);
    json_ktime(&out, "ended_at", last->ended_ms);
    json_kint(&out, "workers", last->workers);
    json_kint(&out, "jobs", last->jobs);
    json_kstr(&out, "reason", last->why[0] == '\0' ? NULL : last->why);
    buf_char(&out, '}');
    call_reply(call, 200, &out);
}
