/* BREAKER. The decision is core/breaker.c's own, on rows that hold states: this thread alone changes
 * them, so there is nobody to compare with. */
#include <errno.h>

#include "store/breakers.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/writer.h"

static int load(struct writer *w, struct store_breaker *op) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_BREAKER_GET);
    bind_text(s, 1, op->name);
    bind_int(s, 2, op->op.now_ms);
    int r = conn_next(&w->conn, SQL_BREAKER_GET);
    op->state = (struct breaker){.version = 0};
    if (r <= 0) {
        return r;
    }
    r = store_breaker_read(column_bytes(s, 0), op->op.now_ms, &op->state);
    conn_reset(&w->conn, SQL_BREAKER_GET);
    return r < 0 ? err_set(&w->conn.err, r, "the state of breaker \"%s\" cannot be read", op->name)
                 : 0;
}

static int check_room(struct writer *w, struct store_op *op) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_BREAKERS_COUNT);
    bind_int(s, 1, op->now_ms);
    int r = conn_next(&w->conn, SQL_BREAKERS_COUNT);
    if (r <= 0) {
        return r;
    }
    bool full = sqlite3_column_int64(s, 0) >= STORE_BREAKERS_MAX;
    conn_reset(&w->conn, SQL_BREAKERS_COUNT);
    return full ? err_set(&op->err, -EDQUOT, "%d breakers are open", STORE_BREAKERS_MAX) : 0;
}

static int keep(struct writer *w, const struct store_breaker *op) {
    char text[STORE_BREAKER_TEXT_MAX];
    store_breaker_write(&op->state, text);
    if (text[0] == '\0') {
        bind_text(conn_stmt(&w->conn, SQL_BREAKER_DEL), 1, op->name);
        return conn_run(&w->conn, SQL_BREAKER_DEL);
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_BREAKER_PUT);
    bind_text(s, 1, op->name);
    bind_int(s, 2, breaker_rest_ms(&op->state));
    bind_bytes(s, 3, (struct bytes){text, strlen(text)});
    return conn_run(&w->conn, SQL_BREAKER_PUT);
}

int op_breaker(struct writer *w, struct store_op *op) {
    struct store_breaker *b = CONTAINER_OF(op, struct store_breaker, op);
    if (store_breaker_check(b) < 0) {
        return err_set(&op->err, -EINVAL, "not the name of a breaker");
    }
    int r = load(w, b);
    bool was_closed = b->state.failures == 0;
    if (r < 0 || !store_breaker_apply(b, op->now_ms)) {
        return r;
    }
    r = was_closed ? check_room(w, op) : 0;
    return r < 0 ? r : keep(w, b);
}

int op_breaker_sweep(struct writer *w, int64_t now_ms) {
    bind_int(conn_stmt(&w->conn, SQL_EXPIRED_BREAKER), 1, now_ms);
    int r = conn_run(&w->conn, SQL_EXPIRED_BREAKER);
    return r < 0 ? r : sqlite3_changes(w->conn.db) > 0;
}
