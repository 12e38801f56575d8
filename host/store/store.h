/* The durable side of everything: jobs, results, key/values, queues, hosts, audit. One interface;
 * backends are sqlite/ (the embedded default), redis/ (shared by many hosts), spool/ (in front of another
 * one that may be away), and faulty/ for tests; tests/store is the suite that all of them pass.
 *
 *        loop thread                          backend
 *    op (arena of its own) ── store_post ──▶  groups it with others, one transaction or round trip
 *    op->done(op)          ◀───────────────   durable (or failed); called on the loop thread
 *
 * The rules that all operations share
 *   - Asynchronous. store_post() never blocks and never fails; the answer is op->status in
 *     op->done(), always on the loop thread, always after store_post() has returned, exactly once,
 *     in the order of posting among mutating operations (blobs have an order of their own, and what
 *     ran out of time is answered then).
 *   - Memory. An operation and all it points to belong to the caller and stay untouched until
 *     done(). Answers are allocated in op->arena, so they live until the caller frees the
 *     operation.
 *   - Durability. When a mutating operation reports 0, its effects survive the death of the host
 *     (to the degree the store's sync setting promises; docs/store.md).
 *   - Atomicity. A batch is not a transaction: each *item* of it happens wholly or not at all, and
 *     has a status of its own. op->status != 0 means that no item's fate is known to be good; items
 *     of a failed operation must be taken as undecided and the operation may be posted again: every
 *     operation is idempotent under repetition by ids, tokens and numbers.
 *   - C decides, the store compares. States, times and counters come from the caller; a store
 *     applies them if token or revision still match, else the item's status is -ESTALE and nothing
 *     happens.
 *   - Deadlines. op->timeout_ms bounds the wait (default 10 s for mutations, 2 s for reads, none
 *     for FSCK): -ETIMEDOUT, fate undecided. What the backend has in hand already may take as long
 *     as its disk or network does.
 *   - Time. op->now_ms is the caller's wall clock; a store has no clock of its own, except leases
 *     in a shared store, which use the server's.
 *   - Errors. -ENOTSUP: this backend cannot do it yet. -EROFS: the store is read-only after an I/O
 *     error (or disk full); reads still work; op->err says why. -ENOTCONN: a shared store was not
 *     reached in time. -ESTALE, -ENOENT, -EEXIST, -EBUSY, -EDQUOT per item as documented.
 */
#ifndef JOBHOST_STORE_STORE_H
#define JOBHOST_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/env.h"
#include "base/err.h"
#include "core/job.h"

struct event_base;
struct log;
struct store;
struct store_event;

/* ------------------------------------------------------------------ operations */

enum store_op_kind {
    /* jobs */
    STORE_SUBMIT,
    STORE_CLAIM,
    STORE_ADOPT,
    STORE_START,
    STORE_COMMIT,
    STORE_MOVE,
    STORE_REMOVE,
    STORE_DUE,
    STORE_FORWARD,
    STORE_RECOVER,
    STORE_SWEEP,
    /* reading */
    STORE_GET,
    STORE_LIST,
    STORE_STEP_GET,
    STORE_RESULT_GET,
    STORE_OUTPUT_GET,
    STORE_STATS,
    STORE_FSCK,
    /* blobs, key/values */
    STORE_BLOB_PUT,
    STORE_BLOB_OPEN,
    STORE_BLOB_KEEP,
    STORE_KV_GET,
    STORE_KV_CLAIM,
    /* administration */
    STORE_QUEUE_SET,
    STORE_HOST_LEASE,
    STORE_HOST_LIST,
    STORE_AUDIT_ADD,
    STORE_AUDIT_LIST,
    STORE_DEDUP_LIST,
    STORE_DEDUP_RELEASE,
    /* schedules: store/schedules.h */
    STORE_SCHEDULE_PUT,
    STORE_SCHEDULE_SET,
    STORE_SCHEDULE_LIST,
    STORE_FIRE,
    STORE_LEDGER_LIST,
    /* events that jobs wait for: store/events.h */
    STORE_EVENT_PUT,
    /* limiters: store/limits.h */
    STORE_LIMITER,
    STORE_LIMITER_LIST,
    /* flows: store/flows.h */
    STORE_FLOW_GET,
    STORE_FLOW_ENDED,
    STORE_FLOW_JOIN,
    STORE_FLOW_CANCEL,
    STORE_FLOW_MEMBERS,
    /* breakers: store/breakers.h */
    STORE_BREAKER,
    STORE_BREAKER_LIST,
    /* tokens of the API: store/tokens.h */
    STORE_TOKEN_PUT,
    STORE_TOKEN_SET,
    STORE_TOKEN_LIST,
    STORE_OP_KINDS
};

/* The jobs that somebody may see and touch; each condition that is there holds. An operation with a scope
 * knows no others: they are not there. One that is about more than jobs is -EACCES with it, but for those
 * that store/scope.h lists. */
struct store_scope {
    const char *tenant; /* of this one */
    const char *queues; /* in one of these: "a,b" */
};

struct store_op {
    enum store_op_kind kind;
    int status;                      /* 0, or a negative errno for the operation as a whole */
    struct err err;                  /* words for status != 0                               */
    int64_t now_ms;                  /* caller's wall clock                                 */
    int32_t timeout_ms;              /* 0 = default                                         */
    const struct store_scope *scope; /* borrowed; NULL = all there is */
    struct arena arena;              /* answers live here; store_op_finish() frees it       */
    void (*done)(struct store_op *op);
    void *arg;              /* the caller's                                        */
    struct store_op *next;  /* private to the backend                              */
    int64_t posted_mono_ms; /* private to the backend                              */
    int64_t posted_us;      /* env_stopwatch_us() of store_post()                  */
    /* answer, on one operation of each transaction: how many shared it; 0 on the others */
    uint32_t group;
};

