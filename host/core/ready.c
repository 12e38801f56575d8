#include "core/ready.h"

#include <stddef.h>

void progress_note(struct progress *p, bool could_start, uint64_t begun, int64_t now_ms) {
    if (!p->idle || begun != p->begun) {
        p->since_ms = now_ms;
    }
    p->idle = could_start;
    p->begun = begun;
}

int64_t progress_idle_ms(const struct progress *p, int64_t now_ms) {
    return p->idle && now_ms > p->since_ms ? now_ms - p->since_ms : 0;
}

const char *ready_code_name(enum ready_code code) {
    static const char *const names[READY_COUNT] = {
        [READY_YES] = "ready",   [READY_STARTING] = "starting", [READY_DRAINING] = "draining",
        [READY_STORE] = "store", [READY_STALLED] = "stalled",
    };
    return (unsigned)code < READY_COUNT ? names[code] : NULL;
}

enum ready_code ready_decide(const struct ready_facts *facts) {
    if (facts->draining) {
        return READY_DRAINING;
    }
    if (facts->starting) {
        return READY_STARTING;
    }
    if (facts->store_down) {
        return READY_STORE;
    }
    return facts->limit_ms > 0 && facts->idle_ms >= facts->limit_ms ? READY_STALLED : READY_YES;
}
