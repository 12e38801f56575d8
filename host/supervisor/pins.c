#include "supervisor/pins.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/side_thread.h"
#include "supervisor/dispatch.h"
#include "supervisor/generation.h"
#include "supervisor/host.h"
#include "supervisor/pin_file.h"
#include "supervisor/release.h"

enum {
    PINS_LOOK_MS = 60 * 1000,         /* whether jobs are left */
    PINS_LOOK_SHARED_MS = 600 * 1000, /* where each look is paid for */
    PINS_PAGE = 100,
    PINS_AHEAD = 50, /* jobs that one has in hand, those that its worker runs among them */
};

static const enum job_state live_states[] = {JOB_QUEUED, JOB_SCHEDULED, JOB_PARKED, JOB_RUNNING};

struct pinned {
    struct pin pin;
    struct pool_trial trial;
    struct pool *pool; // NULL: it is not up, and will not be
    bool full;         // jobs were turned away
};

struct pins {
    struct host *host;
    struct pinned *items[PINS_MAX];
    size_t count;
    struct timer timer;
    /* looking whether jobs are left */
    struct store_list list;
    char *cursor;
    size_t at, type, state;
    bool looking;
    /* writing */
    struct side_op op;
    struct buf text;
    char written[PINS_MAX][65]; // snapshots that it names
    size_t written_count;
    bool writing, changed;
};

/* ------------------------------------------------------------------ the file */

static void write_work(struct side_op *op) {
    struct pins *p = CONTAINER_OF(op, struct pins, op);
    const char *state_dir = p->host->first_config->host.state_dir;
    struct err e = {.code = 0};
    for (size_t i = 0; i < p->written_count; i++) { // one that is gone is said when it is to start
        (void)snapshot_sync(state_dir, p->written[i]);
    }
    if (pin_file_write(state_dir, buf_bytes(&p->text), &e) != 0) {
        log_warn(&p->host->log, "pins.not_written", "msg=\"%s\"", e.msg);
    }
}

static void save(struct pins *p);

static void write_done(struct side_op *op) {
    struct pins *p = CONTAINER_OF(op, struct pins, op);
    p->writing = false;
    if (p->changed) {
        save(p);
    }
}

static void save(struct pins *p) {
    struct pin *all = calloc(p->count + 1, sizeof *all);
    p->changed = p->writing || all == NULL;
    if (p->changed) {
        free(all);
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        all[i] = p->items[i]->pin;
        memcpy(p->written[i], p->items[i]->pin.sha256, sizeof p->written[i]);
    }
    p->written_count = p->count;
    buf_clear(&p->text);
    pin_file_print(all, p->count, &p->text);
    free(all);
    p->writing = true;
    p->op = (struct side_op){.work = write_work, .done = write_done};
    side_thread_post(p->host->disk, &p->op);
}

/* ------------------------------------------------------------------ their generations */

static struct pinned *pinned_of(struct pool_trial *trial) {
    return CONTAINER_OF(trial, struct pinned, trial);
}

static void on_ready(struct pool_trial *trial, struct pool *pool) {
    (void)trial;
    pool->trial = NULL;
    pool->state = POOL_READY;
    log_info(&pool->host->log, "plugin.pinned", "plugin=%s generation=%u build=%s",
             pool->config->entry.name, pool->number, pool->build);
    release_look(pool->host);
    dispatch_kick(pool->host);
}

// Its jobs are held by nobody now.
static void on_failed(struct pool_trial *trial, struct pool *pool, const char *why) {
    struct pinned *d = pinned_of(trial);
    log_error(&pool->host->log, "plugin.not_pinned", "plugin=%s sha256=%.12s msg=\"%s\"",
              d->pin.plugin, d->pin.sha256, why);
    d->pool = NULL;
    pool_let_go(pool);
}