static inline void store_op_finish(struct store_op *op) {
    arena_free(&op->arena);
}

/* ------------------------------------------------------------------ jobs */

enum submit_verdict {
    SUBMIT_NEW = 0,
    SUBMIT_DUPLICATE =
        /* `winner` is the job that holds the key; no job was stored, but a debounced winner may have
         * taken over what this one says (`updated`) */
    1,
    SUBMIT_REFUSED =
        /* dedup reject (-EEXIST), or a budget or the queue is full (-EDQUOT, -ENOBUFS): `status`
         * says which */
    2,
    SUBMIT_REPEATED =
        /* a job of this very id is there already, or (spooled) was: a resent operation; counts as
         * success */
    3,
    SUBMIT_SPOOLED =
        /* durably kept by this host until the store can be reached (spool/spool_store.h); whether its
         * dedup key is held is not known yet. Only from a store with a spool */
    4,
};

/* What is accepted once, however often it comes: a signed delivery. Unlike a dedup key it does not depend on what becomes of
 * the job, not even on whether there still is one. */
enum { STORE_ONCE_KEY = 16, STORE_ONCE_MAX = 2 };
#define STORE_ONCE_KEEP_MAX_MS ((int64_t)31 * 24 * 3600 * 1000)
struct store_once {
    uint8_t key[STORE_ONCE_KEY]; /* the beginning of a digest: of who sends it, and its id */
    uint64_t
        content; /* of a digest of what it says: the same id with other words is told from a repetition */
    int64_t keep_ms; /* from now on, by the store's clock; more than the maximum is that */
};

/* For the stores. */
static inline int64_t store_once_keep_ms(const struct store_once *once) {
    return once->keep_ms < STORE_ONCE_KEEP_MAX_MS ? once->keep_ms : STORE_ONCE_KEEP_MAX_MS;
}

struct store_submit_item {
    /* id included; spec->run_at_ms > now makes it scheduled, else queued */
    const struct job_spec *spec;
    /* so many of the queue's jobs may wait (scheduled, queued, parked); 0 = any number */
    int64_t max_waiting;
    /* The job was accepted earlier, when nobody could ask the store, and may even have been stored:
     *   - a job of this id, or the tombstone of one, is looked for before all else: REPEATED;
     *   - if its dedup key is held (in any mode), it is stored as JOB_DUPLICATE with its winner:
     *     verdict DUPLICATE, status 0, findable by its id, kept for keep_ms; it holds no key. */
    bool spooled;
    /* For the store itself: whoever submits it ends it at once. Who holds its key keeps it. */
    bool ends;
    /* of a job that ends here, as JOB_DUPLICATE, or because this one replaces it; 0 = for ever */
    int64_t keep_ms;
    /* > 0: when the job is removed, its id (id_order() is enough) is remembered until so long after
     * the time in the id, so that a spooled submission of it that comes late does not run it twice.
     * It costs nothing until then. */
    int64_t tombstone_ms;
    /* Each of them belongs to the job's queue. They are looked at before the dedup key: if one is held, the item is a
     * DUPLICATE of the job that came with it (or that was named as its winner then). All of them are held from now on if
     * the item is NEW or a DUPLICATE by its dedup key, in the same transaction, and none if it is refused. */
    const struct store_once *once;
    size_t once_count;
    const struct store_scope *scope; /* private: the operation's */
    /* answers */
    enum submit_verdict verdict;
    /* 0; -EEXIST; -EPERM: with a scope: its key is held by a job that is not in it, and nothing is told of that
     * one; -EDQUOT: a budget is used up, or the number of lanes; -ENOBUFS: max_waiting wait;
     * -ENOENT: the blob of a file is not in the store;
     * -EADDRINUSE: another job has an id of the same order (core/id.h), make a new one.
     * -EBUSY: the holder of its key changed all the time (files of debounced jobs only): again.
     * With a spool, while the store is away: -EAGAIN: what its dedup mode should do cannot be known
     * now; -ENOSPC: the spool is full */
    int status;
    /* SUBMIT_DUPLICATE, and -EEXIST: who holds the key, in which state it is now */
    struct job_id winner;
    enum job_state winner_state; /* one that is not there any more: JOB_SUCCEEDED */
    bool updated;
    bool once_held;    /* the winner is that of one of `once`, and may have been removed since */
    bool once_differs; /* and that one had another content */
    /* SUBMIT_NEW with dedup replace: who held the key until then, zero = nobody that had not ended. It is
     * JOB_CANCELLED, or JOB_RUNNING and asked to end (as by store_move_item.ask). */
    struct job_id replaced;
    enum job_state replaced_state;
};

/* Every item: job row, dedup key, what it is to be accepted once by, file references and queue entry, or nothing.
 *
 * A dedup key belongs to (queue, key). Its job holds it until it ends; a success keeps it for
 * spec->dedup_ttl_ms more (0: the store's default; if that is 0 too, not at all), every other end
 * releases it. A revived job holds it again, unless another has it by then. What a submission does
 * whose key is held stands in core/dedup.h. Two modes count differently:
 *   throttle  the key is held for ttl from the time in the job's id on, whatever becomes of the job
 *   debounce  the key is held until the job is claimed for the first time. Until then another
 *             submission changes all of its spec but id, key, mode and ttl, and moves it to its own
 *             run_at_ms, but not beyond ttl from the time in the job's id on. Its place among ready
 *             ones it keeps. Its revision grows by one. */
