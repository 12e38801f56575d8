#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"
#include "store/sqlite/reader.h"

enum { LINES_LOOKED_AT = 1000 };

// What is gathered: the queues of the snapshot by their numbers (ascending, as they are read), and
// the lanes that stats->lanes lists.
struct gathering {
    struct reader *r;
    struct store_stats *stats;
    uint32_t *ids;
    const struct lane **lanes;
};

// NULL: made after the snapshot began. There may be many queues, and the writer waits for us.
static struct store_queue_stats *queue_of(const struct gathering *g, uint32_t id) {
    size_t lo = 0, hi = g->stats->queue_count;
    if (g->ids == NULL) {
        return NULL;
    }
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (g->ids[mid] < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < g->stats->queue_count && g->ids[lo] == id ? &g->stats->queues[lo] : NULL;
}

static int grow_queues(struct gathering *g, size_t *cap) {
    struct store_stats *stats = g->stats;
    size_t count = stats->queue_count, more = *cap == 0 ? 16 : *cap * 2;
    struct store_queue_stats *queues = arena_alloc(&stats->op.arena, more * sizeof *queues);
    uint32_t *ids = arena_alloc(&stats->op.arena, more * sizeof *ids);
    if (queues == NULL || ids == NULL) {
        return -ENOMEM;
    }
    if (count > 0) {
        memcpy(queues, stats->queues, count * sizeof *queues);
        memcpy(ids, g->ids, count * sizeof *ids);
    }
    stats->queues = queues;
    g->ids = ids;
    *cap = more;
    return 0;
}

// Queues with their pauses, from the snapshot.
static int read_queues(struct gathering *g) {
    struct conn *c = &g->r->conn;
    struct store_stats *stats = g->stats;
    struct arena *a = &stats->op.arena;
    int code = 0;
    size_t cap = 0;
    while ((code = conn_next(c, SQL_QUEUES_ALL)) > 0) {
        sqlite3_stmt *s = conn_stmt(c, SQL_QUEUES_ALL);
        if (stats->queue_count == cap && grow_queues(g, &cap) < 0) {
            conn_reset(c, SQL_QUEUES_ALL);
            return -ENOMEM;
        }
        g->ids[stats->queue_count] = (uint32_t)sqlite3_column_int64(s, 0);
        stats->queues[stats->queue_count++] = (struct store_queue_stats){
            .queue = arena_str(a, column_text(s, 1)),
            .paused_at_ms = sqlite3_column_int64(s, 2),
            .paused = sqlite3_column_int64(s, 2) > 0,
            .paused_by = arena_str(a, column_text(s, 3)),
            .paused_why = arena_str(a, column_text(s, 4)),
        };
    }
    return code;
}

static int64_t sum(const int64_t *numbers, size_t count) {
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += numbers[i];
    }
    return total;
}

// Adds a lane's counters; claims count as running.
static void add_lane(struct gathering *g, const struct lane *lane) {
    struct store_stats *stats = g->stats;
    const struct tally *t = &lane->shown;
    struct store_queue_stats *q = queue_of(g, lane->queue->id);
    int64_t claimed = sum(t->claimed, PRIORITY_COUNT);
    int64_t waiting = sum(t->waiting, PRIORITY_COUNT) - claimed;
    if (waiting > 0) {
        g->lanes[stats->lane_count] = lane;
        stats->lanes[stats->lane_count++] =
            (struct store_lane_stats){.lane = lane->names, .waiting = waiting};
    }
    if (q == NULL) {
        return;
    }
    for (int i = 0; i < JOB_STATE_COUNT; i++) {
        q->by_state[i] += t->state[i];
    }
    q->by_state[JOB_QUEUED] -= claimed;
    q->by_state[JOB_RUNNING] += claimed;
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        q->waiting[p] += t->waiting[p] - t->claimed[p];
    }
}

// When the oldest job of a line became ready; those that are claimed do not wait.
static int oldest_of_line(struct reader *r, int64_t place, int64_t *ret_ms) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_READY_KEYS);
    int code = 0;
    *ret_ms = 0;
    bind_int(s, 1, place);
    bind_int(s, 2, INT64_MIN);
    bind_int(s, 3, INT64_MIN);
    while (*ret_ms == 0 && (code = conn_next(&r->conn, SQL_READY_KEYS)) > 0) {
        if (claims_view_find(r->view, r->view_count, sqlite3_column_int64(s, 1),
                             (uint32_t)sqlite3_column_int64(s, 2)) == NULL) {
            *ret_ms = sqlite3_column_int64(s, 0);
        }
    }
    conn_reset(&r->conn, SQL_READY_KEYS);
    return code < 0 ? code : 0;
}

