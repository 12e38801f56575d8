#include "supervisor/meet.h"

#include "supervisor/host.h"
#include "supervisor/pins.h"
#include "supervisor/pool_private.h"

// Once a type, version and generation: there may be a hundred thousand of them.
static void meet_log(struct attempt *a, const struct pool *pool, enum skew skew, const char *why) {
    struct lane *lane = a->lane;
    uint32_t version = a->job->steps_version;
    if (lane->skew.generation == pool->number && lane->skew.version == version &&
        lane->skew.became == skew) {
        return;
    }
    lane->skew.generation = pool->number;
    lane->skew.version = version;
    lane->skew.became = skew;
    log_warn(&a->host->log, "steps.skewed", "type=%s plugin=%s build=%s becomes=%s msg=\"%s\"",
             lane->type, pool->config->entry.name, pool->build, skew_name((int)skew), why);
}

bool meet_refuses(struct attempt *a) {
    const struct pool *pool = a->lane->pool;
    const struct skew_handler *own = &pool->manifest.handlers[a->lane->handler].state;
    enum skew_policy policy = a->lane->config->state_policy;
    enum skew skew = skew_decide(own, a->job->steps_version, policy);
    char why[SKEW_WHY_MAX];
    if (skew == SKEW_NONE) {
        return false;
    }
    if (skew == SKEW_PIN && pins_take(a)) {
        return true;
    }
    skew_say(own, a->job->steps_version, policy, pool->config->entry.name, why);
    meet_log(a, pool, skew, why);
    attempt_skewed(a, skew, why);
    return true;
}
