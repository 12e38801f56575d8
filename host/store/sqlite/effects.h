/* What an attempt asked for besides its end: steps, children, key/values, outputs, warnings, log,
 * history, result. effects_check() looks at every limit before anything is written, so that an item happens
 * wholly or not at all. */
#ifndef JOBHOST_STORE_SQLITE_EFFECTS_H
#define JOBHOST_STORE_SQLITE_EFFECTS_H

#include "store/sqlite/jobrow.h"
#include "store/sqlite/writer.h"

/* 0 and item->status (0, -E2BIG, -EDQUOT, -ENOTSUP, -ENOENT, -EINVAL), or an error of the database.
 */
int effects_check(struct writer *w, const struct job_row *row, const struct job_life *life,
                  struct store_commit_item *item);

/* Everything but result and history; updates row->has and `life`. */
int effects_apply(struct writer *w, struct job_row *row, struct job_life *life,
                  const struct store_commit_item *item, int64_t now_ms);

/* Within the job's limits, or of one that is there: the caller has seen to it. */
int effects_put_step(struct writer *w, struct job_row *row, struct job_life *life,
                     const struct store_step *step);
int effects_drop_steps(struct writer *w, struct job_row *row, struct job_life *life);

/* What belongs to the end of an attempt: result, line in the history. */
int effects_end(struct writer *w, struct job_row *row, struct job_life *life,
                const struct store_commit_item *item, int64_t now_ms);

int effects_log(struct writer *w, struct job_row *row, struct bytes tail);

/* kv.c */
int effects_kv(struct writer *w, const char *ns, const struct store_kv_write *kv, size_t count,
               int64_t now_ms);

/* outbox.c: children into the queue of their own, or into the outbox when that is not the parent's; and what they are
 * for a flow. */
int effects_children(struct writer *w, struct job_row *row, struct job_life *life,
                     const struct store_commit_item *item, int64_t now_ms);

#endif
