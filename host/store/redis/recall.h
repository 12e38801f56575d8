/* Jobs as this host submitted them a moment ago, so that CLAIM need not send them back:
 *
 *     SUBMIT ─▶ redis_recall_add     CLAIM ─▶ an id alone ─▶ redis_recall_take     COMMIT ─▶ redis_recalled_put
 *
 * Reading a hash inside a script and sending it out costs the server more than all else that a short job needs.
 * Only claim.lua knows whether a job is as it was submitted (no claim and no move since): it names such jobs by
 * their ids if the caller says that he remembers them. What he does not remember after all he reads then. As long as
 * nothing but its claim has changed such a job, its end can be written as one whole hash.
 *
 * The oldest are forgotten first. Whether it is worth while to be sent ids is told by how many of the last jobs
 * claimed were known: few, where many hosts submit. Loop thread only. */
#ifndef JOBHOST_STORE_REDIS_RECALL_H
#define JOBHOST_STORE_REDIS_RECALL_H

#include "store/redis/jobhash.h"

enum {
    REDIS_RECALL_BYTES = 64 * 1024 * 1024, /* of all that is remembered             */
    REDIS_RECALL_JOB_MAX = 4096,           /* a larger job is not remembered, bytes */
};

struct redis_recalled;

/* Zeroed: empty. */
struct redis_recall {
    struct redis_recalled *by_id; /* in the order of submission */
    size_t bytes;
    size_t bytes_max;        /* 0 = REDIS_RECALL_BYTES; smaller ones are for tests */
    unsigned missed;         /* of the last jobs claimed, in 1024ths               */
    struct redis_args words; /* of one that is added: memory that is kept        */
};

void redis_recall_finish(struct redis_recall *all);

/* A job that was stored and waits in its queue. Without memory, or if it is one to be read again (files, a payload of
 * its own), it is not remembered. */
void redis_recall_add(struct redis_recall *all, const struct job_spec *spec, bool with_queue);

/* It was claimed, or goes otherwise: it is the caller's now. NULL: it is not known. */
struct redis_recalled *redis_recall_take(struct redis_recall *all, const struct job_id *id);

/* The job as it was submitted, its strings in the arena. False: no memory. */
bool redis_recalled_read(const struct redis_recalled *from, struct arena *a, struct redis_job *ret);

/* Appends what was submitted as names and values, borrowed, the field `id` first. */
void redis_recalled_put(const struct redis_recalled *from, struct redis_args *a);

void redis_recalled_free(struct redis_recalled **r);

/* Of a job claimed: was it known? Told for all of them, sent as ids or whole. */
void redis_recall_note(struct redis_recall *all, bool known);

/* Are ids enough? */
bool redis_recall_helps(const struct redis_recall *all);

#endif
