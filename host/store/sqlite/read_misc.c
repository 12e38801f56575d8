#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/filter.h"
#include "store/sqlite/kv.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/reader.h"

enum { PAGE_MAX = 1000, AUDIT_LOOKED_AT = 10000 };

/* ------------------------------------------------------------------ key/values */

static const enum kv_kind kind_of[] = {
    [STORE_KV_VALUE] = KV_VALUE,
    [STORE_KV_COUNTER] = KV_COUNTER,
    [STORE_KV_IS_MEMBER] = KV_SET,
    [STORE_KV_CARD] = KV_SET,
};

static int is_member(struct reader *r, struct store_kv_get *get) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_KV_MEMBER_GET);
    bind_text(s, 1, get->kv_namespace);
    bind_text(s, 2, get->key);
    (void)sqlite3_bind_blob64(s, 3, get->member.len == 0 ? "" : get->member.data, get->member.len,
                              SQLITE_STATIC);
    int code = conn_next(&r->conn, SQL_KV_MEMBER_GET);
    if (code > 0) {
        conn_reset(&r->conn, SQL_KV_MEMBER_GET);
    }
    get->number = code > 0;
    return code < 0 ? code : 0;
}

int read_kv(struct reader *r, struct store_op *op) {
    struct store_kv_get *get = CONTAINER_OF(op, struct store_kv_get, op);
    if (get->what == STORE_KV_IS_MEMBER) {
        return is_member(r, get);
    }
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_KV_GET);
    bind_text(s, 1, get->kv_namespace);
    bind_text(s, 2, get->key);
    bind_int(s, 3, kind_of[get->what]);
    get->number = 0;
    int code = conn_next(&r->conn, SQL_KV_GET);
    int64_t expire_ms = code > 0 ? sqlite3_column_int64(s, 3) : 0;
    bool alive = code > 0 && (expire_ms == 0 || expire_ms > op->now_ms);
    if (alive) {
        get->value = arena_bytes(&op->arena, column_bytes(s, 0));
        get->number = sqlite3_column_int64(s, 1);
    }
    conn_reset(&r->conn, SQL_KV_GET);
    if (alive && get->value.len > 0 && get->value.data == NULL) {
        return conn_no_memory(&r->conn);
    }
    if (code >= 0 && !alive && get->what == STORE_KV_VALUE) {
        return err_set(&op->err, -ENOENT, "there is no value of that key");
    }
    return code < 0 ? code : 0;
}

/* ------------------------------------------------------------------ lists of other things */

// A growing answer in an arena.
static void *grown(struct arena *a, void *items, size_t count, size_t *cap, size_t size) {
    if (count < *cap) {
        return items;
    }
    size_t more = *cap == 0 ? 16 : *cap * 2;
    void *p = arena_alloc(a, more * size);
    if (p != NULL) {
        if (count > 0) {
            memcpy(p, items, count * size);
        }
        *cap = more;
    }
    return p;
}

int read_hosts(struct reader *r, struct store_op *op) {
    struct store_host_list *list = CONTAINER_OF(op, struct store_host_list, op);
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_HOSTS);
    size_t cap = 0;
    int code = 0;
    list->count = 0;
    list->hosts = NULL;
    while ((code = conn_next(&r->conn, SQL_HOSTS)) > 0) {
        list->hosts = grown(&op->arena, list->hosts, list->count, &cap, sizeof *list->hosts);
        if (list->hosts == NULL) {
            conn_reset(&r->conn, SQL_HOSTS);
            return conn_no_memory(&r->conn);
        }
        list->hosts[list->count++] = (struct store_host){
            .nonce = (uint64_t)sqlite3_column_int64(s, 0),
            .name = reader_text(s, 1, &op->arena),
            .version = reader_text(s, 2, &op->arena),
            .pid = (int32_t)sqlite3_column_int64(s, 3),
            .started_ms = sqlite3_column_int64(s, 4),
            .seen_ms = sqlite3_column_int64(s, 5),
            .lease_end_ms = sqlite3_column_int64(s, 6),
            .left = sqlite3_column_int64(s, 6) <= sqlite3_column_int64(s, 5), // op_host_lease()
        };
    }
    return code;
}

static int page_limit(struct store_op *op, uint32_t limit) {
    return limit >= 1 && limit <= PAGE_MAX
               ? 0
               : err_set(&op->err, -EINVAL, "limit must be 1 to %d", PAGE_MAX);
}

static int bad_cursor(struct store_op *op) {
    return err_set(&op->err, -EINVAL, "the cursor is not one of this store's");
}

