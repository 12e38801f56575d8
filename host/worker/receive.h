/* Whose turn it is to read the socket.
 *
 * One thread at a time reads, handles what came and wakes whom it concerns. Any thread that has to
 * wait (for a task, an answer, a time, a cancel) reads meanwhile if nobody else does; so with one
 * run thread a job costs no thread switch. When no run thread waits, all are busy: then after
 * KEEPER_TICK_US the keeper takes the turn, and gives it back to the first that waits. */
#ifndef JOBHOST_WORKER_RECEIVE_H
#define JOBHOST_WORKER_RECEIVE_H

#include <stdbool.h>
#include <stdint.h>

struct runner;
struct worker;

/* Waits until ready(r). until_mono_ms < 0: no limit. Called and returns with worker->lock held.
 * 0; -ETIMEDOUT; -EPIPE when the supervisor is gone (unless ready). */
int receive_wait(struct worker *w, struct runner *r, bool (*ready)(const struct runner *r),
                 int64_t until_mono_ms);

/* Has a run thread that may be in receive_wait() look again. With worker->lock held. */
void receive_wake(struct worker *w, struct runner *r);

/* Wakes who can use a waiting task, or else who can read, or tells the keeper. With worker->lock
 * held. */
void receive_pass_on(struct worker *w);

/* Reads one packet and handles it; the caller has the turn (w->receiving) and worker->lock, which
 * is let go while reading. Does not wait. */
void receive_packet(struct worker *w);

#endif
