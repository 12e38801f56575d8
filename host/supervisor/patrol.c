#include "supervisor/patrol.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/host.h"

enum { PATROL_PAUSE_MS = 1000 };

static bool goes_on(const struct patrol *p) {
    return p->host->phase == HOST_RUNNING;
}

static void later(struct patrol *p, int64_t pause_ms) {
    (void)timer_set(p->host->timers, &p->timer, env_mono_ms(&p->host->env) + pause_ms);
}

// The page is done with.
static void next(struct patrol *p) {
    char *cursor = p->list.next_cursor == NULL ? NULL : strdup(p->list.next_cursor);
    store_op_finish(&p->list.op);
    free(p->cursor);
    p->cursor = cursor;
    if (!goes_on(p)) {
        return;
    }
    if (cursor == NULL) {
        p->ended(p, p->acted);
    } else {
        later(p, PATROL_PAUSE_MS);
    }
}

static void acted(struct jobs_act *act, void *arg) {
    struct patrol *p = arg;
    p->acted += act->status == 0;
    if (--p->open == 0) {
        next(p);
    }
}

static unsigned judge_all(struct patrol *p) {
    unsigned count = 0;
    for (size_t i = 0; i < p->list.count && count < PATROL_PER_S; i++) {
        struct jobs_act *act = &p->acts[count];
        *act = (struct jobs_act){.id = p->list.jobs[i].spec.id,
                                 .actor = "jobhost",
                                 .why = p->why[count],
                                 .done = acted,
                                 .arg = p};
        count += p->judge(p, &p->list.jobs[i], act, p->why[count]) ? 1 : 0;
    }
    return count;
}

static void listed(struct store_op *op) {
    struct patrol *p = op->arg;
    if (op->status != 0 || !goes_on(p)) {
        store_op_finish(op);
        if (goes_on(p)) {
            later(p, PATROL_PAUSE_MS); // the store is away: the same page again
        }
        return;
    }
    unsigned count = judge_all(p);
    p->open = count + 1; // ours, until all are under way
    for (unsigned i = 0; i < count; i++) {
        jobs_act(p->host, &p->acts[i]);
    }
    if (--p->open == 0) {
        next(p);
    }
}

static void fire(struct timer *t, void *arg) {
    struct patrol *p = arg;
    (void)t;
    if (!goes_on(p)) {
        return;
    }
    p->list = (struct store_list){
        .op = {.kind = STORE_LIST, .done = listed, .arg = p, .now_ms = env_wall_ms(&p->host->env)},
        .filter = p->filter,
        .limit = PATROL_PER_S,
        .cursor = p->cursor};
    store_post(&p->host->store, &p->list.op);
}

void patrol_go(struct patrol *p, const struct store_filter *filter, int64_t pause_ms) {
    free(p->cursor);
    p->cursor = NULL;
    p->acted = 0;
    p->filter = *filter;
    later(p, pause_ms);
}

void patrol_init(struct patrol *p) {
    timer_init(&p->timer, fire, p);
}

void patrol_finish(struct patrol *p) {
    timer_cancel(p->host->timers, &p->timer);
    store_op_finish(&p->list.op);
    free(p->cursor);
    p->cursor = NULL;
}
