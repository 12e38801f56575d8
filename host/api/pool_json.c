#include "api/pool_json.h"

#include "base/json.h"
#include "record/messages.h"

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

void pool_json_notes(struct buf *out, const struct pool_info *p) {
    static const char *const states[] = {
        [MSG_NOTE_ON] = "on",
        [MSG_NOTE_OFF] = "off",
        [MSG_NOTE_DEGRADED] = "degraded",
    };
    if (p->note_count == 0) {
        return;
    }
    json_key(out, "sandbox");
    buf_char(out, '[');
    for (uint32_t i = 0; i < p->note_count; i++) {
        const struct pool_note *n = &p->notes[i];
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "facility", n->facility);
        json_kstr(out, "state", states[n->state]);
        json_kstr(out, "detail", n->text);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

void pool_json_breaker(struct buf *out, const struct pool_info *p) {
    if (p->breaker.state == BREAKER_CLOSED) {
        return;
    }
    json_key(out, "breaker");
    buf_char(out, '{');
    json_kstr(out, "state", plugin_breaker_state_name(p->breaker.state));
    json_ktime(out, "until", p->breaker.until_ms);
    json_kint(out, "trips", p->breaker.trips);
    json_kstr(out, "detail", p->breaker.detail);
    buf_char(out, '}');
}

void pool_json_queries(struct buf *out, const struct pool_info *p) {
    const struct worker_info *w = &p->queries.worker;
    if (p->queries.stats == NULL) {
        return;
    }
    json_key(out, "queries");
    buf_char(out, '{');
    json_kint(out, "running", p->queries.running);
    json_kint(out, "waiting", p->queries.waiting);
    if (w->pid != 0) {
        json_kint(out, "pid", w->pid);
        json_kstr(out, "state", worker_state_name(w->state));
        json_ktime(out, "started_at", w->started_ms);
        json_kint(out, "rss", (int64_t)w->rss);
    }
    buf_char(out, '}');
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
