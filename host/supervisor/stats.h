/* What the host has done since it started, in numbers: for GET /metrics, which turns them into text
 * (api/metrics.c; docs/metrics.md names them). Counting is an addition in memory that the loop
 * thread owns: no lock, no allocation after a lane's first job, no clock of its own.
 *
 * What users name is bounded: (queue, type) pairs beyond STATS_SERIES_MAX share one series named
 * "other"; ids, users and paths are counted nowhere. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_STATS_H
#define JOBHOST_SUPERVISOR_STATS_H

#include <stdint.h>
#include <uthash.h>

#include "base/histogram.h"
#include "core/job.h"
#include "store/schedules.h"

#define STATS_OTHER "other"
enum {
    STATS_SERIES_MAX = 128, /* (queue, type) pairs with a series of their own */
    STATS_WORDS_MAX = 48,   /* words of one kind: codes, reasons              */
};

/* A counter for each of a few constant words. */
struct stats_words {
    struct {
        const char *word; /* a constant */
        uint64_t count;
    } items[STATS_WORDS_MAX];
    unsigned count;
    uint64_t other; /* further words */
};
/* `word` must be a constant: it is kept. */
void stats_word(struct stats_words *words, const char *word);

/* One (queue, type). */
struct stats_series {
    char *key; /* "queue\ntype" */
    char *queue, *type;
    uint64_t submitted, duplicates;     /* new jobs; those that a key led to another job   */
    uint64_t children;                  /* asked for in commits of its jobs                */
    uint64_t started;                   /* executions begun                                */
    uint64_t finished[JOB_STATE_COUNT]; /* by final state, of jobs that ended on a thread  */
    struct histogram run;  /* executions that returned: us in run() (histogram_waits)      */
    struct histogram wait; /* first executions: us from when due to run() (histogram_waits) */
    UT_hash_handle hh;
};

struct stats_store {
    uint64_t count, errors;
    struct histogram latency; /* us from post to answer (histogram_latencies) */
};

struct stats {
    struct stats_series *series; /* by key, in order of appearance */
    struct stats_series other;
    struct stats_series *last; /* the one that was asked for last */
    unsigned series_count;
    struct stats_words refused; /* submissions, by error code                              */
    struct stats_words retries; /* by class                                                */
    struct stats_words parked;  /* by what for                                             */
    struct stats_words reloads; /* by what came of them                                    */
    uint64_t fenced;            /* attempts whose job was taken from this host             */
    uint64_t recovered;         /* jobs of dead hosts that it gave back to their queues    */
    uint64_t ended_waiting[JOB_STATE_COUNT]; /* cancelled, or too late, before a thread had them */
    uint64_t schedule_times[SCHEDULE_VERDICT_COUNT]; /* written by this host                      */
    uint64_t schedule_missed; /* of these, missed and not made good                              */
    uint64_t shed;            /* submissions refused, for the store cannot keep up   */
    uint64_t events_told, events_by_jobs; /* by the API, and kept; asked for in commits     */
    struct stats_words events_refused;    /* of the API, by error code                      */
    uint64_t event_wakes;                 /* jobs that this host has queued with an event   */
    struct stats_store store[STORE_OP_KINDS];
    struct histogram groups; /* operations in one transaction (histogram_sizes) */
};

struct stats *stats_new(void);
void stats_free(struct stats **stats);

/* The series of a pair, made on first sight; the shared one when there are too many or no memory.
 * Never NULL; lives as long as the stats. */
struct stats_series *stats_series(struct stats *stats, const char *queue, const char *type);

/* An operation has been answered, `took_us` after it was posted: counts it, and what it says about
 * jobs: submissions, times of schedules, cancels of waiting jobs, those that were too late when they were claimed. */
void stats_store_answered(struct stats *stats, const struct store_op *op, int64_t took_us);

/* The operation's name in metrics ("submit"); NULL for one that no backend has yet. */
const char *stats_store_name(enum store_op_kind kind);

#endif
