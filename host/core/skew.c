#include "core/skew.h"

#include <stddef.h>

static const char *const names[SKEW_COUNT] = {
    [SKEW_NONE] = "go_on", [SKEW_PARK] = "park", [SKEW_RESTART] = "restart",
    [SKEW_PIN] = "pin",    [SKEW_FAIL] = "fail",
};

const char *skew_name(int skew) {
    return (unsigned)skew < SKEW_COUNT ? names[skew] : NULL;
}

bool skew_resumes(const struct skew_handler *h, uint32_t steps_version) {
    return steps_version == 0 || (h->oldest <= steps_version && steps_version <= h->version);
}

enum skew skew_decide(const struct skew_handler *h, uint32_t steps_version,
                      enum skew_policy policy) {
    static const enum skew by_policy[SKEW_POLICY_COUNT] = {
        [SKEW_POLICY_PARK] = SKEW_PARK,
        [SKEW_POLICY_RESTART] = SKEW_RESTART,
        [SKEW_POLICY_PIN] = SKEW_PIN,
        [SKEW_POLICY_FAIL] = SKEW_FAIL,
    };
    if (skew_resumes(h, steps_version)) {
        return SKEW_NONE;
    }
    enum skew skew = (unsigned)policy < SKEW_POLICY_COUNT ? by_policy[policy] : SKEW_PARK;
    return skew == SKEW_RESTART && !h->restartable ? SKEW_PARK : skew;
}
