/* The main thread once jobs run. It sleeps on a timer descriptor and does what nobody else has the
 * time for:
 *
 *     every ping_ms        PING; without a PONG for half a lease: cancel all, start nothing;
 *                          for a whole one: exit (docs/worker-protocol.md says what that is
 *                          worth between hosts)
 *     when a run lasts     sends what lies in the run thread's packet and held-back progress,
 *                          watches for the job's timeout
 *     when all are busy    receives
 *     at the end           waits for the run threads, says BYE
 *
 * Pings and leases go by real time even under a test clock: they ask whether processes are
 * alive. */
#ifndef JOBHOST_WORKER_KEEPER_H
#define JOBHOST_WORKER_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

struct worker;

enum {
    KEEPER_TICK_US = 2000,      /* how long a run may last before somebody looks        */
    KEEPER_ORPHAN_MS = 2000,    /* from the supervisor's end to ours                    */
    KEEPER_PROGRESS_US = 100000 /* at most one PROGRESS record a job in this time       */
};

struct keeper {
    int timer_fd;
    int64_t armed_us;           /* when it fires (env_stopwatch_us); 0 = not armed */
    int64_t cancel_us, exit_us; /* without a sign of life until then */
    int64_t ping_us;            /* the last PING */
    int64_t look_us;            /* when it last looked */
    int64_t orphan_us;
    bool silent; /* no PONG for half a lease */
    bool stood;  /* since the last PONG, this process stood still for as long */
};

/* 0 or a negative errno. */
int keeper_init(struct worker *w);
/* The supervisor has answered a ping. With worker->lock held. */
void keeper_pong(struct worker *w);
/* Wakes the keeper in `delay_us` at the latest. With worker->lock held. */
void keeper_nudge(struct worker *w, int64_t delay_us);
/* Returns when every run thread has ended: true = drained, false = orphaned. May end the process
 * instead. */
bool keeper_run(struct worker *w);

#endif
