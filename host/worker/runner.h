/* A run thread: takes tasks, calls run(), sends what came of it. While it has nothing to run it
 * receives, so that a lone job is taken, run and answered by one thread without a switch. */
#ifndef JOBHOST_WORKER_RUNNER_H
#define JOBHOST_WORKER_RUNNER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/start_page.h"
#include "worker/call.h"
#include "worker/sender.h"

enum {
    RUNNER_SLOW_US = 1000, /* a handler that usually takes longer starts with an empty packet */
};

struct runner {
    struct worker *worker;
    uint32_t index;
    pthread_t thread;
    struct start_slot *mark;
    struct sender sender;
    struct call call;
    int64_t now_us; /* the thread's latest look at the clock */
    bool unsent;    /* it may have left DONE records in its packet */

    /* with worker->lock */
    pthread_cond_t wake;
    bool waiting; /* on `wake` */
    bool idle;    /* waiting for a task, rather than for an answer or a time */
};

/* Starts all run threads: 0 or a negative errno. */
int runner_start_all(struct worker *w);
/* After every one has ended. */
void runner_join_all(struct worker *w);

#endif
