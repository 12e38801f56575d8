/* Queues and lanes as the dispatcher sees them. A lane is (queue, type): jobs of one lane are interchangeable for placement, and a
 * slow plugin's lane never hides another's. Both are made on first sight and live as long as the host. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_LANE_H
#define JOBHOST_SUPERVISOR_LANE_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "config/config.h"
#include "store/store.h"

struct pool;
struct pool_handler;

struct queue {
    char *name;
    const struct config_queue *config;
    bool paused;
    char *paused_by, *paused_why;
    int64_t paused_at_ms;
    uint32_t in_hand; /* attempts claimed and not ended, and claims under way */
    UT_hash_handle hh;
};

struct lane {
    char *key; /* "queue\ntype" */
    char *type;
    struct queue *queue;
    const struct config_job *config;
    struct pool *pool; /* NULL = no plugin loaded has this type */
    uint32_t handler;  /* index in the pool's manifest */
    uint32_t est_us;   /* run time, smoothed; 0 = not known */
    bool hungry;       /* the store may have queued jobs for it */
    uint64_t signals;  /* grows whenever it may have become hungry */
    uint64_t turn;     /* for priority_split() */
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
/* A pool has come up or gone down: ties lanes to handlers again. */
void lane_bind_all(struct host *host);
void lane_finish_all(struct lanes *lanes);

#endif
