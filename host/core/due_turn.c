#include "core/due_turn.h"

int64_t due_turn_at(const struct due_turn *t, int64_t due_ms) {
    int64_t at = due_ms + t->late_ms, next = t->asked_ms + DUE_TURN_GAP_MS;
    // a clock that was set back must not hold anything up
    return at < next && next - at <= DUE_TURN_GAP_MS ? next : at;
}

void due_turn_found(struct due_turn *t, uint64_t moved, int64_t now_ms) {
    int64_t later = t->late_ms * 2 + DUE_TURN_GAP_MS;
    t->asked_ms = now_ms;
    t->late_ms = moved > 0 ? 0 : later < DUE_TURN_LATE_MS ? later : DUE_TURN_LATE_MS;
}
