#include "core/priority.h"

#include <stdbool.h>

static bool is_aged(int64_t head_ms, int64_t now_ms) {
    return head_ms != 0 && now_ms - head_ms >= PRIORITY_AGED_MS;
}

// Turns in [turn, turn + n) that belong to the aged: the last of every PRIORITY_AGED_SHARE.
static uint32_t aged_turns(uint64_t turn, uint32_t n) {
    return (uint32_t)((turn % PRIORITY_AGED_SHARE + n) / PRIORITY_AGED_SHARE);
}

void priority_split(uint32_t n, const int64_t head_ms[PRIORITY_COUNT], uint64_t turn,
                    int64_t now_ms, uint32_t ret_take[PRIORITY_COUNT]) {
    int top = 0;
    while (top < PRIORITY_COUNT && head_ms[top] == 0) {
        top++;
    }
    int aged[PRIORITY_COUNT];
    uint32_t aged_count = 0;
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        ret_take[p] = 0;
        if (p > top && is_aged(head_ms[p], now_ms)) {
            aged[aged_count++] = p;
        }
    }
    if (top == PRIORITY_COUNT) {
        return;
    }
    uint32_t left = aged_count == 0 ? 0 : aged_turns(turn, n);
    ret_take[top] = n - left;
    // the aged bands take their turns in turn, so that a long backlog of one does not shut out the
    // other
    for (uint64_t k = turn / PRIORITY_AGED_SHARE; left > 0; k++, left--) {
        ret_take[aged[k % aged_count]]++;
    }
}
