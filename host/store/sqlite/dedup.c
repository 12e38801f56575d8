#include "store/sqlite/dedup.h"

#include <errno.h>

#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"

int dedup_holder(struct writer *w, const struct queue *queue, const char *key, int64_t now_ms,
                 struct job_id *ret_holder) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_DEDUP_GET);
    bind_int(s, 1, queue->id);
    bind_text(s, 2, key);
    int r = conn_next(&w->conn, SQL_DEDUP_GET);
    if (r <= 0) {
        return r;
    }
    int64_t expire_ms = sqlite3_column_int64(s, 1);
    bool held = column_id(s, 0, ret_holder) && (expire_ms == 0 || expire_ms > now_ms);
    conn_reset(&w->conn, SQL_DEDUP_GET);
    return held ? 1 : 0;
}

int dedup_holder_state(struct writer *w, const struct job_id *holder, enum job_state *ret) {
    struct job_row row;
    *ret = JOB_SUCCEEDED;
    int r = place_find(w, holder, &row);
    if (r > 0) {
        *ret = claims_find(&w->claims, row.rid) != NULL ? JOB_RUNNING : row.state;
    }
    return r < 0 ? r : 0;
}

static int set(struct writer *w, const struct queue *queue, const char *key,
               const struct job_id *holder, int64_t expire_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_DEDUP_SET);
    bind_int(s, 1, queue->id);
    bind_text(s, 2, key);
    bind_id(s, 3, holder);
    bind_set(s, 4, expire_ms);
    return conn_run(&w->conn, SQL_DEDUP_SET);
}

int dedup_hold(struct writer *w, const struct queue *queue, const char *key,
               const struct job_id *holder) {
    return set(w, queue, key, holder, 0);
}

int dedup_end(struct writer *w, const struct job_row *row, const struct lane *lane,
              enum job_state state, int64_t now_ms) {
    struct job_spec spec;
    int r = jobrow_spec(row, &w->scratch, &spec);
    if (r < 0 || spec.dedup_key == NULL) {
        return err_set(&w->conn.err, -EBADMSG, "the row of a job is damaged");
    }
    struct job_id holder;
    r = dedup_holder(w, lane->queue, spec.dedup_key, INT64_MIN, &holder);
    if (r <= 0 || !id_equal(&holder, &row->id)) {
        return r < 0 ? r : 0; // an operator released it, and perhaps it is another one's
    }
    int64_t ttl = spec.dedup_ttl_ms != 0 ? spec.dedup_ttl_ms : w->config->dedup_ttl_ms;
    if (state == JOB_SUCCEEDED && ttl > 0) {
        return set(w, lane->queue, spec.dedup_key, &row->id, place_expiry(now_ms, ttl));
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_DEDUP_DEL);
    bind_int(s, 1, lane->queue->id);
    bind_text(s, 2, spec.dedup_key);
    return conn_run(&w->conn, SQL_DEDUP_DEL);
}

int dedup_revive(struct writer *w, const struct job_row *row, const struct lane *lane,
                 int64_t now_ms) {
    struct job_spec spec;
    struct job_id holder;
    int r = jobrow_spec(row, &w->scratch, &spec);
    if (r < 0 || spec.dedup_key == NULL) {
        return err_set(&w->conn.err, -EBADMSG, "the row of a job is damaged");
    }
    r = dedup_holder(w, lane->queue, spec.dedup_key, now_ms, &holder);
    return r != 0 ? (r < 0 ? r : 0) : dedup_hold(w, lane->queue, spec.dedup_key, &row->id);
}

int op_dedup_release(struct writer *w, struct store_op *op) {
    struct store_dedup_release *d = CONTAINER_OF(op, struct store_dedup_release, op);
    struct queue *queue = NULL;
    HASH_FIND_STR(w->lanes.queues, d->queue, queue);
    int changes = 0;
    if (queue != NULL) {
        sqlite3_stmt *s = conn_stmt(&w->conn, SQL_DEDUP_DEL);
        bind_int(s, 1, queue->id);
        bind_text(s, 2, d->key);
        int r = conn_run(&w->conn, SQL_DEDUP_DEL);
        if (r < 0) {
            return r;
        }
        changes = sqlite3_changes(w->conn.db);
    }
    return changes > 0
               ? 0
               : err_set(&op->err, -ENOENT, "queue %s holds no key \"%s\"", d->queue, d->key);
}
