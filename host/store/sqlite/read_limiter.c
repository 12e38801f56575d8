/* LIMITER_LIST. */
#include <errno.h>

#include "store/limits.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/reader.h"

enum { PAGE_MAX = 1000 };

static int read_one(struct reader *r, sqlite3_stmt *s, struct arena *a,
                    struct store_limiter_state *ret) {
    *ret = (struct store_limiter_state){.name = reader_text(s, 0, a)};
    int code = ret->name == NULL ? -ENOMEM : store_limiter_show(column_bytes(s, 1), a, &ret->state);
    return code < 0 ? err_set(&r->conn.err, code, "the state of a limiter cannot be read") : 0;
}

static int read_page(struct reader *r, struct store_limiter_list *list, sqlite3_stmt *s) {
    int code = 0;
    while (code >= 0 && (code = conn_next(&r->conn, SQL_LIMITERS)) > 0) {
        if (list->limit != NULL && !store_limiter_is_of(column_text(s, 0), list->limit)) {
            continue;
        }
        if (list->count == list->max) {
            list->next_cursor = list->limiters[list->count - 1].name;
            break;
        }
        code = read_one(r, s, &list->op.arena, &list->limiters[list->count++]);
    }
    conn_reset(&r->conn, SQL_LIMITERS);
    return code < 0 ? code : 0;
}

int read_limiters(struct reader *r, struct store_op *op) {
    struct store_limiter_list *list = CONTAINER_OF(op, struct store_limiter_list, op);
    list->count = 0;
    list->next_cursor = NULL;
    list->clock_ms = op->now_ms;
    if (list->max < 1 || list->max > PAGE_MAX) {
        return err_set(&op->err, -EINVAL, "limit must be 1 to %d", PAGE_MAX);
    }
    list->limiters = arena_alloc(&op->arena, list->max * sizeof *list->limiters);
    if (list->limiters == NULL) {
        return conn_no_memory(&r->conn);
    }
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_LIMITERS);
    bind_text(s, 1, list->cursor == NULL ? "" : list->cursor);
    bind_int(s, 2, op->now_ms);
    return read_page(r, list, s);
}
