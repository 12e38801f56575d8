#include "supervisor/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/job.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"

enum { LANE_KEY_MAX = JOB_QUEUE_MAX + 1 + JOB_TYPE_MAX + 1 };

struct queue *lane_queue(struct host *host, const char *name) {
    struct lanes *lanes = &host->dispatch->lanes;
    struct queue *q;
    HASH_FIND_STR(lanes->queues, name, q);
    if (q != NULL) {
        return q;
    }
    q = calloc(1, sizeof *q);
    if (q == NULL || (q->name = strdup(name)) == NULL) {
        free(q);
        return NULL;
    }
    q->config = config_queue(host->config, name);
    HASH_ADD_KEYPTR(hh, lanes->queues, q->name, strlen(q->name), q);
    return q;
}

/* Finds the pool and handler that serve the lane's type. */
static void lane_bind(struct host *host, struct lane *lane) {
    lane->pool = NULL;
    for (uint32_t i = 0; i < host->pools->count; i++) {
        struct pool *pool = host->pools->items[i];
        if (pool->state != POOL_READY) {
            continue;
        }
        for (size_t h = 0; h < pool->manifest.handler_count; h++) {
            if (strcmp(pool->manifest.handlers[h].name, lane->type) == 0) {
                lane->pool = pool;
                lane->handler = (uint32_t)h;
                return;
            }
        }
    }
}

static struct lane *lane_new(struct host *host, const char *key, const char *queue,
                             const char *type) {
    struct lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL) {
        return NULL;
    }
    lane->key = strdup(key);
    lane->type = strdup(type);
    lane->queue = lane_queue(host, queue);
    if (lane->key == NULL || lane->type == NULL || lane->queue == NULL) {
        free(lane->key);
        free(lane->type);
        free(lane);
        return NULL;
    }
    lane->config = config_job(host->config, type);
    lane_bind(host, lane);
    HASH_ADD_KEYPTR(hh, host->dispatch->lanes.lanes, lane->key, strlen(lane->key), lane);
    return lane;
}

struct lane *lane_get(struct host *host, const char *queue, const char *type) {
    char key[LANE_KEY_MAX];
    int n = snprintf(key, sizeof key, "%s\n%s", queue, type);
    if (n < 0 || (size_t)n >= sizeof key) {
        return NULL;
    }
    struct lane *lane;
    HASH_FIND(hh, host->dispatch->lanes.lanes, key, (unsigned)n, lane);
    return lane != NULL ? lane : lane_new(host, key, queue, type);
}

void lane_bind_all(struct host *host) {
    struct lane *lane, *next;
    HASH_ITER(hh, host->dispatch->lanes.lanes, lane, next) {
        lane_bind(host, lane);
    }
}

void lane_finish_all(struct lanes *lanes) {
    struct lane *lane, *next_lane;
    HASH_ITER(hh, lanes->lanes, lane, next_lane) {
        HASH_DEL(lanes->lanes, lane);
        free(lane->key);
        free(lane->type);
        free(lane);
    }
    struct queue *queue, *next_queue;
    HASH_ITER(hh, lanes->queues, queue, next_queue) {
        HASH_DEL(lanes->queues, queue);
        free(queue->name);
        free(queue->paused_by);
        free(queue->paused_why);
        free(queue);
    }
}
