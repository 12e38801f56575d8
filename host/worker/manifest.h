/* What a plugin says about itself, checked before any of its functions is called.
 *
 * The plugin's structs may be smaller or larger than this host's (they only grow at the end), so
 * both are copied: as much as there is of each, zeroes for the rest. Strings and option tables stay
 * where they are, in the plugin's memory. */
#ifndef JOBHOST_WORKER_MANIFEST_H
#define JOBHOST_WORKER_MANIFEST_H

#include <stdint.h>

#include "base/err.h"
#include "jobhost_plugin.h"

enum {
    MANIFEST_HANDLERS_MAX = 256,
    MANIFEST_OPTIONS_MAX = 256, /* of a plugin, and fields of one handler's payload */
    MANIFEST_VERSION_MAX = 64,
    MANIFEST_OPTION_NAME_MAX = 128,
    MANIFEST_STRIDE_MAX = 4096, /* of jh_plugin and jh_handler */
};

struct manifest {
    struct jh_plugin plugin;     /* its `handlers` is the plugin's own array: use the one below */
    struct jh_handler *handlers; /* owned */
    uint32_t option_count;
    uint32_t *field_counts; /* owned; per handler */
};

/* 0, or -EPROTO with *ret_stage "abi" or "manifest" and words that name the field and both values;
 * -ENOMEM. */
int manifest_read(const struct jh_plugin *plugin, struct manifest *ret, const char **ret_stage,
                  struct err *e);
void manifest_finish(struct manifest *m);

#endif
