/* May this host be sent work? Liveness means progress: a host that exists, with healthy jobs and
 * free threads, and starts nothing, is not ready. Pure.
 *
 *     jobs could start, threads are free ──▶ since ───── limit ──▶ stalled
 *                ▲                             │
 *                └─── something has begun, or nothing could ◀──┘
 */
#ifndef JOBHOST_CORE_READY_H
#define JOBHOST_CORE_READY_H

#include <stdbool.h>
#include <stdint.h>

/* One plugin's progress. Zeroed: nothing has been seen yet. */
struct progress {
    bool idle;        /* when it was looked at last, jobs could have started and had not */
    int64_t since_ms; /* mono: so since then */
    uint64_t begun;
};

/* What was seen at `now`: `could_start`: jobs are there that nothing but the host itself keeps from
 * a free thread (not paused, due, below their queue's limit, their handler loaded); `begun`: a
 * number that changes with every execution that begins. */
void progress_note(struct progress *p, bool could_start, uint64_t begun, int64_t now_ms);

/* How long it has been so that jobs could have started and none did; 0 = it is not so. */
int64_t progress_idle_ms(const struct progress *p, int64_t now_ms);

enum ready_code {
    READY_YES,
    READY_STARTING, /* it recovers what an earlier boot left, or its plugins are not up yet */
    READY_DRAINING, /* it is shutting down                                        */
    READY_STORE,    /* the store takes nothing                                    */
    READY_STALLED,  /* jobs could start, and none has for the limit               */
    READY_COUNT
};
const char *ready_code_name(enum ready_code code); /* "stalled" */

struct ready_facts {
    bool starting, draining, store_down;
    int64_t idle_ms;  /* the longest of all plugins        */
    int64_t limit_ms; /* host.ready_stall; 0 = never stalled */
};

/* The most decisive reason first. */
enum ready_code ready_decide(const struct ready_facts *facts);

#endif
