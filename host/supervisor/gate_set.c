/* Closing and opening gates for people: what waits is counted, the store told, and the audit log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/audit.h"
#include "supervisor/dispatch.h"
#include "supervisor/gate.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

static struct plugin *plugin_find(const struct host *host, const char *name) {
    struct plugin *p;
    SLIST_FOREACH(p, &host->pools->plugins, link) {
        if (strcmp(p->name, name) == 0) {
            return p;
        }
    }
    return NULL;
}

bool gates_has_plugin(struct host *host, const char *name) {
    return plugin_find(host, name) != NULL;
}

/* NULL without memory. */
static struct gate *gate_find(struct host *host, enum gate_scope scope, const char *name) {
    if (scope == GATE_HOST) {
        return &host->dispatch->gate;
    }
    struct plugin *plugin = scope == GATE_PLUGIN ? plugin_find(host, name) : NULL;
    struct queue *queue = scope == GATE_QUEUE ? lane_queue(host, name) : NULL;
    return plugin != NULL ? &plugin->gate : queue != NULL ? &queue->gate : NULL;
}

void gates_info(struct host *host, enum gate_scope scope, const char *name, struct gate_info *ret) {
    const struct gate *g = gate_find(host, scope, name);
    *ret = (struct gate_info){.closed = false};
    if (g != NULL) {
        gate_describe(host, g, ret);
    }
}

/* ------------------------------------------------------------------ in steps */

static void set_op(struct gate_set *set, struct store_op *op, enum store_op_kind kind,
                   void (*done)(struct store_op *)) {
    op->kind = kind;
    op->done = done;
    op->arg = set;
    op->now_ms = env_wall_ms(&set->host->env);
    store_post(&set->host->store, op);
}

static void set_audited(struct store_op *op) {
    struct gate_set *set = op->arg;
    store_op_finish(op); // in force it is, even if that is not written down
    set->done(set);
}

static void set_audit(struct gate_set *set) {
    static const char *const actions[GATE_SCOPES][2] = {
        [GATE_HOST] = {"host.resume", "host.pause"},
        [GATE_PLUGIN] = {"plugin.resume", "plugin.pause"},
        [GATE_QUEUE] = {"queue.resume", "queue.pause"},
    };
    char rate[PACE_TEXT_MAX];
    const char *detail = set->why;
    if (set->rate.count > 0) {
        pace_format(&set->rate, rate);
        (void)snprintf(set->detail, sizeof set->detail, "%s%s%s", rate,
                       set->why == NULL ? "" : ": ", set->why == NULL ? "" : set->why);
        detail = set->detail;
    }
    const struct store_audit entry = {
        .actor = set->by,
        .action = actions[set->scope][set->close],
        .target = set->scope == GATE_HOST ? set->host->name : set->name,
        .detail = detail,
    };
    log_info(&set->host->log, entry.action, "name=%s by=%s msg=\"%s\"", entry.target, set->by,
             detail == NULL ? "" : detail);
    audit_add(set->host, &set->audit, entry, set_audited, set);
}

static void set_apply(struct gate_set *set) {
    struct host *host = set->host;
    struct gate *g = gate_find(host, set->scope, set->name);
    if (g != NULL && set->close) {
        gate_close(g, set->by, set->why, env_wall_ms(&host->env));
        gates_thin(host);
    } else if (g != NULL) {
        gate_open(g);
    }
    queues_update(host);
    dispatch_kick(host);
    set_audit(set);
}

/* The rate comes before the opening, which another host may do in the same moment. */
static void set_pace(struct gate_set *set, int64_t left) {
    struct gate *g = gate_find(set->host, set->scope, set->name);
    if (g == NULL || set->close) {
        return;
    }
    g->left = left;
    g->pace = (struct pace){.level = 0};
    if (left > 0) {
        pace_begin(&g->pace, &set->rate, env_mono_ms(&set->host->env));
        set->host->dispatch->paced = true;
    }
}

static void set_stored(struct store_op *op) {
    struct gate_set *set = op->arg;
    if (op->status != 0) {
        set_pace(set, 0);
        set->failed = op;
        set->done(set);
        return;
    }
    store_op_finish(op);
    set_apply(set);
}

static void set_store(struct gate_set *set) {
    if (set->scope != GATE_QUEUE) {
        set_apply(set);
        return;
    }
    set->queue = (struct store_queue_set){
        .queue = set->name, .paused = set->close, .by = set->by, .why = set->why};
    set_op(set, &set->queue.op, STORE_QUEUE_SET, set_stored);
}

/* Jobs of all types count, also of those that no plugin has now: when no more can be claimed the
 * release is over, whatever is left. */
static int64_t set_count(const struct gate_set *set) {
    int64_t n = 0;
    for (size_t i = 0; i < set->stats.lane_count; i++) {
        const struct store_lane_stats *s = &set->stats.lanes[i];
        const char *plugin = NULL;
        (void)pools_handler(set->host->pools, s->lane.type, &plugin, NULL);
        bool counts =
            set->scope == GATE_HOST ||
            (set->scope == GATE_QUEUE && strcmp(s->lane.queue, set->name) == 0) ||
            (set->scope == GATE_PLUGIN && plugin != NULL && strcmp(plugin, set->name) == 0);
        n += counts ? s->waiting : 0;
    }
    return n;
}

static void set_counted(struct store_op *op) {
    struct gate_set *set = op->arg;
    if (op->status != 0) {
        set->failed = op;
        set->done(set);
        return;
    }
    set->waiting = set_count(set);
    set_pace(set, set->waiting);
    store_op_finish(op);
    set_store(set);
}

void gates_set(struct host *host, struct gate_set *set) {
    set->host = host;
    set->failed = NULL;
    set->waiting = 0;
    if (!set->close && set->rate.count > 0) {
        set_op(set, &set->stats.op, STORE_STATS, set_counted);
        return;
    }
    set_pace(set, 0);
    set_store(set);
}
