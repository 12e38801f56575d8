#include "supervisor/gate.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

static char *gate_copy(const char *text) {
    return text == NULL ? NULL : strdup(text); // without memory nobody is told why
}

void gate_finish(struct gate *g) {
    free(g->by);
    free(g->why);
    g->by = g->why = NULL;
}

void gate_close(struct gate *g, const char *by, const char *why, int64_t at_ms) {
    gate_finish(g);
    *g = (struct gate){
        .closed = true, .by = gate_copy(by), .why = gate_copy(why), .since_ms = at_ms};
}

void gate_open(struct gate *g) {
    gate_finish(g);
    g->closed = false;
    g->since_ms = 0;
}

uint32_t gate_room(const struct gate *g) {
    return g->closed ? 0 : pace_room(&g->pace);
}

/* ------------------------------------------------------------------ the three of a lane */

static void gates_of(const struct lane *lane, struct gate *ret[GATE_SCOPES]) {
    ret[GATE_HOST] = &lane->host->dispatch->gate;
    ret[GATE_PLUGIN] = lane->pool == NULL ? NULL : &lane->pool->plugin->gate;
    ret[GATE_QUEUE] = &lane->queue->gate;
}

uint32_t gates_room(const struct pool *pool) {
    uint32_t host = gate_room(&pool->host->dispatch->gate);
    uint32_t plugin = gate_room(&pool->plugin->gate);
    if (pool->plugin->disk.over) {
        return 0;
    }
    return plugin < host ? plugin : host;
}

bool gates_closed(const struct lane *lane) {
    return lane->queue->gate.closed || lane->host->dispatch->gate.closed ||
           (lane->pool != NULL &&
            (lane->pool->plugin->gate.closed || lane->pool->plugin->disk.over));
}

void gates_take(struct lane *lane, uint32_t asked) {
    struct gate *gates[GATE_SCOPES];
    gates_of(lane, gates);
    for (int s = 0; s < GATE_SCOPES; s++) {
        if (gates[s] != NULL) {
            pace_take(&gates[s]->pace, asked);
        }
    }
}

/* Could anything more come through it now, as far as the host knows? */
static bool gate_has_waiting(const struct host *host, const struct gate *g) {
    const struct dispatch *d = host->dispatch;
    const struct lane *first = d == NULL ? NULL : d->lanes.lanes; // the analyzer cannot tell
    for (const struct lane *lane = first; lane != NULL; lane = lane->hh.next) {
        struct gate *gates[GATE_SCOPES];
        gates_of(lane, gates);
        for (int s = 0; s < GATE_SCOPES; s++) {
            if (gates[s] == g && lane->hungry && lane->pool != NULL && !gates_closed(lane)) {
                return true;
            }
        }
    }
    return false;
}

static void gate_release(struct host *host, struct gate *g, enum gate_scope scope,
                         const char *name) {
    static const char *const events[] = {[GATE_HOST] = "host.released",
                                         [GATE_PLUGIN] = "plugin.released",
                                         [GATE_QUEUE] = "queue.released"};
    g->pace = (struct pace){.level = 0};
    g->left = 0;
    log_info(&host->log, events[scope], "name=%s msg=\"what waited has been let go\"", name);
}

void gates_settle(struct lane *lane, uint32_t asked, uint32_t got, bool sated) {
    struct gate *gates[GATE_SCOPES];
    gates_of(lane, gates);
    const char *const names[] = {[GATE_HOST] = lane->host->name,
                                 [GATE_PLUGIN] =
                                     lane->pool == NULL ? NULL : lane->pool->plugin->name,
                                 [GATE_QUEUE] = lane->queue->name};
    for (int s = 0; s < GATE_SCOPES; s++) {
        struct gate *g = gates[s];
        if (g == NULL || !pace_is_on(&g->pace)) {
            continue;
        }
        pace_give(&g->pace, asked - got);
        g->left -= got;
        if (g->left <= 0 || (sated && !g->closed && !gate_has_waiting(lane->host, g))) {
            gate_release(lane->host, g, (enum gate_scope)s, names[s]);
        }
        if (s == GATE_QUEUE) {
            queue_update(lane->queue); // it may have room again
        }
    }
}

