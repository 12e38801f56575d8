#include <errno.h>

#include "base/fault.h"
#include "store/sqlite/blobrow.h"
#include "store/sqlite/effects.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/submit.h"

// Children for another queue wait here until FORWARD delivers them, because in a store of many
// parts that queue may be elsewhere; one path for all stores, so that one suite proves it.

// A parcel names the blobs of its files, as the job will.
static int change_files(struct writer *w, const struct job_spec *child, bool hold, int64_t now_ms) {
    int r = 0;
    for (size_t i = 0; i < child->file_count && r == 0; i++) {
        const struct blob_ref *blob = &child->files[i].blob;
        r = hold ? blobrow_hold(w, blob) : blobrow_release(w, blob, now_ms);
    }
    return r;
}

static int post(struct writer *w, int64_t parent, const struct job_spec *child, int64_t now_ms) {
    buf_clear(&w->pack);
    jobrow_pack_parcel(&w->pack, child);
    if (w->pack.failed || undo_add(&w->undo, UNDO_BYTES, &w->outbox) == NULL) {
        return conn_no_memory(&w->conn);
    }
    w->undo.entries[w->undo.len - 1].delta = 1;
    w->outbox++;
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_OUTBOX_ADD);
    bind_int(s, 1, parent);
    bind_bytes(s, 2, buf_bytes(&w->pack));
    int r = conn_run(&w->conn, SQL_OUTBOX_ADD);
    return r < 0 ? r : change_files(w, child, true, now_ms);
}

int effects_child(struct writer *w, const struct job_row *parent, const struct job_spec *child,
                  int64_t now_ms) {
    const struct lane *lane = lanes_by_id(&w->lanes, parent->lane);
    if (lane == NULL || strcmp(lane->queue->name, child->queue) != 0) {
        return post(w, parent->rid, child, now_ms);
    }
    struct store_submit_item item = {.spec = child};
    return submit_item(w, &item, true, now_ms); // a duplicate is simply not stored
}

// The oldest parcel. 1 = there is one.
static int oldest(struct writer *w, int64_t *ret_seq, struct job_spec *ret) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_OUTBOX_HEAD);
    int r = conn_next(&w->conn, SQL_OUTBOX_HEAD);
    if (r <= 0) {
        return r;
    }
    *ret_seq = sqlite3_column_int64(s, 0);
    r = jobrow_parcel(column_bytes(s, 1), &w->scratch, ret);
    conn_reset(&w->conn, SQL_OUTBOX_HEAD);
    if (r == 0 && (ret->queue == NULL || ret->type == NULL)) {
        r = -EBADMSG;
    }
    return r < 0 ? err_set(&w->conn.err, r, "a row of the outbox cannot be read") : 1;
}

static int deliver(struct writer *w, int64_t seq, const struct job_spec *spec, int64_t now_ms) {
    if (fault(FAULT_STORE_FORWARD) < 0) {
        return err_set(&w->conn.err, -EIO, "fault injected while forwarding");
    }
    struct store_submit_item item = {.spec = spec};
    int r = submit_item(w, &item, true, now_ms);
    r = r < 0 ? r : change_files(w, spec, false, now_ms);
    if (r < 0) {
        return r;
    }
    bind_int(conn_stmt(&w->conn, SQL_OUTBOX_DEL), 1, seq);
    r = conn_run(&w->conn, SQL_OUTBOX_DEL);
    if (r == 0 && undo_add(&w->undo, UNDO_BYTES, &w->outbox) == NULL) {
        return conn_no_memory(&w->conn);
    }
    if (r == 0) {
        w->undo.entries[w->undo.len - 1].delta = -1;
        w->outbox--;
    }
    return r;
}

int op_forward(struct writer *w, struct store_op *op) {
    struct store_forward *f = CONTAINER_OF(op, struct store_forward, op);
    int r = 0;
    f->delivered = 0;
    while (f->delivered < f->limit) {
        int64_t seq = 0;
        struct job_spec spec;
        arena_reset(&w->scratch);
        r = oldest(w, &seq, &spec);
        r = r > 0 ? deliver(w, seq, &spec, op->now_ms) : r < 0 ? r : 1;
        if (r != 0) {
            break;
        }
        f->delivered++;
    }
    f->more = w->outbox > 0;
    return r < 0 ? r : 0;
}
