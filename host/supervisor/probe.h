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
    struct pool_manifest manifest; /* also of one that failed later; name NULL: it said nothing */
};

/* Blocking: snapshot, load, ABI check, options against the configuration, create(), end. 0; or
 * negative errno, with every problem as a line in `problems` and the first in *e. `config` gives
 * state_dir and may be NULL: then a temporary folder is used; `plugin` needs file, name and
 * options. */
int probe_plugin(const struct config *config, const struct config_plugin *plugin,
                 const char *self_exe, struct probe *ret, struct buf *problems, struct err *e);

/* The same up to the ABI check: what it says of itself, whether or not somebody has set its options. */
int probe_manifest(const struct config_plugin *plugin, const char *self_exe, struct probe *ret,
                   struct buf *problems, struct err *e);

/* A plugin of this name in this file as it is without an entry of the configuration. */
struct config_plugin probe_unconfigured(const char *name, const char *file);

#endif
