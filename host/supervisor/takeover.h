/* Jobs of hosts that are gone, given back to their queues: those of earlier boots at the start, and
 * on a store that several hosts share those whose lease has ended, when one may have. Loop thread
 * only. */
#ifndef JOBHOST_SUPERVISOR_TAKEOVER_H
#define JOBHOST_SUPERVISOR_TAKEOVER_H

#include <stdint.h>

struct host;
struct takeover;

struct takeover *takeover_new(struct host *host);
void takeover_free(struct takeover **t);

/* At the start, once: calls done when all are given back, or with the store's refusal. `gone_nonce`:
 * an earlier boot of this host that is known to be dead, 0 = none is. */
struct store_op;
void takeover_start(struct host *host, uint64_t gone_nonce,
                    void (*done)(struct host *host, const struct store_op *op));

/* The host runs: what was planned happens from now on. */
void takeover_run(struct host *host);

/* A lease of another host's job may end at this wall time. */
void takeover_plan(struct host *host, int64_t end_ms);

#endif
