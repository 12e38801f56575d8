#include "supervisor/reload.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/side_thread.h"
#include "supervisor/dirs.h"
#include "supervisor/generation.h"
#include "supervisor/host.h"
#include "supervisor/libraries.h"
#include "supervisor/orphans.h"
#include "supervisor/pin_file.h"
#include "supervisor/pins.h"
#include "supervisor/rollback.h"
#include "supervisor/sd_notify.h"
#include "supervisor/serve.h"
#include "supervisor/snapshot.h"
#include "supervisor/stats.h"

// A plugin that the new configuration has switched on, or one that serves and is not in it.
struct item {
    struct pool_trial trial;
    struct reload *of;
    const char *name;
    const struct config_plugin *config; // NULL: it goes
    struct snapshot snapshot;
    struct err error;
    struct pool *serving; // before; NULL = none
    struct pool *next;    // tried
    bool tried_out;       // and found good
    char library[128];    // that it runs with, and that has been replaced; "" = none
    enum reload_verdict verdict;
};

// What a generation runs, for the other thread.
struct used {
    char sha256[65];
    char plugin[65]; // which it serves; "" = none
    int32_t pid;     // of one of its workers; 0 = none is ready
};

enum phase { IDLE, READING, TRYING, COUNTING };

struct reload {
    struct host *host;
    enum phase phase;
    struct side_op op;
    struct event *begin; // a request that came while another one was under way, or from within
    const char *cause, *next_cause; // the latter: one more is wanted
    unsigned flags, next_flags;
    TAILQ_HEAD(, reload_waiter) waiting, next; // for this one, for the next one
    struct config_load_options options;
    char plugin_dir[PATH_MAX];
    struct config *config; // new
    struct config_report found;
    struct buf problems, restart;
    struct item *items;
    size_t count, open; // the latter: being tried
    struct used *used;  // what generations have; NULL: not known
    size_t used_count;
    bool failed; // nothing changes
    bool partly; // something that did not serve before does not now, either
    int64_t started_ms;
    int64_t begun_us, read_us, tried_us; // stopwatch: what took how long
    struct reload_report last;
    struct reload_item *last_items;
    struct arena last_arena;
};

const char *reload_verdict_name(enum reload_verdict verdict) {
    static const char *const names[] = {
        [RELOAD_KEPT] = "kept",
        [RELOAD_CHANGED] = "changed",
        [RELOAD_ADDED] = "added",
        [RELOAD_REMOVED] = "removed",
        [RELOAD_FAILED] = "failed",
        [RELOAD_HELD_BACK] = "held_back",
        [RELOAD_ROLLED_BACK] = "rolled_back",
    };
    return names[verdict];
}

/* ------------------------------------------------------------------ the report */

static const char *report_why(struct arena *a, const struct item *it) {
    if (it->error.code == 0 && it->verdict == RELOAD_KEPT && it->library[0] != '\0') {
        return arena_printf(
            a,
            "%s has been replaced since its processes began: `jobhost reload --all` "
            "starts others, which load it",
            it->library);
    }
    return it->error.code == 0 ? NULL : arena_str(a, it->error.msg);
}

static void report_item(struct reload *r, const struct item *it, struct reload_item *ret) {
    struct arena *a = &r->last_arena;
    const struct pool *now = r->failed ? it->serving : it->next != NULL ? it->next : it->serving;
    const struct pool *meant = it->next != NULL ? it->next : it->serving;
    *ret = (struct reload_item){
        .plugin = arena_str(a, it->name),
        .verdict = it->verdict,
        .generation = now == NULL || it->verdict == RELOAD_REMOVED ? 0 : now->number,
        .build = meant == NULL ? "" : arena_str(a, meant->build),
        .why = report_why(a, it),
    };
}

static void make_report(struct reload *r) {
    arena_reset(&r->last_arena);
    free(r->last_items);
    r->last_items = calloc(r->count + 1, sizeof *r->last_items);
    size_t count = r->last_items == NULL ? 0 : r->count;
    for (size_t i = 0; i < count; i++) {
        report_item(r, &r->items[i], &r->last_items[i]);
    }
    r->last = (struct reload_report){
        .ok = !r->failed && !r->partly,
        .cause = r->cause,
        .started_ms = r->started_ms,
        .ended_ms = env_wall_ms(&r->host->env),
        .problems = arena_strn(&r->last_arena, r->problems.data, r->problems.len),
        .restart = arena_strn(&r->last_arena, r->restart.data, r->restart.len),
        .items = r->last_items,
        .item_count = count,
    };
}