struct store_submit {
    struct store_op op;
    struct store_submit_item *items;
    size_t count;
    bool outbox; /* answer: as of a CLAIM, because of who was replaced */
};

/* A lane is (queue, type): the unit of claiming, so that a slow plugin's jobs at the head of a
 * queue do not hide others. */
struct store_lane {
    const char *queue;
    const char *type;
};
/* In one store; likewise queues. In a shared one a lane is there only while jobs wait in it, and only
 * queues are counted. */
enum { STORE_LANES_MAX = 65536 };

struct store_claim_want {
    struct store_lane lane;
    uint32_t limit;
    uint64_t turn; /* priority_split()'s turn */
    /* how long its `ended` jobs are kept; 0 = as the claim says */
    int64_t ended_keep_ms;
};

/* A claimed job: all that a worker needs. */
struct store_claimed {
    struct job_spec spec;   /* files included                                                */
    uint32_t token;         /* fences this claim: larger than every earlier one of the job    */
    uint32_t commit_no;     /* commits made so far                                           */
    uint32_t steps_version; /* state_version of the code that wrote the steps; 0 = no steps  */
    const char **outputs;   /* names of those that it has                                    */
    size_t output_count;
    struct job_counters counters;
    const char *build; /* of the last attempt known to the store; NULL = none */
    const char *scope; /* of its last error; NULL = none */
    int64_t created_ms, first_run_ms;
    int64_t ready_ms; /* since when it could have been claimed                        */
    uint32_t want;    /* index of the want it answers                                  */
};

/* Takes up to want.limit jobs of each lane, by priority_split() over the lane's bands. Inside a band
 * tenants take turns (core/share.h), and so do all jobs without one, as if they were one more; of each
 * it is the oldest-ready-first (a shared store: in the order in which they became ready there). A job whose `expires` has passed before its first run is not
 * returned but made dead (code "expired"); a job whose deadline has passed likewise (code
 * "deadline"); they are listed in `ended`. Fewer than limit = the lane is empty now. The claim is
 * by `host_nonce`. Not idempotent: posted again it takes other jobs. Where the answer of a claim
 * can be lost (a shared store), its jobs stay this host's until their lease has ended: it renews
 * only those that it knows of. */
struct store_claim {
    struct store_op op;
    const struct store_claim_want *wants;
    size_t want_count;
    uint64_t host_nonce;
    /* how long `ended` jobs are kept; 0 = for ever */
    int64_t ended_keep_ms;
    /* answers */
    struct store_claimed *jobs;
    size_t job_count;
    struct job_id *ended;
    size_t ended_count;
    /* something follows from those that STORE_FORWARD brings about; a shared store tells all of its hosts by an event instead */
    bool outbox;
};

/* Takes a claim up again that this very boot (`host_nonce`) made through an earlier opening of the store, and whose attempt
 * was START-ed. Nothing that is stored changes. Comes before RECOVER, which takes what nobody has. -ESTALE: the job does
 * not run under that token. */
struct store_adopt {
    struct store_op op;
    struct job_id id;
    uint32_t token;
    uint64_t host_nonce;
    /* answer: as CLAIM gave it, but without the payload */
    struct store_claimed job;
};

/* Writes down that attempts really began, and how far they are: for attempts that last (the
 * supervisor sends it after about a second, and again at most every 5 s while there is news), so
 * that an operator sees them and the loss of the host can be counted. A COMMIT implies it. Stale
 * tokens are ignored. */
struct store_start_item {
    struct job_id id;
    uint32_t token;
    int64_t started_ms;
    int32_t pid;
    const char *build;
    const struct job_progress *progress; /* NULL = unchanged                      */
    struct bytes log_tail;               /* replaces the stored tail when len > 0 */
    int status;
};
struct store_start {
    struct store_op op;
    struct store_start_item *items;
    size_t count;
};

struct store_step {
    const char *name;
    struct bytes value;
};

enum store_kv_kind {
    STORE_KV_SET,
    STORE_KV_DEL,
    STORE_KV_ADD,
    STORE_KV_SADD,
    STORE_KV_SREM,
    STORE_KV_DONE
};
struct store_kv_write {
    enum store_kv_kind kind;
    const char *key;
    struct bytes value; /* SET: value; SADD, SREM: member        */
    int64_t number;     /* ADD: delta; SET, DONE: ttl_ms (0 = for ever) */
};

struct store_warning {
    const char *code, *message;
};

/* An output file of a job. Its name is as job_check_file_name() wants it; the caller has looked. */
struct store_output {
    const char *name;
    const char *content_type; /* NULL = application/octet-stream */
    struct blob_ref blob;     /* from STORE_BLOB_PUT             */
};

struct store_result {
    const char *content_type;    /* NULL = application/json                       */
    struct bytes data;           /* inline, <= STORE_INLINE_MAX                   */
    const struct blob_ref *blob; /* or a blob from STORE_BLOB_PUT; else NULL   */
};

/* What is known of the crash that an attempt ended in; all of it optional. */
struct store_crash {
    int32_t signal;      /* 0 = it was none */
    uint32_t at_address; /* not 0: `address` could not be used */
    uint64_t address;
    const char *symbol, *code; /* "parse+0x1c", "crawl.so+0x11f9" */
    const char *build_id;      /* of the plugin's linker, hex */
    const char *step;          /* the last one that the attempt committed */
    uint64_t rss;              /* bytes of memory its process had */
    const char *log;           /* the attempt's last lines */
};