/* ------------------------------------------------------------------ as time goes by */

struct gates_round {
    int64_t now_ms, next_ms; /* the earliest token that is waited for */
    bool paced;
};

static void gate_look(struct gate *g, struct gates_round *round) {
    if (g->closed || !pace_is_on(&g->pace)) {
        return;
    }
    round->paced = true;
    pace_fill(&g->pace, round->now_ms);
    if (gate_room(g) == 0 && pace_next_ms(&g->pace) < round->next_ms) {
        round->next_ms = pace_next_ms(&g->pace);
    }
}

void gates_look(struct host *host) {
    struct dispatch *d = host->dispatch;
    struct gates_round round = {.now_ms = env_mono_ms(&host->env), .next_ms = INT64_MAX};
    struct plugin *plugin;
    struct queue *q, *next;
    if (!d->paced) {
        return;
    }
    gate_look(&d->gate, &round);
    SLIST_FOREACH(plugin, &host->pools->plugins, link) {
        gate_look(&plugin->gate, &round);
    }
    HASH_ITER(hh, d->lanes.queues, q, next) {
        gate_look(&q->gate, &round);
        if (pace_is_on(&q->gate.pace)) {
            queue_update(q);
        }
    }
    d->paced = round.paced;
    if (round.next_ms != INT64_MAX) {
        (void)timer_set(host->timers, &d->pace_timer, round.next_ms);
    }
}

bool gates_are_paced(const struct host *host) {
    const struct plugin *plugin;
    const struct queue *q;
    bool paced = pace_is_on(&host->dispatch->gate.pace);
    SLIST_FOREACH(plugin, &host->pools->plugins, link) {
        paced = paced || pace_is_on(&plugin->gate.pace);
    }
    for (q = host->dispatch->lanes.queues; q != NULL; q = q->hh.next) {
        paced = paced || pace_is_on(&q->gate.pace);
    }
    return paced;
}

static void pool_thin(struct pool *pool) {
    struct attempt *a, *next;
    for (a = TAILQ_FIRST(&pool->held); a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        if (gates_closed(a->lane)) {
            TAILQ_REMOVE(&pool->held, a, link);
            attempt_end(a, ATTEMPT_UNSTARTED, NULL);
        }
    }
}

void gates_thin(struct host *host) {
    struct pool *pool;
    for (uint32_t i = 0; i < host->pools->count; i++) {
        pool_thin(host->pools->items[i]);
    }
    TAILQ_FOREACH(pool, &host->pools->others, link) {
        pool_thin(pool);
    }
}

/* ------------------------------------------------------------------ told to people */

void gate_describe(const struct host *host, const struct gate *g, struct gate_info *ret) {
    *ret = (struct gate_info){
        .closed = g->closed, .by = g->by, .why = g->why, .since_ms = g->since_ms};
    if (!g->closed && pace_is_on(&g->pace)) {
        ret->rate = g->pace.rate;
        ret->left = g->left;
        ret->over_ms = env_wall_ms(&host->env) + pace_duration_ms(&g->pace.rate, g->left);
    }
}

void gates_facts(const struct lane *lane, struct job_facts *facts) {
    struct gate *gates[GATE_SCOPES];
    gates_of(lane, gates);
    if (lane->pool != NULL) {
        disk_facts(&lane->pool->plugin->disk, facts);
    }
    for (int s = 0; s < GATE_SCOPES; s++) {
        struct gate_info info;
        if (gates[s] == NULL) {
            continue;
        }
        gate_describe(lane->host, gates[s], &info);
        facts->pause[s] = (struct job_pause){info.closed, info.by, info.why, info.since_ms};
        if (info.rate.count > 0 && info.over_ms >= facts->release.over_ms) {
            facts->release =
                (struct job_release){true, (enum gate_scope)s, info.rate, info.left, info.over_ms};
        }
    }
}