static void count_report(const struct reload *r) {
    const char *result = r->failed ? "failed" : r->partly ? "partly" : "ok";
    stats_word(&r->host->stats->reloads, result);
}

static void log_report(const struct reload *r) {
    const struct log *log = &r->host->log;
    long long ms = (long long)(r->last.ended_ms - r->last.started_ms);
    size_t first = r->last.problems == NULL ? 0 : strcspn(r->last.problems, "\n");
    for (size_t i = 0; i < r->last.item_count; i++) {
        const struct reload_item *it = &r->last.items[i];
        if (it->verdict == RELOAD_FAILED) {
            log_error(log, "reload.plugin", "plugin=%s verdict=failed msg=\"%s\"", it->plugin,
                      it->why == NULL ? "" : it->why);
        } else if (it->verdict == RELOAD_KEPT) {
            if (it->why != NULL) {
                log_warn(log, "reload.plugin", "plugin=%s verdict=kept msg=\"%s\"", it->plugin,
                         it->why);
            }
        } else {
            log_info(log, "reload.plugin", "plugin=%s verdict=%s generation=%u build=%s",
                     it->plugin, reload_verdict_name(it->verdict), it->generation, it->build);
        }
        if (it->warning != NULL) {
            log_warn(log, "reload.orphans", "plugin=%s msg=\"%s\"", it->plugin, it->warning);
        }
    }
    if (r->restart.len > 0) {
        log_warn(log, "reload.restart", "keys=\"%.*s\" msg=\"their changes wait for a restart\"",
                 (int)r->restart.len, (const char *)r->restart.data);
    }
    if (r->failed) {
        log_error(log, "reload.failed", "cause=%s ms=%lld msg=\"nothing has been changed%s%.*s\"",
                  r->cause, ms, first > 0 ? ": " : "", (int)first,
                  first > 0 ? (const char *)r->problems.data : "");
    } else {
        log_info(log, "reload.done", "cause=%s ms=%lld read_us=%lld try_us=%lld switch_us=%lld",
                 r->cause, ms, (long long)(r->read_us - r->begun_us),
                 (long long)(r->tried_us - r->read_us),
                 (long long)(env_stopwatch_us() - r->tried_us));
    }
}

/* ------------------------------------------------------------------ the end */

static void begin(struct reload *r);

static void forget_items(struct reload *r) {
    for (size_t i = 0; i < r->count; i++) {
        snapshot_finish(&r->items[i].snapshot);
    }
    free(r->items);
    r->items = NULL;
    r->count = r->open = 0;
    config_free(&r->config);
}

// The report has been made: what the items name may be gone.
static void end(struct reload *r) {
    struct reload_waiter *w;
    log_report(r);
    count_report(r);
    if (r->host->phase == HOST_RUNNING) {
        sd_notify_send(r->host->notify_socket,
                       r->failed ? "READY=1\nSTATUS=serving; the last reload failed"
                                 : "READY=1\nSTATUS=serving");
    }
    forget_items(r);
    r->phase = IDLE;
    if (r->host->phase != HOST_RUNNING) { // who asked for another one hears of this
        TAILQ_CONCAT(&r->waiting, &r->next, link);
        r->next_cause = NULL;
    }
    while ((w = TAILQ_FIRST(&r->waiting)) != NULL) {
        TAILQ_REMOVE(&r->waiting, w, link);
        w->listed = false;
        w->done(w, &r->last);
    }
    rollback_resume(r->host);
    if (r->next_cause != NULL) {
        event_active(r->begin, EV_TIMEOUT, 0);
    }
}

// What would have changed stays as it is, and so does all else.
static void give_up(struct reload *r) {
    r->failed = true;
    for (size_t i = 0; i < r->count; i++) {
        struct item *it = &r->items[i];
        struct pool *next = it->next;
        if (it->verdict != RELOAD_FAILED && it->verdict != RELOAD_KEPT &&
            it->verdict != RELOAD_ROLLED_BACK) {
            it->verdict = RELOAD_HELD_BACK;
        }
        it->next = NULL;
        if (it->serving != NULL) {
            it->serving->leaving = false;
        }
        if (next != NULL) {
            generation_abandon(next);
        }
    }
    make_report(r);
    end(r);
}

