#include "store/sqlite/lanes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/turns.h"

// Room for the number `id`.
static int grow(struct lanes *l, uint32_t id) {
    if (id < l->cap) {
        return 0;
    }
    uint32_t cap = l->cap == 0 ? 64 : l->cap;
    while (cap <= id) {
        cap *= 2;
    }
    (void)pthread_mutex_lock(l->lock);
    struct lane **p = realloc(l->by_id, cap * sizeof(struct lane *));
    if (p != NULL) {
        l->by_id = p;
        l->cap = cap;
    }
    (void)pthread_mutex_unlock(l->lock);
    return p == NULL ? -ENOMEM : 0;
}

static char *join(const char *queue, const char *type) {
    size_t size = strlen(queue) + strlen(type) + 2;
    char *key = malloc(size);
    if (key != NULL) {
        (void)snprintf(key, size, "%s %s", queue, type);
    }
    return key;
}

static void queue_free(struct queue *q) {
    free(q->name);
    free(q);
}

static void lane_free(struct lane *lane) {
    if (lane == NULL) {
        return;
    }
    turns_free(lane);
    free(lane->key);
    free(lane->type);
    free(lane);
}

static const struct store_queue_setup *setup_of(const struct lanes *l, const char *name) {
    for (size_t i = 0; i < l->config->queue_count; i++) {
        if (strcmp(l->config->queues[i].queue, name) == 0) {
            return &l->config->queues[i];
        }
    }
    return NULL;
}

static struct queue *queue_new(struct lanes *l, uint32_t id, const char *name) {
    struct queue *q = calloc(1, sizeof *q);
    char *copy = strdup(name);
    if (q == NULL || copy == NULL) {
        free(q);
        free(copy);
        return NULL;
    }
    q->id = id;
    q->name = copy;
    q->setup = setup_of(l, name);
    HASH_ADD_KEYPTR(hh, l->queues, q->name, strlen(q->name), q);
    if (hash_failed(&q->hh)) {
        queue_free(q);
        return NULL;
    }
    l->queue_count = id > l->queue_count ? id : l->queue_count;
    return q;
}

static struct queue *queue_by_id(struct lanes *l, uint32_t id) {
    for (struct queue *q = l->queues; q != NULL; q = q->hh.next) {
        if (q->id == id) {
            return q;
        }
    }
    return NULL;
}

int lanes_queue(struct lanes *l, const char *name, struct queue **ret) {
    HASH_FIND_STR(l->queues, name, *ret);
    if (*ret == NULL) {
        if (l->queue_count == STORE_LANES_MAX) {
            return -EDQUOT;
        }
        *ret = queue_new(l, l->queue_count + 1, name);
    }
    return *ret == NULL ? -ENOMEM : 0;
}

static struct lane *lane_new(struct lanes *l, uint32_t id, struct queue *queue, const char *type) {
    struct lane *lane = calloc(1, sizeof *lane);
    char *copy = strdup(type);
    char *key = join(queue->name, type);
    if (lane == NULL || copy == NULL || key == NULL || grow(l, id) < 0) {
        free(lane);
        free(copy);
        free(key);
        return NULL;
    }
    lane->id = id;
    lane->queue = queue;
    lane->type = copy;
    lane->key = key;
    lane->names = (struct store_lane){queue->name, copy};
    lanes_look_again(lane);
    HASH_ADD_KEYPTR(hh, l->by_name, lane->key, strlen(lane->key), lane);
    if (hash_failed(&lane->hh)) {
        lane_free(lane);
        return NULL;
    }
    (void)pthread_mutex_lock(l->lock);
    while (++l->count < id) {
        l->by_id[l->count] = NULL;
    }
    l->by_id[id] = lane;
    (void)pthread_mutex_unlock(l->lock);
    return lane;
}

static int load_queues(struct lanes *l, struct conn *c) {
    int r = 0;
    sqlite3_stmt *s = conn_stmt(c, SQL_QUEUES_ALL);
    while ((r = conn_next(c, SQL_QUEUES_ALL)) > 0) {
        struct queue *q = queue_new(l, (uint32_t)sqlite3_column_int64(s, 0), column_text(s, 1));
        if (q == NULL) {
            conn_reset(c, SQL_QUEUES_ALL);
            return conn_no_memory(c);
        }
        q->stored = true;
    }
    return r;
}

static int load_lane(struct lanes *l, struct conn *c, sqlite3_stmt *s) {
    struct queue *q = queue_by_id(l, (uint32_t)sqlite3_column_int64(s, 1));
    uint32_t id = (uint32_t)sqlite3_column_int64(s, 0);
    // A number is missing where a lane's first job was rolled back, and there was no second.
    if (q == NULL || id <= l->count || id > STORE_LANES_MAX) {
        return err_set(&c->err, -EBADMSG, "lane %u of the database is damaged", id);
    }
    struct lane *lane = lane_new(l, id, q, column_text(s, 2));
    if (lane == NULL) {
        return conn_no_memory(c);
    }
    for (int i = 0; i < JOB_STATE_COUNT; i++) {
        lane->now.state[i] = sqlite3_column_int64(s, 3 + i);
    }
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        lane->now.waiting[p] = sqlite3_column_int64(s, 3 + JOB_STATE_COUNT + p);
    }
    lane->shown = lane->now;
    lane->stored = true;
    return 0;
}

