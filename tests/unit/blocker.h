/* Holds up a side thread, so that a test sees what goes on without it. */
#ifndef JOBHOST_TESTS_BLOCKER_H
#define JOBHOST_TESTS_BLOCKER_H

#include <unistd.h>

#include "base/bytes.h"
#include "base/side_thread.h"

#include "expect.h"

struct blocker {
    struct side_op op;
    int pipe[2];
};

static inline void blocker_work(struct side_op *op) {
    struct blocker *b = CONTAINER_OF(op, struct blocker, op);
    char c;
    (void)!read(b->pipe[0], &c, 1);
}

static inline void blocker_done(struct side_op *op) {
    struct blocker *b = CONTAINER_OF(op, struct blocker, op);
    close(b->pipe[0]);
    close(b->pipe[1]);
}

/* Until blocker_end(). */
static inline void blocker_begin(struct blocker *b, struct side_thread *thread) {
    *b = (struct blocker){.op = {.work = blocker_work, .done = blocker_done}};
    EXPECT_EQ_INT(0, pipe(b->pipe));
    side_thread_post(thread, &b->op);
}

/* The thread goes on; blocker_done() closes. */
static inline void blocker_end(struct blocker *b) {
    EXPECT_EQ_INT(1, (int)write(b->pipe[1], "", 1));
}

#endif
