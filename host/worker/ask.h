/* Questions that a run thread asks the supervisor and waits for. What lies in its packet goes
 * along. */
#ifndef JOBHOST_WORKER_ASK_H
#define JOBHOST_WORKER_ASK_H

#include "record/messages.h"
#include "worker/call.h"

/* Makes all collected effects durable: 0, or the negative errno of the supervisor's answer; -EPIPE:
 * it is gone. */
int ask_commit(struct call *c);

/* 0 and *ret, or a negative errno: -ENOMEM, -EPIPE. What the supervisor says is in ret->status. */
int ask_value(struct call *c, enum record_get what, const char *key, struct bytes member,
              struct answer *ret);

/* Stores an output. 0 and *ret, or a negative errno; m->request is made here. The content's
 * descriptor stays the caller's unless 0. */
int ask_output(struct call *c, struct msg_output *m, struct answer *ret);

/* A question about a limit; m->request is made here. 0 and *ret, or a negative errno. */
int ask_limit(struct call *c, struct msg_limit *m, struct answer *ret);

/* A question about a flow; m->request is made here. 0 and *ret, or a negative errno. A value that did not come by descriptor
 * is in `into`. */
int ask_flow(struct call *c, struct msg_flow *m, struct buf *into, struct answer *ret);

/* The content of an answer that came by descriptor, valid until run() returns: 0 or a negative
 * errno. Closes the descriptor. */
int ask_map(struct call *c, struct answer *answer);
void ask_unmap(struct call *c);

#endif
