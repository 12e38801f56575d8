/* Which waiting job goes to which thread, and when.
 *
 *     store ready(lane) ─▶ hungry lane ─┐
 *     worker has room  ────────────────┼─▶ dispatch_run ─ claim (of many lanes) ─▶ held ─▶ placed
 *     queue resumed ───────────────────┘                                           ▲
 *                                                        NACK, neighbour's crash ──┘
 *
 * Claims are sized by what the pools can take: running time decides how far ahead (about 5 ms of
 * work per thread in the worker, as much again in hand). Slots are shared between the lanes of a
 * pool in turn, and fast lanes do not take from slow ones, so no lane starves. Loop thread only. */
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
    struct attempt *fenced;  /* those whose job is ours no longer */
    struct event *kick;
    bool kicked;
    struct gate gate;        /* closed: safe mode, nothing is dispatched */
    bool paced;              /* a gate may be releasing */
    struct timer pace_timer; /* the next of its jobs */
    unsigned claims_out;     /* claim operations with the store */
    uint32_t turn;           /* of pools and paces: who is asked first */
    struct timer retry;      /* running: nothing is claimed until it fires */
};

int dispatch_new(struct host *host, bool safe, struct dispatch **ret);
void dispatch_free(struct dispatch **d);

/* Looks at everything once this turn of the loop is over. */
void dispatch_kick(struct host *host);
/* Does it now: for a submit that wants its claim in the same group of the store. */
void dispatch_run(struct host *host);
/* Jobs in hand. */
uint32_t dispatch_in_hand(const struct host *host);
/* Has it such jobs, or asked for some? */
bool dispatch_has_claims(const struct host *host);
void dispatch_lane_ready(struct host *host, const struct store_lane *lane);

/* Held by its lane's pool, which it has joined, once it has the slot that it needs (slots.h): behind the others or before them, but suspects stand before all. One
 * whose steps its handler does not resume ends instead (meet.h). */
void dispatch_hold(struct pool *pool, struct attempt *a, bool in_front);
/* One that waited aside for something has it: held again, or, where its lane does not go on meanwhile, ended unstarted. */
void dispatch_go_on(struct attempt *a);
/* Gives held attempts of a pool to workers that have room. */
void dispatch_place(struct pool *pool);
/* How many more jobs of this lane its pool may have in hand. */
uint32_t dispatch_room(const struct lane *lane);
/* Too late to begin? It goes back to the store, which ends it when it is claimed. */
bool dispatch_is_late(const struct attempt *a);

/* An attempt came back unstarted: held again, or released to the store while draining. */
void dispatch_return(struct attempt *a);

/* Facts for evaluate(), without the job's own. */
void dispatch_lane_facts(struct host *host, const struct lane *lane, struct job_facts *ret_facts);

#endif
