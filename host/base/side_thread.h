/* A thread that does what may take long (files, large texts) for a loop that must not wait.
 *
 *          loop thread                          side thread
 *     side_thread_post(op) ────────────────▶  op->work(op)     in the order of posting
 *     op->done(op)         ◀────────────────
 *
 * Posting never blocks and never fails; `done` is called on the loop thread, after side_thread_post() has
 * returned, exactly once, in the order of posting. An operation belongs to its poster and stays
 * untouched between the two. */
#ifndef JOBHOST_BASE_SIDE_THREAD_H
#define JOBHOST_BASE_SIDE_THREAD_H

#include <stdbool.h>

#include "base/err.h"

struct event_base;
struct side_thread;

struct side_op {
    void (*work)(struct side_op *op); /* [side thread] */
    void (*done)(struct side_op *op); /* [loop] may free the operation, and post others */
    struct side_op *next;             /* private */
};

/* `name` (a constant of at most 15 bytes) is what the system's tools show. 0, or a negative errno
 * with words. */
int side_thread_new(struct event_base *base, const char *name, struct side_thread **ret,
                    struct err *e);
/* [loop] */
void side_thread_post(struct side_thread *t, struct side_op *op);
/* [loop] Operations whose `done` has not been called yet. */
bool side_thread_is_busy(const struct side_thread *t);
/* [loop] Waits until what was posted, and what that posts, is done. Accepts NULL. */
void side_thread_finish(struct side_thread *t);
/* [loop] The same, then ends the thread: nobody may post any more. */
void side_thread_free(struct side_thread **d);

#endif
