/* What a job is: its states, the one table of transitions between them, and its fields.
 *
 *                       submit, delay                 submit
 *                            │                           │
 *                            ▼           due             ▼        claim
 *      ┌──────────────▶ scheduled ──────────────────▶ queued ───────────────▶ running
 *      │ retry later         ▲ promote ───────────────▶ ▲                       │
 *      │                     │                          │ wake                  │
 *      ├─────────────────────┼──────────────────────────┼── parked ◀── park ────┤
 *      │                     └── (operator) ── dead ◀───┼────────────── die ────┤
 *      └────────────────────────────────────────────────┴── release, retry ─────┤
 *                                     succeeded ◀──────────────────── succeed ──┤
 *                                     cancelled ◀───────────── cancel (any) ────┘
 *                                     duplicate ◀── found out later (degraded intake)
 *
 * Pure: no I/O, no clock. */
#ifndef JOBHOST_CORE_JOB_H
#define JOBHOST_CORE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "core/id.h"

/* Values are stored: never renumber. */
enum job_state {
    JOB_SCHEDULED = 0, /* due later: delayed, or waiting for its next attempt */
    JOB_QUEUED = 1,
    JOB_RUNNING = 2, /* claimed by a host; perhaps not started yet          */
    JOB_PARKED = 3,  /* waits for what park_reason says; holds no worker    */
    JOB_SUCCEEDED = 4,
    JOB_DEAD = 5, /* in the dead-letter queue                            */
    JOB_CANCELLED = 6,
    JOB_DUPLICATE = 7, /* of the job named in `winner`                        */
    JOB_STATE_COUNT
};

enum job_event {
    JOB_EV_NONE = 0, /* stays in its state (a commit in mid-run)                       */
    JOB_EV_CLAIM,    /* a host takes it                                                */
    JOB_EV_SUCCEED,
    JOB_EV_RETRY,   /* attempt failed; runs again at run_at                           */
    JOB_EV_DIE,     /* failed for good                                                */
    JOB_EV_PARK,    /* yield, or the supervisor parks it                              */
    JOB_EV_RELEASE, /* comes back unstarted, or by drain or a neighbour's crash: queued again */
    JOB_EV_DUE,     /* its time has come                                              */
    JOB_EV_WAKE,    /* what it was parked for has happened                            */
    JOB_EV_PROMOTE, /* operator: do not wait for the time                             */
    JOB_EV_CANCEL,
    JOB_EV_REVIVE, /* operator retries a dead or cancelled job                       */
    JOB_EV_DUPLICATE,
    JOB_EVENT_COUNT
};

/* Values are stored: never renumber. */
enum park_reason {
    PARK_NONE = 0,
    PARK_TIME = 1,
    PARK_EVENT = 2,
    PARK_CHILDREN = 3,
    PARK_LIMITER = 4,
    PARK_BREAKER = 5,
    PARK_NO_HANDLER = 6,
    PARK_STATE_VERSION = 7,
    PARK_NEEDS_OPERATOR = 8,
    PARK_PIN_UNAVAILABLE = 9,
    PARK_SCHEDULE = 10, /* behind an earlier job of its schedule */
    PARK_REASON_COUNT
};

/* Values are stored. The handler sees and sets -1, 0, 1 (jh_child); here 0 is served first. */
enum job_priority { PRIORITY_HIGH = 0, PRIORITY_NORMAL = 1, PRIORITY_LOW = 2, PRIORITY_COUNT };

enum dedup_mode {
    DEDUP_REJECT,
    DEDUP_RETURN,
    DEDUP_REPLACE,
    DEDUP_DEBOUNCE,
    DEDUP_THROTTLE,
    DEDUP_MODE_COUNT
};

/* Names as users type and read them; NULL for a value outside the enum. */
const char *job_state_name(int state);
const char *job_event_name(int event);
const char *park_reason_name(int reason);
const char *priority_name(int priority);
const char *dedup_mode_name(int mode);

/* The reverse; -1 when there is no such name. */
int job_state_from_name(const char *name);
int park_reason_from_name(const char *name);
int priority_from_name(const char *name);
int dedup_mode_from_name(const char *name);

/* The state that `event` leads to, or -1 if it is not allowed in `from`. A retry or park whose time
 * lies ahead gives JOB_SCHEDULED or JOB_PARKED; DUE, WAKE, PROMOTE, RELEASE and REVIVE give
 * JOB_QUEUED. */
int job_next_state(enum job_state from, enum job_event event);

static inline bool job_is_final(enum job_state s) {
    return s >= JOB_SUCCEEDED;
}

