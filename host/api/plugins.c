/* GET /v1/plugins, /v1/plugins/{name}: what is loaded, what it offers, how it fares. */
#include <stdio.h>
#include <string.h>

#include "api/crash_json.h"
#include "api/gate_json.h"
#include "api/job_json.h"
#include "api/pool_json.h"
#include "api/routes.h"
#include "base/arena.h"
#include "jobhost_plugin.h"
#include "supervisor/crash.h"
#include "supervisor/libraries.h"
#include "supervisor/pool.h"

static const char *const option_types[] = {
    [JH_OPT_STRING] = "string",     [JH_OPT_INT] = "int",       [JH_OPT_BOOL] = "bool",
    [JH_OPT_DURATION] = "duration", [JH_OPT_SIZE] = "size",     [JH_OPT_URL] = "url",
    [JH_OPT_LIST] = "list",         [JH_OPT_OBJECT] = "object", [JH_OPT_CHOICE] = "choice",
    [JH_OPT_DAY] = "day",
};

#define NAME_OF(names, value)                                                                      \
    ((size_t)(value) < ARRAY_LEN(names) && (names)[(value)] != NULL ? (names)[(value)] : "unknown")

static void add_choices(struct buf *out, const char *choices) {
    json_key(out, "choices");
    buf_char(out, '[');
    for (const char *p = choices; *p != '\0'; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        json_comma(out);
        json_strn(out, p, len);
        p += len;
    }
    buf_char(out, ']');
}

static void add_options(struct buf *out, const char *key, const struct config_option_spec *specs,
                        size_t count) {
    json_key(out, key);
    buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        bool secret = (specs[i].flags & JH_OPT_SECRET) != 0;
        if (specs[i].type == JH_OPT_FILE) {
            continue;
        }
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "name", specs[i].name);
        json_kstr(out, "type", NAME_OF(option_types, specs[i].type));
        json_kbool(out, "required", (specs[i].flags & JH_OPT_REQUIRED) != 0);
        if (secret) {
            json_kbool(out, "secret", true);
        }
        if (specs[i].type == JH_OPT_CHOICE) {
            add_choices(out, specs[i].fallback);
        } else {
            json_kstr(out, "default", specs[i].fallback);
        }
        json_kstr(out, "help", specs[i].help);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

/* The files among a handler's fields. */
static void add_files(struct buf *out, const struct pool_handler *h) {
    json_key(out, "files");
    buf_char(out, '[');
    for (size_t i = 0; i < h->field_count; i++) {
        if (h->fields[i].type == JH_OPT_FILE) {
            json_comma(out);
            buf_char(out, '{');
            json_kstr(out, "name", h->fields[i].name);
            json_kstr(out, "help", h->fields[i].help);
            buf_char(out, '}');
        }
    }
    buf_char(out, ']');
}

static void add_handler(struct buf *out, const struct config *c, const struct pool_handler *h) {
    enum skew_policy policy = config_job(c, h->name)->state_policy;
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", h->name);
    json_kstr(out, "summary", h->summary);
    json_kbool(out, "concurrent", (h->flags & JH_HANDLER_CONCURRENT) != 0);
    json_kbool(out, "query", (h->flags & JH_HANDLER_QUERY) != 0);
    json_kint(out, "state_version", h->state.version);
    json_kint(out, "oldest_state_version", h->state.oldest);
    json_kbool(out, "restartable", h->state.restartable);
    json_kstr(out, "state_policy", skew_policy_name((int)policy));
    if (h->shape != NULL) {
        add_options(out, "payload", h->fields, h->field_count);
    }
    add_files(out, h);
    buf_char(out, '}');
}

static void add_manifest(struct buf *out, const struct config *c, const struct pool_manifest *m) {
    if (m == NULL) {
        return;
    }
    json_kstr(out, "version", m->version);
    json_key(out, "abi");
    buf_printf(out, "\"%u.%u\"", m->abi_major, m->abi_minor);
    add_options(out, "options", m->options, m->option_count);
    json_key(out, "handlers");
    buf_char(out, '[');
    for (size_t i = 0; i < m->handler_count; i++) {
        add_handler(out, c, &m->handlers[i]);
    }
    buf_char(out, ']');
}

static void add_crashes(struct buf *out, const struct crash_log *log) {
    if (log == NULL || log->count == 0) {
        return;
    }
    json_key(out, "recent_crashes");
    buf_char(out, '[');
    for (unsigned i = 0; i < log->count; i++) {
        const struct crash *c = log->items[i];
        struct store_crash known;
        crash_history(c, &known);
        json_comma(out);
        buf_char(out, '{');
        json_ktime(out, "at", c->at_ms);
        job_json_id(out, "job", &c->job);
        json_kstr(out, "type", c->type[0] == '\0' ? NULL : c->type);
        json_kstr(out, "build", c->build[0] == '\0' ? NULL : c->build);
        json_kint(out, "pid", c->pid);
        json_kstr(out, "message", c->message);
        crash_json_members(out, &known);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

/* But for its end. */
static void add_pool(struct buf *out, const struct config *c, const struct pool_info *p) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", p->name);
    json_kstr(out, "state", pool_state_name(p->state));
    json_kstr(out, "fault", p->fault);
    json_kstr(out, "file", p->file);
    json_kstr(out, "build", p->build[0] == '\0' ? NULL : p->build);
    json_kstr(out, "sha256", p->sha256);
    json_kint(out, "slots", p->slots);
    json_kint(out, "busy", p->busy);
    json_kint(out, "jobs_done", (int64_t)p->total.jobs_done);
    json_kint(out, "crashes", (int64_t)p->total.crashes);
    json_kint(out, "restarts", (int64_t)p->total.restarts);
    json_kstr(out, "last_crash", p->last_crash);
    pool_json_notes(out, p);
    add_crashes(out, p->crash_log);
    pool_json_breaker(out, p);
    gate_json_members(out, &p->gate);
    pool_json_workers(out, p);
    pool_json_queries(out, p);
    add_manifest(out, c, p->manifest);
}

/* Plugins that the configuration has but does not switch on. */
static void add_off(struct buf *out, const struct config_plugin *p) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", p->entry.name);
    json_kstr(out, "state", "off");
    json_kstr(out, "fault", p->entry.off_why);
    json_kstr(out, "file", p->file);
    buf_char(out, '}');
}