/* ------------------------------------------------------------------ what nobody takes any more */

static void note_leaving(const struct reload *r) {
    for (size_t i = 0; i < r->count; i++) {
        const struct item *it = &r->items[i];
        if (it->serving != NULL && (it->next != NULL || it->config == NULL)) {
            orphans_note(r->host, it->serving);
        }
    }
}

static void add_warning(struct buf *text, const struct orphan *o) {
    buf_str(text, text->len == 0 ? "" : "; ");
    if (o->jobs < 0) {
        buf_printf(text,
                   "nobody takes jobs of %s any more, and the store cannot tell how many wait",
                   o->type);
    } else {
        buf_printf(text, "%lld%s job%s of %s wait%s and nobody takes them", (long long)o->jobs,
                   o->more ? " or more" : "", o->jobs == 1 ? "" : "s", o->type,
                   o->jobs == 1 ? "s" : "");
    }
}

static void warn_of(struct reload *r, struct reload_item *it, const struct orphan *items,
                    size_t count) {
    struct arena *a = &r->last_arena;
    struct orphan *own = arena_alloc(a, (count + 1) * sizeof *own);
    struct buf text = {0};
    for (size_t i = 0; own != NULL && i < count; i++) {
        if (strcmp(items[i].plugin, it->plugin) == 0) {
            struct orphan *o = &own[it->orphan_count++];
            *o = items[i];
            o->type = arena_str(a, o->type);
            o->plugin = it->plugin;
            add_warning(&text, o);
        }
    }
    it->orphans = own;
    it->warning = text.len == 0 ? NULL : arena_strn(a, text.data, text.len);
    buf_free(&text);
}

static void on_orphans(void *arg, const struct orphan *items, size_t count) {
    struct reload *r = arg;
    for (size_t i = 0; count > 0 && i < r->last.item_count; i++) {
        warn_of(r, &r->last_items[i], items, count);
    }
    if ((r->flags & RELOAD_FORCE) != 0) {
        orphans_bury(r->host);
    }
    end(r);
}

/* ------------------------------------------------------------------ the switch */

static void pin_replaced(const struct reload *r) {
    for (size_t i = 0; i < r->count; i++) {
        const struct item *it = &r->items[i];
        if (it->serving != NULL && it->next != NULL && it->serving->state == POOL_READY) {
            pins_note(r->host, it->serving, it->next);
        }
    }
}

static void serve(struct reload *r) {
    struct pools *pools = r->host->pools;
    r->tried_us = env_stopwatch_us();
    struct pool **items = calloc(r->count + 1, sizeof(struct pool *));
    uint32_t count = 0;
    if (items == NULL) {
        (void)err_set(&r->items[0].error, -ENOMEM, "out of memory");
        give_up(r);
        return;
    }
    for (size_t i = 0; i < r->count; i++) {
        struct item *it = &r->items[i];
        if (it->next != NULL) {
            rollback_forgive(it->next->plugin);
            if (it->serving != NULL && it->serving->state == POOL_READY) {
                rollback_watch(it->next, it->serving);
            }
            items[count++] = it->next;
        } else if (it->verdict == RELOAD_ROLLED_BACK) {
            items[count++] = it->serving; // with the configuration that it knows
        } else if (it->config != NULL) {
            generation_reconfigure(it->serving, r->config, it->config, it->error.msg);
            items[count++] = it->serving;
        }
    }
    note_leaving(r);
    config_free(&r->host->config);
    r->host->config = config_hold(r->config);
    host_configure_log(r->host);
    lane_configure_all(r->host);
    make_report(r); // of those that go some have no worker, and are freed at once
    pin_replaced(r);
    pools_serve(pools, items, count);
    serve_reload(r->host);
    r->phase = COUNTING;
    orphans_count(r->host, on_orphans, r);
}

// It does not work. Nothing changes then, unless it did not work before: nobody is to wait for that.
static bool is_fatal(struct item *it) {
    bool fatal = it->serving == NULL || it->serving->state != POOL_FAILED;
    it->verdict = RELOAD_FAILED;
    it->next = NULL;
    it->of->failed = it->of->failed || fatal;
    it->of->partly = true;
    return fatal;
}

