/* Builds that stay for jobs whose steps only they resume: jobs.<type>.state_policy is pin, and a reload has brought code that
 * does not.
 *
 *     reload: O is replaced by N, which does not resume what O wrote ─▶ O is pinned: a worker of its own, from O's snapshot
 *     a job of such steps meets N's handler ─▶ held by the pinned generation, or parked (pin_unavailable) while that has
 *                                              enough, is not up, or is no more
 *     none of its jobs is left, or pin_max_age is over ─▶ it drains
 *
 * A pinned generation takes no jobs but these. It is in state_dir/run/pins.json and so comes back with the host, under the
 * configuration of that start. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_PINS_H
#define JOBHOST_SUPERVISOR_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct attempt;
struct host;
struct pins;
struct pool;

/* With what the file of the boot before names, if its snapshot is still there. NULL without memory. */
struct pins *pins_new(struct host *host);
void pins_free(struct pins **p);

/* The host runs: those of the boot before are started. */
void pins_run(struct host *host);
/* A reload puts `next` in the place of `before`. */
void pins_note(struct host *host, const struct pool *before, const struct pool *next);

/* An attempt whose job its lane's handler does not resume. True: a pinned generation holds it now. */
bool pins_take(struct attempt *a);
/* How many more jobs of this type, with such steps, it could take. */
uint32_t pins_room(const struct host *host, const char *type, uint32_t steps_version);

/* Gives what they hold to their workers. */
void pins_place(struct host *host);
/* The host stops. */
void pins_drain(struct host *host);

/* The snapshot of the n-th; NULL at the end. */
const char *pins_sha256(const struct host *host, size_t n);

#endif