static int snapshot_of(const struct host *host, const char *sha256, struct snapshot *ret) {
    char path[PATH_MAX];
    int n =
        snprintf(path, sizeof path, "%s/run/so/%s.so", host->first_config->host.state_dir, sha256);
    *ret = (struct snapshot){.path = NULL};
    if (n < 0 || n >= PATH_MAX || access(path, R_OK) == -1) {
        return -ENOENT;
    }
    memcpy(ret->sha256, sha256, sizeof ret->sha256);
    ret->path = strdup(path);
    return ret->path == NULL ? -ENOMEM : 0;
}

static void start(struct host *host, struct pinned *d) {
    const struct config_plugin *config = config_plugin(host->config, d->pin.plugin);
    struct snapshot snapshot = {.path = NULL};
    struct err e = {.code = 0};
    d->trial = (struct pool_trial){.ready = on_ready, .failed = on_failed};
    if (config == NULL || !config->entry.on) {
        (void)err_set(&e, -ENOENT, "it is not configured any more");
    } else if (snapshot_of(host, d->pin.sha256, &snapshot) != 0) {
        (void)err_set(&e, -ENOENT, "its snapshot is gone");
    } else {
        d->pool = generation_try(host, host->config, config, &snapshot, &d->trial, &e);
    }
    snapshot_finish(&snapshot);
    if (d->pool == NULL) {
        log_error(&host->log, "plugin.not_pinned", "plugin=%s sha256=%.12s msg=\"%s\"",
                  d->pin.plugin, d->pin.sha256, e.msg);
        return;
    }
    d->pool->pinned = true;
    d->pool->target = 1;
}

/* ------------------------------------------------------------------ beginning and end */

static void look_later(struct pins *p) {
    int64_t pause = p->host->store.ops->caps.shared ? PINS_LOOK_SHARED_MS : PINS_LOOK_MS;
    if (!p->looking && !timer_running(&p->timer)) {
        (void)timer_set(p->host->timers, &p->timer, env_mono_ms(&p->host->env) + pause);
    }
}

static struct pinned *add(struct pins *p, const struct pin *pin) {
    struct pinned *d = p->count == PINS_MAX ? NULL : calloc(1, sizeof *d);
    if (d == NULL) {
        log_warn(&p->host->log, "plugin.not_pinned", "plugin=%s msg=\"%d builds are already\"",
                 pin->plugin, (int)p->count);
        return NULL;
    }
    d->pin = *pin;
    p->items[p->count++] = d;
    return d;
}

static void end(struct pins *p, size_t n, const char *why) {
    struct pinned *d = p->items[n];
    log_info(&p->host->log, "plugin.unpinned", "plugin=%s sha256=%.12s msg=\"%s\"", d->pin.plugin,
             d->pin.sha256, why);
    memmove(&p->items[n], &p->items[n + 1], (p->count - n - 1) * sizeof(struct pinned *));
    p->count--;
    if (d->pool != NULL) {
        pool_let_go(d->pool);
        if (d->pool->trial != NULL) {
            generation_abandon(d->pool);
        } else {
            generation_retire(d->pool);
        }
    }
    free(d);
    save(p);
}

void pins_note(struct host *host, const struct pool *before, const struct pool *next) {
    struct pins *p = host->pins;
    struct pin pin = {.since_ms = env_wall_ms(&host->env)};
    for (size_t i = 0; i < before->manifest.handler_count; i++) {
        const struct pool_handler *old = &before->manifest.handlers[i];
        const struct pool_handler *fresh = pool_find_handler(next, old->name);
        bool pins = config_job(host->config, old->name)->state_policy == SKEW_POLICY_PIN;
        if (pins && fresh != NULL && pin.type_count < PIN_TYPES_MAX &&
            !(skew_resumes(&fresh->state, old->state.version) &&
              skew_resumes(&fresh->state, old->state.oldest))) {
            struct pin_type *t = &pin.types[pin.type_count++];
            (void)snprintf(t->type, sizeof t->type, "%s", old->name);
            t->oldest = old->state.oldest;
            t->version = old->state.version;
        }
    }
    if (pin.type_count == 0) {
        return;
    }
    (void)snprintf(pin.plugin, sizeof pin.plugin, "%s", before->config->entry.name);
    (void)snprintf(pin.sha256, sizeof pin.sha256, "%s", before->snapshot.sha256);
    struct pinned *d = add(p, &pin);
    if (d != NULL) {
        start(host, d);
        save(p);
        look_later(p);
    }
}

