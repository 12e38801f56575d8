/* Queues and lanes: a small dictionary (rows hold numbers), the counters of each lane, and where
 * the ready jobs of a lane begin.
 *
 *     band (one priority of a lane), a partial index ordered by (ready time, rid):
 *        claimed claimed claimed │ waiting waiting waiting ...
 *                                ▲ cursor: everything up to it is claimed; a claim reads on
 *                                  from here, so its cost does not depend on how many jobs are
 *                                  out. A job that becomes ready before it moves it back.
 *
 * The writer thread owns it. `shown` and the list of lanes are read by other threads under `lock`;
 * queues, lanes and their names are never freed before the store is closed. */
#ifndef JOBHOST_STORE_SQLITE_LANES_H
#define JOBHOST_STORE_SQLITE_LANES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/job.h"
#include "store/hash.h"
#include "store/sqlite/conn.h"
#include "store/store.h"

struct queue {
    uint32_t id;
    bool stored; /* its row is there, or in the open transaction */
    char *name;
    const struct store_queue_setup *setup; /* NULL: it is as all others */
    UT_hash_handle hh;                     /* by name */
};

struct tally {
    int64_t state[JOB_STATE_COUNT];  /* as rows say                                         */
    int64_t waiting[PRIORITY_COUNT]; /* rows in state queued                                */
    int64_t claimed[PRIORITY_COUNT]; /* of those: taken, which no row says yet (claims.h)   */
};

struct band {
    int64_t at_ms, rid;
};

struct turns;

struct lane {
    uint32_t id;
    bool stored;
    bool dirty;  /* `now` may differ from its row  */
    bool unsure; /* its row must be written anyway */
    bool noted;  /* under channel lock: is in the list of lanes to report */
    struct queue *queue;
    char *type;
    struct store_lane names; /* the same, as callers know it */
    struct tally now;
    struct tally shown;
    struct band cursor[PRIORITY_COUNT];
    struct turns *turns; /* turns.h; NULL: no tenant waits in it, as far as is known */
    bool turns_known;    /* if not, its lines are to be read before a claim */
    struct lane *next_dirty;
    char *key; /* queue and type, joined by a character that neither may contain */
    UT_hash_handle hh;
};

struct lanes {
    pthread_mutex_t *lock; /* borrowed */
    const struct store_config *config;
    struct queue *queues;
    struct lane *by_name;
    struct lane **by_id; /* index = id; NULL = no lane has it, as 0 */
    uint32_t count, cap; /* ids in use are 1 .. count */
    uint32_t queue_count;
    struct lane *last; /* of the last lookup */
    struct lane *dirty;
};

/* Reads all rows. `config` is borrowed until lanes_finish(). 0 or negative errno with words in c->err. */
int lanes_load(struct lanes *l, struct conn *c, pthread_mutex_t *lock,
               const struct store_config *config);
void lanes_finish(struct lanes *l);

/* The lane, made if there is none; `ret_new` says that its row (or its queue's) is not stored yet.
 * -EDQUOT: STORE_LANES_MAX. */
int lanes_get(struct lanes *l, const char *queue, const char *type, struct lane **ret);
struct lane *lanes_find(const struct lanes *l, const char *queue, const char *type);
int lanes_queue(struct lanes *l, const char *name, struct queue **ret);

/* Any thread. NULL if there is none. */
struct lane *lanes_by_id(const struct lanes *l, uint32_t id);

/* Counts a job in and out; a state of -1 means "not there". */
void lanes_count(struct lanes *l, struct lane *lane, enum job_priority p, int from, int to);
void lanes_count_claim(struct lanes *l, struct lane *lane, enum job_priority p, int delta);

/* A job is ready there: the cursor must not be beyond it. */
void lanes_rewind(struct band *cursor, struct band to);
/* Jobs may be ready anywhere in it. */
void lanes_look_again(struct lane *lane);

/* How many wait in this band for a claim. */
static inline int64_t lanes_waiting(const struct lane *lane, int p) {
    return lane->now.waiting[p] - lane->now.claimed[p];
}

/* Writes what changed since the last call: rows of the dirty lanes. Within the writer's
 * transaction. */
int lanes_save(struct lanes *l, struct conn *c);

/* The transaction is committed: other threads may see it. */
void lanes_publish(struct lanes *l);

#endif
