/* A store of its own, driven synchronously: what every test of tests/store stands on. Its place is a
 * directory, or, on the shared backends, one real server a program, which rig_init() empties. Time is
 * a number that the test advances; leases of a shared store, which go by the server's clock, are
 * ended by rig_end_leases(). Operations made by the rig live until rig_finish().
 *
 * Several hosts on one shared store are rigs on one loop: turning one turns all.
 *
 *     rig_start(&a);
 *     rig_start_beside(&b, &a);
 *     ...
 *     rig_finish(&b);
 *     rig_finish(&a);    the first one last
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

struct event;
struct event_base;
struct redis_proxy;
struct redis_server;
struct rig_op;

enum { RIG_LANES_MAX = 64, RIG_IDS_MAX = 64, RIG_SCHEDULE_MAX = 200 };

struct rig_ids {
    struct job_id ids[RIG_IDS_MAX];
    size_t count;
};

struct rig {
    struct event_base *base;
    bool owns_base;
    struct event *tick;
    struct env env;
    const struct log *log; /* of the store; NULL: it says nothing */
    struct store store;
    bool open;
    struct store_config config;
    char dir[256], url[400], blobs[320], fallback[320], db[320];
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
    struct rig_ids asked, fenced;
    char paused[200]; /* "QUEUE paused by WHO: WHY", or "QUEUE resumed by ..." */
    unsigned paused_events;
    char schedule[RIG_SCHEDULE_MAX]; /* that changed last; "*": any of them may have */
    unsigned schedule_events;
    int64_t lease_end;
    char limiter[200]; /* whose slots another host has freed, last */
    unsigned limiter_events;
    unsigned outbox_events;
    char breaker[400]; /* that another host has changed, last */
    unsigned breaker_events;
    char token[64]; /* that another host has made or revoked, last */
    unsigned token_events;
    struct err err; /* of the last rig_open() */
};

/* Which backend the suite is run on: "sqlite", "faulty", "redis" (by a unix socket) or "redis-tls". */
extern const char *rig_backend;

/* Takes a leading `--store BACKEND` from a program's arguments. */
void rig_parse(int *argc, char ***argv);

/* The backend is one that several hosts share. */
bool rig_is_shared(void);

/* An empty store. The caller may change rig->config between rig_init() and rig_open(). */
void rig_init(struct rig *rig);

/* Another host on the store of `other`, on its loop, at its time; shared backends only. */
void rig_init_beside(struct rig *rig, struct rig *other);
int rig_open(struct rig *rig);
void rig_close(struct rig *rig);

/* A new boot of the host on the same store. */
int rig_reopen(struct rig *rig);

/* Closes it and removes the directory. */
void rig_finish(struct rig *rig);

/* rig_init() and rig_open(), with an expectation. */
void rig_start(struct rig *rig);
void rig_start_beside(struct rig *rig, struct rig *other);

/* Posts and turns the loop until it is answered: op->status. */
int rig_run(struct rig *rig, struct store_op *op, enum store_op_kind kind);

/* Posts without waiting; *ret_done becomes true. rig_wait() turns the loop until then. */
void rig_post(struct rig *rig, struct store_op *op, enum store_op_kind kind, bool *ret_done);
void rig_wait(struct rig *rig, const bool *done);

/* Turns the loop until `condition` holds: for what another host, or the server, does in its own
 * time. A failure when it takes longer than anybody's patience. */
#define RIG_AWAIT(rig, condition)                                                                  \
    do {                                                                                           \
        bool rig_met = false; /* what was met once may be over a moment later */                   \
        for (int64_t rig_end = rig_patience(rig);                                                  \
             !(rig_met = (condition)) && rig_turn((rig), rig_end);) {                              \
        }                                                                                          \
        (void)EXPECT_TRUE(rig_met);                                                                \
    } while (0)
int64_t rig_patience(struct rig *rig);
bool rig_turn(struct rig *rig, int64_t end); /* false: `end` has come */

/* A zeroed operation that the rig frees. */
void *rig_new(struct rig *rig, size_t size);
void rig_free_ops(struct rig *rig); /* those so far */
#define RIG_NEW(rig, type) ((struct type *)rig_new((rig), sizeof(struct type)))

void rig_forget(struct rig *rig);
bool rig_was_ready(const struct rig *rig, const char *queue, const char *type);
bool rig_has_id(const struct rig_ids *ids, const struct job_id *id);

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

/* RECOVER by a host whose earlier boot (the nonce before) is gone: how many were released. */
size_t rig_recover(struct rig *rig);

/* The beat of a host that has jobs in hand: its status. */
int rig_beat(struct rig *rig);

/* ---- behind the store's back ---- */

/* SQLite */
void rig_sql(const struct rig *rig, const char *text);

/* Shared backends: the server of this program, started when it is first asked for. */
struct redis_server *rig_server(void);
void rig_empty_server(void);
void rig_use_server(struct rig *rig); /* sets its url, and authority */

/* An empty store behind a proxy, connected: what comes after can be counted and cut. The proxy is
 * freed after rig_close(). */
struct redis_proxy *rig_start_behind_proxy(struct rig *rig);

/* A command of words separated by blanks, printf's way: its answer as a number (redis_server_do()). */
int64_t rig_redis(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The answer as a text, "" for none; valid until the next call. */
const char *rig_redis_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How many hosts listen to the others. */
int64_t rig_listeners(void);

/* All leases of running jobs end now: how many there were. */
int64_t rig_end_leases(void);

/* The whole store is sound; says what is not. */
void rig_expect_sound(struct rig *rig);

#endif
