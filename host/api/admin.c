/* GET /v1/hosts, GET /v1/audit, POST /v1/fsck. */
#include <stdio.h>

#include "api/fsck_json.h"
#include "api/gate_json.h"
#include "api/input.h"
#include "api/job_json.h"
#include "api/routes.h"
#include "base/rfc3339.h"
#include "supervisor/audit.h"
#include "supervisor/jobs.h"

/* ---- hosts ---- */

/* Of a store that is not shared we are the only user: whoever else did not take its leave is dead.
 * On a shared one it may come back, unless its own next boot found it dead; what it had in hand is
 * given to others. */
static const char *host_state(const struct host *host, const struct store_host *h, int64_t now_ms) {
    if (h->nonce == host->nonce) {
        return system_phase_name(host->phase);
    }
    if (h->left || h->lost || !host->store.ops->caps.shared) {
        return h->left ? "left" : "lost";
    }
    return now_ms < h->lease_end_ms ? "alive" : "silent";
}

static void add_host(struct buf *out, struct host *host, const struct store_host *h) {
    int64_t now_ms = env_wall_ms(&host->env);
    bool own = h->nonce == host->nonce;
    bool leased = host->store.ops->caps.shared && !h->left && !h->lost;
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", h->name);
    json_kstr(out, "version", h->version);
    json_key(out, "boot");
    buf_printf(out, "\"%016llx\"", (unsigned long long)h->nonce);
    json_kint(out, "pid", h->pid);
    json_kstr(out, "state", host_state(host, h, now_ms));
    json_ktime(out, "started_at", h->started_ms);
    json_ktime(out, "seen_at", own ? now_ms : h->seen_ms);
    json_kint(out, "jobs_running", own ? jobs_in_hand(host) : h->left ? 0 : h->running);
    json_ktime(out, "lease_until", leased ? h->lease_end_ms : 0);
    json_kbool(out, "this", own);
    if (own) {
        struct gate_info info;
        gates_info(host, GATE_HOST, NULL, &info);
        gate_json_members(out, &info);
    }
    buf_char(out, '}');
}

static void hosts_listed(struct store_op *op) {
    struct call *call = op->arg;
    struct store_host_list *list = CONTAINER_OF(op, struct store_host_list, op);
    struct buf out = {0};
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    call_list_begin(&out);
    for (size_t i = 0; i < list->count; i++) {
        add_host(&out, call->host, &list->hosts[i]);
    }
    call_list_end(call, op, &out, NULL, false);
}

void admin_hosts_handle(struct call *call) {
    struct store_host_list *list = CALL_NEW(call, struct store_host_list);
    if (list != NULL) {
        call_op(call, &list->op, STORE_HOST_LIST, hosts_listed);
        store_post(&call->host->store, &list->op);
    }
}

/* ---- audit ---- */

static void audit_listed(struct store_op *op) {
    struct call *call = op->arg;
    struct store_audit_list *list = CONTAINER_OF(op, struct store_audit_list, op);
    struct buf out = {0};
    if (op->status != 0) {
        call_list_failed(call, op);
        return;
    }
    call_list_begin(&out);
    for (size_t i = 0; i < list->count; i++) {
        const struct store_audit *a = &list->entries[i];
        json_comma(&out);
        buf_char(&out, '{');
        json_ktime(&out, "at", a->at_ms);
        json_kstr(&out, "actor", a->actor);
        json_kstr(&out, "action", a->action);
        json_kstr(&out, "target", a->target);
        json_kstr(&out, "detail", a->detail);
        json_kstr(&out, "from", a->origin);
        json_kstr(&out, "outcome", a->outcome == NULL ? "done" : a->outcome);
        buf_char(&out, '}');
    }
    call_list_end(call, op, &out, list->next_cursor, false);
}

/* A time, if it is there; false: answered with 400. */
static bool read_time(struct call *call, const char *name, int64_t *ret_ms) {
    const char *text = request_query(call->req, name);
    if (text == NULL || rfc3339_parse(text, ret_ms) == 0) {
        return true;
    }
    call_error(call, 400, "bad_parameter", name, "write a time such as 2026-11-21T10:00:00Z");
    return false;
}

/* A text, if it is there; an empty one is mostly a variable that was not set. */
static bool read_text(struct call *call, const char *name, const char **ret) {
    *ret = request_query(call->req, name);
    if (*ret == NULL || **ret != '\0') {
        return true;
    }
    call_error(call, 400, "bad_parameter", name, "is empty; leave it out to mean any");
    return false;
}

void admin_audit_handle(struct call *call) {
    struct store_audit_list *list = CALL_NEW(call, struct store_audit_list);
    if (list == NULL) {
        return;
    }
    list->limit = call_limit(call, 50, 1000);
    list->cursor = request_query(call->req, "cursor");
    if (list->limit != 0 && read_text(call, "actor", &list->actor) &&
        read_text(call, "action", &list->action) && read_text(call, "target", &list->target) &&
        read_time(call, "after", &list->after_ms) && read_time(call, "before", &list->before_ms)) {
        call_op(call, &list->op, STORE_AUDIT_LIST, audit_listed);
        store_post(&call->host->store, &list->op);
    }
}

/* ---- fsck ---- */

enum { FSCK_TIMEOUT_MS = 10 * 60 * 1000 };

void fsck_json(struct buf *out, const struct store_fsck *fsck) {
    buf_char(out, '{');
    json_kint(out, "jobs_checked", fsck->jobs_checked);
    json_kint(out, "blobs_checked", fsck->blobs_checked);
    json_kint(out, "total", fsck->total_findings);
    json_kbool(out, "repair", fsck->repair);
    json_key(out, "findings");
    buf_char(out, '[');
    for (size_t i = 0; i < fsck->count; i++) {
        const struct store_fsck_finding *f = &fsck->findings[i];
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "code", f->code);
        job_json_id(out, "job", &f->id);
        json_kstr(out, "detail", f->detail);
        json_kbool(out, "repaired", f->repaired);
        buf_char(out, '}');
    }
    buf_str(out, "]}");
}

static void checked(struct store_op *op) {
    struct call *call = op->arg;
    struct store_fsck *fsck = CONTAINER_OF(op, struct store_fsck, op);
    struct buf out = {0};
    if (op->status != 0) {
        call_store_failed(call, op);
        return;
    }
    if (fsck->repair) { // looking changes nothing
        audit_note(call->host, (struct store_audit){.actor = call_actor(call),
                                                    .action = "store.repair",
                                                    .target = call->host->name});
    }
    fsck_json(&out, fsck);
    store_op_finish(op);
    call_reply(call, 200, &out);
}

void admin_fsck_handle(struct call *call) {
    bool repair = false;
    const struct input_field fields[] = {{"repair", INPUT_BOOL, &repair}};
    if (!input_read(call, fields, ARRAY_LEN(fields))) {
        return;
    }
    struct store_fsck *fsck = CALL_NEW(call, struct store_fsck);
    if (fsck != NULL) {
        fsck->repair = repair;
        call_op(call, &fsck->op, STORE_FSCK, checked);
        fsck->op.timeout_ms = FSCK_TIMEOUT_MS;
        store_post(&call->host->store, &fsck->op);
    }
}
