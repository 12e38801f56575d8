/* Whose turn it is: strictly by priority (time never runs long enough here for ageing), among tenants by the bound of
 * docs/limits.md, inside a line by age. */
#include <string.h>

#include "model.h"

static bool waits(const struct model_job *j, int lane) {
    return j->there && j->state == JOB_QUEUED && j->lane == lane;
}

static int line_of(int lane, int tenant) {
    return model_takes_turns(lane) ? tenant : 0;
}

static bool is_in_line(const struct model_job *j, int lane, enum job_priority priority, int line) {
    return waits(j, lane) && j->priority == priority && line_of(lane, j->tenant) == line;
}

static struct model_line *lines_of(struct model *m, int lane, enum job_priority priority) {
    return m->lines[lane][priority];
}

// Who does not wait any more begins anew.
void model_turns_look(struct model *m, int lane, enum job_priority priority, int tenant) {
    int line = line_of(lane, tenant);
    struct model_line *l = &lines_of(m, lane, priority)[line];
    bool any = false;
    for (size_t i = 0; i < m->count && !any; i++) {
        any = is_in_line(&m->jobs[i], lane, priority, line);
    }
    if (!any) {
        memset(l, 0, sizeof *l);
    }
    l->waits = any;
}

static int most_starts(int lane, int of, int before) {
    int theirs = model_weight(lane, of), its = model_weight(lane, before);
    return theirs == its ? 1 : theirs / its + 1;
}

void model_turns_started(struct model *m, const struct model_job *j) {
    struct model_line *lines = lines_of(m, j->lane, j->priority);
    int mine = line_of(j->lane, j->tenant);
    for (int i = 0; i < MODEL_TENANTS; i++) {
        if (i != mine && lines[i].waits) {
            lines[i].since[mine]++;
            int turns = (1 + lines[i].late) * most_starts(j->lane, mine, i);
            (void)model_agree(m, lines[i].since[mine] <= turns,
                              "a tenant does not start too many jobs before another one");
        }
    }
    memset(lines[mine].since, 0, sizeof lines[mine].since);
}

// A shared store finds out that a job comes too late when it has its turn: some time in this claim.
void model_turns_late(struct model *m, const struct model_job *j) {
    struct model_line *lines = lines_of(m, j->lane, j->priority);
    lines[line_of(j->lane, j->tenant)].late += rig_is_shared();
}

void model_turns_claimed(struct model *m) {
    for (int lane = 0; lane < MODEL_LANES; lane++) {
        for (int p = 0; p < PRIORITY_COUNT; p++) {
            for (int t = 0; t < MODEL_TENANTS; t++) {
                struct model_line *l = &m->lines[lane][p][t];
                if (l->late > 0) {
                    *l = (struct model_line){.waits = l->waits};
                }
            }
        }
    }
}

// Who opens a file of its own does not know any more who has had his turn.
void model_turns_forget(struct model *m) {
    for (int lane = 0; lane < MODEL_LANES; lane++) {
        for (int p = 0; p < PRIORITY_COUNT; p++) {
            for (int t = 0; t < MODEL_TENANTS; t++) {
                struct model_line *l = &m->lines[lane][p][t];
                memset(l->since, 0, sizeof l->since);
            }
        }
    }
}

static bool before(const struct model_job *a, const struct model_job *b) {
    if (rig_is_shared()) {
        return a->turn.to < b->turn.from;
    }
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : id_order(&a->id) < id_order(&b->id);
}

static bool goes_before(const struct model_job *a, const struct model_job *b) {
    if (a->priority != b->priority) {
        return a->priority < b->priority;
    }
    return line_of(a->lane, a->tenant) == line_of(b->lane, b->tenant) && before(a, b);
}

bool model_turns_is_next(const struct model *m, const struct model_job *j) {
    for (size_t i = 0; i < m->count; i++) {
        if (waits(&m->jobs[i], j->lane) && goes_before(&m->jobs[i], j)) {
            return false;
        }
    }
    return true;
}