static void look_whether_done(struct reload *r) {
    if (r->phase != TRYING || r->open > 0) {
        return;
    }
    if (r->failed) {
        give_up(r);
    } else {
        serve(r);
    }
}

static void on_ready(struct pool_trial *trial, struct pool *pool) {
    struct item *it = CONTAINER_OF(trial, struct item, trial);
    (void)pool;
    if (!it->tried_out) {
        it->tried_out = true;
        it->of->open--;
        look_whether_done(it->of);
    }
}

// The others need not be waited for: one failure is enough.
static void on_failed(struct pool_trial *trial, struct pool *pool, const char *why) {
    struct item *it = CONTAINER_OF(trial, struct item, trial);
    struct reload *r = it->of;
    (void)pool; // it goes away by itself
    (void)err_set(&it->error, -EINVAL, "%s", why);
    if (is_fatal(it)) {
        give_up(r);
        return;
    }
    r->open -= !it->tried_out;
    look_whether_done(r);
}

static void try(struct reload *r) {
    r->phase = TRYING;
    for (size_t i = 0; i < r->count; i++) {
        if (r->items[i].verdict == RELOAD_REMOVED) {
            r->items[i].serving->leaving = true;
        }
    }
    for (size_t i = 0; i < r->count; i++) {
        struct item *it = &r->items[i];
        if (it->verdict != RELOAD_CHANGED && it->verdict != RELOAD_ADDED) {
            continue;
        }
        it->trial = (struct pool_trial){.ready = on_ready, .failed = on_failed};
        it->next =
            generation_try(r->host, r->config, it->config, &it->snapshot, &it->trial, &it->error);
        if (it->next != NULL) {
            r->open++;
        } else {
            (void)is_fatal(it);
        }
    }
    if (r->failed) {
        give_up(r);
    } else {
        look_whether_done(r);
    }
}

/* ------------------------------------------------------------------ what has changed */

static struct pool *serving(const struct host *host, const char *name) {
    for (uint32_t i = 0; i < host->pools->count; i++) {
        if (strcmp(host->pools->items[i]->config->entry.name, name) == 0) {
            return host->pools->items[i];
        }
    }
    return NULL;
}

static void compare(struct item *it) {
    const struct pool *now = it->serving;
    const char *refused =
        now == NULL ? NULL : rollback_refuses(now->plugin, it->snapshot.sha256, it->config);
    if (it->error.code != 0) {
        (void)is_fatal(it);
    } else if (now == NULL) {
        it->verdict = RELOAD_ADDED;
    } else if (now->state == POOL_READY && refused != NULL) {
        it->verdict = RELOAD_ROLLED_BACK;
        it->of->partly = true;
        (void)err_set(&it->error, -EAGAIN, "%s", refused);
    } else if ((it->of->flags & RELOAD_ALL) != 0 || now->state != POOL_READY ||
               strcmp(now->snapshot.sha256, it->snapshot.sha256) != 0 || now->stale ||
               !config_plugin_same_processes(now->config, it->config)) {
        it->verdict = RELOAD_CHANGED;
    } else {
        it->verdict = RELOAD_KEPT;
    }
}

// Those that serve, and the new configuration does not have, come behind the others.
static bool add_gone(struct reload *r) {
    struct pools *pools = r->host->pools;
    struct item *items = realloc(r->items, (r->count + pools->count + 1) * sizeof *items);
    if (items == NULL) {
        return false;
    }
    r->items = items;
    for (size_t i = 0; i < r->count; i++) {
        items[i].serving = serving(r->host, items[i].name);
    }
    size_t known = r->count;
    for (uint32_t k = 0; k < pools->count; k++) {
        bool stays = false;
        for (size_t i = 0; i < known; i++) {
            stays = stays || items[i].serving == pools->items[k];
        }
        if (!stays) {
            items[r->count++] = (struct item){.of = r,
                                              .name = pools->items[k]->config->entry.name,
                                              .serving = pools->items[k],
                                              .verdict = RELOAD_REMOVED};
        }
    }
    return true;
}