/* One attempt's line in the job's history. */
struct store_attempt {
    int32_t execution; /* 1 = first run()               */
    int64_t started_ms, ended_ms;
    const char *outcome; /* job_event_name or "crash", "drain", ...; a constant */
    int32_t cls;
    const char *code, *message;
    const char *host, *build;
    int32_t pid;
    struct store_crash crash;
};

/* Everything an attempt asked for since its last commit, and what becomes of the job: one
 * transaction, fenced by the token.
 *
 * Children go to their own queue's place by way of the outbox when they are elsewhere:
 * the store may deliver them a little later, by STORE_FORWARD, exactly once; `outbox` in the answer
 * says that there is something to forward. Repeating a commit that has already been applied (same
 * token, commit_no equal to the stored number) reports 0 and changes nothing.
 *
 * RELEASE gives the job back with its old turn. RETRY and PARK with a time that has come already
 * make it queued at once, and so does PARK_CHILDREN when no member of its flow is open. A child that is a
 * duplicate is simply not stored; as a member it has ended so. */
struct store_commit_item {
    struct job_id id;
    uint32_t token;
    /* the number of this commit: one more than the job's last, whatever kind of commit it is */
    uint32_t commit_no;
    /* NONE: the attempt goes on */
    enum job_event event;
    /* effects */
    const struct store_step *steps;
    size_t step_count;
    /* of the code that wrote them */
    uint32_t state_version;
    /* ids made by the caller */
    const struct job_spec *children;
    size_t child_count;
    /* Starts when the job's flow closes (store/flows.h); its times are counted from then. One that was asked for
     * earlier stays. */
    const struct job_spec *then;
    int64_t then_keep_ms; /* how long it is kept if it is dead from the start; 0 = for ever */
    int flow_on_dead;     /* enum flow_on_dead + 1; 0 = unchanged */
    /* the plugin's name */
    const char *kv_namespace;
    const struct store_kv_write *kv;
    size_t kv_count;
    const struct store_warning *warnings;
    size_t warning_count;
    /* One of a name that the job has already, or that stands earlier here, replaces it. The job
     * names its blob until it is replaced or the job removed. */
    const struct store_output *outputs;
    size_t output_count;
    /* to be published (events.h). One whose key is kept already is passed over; others are kept however many there are
     * of their name. No room in all: -EDQUOT */
    const struct store_event *events;
    size_t event_count;
    const struct job_progress *progress; /* NULL = unchanged */
    /* replaces the stored tail when len > 0 */
    struct bytes log_tail;
    /* the event's arguments; ignored for NONE */
    /* RETRY, PARK until a time: unix ms; 0 for a park without time */
    int64_t run_at_ms;
    enum park_reason park;
    const char *wait_key;
    const char *wait_for; /* what of that it looks for, or asks (core/waits.h) */
    /* NULL clears nothing; RETRY, DIE: what went wrong */
    const struct job_error *error;
    const struct store_result *result; /* SUCCEED; DIE with JH_FAILURE_KEEP_RESULT */
    /* as they are afterwards */
    struct job_counters counters;
    /* state_version policy restart */
    bool drop_steps;
    const struct store_attempt
        *attempt; /* history line; NULL = none (a first-run success needs none)                   */
    /* 0 = unchanged */
    int64_t first_run_ms;
    /* final events: how long the job is kept; 0 = for ever */
    int64_t keep_ms;
    /* answers */
    /* 0; -ESTALE (fenced); -E2BIG (steps, children, outputs, inline result or value over a limit,
     * JOB_OUTPUTS_MAX for all outputs of the job together); -EDQUOT;
     * -ENOTSUP (a child with dedup mode replace, or a debounced one with files); -ENOENT (a blob is not in the store); -EINVAL (a number is
     * missing, or the event is not one of a running job) */
    int status;
    /* with status 0: where the job is now; not always where the event leads (store_move_item.ask)
     */
    enum job_state state;
};
struct store_commit {
    struct store_op op;
    struct store_commit_item *items;
    size_t count;
    bool outbox; /* answer: something waits to be forwarded */
};

/* Moves by operators and by the supervisor itself, for jobs that are not running. `rev` is the
 * job's revision as the caller read it (struct store_job); 0 = do not compare. A job that is
 * already where the event leads (with rev: by exactly one change) reports 0 and is left alone, so a
 * move can be repeated. */
struct store_move_item {
    struct job_id id;
    /* CANCEL, REVIVE, PROMOTE, WAKE, PARK, DIE */
    enum job_event event;
    uint32_t rev;
    /* PARK: for what. WAKE: only one that is parked for that; PARK_NONE = for anything */
    enum park_reason park;
    int64_t run_at_ms;
    const struct job_error *error;
    /* CANCEL, DIE */
    int64_t keep_ms;
    /* CANCEL: a running job is marked instead of refused (0, state RUNNING). From then on it does
     * not wait again: what would make it scheduled, queued or parked, RECOVER included, ends it as
     * cancelled. */
    bool ask;
    /* CANCEL: of one that has ended the flow that it has opened is cancelled, if that is not over; it itself stays as it
     * is, and the answer is what it is without this (flows.h) */
    bool through;
    /* REVIVE: attempts and crashes start again */
    bool reset_counters;
    /* REVIVE: its new times, unix ms; 0 = as they were */
    int64_t deadline_ms, expires_ms;
    /* REVIVE, WAKE: without its steps, in one with the move */
    bool drop_steps;
    /* WAKE: what it finds when it runs, in one with the move; NULL = nothing. It replaces a step that the
     * job has. Such a move is no repetition of another one with another value: -ESTALE. */
    const struct store_step *step;
    /* 0, -ENOENT, -ESTALE (rev), -EBUSY (running), -EINVAL (state does not allow the event, or it is parked for something else) */
    int status;
    /* answer: the state it has now */
    enum job_state state;
};
struct store_move {
    struct store_op op;
    struct store_move_item *items;
    size_t count;
};

