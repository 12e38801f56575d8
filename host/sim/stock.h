/* The store of a simulation: the real one, SQLite, in a folder in memory that goes with it. Its threads see a clock that
 * stands still, for what is virtual is the caller's time (store_op.now_ms).
 *
 *     stock_post(a), stock_post(b), ... ─▶ one group ─▶ stock_wait() ─▶ all have their answers
 *
 * Whatever the threads do meanwhile, the answers depend on the order of posting alone. */
#ifndef JOBHOST_SIM_STOCK_H
#define JOBHOST_SIM_STOCK_H

#include <limits.h>

#include "base/log.h"
#include "config/config.h"
#include "store/store.h"
#include "supervisor/host_store.h"

struct stock {
    char dir[PATH_MAX]; /* "" = there is none */
    struct event_base *base;
    struct env_clock_file clock;
    struct env env;
    struct log log;
    struct host_store made;
    struct store store;
    unsigned pending;
    int64_t due_ms; /* when STORE_DUE has something to do; INT64_MAX = never, as far as is known */
    bool outbox;    /* something waits for STORE_FORWARD */
    void (*ready)(void *arg, const struct store_lane *lane);
    void *arg;
    struct err failure; /* code != 0: the store stopped working */
};

/* `ret` stays where it is. 0 or negative errno with words. */
int stock_open(struct stock *ret, const struct config *config,
               void (*ready)(void *arg, const struct store_lane *lane), void *arg, struct err *e);
void stock_close(struct stock *s);

void stock_post(struct stock *s, struct store_op *op, int64_t now_ms);
void stock_wait(struct stock *s);
/* Both. The operation's status; the first failure is kept in `failure`, unless it is one of those that say what is not
 * there (-ENOENT). */
int stock_run(struct stock *s, struct store_op *op, int64_t now_ms);

#endif
