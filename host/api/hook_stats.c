/* What hooks have done, counted. */
#include <stdlib.h>
#include <string.h>

#include "api/hooks.h"

const char *hook_fate_name(enum hook_fate fate) {
    static const char *const names[HOOK_FATES] = {
        [HOOK_ACCEPTED] = "accepted", [HOOK_DUPLICATE] = "duplicate", [HOOK_SKIPPED] = "skipped",
        [HOOK_REFUSED] = "refused",   [HOOK_UNMAPPED] = "unmapped",   [HOOK_FAILED] = "failed",
        [HOOK_LIMITED] = "limited",
    };
    return names[fate];
}

struct hook_stats *hook_stats_of(struct hooks *hooks, const char *name) {
    struct hook_stats *s;
    HASH_FIND_STR(hooks->stats, name, s);
    if (s != NULL) {
        return s;
    }
    s = calloc(1, sizeof *s);
    char *copy = strdup(name);
    if (s == NULL || copy == NULL) {
        free(s);
        free(copy);
        return NULL;
    }
    s->name = copy;
    HASH_ADD_KEYPTR(hh, hooks->stats, s->name, strlen(s->name), s);
    return s;
}

void hook_stats_key(struct hook_stats *stats, const struct verdict *verdict) {
    for (size_t i = 0; i < ARRAY_LEN(stats->keys); i++) {
        if (stats->keys[i].scheme == NULL) {
            stats->keys[i].scheme = verdict->scheme;
            stats->keys[i].key = verdict->key;
        }
        if (stats->keys[i].scheme == verdict->scheme && stats->keys[i].key == verdict->key) {
            stats->keys[i].count++;
            return;
        }
    }
}
