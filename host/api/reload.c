/* POST /v1/reload, GET /v1/reload: another configuration and other code, and what became of the last time. With ?wait=1 the
 * answer is the verdict; it may take as long as plugins may take to start. */
#include "supervisor/reload.h"

#include <string.h>

#include "api/routes.h"
#include "supervisor/audit.h"
#include "supervisor/orphans.h"

struct asked {
    struct reload_waiter waiter;
    struct call *call;
};

static void add_lines(struct buf *out, const char *key, const char *lines) {
    json_key(out, key);
    buf_char(out, '[');
    for (const char *p = lines; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, "\n");
        json_comma(out);
        json_strn(out, p, len);
        p += len + (p[len] == '\n');
    }
    buf_char(out, ']');
}

static void add_orphans(struct buf *out, const struct reload_item *it) {
    if (it->orphan_count == 0) {
        return;
    }
    json_key(out, "orphans");
    buf_char(out, '[');
    for (size_t i = 0; i < it->orphan_count; i++) {
        const struct orphan *o = &it->orphans[i];
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "type", o->type);
        if (o->jobs >= 0) {
            json_kint(out, "jobs", o->jobs);
            json_kbool(out, "more", o->more);
        }
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

static void add_item(struct buf *out, const struct reload_item *it) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "plugin", it->plugin);
    json_kstr(out, "verdict", reload_verdict_name(it->verdict));
    if (it->generation > 0) {
        json_kint(out, "generation", it->generation);
    }
    json_kstr(out, "build", it->build == NULL || it->build[0] == '\0' ? NULL : it->build);
    json_kstr(out, "reason", it->why);
    json_kstr(out, "warning", it->warning);
    add_orphans(out, it);
    buf_char(out, '}');
}

static void add_report(struct buf *out, const struct reload_report *r) {
    buf_char(out, '{');
    json_kbool(out, "ok", r->ok);
    json_kstr(out, "cause", r->cause);
    json_ktime(out, "started_at", r->started_ms);
    json_ktime(out, "ended_at", r->ended_ms);
    add_lines(out, "problems", r->problems);
    add_lines(out, "needs_restart", r->restart);
    json_key(out, "plugins");
    buf_char(out, '[');
    for (size_t i = 0; i < r->item_count; i++) {
        add_item(out, &r->items[i]);
    }
    buf_str(out, "]}");
}

static void on_verdict(struct reload_waiter *w, const struct reload_report *report) {
    struct asked *asked = CONTAINER_OF(w, struct asked, waiter);
    struct buf out = {0};
    add_report(&out, report);
    call_reply(asked->call, 200, &out);
}

static bool is_asked(const struct call *call, const char *name) {
    const char *value = request_query(call->req, name);
    return value != NULL && strcmp(value, "0") != 0;
}

void reload_post_handle(struct call *call) {
    bool waits = is_asked(call, "wait");
    unsigned flags = is_asked(call, "all") ? RELOAD_ALL : 0;
    flags |= is_asked(call, "force") ? RELOAD_FORCE : 0;
    struct asked *asked = CALL_NEW(call, struct asked);
    if (asked == NULL) {
        return;
    }
    *asked = (struct asked){.waiter = {.done = on_verdict}, .call = call};
    audit_note(call->host, (struct store_audit){.actor = call_actor(call),
                                                .action = "host.reload",
                                                .target = call->host->name,
                                                .detail = (flags & RELOAD_FORCE) != 0 ? "force"
                                                          : (flags & RELOAD_ALL) != 0 ? "all"
                                                                                      : NULL});
    reload_request(call->host, "request", flags, waits ? &asked->waiter : NULL);
    if (!waits) {
        struct buf out = {0};
        buf_str(&out, "{\"asked\":true}");
        call_reply(call, 202, &out);
    }
}

void reload_get_handle(struct call *call) {
    const struct reload_report *last = reload_last(call->host);
    struct buf out = {0};
    if (last == NULL) {
        call_error(call, 404, "no_reload", NULL, "this host has not reloaded since its start");
        return;
    }
    add_report(&out, last);
    call_reply(call, 200, &out);
}