static void read_done(struct side_op *op) {
    struct reload *r = CONTAINER_OF(op, struct reload, op);
    struct host *host = r->host;
    r->read_us = env_stopwatch_us();
    config_report_print(&r->found, false, &r->problems);
    config_report_finish(&r->found);
    r->failed = r->config == NULL || host->phase != HOST_RUNNING;
    if (r->failed || !add_gone(r)) {
        r->failed = true;
        make_report(r);
        end(r);
        return;
    }
    (void)config_needs_restart(host->config, r->config, &r->restart);
    config_keep_running(r->config, host->first_config);
    for (size_t i = 0; i < r->count; i++) {
        if (r->items[i].config != NULL) {
            compare(&r->items[i]);
        }
    }
    if (r->failed) {
        give_up(r);
    } else {
        try(r);
    }
}

/* ------------------------------------------------------------------ reading; [side thread] */

static void take_snapshot(struct reload *r, struct item *it) {
    const char *state_dir = r->host->first_config->host.state_dir;
    int e = dirs_make_data(state_dir, it->name, NULL, &it->error);
    if (e == 0) {
        it->error.code = 0;
        (void)snapshot_take(it->config->file, state_dir, &it->snapshot, &it->error);
    }
}

// A plugin that has not changed may run with a library that has.
static void look_at_libraries(const struct reload *r, struct item *it) {
    for (size_t i = 0; r->used != NULL && i < r->used_count; i++) {
        const struct used *u = &r->used[i];
        if (u->pid > 0 && strcmp(u->plugin, it->name) == 0) {
            struct arena arena = {.head = NULL};
            const struct library *items;
            size_t count = libraries_of(u->pid, u->sha256, &arena, &items);
            const char *name = libraries_replaced(items, count);
            (void)snprintf(it->library, sizeof it->library, "%s", name == NULL ? "" : name);
            arena_free(&arena);
        }
    }
}

static bool is_used(const void *arg, const char *sha256) {
    const struct reload *r = arg;
    for (size_t i = 0; i < r->used_count; i++) {
        if (strcmp(r->used[i].sha256, sha256) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->items[i].snapshot.sha256, sha256) == 0) {
            return true;
        }
    }
    return false;
}

static void read_all(struct side_op *op) {
    struct reload *r = CONTAINER_OF(op, struct reload, op);
    r->config =
        config_load(r->host->first_config->file, r->host->config_env, &r->options, &r->found);
    r->items = r->config == NULL ? NULL : calloc(r->config->plugin_count + 1, sizeof *r->items);
    if (r->items == NULL) {
        config_free(&r->config); // no memory is no empty configuration
    }
    for (size_t i = 0; r->items != NULL && i < r->config->plugin_count; i++) {
        const struct config_plugin *p = &r->config->plugins[i];
        if (p->entry.on) {
            struct item *it = &r->items[r->count++];
            *it = (struct item){.of = r, .name = p->entry.name, .config = p};
            take_snapshot(r, it);
            look_at_libraries(r, it);
        }
    }
    if (r->used != NULL) {
        snapshots_sweep(r->host->first_config->host.state_dir, is_used, r);
    }
}

/* ------------------------------------------------------------------ asking for it */

static struct used used_by(const struct pool *pool, bool serves) {
    struct used u = {.plugin = ""};
    struct worker *w;
    (void)snprintf(u.sha256, sizeof u.sha256, "%s", pool->snapshot.sha256);
    (void)snprintf(u.plugin, sizeof u.plugin, "%s", serves ? pool->config->entry.name : "");
    TAILQ_FOREACH(w, &pool->workers, link) {
        u.pid = w->state == WORKER_READY ? w->pid : u.pid;
    }
    return u;
}

// For the other thread, which deletes snapshots that nobody has, and looks at what workers have loaded.
static void note_used(struct reload *r) {
    const struct pools *pools = r->host->pools;
    const struct pool *pool;
    r->used_count = 0;
    free(r->used);
    r->used = calloc(pools_generations(pools) + PINS_MAX + 1, sizeof *r->used);
    for (uint32_t i = 0; r->used != NULL && i < pools->count; i++) {
        r->used[r->used_count++] = used_by(pools->items[i], true);
    }
    TAILQ_FOREACH(pool, &pools->others, link) {
        if (r->used != NULL) {
            r->used[r->used_count++] = used_by(pool, false);
        }
    }
    const char *sha256;
    for (size_t i = 0; r->used != NULL && (sha256 = pins_sha256(r->host, i)) != NULL; i++) {
        struct used *u = &r->used[r->used_count++];
        (void)snprintf(u->sha256, sizeof u->sha256, "%s", sha256);
    }
}

