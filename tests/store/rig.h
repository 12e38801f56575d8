/* A store on a directory of its own, driven synchronously: what every test of tests/store stands
 * on. Time is a number that the test advances. Operations made by the rig live until rig_close().
 */
#ifndef JOBHOST_TESTS_STORE_RIG_H
#define JOBHOST_TESTS_STORE_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "core/id.h"
#include "expect.h"
#include "store/faulty/faulty.h"
#include "store/store.h"

struct event_base;
struct rig_op;

enum { RIG_LANES_MAX = 64 };

struct rig {
    struct event_base *base;
    struct env env;
    struct store store;
    bool open;
    struct store_config config;
    char dir[256], url[400], blobs[320], db[320];
    struct id_gen ids;
    int64_t now;
    uint64_t nonce;
    struct rig_op *ops;
    /* what store_events reported */
    char ready[RIG_LANES_MAX][200]; /* "queue type", since the last rig_forget() */
    size_t ready_count;
    int64_t due;
    char health[400];
    unsigned health_events;
    struct err err; /* of the last rig_open() */
};

/* Which backend the suite is run on: "sqlite" or "faulty". */
extern const char *rig_backend;

/* An empty store. The caller may change rig->config between rig_init() and rig_open(). */
void rig_init(struct rig *rig);
int rig_open(struct rig *rig);
void rig_close(struct rig *rig);
int rig_reopen(struct rig *rig);

/* Closes it and removes the directory. */
void rig_finish(struct rig *rig);

/* rig_init() and rig_open(), with an expectation. */
void rig_start(struct rig *rig);

/* Posts and turns the loop until it is answered: op->status. */
int rig_run(struct rig *rig, struct store_op *op, enum store_op_kind kind);

/* Posts without waiting; *ret_done becomes true. rig_wait() turns the loop until then. */
void rig_post(struct rig *rig, struct store_op *op, enum store_op_kind kind, bool *ret_done);
void rig_wait(struct rig *rig, const bool *done);

/* A zeroed operation that the rig frees. */
void *rig_new(struct rig *rig, size_t size);
#define RIG_NEW(rig, type) ((struct type *)rig_new((rig), sizeof(struct type)))

void rig_forget(struct rig *rig);
bool rig_was_ready(const struct rig *rig, const char *queue, const char *type);

/* Moves a clock of the test's own (rig->env.clock) that the store's threads may be reading. */
static inline void rig_advance(struct env_clock_file *clock, int64_t ms) {
    __atomic_fetch_add(&clock->base_test_ms, ms, __ATOMIC_RELAXED);
}

/* ---- short forms ---- */

struct job_id rig_id(struct rig *rig);
struct job_spec rig_spec(struct rig *rig, const char *queue, const char *type);

/* Verdict, or the negative status. */
int rig_submit(struct rig *rig, const struct job_spec *spec);
struct job_id rig_submit_plain(struct rig *rig, const char *queue, const char *type);

struct store_claim *rig_claim(struct rig *rig, const char *queue, const char *type, uint32_t limit);

/* The only job of a claim that must yield one; NULL and a failure if not. */
const struct store_claimed *rig_claim_one(struct rig *rig, const char *queue, const char *type);

/* The commit that ends (or with JOB_EV_NONE goes on with) an attempt: the item's status. */
struct store_commit_item rig_item(const struct store_claimed *job, enum job_event event);
int rig_commit(struct rig *rig, struct store_commit_item *item);
int rig_succeed(struct rig *rig, const struct store_claimed *job);

/* NULL when it is not there. */
const struct store_job *rig_get(struct rig *rig, const struct job_id *id);
int rig_state(struct rig *rig, const struct job_id *id); /* -1: not there */
int rig_move(struct rig *rig, const struct job_id *id, enum job_event event);
const struct store_stats *rig_stats(struct rig *rig);
const struct store_list *rig_list(struct rig *rig, struct store_filter filter, uint32_t limit,
                                  const char *cursor);
struct store_filter rig_filter(void); /* matches all */

/* Due jobs become queued: how many. */
size_t rig_due(struct rig *rig, int64_t *ret_next);
size_t rig_recover(struct rig *rig);

/* Behind the store's back. */
void rig_sql(const struct rig *rig, const char *text);

/* The whole store is sound; says what is not. */
void rig_expect_sound(struct rig *rig);

#endif
