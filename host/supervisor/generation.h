/* Generations of a plugin. A pool that runs new code, or the same with a new configuration, is tried beside the one that
 * serves, takes its place at once, and the one before drains:
 *
 *     try ─▶ first worker ready ─▶ the others ─▶ ready() ─ pools_serve ─▶ serves ─ pools_serve ─▶ drains ─▶ gone
 *      └──────── a worker that fails ──────────▶ failed()                         │
 *                                       drain_soft: asked to stop (JH_CANCEL_DRAIN), so that it saves a step and yields
 *                                       drain_hard: killed; its jobs start again, without using an attempt
 *
 * Jobs that an old generation has not begun are given to the new one. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_GENERATION_H
#define JOBHOST_SUPERVISOR_GENERATION_H

#include "supervisor/pool_private.h"

enum {
    GENERATIONS_OLD_MAX = 2, /* of a plugin that drain at their ease */
    GENERATIONS_HURRIED_MAX =
        2 /* before those, that were asked to stop at once; older ones are killed */
};

/* Starts a generation that serves nobody yet; the snapshot is taken over. `trial` stays until that serves, has failed or
 * is abandoned, and is told nothing before this returns. NULL, with words: nothing has been started. */
struct pool *generation_try(struct host *host, struct config *owner,
                            const struct config_plugin *config, struct snapshot *snapshot,
                            struct pool_trial *trial, struct err *e);

/* It is not wanted any more: its workers end, and trial is told nothing. */
void generation_abandon(struct pool *pool);

/* One that serves nobody any more drains. */
void generation_retire(struct pool *pool);

/* From now on these serve, in this order: those that do so already, and such as were tried with success. Who serves and is
 * not among them drains. Takes `items`, which has been malloc'd, over. All in one turn of the loop. */
void pools_serve(struct pools *pools, struct pool **items, uint32_t count);

/* A generation that serves goes on under another configuration of which nothing concerns its processes; or one that has
 * failed is configured as what has just failed for `why`. */
void generation_reconfigure(struct pool *pool, struct config *owner,
                            const struct config_plugin *config, const char *why);

/* ---- called by pool.c ---- */

void generation_init(struct pool *pool);
/* All that have been started are ready. */
void generation_on_ready(struct pool *pool);
void generation_failed(struct pool *pool, const char *why);
/* Frees it if it serves nobody, nor will, and nothing of it is left. */
void generation_end(struct pool *pool);
/* One that was draining under the binary before goes on with it: its next deadline is at this mono time. */
void generation_drain_on(struct pool *pool, bool asked, int64_t due_mono_ms);
/* The host stops: those that drain go on, the others end. */
void generations_drain(struct pools *pools);

#endif
