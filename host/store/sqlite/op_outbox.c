#include <errno.h>

#include "base/fault.h"
#include "store/sqlite/blobrow.h"
#include "store/sqlite/effects.h"
#include "store/sqlite/event_log.h"
#include "store/sqlite/flows.h"
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

// 1 = it is, or will be, a job of its own; a duplicate is simply not stored.
static int add_child(struct writer *w, const struct job_row *parent, const struct job_spec *child,
                     int64_t now_ms) {
    const struct lane *lane = lanes_by_id(&w->lanes, parent->lane);
    int r = 0;
    if (lane == NULL || strcmp(lane->queue->name, child->queue) != 0) {
        r = post(w, parent->rid, child, now_ms);
        return r < 0 ? r : 1;
    }
    struct store_submit_item item = {.spec = child};
    r = submit_item(w, &item, true, now_ms);
    return r < 0 ? r : item.verdict == SUBMIT_NEW;
}

// What a commit adds to a flow: its job's own one, or the one that its job is a member of.
struct growth {
    int64_t flow; // its number; 0 = not known yet
    bool grows;
    int64_t made;
};

// Members that have ended where they were made.
struct duplicates {
    const struct job_spec **all; // in the scratch arena
    size_t count;
};

static int look(struct writer *w, const struct job_row *row, const struct job_spec *child,
                struct growth *g) {
    int64_t flow = id_order(&child->parent);
    bool opens = flow == row->rid && (row->has & HAS_OPENED) == 0;
    int r = g->flow != 0 || opens ? 1 : flows_grows(w, flow);
    g->grows = g->flow != 0 ? g->grows : r > 0;
    g->flow = flow;
    return r;
}

static int note_duplicate(struct writer *w, const struct store_commit_item *item,
                          const struct job_spec *child, struct duplicates *d) {
    if (d->all == NULL) {
        d->all = arena_alloc(&w->scratch, item->child_count * sizeof(const struct job_spec *));
    }
    if (d->all == NULL) {
        return conn_no_memory(&w->conn);
    }
    d->all[d->count++] = child;
    return 0;
}

static int tell_duplicates(struct writer *w, const struct duplicates *d, int64_t now_ms) {
    int r = 0;
    for (size_t i = 0; i < d->count && r >= 0; i++) {
        r = flows_duplicate(w, d->all[i], now_ms);
    }
    return r;
}

int effects_children(struct writer *w, struct job_row *row, struct job_life *life,
                     const struct store_commit_item *item, int64_t now_ms) {
    struct growth own = {.flow = 0}, other = {.flow = 0};
    struct duplicates met = {.count = 0};
    int r = 0;
    for (size_t i = 0; i < item->child_count && r >= 0; i++) {
        const struct job_spec *child = &item->children[i];
        struct growth *g = id_equal(&child->parent, &row->id) ? &own : &other;
        bool member = store_flow_has(child);
        r = member ? look(w, row, child, g) : 0;
        if (r >= 0 && (!member || g->grows)) {
            r = add_child(w, row, child, now_ms);
            g->made += r >= 0 && member;
            r = r == 0 && member ? note_duplicate(w, item, child, &met) : r;
        }
    }
    life->child_count += (uint32_t)item->child_count;
    r = r < 0 ? r : flows_made(w, row, item, own.made, now_ms);
    r = r < 0 || other.made == 0 ? r : flows_add(w, other.flow, other.made);
    r = r < 0 ? r : tell_duplicates(w, &met, now_ms);
    return r < 0 || item->flow_on_dead == 0 ? r : flows_look(w, row->rid, now_ms);
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

// A member that comes too late is a job all the same, and ends: who submitted it finds it.
static int end_late(struct writer *w, struct store_forward *f, const struct job_spec *spec) {
    struct store_move_item item = {
        .id = spec->id, .event = JOB_EV_CANCEL, .keep_ms = f->ended_keep_ms};
    if (f->ended == NULL) {
        f->ended = arena_alloc(&f->op.arena, f->limit * sizeof *f->ended);
    }
    if (f->ended == NULL) {
        return conn_no_memory(&w->conn);
    }
    f->ended[f->ended_count++] = spec->id;
    return op_move_item(w, &item, NULL, f->op.now_ms);
}

static int deliver(struct writer *w, struct store_forward *f, int64_t seq,
                   const struct job_spec *spec) {
    int64_t now_ms = f->op.now_ms;
    if (fault(FAULT_STORE_FORWARD) < 0) {
        return err_set(&w->conn.err, -EIO, "fault injected while forwarding");
    }
    struct store_submit_item item = {.spec = spec};
    int late = flows_cancels(w, spec);
    item.ends = late > 0;
    int r = late < 0 ? late : submit_item(w, &item, true, now_ms);
    if (r >= 0 && item.verdict != SUBMIT_NEW) {
        r = flows_duplicate(w, spec, now_ms);
    } else if (r >= 0 && late > 0) {
        r = end_late(w, f, spec);
    }
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
    f->delivered = f->ended_count = 0;
    f->ended = NULL;
    while (f->delivered < f->limit) {
        int64_t seq = 0;
        struct job_spec spec;
        arena_reset(&w->scratch);
        r = oldest(w, &seq, &spec);
        r = r > 0 ? deliver(w, f, seq, &spec) : r < 0 ? r : 1;
        if (r != 0) {
            break;
        }
        f->delivered++;
    }
    struct event_log_delivered events = {.looked = 0};
    if (r >= 0 && f->delivered < f->limit) {
        r = event_log_deliver(w, f->limit - f->delivered, op->now_ms, &events);
    }
    f->delivered += events.looked;
    f->woken = events.woken;
    f->full = events.full;
    f->more = w->outbox > 0 || (w->events_pending && !events.full);
    return r < 0 ? r : 0;
}
