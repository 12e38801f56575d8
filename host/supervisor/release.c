#include "supervisor/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/timer.h"
#include "core/skew.h"
#include "supervisor/host.h"
#include "supervisor/jobs.h"
#include "supervisor/pool.h"

enum { RELEASE_PAUSE_MS = 1000, RELEASE_WHY_MAX = 320 };

struct release;

// What is looked for, and whether one of it is due: then `act` and `why` are filled in.
struct round {
    enum job_state state;
    const char *code;
    enum park_reason park;
    bool (*is_due)(const struct host *host, const struct store_job *job, struct jobs_act *act,
                   char why[RELEASE_WHY_MAX]);
    const char *event; // for the log
};

struct release {
    struct host *host;
    const struct round *round;
    struct store_list list;
    struct jobs_act acts[RELEASE_PER_S];
    char why[RELEASE_PER_S][RELEASE_WHY_MAX];
    unsigned open;   /* acts not answered */
    bool out, again; /* a list is under way; another build came up meanwhile */
    uint64_t released;
    char *cursor;
    struct timer timer;
};

static bool release_quarantined(const struct host *host, const struct store_job *job,
                                struct jobs_act *act, char why[RELEASE_WHY_MAX]) {
    const char *build = pools_build(host->pools, job->spec.type);
    if (build == NULL || job->build == NULL || strcmp(build, job->build) == 0) {
        return false;
    }
    snprintf(why, RELEASE_WHY_MAX, "build %s is up, it crashed under %.48s", build, job->build);
    act->action = JOBS_RETRY;
    return true;
}

static bool release_skewed(const struct host *host, const struct store_job *job,
                           struct jobs_act *act, char why[RELEASE_WHY_MAX]) {
    const char *type = job->spec.type, *plugin;
    const struct pool_handler *h = pools_handler(host->pools, type, &plugin, NULL);
    enum skew_policy policy = config_job(host->config, type)->state_policy;
    enum skew skew = h == NULL ? SKEW_PARK : skew_decide(&h->state, job->steps_version, policy);
    enum skew stays = job->park == PARK_PIN_UNAVAILABLE ? SKEW_PIN : SKEW_PARK;
    if (h == NULL || skew == stays) {
        return false;
    }
    skew_say(&h->state, job->steps_version, policy, plugin, why);
    act->action = JOBS_WAKE;
    act->rev = job->rev;
    return true;
}

static const struct round rounds[] = {
    {JOB_DEAD, "quarantined", PARK_NONE, release_quarantined, "quarantine.released"},
    {JOB_PARKED, NULL, PARK_STATE_VERSION, release_skewed, "steps.resumed"},
    {JOB_PARKED, NULL, PARK_PIN_UNAVAILABLE, release_skewed, "steps.resumed"},
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
    r->round = rounds;
    r->released = 0;
    release_later(r); // also so that what starts has settled
}

static void release_tell(struct release *r) {
    if (r->released > 0) {
        log_info(&r->host->log, r->round->event, "jobs=%llu", (unsigned long long)r->released);
    }
    r->released = 0;
}

static void release_list(struct release *r);

static void release_end(struct release *r) {
    release_tell(r);
    r->round++;
    if (r->round < rounds + ARRAY_LEN(rounds) && release_goes_on(r)) {
        release_list(r);
        return;
    }
    r->out = false;
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
        struct jobs_act *act = &r->acts[count];
        *act = (struct jobs_act){.id = r->list.jobs[i].spec.id,
                                 .actor = "jobhost",
                                 .why = r->why[count],
                                 .done = release_done,
                                 .arg = r};
        count += r->round->is_due(r->host, &r->list.jobs[i], act, r->why[count]) ? 1 : 0;
    }
    r->open = count + 1; // ours, until all are under way
    for (unsigned i = 0; i < count; i++) {
        jobs_act(r->host, &r->acts[i]);
    }
    if (--r->open == 0) {
        release_next(r);
    }
}

static void release_list(struct release *r) {
    r->list = (struct store_list){.op = {.kind = STORE_LIST,
                                         .done = release_listed,
                                         .arg = r,
                                         .now_ms = env_wall_ms(&r->host->env)},
                                  .filter = {.state = r->round->state,
                                             .error_code = r->round->code,
                                             .error_cls = -1,
                                             .park = r->round->park},
                                  .limit = RELEASE_PER_S,
                                  .cursor = r->cursor};
    store_post(&r->host->store, &r->list.op);
}

static void release_fire(struct timer *t, void *arg) {
    struct release *r = arg;
    (void)t;
    if (!release_goes_on(r)) {
        r->out = false;
        return;
    }
    store_op_finish(&r->list.op);
    release_list(r);
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
