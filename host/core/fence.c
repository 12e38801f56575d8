#include "core/fence.h"

enum fence_verdict fence_commit(const struct fence_stored *stored, uint32_t token, uint32_t number,
                                bool goes_on) {
    if (stored->token != token) {
        return FENCE_STALE;
    }
    if (!stored->running) {
        return number == stored->number ? FENCE_APPLIED : FENCE_STALE;
    }
    if (number == (uint64_t)stored->number + 1) {
        return FENCE_APPLY;
    }
    return number == stored->number && goes_on ? FENCE_APPLIED : FENCE_ODD;
}
