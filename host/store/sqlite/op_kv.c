#include <errno.h>

#include "store/sqlite/effects.h"
#include "store/sqlite/kv.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"

// A claim and "done" share the row of kind KV_CLAIM; `number` tells them apart.
enum { CLAIM_IS_DONE = 1 };

static int64_t size_of(const char *key, struct bytes value) {
    return (int64_t)(strlen(key) + value.len + KV_OVERHEAD);
}

static void bind_key(sqlite3_stmt *s, const char *ns, const char *key) {
    bind_text(s, 1, ns);
    bind_text(s, 2, key);
}

// Size of a row in the budget, 0 = it is not there.
static int row_size(struct writer *w, const char *ns, const char *key, enum kv_kind kind,
                    int64_t *ret) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_KV_SIZE);
    bind_key(s, ns, key);
    bind_int(s, 3, kind);
    int r = conn_next(&w->conn, SQL_KV_SIZE);
    *ret = 0;
    if (r > 0) {
        *ret = (int64_t)strlen(key) + sqlite3_column_int64(s, 0) + KV_OVERHEAD;
        conn_reset(&w->conn, SQL_KV_SIZE);
    }
    return r < 0 ? r : 0;
}

struct kv_row {
    enum kv_kind kind;
    struct bytes value;
    int64_t number, token, expire_ms;
};

static int put(struct writer *w, const char *ns, const char *key, const struct kv_row *row) {
    int64_t old = 0;
    int r = row_size(w, ns, key, row->kind, &old);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_KV_PUT);
    bind_key(s, ns, key);
    bind_int(s, 3, row->kind);
    bind_bytes(s, 4, row->value);
    bind_set(s, 5, row->number);
    bind_set(s, 6, row->token);
    bind_set(s, 7, row->expire_ms);
    r = conn_run(&w->conn, SQL_KV_PUT);
    return r < 0 ? r : writer_bytes(w, BUDGET_KV, size_of(key, row->value) - old);
}

static int del(struct writer *w, const char *ns, const char *key) {
    int64_t bytes = 0;
    for (int kind = KV_VALUE; kind <= KV_CLAIM; kind++) {
        int64_t one = 0;
        int r = row_size(w, ns, key, (enum kv_kind)kind, &one);
        if (r < 0) {
            return r;
        }
        bytes += one;
    }
    if (bytes == 0) {
        return 0;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_KV_MEMBERS_SIZE);
    bind_key(s, ns, key);
    int r = conn_next(&w->conn, SQL_KV_MEMBERS_SIZE);
    if (r > 0) {
        bytes += sqlite3_column_int64(s, 0);
        conn_reset(&w->conn, SQL_KV_MEMBERS_SIZE);
    }
    bind_key(conn_stmt(&w->conn, SQL_KV_DEL), ns, key);
    r = r < 0 ? r : conn_run(&w->conn, SQL_KV_DEL);
    bind_key(conn_stmt(&w->conn, SQL_KV_MEMBERS_DEL), ns, key);
    r = r < 0 ? r : conn_run(&w->conn, SQL_KV_MEMBERS_DEL);
    return r < 0 ? r : writer_bytes(w, BUDGET_KV, -bytes);
}

static int del_kind(struct writer *w, const char *ns, const char *key, enum kv_kind kind) {
    int64_t bytes = 0;
    int r = row_size(w, ns, key, kind, &bytes);
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_KV_DEL_KIND);
    bind_key(s, ns, key);
    bind_int(s, 3, kind);
    r = r < 0 ? r : conn_run(&w->conn, SQL_KV_DEL_KIND);
    return r < 0 ? r : writer_bytes(w, BUDGET_KV, -bytes);
}

// Number and expiry of a row; zeros if it is not there or over.
static int read_row(struct writer *w, const char *ns, const char *key, enum kv_kind kind,
                    int64_t now_ms, struct kv_row *ret) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_KV_GET);
    *ret = (struct kv_row){.kind = kind};
    bind_key(s, ns, key);
    bind_int(s, 3, kind);
    int r = conn_next(&w->conn, SQL_KV_GET);
    if (r <= 0) {
        return r;
    }
    int64_t expire_ms = sqlite3_column_int64(s, 3);
    bool alive = expire_ms == 0 || expire_ms > now_ms;
    if (alive) {
        ret->value = arena_bytes(&w->scratch, column_bytes(s, 0));
        ret->number = sqlite3_column_int64(s, 1);
        ret->token = sqlite3_column_int64(s, 2);
        ret->expire_ms = expire_ms;
    }
    conn_reset(&w->conn, SQL_KV_GET);
    return alive;
}

