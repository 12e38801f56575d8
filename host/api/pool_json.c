#include "api/pool_json.h"

#include "base/json.h"

const char *pool_state_name(enum pool_state state) {
    static const char *const names[] = {
        [POOL_STARTING] = "starting",
        [POOL_READY] = "ready",
        [POOL_FAILED] = "failed",
        [POOL_DRAINING] = "draining",
    };
    return names[state];
}

const char *worker_state_name(enum worker_state state) {
    static const char *const names[] = {
        [WORKER_SPAWNED] = "spawned",   [WORKER_LOADED] = "loaded", [WORKER_READY] = "ready",
        [WORKER_DRAINING] = "draining", [WORKER_GONE] = "gone",
    };
    return names[state];
}

void pool_json_workers(struct buf *out, const struct pool_info *p) {
    json_key(out, "workers");
    buf_char(out, '[');
    for (uint32_t i = 0; i < p->worker_count; i++) {
        const struct worker_info *w = &p->workers[i];
        json_comma(out);
        buf_char(out, '{');
        json_kint(out, "pid", w->pid);
        json_kstr(out, "state", worker_state_name(w->state));
        json_ktime(out, "started_at", w->started_ms);
        json_kint(out, "running", w->running);
        json_kint(out, "window", w->window);
        json_kint(out, "jobs_done", (int64_t)w->jobs_done);
        json_kint(out, "rss", (int64_t)w->rss);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}
