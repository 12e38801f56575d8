/* Where a job is: the one module that writes the state of a row. The index over (place, at_ms) is
 * every queue at once:
 *
 *      place                 at_ms                  who
 *      PLACE_DUE             due time               scheduled jobs; parked ones with a time
 *      PLACE_RUNNING         ready since            attempts that were written down (claims.h)
 *      PLACE_KEPT            when to delete it      ended jobs
 *      PLACE_BAND + ...      ready since            queued jobs: one number a lane and priority, and
 *                                                   one a tenant there (turns.h)
 *      NULL                                         parked without a time, ended and kept for ever
 *
 * With each change it keeps the counters, the cursor of the ready band, the earliest due time, the
 * dedup key and the lists in step. */
#ifndef JOBHOST_STORE_SQLITE_PLACE_H
#define JOBHOST_STORE_SQLITE_PLACE_H

#include "store/sqlite/jobrow.h"
#include "store/sqlite/turns.h"
#include "store/sqlite/writer.h"

enum { PLACE_DUE = 1, PLACE_RUNNING = 2, PLACE_KEPT = 3, PLACE_BAND = 16 };

struct place {
    enum job_state state;
    /* QUEUED, RUNNING: ready since; SCHEDULED, PARKED: due (0 = not by time); final: when it may be
     * deleted (0 = never) */
    int64_t at_ms;
};

/* The column `place`, of what stands in no tenant's line; 0 = NULL. */
static inline int64_t place_number(struct place where, uint32_t lane, enum job_priority p) {
    switch (where.state) {
    case JOB_QUEUED: return PLACE_BAND + (int64_t)lane * 4 + (int64_t)p;
    case JOB_RUNNING: return PLACE_RUNNING;
    case JOB_SCHEDULED:
    case JOB_PARKED: return where.at_ms > 0 ? PLACE_DUE : 0;
    default: return where.at_ms > 0 ? PLACE_KEPT : 0;
    }
}

/* The table `lists`: what people list by, where reading past all other jobs would take long. */
enum place_list { PLACE_LIST_STATE = 1, PLACE_LIST_TENANT = 2, PLACE_LIST_PARENT = 3 };

/* Does it hold jobs in this state? Queued, running and succeeded ones are found without it. */
static inline bool place_is_listed(int state) {
    return state == JOB_SCHEDULED || state == JOB_PARKED || state == JOB_DEAD ||
           state == JOB_CANCELLED || state == JOB_DUPLICATE;
}

/* Finds the row (without payload; borrowed from the arena of the operation in hand). 1 = found, 0 =
 * no such job. */
int place_find(struct writer *w, const struct job_id *id, struct job_row *ret);
int place_find_rid(struct writer *w, int64_t rid, struct job_row *ret);

/* Stores a new row. 1 = stored; 0 = there is a row of this number already. */
int place_insert(struct writer *w, const struct job_spec *spec, struct lane *lane, uint32_t has,
                 struct bytes packed, struct place where);

/* Moves it: `row` as it was in state, with rev, token, commit_no and has as they shall be. `life`
 * NULL = none. `now_ms` decides about dedup keys. */
int place_move(struct writer *w, const struct job_row *row, const struct job_life *life,
               struct place to, int64_t now_ms);

/* As place_move(), of a job whose attempt is over: one that somebody asked to cancel meanwhile does
 * not wait again. Where it went. */
int place_leave(struct writer *w, const struct job_row *row, const struct job_life *life,
                struct place to, int64_t now_ms, enum job_state *ret);

/* A row that says RUNNING, and its host is gone: the attempt had begun, and is over. */
int place_lose(struct writer *w, struct job_row *row, struct job_life *life, int64_t now_ms);

/* Writes all but the place. */
int place_touch(struct writer *w, const struct job_row *row, const struct job_life *life);

/* Deletes the row of a final job and all that hangs on it; its id is remembered if it was to be. */
int place_remove(struct writer *w, const struct job_row *row, int64_t now_ms);

/* Was there a job of this id whose removal is remembered at now_ms? 1 = yes. */
int place_was_removed(struct writer *w, const struct job_id *id, int64_t now_ms);

/* now + keep, or 0 for ever. */
static inline int64_t place_expiry(int64_t now_ms, int64_t keep_ms) {
    return keep_ms <= 0 ? 0 : keep_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + keep_ms;
}

#endif