static int add(struct writer *w, const char *ns, const char *key, int64_t delta, int64_t now_ms) {
    struct kv_row row;
    int r = read_row(w, ns, key, KV_COUNTER, now_ms, &row);
    if (r < 0) {
        return r;
    }
    // wraps around like every counter does, without undefined behaviour
    row.number = (int64_t)((uint64_t)row.number + (uint64_t)delta);
    return put(w, ns, key, &row);
}

static int change_set(struct writer *w, const char *ns, const char *key, struct bytes member,
                      bool insert, int64_t now_ms) {
    enum sql_id id = insert ? SQL_KV_MEMBER_ADD : SQL_KV_MEMBER_DEL;
    sqlite3_stmt *s = conn_stmt(&w->conn, id);
    struct kv_row row;
    bind_key(s, ns, key);
    // an empty member is a member too, and NULL would not be found again
    (void)sqlite3_bind_blob64(s, 3, member.len == 0 ? "" : member.data, member.len, SQLITE_STATIC);
    int r = conn_run(&w->conn, id);
    if (r < 0 || sqlite3_changes(w->conn.db) == 0) {
        return r;
    }
    int64_t bytes = (int64_t)member.len + KV_OVERHEAD;
    r = writer_bytes(w, BUDGET_KV, insert ? bytes : -bytes);
    r = r < 0 ? r : read_row(w, ns, key, KV_SET, now_ms, &row);
    if (r < 0) {
        return r;
    }
    row.number += insert ? 1 : -1;
    return row.number > 0 ? put(w, ns, key, &row) : del_kind(w, ns, key, KV_SET);
}

static int write_one(struct writer *w, const char *ns, const struct store_kv_write *kv,
                     int64_t now_ms) {
    int64_t expire_ms = place_expiry(now_ms, kv->number);
    switch (kv->kind) {
    case STORE_KV_SET:
        return put(w, ns, kv->key,
                   &(struct kv_row){.kind = KV_VALUE, .value = kv->value, .expire_ms = expire_ms});
    case STORE_KV_DEL: return del(w, ns, kv->key);
    case STORE_KV_ADD: return add(w, ns, kv->key, kv->number, now_ms);
    case STORE_KV_SADD: return change_set(w, ns, kv->key, kv->value, true, now_ms);
    case STORE_KV_SREM: return change_set(w, ns, kv->key, kv->value, false, now_ms);
    case STORE_KV_DONE:
        return put(
            w, ns, kv->key,
            &(struct kv_row){.kind = KV_CLAIM, .number = CLAIM_IS_DONE, .expire_ms = expire_ms});
    }
    return 0;
}

int effects_kv(struct writer *w, const char *ns, const struct store_kv_write *kv, size_t count,
               int64_t now_ms) {
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = write_one(w, ns, &kv[i], now_ms);
    }
    return r;
}

static bool is_out(struct writer *w, const struct job_id *id, int64_t token) {
    const struct claim *c = claims_find(&w->claims, id_order(id));
    return c != NULL && id_equal(&c->id, id) && c->token == token;
}

int op_kv_claim(struct writer *w, struct store_op *op) {
    struct store_kv_claim *kc = CONTAINER_OF(op, struct store_kv_claim, op);
    struct kv_row row;
    if (!is_out(w, &kc->id, kc->token)) {
        return err_set(&op->err, -ESTALE, "the claiming attempt is not running any more");
    }
    int r = read_row(w, kc->kv_namespace, kc->key, KV_CLAIM, op->now_ms, &row);
    if (r < 0) {
        return r;
    }
    kc->holder = (struct job_id){{0}};
    if (r > 0 && row.number == CLAIM_IS_DONE) {
        kc->state = CLAIM_DONE;
        return 0;
    }
    if (r > 0 && row.value.len == sizeof kc->holder.b && row.value.data != NULL) {
        memcpy(kc->holder.b, row.value.data, row.value.len);
    }
    if (r > 0 && !id_equal(&kc->holder, &kc->id) && is_out(w, &kc->holder, row.token)) {
        kc->state = CLAIM_HELD;
        return 0;
    }
    kc->state = CLAIM_WON;
    kc->holder = kc->id;
    row =
        (struct kv_row){.kind = KV_CLAIM, .value = {kc->id.b, sizeof kc->id.b}, .token = kc->token};
    return put(w, kc->kv_namespace, kc->key, &row);
}