static int next_line(struct reader *r, int64_t after, int64_t end, int64_t *ret, int64_t *ret_ms) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_NEXT_LINE);
    bind_int(s, 1, after);
    bind_int(s, 2, end);
    int code = conn_next(&r->conn, SQL_NEXT_LINE);
    if (code > 0) {
        *ret = sqlite3_column_int64(s, 0);
        *ret_ms = sqlite3_column_int64(s, 1);
        conn_reset(&r->conn, SQL_NEXT_LINE);
    }
    return code;
}

// Of all lines of a band, which are counted; where tenants are many, of the first LINES_LOOKED_AT of them.
static int oldest_of(struct reader *r, const struct lane *lane, int p, int64_t *ret_ms,
                     int64_t *lines) {
    int64_t plain =
        place_number((struct place){.state = JOB_QUEUED}, lane->id, (enum job_priority)p);
    int64_t place = plain << TURNS_SHIFT, end = (plain + 1) << TURNS_SHIFT, ms = 0;
    int code = oldest_of_line(r, plain, ret_ms);
    for (int i = 0; i < LINES_LOOKED_AT && code == 0; i++) {
        code = next_line(r, place, end, &place, &ms);
        if (code <= 0) {
            break;
        }
        code = oldest_of_line(r, place, &ms);
        *ret_ms = ms != 0 && (*ret_ms == 0 || ms < *ret_ms) ? ms : *ret_ms;
        *lines += ms != 0; // else all of it is out
    }
    return code < 0 ? code : 0;
}

static int read_oldest(struct gathering *g) {
    for (size_t i = 0; i < g->stats->lane_count; i++) {
        struct store_queue_stats *q = queue_of(g, g->lanes[i]->queue->id);
        for (int p = 0; p < PRIORITY_COUNT && q != NULL; p++) {
            int64_t ms = 0;
            int code = oldest_of(g->r, g->lanes[i], p, &ms, &g->stats->lanes[i].tenants);
            if (code < 0) {
                return code;
            }
            if (ms != 0 && (q->oldest_ready_ms == 0 || ms < q->oldest_ready_ms)) {
                q->oldest_ready_ms = ms;
            }
        }
    }
    return 0;
}

static int read_counters(struct gathering *g) {
    struct writer *w = g->r->writer;
    struct store_stats *stats = g->stats;
    struct arena *a = &stats->op.arena;
    (void)pthread_mutex_lock(&w->shared);
    stats->lanes = arena_alloc(a, (w->lanes.count + 1) * sizeof *stats->lanes);
    g->lanes = arena_alloc(a, (w->lanes.count + 1) * sizeof(struct lane *));
    bool failed = stats->lanes == NULL || g->lanes == NULL;
    for (uint32_t id = 1; id <= w->lanes.count && !failed; id++) {
        if (w->lanes.by_id[id] != NULL) {
            add_lane(g, w->lanes.by_id[id]);
        }
    }
    for (int i = 0; i < BUDGET_COUNT; i++) {
        stats->bytes[i] = (uint64_t)w->bytes_shown[i];
    }
    (void)pthread_mutex_unlock(&w->shared);
    return failed ? -ENOMEM : 0;
}

static int number(struct reader *r, enum sql_id id, int64_t *ret) {
    int code = conn_next(&r->conn, id);
    *ret = code > 0 ? sqlite3_column_int64(conn_stmt(&r->conn, id), 0) : 0;
    if (code > 0) {
        conn_reset(&r->conn, id);
    }
    return code < 0 ? code : 0;
}

static uint64_t file_bytes(const char *path, const char *suffix) {
    char name[PATH_MAX];
    struct stat st;
    int n = snprintf(name, sizeof name, "%s%s", path, suffix);
    return n > 0 && (size_t)n < sizeof name && stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

int read_stats(struct reader *r, struct store_op *op) {
    struct store_stats *stats = CONTAINER_OF(op, struct store_stats, op);
    struct gathering g = {.r = r, .stats = stats};
    stats->queues = NULL;
    stats->queue_count = stats->lane_count = 0;
    int code = read_queues(&g);
    code = code < 0 ? code : read_counters(&g);
    if (code == -ENOMEM) {
        return err_set(&r->conn.err, code, "out of memory");
    }
    code = code < 0 ? code : read_oldest(&g);
    code = code < 0 ? code : number(r, SQL_OUTBOX_COUNT, &stats->outbox);
    bind_int(conn_stmt(&r->conn, SQL_FIRST), 1, PLACE_DUE);
    code = code < 0 ? code : number(r, SQL_FIRST, &stats->next_due_ms);
    stats->disk_bytes = file_bytes(r->path, "") + file_bytes(r->path, "-wal");
    return code;
}