// An entry that is not wanted takes no place in the answer.
static int add_entry(struct reader *r, struct store_audit_list *list, sqlite3_stmt *s,
                     size_t *cap) {
    struct arena *a = &list->op.arena;
    const struct store_audit seen = {.at_ms = sqlite3_column_int64(s, 1),
                                     .actor = column_text(s, 2),
                                     .action = column_text(s, 3),
                                     .target = column_text(s, 4)};
    if (!filter_matches_audit(list, &seen)) {
        return 0;
    }
    list->entries = grown(a, list->entries, list->count, cap, sizeof *list->entries);
    if (list->entries == NULL) {
        return conn_no_memory(&r->conn);
    }
    list->entries[list->count++] = (struct store_audit){
        .at_ms = seen.at_ms,
        .actor = reader_text(s, 2, a),
        .action = reader_text(s, 3, a),
        .target = reader_text(s, 4, a),
        .detail = reader_text(s, 5, a),
        .origin = reader_text(s, 6, a),
        .outcome = reader_text(s, 7, a),
    };
    return 0;
}

int read_audit(struct reader *r, struct store_op *op) {
    struct store_audit_list *list = CONTAINER_OF(op, struct store_audit_list, op);
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_AUDIT);
    int64_t below = INT64_MAX, last = 0;
    size_t cap = 0, looked = 0;
    list->count = 0;
    list->entries = NULL;
    list->next_cursor = NULL;
    int code = page_limit(op, list->limit);
    if (code == 0 && list->cursor != NULL) {
        char *end = NULL;
        below = strtoll(list->cursor, &end, 10);
        code = *list->cursor == '\0' || *end != '\0' || below <= 0 ? bad_cursor(op) : 0;
    }
    bind_int(s, 1, below);
    while (code >= 0 && (code = conn_next(&r->conn, SQL_AUDIT)) > 0) {
        if (list->count == list->limit || looked == AUDIT_LOOKED_AT) {
            list->next_cursor = arena_printf(&op->arena, "%" PRId64, last);
            code = list->next_cursor == NULL ? conn_no_memory(&r->conn) : 0;
            break;
        }
        last = sqlite3_column_int64(s, 0);
        looked++;
        code = add_entry(r, list, s, &cap);
    }
    conn_reset(&r->conn, SQL_AUDIT);
    return code < 0 ? code : 0;
}

// "QUEUE KEY": names of queues have no blanks.
static int split_cursor(struct store_op *op, const char *cursor, const char **ret_queue,
                        const char **ret_key) {
    const char *blank = cursor == NULL ? NULL : strchr(cursor, ' ');
    *ret_queue = *ret_key = "";
    if (cursor == NULL) {
        return 0;
    }
    if (blank == NULL) {
        return bad_cursor(op);
    }
    *ret_key = blank + 1;
    *ret_queue = arena_strn(&op->arena, cursor, (size_t)(blank - cursor));
    return *ret_queue == NULL ? -ENOMEM : 0;
}

static int add_key(struct store_dedup_list *list, sqlite3_stmt *s, size_t *cap) {
    struct arena *a = &list->op.arena;
    list->entries = grown(a, list->entries, list->count, cap, sizeof *list->entries);
    if (list->entries == NULL) {
        return -ENOMEM;
    }
    struct store_dedup_entry *e = &list->entries[list->count++];
    *e = (struct store_dedup_entry){.queue = reader_text(s, 0, a),
                                    .key = reader_text(s, 1, a),
                                    .expires_ms = sqlite3_column_int64(s, 3)};
    (void)column_id(s, 2, &e->id);
    return e->queue == NULL || e->key == NULL ? -ENOMEM : 1;
}

int read_dedup(struct reader *r, struct store_op *op) {
    struct store_dedup_list *list = CONTAINER_OF(op, struct store_dedup_list, op);
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_DEDUP_LIST);
    const char *queue = NULL, *key = NULL;
    size_t cap = 0;
    list->count = 0;
    list->entries = NULL;
    list->next_cursor = NULL;
    int code = page_limit(op, list->limit);
    code = code < 0 ? code : split_cursor(op, list->cursor, &queue, &key);
    bind_text(s, 1, queue);
    bind_text(s, 2, key);
    bind_text(s, 3, list->queue);
    bind_int(s, 4, op->now_ms);
    while (code >= 0 && (code = conn_next(&r->conn, SQL_DEDUP_LIST)) > 0) {
        if (list->count == list->limit) {
            const struct store_dedup_entry *e = &list->entries[list->count - 1];
            list->next_cursor = arena_printf(&op->arena, "%s %s", e->queue, e->key);
            code = list->next_cursor == NULL ? -ENOMEM : 0;
            break;
        }
        code = add_key(list, s, &cap);
    }
    conn_reset(&r->conn, SQL_DEDUP_LIST);
    return code == -ENOMEM ? conn_no_memory(&r->conn) : code < 0 ? code : 0;
}
