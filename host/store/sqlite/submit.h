/* One new job into the store: what SUBMIT, children of a commit and delivered outbox rows share. */
#ifndef JOBHOST_STORE_SQLITE_SUBMIT_H
#define JOBHOST_STORE_SQLITE_SUBMIT_H

#include "store/sqlite/writer.h"

/* Answers in `item`. 0, or a negative errno of the database. A job that was promised already (a
 * child, when its parent's commit was accepted) is not turned away because there is no room. */
int submit_item(struct writer *w, struct store_submit_item *item, bool promised, int64_t now_ms);

/* Is one of item->once held? 1 = it is, and the item is answered; 0 = no. `lane` is of a spooled job, which ends in it as a
 * duplicate. */
int submit_was_here(struct writer *w, struct store_submit_item *item, struct lane *lane,
                    int64_t now_ms);

/* Can the job be stored as far as the spec alone says? 0, -ENOENT (a file's
 * blob is not there), or an error of the database as positive 1 with words in the connection. */
int submit_check(struct writer *w, const struct job_spec *spec, bool *ret_failed);

#endif
