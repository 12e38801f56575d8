/* When a host asks a shared store for what has become due: at once, unless another host is always there
 * first. Nobody hands out turns; each goes by what it finds:
 *
 *     found some    ─▶ it is the one: next time at the very moment, but not twice in DUE_TURN_GAP_MS
 *     found nothing ─▶ somebody else was first: later each time, by DUE_TURN_LATE_MS at most
 *
 * So of many hosts one does the work without delay, and when it is gone the next one finds something and
 * takes its place. A store of one host is asked without gap or delay. Pure. */
#ifndef JOBHOST_CORE_DUE_TURN_H
#define JOBHOST_CORE_DUE_TURN_H

#include <stdbool.h>
#include <stdint.h>

enum { DUE_TURN_GAP_MS = 2, DUE_TURN_LATE_MS = 50 };

/* Zeroed: has never asked. One clock for all times. */
struct due_turn {
    int64_t asked_ms, late_ms;
};

/* When to ask for what is due at due_ms. */
int64_t due_turn_at(const struct due_turn *t, int64_t due_ms);
/* It asked at now_ms, and so many had become due. */
void due_turn_found(struct due_turn *t, uint64_t moved, int64_t now_ms);

#endif