/* Deletes final jobs with all that hangs on them. Item status: 0, -ENOENT, -EBUSY (not final). */
struct store_remove {
    struct store_op op;
    const struct job_id *ids;
    int *status;
    size_t count;
};

/* Makes scheduled and time-parked jobs whose time has come queued. */
struct store_due {
    struct store_op op;
    uint32_t limit;
    /* answers */
    size_t moved;
    int64_t next_ms; /* when the next one is due (unix ms); 0 = none waits */
};

/* Delivers outbox rows, each exactly once; then events to the jobs that wait for them (events.h). `more` = post
 * again. A member that arrives while its flow cancels those that have not begun (flows.h) ends at once, as cancelled:
 * the cascade may have been through with the others by then. */
struct store_forward {
    struct store_op op;
    uint32_t limit;
    /* how long `ended` jobs are kept; 0 = for ever */
    int64_t ended_keep_ms;
    /* answers */
    size_t delivered;     /* rows, and jobs that were looked at because of an event */
    size_t woken;         /* of these, jobs that got one                            */
    bool full;            /* the budget has no room for the event of the next one   */
    struct job_id *ended; /* members that ended as they arrived                 */
    size_t ended_count;
    bool more;
};

/* Gives the running jobs of dead hosts back. On a single-host store: of every earlier boot
 * (host_nonce = ours, they are not). On a shared one: those whose lease has ended, whoever had them,
 * and those of `gone_nonce`, an earlier boot of this host that the caller knows to be dead.
 * counters.lost grows for attempts that had been START-ed; no attempt is used. `more` = post
 * again. */
struct store_recover {
    struct store_op op;
    uint64_t host_nonce;
    uint64_t gone_nonce; /* 0 = none */
    uint32_t limit;
    /* answers */
    size_t released;
    bool more;
    /* shared: when the next lease of another host ends unless it is renewed, by our clock; 0 = no
     * job runs elsewhere. A job whose claim was never answered counts as one that does. */
    int64_t next_ms;
};

/* Deletes what is past its keeping time: final jobs, dedup keys, key/values. `more` = post again.
 * Blob files that no row names any longer are deleted as well. */
struct store_sweep {
    struct store_op op;
    uint32_t limit;
    /* Rows of ledgers (schedules.h): of each schedule so many stay, for so long; 0 = none is deleted
     * for that. Rows that were written less than ledger_window_ms ago stay, and so does the one that
     * tells where its schedule is. */
    uint32_t ledger_rows;
    int64_t ledger_keep_ms, ledger_window_ms;
    size_t removed;
    bool more;
};

/* ------------------------------------------------------------------ reading waits for no change */

/* A job as lists and GET show it. Strings live in the operation's arena. */
struct store_job {
    /* payload {NULL, size} in lists; run_at_ms of a scheduled or parked job is when it is due next
     * (0 = not by time) */
    struct job_spec spec;
    enum job_state state;
    uint32_t rev; /* grows with every change of state                                 */
    enum park_reason park;
    const char *wait_key;
    const char *wait_for; /* PARKED: what of that it looks for, or asks (core/waits.h) */
    /* created_ms is the time in the id: when intake accepted it */
    int64_t created_ms, ready_ms, first_run_ms, started_ms, finished_ms, updated_ms, expires_at_ms;
    struct job_counters counters;
    uint32_t commit_no;
    bool cancelling; /* running, and asked to end                                        */
    struct job_progress progress;
    struct job_error error; /* last one; cls 0 = none                                           */
    struct job_id winner; /* JOB_DUPLICATE; of another state: the one that replaced it           */
    bool has_result;
    uint64_t result_size;
    const char *result_type;
    uint32_t warning_count; /* all of them                                                      */
    const char *build;      /* plugin build of the last attempt known to the store              */
    int32_t pid;
    uint32_t child_count;
    bool has_flow; /* it has opened one: FLOW_GET (store/flows.h)                        */
    uint32_t step_count;
    uint64_t step_bytes;
    uint32_t steps_version;
    uint32_t output_count;
    uint64_t output_bytes;
    /* It waits on this host until the store can be reached: `state` is what it will begin as. Only
     * from a store with a spool. */
    bool spooled;
    /* only STORE_GET: */
    struct store_warning *warnings;
    size_t warnings_listed;
    struct store_attempt *history;
    size_t history_count;
    const char **steps; /* names, in order of writing, at most 1000                          */
    size_t steps_listed;
    struct store_output *outputs; /* by name, in the order of its bytes; all of them             */
    size_t outputs_listed;
    struct bytes log_tail;
};

struct store_get {
    struct store_op op;
    struct job_id id;
    struct store_job job; /* answer; op.status -ENOENT */
};

