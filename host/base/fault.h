/* Named points at which a test may make the process die, fail or dawdle.
 *
 * Test builds read JOBHOST_FAULT=point[:n]=kill|error|delay once: at the n-th passage (default 1) of the point,
 * `kill` raises SIGKILL, `error` makes fault() return -EIO, `delay` sleeps 200 ms. `jobhost version
 * --fault-points` prints the list, and the crash test walks it. In release builds fault() is the constant 0. */
#ifndef JOBHOST_BASE_FAULT_H
#define JOBHOST_BASE_FAULT_H

#include <stddef.h>

#include "base/err.h"

enum fault_point {
    FAULT_SUBMIT_BEFORE_STORE, /* supervisor: accepted in memory, not yet handed to the store     */
    /* supervisor: durable, 202 not yet sent */
    FAULT_SUBMIT_BEFORE_ANSWER,
    FAULT_STORE_BEFORE_COMMIT, /* store writer: group applied, not committed                      */
    FAULT_STORE_SYNC,          /* store writer: transaction in the log, not on the disk           */
    FAULT_STORE_AFTER_COMMIT,  /* store writer: committed, nobody told                            */
    FAULT_STORE_CHECKPOINT,    /* store writer: before a WAL checkpoint                           */
    FAULT_STORE_FORWARD,       /* store: outbox row read, child not yet inserted                  */
    FAULT_FLOW_TOLD,    /* store: a flow has heard of a member's end, what follows is not done    */
    FAULT_CASCADE_PAGE, /* supervisor: members to be cancelled are known, and none is yet         */
    FAULT_CASCADE_MOVED, /* supervisor: they are cancelled, the store is not told how far that is  */
    /* supervisor: claimed, not yet sent to a worker */
    FAULT_CLAIM_BEFORE_DISPATCH,
    FAULT_DISPATCH_AFTER_SEND, /* supervisor: job sent to a worker                                */
    FAULT_COMMIT_BEFORE_STORE, /* supervisor: commit received from a worker, not handed on        */
    FAULT_COMMIT_BEFORE_ACK,   /* supervisor: commit durable, worker not told                     */
    FAULT_BLOB_BEFORE_RENAME,  /* blob: written and synced under a temporary name                 */
    FAULT_BLOB_AFTER_RENAME,   /* blob: in place, not referenced by any row                       */
    FAULT_SPOOL_WRITE,         /* disk thread: before a part of an upload is written              */
    FAULT_FORM_STORED, /* api: a form's files are in the store, its job is not yet         */
    FAULT_UPGRADE_BEFORE_EXEC, /* upgrade: the table is written, the store still open             */
    FAULT_UPGRADE_STORE_CLOSED, /* upgrade: the store is closed, this is still the old binary      */
    FAULT_UPGRADE_AFTER_EXEC, /* upgrade: the new binary, nothing of the table is its own yet    */
    FAULT_UPGRADE_ADOPTED,    /* upgrade: jobs and workers are the new binary's, it serves nobody */
    FAULT_RECOVER,            /* start: in the middle of taking over jobs of a dead host         */
    FAULT_WORKER_BEFORE_RUN,  /* worker: START announced, run() not called                       */
    FAULT_WORKER_AFTER_RUN,   /* worker: run() returned, nothing sent                            */
    /* worker: step buffered, commit not sent */
    FAULT_WORKER_BEFORE_COMMIT,
    FAULT_WORKER_AFTER_COMMIT, /* worker: commit acknowledged, handler not told                   */
    FAULT_POINT_COUNT
};

extern const char *const fault_point_names[FAULT_POINT_COUNT];

#ifdef JOBHOST_TEST
/* Would this be a plan? env_open() asks it of the variable's value, so that a misspelt plan is an error and not a test that
 * passes for nothing. NULL is fine; -EINVAL says what is wrong. */
int fault_check(const char *text, struct err *e);

/* Counts one passage; 0, or -EIO when the plan says error. Thread-safe. */
int fault(enum fault_point point);
#else
static inline int fault(enum fault_point point) {
    (void)point;
    return 0;
}
#endif

#endif