void pins_run(struct host *host) {
    for (size_t i = 0; i < host->pins->count; i++) {
        start(host, host->pins->items[i]);
    }
    if (host->pins->count > 0) {
        look_later(host->pins);
    }
}

/* ------------------------------------------------------------------ jobs */

static bool has_steps_of(const struct pinned *d, const char *type, uint32_t version) {
    for (size_t i = 0; i < d->pin.type_count; i++) {
        const struct pin_type *t = &d->pin.types[i];
        if (strcmp(t->type, type) == 0 && t->oldest <= version && version <= t->version) {
            return true;
        }
    }
    return false;
}

// The newest that resumes them.
static struct pinned *find(const struct pins *p, const char *type, uint32_t version) {
    for (size_t i = p->count; i > 0; i--) {
        if (p->items[i - 1]->pool != NULL && has_steps_of(p->items[i - 1], type, version)) {
            return p->items[i - 1];
        }
    }
    return NULL;
}

static uint32_t busy(const struct pool *pool) {
    const struct worker *w;
    const struct attempt *a;
    uint32_t n = 0;
    TAILQ_FOREACH(w, &pool->workers, link) {
        n += w->outstanding;
    }
    TAILQ_FOREACH(a, &pool->held, link) {
        n++;
    }
    return n;
}

static uint32_t room(struct pool *pool) {
    uint32_t most = pool_breaker_room(pool), n = busy(pool);
    most = most < PINS_AHEAD ? most : PINS_AHEAD;
    return n < most ? most - n : 0;
}

uint32_t pins_room(const struct host *host, const char *type, uint32_t steps_version) {
    const struct pinned *d = find(host->pins, type, steps_version);
    return d == NULL || d->pool->state != POOL_READY ? 0 : room(d->pool);
}

bool pins_take(struct attempt *a) {
    struct pinned *d = find(a->host->pins, a->lane->type, a->job->steps_version);
    if (d == NULL || a->host->phase != HOST_RUNNING) {
        return false;
    }
    if (room(d->pool) == 0) {
        d->full = true;
        return false;
    }
    attempt_join(a, d->pool);
    TAILQ_INSERT_TAIL(&d->pool->held, a, link);
    dispatch_kick(a->host);
    return true;
}

void pins_place(struct host *host) {
    struct pins *p = host->pins;
    for (size_t i = 0; i < p->count; i++) {
        struct pinned *d = p->items[i];
        if (d->pool == NULL || d->pool->state != POOL_READY) {
            continue;
        }
        dispatch_place(d->pool);
        if (d->full && busy(d->pool) == 0) {
            d->full = false;
            release_look(host);
        }
    }
}

void pins_drain(struct host *host) {
    struct pins *p = host->pins;
    timer_cancel(host->timers, &p->timer);
    for (size_t i = 0; i < p->count; i++) {
        struct pool *pool = p->items[i]->pool;
        if (pool != NULL) {
            pool_let_go(pool);
            generation_retire(pool);
        }
        p->items[i]->pool = NULL;
    }
}

const char *pins_sha256(const struct host *host, size_t n) {
    return n < host->pins->count ? host->pins->items[n]->pin.sha256 : NULL;
}

/* ------------------------------------------------------------------ are jobs left? */

static void look(struct pins *p);

// A job that would come to it.
static bool needs(const struct pins *p, const struct pinned *d, const struct store_job *job) {
    const char *type = job->spec.type;
    const struct pool_handler *h = pools_handler(p->host->pools, type, NULL, NULL);
    return has_steps_of(d, type, job->steps_version) &&
           (h == NULL || !skew_resumes(&h->state, job->steps_version));
}

static void look_next(struct pins *p) {
    free(p->cursor);
    p->cursor = NULL;
    p->at++;
    p->type = p->state = 0;
    look(p);
}

