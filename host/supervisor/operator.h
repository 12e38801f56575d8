/* Answers to jobs that are parked for an operator: what jobhost.operator/1 asks, people say here. Loop thread
 * only. */
#ifndef JOBHOST_SUPERVISOR_OPERATOR_H
#define JOBHOST_SUPERVISOR_OPERATOR_H

#include "supervisor/jobs.h"

struct operator_answer {
    struct job_id id;
    const char *answer;
    const struct store_scope *scope; /* no other job is there; NULL = all */
    const char *actor, *by,
        *why; /* for the audit log: who asks, for whom, and why; the last two may be NULL */
    /* answers */
    int status; /* 0, or negative errno: `problem` says what is wrong */
    struct problem problem;
    enum job_state state;
    void (*done)(struct operator_answer *answer, void *arg); /* later, on the loop thread */
    void *arg;
};

/* The answer becomes a step of the job, and the job is queued, in one transaction. Of several answers one is
 * taken, and the others are told so. `answer` and what it names live until done(). */
void operator_give(struct host *host, struct operator_answer *answer);

#endif