/* Newest first. All filters must match; NULL, -1 and 0 do not filter. */
struct store_filter {
    int state; /* enum job_state or -1                                            */
    const char *queue, *type, *tenant, *label;
    const char *text; /* q: substring of id, type, dedup key, error message              */
    const char *error_code;
    int error_cls; /* jh_class or -1                                                  */
    int64_t created_after_ms, created_before_ms;
    struct job_id parent;  /* zero = any                                                      */
    enum park_reason park; /* PARK_NONE = any; else only what is parked for that */
    bool has_steps;        /* only jobs with steps */
};
struct store_list {
    struct store_op op;
    struct store_filter filter;
    uint32_t limit;     /* 1..1000                                                         */
    const char *cursor; /* from an earlier answer, or NULL                                 */
    /* answers. A page may be short (even empty) and still have a cursor: the deadline (2 s) ended
     * the scan. */
    struct store_job *jobs;
    size_t count;
    const char *next_cursor; /* NULL at the end                                                 */
    bool partial;            /* the deadline ended the scan                                     */
};

struct store_step_get {
    struct store_op op;
    struct job_id id;
    const char *name;
    struct bytes value; /* answer; op.status -ENOENT */
};

struct store_result_get {
    struct store_op op;
    struct job_id id;
    /* answers; op.status -ENOENT when there is none */
    const char *content_type;
    uint64_t size;
    struct bytes data; /* inline results                                                       */
    int fd;            /* or the blob, opened for reading: the caller closes it; else -1        */
    struct blob_ref blob;
};

/* One output, by its name; STORE_GET lists them. */
struct store_output_get {
    struct store_op op;
    struct job_id id;
    const char *name;
    /* answers; op.status -ENOENT when there is none of that name, or no such job */
    const char *content_type; /* NULL = application/octet-stream */
    int fd;                   /* opened for reading: the caller's */
    struct blob_ref blob;
};

struct store_queue_stats {
    const char *queue;
    int64_t waiting[PRIORITY_COUNT]; /* queued, by priority                                    */
    int64_t by_state[JOB_STATE_COUNT];
    int64_t oldest_ready_ms; /* when the oldest queued job became ready; 0 = none      */
    bool paused;
    const char *paused_by, *paused_why;
    int64_t paused_at_ms;
};
struct store_lane_stats {
    struct store_lane lane;
    int64_t waiting;
    int64_t tenants; /* lines of tenants in it, one for each priority; SQLite counts 1000 of each */
};
struct store_stats {
    struct store_op op;
    /* answers */
    struct store_queue_stats *queues;
    size_t queue_count;
    struct store_lane_stats
        *lanes; /* those with queued jobs: what a starting dispatcher looks at */
    size_t lane_count;
    int64_t outbox; /* rows waiting to be forwarded                                    */
    int64_t next_due_ms;
    uint64_t bytes[4];   /* enum store_budget: bytes in use                                 */
    uint64_t disk_bytes; /* of the store's own files                                        */
};
enum store_budget { BUDGET_JOBS, BUDGET_RESULTS, BUDGET_KV, BUDGET_BLOBS, BUDGET_COUNT };

/* Proves the invariants from the jobs themselves (docs/store.md lists them and the codes) on a
 * consistent snapshot; with `repair`, mends what can be mended. */
struct store_fsck_finding {
    const char *code; /* "job_in_no_place", "job_in_two_places", "orphan_blob", ... */
    struct job_id id; /* zero when not about a job                                  */
    const char *detail;
    bool repaired;
};
struct store_fsck {
    struct store_op op;
    bool repair;
    /* answers */
    int64_t jobs_checked, blobs_checked;
    struct store_fsck_finding *findings; /* at most 1000 */
    size_t count;
    int64_t total_findings;
};

/* ------------------------------------------------------------------ blobs, key/values */

enum { STORE_INLINE_MAX = 256 * 1024 };

/* Stores content and answers its reference; durable before any row names it. A blob that no row
 * names within an hour is an orphan and swept. Give either data or fd (read from offset 0 to its
 * end; stays the caller's). */
struct store_blob_put {
    struct store_op op;
    struct bytes data;
    int fd;              /* -1 = data */
    uint64_t max_size;   /* -EFBIG above */
    bool for_submit;     /* for a job still to be submitted: a spool may keep both */
    struct blob_ref ref; /* answer */
};

struct store_blob_open {
    struct store_op op;
    struct blob_ref ref;
    int fd; /* answer: the caller's, read-only; op.status -ENOENT */
};

/* For content that is to be named later than within the hour (by a commit of an attempt that still
 * runs): the hour of those that nobody names begins again. One that is gone is passed over. */
struct store_blob_keep {
    struct store_op op;
    const struct blob_ref *blobs;
    size_t count;
};

/* Value, counter, set and claim of one key are four things that do not disturb each other; DEL
 * removes all four. */
enum store_kv_read { STORE_KV_VALUE, STORE_KV_COUNTER, STORE_KV_IS_MEMBER, STORE_KV_CARD };
struct store_kv_get {
    struct store_op op;
    const char *kv_namespace;
    const char *key;
    enum store_kv_read what;
    struct bytes member; /* IS_MEMBER */
    struct bytes value;  /* answer; op.status -ENOENT for a VALUE that is not there */
    int64_t number;      /* answer: counter, membership (0/1), cardinality          */
};

/* jobhost.kv/1 claim(): at once. A claim whose holder is not running under that token any more is
 * free. */
enum store_claim_state { CLAIM_WON, CLAIM_HELD, CLAIM_DONE };
struct store_kv_claim {
    struct store_op op;
    const char *kv_namespace;
    const char *key;
    struct job_id id;             /* the claimer, */
    uint32_t token;               /* in this attempt; op.status -ESTALE if it is fenced off */
    enum store_claim_state state; /* answers */
    struct job_id holder;
};