/* ---- limits (each has a test at limit and limit + 1) ---- */
enum {
    JOB_TYPE_MAX = 128, /* bytes; [A-Za-z0-9_.-]+, starting with a letter */
    JOB_QUEUE_MAX = 64, /* same alphabet                                  */
    JOB_TENANT_MAX = 128,
    JOB_KEY_MAX = 512,     /* dedup key                                      */
    JOB_LABELS_MAX = 1024, /* all labels with their commas                   */
    JOB_LABEL_COUNT_MAX = 32,
    JOB_CONTENT_TYPE_MAX = 128,
    JOB_CALLBACK_MAX = 2048,
    JOB_RETRY_MAX = 512,    /* a per-job retry policy's text                  */
    JOB_MESSAGE_MAX = 1024, /* error and progress messages                    */
    JOB_CODE_MAX = 64,      /* error and warning codes                        */
    JOB_SCOPE_MAX = 128,    /* breaker scope                                  */
    JOB_FILES_MAX = 32,
    JOB_FILE_NAME_MAX = 255,  /* bytes; of inputs and outputs                   */
    JOB_OUTPUTS_MAX = 1000,   /* output files of a job                          */
    JOB_WARNINGS_MAX = 100,   /* listed; more are only counted                  */
    JOB_HISTORY_MAX = 20,     /* attempts listed, newest                        */
    JOB_LOG_TAIL_MAX = 16384, /* bytes of log kept per job                      */
    JOB_STEP_NAME_MAX = 255,
    JOB_STEPS_MAX = 10000,
    JOB_STEP_MAX = 1 << 20,         /* bytes of one step            */
    JOB_STEPS_BYTES_MAX = 64 << 20, /* bytes of all steps together  */
    JOB_CHILDREN_PER_COMMIT = 10000,
    JOB_MAX_YIELDS = 10000,
    JOB_MAX_MAX = 1000,            /* executions that a policy may allow */
    JOB_PAYLOAD_DEFAULT = 1 << 20, /* default of queues.<q>.max_payload */
};
/* Delays, deadlines and keeping times: ten years, so that they can be added to any time. */
#define JOB_SPAN_MAX_MS (INT64_C(3650) * 86400000)

/* 0, or -EINVAL with the reason: the rules of the alphabet and lengths above. */
struct err;
int job_check_type(const char *type, struct err *e);
int job_check_queue(const char *queue, struct err *e);
/* The queue of a type unless somebody says otherwise: its name up to the first dot, JOB_QUEUE_MAX bytes at most. Borrowed
 * from `type`. */
struct bytes job_own_queue(const char *type);
/* Names of inputs and outputs: 1..JOB_FILE_NAME_MAX bytes of UTF-8, no '/' and no control
 * characters, not "." or "..". Whoever writes a file under such a name stays in its folder. */
int job_check_file_name(const char *name, struct err *e);

/* An input file or a large result. Content is found by its hash in the blob store. */
struct blob_ref {
    uint8_t sha256[32];
    uint64_t size;
};

/* Names may repeat (a form's field that takes several files). */
struct job_file {
    const char *name;
    const char *filename;     /* what the submitter's own was called; NULL = unknown */
    const char *content_type; /* NULL = application/octet-stream */
    struct blob_ref blob;
};

/* What a submitter asks for. All pointers are borrowed for the call that takes the spec. Optional
 * members are NULL or 0. */
struct job_spec {
    struct job_id id; /* made by the caller with id_next()                           */
    const char *queue;
    const char *type; /* handler name, "crawl.page"                                  */
    const char *tenant;
    enum job_priority priority;
    struct bytes payload;     /* raw bytes, kept as they came                                */
    const char *content_type; /* NULL = application/json                                     */
    const char *dedup_key;
    enum dedup_mode dedup_mode;
    /* how long the key outlives a success; 0 = queue's default, < 0 = not at all */
    int64_t dedup_ttl_ms;
    int64_t run_at_ms;    /* unix ms; 0 = now                                            */
    int32_t max_attempts; /* executions, the first included                              */
    int64_t timeout_ms;   /* one run                                                     */
    int64_t deadline_ms;  /* unix ms for the whole job incl. parking; 0 = none           */
    int64_t expires_ms;   /* unix ms after which no first attempt starts; 0 = never      */
    const char *labels;   /* "a,b"                                                       */
    const char *callback;
    const char *retry;   /* per-job policy as JSON; NULL = the type's                   */
    const char *flow_id; /* id of the opener of the flow that it is a member of (core/flow.h)   */
    const char *flow_queue; /* where that one is, if not in this job's queue                      */
    struct job_id parent;   /* zero = none                                                 */
    const char *schedule;   /* id of the schedule that it is of: STORE_FIRE                */
    int64_t nominal_ms;     /* the schedule's time                                         */
    const struct job_file *files;
    size_t file_count;
};

/* How often what has happened. `attempts` is compared with max; the others explain what did not
 * count. */
struct job_counters {
    int32_t attempts;   /* used up                                                        */
    int32_t executions; /* run() began (as far as known)                                  */
    int32_t crashes;    /* of the present build that ended in a crash, hang, exit (class BUG) */
    int32_t resource;   /* free retries of class RESOURCE                                 */
    int32_t yields;
    int32_t lost; /* executions interrupted by the end of their host                */
};

struct job_progress {
    int64_t done, total; /* total 0 = unknown                    */
    const char *message; /* NULL = none                          */
    int64_t at_ms;       /* 0 = never reported                   */
};

struct job_error {
    int32_t cls;         /* jh_class                             */
    const char *code;    /* "invalid_grant"; NULL = none         */
    const char *message; /* NULL = none                          */
    const char *scope;   /* breaker scope; NULL = handler        */
};

#endif
