#include "supervisor/orphans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "supervisor/host.h"
#include "supervisor/patrol.h"
#include "supervisor/pool_private.h"

static const enum job_state waiting_states[] = {JOB_QUEUED, JOB_SCHEDULED, JOB_PARKED};

struct known {
    char *type, *plugin;
    bool fresh; // noted since the last count
    int64_t jobs;
    bool more;
};

struct orphans {
    struct host *host;
    struct known *items;
    size_t count;
    /* counting */
    struct store_stats stats;
    struct store_list list;
    size_t at, state, looked; // item and state that are looked at; items looked at so far
    void (*done)(void *arg, const struct orphan *items, size_t count);
    void *arg;
    /* burying */
    struct patrol patrol;
    char *burying; // type; NULL: nothing is
    size_t bury_at, bury_state;
    bool again;
};

/* ------------------------------------------------------------------ who they are */

static bool has_handler(const struct host *host, const char *type) {
    const char *fault;
    return pools_handler(host->pools, type, NULL, &fault) != NULL || fault != NULL;
}

static void forget_known(struct known *k) {
    free(k->type);
    free(k->plugin);
}

static struct known *find(struct orphans *o, const char *type) {
    for (size_t i = 0; i < o->count; i++) {
        if (strcmp(o->items[i].type, type) == 0) {
            return &o->items[i];
        }
    }
    return NULL;
}

static void note(struct orphans *o, const char *type, const char *plugin) {
    struct known *k = find(o, type);
    if (k == NULL && o->count < ORPHANS_MAX) {
        struct known *items = realloc(o->items, (o->count + 1) * sizeof *items);
        struct known fresh = {.type = strdup(type), .plugin = strdup(plugin)};
        o->items = items == NULL ? o->items : items;
        if (items == NULL || fresh.type == NULL || fresh.plugin == NULL) {
            forget_known(&fresh); // a warning less
            return;
        }
        k = &o->items[o->count++];
        *k = fresh;
    }
    if (k != NULL) {
        k->fresh = true;
    }
}

void orphans_note(struct host *host, const struct pool *pool) {
    for (size_t h = 0; h < pool->manifest.handler_count; h++) {
        note(host->orphans, pool->manifest.handlers[h].name, pool->config->entry.name);
    }
}

// Those that somebody has a handler for.
static void prune(struct orphans *o) {
    size_t kept = 0;
    for (size_t i = 0; i < o->count; i++) {
        if (has_handler(o->host, o->items[i].type)) {
            forget_known(&o->items[i]);
        } else {
            o->items[kept++] = o->items[i];
        }
    }
    o->again = o->again || (o->burying != NULL && kept != o->count);
    o->count = kept;
}

/* ------------------------------------------------------------------ how many of their jobs wait */

static void counted(struct orphans *o) {
    struct orphan *found = calloc(o->count + 1, sizeof *found);
    size_t n = 0;
    for (size_t i = 0; i < o->count; i++) {
        struct known *k = &o->items[i];
        if (found != NULL && k->fresh && k->jobs != 0) {
            found[n++] = (struct orphan){k->type, k->plugin, k->jobs, k->more};
        }
        k->fresh = false;
    }
    void (*done)(void *, const struct orphan *, size_t) = o->done;
    o->done = NULL;
    if (done != NULL) {
        done(o->arg, found, n);
    }
    free(found);
}

static void count_next(struct orphans *o);

static void on_page(struct store_op *op) {
    struct orphans *o = op->arg;
    struct known *k = &o->items[o->at];
    k->jobs += (int64_t)o->list.count;
    k->more = k->more || op->status != 0 || o->list.next_cursor != NULL;
    store_op_finish(op);
    o->state++;
    count_next(o);
}

static void count_page(struct orphans *o) {
    o->list = (struct store_list){
        .op = {.kind = STORE_LIST, .done = on_page, .arg = o, .now_ms = env_wall_ms(&o->host->env)},
        .filter = {.state = (int)waiting_states[o->state],
                   .type = o->items[o->at].type,
                   .error_cls = -1},
        .limit = ORPHANS_PAGE};
    store_post(&o->host->store, &o->list.op);
}

