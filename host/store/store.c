#include "store/store.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "redis/address.h"
#include "store/faulty/faulty.h"
#include "store/redis/redis_store.h"
#include "store/spool/spool_store.h"
#include "store/sqlite/sqlite_store.h"

static const struct {
    const char *scheme;
    int (*open)(const struct store_config *config, struct event_base *base, const struct log *log,
                const struct env *env, const struct store_events *events, struct store *ret_store,
                struct err *e);
} backends[] = {
    {"sqlite:", sqlite_store_open},
#ifdef JOBHOST_TEST
    {"faulty:", faulty_open},
#endif
};

int store_open(const struct store_config *config, struct event_base *base, const struct log *log,
               const struct env *env, const struct store_events *events, struct store *ret_store,
               struct err *e) {
    if (config->fallback != NULL && !config->read_only_ok) {
        return spool_store_open(config, base, log, env, events, ret_store, e);
    }
    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        if (strncmp(config->url, backends[i].scheme, strlen(backends[i].scheme)) == 0) {
            return backends[i].open(config, base, log, env, events, ret_store, e);
        }
    }
    if (redis_address_is_redis(config->url)) {
        return redis_store_open(config, base, log, env, events, ret_store, e);
    }
    // the rest of it may hold a password
    return err_set(
        e, -EINVAL,
        "store url \"%.*s:...\": this build knows sqlite:PATH, redis:, rediss: and unix:",
        (int)strcspn(config->url, ":"), config->url);
}

void store_close(struct store *store) {
    if (store->ops != NULL) {
        store->ops->close(store->self);
    }
    *store = (struct store){NULL, NULL};
}