/* ------------------------------------------------------------------ administration */

struct store_queue_set {
    struct store_op op;
    const char *queue;
    bool paused;
    const char *by, *why;
};

/* Our sign of life; also keeps the table of hosts. Single-host stores write it at start and at the
 * end only. On a shared store it is the beat: every lease/3 while jobs are in hand, else every
 * STORE_IDLE_BEAT_MS. It renews the leases of all jobs that this host has claimed, and brings what
 * other hosts did meanwhile by way of the events (due, paused, ask, fenced, ready). */
enum { STORE_IDLE_BEAT_MS = 150000 };
struct store_host_lease {
    struct store_op op;
    const char *name; /* host name, for people          */
    uint64_t nonce;   /* identity: new at every boot    */
    /* until when others take it for alive, from now; 0 = leaving */
    int64_t lease_ms;
    const char *version;
    int32_t pid;
    uint32_t running; /* jobs in hand, for people */
};

struct store_host {
    const char *name, *version;
    uint64_t nonce;
    int32_t pid;
    int64_t started_ms, seen_ms, lease_end_ms;
    bool left; /* it took its leave, at seen_ms */
    bool lost; /* a shared store: it did not, and a RECOVER said that it is gone */
    uint32_t running;
};
enum { STORE_HOSTS_MAX = 100 }; /* rows kept: those seen last */
struct store_host_list {
    struct store_op op;
    struct store_host *hosts;
    size_t count;
};

struct store_audit {
    int64_t at_ms;
    const char *actor;   /* "uid:0", "token:ci (k7p2m4xw5qzt)" */
    const char *action;  /* "queue.pause"                      */
    const char *target;  /* queue name, job id                 */
    const char *detail;  /* why, counts; may be NULL           */
    const char *origin;  /* an address, "unix"; may be NULL    */
    const char *outcome; /* the code of what refused it; NULL = it was done */
};
struct store_audit_add {
    struct store_op op;
    struct store_audit entry;
};
/* Newest first. A page may be short and still have a cursor: it looks at so many rows. */
struct store_audit_list {
    struct store_op op;
    uint32_t limit;
    const char *cursor;
    /* All must match; NULL, 0 = any */
    const char *actor;           /* a part of it */
    const char *action;          /* its beginning */
    const char *target;          /* all of it */
    int64_t after_ms, before_ms; /* at_ms within [after, before) */
    struct store_audit *entries;
    size_t count;
    const char *next_cursor;
};

/* In any order; a page may be short and still have a cursor. */
struct store_dedup_entry {
    const char *queue, *key;
    struct job_id id;
    int64_t expires_ms; /* 0 = with its job */
};
struct store_dedup_list {
    struct store_op op;
    const char *queue; /* NULL = all */
    uint32_t limit;
    const char *cursor;
    struct store_dedup_entry *entries;
    size_t count;
    const char *next_cursor;
};
struct store_dedup_release {
    struct store_op op; /* status -ENOENT: no such key */
    const char *queue, *key;
};

/* ------------------------------------------------------------------ the store itself */

/* How many starts of others' one of this tenant counts for, among those who wait at the same time. */
struct store_weight {
    const char *tenant;
    uint32_t weight; /* 1..SHARE_WEIGHT_MAX */
};

/* A queue that is not as all others. */
struct store_queue_setup {
    const char *queue;
    /* in Redis (docs/redis-keys.md) */
    const char *prefix; /* what its keys begin with, "klap:"; NULL, "" = none          */
    bool split_normal;  /* the list of normal jobs has :normal behind its name         */
    /* tenants do not take turns: their jobs stand in one line with all others. Those that are in a line
     * of their own, from another time or another host, are claimed from there. */
    bool one_line;
    const struct store_weight *weights;
    size_t weight_count;
};

struct store_config {
    const char *url;      /* "sqlite:PATH", "redis://...", as config/config.h has it           */
    const char *blob_dir; /* created 0700 if missing                                           */
    /* bytes per class; 0 = no limit; over it SUBMIT answers -EDQUOT */
    uint64_t budget[BUDGET_COUNT];
    int64_t dedup_ttl_ms; /* default life of a key after success; 0 = it ends with the job     */
    /* Opens beside a host that has the store (fsck, lists): every mutation is -EROFS, nothing is
     * created, locked or migrated. */
    bool read_only_ok;
    /* Of the events of a name (events.h): how long and how many are kept, and bytes; 0 = 24 h, 1000, 4 MiB */
    int64_t event_keep_ms, event_max_kept, event_max_bytes;
    const struct store_queue_setup *queues; /* borrowed until the store is closed */
    size_t queue_count;
    /* By which a disk is late, and tried again: real time, whatever a test does to the clock of jobs; NULL: that one. A shared
     * store has no other for its connections. */
    const struct env *disk_env;
    /* The rest is for shared stores. */
    int64_t lease_ms; /* of a claimed job, from its claim or its last renewal; 0 = 30 s */
    const char *tls_ca, *tls_cert, *tls_key;        /* files, or NULL                            */
    int64_t connect_timeout_ms, command_timeout_ms; /* 0 = 5 s, 2 s                              */
    bool allow_eviction;         /* the server may delete keys by itself                          */
    uint64_t blobs_max_in_store; /* bytes of one blob in Redis; above: -EFBIG; 0 = 64 MiB         */
    /* blobs are files in blob_dir, which all hosts share */
    bool blob_dir_shared;
    /* A server that cannot be reached is no error of open: the store is there, reports
     * health(why) at once, and health(NULL) when it has come. What somebody has to change
     * (credentials, an eviction policy) may still be one. */
    bool may_wait;
    /* "sqlite:PATH": what is submitted while the store is away waits there (spool/spool_store.h);
     * NULL = none. */
    const char *fallback;
    /* Limiters and breakers go by each operation's now_ms, because all who use the store have one clock: that of a
     * test. Else a shared store uses the server's. */
    bool one_clock;
    int64_t spool_max_age_ms; /* older entries go to a file for people; 0 = 7 days */
    uint64_t spool_max_bytes; /* of jobs and input files together; 0 = 1 GiB       */
};