static void on_page(struct store_op *op) {
    struct pins *p = op->arg;
    const struct pinned *d = p->items[p->at];
    enum skew_policy policy = config_job(p->host->config, d->pin.types[p->type].type)->state_policy;
    bool needed = op->status != 0; // the store is away: nothing is known
    bool pins = op->status == 0 && policy == SKEW_POLICY_PIN;
    for (size_t i = 0; pins && i < p->list.count; i++) {
        needed = needed || needs(p, d, &p->list.jobs[i]);
    }
    free(p->cursor);
    p->cursor = needed || p->list.next_cursor == NULL ? NULL : strdup(p->list.next_cursor);
    store_op_finish(op);
    if (needed) {
        look_next(p);
        return;
    }
    if (p->cursor == NULL && ++p->state == ARRAY_LEN(live_states)) {
        p->state = 0;
        p->type++;
    }
    look(p);
}

static bool is_draining(const struct host *host, const char *sha256) {
    const struct pool *pool;
    TAILQ_FOREACH(pool, &host->pools->others, link) {
        if (pool->state == POOL_DRAINING && strcmp(pool->snapshot.sha256, sha256) == 0) {
            return true; // what runs there may yet leave steps
        }
    }
    return false;
}

static bool is_too_old(const struct host *host, const struct pin *pin) {
    const struct config_plugin *config = config_plugin(host->config, pin->plugin);
    return config == NULL || env_wall_ms(&host->env) - pin->since_ms >= config->pin_max_age_ms;
}

static void look(struct pins *p) {
    struct host *host = p->host;
    while (p->at < p->count && host->phase == HOST_RUNNING) {
        const struct pinned *d = p->items[p->at];
        if (is_too_old(host, &d->pin)) {
            end(p, p->at, "pin_max_age is over");
            p->type = p->state = 0;
        } else if (p->type == d->pin.type_count && !is_draining(host, d->pin.sha256)) {
            end(p, p->at, "none of its jobs is left");
            p->type = p->state = 0;
        } else if (p->type == d->pin.type_count) {
            look_next(p);
            return;
        } else {
            p->list = (struct store_list){.op = {.kind = STORE_LIST,
                                                 .done = on_page,
                                                 .arg = p,
                                                 .now_ms = env_wall_ms(&host->env)},
                                          .filter = {.state = (int)live_states[p->state],
                                                     .type = d->pin.types[p->type].type,
                                                     .has_steps = true,
                                                     .error_cls = -1},
                                          .limit = PINS_PAGE,
                                          .cursor = p->cursor};
            store_post(&host->store, &p->list.op);
            return;
        }
    }
    p->looking = false;
    if (p->count > 0 && host->phase == HOST_RUNNING) {
        release_look(host); // other hosts, which do not have them, park their jobs
        look_later(p);
    }
}

static void look_fire(struct timer *t, void *arg) {
    struct pins *p = arg;
    (void)t;
    p->looking = true;
    p->at = p->type = p->state = 0;
    look(p);
}

/* ------------------------------------------------------------------ life */

static void read_file(struct pins *p) {
    struct pin *all = calloc(PINS_MAX, sizeof *all);
    struct err e = {.code = 0};
    size_t count = 0;
    if (all != NULL && pin_file_read(p->host->config->host.state_dir, all, &count, &e) != 0) {
        log_warn(&p->host->log, "pins.not_read", "msg=\"%s\"", e.msg);
    }
    for (size_t i = 0; i < count; i++) {
        (void)add(p, &all[i]);
    }
    free(all);
}

struct pins *pins_new(struct host *host) {
    struct pins *p = calloc(1, sizeof *p);
    if (p != NULL) {
        p->host = host;
        timer_init(&p->timer, look_fire, p);
        read_file(p);
    }
    return p;
}

void pins_free(struct pins **at) {
    struct pins *p = *at;
    if (p == NULL) {
        return;
    }
    timer_cancel(p->host->timers, &p->timer);
    store_op_finish(&p->list.op);
    for (size_t i = 0; i < p->count; i++) {
        free(p->items[i]);
    }
    free(p->cursor);
    buf_free(&p->text);
    free(p);
    *at = NULL;
}
