/* One call for an operation, where its answer is all that the next step needs.
 *
 *     redis_ask_new() ─▶ words into ask->request.args ─▶ redis_ask_send() ─▶ done(), or the task fails
 *
 * The task's `open` counts it from new() until done() has returned. It frees itself. */
#ifndef JOBHOST_STORE_REDIS_ASK_H
#define JOBHOST_STORE_REDIS_ASK_H

#include "store/redis/task.h"

/* The reply is no error. 0, or a negative errno with words: the task's. */
typedef int redis_ask_fn(struct redis_task *t, void *arg, const struct redis_reply *reply,
                         struct err *e);

struct redis_ask {
    struct redis_request request; /* safe: it is sent again after a cut */
    struct redis_task *task;
    redis_ask_fn *done; /* NULL: the reply says nothing */
    void *arg;
};

/* A call of a script that is given no queue. NULL: no memory, and the task was told. */
struct redis_ask *redis_ask_new(struct redis_task *t, enum redis_script script, redis_ask_fn *done,
                                void *arg);
/* The same of a script over queues, whose numbers in its words are those in `queues`, from 1. */
struct redis_ask *redis_ask_over(struct redis_task *t, enum redis_script script,
                                 struct redis_queue *const *queues, size_t count,
                                 redis_ask_fn *done, void *arg);
/* The same of a plain command. */
struct redis_ask *redis_ask_command(struct redis_task *t, const char *command, redis_ask_fn *done,
                                    void *arg);
/* By the line `cmd`, within the operation's time. */
void redis_ask_send(struct redis_ask *ask);

/* There is no memory for a call: the task's failure. It counts as one that was open. */
void redis_ask_no_memory(struct redis_task *t);

/* For done(): a reply that no script of ours gives. -EPROTO. */
int redis_ask_odd(const struct redis_task *t, struct err *e);

#endif