/* Called on the loop thread. */
struct store_events {
    /* A lane may have become claimable (submit, due, retry, release, wake, forward), unless a claim
     * of the same group has taken all that was ready; borrowed for the call. */
    void (*ready)(void *arg, const struct store_lane *lane);
    /* The earliest due time changed to something earlier than last reported. */
    void (*due)(void *arg, int64_t due_ms);
    /* Degraded (why->code -EROFS: it takes no writes; any other: it cannot be asked at all), or
     * healthy again (NULL); borrowed for the call. */
    void (*health)(void *arg, const struct err *why);
    /* Shared stores; each may be NULL. A job that this host has claimed was asked to end
     * (store_move_item.ask) by way of another host. */
    void (*ask)(void *arg, const struct job_id *id);
    /* A job is this host's no longer: its lease ended and another host has it. What its attempt
     * still commits is stale. */
    void (*fenced)(void *arg, const struct job_id *id);
    /* A queue was paused or resumed by way of another host; by, why are borrowed. */
    void (*paused)(void *arg, const struct store_queue_stats *queue);
    /* A lease of a job of another host, or of one whose claim this host was never answered, may end
     * at that time, by our clock: RECOVER then. */
    void (*lease)(void *arg, int64_t end_ms);
    /* Something waits to be forwarded (STORE_FORWARD). */
    void (*outbox)(void *arg);
    /* A schedule (schedules.h) was stored, removed, paused or resumed, by way of any host; NULL: any of them may
     * have been. `id` is borrowed. */
    void (*schedule)(void *arg, const char *id);
    /* Shared stores; may be NULL. By way of another host slots of this limiter have become free that
     * somebody was told to wait for; borrowed for the call. */
    void (*limiter)(void *arg, const char *name);
    /* Shared stores; may be NULL. By way of another host this breaker (breakers.h) has opened, closed or
     * got another probe; NULL = any may have, while nobody listened. Borrowed for the call. */
    void (*breaker)(void *arg, const char *name);
    /* Shared stores; may be NULL. By way of another host this token (tokens.h) was made or revoked. Borrowed for the
     * call. */
    void (*token)(void *arg, const char *id);
    /* An operation has its answer: for counting, just before done(). Optional. */
    void (*answered)(void *arg, const struct store_op *op);
    void *arg;
};

struct store_caps {
    const char *name;    /* "sqlite"                            */
    bool shared;         /* several hosts may use it at once    */
    int32_t claim_batch; /* best size of claims and commits     */
};

/* What waits on this host for the store (spool/spool_store.h). */
struct store_backlog {
    bool present;         /* there is a spool                                                   */
    const char *fault;    /* why it takes nothing; NULL = it does; borrowed until the loop turns */
    uint64_t waiting;     /* jobs in it                                                         */
    uint64_t bytes;       /* of them and their input files, */
    uint64_t max_bytes;   /* of so many                     */
    int64_t oldest_ms;    /* when the oldest came; 0 = none                                     */
    uint64_t forwarded;   /* since the start                                                    */
    uint64_t undelivered; /* moved to the file for people since the start                       */
};

/* What a backend implements; `self` is its own state. Each is mandatory but the last. */
struct store_ops {
    struct store_caps caps;
    void (*post)(void *self, struct store_op *op); /* [loop] see the rules above */
    void (*close)(void *self); /* [loop] answers what was posted (done() is called), then frees */
    /* [loop] Bytes of blobs that the budget still has room for, at once and by what is committed;
     * UINT64_MAX: it has no limit. */
    uint64_t (*blob_room)(void *self);
    /* [loop] Fills in what is not zero; NULL: there is no spool. */
    void (*backlog)(void *self, struct store_backlog *ret);
};

struct store {
    const struct store_ops *ops;
    void *self;
};

/* Opens by URL scheme; creates or migrates the schema. 0 or negative errno with words: -EBUSY
 * another host has it, -EPROTO the schema is newer than this program, -EINVAL the URL. The store
 * answers on `base`. */
int store_open(const struct store_config *config, struct event_base *base, const struct log *log,
               const struct env *env, const struct store_events *events, struct store *ret_store,
               struct err *e);
void store_close(struct store *store);

static inline void store_post(struct store *store, struct store_op *op) {
    op->posted_us = env_stopwatch_us();
    op->group = 0;
    store->ops->post(store->self, op);
}

static inline uint64_t store_blob_room(struct store *store) {
    return store->ops->blob_room(store->self);
}

static inline struct store_backlog store_backlog(struct store *store) {
    struct store_backlog ret = {.present = false};
    if (store->ops != NULL && store->ops->backlog != NULL) {
        store->ops->backlog(store->self, &ret);
    }
    return ret;
}

#endif
