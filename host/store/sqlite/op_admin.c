#include "store/sqlite/ops.h"
#include "store/sqlite/writer.h"

enum { AUDIT_KEEP = 100000 };

int op_queue_set(struct writer *w, struct store_op *op) {
    struct store_queue_set *set = CONTAINER_OF(op, struct store_queue_set, op);
    struct queue *queue = NULL;
    int r = writer_queue(w, set->queue, &queue);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_QUEUE_SET);
    bind_int(s, 1, queue->id);
    bind_set(s, 2, set->paused ? op->now_ms : 0);
    bind_text(s, 3, set->paused ? set->by : NULL);
    bind_text(s, 4, set->paused ? set->why : NULL);
    return conn_run(&w->conn, SQL_QUEUE_SET);
}

int op_host_lease(struct writer *w, struct store_op *op) {
    struct store_host_lease *lease = CONTAINER_OF(op, struct store_host_lease, op);
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_HOST_PUT);
    bind_int(s, 1, (int64_t)lease->nonce);
    bind_text(s, 2, lease->name);
    bind_text(s, 3, lease->version);
    bind_int(s, 4, lease->pid);
    bind_int(s, 5, op->now_ms);
    bind_int(s, 6, lease->lease_ms > 0 ? op->now_ms + lease->lease_ms : op->now_ms);
    int r = conn_run(&w->conn, SQL_HOST_PUT);
    if (r < 0) {
        return r;
    }
    bind_int(conn_stmt(&w->conn, SQL_HOSTS_TRIM), 1, STORE_HOSTS_MAX);
    return conn_run(&w->conn, SQL_HOSTS_TRIM);
}

int op_audit_add(struct writer *w, struct store_op *op) {
    const struct store_audit *entry = &CONTAINER_OF(op, struct store_audit_add, op)->entry;
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_AUDIT_ADD);
    bind_int(s, 1, entry->at_ms);
    bind_text(s, 2, entry->actor);
    bind_text(s, 3, entry->action);
    bind_text(s, 4, entry->target);
    bind_text(s, 5, entry->detail);
    bind_text(s, 6, entry->origin);
    bind_text(s, 7, entry->outcome);
    int r = conn_run(&w->conn, SQL_AUDIT_ADD);
    if (r < 0) {
        return r;
    }
    bind_int(conn_stmt(&w->conn, SQL_AUDIT_TRIM), 1, AUDIT_KEEP);
    return conn_run(&w->conn, SQL_AUDIT_TRIM);
}
