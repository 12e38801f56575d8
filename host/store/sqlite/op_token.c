// TOKEN_PUT, TOKEN_SET.
#include <errno.h>

#include "store/sqlite/ops.h"
#include "store/sqlite/writer.h"
#include "store/tokens.h"

// 1 = the same one is there, 0 = none of this id; -EEXIST: another.
static int look(struct writer *w, const struct store_token *token, struct bytes packed) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_TOKEN_GET);
    bind_text(s, 1, token->id);
    int r = conn_next(&w->conn, SQL_TOKEN_GET);
    if (r <= 0) {
        return r;
    }
    bool same =
        sqlite3_column_int64(s, 1) == token->expires_ms && bytes_equal(column_bytes(s, 4), packed);
    conn_reset(&w->conn, SQL_TOKEN_GET);
    return same ? 1 : -EEXIST;
}

static int make_room(struct writer *w, struct store_op *op) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_TOKENS_COUNT);
    int r = conn_next(&w->conn, SQL_TOKENS_COUNT);
    bool full = r > 0 && sqlite3_column_int64(s, 0) >= STORE_TOKENS_MAX;
    conn_reset(&w->conn, SQL_TOKENS_COUNT);
    if (r < 0 || !full) {
        return r < 0 ? r : 0;
    }
    bind_int(conn_stmt(&w->conn, SQL_TOKEN_DROP_ENDED), 1, op->now_ms);
    r = conn_run(&w->conn, SQL_TOKEN_DROP_ENDED);
    return r < 0 ? r
           : sqlite3_changes(w->conn.db) > 0
               ? 0
               : err_set(&op->err, -EDQUOT, "there are %d tokens", STORE_TOKENS_MAX);
}

static int put(struct writer *w, struct store_op *op, const struct store_token *token,
               struct bytes packed) {
    int r = look(w, token, packed);
    if (r == -EEXIST) {
        return err_set(&op->err, r, "another token has this id");
    }
    r = r == 0 ? make_room(w, op) : r;
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_TOKEN_PUT);
    bind_text(s, 1, token->id);
    bind_set(s, 2, token->expires_ms);
    bind_bytes(s, 3, packed);
    return conn_run(&w->conn, SQL_TOKEN_PUT);
}

int op_token_put(struct writer *w, struct store_op *op) {
    const struct store_token *token = &CONTAINER_OF(op, struct store_token_put, op)->token;
    struct buf packed = {0};
    if (store_token_check(token) < 0) {
        return err_set(&op->err, -EINVAL, "not a token");
    }
    store_token_write(token, &packed);
    int r = packed.failed ? conn_no_memory(&w->conn) : put(w, op, token, buf_bytes(&packed));
    buf_free(&packed);
    return r;
}

int op_token_set(struct writer *w, struct store_op *op) {
    struct store_token_set *set = CONTAINER_OF(op, struct store_token_set, op);
    int r = 0;
    for (size_t i = 0; i < set->count && r == 0; i++) {
        struct store_token_set_item *item = &set->items[i];
        sqlite3_stmt *s = conn_stmt(&w->conn, SQL_TOKEN_SET);
        bind_text(s, 1, item->id);
        bind_int(s, 2, item->used_ms);
        bind_set(s, 3, item->revoked_ms);
        r = conn_run(&w->conn, SQL_TOKEN_SET);
        item->status = sqlite3_changes(w->conn.db) > 0 ? 0 : -ENOENT;
    }
    return r;
}
