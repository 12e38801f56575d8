/* Health, readiness, version and configuration of this host. */
#include "api/routes.h"
#include "jobhost_plugin.h"

static const char *const phases[] = {
    [HOST_STARTING] = "starting",
    [HOST_RUNNING] = "running",
    [HOST_DRAINING] = "draining",
    [HOST_STOPPED] = "stopped",
};

static void reply_state(struct call *call, bool ok) {
    const struct host *host = call->host;
    struct buf out = {0};
    buf_char(&out, '{');
    json_kbool(&out, "ok", ok);
    json_kstr(&out, "phase", phases[host->phase]);
    json_kstr(&out, "store", host->store_fault == NULL ? "ok" : "degraded");
    json_kstr(&out, "fault", host->store_fault);
    buf_char(&out, '}');
    call_reply(call, ok ? 200 : 503, &out);
}

/* Alive, and able to keep what it is given. */
void system_health_handle(struct call *call) {
    reply_state(call, call->host->store_fault == NULL && call->host->phase != HOST_STOPPED);
}

/* To be sent work. */
void system_ready_handle(struct call *call) {
    reply_state(call, call->host->store_fault == NULL && call->host->phase == HOST_RUNNING);
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
