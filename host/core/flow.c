#include "core/flow.h"

#include <string.h>

static const char *const on_dead_names[FLOW_ON_DEAD_COUNT] = {
    [FLOW_CONTINUE] = "continue", [FLOW_FAIL] = "fail"};

const char *flow_on_dead_name(int on_dead) {
    return on_dead >= 0 && on_dead < FLOW_ON_DEAD_COUNT ? on_dead_names[on_dead] : NULL;
}

int flow_on_dead_from_name(const char *name) {
    for (int i = 0; i < FLOW_ON_DEAD_COUNT; i++) {
        if (strcmp(on_dead_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

int64_t flow_open_count(const struct flow_tally *t) {
    int64_t open = t->made - t->succeeded - t->dead - t->cancelled - t->duplicate;
    return open > 0 ? open : 0;
}

void flow_count(struct flow_tally *t, enum job_state state, int by) {
    int64_t *const of[] = {[JOB_SUCCEEDED] = &t->succeeded,
                           [JOB_DEAD] = &t->dead,
                           [JOB_CANCELLED] = &t->cancelled,
                           [JOB_DUPLICATE] = &t->duplicate};
    if (job_is_final(state)) {
        *of[state] += by;
    }
}

static bool has_failed(const struct flow_facts *f) {
    return f->on_dead == FLOW_FAIL && f->tally.dead > 0;
}

enum flow_fate flow_fate(const struct flow_facts *f) {
    if (f->closed || flow_open_count(&f->tally) > 0) {
        return FLOW_GOES_ON;
    }
    if (f->opener < 0) {
        return FLOW_WAKES;
    }
    return f->deep && flow_cancels(f) ? FLOW_GOES_ON : FLOW_CLOSES;
}

enum flow_then flow_then(const struct flow_facts *f) {
    if (f->opener == JOB_CANCELLED) {
        return FLOW_THEN_NOT;
    }
    if (f->opener == JOB_DEAD) {
        return FLOW_THEN_OPENER_DEAD;
    }
    return has_failed(f) ? FLOW_THEN_CHILD_DEAD : FLOW_THEN_RUNS;
}

bool flow_cancels(const struct flow_facts *f) {
    return f->opener == JOB_CANCELLED || has_failed(f);
}

bool flow_leaves(const struct flow_facts *f) {
    return f->opener != JOB_CANCELLED && (f->deep || (!f->closed && flow_fate(f) != FLOW_CLOSES));
}

bool flow_follows(const struct flow_facts *f) {
    return f->opener >= 0 &&
           (f->closed ? f->deep || flow_open_count(&f->tally) > 0 : f->opener != JOB_CANCELLED);
}

bool flow_grows(const struct flow_facts *f) {
    return !f->closed && !flow_cancels(f);
}
