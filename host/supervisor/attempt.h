/* One claimed job on its way through a worker: what it asked for since its last commit, and its
 * end.
 *
 *     claimed ─▶ held ──place──▶ sent (in a window, then running) ─DONE─▶ ended ─store─▶ gone
 *                 ▲               │ NACK, neighbour's crash
 *                 └───────────────┘
 *
 * An attempt borrows its job from the claim it came with; the claim is freed with its last attempt.
 * Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_ATTEMPT_H
#define JOBHOST_SUPERVISOR_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/buf.h"
#include "core/outcome.h"
#include "record/messages.h"
#include "store/store.h"
#include "supervisor/limits.h"

struct host;
struct lane;
struct pool;
struct worker;
struct effects;
struct crash;

/* A claim operation that lives as long as one of its jobs is in hand. */
struct claim {
    struct store_claim op;
    struct host *host;
    unsigned attempts;
    struct store_claim_want *wants;
    struct claim_lane *lanes; /* one a want */
    size_t want_cap;
};
struct claim_lane {
    struct lane *lane;
    uint64_t signals; /* the lane's when the claim was posted */
    uint32_t got;
};

/* How far stopping it has gone. */
enum attempt_stop { STOP_NOT, STOP_ASKED, STOP_TERM, STOP_KILL };

/* Names of outputs that this attempt has put and the claim did not have: with those of the claim,
 * what a limit counts. */
struct attempt_outputs {
    char **names;
    size_t count, cap;
    int64_t kept_mono_ms; /* when the blobs of uncommitted ones were put or kept last */
};

struct attempt {
    struct host *host;
    struct claim *claim;
    const struct store_claimed *job; /* in the claim's arena */
    struct lane *lane;
    struct pool *
        pool; /* that it is held by, or was placed in; it stays until then. NULL: its plugin is gone. Counted
                              in its lane as long as that is the lane's own: else it ends on older code */
    struct worker *worker; /* NULL while held */
    uint64_t slot;         /* in that worker   */
    uint32_t handler;      /* in that worker's manifest */
    int32_t pid;           /* of the worker it is or was with */
    uint32_t commit_no;    /* of the last commit asked for */
    uint32_t cancel_mask;  /* JH_CANCEL_* in force */
    enum attempt_stop stop;
    int64_t stop_mono_ms; /* when it was asked to stop */
    int64_t placed_mono_ms;
    int64_t heard_mono_ms;          /* when its handler last said something; 0 = not yet */
    bool over_disk;                 /* asked to stop because its plugin keeps too much       */
    bool stalled;                   /* asked to stop because it said nothing             */
    int64_t recalled_mono_ms;       /* when it was last asked back for another worker */
    int64_t cost_us;                /* what it counts for in its worker's load */
    bool asking;                    /* a GET is not yet answered */
    struct attempt_wish *wish;      /* run() waits for slots of a limiter; NULL = it does not */
    struct attempt_wish *sent_away; /* the last one that got none; kept to its end */
    struct limit_tickets tickets;   /* that run() holds */
    unsigned ticket_count;
    struct breaker_probe *breaker_probes; /* those whose probe it is (breakers.h) */
    struct attempt **breaker_asks; /* it waits for the store's word on one; NULL = it does not */
    struct slot_wish *slot_wish;   /* it waits for leave to start (slots.h) */
    struct limit_ticket *slot_ticket;
    bool slot_done, slot_till_start; /* it has been let through; until it runs only */
    bool aside;                      /* not counted in its lane */
    bool running;                    /* while its worker is looked at */
    int64_t started_wall_ms;         /* 0 until it was seen running */
    int64_t reported_mono_ms;        /* when the store last heard of it (START) */
    bool committing;                 /* a mid-run commit is with the store */
    bool concluded;                  /* `report` holds: it only waits for its final commit */
    bool adopted; /* from the binary before: what it was claimed with is not all here */
    bool refused; /* the store would not have its end: it ends as a failure */
    bool fenced;  /* its job is ours no longer: nothing of it is committed  */
    struct attempt_report report;
    struct buf
        words; /* texts of the report: scope, message, code, wait key, what it looks for, each with its NUL */
    uint32_t failure_flags;
    struct effects *effects; /* since the last commit; NULL = none */
    struct attempt_outputs outputs;
    struct buf result; /* collected over the whole attempt */
    char *result_type;
    int result_fd;    /* >= 0: replaces `result` */
    bool result_over; /* over the queue's max_result: the attempt fails with INPUT/too_large */
    struct job_progress progress;
    char *progress_text;
    char *step;          /* the last one that it committed; NULL = none */
    struct crash *crash; /* that ended it; NULL = none did */
    bool progress_news;  /* not yet told to the store */
    struct buf log;      /* the tail */
    bool log_news;
    TAILQ_ENTRY(attempt) link; /* worker's or pool's list */
    UT_hash_handle by_id;      /* host's table of running jobs */
};
TAILQ_HEAD(attempt_list, attempt);

