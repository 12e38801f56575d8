/* The output files of jobs: a row each, which names a blob. */
#ifndef JOBHOST_STORE_SQLITE_OUTPUTS_H
#define JOBHOST_STORE_SQLITE_OUTPUTS_H

#include "store/sqlite/jobrow.h"
#include "store/sqlite/writer.h"

/* 0 and item->status (0, -E2BIG: too many, -ENOENT: a blob is not there), or an error of the
 * database. */
int outputs_check(struct writer *w, const struct job_row *row, const struct job_life *life,
                  struct store_commit_item *item);

/* Puts those of a commit that was checked; updates row->has and `life`. */
int outputs_apply(struct writer *w, struct job_row *row, struct job_life *life,
                  const struct store_commit_item *item, int64_t now_ms);

/* The blobs of a job that is about to lose its rows. */
int outputs_release(struct writer *w, int64_t rid, int64_t now_ms);

/* Names and all, in the arena; for either side's connection. */
int outputs_list(struct conn *c, int64_t rid, uint32_t count, struct arena *a,
                 struct store_output **ret, size_t *ret_count);

/* Only the names. */
int outputs_names(struct conn *c, int64_t rid, uint32_t count, struct arena *a, const char ***ret,
                  size_t *ret_count);

#endif
