/* GET /v1/generations: which code runs. A generation is one build of a plugin with one
 * configuration; its number grows when a plugin is reloaded, and an old one stays listed for as
 * long as it has a worker. */
#include <string.h>

#include "api/pool_json.h"
#include "api/routes.h"

static void add_generation(struct buf *out, const struct pool_info *p) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "plugin", p->name);
    json_kint(out, "number", p->generation);
    json_kbool(out, "current", p->current);
    bool pinned = p->pinned && p->state == POOL_READY;
    json_kstr(out, "state", pinned ? "pinned" : pool_state_name(p->state));
    json_kstr(out, "reason", p->fault);
    json_kstr(out, "build", p->build[0] == '\0' ? NULL : p->build);
    json_kstr(out, "sha256", p->sha256 == NULL || p->sha256[0] == '\0' ? NULL : p->sha256);
    json_kstr(out, "file", p->file);
    json_ktime(out, "since", p->since_ms);
    json_kint(out, "slots", p->slots);
    json_kint(out, "running", p->busy);
    json_kint(out, "jobs_done", (int64_t)p->jobs_done);
    json_kint(out, "crashes", (int64_t)p->crashes);
    json_kstr(out, "last_crash", p->last_crash);
    pool_json_workers(out, p);
    buf_char(out, '}');
}

void generations_list_handle(struct call *call) {
    struct host *host = call->host;
    const char *plugin = request_query(call->req, "plugin");
    struct buf out = {0};
    call_list_begin(&out);
    for (uint32_t i = 0; i < pools_generations(host->pools); i++) {
        struct pool_info info;
        pools_info(host, i, &info);
        if (plugin == NULL || strcmp(plugin, info.name) == 0) {
            add_generation(&out, &info);
        }
    }
    buf_str(&out, "]}");
    call_reply(call, 200, &out);
}
