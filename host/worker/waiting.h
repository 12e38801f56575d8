/* Waits that leave a step behind (core/waits.h): the part of the extensions that is the same in the worker
 * and in the authors' test harness. Each wait looks for its step first; when that says nothing yet, the job
 * is parked. Called by the thread of the run. */
#ifndef JOBHOST_WORKER_WAITING_H
#define JOBHOST_WORKER_WAITING_H

#include <stdint.h>

#include "jobhost_event.h"
#include "jobhost_operator.h"
#include "jobhost_plugin.h"

/* What it needs of whoever runs the handler. */
struct waiting_ops {
    int (*check)(struct jh_call *);                            /* may it ask? 0 or negative errno */
    int (*refuse)(struct jh_call *, const char *name, int rc); /* notes why it was refused: rc    */
    int64_t (*now_ms)(struct jh_call *);                       /* unix ms */
    /* A step that goes with the end of the run; copied. */
    int (*note_step)(struct jh_call *, const char *name, struct jh_bytes value);
    /* Of which wait for this name is it in this run, from 1? 0 = no memory. */
    uint32_t (*count)(struct jh_call *, const char *name);
    int64_t (*created_ms)(struct jh_call *); /* of the job; unix ms */
    /* As yield() does it; texts are copied. */
    int (*park)(struct jh_call *, const struct jh_wait *wait, const char *wait_for);
};

/* As jh_operator.ask. */
int waiting_ask(struct jh_call *call, const struct waiting_ops *ops, const struct jh_question *q,
                struct jh_bytes *ret);

/* As jh_events.wait. */
int waiting_event(struct jh_call *call, const struct waiting_ops *ops,
                  const struct jh_event_wait *wait, struct jh_bytes *ret);

/* A yield() for an event, which has been checked: 1 = the job parks, or negative errno. */
int waiting_plain(struct jh_call *call, const struct waiting_ops *ops, const struct jh_wait *wait);

#endif
