/* A time of a schedule as the store takes it: from what core/schedule.h plans to the row and its job. */
#ifndef JOBHOST_SUPERVISOR_SCHEDULE_FIRE_H
#define JOBHOST_SUPERVISOR_SCHEDULE_FIRE_H

#include "supervisor/jobs.h"
#include "supervisor/schedule_definition.h"

struct host;

/* Room for one item, and what it points to. */
struct schedule_fire {
    struct store_fire_item item;
    struct job_spec spec;
    struct problem problem; /* why there is no job: the row's reason */
    char key[SCHEDULE_KEY_MAX];
    char revision[STORE_SCHEDULE_REVISION_MAX + 1];
};

/* Where a schedule stands by what the store said; strings of `d` stay borrowed. */
struct schedule schedule_fire_rule(const struct schedule_definition *d, int64_t stored_ms,
                                   bool paused);

/* The row of a move and, if it starts one, its job. `unfinished`: so many of its jobs are not over, as far as the plan
 * knew, with those that it has started itself. A job that the host would not take from a client becomes a row that
 * says so (SCHEDULE_REFUSED). Memory comes from `arena`, the definition stays borrowed. */
void schedule_fire_move(struct host *host, const struct schedule_definition *d,
                        const struct schedule_move *move, int64_t unfinished, struct arena *arena,
                        struct schedule_fire *ret);

/* Its parts, which need no host. The row of a move, without a job; `boot` as schedule_key() has it. */
void schedule_fire_row(const struct config *config, const struct schedule_definition *d,
                       const struct schedule_move *move, const char *boot, int64_t unfinished,
                       int64_t now_ms, struct schedule_fire *ret);
/* What its job is asked for with; borrowed from `d`. */
struct job_request schedule_fire_request(const struct schedule_definition *d, int64_t nominal_ms);
/* The row's job is f->spec, if it could be resolved (0); else the row says why not. */
void schedule_fire_take(struct schedule_fire *f, int resolved);

/* One that somebody asked for. `key` is copied; NULL: that of the job. `nominal_ms` 0: none of its times, but the present. */
void schedule_fire_by_hand(struct host *host, const struct schedule_definition *d, const char *key,
                           enum schedule_verdict verdict, int64_t nominal_ms, const char *reason,
                           struct arena *arena, struct schedule_fire *ret);

#endif