static void count_next(struct orphans *o) {
    for (; o->at < o->count; o->at++, o->state = 1) { // 0, what is queued, has been counted
        struct known *k = &o->items[o->at];
        bool looks = k->fresh && o->host->phase == HOST_RUNNING && o->looked < ORPHANS_COUNTED;
        if (looks && o->state < ARRAY_LEN(waiting_states)) {
            count_page(o);
            return;
        }
        o->looked += looks;
        k->more = k->more || (k->fresh && !looks);
    }
    counted(o);
}

static void on_stats(struct store_op *op) {
    struct orphans *o = op->arg;
    for (size_t i = 0; i < o->count; i++) {
        struct known *k = &o->items[i];
        k->jobs = op->status != 0 ? -1 : 0;
        k->more = false;
        for (size_t l = 0; op->status == 0 && l < o->stats.lane_count; l++) {
            const struct store_lane_stats *lane = &o->stats.lanes[l];
            k->jobs += strcmp(lane->lane.type, k->type) == 0 ? lane->waiting : 0;
        }
    }
    bool asked = op->status == 0;
    store_op_finish(op);
    if (asked) {
        count_next(o);
    } else {
        counted(o);
    }
}

void orphans_count(struct host *host,
                   void (*done)(void *arg, const struct orphan *items, size_t count), void *arg) {
    struct orphans *o = host->orphans;
    prune(o);
    bool any = false;
    for (size_t i = 0; i < o->count; i++) {
        any = any || o->items[i].fresh;
    }
    if (!any) {
        done(arg, NULL, 0);
        return;
    }
    o->done = done;
    o->arg = arg;
    o->at = o->looked = 0;
    o->state = 1;
    o->stats = (struct store_stats){
        .op = {.kind = STORE_STATS, .done = on_stats, .arg = o, .now_ms = env_wall_ms(&host->env)}};
    store_post(&host->store, &o->stats.op);
}

void orphans_forget(struct host *host) {
    host->orphans->done = NULL;
}

/* ------------------------------------------------------------------ their end */

static bool judge(struct patrol *p, const struct store_job *job, struct jobs_act *act,
                  char why[PATROL_WHY_MAX]) {
    if (has_handler(p->host, job->spec.type)) {
        return false; // it has come back
    }
    (void)snprintf(why, PATROL_WHY_MAX, "no plugin has a handler for %.128s any more",
                   job->spec.type);
    act->action = JOBS_BURY;
    act->rev = job->rev;
    act->keep_ms = config_queue(p->host->config, job->spec.queue)->dead_ttl_ms;
    return true;
}

static void bury_next(struct orphans *o) {
    free(o->burying);
    o->burying = NULL;
    if (o->bury_at >= o->count && o->again) {
        o->bury_at = o->bury_state = 0;
        o->again = false;
    }
    if (o->bury_at >= o->count || (o->burying = strdup(o->items[o->bury_at].type)) == NULL) {
        return;
    }
    const struct store_filter filter = {
        .state = (int)waiting_states[o->bury_state], .type = o->burying, .error_cls = -1};
    patrol_go(&o->patrol, &filter, 0);
}

static void ended(struct patrol *p, uint64_t acted) {
    struct orphans *o = CONTAINER_OF(p, struct orphans, patrol);
    if (acted > 0) {
        log_warn(&p->host->log, "orphans.buried", "type=%s jobs=%llu", o->burying,
                 (unsigned long long)acted);
    }
    if (++o->bury_state == ARRAY_LEN(waiting_states)) {
        o->bury_state = 0;
        o->bury_at++;
    }
    bury_next(o);
}

void orphans_bury(struct host *host) {
    struct orphans *o = host->orphans;
    o->again = true;
    if (o->burying == NULL) {
        o->bury_at = o->count;
        bury_next(o);
    }
}

/* ------------------------------------------------------------------ life */

struct orphans *orphans_new(struct host *host) {
    struct orphans *o = calloc(1, sizeof *o);
    if (o != NULL) {
        o->host = host;
        o->patrol.host = host;
        o->patrol.judge = judge;
        o->patrol.ended = ended;
        patrol_init(&o->patrol);
    }
    return o;
}

void orphans_free(struct orphans **at) {
    struct orphans *o = *at;
    if (o == NULL) {
        return;
    }
    patrol_finish(&o->patrol);
    store_op_finish(&o->stats.op);
    store_op_finish(&o->list.op);
    for (size_t i = 0; i < o->count; i++) {
        forget_known(&o->items[i]);
    }
    free(o->items);
    free(o->burying);
    free(o);
    *at = NULL;
}
