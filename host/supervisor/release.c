#include "supervisor/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timer.h"
#include "supervisor/host.h"
#include "supervisor/jobs.h"
#include "supervisor/pool.h"

enum { RELEASE_PAUSE_MS = 1000 };

struct release {
    struct host *host;
    struct store_list list;
    struct jobs_act acts[RELEASE_PER_S];
    char why[RELEASE_PER_S][128];
    unsigned open;   /* acts not answered */
    bool out, again; /* a list is under way; another build came up meanwhile */
    uint64_t released;
    char *cursor;
    struct timer timer;
};

static bool release_goes_on(const struct release *r) {
    return r->host->phase == HOST_RUNNING;
}

static void release_later(struct release *r) {
    (void)timer_set(r->host->timers, &r->timer, env_mono_ms(&r->host->env) + RELEASE_PAUSE_MS);
}

static void release_begin(struct release *r) {
    free(r->cursor);
    r->cursor = NULL;
    r->again = false;
    r->out = true;
    r->released = 0;
    release_later(r); // also so that what starts has settled
}

static void release_end(struct release *r) {
    r->out = false;
    if (r->released > 0) {
        log_info(&r->host->log, "quarantine.released", "jobs=%llu",
                 (unsigned long long)r->released);
    }
    if (r->again && release_goes_on(r)) {
        release_begin(r);
    }
}

/* The page is done with. */
static void release_next(struct release *r) {
    char *cursor = r->list.next_cursor == NULL ? NULL : strdup(r->list.next_cursor);
    store_op_finish(&r->list.op);
    free(r->cursor);
    r->cursor = cursor;
    if (cursor == NULL || !release_goes_on(r)) {
        release_end(r);
    } else {
        release_later(r);
    }
}

static void release_done(struct jobs_act *act, void *arg) {
    struct release *r = arg;
    r->released += act->status == 0;
    if (--r->open == 0) {
        release_next(r);
    }
}

static bool release_is_due(const struct release *r, const struct store_job *job,
                           const char **ret_build) {
    *ret_build = pools_build(r->host->pools, job->spec.type);
    return *ret_build != NULL && job->build != NULL && strcmp(*ret_build, job->build) != 0;
}

static void release_listed(struct store_op *op) {
    struct release *r = op->arg;
    unsigned count = 0;
    if (op->status != 0 || !release_goes_on(r)) {
        store_op_finish(op);
        if (release_goes_on(r)) {
            release_later(r); // the store is away: the same page again
        } else {
            r->out = false;
        }
        return;
    }
    for (size_t i = 0; i < r->list.count && count < RELEASE_PER_S; i++) {
        const char *build;
        if (release_is_due(r, &r->list.jobs[i], &build)) {
            snprintf(r->why[count], sizeof r->why[count], "build %s is up, it crashed under %.48s",
                     build, r->list.jobs[i].build);
            r->acts[count] = (struct jobs_act){.action = JOBS_RETRY,
                                               .id = r->list.jobs[i].spec.id,
                                               .actor = "jobhost",
                                               .why = r->why[count],
                                               .done = release_done,
                                               .arg = r};
            count++;
        }
    }
    r->open = count + 1; // ours, until all are under way
    for (unsigned i = 0; i < count; i++) {
        jobs_act(r->host, &r->acts[i]);
    }
    if (--r->open == 0) {
        release_next(r);
    }
}

static void release_fire(struct timer *t, void *arg) {
    struct release *r = arg;
    (void)t;
    if (!release_goes_on(r)) {
        r->out = false;
        return;
    }
    store_op_finish(&r->list.op);
    r->list = (struct store_list){
        .op = {.kind = STORE_LIST,
               .done = release_listed,
               .arg = r,
               .now_ms = env_wall_ms(&r->host->env)},
        .filter = {.state = JOB_DEAD, .error_code = "quarantined", .error_cls = -1},
        .limit = RELEASE_PER_S,
        .cursor = r->cursor};
    store_post(&r->host->store, &r->list.op);
}

void release_look(struct host *host) {
    struct release *r = host->release;
    if (r->out) {
        r->again = true;
    } else {
        release_begin(r);
    }
}

struct release *release_new(struct host *host) {
    struct release *r = calloc(1, sizeof *r);
    if (r != NULL) {
        r->host = host;
        timer_init(&r->timer, release_fire, r);
    }
    return r;
}

void release_free(struct release **at) {
    struct release *r = *at;
    if (r != NULL) {
        timer_cancel(r->host->timers, &r->timer);
        store_op_finish(&r->list.op);
        free(r->cursor);
        free(r);
        *at = NULL;
    }
}
