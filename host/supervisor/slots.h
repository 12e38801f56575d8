/* `limit:` of a job type or a queue: its jobs take a slot of that limiter before they start.
 *
 *     claimed ──▶ has it a slot? ──▶ held by its pool, placed, run ──▶ the slot is told that the call is over
 *                  │ soon: it waits here, in nobody's way
 *                  └ later: parked (limiter) until then; when a slot comes free before that, it is woken
 *
 * Where all jobs of a lane want the same limiter, none is claimed while that is shut: they stay queued. Where
 * the limiter depends on the job (its tenant), those of other keys go on meanwhile. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_SLOTS_H
#define JOBHOST_SUPERVISOR_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct attempt;
struct host;
struct job_facts;
struct lane;

/* Is it to have a slot first? True: it waits, and comes to dispatch_hold() when it has one, or ends. */
bool slots_wants(struct attempt *a);
/* It runs now. */
void slots_begun(struct attempt *a);
/* It is over, or goes back: its report says whether it was begun. */
void slots_end(struct attempt *a);
/* It waits for one no longer; true: it did. */
bool slots_withdraw(struct attempt *a);

/* How many more of the lane's jobs may be claimed. */
uint32_t slots_room(const struct lane *lane);
/* The lane's limiter may have another rule, or none. */
void slots_configure(struct lane *lane);

/* For explain: the limiter that this job, or any of the lane (NULL), waits for. */
void slots_facts(const struct lane *lane, const struct attempt *a, struct job_facts *ret);

/* Some limiter may have slots: lanes that are shut are looked at again. */
void slots_open(struct host *host);

/* It is being parked for a limiter, by its commit: when a slot comes free it is woken. */
void slots_parked(struct attempt *a, const char *name);

/* Calls have ended: one that was parked for this limiter may have a chance. */
void slots_wake(struct host *host, const char *name);

#endif
