/* One run() of one handler, as the ABI's functions see it: what stands behind `struct jh_call`.
 *
 *     call.c         the host table: log, cancel, sleep, progress, fail, yield, enqueue, config
 *     call_step.c    step_get, step_put: steps and commits
 *     call_result.c  result, and the blob extension's results
 *     call_blob.c call_kv.c call_clock.c call_event.c call_flow.c call_http.c call_limit.c call_operator.c   extensions
 *     ask.c          questions to the supervisor
 *
 * Who may touch what is said per group; a run thread reuses its call for one job after the
 * other. */
#ifndef JOBHOST_WORKER_CALL_H
#define JOBHOST_WORKER_CALL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "core/job.h"
#include "jobhost_plugin.h"
#include "record/messages.h"
#include "worker/check.h"
#include "worker/pending.h"
#include "worker/steps.h"
#include "worker/verdict.h"

struct task;
struct worker;
struct sender;
struct transfer;

/* The one question that a call may have open. */
struct answer {
    bool wanted, arrived;
    bool commit;     /* COMMITTED is awaited, else VALUE         */
    uint32_t number; /* of the commit, or of the request        */
    int32_t status;
    int64_t value_number;
    struct bytes value; /* in the call's arena; by descriptor: {NULL, size} */
    int fd;             /* >= 0: the caller's                     */
    struct buf *into;   /* where the value goes instead of the arena; NULL = there */
};

struct call_progress {
    uint64_t done, total;
    char message[JOB_MESSAGE_MAX + 1];
    bool has_message;
    bool pending;    /* newer than what was sent                     */
    int64_t sent_us; /* when the last one was sent; 0 = none yet     */
};

struct call_result {
    struct buf data; /* not yet spilled */
    int fd;          /* >= 0: what was spilled; owned */
    uint64_t size;   /* in all */
    char *type;      /* in the arena, or NULL */
};

/* What was asked about flows: the last page of members, and the last result. */
struct call_flow {
    bool has_then;        /* then() was called in this run                            */
    uint32_t grows_until; /* number of the commit up to which add() need not ask; 0 = it must */
    uint32_t takes_until; /* the same of enqueue()                                     */
    bool fails;           /* on_child_dead(JH_ON_DEAD_FAIL) was called in this run     */
    bool harmless;        /* it has opened none, or none that fails: enqueue() never asks */
    struct buf counts, page, result;
    struct record at; /* the rest of the page: */
    uint32_t left;    /* so many members,      */
    int32_t which;    /* of this flow,         */
    uint64_t cursor;  /* behind this one       */
    void *map;        /* a result that came as a file */
    size_t map_len;
};

struct call {
    struct jh_call pub; /* first: the plugin's pointer is ours */
    struct worker *worker;
    struct sender *sender;
    struct runner *runner; /* NULL during create()              */
    pthread_t owner;

    /* any thread */
    _Atomic uint64_t slot;      /* 0 = no run() is in progress       */
    _Atomic uint32_t cancelled; /* JH_CANCEL_* */
    _Atomic int64_t began_us;   /* env_stopwatch_us() of the run's begin */

    /* with worker->lock */
    int cancel_fd; /* -1 until asked for; then kept from job to job: plugins may remember it */
    int64_t timeout_at_ms; /* mono; 0 = none */
    struct answer answer;

    /* with sender->lock */
    struct call_progress progress;

    /* the owner alone */
    struct task *task;
    struct arena arena; /* what lives until run() returns */
    struct verdict_notes notes;
    struct steps steps;
    struct pending pending;
    struct call_result result;
    uint32_t commit_no;
    uint32_t requests;
    struct check_sum sum; /* asked for since the last commit */
    uint64_t random;
    struct ask_mapping *mappings; /* to be unmapped when run() returns */
    struct call_claim *claims;    /* won or done in this attempt       */
    struct call_ticket *tickets;  /* slots of limiters that it holds   */
    struct call_wait *waits;      /* how often it waited for an event  */
    struct call_flow flow;
    struct transfer *transfer; /* of calls by HTTP; kept from job to job; NULL until one is made */
};

extern const struct jh_host call_host;

void call_init(struct call *c, struct worker *w, struct sender *sender, struct runner *runner);
void call_finish(struct call *c);

/* Around each run(), by its thread. */
void call_begin(struct call *c, struct task *t, int64_t now_us);
void call_end(struct call *c);

/* Adds a reason to stop; wakes what can be woken. With worker->lock held. */
void call_cancel(struct call *c, uint32_t mask);
/* Before the next run(). With worker->lock held. */
void call_uncancel(struct call *c);

/* May the calling thread use [run] functions? 0; -EPERM for another thread or outside run(); the
 * errno of a commit that failed. */
int call_check(const struct call *c);
/* The same of what a query may not do, for it would change something, or wait: -EROFS. */
int call_check_job(const struct call *c);
/* Remembers why `name` was refused, for the verdict; returns rc. */
int call_refuse(struct call *c, const char *name, int rc);

/* Buffers a job to be made, within the limits of a commit: 0 or a negative errno, remembered as by call_refuse(). `put` says
 * what it is to this one. */
int call_child(struct call *c, const char *name, const struct jh_child *child,
               int (*put)(struct record_writer *w, uint64_t job, const struct msg_child *m));

/* People wait for what was just written. With sender->lock held. */
void call_show(struct call *c);
/* Writes what progress was held back. With sender->lock held. */
void call_put_progress(struct call *c, int64_t now_us);

static inline struct call *call_of(struct jh_call *pub) {
    return (struct call *)(void *)pub;
}

#endif