static void begin(struct reload *r) {
    note_used(r);
    r->phase = READING;
    r->cause = r->next_cause;
    r->flags = r->next_flags;
    r->next_cause = NULL;
    r->next_flags = 0;
    TAILQ_CONCAT(&r->waiting, &r->next, link);
    r->failed = r->partly = false;
    r->started_ms = env_wall_ms(&r->host->env);
    r->begun_us = env_stopwatch_us();
    buf_clear(&r->problems);
    buf_clear(&r->restart);
    r->options = (struct config_load_options){
        .default_plugin_dir = config_installed_plugin_dir(r->host->self_exe, r->plugin_dir),
        .strict = r->host->strict};
    log_info(&r->host->log, "reload.begun", "cause=%s", r->cause);
    sd_notify_reloading(r->host->notify_socket);
    r->op = (struct side_op){.work = read_all, .done = read_done};
    side_thread_post(r->host->disk, &r->op);
}

static bool may_begin(const struct reload *r) {
    return r->phase == IDLE && !rollback_is_busy(r->host) && r->next_cause != NULL &&
           r->host->phase == HOST_RUNNING && r->host->settled;
}

static void begin_wanted(evutil_socket_t fd, short what, void *arg) {
    struct reload *r = arg;
    (void)fd;
    (void)what;
    if (may_begin(r)) {
        begin(r);
    }
}

static void refuse(const struct host *host, struct reload_waiter *w, const char *cause) {
    const struct reload_report report = {.cause = cause,
                                         .started_ms = env_wall_ms(&host->env),
                                         .ended_ms = env_wall_ms(&host->env),
                                         .problems = "the host is shutting down\n",
                                         .restart = ""};
    if (w != NULL) {
        w->done(w, &report);
    }
}

void reload_request(struct host *host, const char *cause, unsigned flags, struct reload_waiter *w) {
    struct reload *r = host->reload;
    if (host->phase == HOST_DRAINING || host->phase == HOST_STOPPED) {
        refuse(host, w, cause);
        return;
    }
    r->next_cause = cause;
    r->next_flags |= flags;
    if (w != NULL) {
        TAILQ_INSERT_TAIL(&r->next, w, link);
        w->listed = true;
    }
    event_active(r->begin, EV_TIMEOUT, 0);
}

void reload_resume(struct host *host) {
    event_active(host->reload->begin, EV_TIMEOUT, 0);
}

void reload_forget(struct host *host, struct reload_waiter *w) {
    struct reload *r = host->reload;
    struct reload_waiter *other;
    if (!w->listed) {
        return;
    }
    w->listed = false;
    TAILQ_FOREACH(other, &r->waiting, link) {
        if (other == w) {
            TAILQ_REMOVE(&r->waiting, w, link);
            return;
        }
    }
    TAILQ_REMOVE(&r->next, w, link);
}

void reload_stop(struct host *host) {
    struct reload *r = host->reload;
    if (r->phase == TRYING) {
        give_up(r);
    } else if (r->phase == COUNTING) {
        orphans_forget(host);
        end(r);
    }
    r->next_cause = NULL;
    while (r->phase == IDLE && !TAILQ_EMPTY(&r->next)) {
        struct reload_waiter *w = TAILQ_FIRST(&r->next);
        TAILQ_REMOVE(&r->next, w, link);
        w->listed = false;
        refuse(host, w, "");
    }
}

bool reload_is_busy(const struct host *host) {
    return host->reload->phase != IDLE;
}

const struct reload_report *reload_last(const struct host *host) {
    return host->reload->last.cause == NULL ? NULL : &host->reload->last;
}

struct reload *reload_new(struct host *host) {
    struct reload *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return NULL;
    }
    r->host = host;
    TAILQ_INIT(&r->waiting);
    TAILQ_INIT(&r->next);
    r->begin = event_new(host->base, -1, 0, begin_wanted, r);
    if (r->begin == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

void reload_free(struct reload **rp) {
    struct reload *r = *rp;
    if (r == NULL) {
        return;
    }
    forget_items(r);
    event_free(r->begin);
    buf_free(&r->problems);
    buf_free(&r->restart);
    free(r->last_items);
    free(r->used);
    arena_free(&r->last_arena);
    free(r);
    *rp = NULL;
}
