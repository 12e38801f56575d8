/* The first minute of new code. What crashes only under real jobs passes the canary, so a generation that has taken over from
 * a good one is on probation: when ROLLBACK_CRASHES of its jobs have crashed, or returned class BUG, the build and the
 * configuration before are tried and switched back to, as in a reload. The build that failed is not tried again until its
 * file or its settings change.
 *
 *     served ─▶ on probation ─┬─▶ plugins.<name>.probation is over, and so are ROLLBACK_JOBS: trusted
 *                             └─▶ ROLLBACK_CRASHES ─▶ the one before is tried ─▶ serves; this one drains
 *
 * A reload and a rollback wait for each other. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_ROLLBACK_H
#define JOBHOST_SUPERVISOR_ROLLBACK_H

#include "supervisor/pool_private.h"

enum {
    ROLLBACK_CRASHES = 3,
    ROLLBACK_JOBS = 20, /* that have ended; with fewer the probation goes on ...     */
    ROLLBACK_LONGEST_MS = 3600 * 1000 /* ... for so long at most                                  */
};

/* `pool` is about to take over from `before`. Without memory there is no probation. */
void rollback_watch(struct pool *pool, const struct pool *before);
/* One of its jobs has crashed, or returned class BUG. */
void rollback_note(struct pool *pool);
/* Is it on probation? */
bool rollback_watches(const struct pool *pool);
/* Is one under way? Then nothing else may switch. */
bool rollback_is_busy(const struct host *host);
/* What may have had to wait may go on. */
void rollback_resume(struct host *host);
/* Would it be the build and the settings that have been rolled back? Words for people, or NULL. */
const char *rollback_refuses(const struct plugin *plugin, const char *sha256,
                             const struct config_plugin *config);

/* What a generation can go back to; owned by its pool. */
void rollback_forget(struct pool *pool);
/* Of a plugin: what was rolled back. */
void rollback_forgive(struct plugin *plugin);

#endif
