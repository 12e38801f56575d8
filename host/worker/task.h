/* A job as it came from the supervisor, waiting in this process for a run thread; and the queue of
 * such tasks.
 *
 * Handlers without JH_HANDLER_CONCURRENT never share the process with another run(): such a task
 * waits at the head of the queue until it is alone, and nothing overtakes it. The queue is guarded
 * by the caller's lock. */
#ifndef JOBHOST_WORKER_TASK_H
#define JOBHOST_WORKER_TASK_H

#include <stdbool.h>
#include <sys/queue.h>

#include "record/messages.h"
#include "worker/manifest.h"

struct task {
    TAILQ_ENTRY(task) link;
    uint64_t slot;
    const struct jh_handler *handler;
    struct jh_job job; /* its strings point into `body` */
    struct msg_job message;
    struct arena arena; /* the list of inputs */
    bool mapped;        /* the payload is a mapping to be unmapped */
    uint8_t body[];
};
TAILQ_HEAD(task_list, task);

struct task_queue {
    struct task_list waiting;
    unsigned sharing; /* running tasks whose handler is concurrent */
    bool exclusive;   /* one is running whose handler is not       */
    bool held;        /* nothing starts: the supervisor is silent  */
};

/* Decodes a JOB record: 0, -EBADMSG, -ENOMEM, or the errno of mapping its payload. */
int task_new(struct record *r, const struct manifest *m, struct task **ret);
void task_free(struct task *t);

/* Of a handler that answers questions and has no job. */
bool task_is_query(const struct task *t);

void task_queue_init(struct task_queue *q);
void task_queue_add(struct task_queue *q, struct task *t);
bool task_queue_ready(const struct task_queue *q);
/* The first task if it may run now; it then counts as running until task_queue_ran(). */
struct task *task_queue_take(struct task_queue *q);
void task_queue_ran(struct task_queue *q, const struct task *t);
/* Takes the waiting task of this slot out, or NULL. */
struct task *task_queue_recall(struct task_queue *q, uint64_t slot);

#endif
