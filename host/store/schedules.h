/* The store's side of schedules (core/schedule.h plans, the store remembers): definitions, ledgers, and
 * what waits behind a job that runs.
 *
 *     PUT ─▶ definition, of a revision      SET ─▶ a pause      LIST ─▶ where each schedule is
 *     FIRE ─▶ a row of the ledger and its job, in one transaction     LEDGER_LIST ─▶ the rows
 *
 * A row is unique by (schedule, revision, key): of any number of hosts that fire the same time one writes
 * it, and makes its job. Hosts need no leader for that, and a host whose file says something else than
 * the stored revision fires nothing (-ESTALE).
 *
 * A job of a schedule (job_spec.schedule) is *unfinished* from its row on until it ends. One that was
 * made with SCHEDULE_QUEUED or SCHEDULE_REPLACE while another is unfinished is parked (PARK_SCHEDULE);
 * when none is left that does not wait, the first of those becomes queued, in the same transaction as
 * that end, whatever it was. All of this is inside the target queue: a schedule that moves to another
 * queue does not see the jobs that it has in the old one, and these go on among themselves.
 *
 * Definitions and ledgers do not count for budgets; they have limits of their own. Jobs do. */
#ifndef JOBHOST_STORE_SCHEDULES_H
#define JOBHOST_STORE_SCHEDULES_H

#include "core/schedule.h"
#include "store/store.h"

enum {
    STORE_SCHEDULES_MAX = 10000,
    STORE_SCHEDULE_ID_MAX = 128,          /* bytes, at least 1; no blanks, no control characters */
    STORE_SCHEDULE_REVISION_MAX = 64,     /* the same                                           */
    STORE_SCHEDULE_DEFINITION_MAX = 65536 /* bytes                                              */
};

/* What the store needs not know of a schedule stands in `definition`, which it only keeps. A PUT of the
 * stored revision and queue changes nothing. Any other one replaces what is stored, begins now, and has
 * no place in the ledger yet; its pause and its rows stay. A revision may be SERIES.EDITION: another
 * edition of the stored series begins where that one was, so that nothing is left out or done twice. */
struct store_schedule_put_item {
    const char *id;
    const char *queue;      /* the target of its jobs                                           */
    const char *revision;   /* a hash of what matters: who changes that changes this            */
    const char *definition; /* JSON                                                             */
    const char *by;         /* the host, or who asked for it: for people; may be NULL           */
    bool api;               /* it came by the API; else a file owns it                          */
    bool remove;            /* only id matters: it fires no more; rows stay until they are swept */
    /* answers: 0; -EINVAL (a limit above); -EDQUOT (STORE_SCHEDULES_MAX); -ENOENT (remove) */
    int status;
    bool changed;
    int64_t stored_ms; /* of the revision: its times are later than that */
};
struct store_schedule_put {
    struct store_op op;
    struct store_schedule_put_item *items;
    size_t count;
};

/* A pause begins, or ends; what is so already is left alone. op.status -ENOENT. */
struct store_schedule_set {
    struct store_op op;
    const char *id;
    bool paused;
    const char *by, *why; /* of a pause; may be NULL */
};

/* What the store knows of a schedule; strings live in the operation's arena. */
struct store_schedule {
    const char *id, *queue, *revision, *definition, *by;
    bool api;
    int64_t stored_ms;
    int64_t paused_ms; /* 0 = it is not paused */
    const char *paused_by, *paused_why;
    int64_t resumed_ms; /* the end of the last pause; 0 = there was none */
    int64_t last_ms;    /* as schedule_state.last_ms */
    uint32_t running;   /* jobs that are unfinished and wait for none of its schedule */
    uint32_t waiting;
    struct job_id job; /* the newest of the running ones; zero = none */
    enum job_state job_state;
    uint64_t times[SCHEDULE_VERDICT_COUNT]; /* what became of its times, of all revisions */
};

/* By id, in the order of bytes. */
struct store_schedule_list {
    struct store_op op;
    const char *id; /* only this one: op.status -ENOENT; NULL = all */
    uint32_t limit; /* 1..1000 */
    const char *cursor;
    struct store_schedule *schedules;
    size_t count;
    const char *next_cursor; /* NULL at the end */
};

/* A row, as it is written and as it is read. */
struct store_ledger_row {
    const char *revision;
    const char
        *key; /* schedule_key(), or what the caller makes unique; as a revision, SCHEDULE_KEY_MAX */
    enum schedule_verdict verdict;
    bool missed;
    uint32_t count;              /* times it stands for */
    int64_t nominal_ms, last_ms; /* the first and the last of them */
    int64_t actual_ms;
    const char *reason; /* may be NULL; JOB_MESSAGE_MAX bytes */
    struct job_id job;  /* zero = none; when it is read */
};

struct store_fire_item {
    const char *schedule, *queue;
    struct store_ledger_row row;
    /* The job, with `schedule` and `nominal_ms`, without files; NULL = the row alone. It is submitted
     * as SUBMIT does it, but for dedup modes replace and debounce. One that is refused has a row all the same, SCHEDULE_REFUSED and why. */
    const struct job_spec *spec;
    int64_t max_waiting; /* as store_submit_item.max_waiting */
    /* More of its jobs than that must not be unfinished: -EAGAIN, ask again where it is. -1 = any
     * number. It keeps two hosts that see different things from starting two at a time. */
    int64_t unfinished_max;
    int64_t keep_ms; /* of what SCHEDULE_REPLACE cancels; 0 = for ever */
    /* Somebody asked for it: a pause does not matter, and the row does not say where the schedule is. */
    bool by_hand;
    /* Answers: 0; -EEXIST: there is such a row (`verdict`, `job`); -ENOENT: no such schedule; -ESTALE:
     * another revision, or queue, is stored; -EBUSY: it is paused, and the verdict is not
     * SCHEDULE_SKIPPED_PAUSED; -EAGAIN; -EADDRINUSE: make another id; -EINVAL: a limit, a job of
     * another schedule or queue, with files, or of those modes. */
    int status;
    enum schedule_verdict verdict; /* as it is written */
    struct job_id job;             /* zero: none */
    bool waits;                    /* behind others */
};
/* Each item wholly or not at all; what SCHEDULE_REPLACE asks of other jobs is part of it. */
struct store_fire {
    struct store_op op;
    struct store_fire_item *items;
    size_t count;
    bool outbox; /* answer: as of a CLAIM, because of who was replaced */
};

/* Of one schedule, also of one that was removed, newest first as they were written. */
struct store_ledger_list {
    struct store_op op; /* status -ENOENT: nothing is known of it */
    const char *schedule;
    int verdict;    /* -1 = any */
    uint32_t limit; /* 1..1000 */
    const char *cursor;
    struct store_ledger_row *rows;
    size_t count;
    const char *next_cursor;
};

/* ---- for the stores */

/* Words of a row whose job was refused: who holds the dedup key, or store_submit_item.status. */
#define STORE_FIRE_DUPLICATE "its dedup key is held by %s"
const char *store_fire_refusal(int status);

/* 0 or -EINVAL: the limits above. */
int store_schedule_check_put(const struct store_schedule_put_item *item);
int store_schedule_check_fire(const struct store_fire_item *item);
/* Are these two editions of one series? */
bool store_schedule_same_series(const char *revision, const char *other);

#endif
