/* The unfinished jobs of schedules, and who of them waits for the others: the table `schedule_jobs`.
 * A job is of a schedule and a queue. Jobs without HAS_SCHEDULE cost nothing here. */
#ifndef JOBHOST_STORE_SQLITE_SCHEDULE_JOBS_H
#define JOBHOST_STORE_SQLITE_SCHEDULE_JOBS_H

#include "store/sqlite/jobrow.h"
#include "store/sqlite/writer.h"

struct schedule_tally {
    int64_t running, waiting;
};
int schedule_jobs_count(struct writer *w, const char *schedule, const struct queue *queue,
                        struct schedule_tally *ret);

/* A new job is unfinished from now on. */
int schedule_jobs_add(struct writer *w, int64_t rid, const char *schedule,
                      const struct queue *queue, bool waits);

/* Their numbers, the newest first, in the scratch arena. How many, or negative errno. */
int64_t schedule_jobs_all(struct writer *w, const char *schedule, const struct queue *queue,
                          int64_t **ret);

/* For place_move(), when the row has been written: a job of a schedule went from `row->state` to
 * `to`. When it ends, the next one may become queued. */
int schedule_jobs_moved(struct writer *w, const struct job_row *row, const struct lane *lane,
                        enum job_state to, int64_t now_ms);

/* The first that waits becomes queued, if none is left that it waits for. */
int schedule_jobs_next(struct writer *w, const char *schedule, const struct queue *queue,
                       int64_t now_ms);

#endif
