/* Dedup keys: (queue, key) names the job that holds it. A key is held until its job ends; a success
 * keeps it for a time more, every other end releases it. One that has a time from the beginning
 * (core/dedup.h: throttle) is not touched by what becomes of its job. */
#ifndef JOBHOST_STORE_SQLITE_DEDUP_H
#define JOBHOST_STORE_SQLITE_DEDUP_H

#include "store/sqlite/jobrow.h"
#include "store/sqlite/writer.h"

/* 1 = *ret_holder holds it at now_ms, 0 = free. */
int dedup_holder(struct writer *w, const struct queue *queue, const char *key, int64_t now_ms,
                 struct job_id *ret_holder);

/* The job of `spec` holds its key from now on, whoever had it. */
int dedup_hold(struct writer *w, const struct queue *queue, const struct job_spec *spec,
               int64_t now_ms);

/* Its job has reached the final state `state`. */
int dedup_end(struct writer *w, const struct job_row *row, const struct lane *lane,
              enum job_state state, int64_t now_ms);

/* An ended job runs again: it holds its key again, unless another took it. */
int dedup_revive(struct writer *w, const struct job_row *row, const struct lane *lane,
                 int64_t now_ms);

#endif
