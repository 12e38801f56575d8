/* What the tests of the API's answers share: the store's part of an exchange. */
#ifndef JOBHOST_TESTS_API_ANSWERS_H
#define JOBHOST_TESTS_API_ANSWERS_H

#include "api_fixture.h"

static const char plain[] = "host: {state_dir: /tmp}\nqueues: {named: {concurrency: 3}}\n";

static inline struct job_id the_id(void) {
    struct job_id id;
    (void)id_parse(API_ID, &id);
    return id;
}

/* Asks, answers the one operation with `status` after `fill` (may be NULL) has put the answer in, and checks. */
static inline void check_op(struct api_fixture *x, const char *method, const char *path,
                            const char *body, enum store_op_kind kind, void (*fill)(void *op),
                            int op_status, int status, const char *part) {
    int fd = api_send(x, method, path, body);
    struct store_op *op = api_take(x, kind);
    if (fill != NULL) {
        fill(op);
    }
    api_done(x, op, op_status);
    api_expect(x, fd, status, part);
}

static inline void fill_state(void *op, enum job_state state) {
    CONTAINER_OF(op, struct store_get, op)->job.state = state;
}

static inline void fill_stats(void *op) {
    static struct store_queue_stats queues[] = {{.queue = "q",
                                                 .waiting = {1, 2, 3},
                                                 .by_state = {[JOB_QUEUED] = 6, [JOB_DEAD] = 2},
                                                 .oldest_ready_ms = 1000,
                                                 .paused = true,
                                                 .paused_by = "uid:0",
                                                 .paused_why = "because",
                                                 .paused_at_ms = 2000}};
    struct store_stats *s = CONTAINER_OF(op, struct store_stats, op);
    s->queues = queues;
    s->queue_count = 1;
    s->bytes[BUDGET_JOBS] = 5;
}

/* The question whether a given job is dead, with its answer filled in. */
static inline struct store_op *dead_get(struct api_fixture *x, enum job_state state) {
    struct store_get *get = api_take(x, STORE_GET);
    get->job.state = state;
    return &get->op;
}

#endif
