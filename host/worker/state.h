/* The worker's root object: made by worker_main() in the order of its members and handed to
 * everything below.
 *
 * `lock` guards what threads tell each other: the queue, whose turn it is to receive, answers to
 * calls, the phase. It is held for short work only, never across a system call that may wait.
 * Order: worker->lock, then a sender's lock; never the other way. */
#ifndef JOBHOST_WORKER_STATE_H
#define JOBHOST_WORKER_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/env.h"
#include "record/record.h"
#include "record/start_page.h"
#include "worker/call.h"
#include "worker/keeper.h"
#include "worker/load.h"
#include "worker/runner.h"
#include "worker/sender.h"
#include "worker/settings.h"
#include "worker/task.h"
#include "worker/transfer.h"

enum worker_phase {
    PHASE_STARTING, /* hand-shake and create()                                    */
    PHASE_SERVING,
    PHASE_DRAINING, /* DRAIN came: what runs is finished, nothing is started      */
    PHASE_ORPHANED, /* end of stream: everything is cancelled, two seconds are left */
};

struct worker {
    int sock;
    int kick_fd; /* wakes a run thread that reads */
    struct env env;
    struct start_page *page;
    struct sender control;        /* the main thread's; also what any receiver sends (NACK) */
    struct record_packet *packet; /* of whoever receives                                    */
    struct plugin plugin;
    struct settings settings;
    struct egress_rule allowed[MSG_ALLOWED_MAX];
    struct transfer_terms terms; /* of its calls by HTTP */
    char agent[MANIFEST_VERSION_MAX + 128];
    void *self;  /* what create() made */
    char *title; /* its word of the command line; NULL: the process is not the worker's own,
                       * and SANDBOX may not act on it */
    int32_t log_level;
    int64_t ping_ms, lease_ms;
    _Atomic uint32_t *handler_us; /* per handler: usual run time, a moving average */

    pthread_mutex_t lock;
    /* with lock: */
    enum worker_phase phase;
    struct task_queue queue;
    bool receiving;        /* somebody reads the socket,                            */
    struct runner *reader; /* this run thread; NULL = the keeper, or nobody         */
    int64_t unwatched_us;  /* since when nobody does (env_stopwatch_us)             */
    uint32_t live_runners; /* run threads that have not ended                       */
    struct keeper keeper;

    uint32_t runner_count;
    struct runner *runners;
};

/* Of a zeroed struct: what there is before the hand-shake. Both descriptors stay the caller's. On
 * failure (errno) the process cannot be a worker; the struct need not be closed. */
int worker_open(struct worker *w, int sock, int page_fd, struct err *e);
/* Run threads have ended. */
void worker_close(struct worker *w);

#endif
