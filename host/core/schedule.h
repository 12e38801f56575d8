/* Schedules: what becomes of each of their times. Pure.
 *
 *      last of the ledger                          now
 *        │   older than catch_up_window │            │
 *   ─────●──────x──────x──────x──────x──┼──x──────x──┼──────o─────▶ time
 *               └── one row: dropped ───┘  └─ moves ─┘      └ wake
 *
 * A schedule has nominal times (cron.h) and a ledger in the store, with a row for each of them. The ledger is the only
 * memory: whoever wants to know what to do reads the newest row, asks schedule_plan(), and writes the moves as rows, in their
 * order, each with its job in one transaction. A row's key (schedule, revision, schedule_key()) is unique in the store: of
 * several hosts that plan the same move one writes it, and a plan that is made twice does nothing twice.
 *
 * Times are unix milliseconds; nominal ones are whole seconds. */
#ifndef JOBHOST_CORE_SCHEDULE_H
#define JOBHOST_CORE_SCHEDULE_H

#include <stddef.h>

#include "core/cron.h"

enum {
    SCHEDULE_MOVES_MAX = 64,
    SCHEDULE_COUNT_MAX =
        10000,                /* of times that one row stands for; more are not counted           */
    SCHEDULE_LATE_MS = 10000, /* the newest time is on time, not missed, when it is no later      */
    SCHEDULE_KEY_MAX = 64,
};
/* What is further ahead of the clock was written by a wrong one: it does not hold a schedule up. */
#define SCHEDULE_AHEAD_MS INT64_C(86400000)
#define SCHEDULE_NEVER    INT64_MAX
#define SCHEDULE_NONE     INT64_MIN

/* In the order of the words of schedules.<name>.catch_up, overlap. */
enum schedule_catch_up { CATCH_UP_LATEST, CATCH_UP_ALL, CATCH_UP_NONE, CATCH_UP_COUNT };
enum schedule_overlap {
    OVERLAP_SKIP,      /* a time at which the job of another has not ended is left out */
    OVERLAP_QUEUE_ONE, /* its job waits, if no other waits                             */
    OVERLAP_QUEUE_ALL, /* its job waits, behind at most `max`                          */
    OVERLAP_ALLOW,     /* its job starts                                               */
    OVERLAP_REPLACE,   /* the others are cancelled, and its job starts when they ended */
    OVERLAP_COUNT
};

/* NULL for a value outside the enum; -1 when there is no such name. */
const char *schedule_catch_up_name(int catch_up);
int schedule_catch_up_from_name(const char *name);
const char *schedule_overlap_name(int overlap);
int schedule_overlap_from_name(const char *name);

/* What the file says, and since when it does. A different rule is a new revision with a stored_ms of its own: it begins
 * then, and does not catch up what the old one or it itself would have done before. */
struct schedule {
    const char *id;        /* borrowed: jitter depends on it                                  */
    struct cron_rule rule; /* borrowed; its anchor is not looked at                           */
    enum schedule_catch_up catch_up;
    int64_t window_ms, max; /* of catch_up                                                    */
    enum schedule_overlap overlap;
    int64_t jitter_ms;
    int64_t start_ms;  /* first nominal time there may be, SCHEDULE_NONE = any; anchor of @every */
    int64_t end_ms;    /* last one; SCHEDULE_NEVER = none                                     */
    int64_t stored_ms; /* when this revision was stored first; anchor of @every without start */
    bool paused;
};

/* ---- times, for previews and for what is created by hand */

struct schedule_time {
    int64_t nominal_ms;
    int64_t fire_ms; /* jitter included; before the next nominal time */
    int64_t local;   /* what the expression names: local, in seconds  */
    int32_t offset;
    enum cron_mark mark;
};

/* The first later than `after_ms`, within start and end; false = never. Pauses do not matter. */
bool schedule_next(const struct schedule *s, int64_t after_ms, struct schedule_time *ret);
/* The first in (after_ms, until_ms] that is left out because of a gap. */
bool schedule_next_skipped(const struct schedule *s, int64_t after_ms, int64_t until_ms,
                           struct schedule_time *ret);

/* ---- the plan */

struct schedule_state {
    /* of the ledger's rows of this revision the newest last_ms that is not SCHEDULE_AHEAD_MS ahead, or SCHEDULE_NONE */
    int64_t last_ms;
    int64_t resumed_ms; /* the end of the last pause, or SCHEDULE_NONE                   */
    bool running;       /* a job of this schedule was started and has not ended          */
    uint32_t waiting;   /* so many were queued behind it                                 */
    bool booted;        /* @reboot: this host has started, and has no row of that yet    */
};

/* Values are stored: never renumber. */
enum schedule_verdict {
    SCHEDULE_FIRE,            /* a job starts                                                   */
    SCHEDULE_CAUGHT_UP,       /* the same, of a time that was missed                            */
    SCHEDULE_QUEUED,          /* a job is made that starts when those before it have ended      */
    SCHEDULE_REPLACE,         /* the others are cancelled; the rest as QUEUED                   */
    SCHEDULE_SKIPPED_OVERLAP, /* from here on no job                                            */
    SCHEDULE_SKIPPED_GAP,     /* the clocks left its time out, and `dst` leaves it at that      */
    SCHEDULE_SKIPPED_PAUSED,
    SCHEDULE_DROPPED_WINDOW,   /* missed, and older than the window                              */
    SCHEDULE_DROPPED_MAX,      /* more than `max` were missed, or wait                           */
    SCHEDULE_DROPPED_CATCH_UP, /* missed, and `catch_up` is none, or a newer one is caught up    */
    SCHEDULE_REFUSED, /* a job should have started, and the store did not take it: never planned */
    SCHEDULE_VERDICT_COUNT
};

/* "fire", "caught_up", "queued", "replace", "skipped_overlap", ...; NULL for a value outside the enum. */
const char *schedule_verdict_name(int verdict);
/* Does a job come of it? */
bool schedule_verdict_starts(enum schedule_verdict verdict);

/* A row for the ledger. One that starts a job stands for one time, others for a run of them. */
struct schedule_move {
    enum schedule_verdict verdict;
    bool
        missed; /* it comes more than SCHEDULE_LATE_MS after its time, or after a newer one was due */
    bool boot; /* of @reboot                                                                    */
    uint32_t
        count; /* times it stands for; SCHEDULE_COUNT_MAX = or more                             */
    struct schedule_time
        time;        /* the first of them                                                  */
    int64_t last_ms; /* the nominal time of the last of them                               */
};

struct schedule_plan {
    size_t count;
    struct schedule_move moves[SCHEDULE_MOVES_MAX]; /* oldest first */
    /* When to ask again, if nothing changes before: the job ends, a pause, another file, the clock is set. In the past: there
     * are more moves than these, write them and ask again. SCHEDULE_NEVER: no time is left, or it is paused. */
    int64_t wake_ms;
};

/* What is to be done at `now_ms`. Costs microseconds, and milliseconds after a long time without it. What a pause left out
 * is planned when somebody looks, also when it is over. */
void schedule_plan(const struct schedule *s, const struct schedule_state *state, int64_t now_ms,
                   struct schedule_plan *ret);

/* What is unique within a revision: "1793512800", of one that a gap leaves out "1793512800-gap", of @reboot "boot-BOOT" with the
 * name of this start of this host. */
void schedule_key(const struct schedule_move *move, const char *boot, char out[SCHEDULE_KEY_MAX]);

#endif
