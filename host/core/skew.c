#include "core/skew.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const names[SKEW_COUNT] = {
    [SKEW_NONE] = "go_on", [SKEW_PARK] = "park", [SKEW_RESTART] = "restart",
    [SKEW_PIN] = "pin",    [SKEW_FAIL] = "fail",
};

const char *skew_name(int skew) {
    return (unsigned)skew < SKEW_COUNT ? names[skew] : NULL;
}

static const char *const policy_names[SKEW_POLICY_COUNT] = {
    [SKEW_POLICY_PARK] = "park",
    [SKEW_POLICY_RESTART] = "restart",
    [SKEW_POLICY_PIN] = "pin",
    [SKEW_POLICY_FAIL] = "fail",
};

const char *skew_policy_name(int policy) {
    return (unsigned)policy < SKEW_POLICY_COUNT ? policy_names[policy] : NULL;
}

int skew_policy_from_name(const char *name) {
    for (int i = 0; name != NULL && i < SKEW_POLICY_COUNT; i++) {
        if (strcmp(policy_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
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

void skew_say(const struct skew_handler *h, uint32_t steps_version, enum skew_policy policy,
              const char *plugin, char out[SKEW_WHY_MAX]) {
    char older[48] = "";
    const char *more = "";
    if (h == NULL) {
        (void)snprintf(out, SKEW_WHY_MAX,
                       "its steps were written by version %" PRIu32
                       ", and no loaded plugin has its handler",
                       steps_version);
        return;
    }
    if (h->oldest < h->version) {
        (void)snprintf(older, sizeof older, " and resumes those since %" PRIu32, h->oldest);
    }
    if (skew_resumes(h, steps_version)) {
        more = ": it is about to go on";
    } else if (policy == SKEW_POLICY_RESTART && !h->restartable) {
        more = "; state_policy is restart, but the handler does not allow that";
    }
    (void)snprintf(out, SKEW_WHY_MAX,
                   "its steps were written by version %" PRIu32 ", plugin \"%.64s\" has %" PRIu32
                   "%s%s",
                   steps_version, plugin == NULL ? "?" : plugin, h->version, older, more);
}
