/* LIMITER. The decision is core/limiter.c's own, on rows that hold states: this thread alone changes
 * them, so there is nobody to compare with. */
#include <errno.h>

#include "store/limits.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/writer.h"

/* A state that an item of this operation is about. */
struct kept {
    const char *name;
    struct limiter state;
    struct limiter_answer told; /* of the first take that has to wait */
    const struct limiter_rules *rules;
    bool stored;
};

struct taking {
    struct writer *w;
    struct kept *all;
    size_t count;
    int64_t now_ms;
};

static int load(struct taking *t, struct kept *k) {
    sqlite3_stmt *s = conn_stmt(&t->w->conn, SQL_LIMITER_GET);
    bind_text(s, 1, k->name);
    bind_int(s, 2, t->now_ms);
    int r = conn_next(&t->w->conn, SQL_LIMITER_GET);
    if (r <= 0) {
        return r;
    }
    k->stored = true;
    r = store_limiter_read(column_bytes(s, 0), &k->state);
    conn_reset(&t->w->conn, SQL_LIMITER_GET);
    return r < 0
               ? err_set(&t->w->conn.err, r, "the state of limiter \"%s\" cannot be read", k->name)
               : 0;
}

// Is there room for one more? Asked for a new one only. Counted again only when all have come that there was room for.
static int check_room(struct taking *t, int *ret_status) {
    if (t->w->limiter_room == 0) {
        sqlite3_stmt *s = conn_stmt(&t->w->conn, SQL_LIMITERS_COUNT);
        bind_int(s, 1, t->now_ms);
        int r = conn_next(&t->w->conn, SQL_LIMITERS_COUNT);
        if (r <= 0) {
            return r;
        }
        int64_t room = STORE_LIMITERS_MAX - sqlite3_column_int64(s, 0);
        conn_reset(&t->w->conn, SQL_LIMITERS_COUNT);
        t->w->limiter_room = room > 0 ? room : 0;
    }
    *ret_status = t->w->limiter_room > 0 ? 0 : -EDQUOT;
    t->w->limiter_room -= t->w->limiter_room > 0;
    return 0;
}

// The state of this name, read once an operation. NULL: *ret_status, or a failure in *r.
static struct kept *state_of(struct taking *t, const char *name, int *ret_status, int *r) {
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->all[i].name, name) == 0) {
            return &t->all[i];
        }
    }
    struct kept *k = &t->all[t->count];
    *k = (struct kept){.name = name};
    *r = load(t, k);
    if (*r == 0 && !k->stored) {
        *r = check_room(t, ret_status);
    }
    if (*r < 0 || *ret_status < 0) {
        return NULL;
    }
    t->count++;
    return k;
}

static int apply(struct taking *t, struct store_limiter_item *item) {
    int r = 0;
    item->held = false;
    item->answer = (struct limiter_answer){.verdict = LIMITER_GRANTED};
    item->status = store_limiter_check(item);
    if (item->status < 0) {
        return 0;
    }
    struct kept *k = state_of(t, item->name, &item->status, &r);
    if (k == NULL) {
        return r;
    }
    k->rules = &item->rules;
    r = store_limiter_apply(&k->state, item, t->now_ms, &k->told);
    return r < 0 ? conn_no_memory(&t->w->conn) : 0;
}

static int forget(struct taking *t, const struct kept *k) {
    bind_text(conn_stmt(&t->w->conn, SQL_LIMITER_DEL), 1, k->name);
    return conn_run(&t->w->conn, SQL_LIMITER_DEL);
}

static int keep(struct taking *t, const struct kept *k) {
    struct buf *text = &t->w->pack;
    int64_t rest = limiter_rest_ms(&k->state, k->rules);
    if (rest <= t->now_ms) {
        return k->stored ? forget(t, k) : 0;
    }
    buf_clear(text);
    store_limiter_write(&k->state, false, text);
    if (text->failed) {
        return conn_no_memory(&t->w->conn);
    }
    sqlite3_stmt *s = conn_stmt(&t->w->conn, SQL_LIMITER_PUT);
    bind_text(s, 1, k->name);
    bind_int(s, 2, rest);
    bind_bytes(s, 3, buf_bytes(text));
    return conn_run(&t->w->conn, SQL_LIMITER_PUT);
}

int op_limiter(struct writer *w, struct store_op *op) {
    struct store_limiter *l = CONTAINER_OF(op, struct store_limiter, op);
    if (l->count > STORE_LIMITER_ITEMS_MAX) {
        return err_set(&op->err, -EINVAL, "more than %d items", STORE_LIMITER_ITEMS_MAX);
    }
    struct taking t = {
        .w = w,
        .all = arena_alloc(&w->scratch, (l->count + 1) * sizeof *t.all),
        .now_ms = op->now_ms,
    };
    int r = 0;
    if (t.all == NULL) {
        return conn_no_memory(&w->conn);
    }
    l->clock_ms = op->now_ms;
    for (size_t i = 0; i < l->count && r == 0; i++) {
        r = apply(&t, &l->items[i]);
    }
    for (size_t i = 0; i < t.count; i++) {
        r = r < 0 ? r : keep(&t, &t.all[i]);
        limiter_finish(&t.all[i].state);
    }
    return r;
}

int op_limiter_sweep(struct writer *w, int64_t now_ms) {
    bind_int(conn_stmt(&w->conn, SQL_EXPIRED_LIMITER), 1, now_ms);
    int r = conn_run(&w->conn, SQL_EXPIRED_LIMITER);
    return r < 0 ? r : sqlite3_changes(w->conn.db) > 0;
}
