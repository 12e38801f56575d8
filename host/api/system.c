/* Health, readiness, version, configuration and description of this host. */
#include "api/openapi.h"
#include "api/routes.h"
#include "jobhost_plugin.h"
#include "supervisor/ready.h"

const char *system_phase_name(enum host_phase phase) {
    static const char *const names[] = {
        [HOST_STARTING] = "starting",
        [HOST_RUNNING] = "running",
        [HOST_DRAINING] = "draining",
        [HOST_STOPPED] = "stopped",
    };
    return names[phase];
}

/* What waits on this host for the store. */
static void add_spool(struct buf *out, const struct store_backlog *log) {
    json_key(out, "spool");
    buf_char(out, '{');
    json_kint(out, "waiting", (int64_t)log->waiting);
    json_kint(out, "bytes", (int64_t)log->bytes);
    json_kint(out, "max_bytes", (int64_t)log->max_bytes);
    json_ktime(out, "oldest_at", log->oldest_ms);
    json_kint(out, "undelivered", (int64_t)log->undelivered);
    json_kstr(out, "fault", log->fault);
    buf_char(out, '}');
}

static void begin_state(struct call *call, struct buf *out, bool ok) {
    struct host *host = call->host;
    struct store_backlog log = store_backlog(&host->store);
    buf_char(out, '{');
    json_kbool(out, "ok", ok);
    json_kstr(out, "phase", system_phase_name(host->phase));
    json_kstr(out, "store", host->store_fault == NULL ? "ok" : "degraded");
    json_kstr(out, "fault", host->store_fault);
    json_ktime(out, "since", host->store_fault == NULL ? 0 : host->store_fault_ms);
    if (log.present) {
        add_spool(out, &log);
    }
}

static void end_state(struct call *call, struct buf *out, bool ok) {
    buf_char(out, '}');
    if (!ok) {
        respond_header(call->req, "Retry-After", "1");
    }
    call_reply(call, ok ? 200 : 503, out);
}

/* Alive, and able to keep what it is given. */
void system_health_handle(struct call *call) {
    struct buf out = {0};
    bool ok = host_store_refusal(call->host) == NULL && call->host->phase != HOST_STOPPED;
    begin_state(call, &out, ok);
    end_state(call, &out, ok);
}

/* To be sent work: it runs, and jobs that could start do. */
void system_ready_handle(struct call *call) {
    struct buf out = {0};
    struct ready_report report;
    ready_report(call->host, &report);
    begin_state(call, &out, report.code == READY_YES);
    if (report.code != READY_YES) {
        json_key(&out, "reason");
        buf_char(&out, '{');
        json_kstr(&out, "code", ready_code_name(report.code));
        json_kstr(&out, "detail", report.detail);
        json_kstr(&out, "plugin", report.plugin);
        buf_char(&out, '}');
    }
    json_kstr(&out, "note", report.note[0] == '\0' ? NULL : report.note);
    end_state(call, &out, report.code == READY_YES);
}

void system_version_handle(struct call *call) {
    struct buf out = {0};
    buf_char(&out, '{');
    json_kstr(&out, "version", JOBHOST_VERSION);
    json_key(&out, "abi");
    buf_printf(&out, "\"%u.%u\"", JH_ABI_MAJOR, JH_ABI_MINOR);
    json_kstr(&out, "host", call->host->name);
    json_ktime(&out, "started_at", call->host->started_ms);
    json_key(&out, "listen");
    buf_char(&out, '[');
    const char *url;
    for (unsigned i = 0; (url = server_url(call->host->server, i)) != NULL; i++) {
        json_comma(&out);
        json_str(&out, url);
    }
    buf_char(&out, ']');
#ifdef JOBHOST_TEST
    json_kbool(&out, "test_build", true);
#endif
    buf_char(&out, '}');
    call_reply(call, 200, &out);
}

void system_config_handle(struct call *call) {
    struct buf out = {0};
    config_dump(call->host->config, true, &out);
    call_reply(call, 200, &out);
}

void system_openapi_handle(struct call *call) {
    respond(call->req, 200, "application/json", (struct bytes){openapi_json, openapi_json_len});
}
