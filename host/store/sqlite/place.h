/* Where a job is: the one module that writes the state of a row. A job's place is its row (`state`, `at_ms`); the partial indexes
 * of schema.c are the queues. With each change it keeps the counters, the cursor of the ready band, the earliest due time and the
 * dedup key in step. */
#ifndef JOBHOST_STORE_SQLITE_PLACE_H
#define JOBHOST_STORE_SQLITE_PLACE_H

#include "store/sqlite/jobrow.h"
#include "store/sqlite/writer.h"

struct place {
    enum job_state state;
    int64_t at_ms;     /* see struct job_row                       */
    int64_t expire_ms; /* final: when it may be deleted; 0 = never */
};

/* Finds the row (without payload; borrowed from the arena of the operation in hand). 1 = found, 0 = no such job. */
int place_find(struct writer *w, const struct job_id *id, struct job_row *ret);
int place_find_rid(struct writer *w, int64_t rid, struct job_row *ret);

/* Stores a new row. 1 = stored; 0 = there is a row of this number already. */
int place_insert(struct writer *w, const struct job_spec *spec, struct lane *lane, uint32_t has,
                 struct bytes packed, struct place where);

/* Moves it: `row` as it was in state, with rev, token, commit_no and has as they shall be. `life` NULL = none. `now_ms` decides
 * about dedup keys. */
int place_move(struct writer *w, const struct job_row *row, const struct job_life *life,
               struct place to, int64_t now_ms);

/* Writes all but the place. */
int place_touch(struct writer *w, const struct job_row *row, const struct job_life *life);

/* Deletes the row of a final job and all that hangs on it. */
int place_remove(struct writer *w, const struct job_row *row, int64_t now_ms);

/* now + keep, or 0 for ever. */
static inline int64_t place_expiry(int64_t now_ms, int64_t keep_ms) {
    return keep_ms > 0 ? now_ms + keep_ms : 0;
}

#endif
