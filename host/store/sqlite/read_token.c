// TOKEN_LIST.
#include <errno.h>

#include "store/sqlite/ops.h"
#include "store/sqlite/reader.h"
#include "store/tokens.h"

// One that cannot be read is fsck's business, and keeps nobody from using the others.
static int take(struct reader *r, sqlite3_stmt *s, struct store_token_list *list) {
    struct store_token *ret = &list->tokens[list->count];
    *ret = (struct store_token){.id = reader_text(s, 0, &list->op.arena),
                                .expires_ms = sqlite3_column_int64(s, 1),
                                .used_ms = sqlite3_column_int64(s, 2),
                                .revoked_ms = sqlite3_column_int64(s, 3)};
    int code =
        ret->id == NULL ? -ENOMEM : store_token_read(column_bytes(s, 4), &list->op.arena, ret);
    list->count += code == 0;
    return code == -ENOMEM ? conn_no_memory(&r->conn) : 0;
}

int read_tokens(struct reader *r, struct store_op *op) {
    struct store_token_list *list = CONTAINER_OF(op, struct store_token_list, op);
    enum sql_id id = list->id == NULL ? SQL_TOKENS : SQL_TOKEN_GET;
    sqlite3_stmt *s = conn_stmt(&r->conn, id);
    int code = 0;
    list->count = 0;
    list->tokens = arena_alloc(&op->arena, STORE_TOKENS_MAX * sizeof *list->tokens);
    if (list->tokens == NULL) {
        return conn_no_memory(&r->conn);
    }
    if (list->id != NULL) {
        bind_text(s, 1, list->id);
    }
    while (code >= 0 && list->count < STORE_TOKENS_MAX && (code = conn_next(&r->conn, id)) > 0) {
        code = take(r, s, list);
    }
    conn_reset(&r->conn, id);
    store_token_sort(list);
    return code < 0                               ? code
           : list->id != NULL && list->count == 0 ? err_set(&op->err, -ENOENT, "no such token")
                                                  : 0;
}
