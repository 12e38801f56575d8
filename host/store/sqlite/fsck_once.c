#include <inttypes.h>
#include <stdio.h>

#include "store/sqlite/fsck.h"
#include "store/sqlite/once.h"

// One that is kept for longer than anything may be was written while the clock was ahead.
int fsck_once(struct fsck *f) {
    char find[300], mend[120];
    int64_t latest = once_now(f->w) + STORE_ONCE_KEEP_MAX_MS;
    (void)snprintf(find, sizeof find,
                   "SELECT NULL, hex(key) || ': until ' || expire_ms, queue, key FROM once"
                   " INDEXED BY once_expiry WHERE expire_ms > %" PRId64
                   " ORDER BY queue || hex(key)",
                   latest);
    (void)snprintf(mend, sizeof mend,
                   "UPDATE once SET expire_ms = %" PRId64 " WHERE queue = ?1 AND key = ?2", latest);
    const struct fsck_rule rules[] = {
        {"once_damaged",
         "SELECT NULL, hex(key) || ' of queue ' || queue, queue, key FROM once WHERE length(key) "
         "<> 16"
         " OR length(id) <> 16 OR queue NOT IN (SELECT id FROM queues) ORDER BY queue || hex(key)",
         "DELETE FROM once WHERE queue = ?1 AND key = ?2"},
        {"once_too_long", find, mend},
    };
    return fsck_rules_run(f, rules, ARRAY_LEN(rules));
}
