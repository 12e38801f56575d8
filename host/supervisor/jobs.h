/* What people ask of the host, as functions: the API and the CLI behind it call these; nothing here
 * knows HTTP. Loop thread only. Asynchronous ones answer through a callback, always later than the
 * call returns. */
#ifndef JOBHOST_SUPERVISOR_JOBS_H
#define JOBHOST_SUPERVISOR_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/evaluate.h"
#include "core/job.h"
#include "store/store.h"

struct host;

/* A refusal in the API's terms. */
struct problem {
    int status;       /* HTTP status                       */
    const char *code; /* snake_case constant               */
    char field[64];   /* "" = none                         */
    char message[320];
};

/* A submission as it came in. Unset: NULL, -1 for enums, 0 for numbers. */
struct job_request {
    const char *type;
    struct bytes payload;
    const char *content_type;
    const char *queue, *tenant;
    int priority; /* enum job_priority or -1                             */
    int64_t delay_ms;
    int64_t run_at_ms;
    const char *key;
    int dedup_mode;       /* enum dedup_mode or -1 (return)                      */
    int64_t dedup_ttl_ms; /* < 0: the key ends with its job                         */
    int32_t max;
    int64_t timeout_ms;
    int64_t deadline_ms; /* a duration from now                                 */
    int64_t expires_ms;  /* a duration from now                                 */
    const char *labels;  /* "a,b"                                               */
    const char *callback;
    const char *retry;
    const char *flow_id; /* id of the job whose flow it joins: jobs_join() takes it    */
    const struct job_file *files;
    size_t file_count;
    const char *schedule; /* of which it is; its type need not be served here           */
    int64_t nominal_ms;   /* the time of it                                              */
};

/* Are jobs taken now? 0, or -EINVAL and *ret_problem: the host is starting or ending. */
int jobs_check_open(const struct host *host, struct problem *ret_problem);

/* Can more be taken, or does the store have its hands full (core/shed.h)? 0, or -EAGAIN and *ret_problem: it is counted. To be
 * asked before a body is read. */
int jobs_check_load(struct host *host, struct problem *ret_problem);

/* Checks the request and fills in what queue, type and defaults say; makes the id. Strings of
 * `request` are borrowed by the spec. 0, or -EINVAL and *ret_problem. */
int jobs_resolve(struct host *host, const struct job_request *request, struct arena *arena,
                 struct job_spec *ret_spec, struct problem *ret_problem);

/* The part of it that needs no host: from a request that was found good, and the name of its queue (borrowed). */
struct config;
int jobs_fill(const struct config *config, const struct job_request *request, const char *queue,
              struct id_gen *ids, int64_t now_ms, struct arena *arena, struct job_spec *ret_spec,
              struct problem *ret_problem);

/* Posts the submission (op.done is the caller's) and has the dispatcher claim in the same breath,
 * so that submit and claim share one commit of the store. */
void jobs_submit(struct host *host, struct store_submit *submit);
/* The same of jobs that join flows. */
struct store_flow_join;
void jobs_join(struct host *host, struct store_flow_join *join);

/* Cancel: a waiting job ends at once; one that runs is asked to stop (state stays running,
 * `pending`) and ends as cancelled whatever its handler returns, success excepted, and also if its
 * host dies first: that is written before it is asked, unless the store takes nothing. Retry: dead or cancelled jobs start
 * again. Restart: those too, and such as are parked because nobody resumes their steps; without their steps. Promote:
 * scheduled ones start now. Wake: a parked one goes on. Bury: one that waits is dead, for nobody has its handler. Answers the
 * state afterwards. */
enum jobs_action {
    JOBS_CANCEL,
    JOBS_RETRY,
    JOBS_RESTART,
    JOBS_PROMOTE,
    JOBS_WAKE,
    JOBS_BURY,
    JOBS_REMOVE
};
struct jobs_act {
    enum jobs_action action;
    struct job_id id;
    uint32_t rev;                    /* WAKE, BURY: as it was read; 0 = whatever has become of it */
    int64_t keep_ms;                 /* BURY: how long it is kept then; 0 = for ever */
    const char *actor, *why;         /* for the audit log; copied */
    const struct store_scope *scope; /* no other job is there; NULL = all */
    /* answers: 0, -ENOENT, -EBUSY, -EINVAL (state), -EAGAIN (it waits in the spool), or the store's
     * error */
    int status;
    enum job_state state;
    bool pending; /* cancel of a running job: it has been asked                         */
    void (*done)(struct jobs_act *act, void *arg);
    void *arg;
};
void jobs_act(struct host *host, struct jobs_act *act);

/* Those that other jobs took the keys of (dedup replace): they stop, or whoever watches them hears it. */
void jobs_replaced(struct host *host, const struct store_submit *submit);

/* A user wants a job to end, here or by way of another host, and the store knows. False: it does not
 * run here, or its end is on its way to the store. */
bool jobs_ask_to_end(struct host *host, const struct job_id *id);

/* Jobs that this host has claimed and not yet ended. */
uint32_t jobs_in_hand(const struct host *host);

/* What the supervisor knows about a job that runs here and the store does not yet. False: it does
 * not run here. */
struct job_live {
    int32_t pid;
    const char *plugin, *build;
    int64_t started_ms; /* 0 = in a worker's window, not started              */
    int64_t timeout_at_ms;
    struct job_progress progress;
    struct bytes log_tail; /* borrowed until the loop turns                      */
    uint32_t cancel_mask;
};
bool jobs_live(struct host *host, const struct job_id *id, struct job_live *ret_live);

/* What a parked job waits for, as far as the store tells; zero = not known. */
struct jobs_awaited {
    struct job_id job;      /* a schedule's last, or one of its children   */
    int64_t children, open; /* members of its flow, and how many have not ended */
};

/* Why it does not run. `job` is fresh from the store, `stats` may be NULL (then nothing is said
 * about who goes first). */
unsigned jobs_explain(struct host *host, const struct store_job *job,
                      const struct jobs_awaited *awaited, const struct store_stats *stats,
                      struct reason *ret_reasons, unsigned cap);
unsigned jobs_explain_queue(struct host *host, const char *queue, const struct store_stats *stats,
                            struct reason *ret_reasons, unsigned cap);

/* What keeps queued jobs from starting: each lane's jobs are counted under the first reason of
 * evaluate(). */
enum { JOBS_WAITING_LANES_MAX = 1000 }; /* lanes looked at */
struct jobs_waiting {
    int64_t by_reason[REASON_COUNT];
    int64_t startable;        /* no reason: they may start at any moment */
    int64_t not_looked_at;    /* of further lanes                        */
    unsigned commits_pending; /* commits with the store                  */
};
/* `stats` may be NULL: then no jobs are counted. */
void jobs_waiting(struct host *host, const struct store_stats *stats, struct jobs_waiting *ret);

#endif
