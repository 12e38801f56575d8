#include "supervisor/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/job.h"
#include "jobhost_plugin.h"
#include "record/record.h"
#include "supervisor/breakers.h"
#include "supervisor/dispatch.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"
#include "supervisor/slots.h"
#include "supervisor/stats.h"

enum {
    LANE_KEY_MAX = JOB_QUEUE_MAX + 1 + JOB_TYPE_MAX + 1,
    LANE_WINDOW_US = 5000, /* work a thread may have waiting */
};

/* ------------------------------------------------------------------ the lists of what can be
 * claimed */

static bool lane_is_ready(const struct lane *lane) {
    return lane->hungry && !lane->shut && !lane->barred && lane->pool != NULL &&
           lane->pool->state == POOL_READY && queue_room(lane->queue) > 0;
}

static void lane_unlist(struct lane *lane) {
    if (lane->ready) {
        TAILQ_REMOVE(&lane->pool->ready[lane->pace], lane, of_pool);
        lane->pool->ready_lanes[lane->pace]--;
        lane->ready = false;
    }
}

static void lane_update(struct lane *lane) {
    bool ready = lane_is_ready(lane);
    if (ready == lane->ready) {
        return;
    }
    if (!ready) {
        lane_unlist(lane);
        return;
    }
    TAILQ_INSERT_TAIL(&lane->pool->ready[lane->pace], lane, of_pool);
    lane->pool->ready_lanes[lane->pace]++;
    lane->ready = true;
}

void queue_update(struct queue *q) {
    struct lane *lane;
    TAILQ_FOREACH(lane, &q->lanes, of_queue) {
        lane_update(lane);
    }
}

void lane_signal(struct lane *lane) {
    lane->hungry = true;
    lane->signals++;
    lane_update(lane);
}

void lane_sated(struct lane *lane, uint64_t signals) {
    if (lane->signals == signals) {
        lane->hungry = false;
        lane_update(lane);
    }
}

void lane_shut(struct lane *lane, bool shut) {
    if (lane->shut != shut) {
        lane->shut = shut;
        lane_update(lane);
    }
}

void lane_bar(struct lane *lane, bool barred) {
    if (lane->barred != barred) {
        lane->barred = barred;
        lane_update(lane);
    }
}

/* ------------------------------------------------------------------ jobs in hand */

static void lane_count(struct lane *lane, uint32_t n, bool more) {
    uint32_t by = more ? n : 0u - n;
    lane->in_hand += by;
    if (lane->pool != NULL) {
        lane->pool->in_hand[lane->pace] += by;
    }
}

void lane_take(struct lane *lane, uint32_t n) {
    lane_count(lane, n, true);
}

void lane_give(struct lane *lane, uint32_t n) {
    lane_count(lane, n, false);
}

void lane_to_the_end(struct lane *lane) {
    TAILQ_REMOVE(&lane->queue->lanes, lane, of_queue);
    TAILQ_INSERT_TAIL(&lane->queue->lanes, lane, of_queue);
}

/* Moves a lane, with its jobs in hand, to another pool or pace. */
static void lane_move(struct lane *lane, struct pool *pool, enum lane_pace pace) {
    uint32_t in_hand = lane->in_hand;
    lane_unlist(lane);
    lane_give(lane, in_hand);
    lane->pool = pool;
    lane->pace = pace;
    lane_take(lane, in_hand);
    lane_update(lane);
}

uint32_t lane_per_thread(const struct lane *lane) {
    if (lane->est_us == 0 || lane->est_us >= LANE_WINDOW_US) {
        return 1;
    }
    uint32_t n = LANE_WINDOW_US / lane->est_us;
    return n > RECORD_WINDOW_MAX ? RECORD_WINDOW_MAX : n;
}

/* Run times, smoothed; one slow run counts at once, so that nothing is queued behind the next. */
void lane_learn(struct lane *lane, uint32_t run_us) {
    uint32_t us = run_us == 0 ? 1 : run_us;
    if (lane->est_us == 0 || us / 8 > lane->est_us) {
        lane->est_us = us;
    } else {
        lane->est_us = (uint32_t)(((uint64_t)lane->est_us * 7 + us) / 8);
        lane->est_us = lane->est_us == 0 ? 1 : lane->est_us;
    }
    enum lane_pace pace = lane_per_thread(lane) > 1 ? LANE_FAST : LANE_SLOW;
    if (pace != lane->pace) {
        lane_move(lane, lane->pool, pace);
        if (lane->pool != NULL && pace == LANE_SLOW) {
            lane->pool->turned_slow = true;
        }
    }
}

/* ------------------------------------------------------------------ queues */

uint32_t queue_room(const struct queue *q) {
    uint32_t limit = (uint32_t)q->config->concurrency, room = gate_room(&q->gate);
    if (limit == 0) {
        return room;
    }
    uint32_t free = limit > q->in_hand ? limit - q->in_hand : 0;
    return free < room ? free : room;
}

