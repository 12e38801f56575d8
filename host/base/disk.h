/* One thread that does with files what may take long, for a loop that must not wait.
 *
 *        loop thread                         disk thread
 *     disk_post(op) ────────────────────▶  op->work(op)     in the order of posting
 *     op->done(op)  ◀────────────────────
 *
 * Posting never blocks and never fails; `done` is called on the loop thread, after disk_post() has
 * returned, exactly once, in the order of posting. An operation belongs to its poster and stays
 * untouched between the two. */
#ifndef JOBHOST_BASE_DISK_H
#define JOBHOST_BASE_DISK_H

#include <stdbool.h>

#include "base/err.h"

struct event_base;
struct disk;

struct disk_op {
    void (*work)(struct disk_op *op); /* [disk thread] */
    void (*done)(struct disk_op *op); /* [loop] may free the operation, and post others */
    struct disk_op *next;             /* private */
};

/* 0, or a negative errno with words. */
int disk_new(struct event_base *base, struct disk **ret, struct err *e);
/* [loop] */
void disk_post(struct disk *d, struct disk_op *op);
/* [loop] Operations whose `done` has not been called yet. */
bool disk_is_busy(const struct disk *d);
/* [loop] Waits until what was posted, and what that posts, is done. */
void disk_finish(struct disk *d);
/* [loop] The same, then ends the thread: nobody may post any more. */
void disk_free(struct disk **d);

#endif
