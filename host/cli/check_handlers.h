/* Do the job types of a configuration have handlers? For `check`, once it has loaded the
 * plugins. */
#ifndef JOBHOST_CLI_CHECK_HANDLERS_H
#define JOBHOST_CLI_CHECK_HANDLERS_H

#include "base/arena.h"
#include "config/config.h"
#include "supervisor/pool.h"

struct check_handler {
    const char *name, *plugin;
    bool restartable, query;
};

/* Zeroed; arena_free(&arena) when done. */
struct check_handlers {
    struct arena arena;
    struct check_handler *items;
    size_t count, cap;
};

/* Takes note of a plugin's handlers. A handler that another plugin has as well is a line in
 * `problems`: the host would refuse the second plugin. Returns how many. */
unsigned check_handlers_add(struct check_handlers *all, const char *plugin,
                            const struct pool_manifest *manifest, struct buf *problems);

/* A line in `out` for every job type that is to begin again when its steps are not resumed, and whose
 * handler does not allow that. Returns how many. */
unsigned check_handlers_restarts(const struct check_handlers *all, const struct config *c,
                                 struct buf *out);

/* A line in `out` for every place that wants a job and names a query, or the reverse: the host would refuse what comes there.
 * Returns how many. */
unsigned check_handlers_misused(const struct check_handlers *all, const struct config *c,
                                struct buf *out);

/* A line in `out` for every job type that the configuration names and nobody handles. Returns how
 * many. */
unsigned check_handlers_missing(const struct check_handlers *all, const struct config *c,
                                struct buf *out);

#endif