void queues_update(struct host *host) {
    struct queue *q, *next;
    HASH_ITER(hh, host->dispatch->lanes.queues, q, next) {
        queue_update(q);
    }
}

static void queue_count(struct queue *q, uint32_t n, bool more) {
    bool had_room = queue_room(q) > 0;
    q->in_hand += more ? n : 0u - n;
    if (had_room != (queue_room(q) > 0)) {
        queue_update(q);
    }
}

void queue_take(struct queue *q, uint32_t n) {
    queue_count(q, n, true);
}

void queue_give(struct queue *q, uint32_t n) {
    queue_count(q, n, false);
}

void queue_pause(struct host *host, struct queue *q, const struct store_queue_stats *said) {
    if (said->paused) {
        gate_close(&q->gate, said->paused_by, said->paused_why, said->paused_at_ms);
        gates_thin(host);
    } else if (q->gate.closed) {
        gate_open(&q->gate);
    }
    queue_update(q);
}

/* ------------------------------------------------------------------ found or made */

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
    TAILQ_INIT(&q->lanes);
    q->config = config_queue(host->config, name);
    HASH_ADD_KEYPTR(hh, lanes->queues, q->name, strlen(q->name), q);
    return q;
}

/* Finds the pool and handler that serve the lane's type. */
static struct pool *lane_server(struct host *host, const char *type, uint32_t *ret_handler) {
    for (uint32_t i = 0; i < host->pools->count; i++) {
        struct pool *pool = host->pools->items[i];
        const struct pool_handler *h =
            pool->state == POOL_READY ? pool_find_handler(pool, type) : NULL;
        if (h != NULL && (h->flags & JH_HANDLER_QUERY) == 0) {
            *ret_handler = (uint32_t)(h - pool->manifest.handlers);
            return pool;
        }
    }
    return NULL;
}

static void lane_bind(struct host *host, struct lane *lane) {
    lane_move(lane, lane_server(host, lane->type, &lane->handler), lane->pace);
    lane_bar(lane, breakers_bar(lane)); // its name has that of the plugin
}

static struct lane *lane_new(struct host *host, const char *key, const char *queue,
                             const char *type) {
    struct lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL) {
        return NULL;
    }
    lane->host = host;
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
    timer_init(&lane->shut_timer, NULL, NULL);
    lane->stats = stats_series(host->stats, queue, type);
    TAILQ_INSERT_TAIL(&lane->queue->lanes, lane, of_queue);
    lane_bind(host, lane);
    HASH_ADD_KEYPTR(hh, host->dispatch->lanes.lanes, lane->key, strlen(lane->key), lane);
    return lane;
}

/* The length of the key, or 0 if one of the names is too long. */
static unsigned lane_key(const char *queue, const char *type, char out[LANE_KEY_MAX]) {
    int n = snprintf(out, LANE_KEY_MAX, "%s\n%s", queue, type);
    return n < 0 || n >= LANE_KEY_MAX ? 0 : (unsigned)n;
}

struct lane *lane_find(struct host *host, const char *queue, const char *type) {
    char key[LANE_KEY_MAX];
    struct lane *lane = NULL;
    unsigned len = lane_key(queue, type, key);
    HASH_FIND(hh, host->dispatch->lanes.lanes, key, len, lane);
    return lane;
}

struct lane *lane_get(struct host *host, const char *queue, const char *type) {
    char key[LANE_KEY_MAX];
    struct lane *lane = lane_find(host, queue, type);
    return lane != NULL || lane_key(queue, type, key) == 0 ? lane
                                                           : lane_new(host, key, queue, type);
}

void lane_configure_all(struct host *host) {
    struct lanes *lanes = &host->dispatch->lanes;
    struct lane *lane, *next_lane;
    struct queue *q, *next_queue;
    HASH_ITER(hh, lanes->lanes, lane, next_lane) {
        lane->config = config_job(host->config, lane->type);
    }
    HASH_ITER(hh, lanes->queues, q, next_queue) {
        q->config = config_queue(host->config, q->name);
        queue_update(q);
    }
    HASH_ITER(hh, lanes->lanes, lane, next_lane) {
        slots_configure(lane);
    }
}

void lane_bind_all(struct host *host) {
    struct lane *lane, *next;
    HASH_ITER(hh, host->dispatch->lanes.lanes, lane, next) {
        lane_bind(host, lane);
    }
}

void lane_finish_all(struct lanes *lanes) {
    struct lane *lane = lanes->lanes, *next_lane;
    HASH_CLEAR(hh, lanes->lanes); // their order stays
    for (; lane != NULL; lane = next_lane) {
        next_lane = lane->hh.next;
        timer_cancel(lane->host->timers, &lane->shut_timer);
        free(lane->key);
        free(lane->type);
        free(lane);
    }
    struct queue *queue = lanes->queues, *next_queue;
    HASH_CLEAR(hh, lanes->queues);
    for (; queue != NULL; queue = next_queue) {
        next_queue = queue->hh.next;
        free(queue->name);
        gate_finish(&queue->gate);
        free(queue);
    }
}
