#include "api/pool_names.h"

const char *pool_state_name(enum pool_state state) {
    static const char *const names[] = {
        [POOL_STARTING] = "starting",
        [POOL_READY] = "ready",
        [POOL_FAILED] = "failed",
        [POOL_DRAINING] = "draining",
    };
    return names[state];
}

const char *worker_state_name(enum worker_state state) {
    static const char *const names[] = {
        [WORKER_SPAWNED] = "spawned",   [WORKER_LOADED] = "loaded", [WORKER_READY] = "ready",
        [WORKER_DRAINING] = "draining", [WORKER_GONE] = "gone",
    };
    return names[state];
}
