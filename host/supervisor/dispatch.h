/* Which waiting job goes to which thread, and when.
 *
 *     store ready(lane) ─▶ hungry lane ─┐
 *     worker has room  ────────────────┼─▶ dispatch_run ─ claim (batched over lanes) ─▶ held ─▶ placed in a worker's window
 *     queue resumed ───────────────────┘                                                ▲
 *                                                             NACK, neighbour's crash ──┘
 *
 * Claims are sized by what the pools can take: running time decides how far ahead (about 5 ms of work per thread in the worker, as
 * much again in hand). Slots are shared between the lanes of a pool in turn, so no lane starves. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_DISPATCH_H
#define JOBHOST_SUPERVISOR_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/timer.h"
#include "core/evaluate.h"
#include "store/store.h"
#include "supervisor/attempt.h"
#include "supervisor/lane.h"

struct host;
struct pool;

struct dispatch {
    struct host *host;
    struct lanes lanes;
    struct attempt *running; /* all attempts in hand, by id */
    struct event *kick;
    bool kicked;
    bool safe;           /* accept, dispatch nothing */
    unsigned claims_out; /* claim operations with the store */
    size_t lane_cursor;
    struct timer retry;
};

int dispatch_new(struct host *host, bool safe, struct dispatch **ret);
void dispatch_free(struct dispatch **d);

/* Looks at everything once this turn of the loop is over. */
void dispatch_kick(struct host *host);
/* Does it now: for a submit that wants its claim in the same group of the store. */
void dispatch_run(struct host *host);
void dispatch_lane_ready(struct host *host, const struct store_lane *lane);

/* Gives held attempts of a pool to workers that have room. */
void dispatch_place(struct host *host, struct pool *pool);

/* An attempt came back unstarted: held again, or released to the store while draining. */
void dispatch_return(struct attempt *a);

/* Room in microseconds of work: how many more attempts of this lane the pool may have claimed. */
uint32_t dispatch_room(const struct pool *pool, const struct lane *lane);

/* Facts for evaluate(), without the job's own. */
void dispatch_lane_facts(struct host *host, const struct lane *lane, struct job_facts *ret_facts);

#endif
