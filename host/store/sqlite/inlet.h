/* A list of operations posted to one thread; the thread sleeps while it is empty. */
#ifndef JOBHOST_STORE_SQLITE_INLET_H
#define JOBHOST_STORE_SQLITE_INLET_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

struct inlet {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct store_op *head, *tail;
    bool stopping;
};

int inlet_init(struct inlet *in);
void inlet_finish(struct inlet *in);

/* Any thread. False: the thread is stopping, and the operation stays the caller's. */
bool inlet_post(struct inlet *in, struct store_op *op);
/* The same in two halves, for who posts much at once: *ret_first says that the thread may be asleep
 * and needs inlet_wake() after the last of them. */
bool inlet_add(struct inlet *in, struct store_op *op, bool *ret_first);
void inlet_wake(struct inlet *in);

/* Waits for operations and takes as many as a group may have: `weight` of each is summed up to
 * `max`, at least one. NULL: stopped and empty. */
struct store_op *inlet_take(struct inlet *in, size_t (*weight)(const struct store_op *op),
                            size_t max);
bool inlet_is_empty(struct inlet *in);
bool inlet_is_stopping(struct inlet *in);

/* Any thread. Takes out those that have waited past their deadline; `ret_left` says that others
 * remain. */
struct store_op *inlet_expire(struct inlet *in, int64_t now_mono_ms,
                              int64_t (*deadline)(const struct store_op *op), bool *ret_left);

/* The thread takes what is there and then ends. */
void inlet_stop(struct inlet *in);

#endif
