/* A job as it stands in Redis: the HASH `job:<id>` (docs/redis-keys.md names its fields).
 *
 *     spec, life   are written by C only; the rest ("moved by scripts") by the Lua files, and only
 *                  read here
 *
 * What is 0, NULL or usual has no field. A payload of more than REDIS_PAYLOAD_INLINE bytes has a key of its own.
 * HSET turns a hash with a value of more than 64 bytes out of Redis' compact form, so that writes a smaller payload in
 * pieces. Pure on arguments and replies. */
#ifndef JOBHOST_STORE_REDIS_JOBHASH_H
#define JOBHOST_STORE_REDIS_JOBHASH_H

#include "base/arena.h"
#include "core/job.h"
#include "redis/reply.h"
#include "store/redis/args.h"
#include "store/store.h"

enum {
    REDIS_VALUE_COMPACT = 64,            /* bytes: hash-max-listpack-value         */
    REDIS_PIECE_MAX = 63,                /* bytes: one more takes a longer head    */
    REDIS_PAYLOAD_INLINE = 1024,         /* bytes                                  */
    REDIS_VALUE_MAX = 512 * 1024 * 1024, /* bytes of a payload: Redis has no more  */
    REDIS_JOB_OVERHEAD = 96,             /* what a job counts for besides its spec */
    REDIS_USUAL_MAX =
        3, /* executions allowed, where no field says otherwise. Parts of the layout: */
    REDIS_USUAL_TIMEOUT_MS =
        300000, /* the same of timeout_ms; they do not follow the configuration's defaults */
};

/* Of the whole job, where no field says otherwise; part of the layout too. */
static inline int64_t redis_usual_deadline(const struct job_id *id) {
    return id_time_ms(id) + INT64_C(86400000);
}

/* What happened to the job so far, as C decides it. */
struct redis_life {
    struct job_counters counters;
    int64_t first_run_ms, started_ms, updated_ms, finished_ms;
    struct job_progress progress;
    struct job_error error;
    struct job_id winner;
    struct job_id
        latest; /* of a debounced job: the submission whose words it has, if not its own */
    enum park_reason park;
    const char *wait_key;
    const char *wait_for;
    const char *build;
    int32_t pid;
    bool has_result;
    uint64_t result_size;
    const char *result_type;
    const char *result_blob; /* sha256 in hex; NULL = inline in results:<id> */
    uint32_t steps_version;
    uint32_t child_count;
    uint32_t opened; /* 1 = it has a flow of its own */
};

struct redis_job {
    /* spec.payload: {NULL, size} when it has a key of its own; spec.queue: where the key's prefix tells it, it is not
     * that but the type's own, and the caller knows better */
    struct job_spec spec;
    struct redis_life life;
    /* moved by scripts */
    enum job_state state;
    uint32_t
        rev; /* 1 when it is submitted; each claim, commit and move adds one: `rev` and `claim` */
    uint32_t token, commit_no; /* of its last claim */
    int64_t ready_ms;          /* since when it is or was queued                       */
    int64_t due_ms;            /* SCHEDULED, PARKED; 0 = not by time                   */
    int64_t delete_ms;         /* final: when it may be deleted, 0 = never             */
    uint64_t host_nonce;       /* of the host that had it last; 0 = none */
    int64_t tombstone_ms;
    bool begun; /* of this claim, START or a commit came                       */
    int64_t ask_ms, ask_keep_ms;
    uint32_t step_count, warning_count, output_count, history_count;
    uint64_t step_bytes, output_bytes, log_bytes;
    bool big_payload; /* the payload has a key of its own, payload:<id> */
};

/* A job that is to be submitted: its spec and nothing else. */
void jobhash_of_spec(const struct job_spec *spec, struct redis_job *ret);

/* Appends all fields that C writes as names and values, spec and life both, in the table's order;
 * borrowed from `job` where possible. `with_queue`: the field `queue` too. The number of pairs.
 * Not among them: `id` and `status`, which stand in front, and the content of a payload of
 * more than REDIS_PAYLOAD_INLINE bytes. */
size_t jobhash_write(const struct redis_job *job, bool with_queue, struct redis_args *a);

/* The same for a hash that is written in its compact form (redis/rdb.h), and stays in it however long a value is: the
 * payload is one field. */
size_t jobhash_write_whole(const struct redis_job *job, bool with_queue, struct redis_args *a);

/* Appends what happened to it, as C decides: all fields of the life. */
void jobhash_write_life(const struct redis_job *job, struct redis_args *a);

/* Appends to `set` what of the life (and of the spec's deadline and expires) differs in `to`, as
 * names and values, borrowed from it where possible; to `del` the names that `to` has no more. */
void jobhash_diff(const struct redis_job *from, const struct redis_job *to, struct redis_args *set,
                  struct redis_args *del);

/* Reads the flat array of an HGETALL; strings are copied into the arena. Unknown fields are
 * skipped. 0; -ENOENT: no fields at all; -EBADMSG: damaged, *e names the field; -ENOMEM. */
int jobhash_read(const struct redis_reply *fields, struct arena *a, struct redis_job *ret,
                 struct err *e);

/* The same of a job that waits: it may lack `status`, and is QUEUED then. */
int jobhash_read_waiting(const struct redis_reply *fields, struct arena *a, struct redis_job *ret,
                         struct err *e);

/* The same of a job on its way (the outbox), which says its queue. Its field `payload` may hold all
 * of the payload, however large. */
int jobhash_read_parcel(const struct redis_reply *fields, struct arena *a, struct redis_job *ret,
                        struct err *e);

/* What lists and GET show; what hangs on the job is left empty. Strings are shared, and so is the
 * payload. */
void jobhash_view(const struct redis_job *job, struct store_job *ret);

/* The bytes it counts for in BUDGET_JOBS as long as it is there: REDIS_JOB_OVERHEAD, its payload,
 * and the lengths of its values `type user contentType key labels callback retry flow files schedule`, none
 * of which ever change. */
int64_t jobhash_bytes(const struct job_spec *spec);

#endif
