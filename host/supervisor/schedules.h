/* Schedules at work: the definitions of this host's file and those of the API, each planned (core/schedule.h) and fired
 * (store/schedules.h) at its time.
 *
 *     start, SIGHUP ─▶ read (a side thread) ─▶ PUT ─▶ LIST ─▶ remove ─┐
 *     another host's change, a clock that was set ──────────▶ LIST ───┤
 *                                                                     ▼
 *         ┌──────────────── plan: nothing is due ◀────────────────── look ◀──────────┐
 *         ▼                                                           │ due          │
 *     heap of the next times ── wall_timer ──▶ its time has come ─────┘──▶ FIRE ─────┘
 *
 * The ledger is the only memory: what is known here of a schedule is a guess that the store corrects. The common case, one
 * time that is on time, is fired by the guess that nothing of it runs; whatever is more than that, and whatever the
 * store refused, is planned by what the store says. A few schedules are with the store at a time, and a turn of the
 * loop looks at a few: any number of them may be due at once.
 *
 * Who starts, or reloads, stores what his file says: the last one wins. A host whose file says something else than
 * the store is *drifting*: it fires nothing of that schedule, says so once, and shows it. When what is stored has not been
 * fired for a minute, nobody is left who says the same, and a host that drifts stores what its own file says. Loop thread
 * only. */
#ifndef JOBHOST_SUPERVISOR_SCHEDULES_H
#define JOBHOST_SUPERVISOR_SCHEDULES_H

#include "supervisor/schedule_definition.h"

struct host;
struct schedules;

struct schedules *schedules_new(struct host *host);
void schedules_free(struct schedules **s);

/* The store has answered: reads what there is, and begins. */
void schedules_run(struct host *host);
/* The host has another configuration, or other time zones. */
void schedules_reload(struct host *host);
/* This one was stored, removed, paused or resumed, here or elsewhere; NULL: any may have been. */
void schedules_changed(struct host *host, const char *id);
/* The store can be asked again. */
void schedules_resume(struct host *host);

/* ---- for people */

enum schedule_standing {
    STANDING_ACTIVE,
    STANDING_PAUSED,
    STANDING_ENDED,    /* no time is left                                                   */
    STANDING_DRIFTING, /* this host fires nothing of it: its file says something else than the store */
    STANDING_COUNT
};
const char *schedule_standing_name(enum schedule_standing standing);

struct schedule_view {
    const struct schedule_definition *definition; /* NULL: this host does not know what it says */
    bool in_file;                                 /* of this host                               */
    enum schedule_standing standing;
    const char *why;                  /* it drifts, in words; NULL = it does not */
    struct schedule rule;             /* with a definition */
    int64_t next_ms, next_nominal_ms; /* when it comes next, jitter included; 0 = never */
};
/* As `stored` says it is; borrowed until the loop turns. */
void schedules_view(const struct host *host, const struct store_schedule *stored,
                    struct schedule_view *ret);

/* Has this host read its file, and what is stored? */
bool schedules_known(const struct host *host);
/* What this host's file says; NULL: nothing. Borrowed until the loop turns. */
const struct schedule_definition *schedules_of_file(const struct host *host, const char *id);
/* For each of its file that the store does not have, in no order. */
void schedules_each_missing(const struct host *host, void (*each)(void *arg, const char *id),
                            void *arg);
/* Zones as they were read last; borrowed. */
struct config_zones *schedules_zones(const struct host *host);

/* The longest catch_up_window: rows that are younger tell what may not be caught up again. */
int64_t schedules_window(const struct host *host);

/* How many stand how, as far as is known here. */
void schedules_count(const struct host *host, uint64_t ret[STANDING_COUNT]);

#endif
