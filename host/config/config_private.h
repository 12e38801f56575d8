/* What stands behind a struct config: its memory, where each value came from, and the index of
 * names. */
#ifndef JOBHOST_CONFIG_CONFIG_PRIVATE_H
#define JOBHOST_CONFIG_CONFIG_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "config/config.h"
#include "config/config_secret.h"

/* Where a slot's value came from. Slots without one hold their default. */
struct config_origin {
    const void *slot;
    const char *file; /* NULL = the environment alone                          */
    int line, column;
    const char *variable; /* the first environment variable in it, or NULL         */
    bool hidden;          /* part of it came from a secret file: never shown       */
    bool unread;          /* what stands there is an error: the slot holds nothing */
};

/* Names to positions; open addressing, at most half full. */
struct config_index {
    const char **names; /* NULL = free */
    size_t *positions;
    size_t mask; /* slots - 1 */
};

struct config_private {
    unsigned more_users; // besides the first
    struct arena arena;
    struct config_vault vault;
    struct config_origin *origins; /* malloc'd; sorted by slot when the load is over */
    size_t origin_count, origin_cap;
    const char **variables; /* consumed as secrets; malloc'd, no repeats */
    size_t variable_count, variable_cap;
    struct config_index queues, jobs, plugins;
};

/* While the load goes on: 0 or -ENOMEM. `name` lives as long as the config. */
int config_origin_add(struct config_private *p, const struct config_origin *origin);
int config_variable_add(struct config_private *p, const char *name);
/* Once, when all are there. */
void config_origins_sort(struct config_private *p);

/* NULL = the slot holds its default. */
const struct config_origin *config_origin_find(const struct config_private *p, const void *slot);

/* Finished parts of a config of which the load may have stopped anywhere; NULL is accepted. */
void config_private_free(struct config_private *p);

/* config_lookup.c: builds the three indexes. -ENOMEM. */
int config_index_build(struct config *c);

#endif