/* Has it, or may it have, taken a process with it before? Then it is run in a worker that has nothing
 * else in hand. */
static inline bool attempt_is_suspect(const struct attempt *a) {
    return a->job->counters.crashes > 0 || a->job->counters.resource > 0;
}

/* From a claimed job; counted in its lane's queue and found by attempt_find(). NULL without memory.
 */
struct attempt *attempt_new(struct host *host, struct claim *claim, const struct store_claimed *job,
                            struct lane *lane);
void attempt_free(struct attempt *a);
/* Another pool has it now: the lane's own, when it is held again or its plugin has new code. */
void attempt_join(struct attempt *a, struct pool *pool);
struct attempt *attempt_find(struct host *host, const struct job_id *id);
/* Frees the claim when no attempt uses it; may be NULL. */
void claim_unref(struct claim *claim);

/* run() was entered at this wall time, as far as is known; the first call counts. */
void attempt_begun(struct attempt *a, int64_t wall_ms);

/* Forgets what it did and was told, for another run of the same claim. False: it has committed
 * something in this run, so that the store's newer state must be claimed again. */
bool attempt_rewind(struct attempt *a);

/* What the worker says about it. Each returns 0, or -EBADMSG/-EPROTO: the worker broke a limit or
 * the protocol. */
int attempt_on_effect(
    struct attempt *a,
    struct record *r); /* WARN, STEP, CHILD, SIBLING, THEN, ON_DEAD, KV, RESULT, RESULT_TYPE */
int attempt_on_progress(struct attempt *a, const struct msg_progress *m);
void attempt_on_log(struct attempt *a, const struct msg_log *m);
int attempt_on_commit(struct attempt *a, uint32_t commit_no);
/* COMMITTED, if it still has a worker. */
void attempt_tell_committed(struct attempt *a, uint32_t commit_no, int status);
/* Never while a commit is under way. */
void attempt_on_done(struct attempt *a, const struct msg_done *m);

/* It ends by the supervisor's doing; `error` (may be NULL) is copied into the job's error. */
void attempt_end(struct attempt *a, enum attempt_end end, const char *error);

/* It takes room in its lane no longer, or again. */
void attempt_set_aside(struct attempt *a, bool aside);

/* It is not begun, for the limiter of this name has no slot: parked until then. */
void attempt_limited(struct attempt *a, const char *limiter, int64_t wake_at_ms);

/* It is not begun, for the breaker of this name is open: parked until then. */
void attempt_barred(struct attempt *a, const char *breaker, int64_t wake_at_ms);

/* It is not begun, for its handler does not resume its steps. */
void attempt_skewed(struct attempt *a, enum skew skew, const char *why);

/* The texts of its report; copied. */
void attempt_say(struct attempt *a, const char *scope, const char *message, const char *code,
                 const char *wait_key, const char *wait_for);

/* Sends the final commit of a concluded attempt, unless an earlier one is still under way. */
void attempt_conclude(struct attempt *a);

/* The store has refused its final commit for what is in it: it ends without that, as a failure.
 * False: that was refused already. */
bool attempt_refuse(struct attempt *a, int status);

/* Its job is ours no longer: it is asked to stop, what it still does is dropped, and attempt_find()
 * finds it no more. May free it if it is with no worker. `why` is for the log. */
void attempt_fence(struct attempt *a, const char *why);

/* A user wants it to end: one that is with no worker ends now, and may be freed. */
void attempt_cancel_by_user(struct attempt *a);

/* Its handler has said nothing for jobs.<type>.stall: asked to stop as at its timeout, and its end is
 * that of a hang. */
void attempt_stall(struct attempt *a);

/* Its plugin keeps more than sandbox.max_disk: asked to save a step and stop, and its end is class
 * RESOURCE. */
void attempt_over_disk(struct attempt *a);

/* Asks it to stop; the reasons add up. The worker's check timer takes it from there (TERM, KILL).
 */
void attempt_cancel(struct attempt *a, uint32_t mask);

/* Tells the store about progress and log of an attempt that goes on. */
void attempt_report(struct attempt *a);

#endif
