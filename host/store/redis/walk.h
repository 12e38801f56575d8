/* All jobs of some queues, newest first: the STREAMs S.."all" merged.
 *
 *     queue a:  entry, entry, ...  each the ids of one submission   ─┐
 *     queue b:  entry, ...                                           ├─▶ walk_next(): one after the
 *                                                                   ─┘   other
 *
 * The order is (the server's ms of the entry, the order of the id), descending, which is the same on
 * every page. So what came in the same ms is given out only when all of it was read. Entries are read
 * in pieces, so that the server is never held up; a job that is there no more is found out later. */
#ifndef JOBHOST_STORE_REDIS_WALK_H
#define JOBHOST_STORE_REDIS_WALK_H

#include "store/redis/store_private.h"

struct redis_spot { /* where in that order; {INT64_MAX, INT64_MAX}: before the first */
    int64_t ms, order;
};

struct redis_candidate {
    struct redis_spot spot;
    struct job_id id;
    struct redis_queue *queue;
};

struct redis_source; /* one queue */

struct redis_walk {
    struct redis_store *store;
    struct redis_spot from; /* what is given out comes behind it */
    int64_t floor_ms;       /* entries before it are left out    */
    /* The requests of redis_walk_fill() are answered: 0, or why not. */
    void (*filled)(struct redis_walk *w, int r, const struct err *e);
    /* private */
    struct redis_source *sources;
    size_t count, open;
    struct err err;
};

/* `store`, `from`, `floor_ms`, `filled` are set. 0 or -ENOMEM. */
int redis_walk_init(struct redis_walk *w, struct redis_queue *const *queues, size_t count);
void redis_walk_finish(struct redis_walk *w);

/* 1 and the next; 0: the end; -EAGAIN: redis_walk_fill() first. */
int redis_walk_next(struct redis_walk *w, struct redis_candidate *ret);

/* Reads on where it is needed; filled() comes later. */
void redis_walk_fill(struct redis_walk *w, int64_t timeout_ms);

/* Descending order: < 0 when x comes first. */
int redis_candidate_order(const void *x, const void *y);

#endif
