/* Why does this job not run? One function that the dispatcher and `explain` share, so that the
 * answer is never a guess: what stops the dispatcher is what the user is told. Pure.
 *
 * Facts are gathered by the caller; evaluate() turns them into reasons, the most decisive first. No
 * reason = the dispatcher may start it now. */
#ifndef JOBHOST_CORE_EVALUATE_H
#define JOBHOST_CORE_EVALUATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/job.h"
#include "core/limiter.h"
#include "core/pace.h"
#include "core/skew.h"

enum reason_code {
    REASON_FINISHED,  /* it has ended; `state` says how                              */
    REASON_RUNNING,   /* it runs, or is in a worker's window                          */
    REASON_DUE_LATER, /* scheduled, or parked until a time                            */
    REASON_PARKED,    /* parked for something else                                    */
    REASON_QUEUE_PAUSED,
    REASON_NO_HANDLER, /* no loaded plugin has this type                               */
    REASON_BREAKER,    /* the plugin crashed on too many jobs, and is left alone       */
    REASON_NO_SLOT,    /* queue concurrency or the plugin's workers are all taken      */
    REASON_BEHIND,     /* others of the same lane may go first                         */
    REASON_DRAINING,   /* the host is shutting down                                    */
    REASON_SAFE_MODE,  /* the host was told to start nothing                           */
    REASON_PLUGIN_PAUSED,
    REASON_DISK,            /* the plugin keeps more on the disk than it may               */
    REASON_RELEASED_SLOWLY, /* what waited is let go at a pace                             */
    REASON_STORE,           /* store degraded: read-only                                    */
    REASON_SCOPE_BREAKER,   /* a breaker of its scope is open, or waits for its probe       */
    REASON_LIMITER,         /* the limiter that its start needs has no slot                  */
    REASON_TENANT_SHARE,    /* tenants of the lane take turns, and others wait too          */
    REASON_BUDGET_FULL,     /* what it waits for finds no room in the store                 */
    REASON_COUNT
};

const char *reason_code_name(enum reason_code code); /* "queue_paused" */

struct reason {
    enum reason_code code;
    char detail[SKEW_WHY_MAX]; /* one sentence with names and numbers                     */
    int64_t clears_at_ms;      /* unix ms, or 0 = not known                               */
};

/* What can be paused, and released slowly. */
enum gate_scope { GATE_HOST, GATE_PLUGIN, GATE_QUEUE, GATE_SCOPES };

struct job_pause {
    bool on;
    const char *by, *why; /* may be NULL */
    int64_t at_ms;
};

struct job_release {
    bool on;
    enum gate_scope of;
    struct pace_rate rate;
    int64_t left;    /* of the jobs that waited when it began */
    int64_t over_ms; /* when they will all have been let go   */
};

/* What is known about one job's surroundings at `now`. Pointers borrowed for the call. */
struct job_facts {
    enum job_state state;
    enum park_reason park;
    int64_t run_at_ms;               /* scheduled, or parked until                             */
    const char *winner;              /* id of the job that has its key instead, or NULL        */
    const char *wait_key;            /* event or limiter a parked job waits for, or NULL       */
    int64_t parked_ms;               /* since when it is parked; 0 = not known                  */
    const char *question;            /* what it asks an operator, or NULL                       */
    const char *wait_job;            /* id of the job that it waits for, or NULL               */
    int64_t children, children_open; /* PARK_CHILDREN: of its flow; 0 = not known     */
    int64_t
        no_room_ms; /* PARK_EVENT: when the store last had none for an event of a job; 0 = it has */
    const char *type, *queue;
    uint32_t steps_version;             /* of its steps; 0 = none */
    const struct skew_handler *resumes; /* of its handler; NULL = nobody has it */
    enum skew_policy state_policy;
    bool draining;
    const char *store_fault; /* NULL = healthy                                         */
    struct job_pause pause[GATE_SCOPES];
    int64_t disk_bytes, disk_max; /* of the plugin, when it is too much; 0 = it is not      */
    struct job_release release;   /* the slowest that it goes through                        */
    bool has_handler;
    bool shared;               /* other hosts may have what this one lacks                  */
    const char *handler_fault; /* why the plugin that should have it is not up, or NULL  */
    uint32_t queue_running, queue_limit; /* limit 0 = none                               */
    uint32_t pool_busy, pool_slots;      /* threads of the plugin                        */
    bool breaker;                        /* of the plugin: not closed                      */
    int64_t breaker_until_ms;            /* open until then; 0 = one job at a time         */
    const char *scope_breaker;           /* name of one that stops it, or NULL           */
    const char *scope_class;             /* of the last of its failures                  */
    uint32_t scope_failures;             /* in a row                                     */
    bool scope_half_open;
    int64_t scope_until_ms; /* open, or its probe may be silent, until then; 0 = the next may go */
    bool limited;           /* its start, or (running) itself, waits for this limiter        */
    char limiter[LIMITER_NAME_MAX + 1];
    enum limiter_part limiter_part;
    int64_t limiter_until_ms; /* 0 = when a slot is free                            */
    const char *pool;         /* plugin name, or NULL                                   */
    const char *tenant;       /* whose it is, or NULL                                   */
    int64_t tenants;          /* others that have jobs waiting in the lane              */
    int64_t ahead;            /* jobs of the lane that may go first, at most; -1 = not counted */
};

/* Fills up to `cap` reasons, returns how many there are in all. */
unsigned evaluate(const struct job_facts *facts, int64_t now_ms, struct reason *ret_reasons,
                  unsigned cap);

/* What the dispatcher asks per lane: may anything start now? Same rules, no text. */
bool evaluate_may_start(const struct job_facts *facts);

#endif
