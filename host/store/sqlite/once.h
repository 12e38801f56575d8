/* What was accepted once (struct store_once): (queue, key) names the job that came with it, for a time.
 *
 * That time goes by a clock of its own: the wall clock at the opening, and from then on the clock that only goes forward. So
 * a wall clock that steps back does not admit again what has been here, and one that steps ahead does not forget what is
 * fresh. An opening under a wall clock that is behind lets rows live longer. */
#ifndef JOBHOST_STORE_SQLITE_ONCE_H
#define JOBHOST_STORE_SQLITE_ONCE_H

#include "store/sqlite/writer.h"

enum { ONCE_BYTES = 100 }; /* of a row and its place in the index, for BUDGET_JOBS */

/* Sets the clock. */
void once_start(struct writer *w);
int64_t once_now(const struct writer *w);

/* 1 = one of the item's is held: by whom, and item->once_differs. 0 = none. */
int once_find(struct writer *w, struct store_submit_item *item, struct job_id *ret_holder);

/* Is there room for all of the item's? */
bool once_has_room(const struct writer *w, const struct store_submit_item *item);

/* All of them are held by this job from now on. */
int once_hold(struct writer *w, const struct store_submit_item *item, const struct queue *queue,
              const struct job_id *holder);

/* Forgets one whose time is over: 1 = it did, 0 = there is none. */
int once_sweep(struct writer *w);

#endif
