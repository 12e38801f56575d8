/* FLOW_JOIN, FLOW_CANCEL. */
#include <errno.h>

#include "store/sqlite/flows.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"
#include "store/sqlite/submit.h"

/* ------------------------------------------------------------------ JOIN */

static void refuse(struct store_submit_item *item, int status) {
    item->verdict = SUBMIT_REFUSED;
    item->status = status;
}

static int join(struct writer *w, struct store_submit_item *item, int64_t now_ms) {
    const struct job_spec *spec = item->spec;
    struct flow_row f;
    struct job_row twin;
    int r = place_find(w, &spec->id, &twin);
    if (r != 0) {
        item->verdict = SUBMIT_REPEATED;
        item->status = 0;
        return r < 0 ? r : 0;
    }
    if (!store_flow_has(spec) || spec->dedup_key != NULL || spec->file_count > 0) {
        refuse(item, -EINVAL);
        return 0;
    }
    r = item->once_count > 0 ? submit_was_here(w, item, NULL, now_ms) : 0;
    if (r != 0) { // though the flow may have closed since
        return r < 0 ? r : 0;
    }
    r = flows_find(&w->conn, id_order(&spec->parent), &f);
    if (r <= 0 || !flow_grows(&f.is.facts)) {
        refuse(item, r == 0 ? -ENOENT : -ESTALE);
        return r < 0 ? r : 0;
    }
    r = submit_item(w, item, false, now_ms);
    return r < 0 || item->verdict != SUBMIT_NEW ? r : flows_add(w, f.rid, 1);
}

int op_flow_join(struct writer *w, struct store_op *op) {
    struct store_flow_join *j = CONTAINER_OF(op, struct store_flow_join, op);
    int r = 0;
    for (size_t i = 0; i < j->count && r >= 0; i++) {
        struct store_submit_item *item = &j->items[i];
        r = op->scope == NULL ? 1 : op_in_scope(w, op->scope, &item->spec->parent);
        if (r == 0) {
            refuse(item, -ENOENT);
        } else if (r > 0) {
            r = join(w, item, op->now_ms);
        }
    }
    return r < 0 ? r : 0;
}

/* ------------------------------------------------------------------ CANCEL */

static int note_done(struct writer *w, const struct store_flow_cancel *c) {
    if (id_is_zero(&c->done) || c->done_walk != w->walk) {
        return 0;
    }
    return flows_walked(w, id_order(&c->done), c->done_cursor, c->op.now_ms);
}

// 1 = one of whose members some are to be cancelled.
static int next_flow(struct writer *w, struct flow_row *ret) {
    int64_t rid = 0;
    int r = conn_next(&w->conn, SQL_FLOW_WALK);
    if (r > 0) {
        rid = sqlite3_column_int64(conn_stmt(&w->conn, SQL_FLOW_WALK), 0);
        conn_reset(&w->conn, SQL_FLOW_WALK);
    }
    return r <= 0 ? r : flows_find(&w->conn, rid, ret);
}

// 0, or -ENOMEM.
static int take_member(struct writer *w, sqlite3_stmt *s, struct store_flow_cancel *c) {
    const struct lane *lane = lanes_by_id(&w->lanes, (uint32_t)sqlite3_column_int64(s, 2));
    const char *queue = lane == NULL ? NULL : arena_str(&c->op.arena, lane->names.queue);
    if (lane != NULL && queue == NULL) {
        return conn_no_memory(&w->conn);
    }
    c->cursor = (uint64_t)sqlite3_column_int64(s, 0);
    c->queues[c->count] = queue;
    (void)column_id(s, 1, &c->members[c->count++]);
    return 0;
}

static int members(struct writer *w, const struct flow_row *f, struct store_flow_cancel *c) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_FLOW_MEMBERS);
    bind_int(s, 1, PLACE_LIST_PARENT);
    bind_int(s, 2, f->rid);
    bind_int(s, 3, f->walked);
    bind_int(s, 4, HAS_FLOW);
    bind_int(s, 5, c->limit);
    int r = 0;
    while (r >= 0 && c->count < c->limit && (r = conn_next(&w->conn, SQL_FLOW_MEMBERS)) > 0) {
        r = take_member(w, s, c);
    }
    conn_reset(&w->conn, SQL_FLOW_MEMBERS);
    c->cursor = c->count < c->limit ? 0 : c->cursor; // these are the last
    return r < 0 ? r : 0;
}

int op_flow_cancel(struct writer *w, struct store_op *op) {
    struct store_flow_cancel *c = CONTAINER_OF(op, struct store_flow_cancel, op);
    struct flow_row f;
    c->id = (struct job_id){{0}};
    c->cursor = c->count = 0;
    c->walk = w->walk;
    c->members = arena_alloc(&op->arena, ((size_t)c->limit + 1) * sizeof *c->members);
    c->queues = arena_alloc(&op->arena, ((size_t)c->limit + 1) * sizeof *c->queues);
    if (c->members == NULL || c->queues == NULL) {
        return conn_no_memory(&w->conn);
    }
    int r = note_done(w, c);
    r = r < 0 ? r : next_flow(w, &f);
    w->walks = r > 0;
    if (r > 0) {
        c->id = f.id;
        r = members(w, &f, c);
    }
    return r < 0 ? r : 0;
}
