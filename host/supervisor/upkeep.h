/* What has to be done from time to time: jobs that become due, outbox rows, jobs of dead hosts,
 * things past their keeping time. Nothing here polls: timers are set to known times, and only the
 * sweep is periodic: once a minute, and once a second while the store is read-only, which finds out
 * when it no longer is. On a store that several hosts share it waits for an hour while this host ends
 * no jobs, and the beat (beat.h) finds out. What the store has refused is tried again in real time, whatever
 * is done to the jobs' clock. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_UPKEEP_H
#define JOBHOST_SUPERVISOR_UPKEEP_H

#include <stdint.h>

struct host;
struct upkeep;

struct upkeep *upkeep_new(struct host *host);
void upkeep_free(struct upkeep **u);

/* Takes over what earlier boots left running, delivers what is in the outbox, finds what waits;
 * then calls ready(host). */
void upkeep_recover(struct host *host, void (*ready)(struct host *host, int status));

/* The same once more in a second: the host runs already, without the store. */
void upkeep_recover_later(struct host *host, void (*ready)(struct host *host, int status));

/* The host runs from now on: due jobs may be moved. */
void upkeep_run(struct host *host);

/* Something is due at this wall time. */
void upkeep_due(struct host *host, int64_t due_ms);
/* There are outbox rows, or members of flows to be cancelled. */
void upkeep_forward(struct host *host);
/* The same in a second: the store could not be asked. */
void upkeep_forward_later(struct host *host);
/* When (wall time) jobs were last told of events and the store had no room for the next one; 0 = it has since. */
int64_t upkeep_no_room_ms(const struct host *host);
/* A queue as the store has it. */
struct store_queue_stats;
void upkeep_take_queue(struct host *host, const struct store_queue_stats *s);
/* The store has turned read-only: intake is refused, so somebody else must try it. */
void upkeep_probe(struct host *host);
/* Says goodbye to the store (host lease 0) and calls done. */
void upkeep_leave(struct host *host, void (*done)(struct host *host));

#endif
