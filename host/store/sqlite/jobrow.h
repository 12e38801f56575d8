/* A row of the table `jobs`, and its two packed columns.
 *
 *     spec   what the submitter asked for and never changes: struct job_spec without payload,
 *            queue, type, priority
 *     life   what happened to the job so far (struct job_life); NULL until something did
 *
 * created_ms is not stored: it is the time in the id. */
#ifndef JOBHOST_STORE_SQLITE_JOBROW_H
#define JOBHOST_STORE_SQLITE_JOBROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "core/job.h"
#include "store/sqlite/conn.h"

/* Which side tables hold something of the job, so that nobody looks in vain. Values are stored. */
enum {
    HAS_DEDUP = 1,
    HAS_FILES = 2,
    HAS_PAYLOAD = 4, /* in `payloads`: it is larger than JOBROW_PAYLOAD_MAX */
    HAS_STEPS = 8,
    HAS_RESULT = 16,
    HAS_WARNINGS = 32,
    HAS_ATTEMPTS = 64,
    HAS_LOG = 128,
    HAS_OUTPUTS = 256,
    HAS_TOMBSTONE = 512, /* in none of them yet: the id is remembered once the job is removed */
    HAS_SCHEDULE = 1024, /* it is of a schedule: in `schedule_jobs` until it ends */
    HAS_FLOW = 2048,     /* it is a member of its parent's flow                   */
    HAS_OPENED = 4096,   /* it has a flow of its own: in `flows`                  */
    HAS_EVENT =
        8192 /* when it was parked last it was for an event: in `event_waits` until it is not parked any more */
};

enum {
    JOBROW_PAYLOAD_MAX =
        1024,            /* bytes in the row itself; every change of state rewrites the row  */
    JOBROW_OVERHEAD = 96 /* what a row and its index entries take beside the counted columns */
};

struct job_life {
    struct job_counters counters;
    int64_t first_run_ms, started_ms, updated_ms;
    struct job_progress progress;
    struct job_error error;
    struct job_id winner;
    struct job_id
        latest; /* of a debounced job: the submission whose words it has, if not its own */
    uint32_t warning_count;
    uint32_t child_count;
    uint32_t step_count;
    uint64_t step_bytes;
    uint32_t steps_version;
    uint32_t attempt_seq; /* number of the newest line in `attempts` */
    int32_t park;
    const char *wait_key;
    const char *wait_for;
    const char *build;
    int32_t pid;
    uint64_t result_size;
    const char *result_type;
    uint32_t output_count;
    uint64_t output_bytes;
    uint64_t host_nonce;               /* of the running attempt */
    int64_t deadline_ms, expires_ms;   /* since it was revived; 0 = as in the spec */
    int64_t cancel_ms, cancel_keep_ms; /* asked to end while it ran; 0 = nobody asked */
};

struct job_row {
    int64_t rid;
    struct job_id id;
    enum job_state state; /* RUNNING once that was written down; claims.h knows the others */
    uint32_t rev;
    uint32_t lane;
    enum job_priority priority;
    uint32_t token, commit_no, has;
    int64_t at_ms; /* where it stands in its place: struct place */
    struct bytes spec, life;
    struct bytes payload; /* as far as it is in the row; {NULL, size} when it was not selected */
};

/* What every SELECT of a job begins with; then comes either ROW_SIZE or the column `payload`. */
#define ROW_COLUMNS "rid, id, state, rev, lane, prio, token, commit_no, has, at_ms, spec, life"
#define ROW_SIZE    "length(payload)"
enum { ROW_AT = 9, ROW_PAYLOAD = 12 };

/* Reads a row; borrowed until the statement moves on. */
void jobrow_read(sqlite3_stmt *s, struct job_row *ret);       /* ROW_COLUMNS, ROW_SIZE */
void jobrow_read_whole(sqlite3_stmt *s, struct job_row *ret); /* ROW_COLUMNS, payload  */

void jobrow_pack_spec(struct buf *b, const struct job_spec *spec);
void jobrow_pack_life(struct buf *b, const struct job_life *life, int64_t created_ms);

/* Adds to a packed spec how long its id is remembered (store_submit_item.tombstone_ms). */
void jobrow_pack_tombstone(struct buf *b, int64_t ms);
int64_t jobrow_tombstone(struct bytes packed_spec); /* 0 = not */

/* Whose it is, borrowed from the packed spec; empty = nobody's. */
struct bytes jobrow_tenant(struct bytes packed_spec);

/* The whole of a spec, for the outbox. */
void jobrow_pack_parcel(struct buf *b, const struct job_spec *spec);

/* Copy into the arena what they point to. 0, -EBADMSG (damaged), -ENOMEM. `size` gets the size of a
 * payload that is kept in its own table, else stays. */
int jobrow_spec(const struct job_row *row, struct arena *a, struct job_spec *ret);
int jobrow_life(const struct job_row *row, struct arena *a, struct job_life *ret);
int jobrow_parcel(struct bytes parcel, struct arena *a, struct job_spec *ret);

/* A number that a parcel may have behind it: how long it is kept if it is dead from the start. 0 = for ever. */
enum { JOBROW_PARCEL_KEEP = 38 };
int64_t jobrow_parcel_keep_ms(struct bytes parcel);

/* The spec with the times that hold now. */
static inline void jobrow_renew(struct job_spec *spec, const struct job_life *life) {
    spec->deadline_ms = life->deadline_ms != 0 ? life->deadline_ms : spec->deadline_ms;
    spec->expires_ms = life->expires_ms != 0 ? life->expires_ms : spec->expires_ms;
}

/* What the job counts for in BUDGET_JOBS. */
static inline int64_t jobrow_bytes(size_t payload, size_t spec) {
    return (int64_t)(payload + spec + JOBROW_OVERHEAD);
}

#endif
