/* The new binary's side of an upgrade: what it was handed, and how it becomes its own.
 *
 *     begin (table, doors, boot) ─▶ the host opens, its doors held ─▶ claims: the store knows the jobs again
 *     ─▶ pools: generations, workers, attempts ─▶ connections ─▶ serves
 *
 * Until the pools are adopted nothing has been read from a worker, and whatever fails leads back to the binary before: it is
 * handed the same table. If that fails as well the process ends, and the next start recovers as after a crash. Loop thread
 * only. */
#ifndef JOBHOST_SUPERVISOR_HANDOVER_ADOPT_H
#define JOBHOST_SUPERVISOR_HANDOVER_ADOPT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "config/config.h"

struct host;
struct adoption;

/* Of the variable JOBHOST_HANDOVER, which is removed. 1: we take over from another binary; 0: we
 * do not; -EBADMSG: what we were handed makes no sense, *e says why. */
int adopt_begin(struct host *host, struct err *e);
/* The way back, with this reason; returns only if there is none. */
void adopt_go_back(struct host *host, const char *why);

/* Is the configuration that of the jobs we were handed? */
int adopt_check(struct host *host, struct err *e);
/* The lock of the state_dir that we were handed; -1 = none. */
int adopt_lock(const struct host *host);
/* The program of our workers, if we have had to come back: a descriptor; -1 = none is known. */
int adopt_worker_program(const struct host *host, char out[PATH_MAX]);
uint64_t adopt_nonce(const struct host *host);

/* The store learns which jobs are in hand, then done(host, status). */
void adopt_claims(struct host *host, void (*done)(struct host *host, int status));
/* Generations and their workers. 0 or negative errno with words. */
int adopt_pools(struct host *host, struct err *e);
/* All of it is ours: connections go on, and there is no way back any more. */
void adopt_end(struct host *host);

void adopt_free(struct host *host);

#endif
