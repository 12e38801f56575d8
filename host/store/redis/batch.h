/* Items of one script that were posted in the same turn of the loop, by however many operations, as
 * one call: a submission from each of fifty connections costs one command.
 *
 *     redis_batch_add(item) ... ─▶ flush: another script, the bounds, the end of the turn ─▶ read()
 */
#ifndef JOBHOST_STORE_REDIS_BATCH_H
#define JOBHOST_STORE_REDIS_BATCH_H

#include "store/redis/task.h"

enum {
    REDIS_BATCH_ITEMS = 100,        /* a script must not hold the server up for long */
    REDIS_BATCH_BYTES = 1024 * 1024 /* of words; a single item may be larger          */
};

struct redis_batch_kind {
    enum redis_script script;
    /* Appends the item's words; `queue` is its number in the call, from 1; `head` that of the item before. What it borrows
     * must live until the task is answered. */
    void (*write)(struct redis_task *t, void *item, unsigned queue, struct redis_args *a,
                  struct redis_head *head);
    /* Appends what the script wants in front of the number of items. */
    void (*head)(struct redis_store *store, struct redis_queue *const *queues, size_t count,
                 struct redis_args *a);
    /* The item's part of the reply: the i-th of the reply's first array. */
    void (*read)(struct redis_task *t, void *item, const struct redis_reply *reply);
    /* There is none, and the task is told why; may be NULL. */
    void (*lost)(struct redis_task *t, void *item);
    /* All of the reply, before the items; may be NULL. */
    void (*after)(struct redis_store *store, struct redis_queue *const *queues, size_t count,
                  const struct redis_reply *reply);
};

struct redis_batch; /* one that is being gathered, or is under way */

/* t->open counts it until its answer (redis_task_leave()). */
void redis_batch_add(struct redis_task *t, const struct redis_batch_kind *kind, void *item,
                     struct redis_queue *queue);
/* Sends what is gathered. */
void redis_batch_flush(struct redis_store *store);

#endif
