/* Queues and lanes as the dispatcher sees them. A lane is (queue, type): jobs of one lane are
 * interchangeable for placement, and a slow plugin's lane never hides another's. Both are made on
 * first sight and live as long as the host. Loop thread only.
 *
 * A lane from which something could be claimed stands in one of its pool's two lists, so that
 * claiming looks at no other. Whatever may change that goes through a function below. */
#ifndef JOBHOST_SUPERVISOR_LANE_H
#define JOBHOST_SUPERVISOR_LANE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/timer.h"
#include "config/config.h"
#include "store/store.h"
#include "supervisor/gate.h"

struct pool;
struct pool_handler;
struct stats_series;

/* Slow: each job has a thread to itself. Fast: several wait in a worker's window. */
enum lane_pace { LANE_SLOW, LANE_FAST, LANE_PACES };

struct lane;
TAILQ_HEAD(lane_list, lane);

struct queue {
    char *name;
    const struct config_queue *config;
    struct gate gate;
    uint32_t in_hand; /* attempts claimed and not ended, and claims under way */
    struct lane_list lanes;
    UT_hash_handle hh;
};

struct lane {
    char *key; /* "queue\ntype" */
    char *type;
    struct queue *queue;
    const struct config_job *config;
    struct host *host;
    struct pool *pool; /* NULL = no plugin loaded has this type */
    uint32_t handler;  /* index in the pool's manifest */
    uint32_t est_us;   /* run time, smoothed; 0 = not known */
    enum lane_pace pace;
    uint32_t in_hand; /* attempts not yet concluded, and claims under way */
    bool hungry;      /* the store may have queued jobs for it */
    bool ready;       /* in its pool's list */
    bool shut;        /* the limiter of its jobs has no slot: nothing is claimed */
    struct timer shut_timer;
    bool barred;      /* a breaker of all its jobs is open: nothing is claimed */
    uint64_t signals; /* grows whenever it may have become hungry */
    uint64_t turn;    /* for priority_split() */
    struct stats_series *stats;
    struct { /* said in the log last */
        uint32_t generation, version;
        enum skew became;
    } skew;
    TAILQ_ENTRY(lane) of_queue, of_pool;
    UT_hash_handle hh;
};

struct lanes {
    struct queue *queues;
    struct lane *lanes;
};

struct host;
/* Found or made; NULL only without memory. */
struct queue *lane_queue(struct host *host, const char *name);
struct lane *lane_get(struct host *host, const char *queue, const char *type);
/* NULL if it has not been seen yet. */
struct lane *lane_find(struct host *host, const char *queue, const char *type);
/* The host has another configuration. */
void lane_configure_all(struct host *host);
/* A pool has come up: ties lanes to handlers again. */
void lane_bind_all(struct host *host);

/* The store may have jobs for it. */
void lane_signal(struct lane *lane);
/* The store had none left, and nothing has been signalled since `signals`. */
void lane_sated(struct lane *lane, uint64_t signals);
/* Its jobs would have to wait for a limiter, or not any more. */
void lane_shut(struct lane *lane, bool shut);
/* A breaker of all its jobs is open, or not any more. */
void lane_bar(struct lane *lane, bool barred);
/* Its jobs in hand: `n` more, or fewer. */
void lane_take(struct lane *lane, uint32_t n);
void lane_give(struct lane *lane, uint32_t n);
/* It has been served: others of its queue come first when that has room again. */
void lane_to_the_end(struct lane *lane);
/* One of its jobs ran for so long. */
void lane_learn(struct lane *lane, uint32_t run_us);
/* Jobs that one thread may have in its worker, the running one included. */
uint32_t lane_per_thread(const struct lane *lane);

void queue_take(struct queue *q, uint32_t n);
void queue_give(struct queue *q, uint32_t n);
/* How many more of its jobs may be claimed; UINT32_MAX = no limit. */
uint32_t queue_room(const struct queue *q);
/* Its room may be another. */
void queue_update(struct queue *q);
void queues_update(struct host *host);
/* What the store says of it. */
void queue_pause(struct host *host, struct queue *q, const struct store_queue_stats *said);

void lane_finish_all(struct lanes *lanes);

#endif
