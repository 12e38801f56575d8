#include "store/sqlite/once.h"

#include "base/env.h"

void once_start(struct writer *w) {
    w->once_ahead = env_wall_ms(w->jobs_env) - env_mono_ms(w->jobs_env);
}

int64_t once_now(const struct writer *w) {
    return env_mono_ms(w->jobs_env) + w->once_ahead;
}

static struct bytes key_of(const struct store_once *once) {
    return (struct bytes){once->key, sizeof once->key};
}

static int forget(struct writer *w, const struct queue *queue, struct bytes key) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_ONCE_DEL);
    bind_int(s, 1, queue->id);
    bind_bytes(s, 2, key);
    int r = conn_run(&w->conn, SQL_ONCE_DEL);
    return r < 0 ? r : writer_bytes(w, BUDGET_JOBS, -ONCE_BYTES);
}

static int find_one(struct writer *w, const struct queue *queue, const struct store_once *once,
                    struct store_submit_item *item, struct job_id *ret_holder) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_ONCE_GET);
    bind_int(s, 1, queue->id);
    bind_bytes(s, 2, key_of(once));
    int r = conn_next(&w->conn, SQL_ONCE_GET);
    if (r <= 0) {
        return r;
    }
    bool over = !column_id(s, 0, ret_holder) || sqlite3_column_int64(s, 2) <= once_now(w);
    item->once_differs = !over && sqlite3_column_int64(s, 1) != (int64_t)once->content;
    conn_reset(&w->conn, SQL_ONCE_GET);
    return over ? forget(w, queue, key_of(once)) : 1;
}

int once_find(struct writer *w, struct store_submit_item *item, struct job_id *ret_holder) {
    struct queue *queue = NULL;
    HASH_FIND_STR(w->lanes.queues, item->spec->queue, queue);
    int r = 0;
    for (size_t i = 0; queue != NULL && i < item->once_count && r == 0; i++) {
        r = find_one(w, queue, &item->once[i], item, ret_holder);
    }
    return r;
}

bool once_has_room(const struct writer *w, const struct store_submit_item *item) {
    return !writer_over(w, BUDGET_JOBS, (int64_t)item->once_count * ONCE_BYTES);
}

int once_hold(struct writer *w, const struct store_submit_item *item, const struct queue *queue,
              const struct job_id *holder) {
    int r = 0;
    for (size_t i = 0; i < item->once_count && r >= 0; i++) {
        const struct store_once *once = &item->once[i];
        sqlite3_stmt *s = conn_stmt(&w->conn, SQL_ONCE_ADD);
        bind_int(s, 1, queue->id);
        bind_bytes(s, 2, key_of(once));
        bind_id(s, 3, holder);
        bind_int(s, 4, (int64_t)once->content);
        bind_int(s, 5, once_now(w) + store_once_keep_ms(once));
        r = conn_run(&w->conn, SQL_ONCE_ADD);
        bool added = r == 0 && sqlite3_changes(w->conn.db) > 0; // not if both are the same
        r = added ? writer_bytes(w, BUDGET_JOBS, ONCE_BYTES) : r;
    }
    return r;
}

int once_sweep(struct writer *w) {
    bind_int(conn_stmt(&w->conn, SQL_EXPIRED_ONCE), 1, once_now(w));
    int r = conn_run(&w->conn, SQL_EXPIRED_ONCE);
    if (r < 0 || sqlite3_changes(w->conn.db) == 0) {
        return r;
    }
    r = writer_bytes(w, BUDGET_JOBS, -ONCE_BYTES);
    return r < 0 ? r : 1;
}
