#include "supervisor/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/breakers.h"
#include "supervisor/limits.h"
#include "supervisor/pins.h"
#include "supervisor/reload_private.h"
#include "supervisor/rollback.h"
#include "supervisor/schedules.h"
#include "supervisor/sd_notify.h"
#include "supervisor/serve.h"
#include "supervisor/upgrade.h"

/* ------------------------------------------------------------------ the end */

static void forget_items(struct reload *r) {
    for (size_t i = 0; i < r->count; i++) {
        snapshot_finish(&r->items[i].snapshot);
    }
    free(r->items);
    r->items = NULL;
    r->count = r->open = 0;
    config_free(&r->config);
}

// The next one may begin.
static void rest(struct reload *r) {
    r->phase = RELOAD_IDLE;
    rollback_resume(r->host);
    if (r->next_cause != NULL) {
        event_active(r->begin, EV_TIMEOUT, 0);
    }
}

static void sweep_done(struct side_op *op) {
    rest(CONTAINER_OF(op, struct reload, op));
}

// Nobody waits for it, and it does not hold up those who wait for new code.
static void sweep(struct reload *r) {
    reload_note_used(r);
    r->op = (struct side_op){.work = reload_sweep, .done = sweep_done};
    side_thread_post(r->host->disk, &r->op);
}

// The report has been made: what the items name may be gone.
static void end(struct reload *r) {
    struct reload_waiter *w;
    bool runs = r->host->phase == HOST_RUNNING;
    reload_report_tell(r);
    if (runs) {
        sd_notify_send(r->host->notify_socket,
                       r->failed ? "READY=1\nSTATUS=serving; the last reload failed"
                                 : "READY=1\nSTATUS=serving");
    }
    forget_items(r);
    r->phase = RELOAD_SWEEPING;
    if (!runs) { // who asked for another one hears of this
        TAILQ_CONCAT(&r->waiting, &r->next, link);
        r->next_cause = NULL;
    }
    while ((w = TAILQ_FIRST(&r->waiting)) != NULL) {
        TAILQ_REMOVE(&r->waiting, w, link);
        w->listed = false;
        w->done(w, &r->last);
    }
    if (runs) {
        sweep(r);
    } else {
        rest(r);
    }
}

// What would have changed stays as it is, and so does all else.
static void give_up(struct reload *r) {
    r->failed = true;
    for (size_t i = 0; i < r->count; i++) {
        struct reload_plugin *it = &r->items[i];
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
    reload_report_make(r);
    end(r);
}

/* ------------------------------------------------------------------ the switch */

static void note_leaving(const struct reload *r) {
    for (size_t i = 0; i < r->count; i++) {
        const struct reload_plugin *it = &r->items[i];
        if (it->serving != NULL && (it->next != NULL || it->config == NULL)) {
            orphans_note(r->host, it->serving);
        }
    }
}

static void on_orphans(void *arg, const struct orphan *items, size_t count) {
    struct reload *r = arg;
    reload_report_orphans(r, items, count);
    if ((r->flags & RELOAD_FORCE) != 0) {
        orphans_bury(r->host);
    }
    end(r);
}

static void pin_replaced(const struct reload *r) {
    for (size_t i = 0; i < r->count; i++) {
        const struct reload_plugin *it = &r->items[i];
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
        struct reload_plugin *it = &r->items[i];
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
    limits_configure(r->host);
    lane_configure_all(r->host);
    breakers_configure(r->host);
    reload_report_make(r); // of those that go some have no worker, and are freed at once
    pin_replaced(r);
    pools_serve(pools, items, count);
    serve_reload(r->host);
    schedules_reload(r->host);
    r->phase = RELOAD_COUNTING;
    orphans_count(r->host, on_orphans, r);
}

// It does not work. Nothing changes then, unless it did not work before: nobody is to wait for that.
static bool is_fatal(struct reload_plugin *it) {
    bool fatal = it->serving == NULL || it->serving->state != POOL_FAILED;
    it->verdict = RELOAD_FAILED;
    it->next = NULL;
    it->of->failed = it->of->failed || fatal;
    it->of->partly = true;
    return fatal;
}

static void look_whether_done(struct reload *r) {
    if (r->phase != RELOAD_TRYING || r->open > 0) {
        return;
    }
    if (r->failed) {
        give_up(r);
    } else {
        serve(r);
    }
}

static void on_ready(struct pool_trial *trial, struct pool *pool) {
    struct reload_plugin *it = CONTAINER_OF(trial, struct reload_plugin, trial);
    (void)pool;
    if (!it->tried_out) {
        it->tried_out = true;
        it->of->open--;
        look_whether_done(it->of);
    }
}

// The others need not be waited for: one failure is enough.
static void on_failed(struct pool_trial *trial, struct pool *pool, const char *why) {
    struct reload_plugin *it = CONTAINER_OF(trial, struct reload_plugin, trial);
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
    r->phase = RELOAD_TRYING;
    for (size_t i = 0; i < r->count; i++) {
        if (r->items[i].verdict == RELOAD_REMOVED) {
            r->items[i].serving->leaving = true;
        }
    }
    for (size_t i = 0; i < r->count; i++) {
        struct reload_plugin *it = &r->items[i];
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

static void compare(struct reload_plugin *it) {
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
    struct reload_plugin *items = realloc(r->items, (r->count + pools->count + 1) * sizeof *items);
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
            items[r->count++] = (struct reload_plugin){.of = r,
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
        reload_report_make(r);
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

/* ------------------------------------------------------------------ asking for it */

static void begin(struct reload *r) {
    reload_note_used(r);
    r->phase = RELOAD_READING;
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
    r->op = (struct side_op){.work = reload_read, .done = read_done};
    side_thread_post(r->host->disk, &r->op);
}

static bool may_begin(const struct reload *r) {
    return r->phase == RELOAD_IDLE && !rollback_is_busy(r->host) && r->next_cause != NULL &&
           r->host->phase == HOST_RUNNING && r->host->settled && !upgrade_is_quiet(r->host);
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
    if (r->phase == RELOAD_TRYING) {
        give_up(r);
    } else if (r->phase == RELOAD_COUNTING) {
        orphans_forget(host);
        end(r);
    }
    r->next_cause = NULL;
    bool over = r->phase == RELOAD_IDLE || r->phase == RELOAD_SWEEPING;
    while (over && !TAILQ_EMPTY(&r->next)) {
        struct reload_waiter *w = TAILQ_FIRST(&r->next);
        TAILQ_REMOVE(&r->next, w, link);
        w->listed = false;
        refuse(host, w, "");
    }
}

bool reload_is_busy(const struct host *host) {
    return host->reload->phase != RELOAD_IDLE;
}

bool reload_is_open(const struct host *host) {
    return host->reload->phase != RELOAD_IDLE && host->reload->phase != RELOAD_SWEEPING;
}

bool reload_is_wanted(const struct host *host, unsigned *ret_flags) {
    *ret_flags = host->reload->next_flags;
    return host->reload->next_cause != NULL;
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
