#include <errno.h>

#include "store/sqlite/blobrow.h"
#include "store/sqlite/flows.h"
#include "store/sqlite/kv.h"
#include "store/sqlite/once.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"

enum { OPEN_KEEP_MS = 3600000 };

// Each function below removes one expired thing: 1 = removed, 0 = there is none.

// Whose flow is open stays as long as that.
static int keep_job(struct writer *w, int64_t rid, int64_t now_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_JOB_KEEP);
    bind_int(s, 1, rid);
    bind_int(s, 2, now_ms + OPEN_KEEP_MS);
    int r = conn_run(&w->conn, SQL_JOB_KEEP);
    return r < 0 ? r : 1;
}

static int sweep_job(struct writer *w, int64_t now_ms) {
    struct job_row row;
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_BEFORE);
    bind_int(s, 1, PLACE_KEPT);
    bind_int(s, 2, now_ms);
    int r = conn_next(&w->conn, SQL_BEFORE);
    if (r <= 0) {
        return r;
    }
    int64_t rid = sqlite3_column_int64(s, 0);
    conn_reset(&w->conn, SQL_BEFORE);
    r = place_find_rid(w, rid, &row);
    if (r == 0) {
        return err_set(&w->conn.err, -EBADMSG, "an index names a job that is not there");
    }
    bool opened = r > 0 && (row.has & HAS_OPENED) != 0;
    int open = opened ? flows_is_open(w, rid) : 0;
    if (open != 0) {
        return open < 0 ? open : keep_job(w, rid, now_ms);
    }
    r = r < 0 ? r : place_remove(w, &row, now_ms);
    return r < 0 ? r : 1;
}

static int sweep_row(struct writer *w, enum sql_id expired, int64_t now_ms) {
    bind_int(conn_stmt(&w->conn, expired), 1, now_ms);
    int r = conn_run(&w->conn, expired);
    return r < 0 ? r : sqlite3_changes(w->conn.db) > 0;
}

static int sweep_dedup(struct writer *w, int64_t now_ms) {
    return sweep_row(w, SQL_EXPIRED_DEDUP, now_ms);
}

static int sweep_tombstone(struct writer *w, int64_t now_ms) {
    return sweep_row(w, SQL_EXPIRED_TOMBSTONE, now_ms);
}

static int sweep_once(struct writer *w, int64_t now_ms) {
    (void)now_ms; // it has a clock of its own
    return once_sweep(w);
}

static int sweep_kv(struct writer *w, int64_t now_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_EXPIRED_KV);
    bind_int(s, 1, now_ms);
    int r = conn_next(&w->conn, SQL_EXPIRED_KV);
    if (r <= 0) {
        return r;
    }
    const char *ns = arena_str(&w->scratch, column_text(s, 0));
    const char *key = arena_str(&w->scratch, column_text(s, 1));
    int64_t kind = sqlite3_column_int64(s, 2), bytes = sqlite3_column_int64(s, 3) + KV_OVERHEAD;
    conn_reset(&w->conn, SQL_EXPIRED_KV);
    if (ns == NULL || key == NULL) {
        return conn_no_memory(&w->conn);
    }
    s = conn_stmt(&w->conn, SQL_KV_DEL_KIND);
    bind_text(s, 1, ns);
    bind_text(s, 2, key);
    bind_int(s, 3, kind);
    r = conn_run(&w->conn, SQL_KV_DEL_KIND);
    r = r < 0 ? r : writer_bytes(w, BUDGET_KV, -bytes);
    return r < 0 ? r : 1;
}

static int sweep_blob(struct writer *w, int64_t now_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_IDLE_BLOB);
    struct blob_ref blob = {.size = 0};
    bind_int(s, 1, now_ms - BLOBROW_IDLE_MS);
    int r = conn_next(&w->conn, SQL_IDLE_BLOB);
    if (r <= 0) {
        return r;
    }
    struct bytes sha = column_bytes(s, 0);
    if (sha.len == sizeof blob.sha256) {
        memcpy(blob.sha256, sha.data, sha.len);
    }
    blob.size = (uint64_t)sqlite3_column_int64(s, 1);
    conn_reset(&w->conn, SQL_IDLE_BLOB);
    s = conn_stmt(&w->conn, SQL_BLOB_DEL);
    bind_bytes(s, 1, (struct bytes){blob.sha256, sizeof blob.sha256});
    r = conn_run(&w->conn, SQL_BLOB_DEL);
    r = r < 0 ? r : writer_bytes(w, BUDGET_BLOBS, -(int64_t)blob.size);
    r = r < 0 ? r : op_blob_doom(w, blob.sha256);
    return r < 0 ? r : 1;
}

static int (*const sweepers[])(struct writer *w, int64_t now_ms) = {
    sweep_job,        sweep_dedup,      sweep_kv,       sweep_blob, sweep_tombstone,
    op_limiter_sweep, op_breaker_sweep, op_event_sweep, sweep_once};

// Ledgers come last: what they may keep is the caller's to say.
static int sweep_one(struct writer *w, const struct store_sweep *sweep, size_t kind) {
    arena_reset(&w->scratch);
    return kind < ARRAY_LEN(sweepers) ? sweepers[kind](w, sweep->op.now_ms)
                                      : op_schedule_sweep(w, sweep);
}

int op_sweep(struct writer *w, struct store_op *op) {
    struct store_sweep *sweep = CONTAINER_OF(op, struct store_sweep, op);
    sweep->removed = 0;
    sweep->more = false;
    for (size_t i = 0; i <= ARRAY_LEN(sweepers); i++) {
        int r = 1;
        while (r > 0 && sweep->removed < sweep->limit) {
            r = sweep_one(w, sweep, i);
            sweep->removed += r > 0;
        }
        if (r < 0) {
            return r;
        }
        sweep->more = sweep->more || r > 0;
    }
    return 0;
}
