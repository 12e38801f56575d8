/* BREAKER_LIST. */
#include <errno.h>

#include "store/breakers.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/reader.h"

enum { PAGE_MAX = 1000 };

// One that cannot be read is fsck's business, and keeps nobody from seeing the others.
static int read_one(struct reader *r, sqlite3_stmt *s, struct store_breaker_list *list) {
    struct store_breaker_state *ret = &list->breakers[list->count];
    *ret = (struct store_breaker_state){.name = reader_text(s, 0, &list->op.arena)};
    if (ret->name == NULL) {
        return conn_no_memory(&r->conn);
    }
    list->next_cursor = ret->name;
    list->count += store_breaker_read(column_bytes(s, 1), list->op.now_ms, &ret->state) == 0;
    return 0;
}

int read_breakers(struct reader *r, struct store_op *op) {
    struct store_breaker_list *list = CONTAINER_OF(op, struct store_breaker_list, op);
    int code = 0;
    list->count = 0;
    list->next_cursor = NULL;
    list->clock_ms = op->now_ms;
    if (list->max < 1 || list->max > PAGE_MAX) {
        return err_set(&op->err, -EINVAL, "limit must be 1 to %d", PAGE_MAX);
    }
    list->breakers = arena_alloc(&op->arena, list->max * sizeof *list->breakers);
    if (list->breakers == NULL) {
        return conn_no_memory(&r->conn);
    }
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_BREAKERS);
    bind_text(s, 1, list->cursor == NULL ? "" : list->cursor);
    bind_int(s, 2, op->now_ms);
    bind_int(s, 3, (int64_t)list->max + 1);
    uint32_t seen = 0;
    while (code >= 0 && (code = conn_next(&r->conn, SQL_BREAKERS)) > 0 && seen++ < list->max) {
        code = read_one(r, s, list);
    }
    conn_reset(&r->conn, SQL_BREAKERS);
    list->next_cursor = seen > list->max ? list->next_cursor : NULL;
    return code < 0 ? code : 0;
}