/* Files that lie where plugins are looked for, and that nobody has configured. */
static void add_found(struct buf *out, const struct config_found *f) {
    json_comma(out);
    buf_char(out, '{');
    json_kstr(out, "name", f->name);
    json_kstr(out, "state", "new");
    json_kstr(out, "fault", "no entry of the configuration has this file");
    json_kstr(out, "file", f->file);
    buf_char(out, '}');
}

struct listing {
    struct side_op op;
    struct call *call;
    struct config *config;
    struct arena arena;
    const struct config_found *found;
    size_t found_count;
};

static void listing_look(struct side_op *op) {
    struct listing *l = CONTAINER_OF(op, struct listing, op);
    l->found_count = config_found_plugins(l->config, &l->arena, &l->found);
}

static void listing_answer(struct side_op *op) {
    struct listing *l = CONTAINER_OF(op, struct listing, op);
    struct host *host = l->call->host;
    struct buf out = {0};
    call_list_begin(&out);
    for (uint32_t i = 0; i < pools_count(host->pools); i++) {
        struct pool_info info;
        pools_info(host, i, &info);
        add_pool(&out, host->config, &info);
        buf_char(&out, '}');
    }
    for (size_t i = 0; i < l->config->plugin_count; i++) {
        if (!l->config->plugins[i].entry.on) {
            add_off(&out, &l->config->plugins[i]);
        }
    }
    for (size_t i = 0; i < l->found_count; i++) {
        add_found(&out, &l->found[i]);
    }
    buf_str(&out, "]}");
    arena_free(&l->arena);
    config_free(&l->config);
    call_reply(l->call, 200, &out);
}

void plugins_list_handle(struct call *call) {
    struct listing *l = CALL_NEW(call, struct listing);
    if (l != NULL) {
        *l = (struct listing){.op = {.work = listing_look, .done = listing_answer},
                              .call = call,
                              .config = config_hold(call->host->config)};
        side_thread_post(call->host->disk, &l->op);
    }
}

/* ------------------------------------------------------------------ one of them */

struct detail {
    struct side_op op;
    struct call *call;
    int32_t pid; /* of a worker */
    char sha256[65];
    struct arena arena;
    const struct library *libraries;
    size_t library_count;
};

static bool detail_find(struct call *call, struct pool_info *ret) {
    for (uint32_t i = 0; i < pools_count(call->host->pools); i++) {
        pools_info(call->host, i, ret);
        if (strcmp(ret->name, call->param[0]) == 0) {
            return true;
        }
    }
    return false;
}

static void add_libraries(struct buf *out, const struct detail *d) {
    json_key(out, "libraries");
    buf_char(out, '[');
    for (size_t i = 0; i < d->library_count; i++) {
        const struct library *l = &d->libraries[i];
        json_comma(out);
        buf_char(out, '{');
        json_kstr(out, "file", l->file);
        json_kstr(out, "build_id", l->build_id[0] == '\0' ? NULL : l->build_id);
        json_kbool(out, "replaced", l->replaced);
        buf_char(out, '}');
    }
    buf_char(out, ']');
}

static void detail_look(struct side_op *op) {
    struct detail *d = CONTAINER_OF(op, struct detail, op);
    d->library_count = d->pid == 0 ? 0 : libraries_of(d->pid, d->sha256, &d->arena, &d->libraries);
}

static void detail_answer(struct side_op *op) {
    struct detail *d = CONTAINER_OF(op, struct detail, op);
    const struct config_plugin *off = config_plugin(d->call->host->config, d->call->param[0]);
    struct pool_info info;
    struct buf out = {0};
    bool found = true;
    if (detail_find(d->call, &info)) {
        add_pool(&out, d->call->host->config, &info);
        add_libraries(&out, d);
        buf_char(&out, '}');
    } else if (off != NULL && !off->entry.on) {
        add_off(&out, off);
    } else {
        found = false;
    }
    arena_free(&d->arena);
    if (found) {
        call_reply(d->call, 200, &out);
    } else {
        call_error(d->call, 404, "plugin_not_found", "name", "there is no plugin of this name");
    }
}

void plugins_get_handle(struct call *call) {
    struct detail *d = CALL_NEW(call, struct detail);
    struct pool_info info;
    if (d == NULL) {
        return;
    }
    *d = (struct detail){.op = {.work = detail_look, .done = detail_answer}, .call = call};
    if (detail_find(call, &info)) {
        (void)snprintf(d->sha256, sizeof d->sha256, "%s", info.sha256 == NULL ? "" : info.sha256);
        for (uint32_t i = 0; i < info.worker_count; i++) {
            d->pid = info.workers[i].state == WORKER_READY ? info.workers[i].pid : d->pid;
        }
    }
    side_thread_post(call->host->disk, &d->op);
}
