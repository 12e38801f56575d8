/* Loads a plugin in a throw-away process, as a worker would, and reports what it says of itself:
 * for `check` and `plugin check`. */
#ifndef JOBHOST_SUPERVISOR_PROBE_H
#define JOBHOST_SUPERVISOR_PROBE_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"
#include "supervisor/pool.h"

struct probe {
    struct arena arena; /* holds what follows; arena_free() when done */
    char sha256[65];
    struct pool_manifest manifest;
};

/* Blocking: snapshot, load, ABI check, options against the configuration, create(), end. 0; or
 * negative errno, with every problem as a line in `problems` and the first in *e. `config` gives
 * state_dir and may be NULL: then a temporary folder is used; `plugin` needs file, name and
 * options. */
int probe_plugin(const struct config *config, const struct config_plugin *plugin,
                 const char *self_exe, struct probe *ret, struct buf *problems, struct err *e);

#endif
