#include <errno.h>

#include "base/fault.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"

// Up to `limit` row numbers of a place, gathered first because the rows are about to move in the
// index.
static int gather(struct writer *w, int64_t place, int64_t until_ms, uint32_t limit, int64_t **ret,
                  size_t *ret_count) {
    const enum sql_id id = SQL_BEFORE;
    sqlite3_stmt *s = conn_stmt(&w->conn, id);
    bind_int(s, 1, place);
    bind_int(s, 2, until_ms);
    size_t cap = 0, count = 0;
    int64_t *rids = NULL;
    int r = 0;
    while (count < limit && (r = conn_next(&w->conn, id)) > 0) {
        if (count == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            int64_t *more = arena_alloc(&w->scratch, cap * sizeof *more);
            if (more == NULL) {
                r = conn_no_memory(&w->conn);
                break;
            }
            if (count > 0) {
                memcpy(more, rids, count * sizeof *more);
            }
            rids = more;
        }
        rids[count++] = sqlite3_column_int64(s, 0);
    }
    conn_reset(&w->conn, id);
    *ret = rids;
    *ret_count = count;
    return r < 0 ? r : 0;
}

static int read_row(struct writer *w, int64_t rid, struct job_row *row, struct job_life *life) {
    int r = place_find_rid(w, rid, row);
    if (r == 0) {
        return err_set(&w->conn.err, -EBADMSG, "an index names a job that is not there");
    }
    r = r < 0 ? r : jobrow_life(row, &w->scratch, life);
    return r == -EBADMSG ? err_set(&w->conn.err, r, "the row of a job is damaged") : r;
}

// It is ready since the time it was due, so those that waited longest start first.
static int make_due(struct writer *w, int64_t rid, int64_t now_ms) {
    struct job_row row = {.rid = 0};
    struct job_life life = {.park = PARK_NONE};
    int r = read_row(w, rid, &row, &life);
    if (r < 0) {
        return r;
    }
    life.park = PARK_NONE;
    life.wait_key = life.wait_for = NULL;
    row.rev++;
    return place_move(w, &row, row.life.len == 0 ? NULL : &life,
                      (struct place){JOB_QUEUED, row.at_ms}, now_ms);
}

static int next_due(struct writer *w, int64_t *ret_ms) {
    bind_int(conn_stmt(&w->conn, SQL_FIRST), 1, PLACE_DUE);
    int r = conn_next(&w->conn, SQL_FIRST);
    *ret_ms = r > 0 ? sqlite3_column_int64(conn_stmt(&w->conn, SQL_FIRST), 0) : 0;
    if (r > 0) {
        conn_reset(&w->conn, SQL_FIRST);
    }
    return r < 0 ? r : 0;
}

int op_due(struct writer *w, struct store_op *op) {
    struct store_due *due = CONTAINER_OF(op, struct store_due, op);
    int64_t *rids = NULL;
    size_t count = 0;
    int r = gather(w, PLACE_DUE, op->now_ms, due->limit, &rids, &count);
    for (size_t i = 0; i < count && r == 0; i++) {
        r = make_due(w, rids[i], op->now_ms);
    }
    due->moved = count;
    r = r < 0 ? r : next_due(w, &due->next_ms);
    if (r == 0) {
        w->due_reported = due->next_ms;
    }
    return r;
}

/* ------------------------------------------------------------------ RECOVER */

// Claims of this opening that another nonce holds: only when a test plays several hosts.
static int drop_claim(struct writer *w, struct claim *c, int64_t now_ms) {
    struct job_row row = {.rid = 0};
    struct job_life life = {.park = PARK_NONE};
    int r = read_row(w, c->rid, &row, &life);
    if (r < 0) {
        return r;
    }
    row.token = c->token;
    if (row.state == JOB_RUNNING) {
        life.counters.lost++;
        life.counters.executions++;
        life.host_nonce = 0;
    }
    row.rev += 2;
    enum job_state state;
    struct place back = {JOB_QUEUED, c->at_ms};
    r = writer_claim_end(w, c);
    return r < 0 ? r : place_leave(w, &row, &life, back, now_ms, &state);
}

static int drop_claims(struct writer *w, struct store_recover *rec) {
    struct claim *c, *next;
    int r = 0;
    HASH_ITER(hh, w->claims.by_rid, c, next) {
        if (c->nonce == rec->host_nonce) {
            continue;
        }
        if (rec->released == rec->limit) {
            rec->more = true;
            break;
        }
        r = drop_claim(w, c, rec->op.now_ms);
        if (r < 0) {
            return r;
        }
        rec->released++;
    }
    return 0;
}

// A row that says RUNNING and belongs to nobody here: the host that wrote it is gone. The attempt
// had begun.
static int release_lost(struct writer *w, int64_t rid, int64_t now_ms) {
    struct job_row row = {.rid = 0};
    struct job_life life = {.park = PARK_NONE};
    int r = read_row(w, rid, &row, &life);
    if (r < 0) {
        return r;
    }
    if (fault(FAULT_RECOVER) < 0) {
        return err_set(&w->conn.err, -EIO, "fault injected while recovering");
    }
    return place_lose(w, &row, &life, now_ms);
}

int op_recover(struct writer *w, struct store_op *op) {
    struct store_recover *rec = CONTAINER_OF(op, struct store_recover, op);
    int64_t *rids = NULL;
    size_t count = 0;
    rec->released = 0;
    rec->more = false;
    int r = drop_claims(w, rec);
    r = r < 0 ? r : gather(w, PLACE_RUNNING, INT64_MAX, UINT32_MAX, &rids, &count);
    for (size_t i = 0; i < count && r == 0; i++) {
        if (claims_find(&w->claims, rids[i]) != NULL) {
            continue;
        }
        if (rec->released == rec->limit) {
            rec->more = true;
            break;
        }
        r = release_lost(w, rids[i], op->now_ms);
        rec->released++;
    }
    (void)pthread_mutex_lock(&w->shared);
    w->recovered = w->recovered || (r == 0 && !rec->more);
    (void)pthread_mutex_unlock(&w->shared);
    return r;
}
