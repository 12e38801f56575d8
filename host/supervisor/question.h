/* What a run has asked the supervisor and waits for. The worker, and with it the slot, may be gone when the store answers; so it is
 * found again by pid and slot. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_QUESTION_H
#define JOBHOST_SUPERVISOR_QUESTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"

struct attempt;
struct host;
struct pool;
struct query;
struct worker;

struct question {
    struct host *host;
    struct pool *pool;
    pid_t pid;
    uint64_t slot;
    uint32_t request;
    bool of_query;
};

struct question_answer {
    int status;
    int64_t number;
    struct bytes value;
    int fd; /* >= 0: the value is this file */
    uint64_t fd_size;
};

/* From here on the attempt asks nothing else. */
void question_begin(struct question *q, struct worker *w, struct attempt *a, uint32_t request);
/* The same of a query. */
void question_begin_query(struct question *q, struct worker *w, struct query *query,
                          uint32_t request);

/* Who asked, when it was no query; NULL: it is gone. */
struct worker *question_worker(const struct question *q);
struct attempt *question_attempt(const struct question *q);

/* Answers, if anybody still waits for it. Closes the file. */
void question_answer(const struct question *q, struct question_answer *answer);

/* The same at once, of what was never begun. */
void question_refuse(struct worker *w, const struct attempt *a, uint32_t request, int status);

#endif
