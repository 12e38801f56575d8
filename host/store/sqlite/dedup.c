#include "store/sqlite/dedup.h"

#include <errno.h>

#include "core/dedup.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"

// 1 = *ret_holder has it, until *ret_ms (0: not by time), which may be over.
static int find(struct writer *w, const struct queue *queue, const char *key,
                struct job_id *ret_holder, int64_t *ret_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_DEDUP_GET);
    bind_int(s, 1, queue->id);
    bind_text(s, 2, key);
    int r = conn_next(&w->conn, SQL_DEDUP_GET);
    if (r <= 0) {
        return r;
    }
    *ret_ms = sqlite3_column_int64(s, 1);
    r = column_id(s, 0, ret_holder) ? 1 : 0;
    conn_reset(&w->conn, SQL_DEDUP_GET);
    return r;
}

int dedup_holder(struct writer *w, const struct queue *queue, const char *key, int64_t now_ms,
                 struct job_id *ret_holder) {
    int64_t ends_ms = 0;
    int r = find(w, queue, key, ret_holder, &ends_ms);
    return r > 0 && ends_ms != 0 && ends_ms <= now_ms ? 0 : r;
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

int dedup_hold(struct writer *w, const struct queue *queue, const struct job_spec *spec,
               int64_t now_ms) {
    int64_t ends_ms = dedup_ends_ms(spec, w->config->dedup_ttl_ms);
    bool over = ends_ms != 0 && ends_ms <= now_ms; // it came late, out of a spool
    return over ? 0 : set(w, queue, spec->dedup_key, &spec->id, ends_ms);
}

static int spec_of(struct writer *w, const struct job_row *row, struct job_spec *ret) {
    int r = jobrow_spec(row, &w->scratch, ret);
    return r < 0 || ret->dedup_key == NULL
               ? err_set(&w->conn.err, -EBADMSG, "the row of a job is damaged")
               : 0;
}

int dedup_end(struct writer *w, const struct job_row *row, const struct lane *lane,
              enum job_state state, int64_t now_ms) {
    struct job_spec spec;
    struct job_id holder;
    int64_t ends_ms = 0;
    int r = spec_of(w, row, &spec);
    r = r < 0 ? r : find(w, lane->queue, spec.dedup_key, &holder, &ends_ms);
    if (r <= 0 || ends_ms != 0 || !id_equal(&holder, &row->id)) {
        return r < 0 ? r : 0; // an operator released it, and perhaps it is another one's
    }
    int64_t ttl = dedup_outlives_ms(&spec, w->config->dedup_ttl_ms);
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
    int r = spec_of(w, row, &spec);
    if (r < 0 || !dedup_comes_back(spec.dedup_mode)) {
        return r;
    }
    r = dedup_holder(w, lane->queue, spec.dedup_key, now_ms, &holder);
    return r != 0 ? (r < 0 ? r : 0) : dedup_hold(w, lane->queue, &spec, now_ms);
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