int lanes_load(struct lanes *l, struct conn *c, pthread_mutex_t *lock,
               const struct store_config *config) {
    *l = (struct lanes){.lock = lock, .config = config};
    int r = load_queues(l, c);
    if (r < 0) {
        return r;
    }
    while ((r = conn_next(c, SQL_LANES_ALL)) > 0) {
        r = load_lane(l, c, conn_stmt(c, SQL_LANES_ALL));
        if (r < 0) {
            conn_reset(c, SQL_LANES_ALL);
            return r;
        }
    }
    return r;
}

void lanes_finish(struct lanes *l) {
    // the tables first: they live in their elements
    struct lane **lanes = l->by_id;
    struct queue *q = l->queues;
    HASH_CLEAR(hh, l->by_name);
    for (uint32_t id = 1; id <= l->count; id++) {
        lane_free(lanes[id]);
    }
    free(lanes);
    HASH_CLEAR(hh, l->queues);
    while (q != NULL) {
        struct queue *next = q->hh.next;
        queue_free(q);
        q = next;
    }
    *l = (struct lanes){.lock = NULL};
}

struct lane *lanes_find(const struct lanes *l, const char *queue, const char *type) {
    char key[JOB_QUEUE_MAX + JOB_TYPE_MAX + 2];
    size_t q = strlen(queue), t = strlen(type);
    if (q > JOB_QUEUE_MAX || t > JOB_TYPE_MAX) {
        return NULL;
    }
    memcpy(key, queue, q);
    key[q] = ' ';
    memcpy(key + q + 1, type, t + 1);
    struct lane *lane = NULL;
    HASH_FIND(hh, l->by_name, key, q + t + 1, lane);
    return lane;
}

int lanes_get(struct lanes *l, const char *queue, const char *type, struct lane **ret) {
    if (l->last != NULL && strcmp(l->last->type, type) == 0 &&
        strcmp(l->last->queue->name, queue) == 0) {
        *ret = l->last;
        return 0;
    }
    struct lane *lane = lanes_find(l, queue, type);
    if (lane == NULL) {
        struct queue *q = NULL;
        int r = l->count == STORE_LANES_MAX ? -EDQUOT : lanes_queue(l, queue, &q);
        if (r < 0) {
            return r;
        }
        lane = lane_new(l, l->count + 1, q, type);
        if (lane != NULL) {
            lane->turns_known = true; // nobody has waited in it yet
        }
    }
    *ret = l->last = lane;
    return lane == NULL ? -ENOMEM : 0;
}

struct lane *lanes_by_id(const struct lanes *l, uint32_t id) {
    (void)pthread_mutex_lock(l->lock);
    struct lane *lane = id >= 1 && id <= l->count ? l->by_id[id] : NULL;
    (void)pthread_mutex_unlock(l->lock);
    return lane;
}

static void mark(struct lanes *l, struct lane *lane) {
    if (!lane->dirty) {
        lane->dirty = true;
        lane->next_dirty = l->dirty;
        l->dirty = lane;
    }
}

void lanes_count(struct lanes *l, struct lane *lane, enum job_priority p, int from, int to) {
    if (from >= 0) {
        lane->now.state[from]--;
        lane->now.waiting[p] -= from == JOB_QUEUED;
    }
    if (to >= 0) {
        lane->now.state[to]++;
        lane->now.waiting[p] += to == JOB_QUEUED;
    }
    mark(l, lane);
}

void lanes_count_claim(struct lanes *l, struct lane *lane, enum job_priority p, int delta) {
    lane->now.claimed[p] += delta;
    mark(l, lane);
}

void lanes_rewind(struct band *cursor, struct band to) {
    if (to.at_ms < cursor->at_ms || (to.at_ms == cursor->at_ms && to.rid <= cursor->rid)) {
        *cursor = (struct band){to.at_ms, to.rid == 0 ? 0 : to.rid - 1};
    }
}

void lanes_look_again(struct lane *lane) {
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        lane->cursor[p] = (struct band){INT64_MIN, INT64_MIN};
    }
    lane->turns_known = false;
}

int lanes_save(struct lanes *l, struct conn *c) {
    for (struct lane *lane = l->dirty; lane != NULL; lane = lane->next_dirty) {
        sqlite3_stmt *s = conn_stmt(c, SQL_LANE_TALLY);
        if (!lane->unsure &&
            memcmp(lane->now.state, lane->shown.state, sizeof lane->now.state) == 0 &&
            memcmp(lane->now.waiting, lane->shown.waiting, sizeof lane->now.waiting) == 0) {
            continue; // only claims changed, which rows do not know
        }
        bind_int(s, 1, lane->id);
        for (int i = 0; i < JOB_STATE_COUNT; i++) {
            bind_int(s, 2 + i, lane->now.state[i]);
        }
        for (int p = 0; p < PRIORITY_COUNT; p++) {
            bind_int(s, 2 + JOB_STATE_COUNT + p, lane->now.waiting[p]);
        }
        int r = conn_run(c, SQL_LANE_TALLY);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

void lanes_publish(struct lanes *l) {
    (void)pthread_mutex_lock(l->lock);
    while (l->dirty != NULL) {
        struct lane *lane = l->dirty;
        l->dirty = lane->next_dirty;
        lane->dirty = lane->unsure = false;
        lane->shown = lane->now;
    }
    (void)pthread_mutex_unlock(l->lock);
}
