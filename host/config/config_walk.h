/* Every value of a loaded config, in the order of the tables, for printers. The walks are false
 * when memory was short and a value was left out. */
#ifndef JOBHOST_CONFIG_CONFIG_WALK_H
#define JOBHOST_CONFIG_CONFIG_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/config_private.h"
#include "config/config_tables.h"

enum config_leaf_kind { LEAF_UNSET, LEAF_TEXT, LEAF_BARE, LEAF_JSON, LEAF_SECRET };

struct config_leaf {
    enum config_leaf_kind kind;
    const char *key;                    /* NULL = an element of a list                       */
    const char *text;                   /* of a secret: itself, for fingerprints only        */
    const struct config_origin *origin; /* NULL = the default                                */
    const struct config_field *field;   /* NULL for options and parameters                   */
};

/* All members are mandatory. `key` NULL = an element of a list. Calls nest properly. */
struct config_visitor {
    void (*open)(void *arg, const char *key, bool is_list, size_t count,
                 const struct config_origin *origin);
    void (*leaf)(void *arg, const struct config_leaf *leaf);
    void (*close)(void *arg, bool is_list);
};

bool config_walk(const struct config *c, const struct config_visitor *visitor, void *arg);

/* One struct of `table` alone, such as the defaults of unnamed queues. */
bool config_walk_table(const struct config *c, const struct config_table *table, const void *base,
                       const struct config_visitor *visitor, void *arg);

#endif
