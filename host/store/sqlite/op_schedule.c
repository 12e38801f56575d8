#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/schedules.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"
#include "store/sqlite/schedule_jobs.h"
#include "store/sqlite/submit.h"

struct schedule_row {
    int64_t sid, stored_ms, paused_ms, rows;
    bool removed;
    const char *queue, *revision; /* in the scratch arena */
};

// 1 = it is there.
static int find(struct writer *w, const char *id, struct schedule_row *ret) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_SCHEDULE_GET);
    bind_text(s, 1, id);
    int r = conn_next(&w->conn, SQL_SCHEDULE_GET);
    if (r <= 0) {
        return r;
    }
    *ret = (struct schedule_row){.sid = sqlite3_column_int64(s, 0),
                                 .removed = sqlite3_column_int64(s, 1) != 0,
                                 .queue = arena_str(&w->scratch, column_text(s, 2)),
                                 .revision = arena_str(&w->scratch, column_text(s, 3)),
                                 .stored_ms = sqlite3_column_int64(s, 4),
                                 .paused_ms = sqlite3_column_int64(s, 5),
                                 .rows = sqlite3_column_int64(s, 6)};
    conn_reset(&w->conn, SQL_SCHEDULE_GET);
    return ret->queue == NULL || ret->revision == NULL ? conn_no_memory(&w->conn) : 1;
}

/* ------------------------------------------------------------------ PUT, SET */

static int run_by_sid(struct writer *w, enum sql_id id, int64_t sid) {
    bind_int(conn_stmt(&w->conn, id), 1, sid);
    return conn_run(&w->conn, id);
}

// A schedule goes with its last row.
static int forget(struct writer *w, int64_t sid) {
    int r = run_by_sid(w, SQL_SCHEDULE_DEL, sid);
    bool gone = r == 0 && sqlite3_changes(w->conn.db) > 0;
    return gone ? run_by_sid(w, SQL_LEDGER_COUNTS_DEL, sid) : r;
}

static int remove_one(struct writer *w, struct store_schedule_put_item *item,
                      const struct schedule_row *row, bool there) {
    if (!there || row->removed) {
        item->status = -ENOENT;
        return 0;
    }
    item->changed = true;
    int r = run_by_sid(w, SQL_SCHEDULE_REMOVE, row->sid);
    return r < 0 ? r : forget(w, row->sid);
}

static int is_room(struct writer *w, bool there) {
    int64_t count = 0;
    int r = there ? 0 : conn_number(&w->conn, "SELECT count(*) FROM schedules", 0, &count);
    return r < 0 ? r : count < STORE_SCHEDULES_MAX;
}

// What a new revision begins after: where the series was, if it is one of the same.
static int begin_of(struct writer *w, const struct store_schedule_put_item *item,
                    const struct schedule_row *row, int64_t now_ms, int64_t *ret) {
    *ret = now_ms;
    if (row->removed || !store_schedule_same_series(row->revision, item->revision)) {
        return 0;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_SCHEDULE_LAST);
    bind_int(s, 1, row->sid);
    bind_int(s, 2, now_ms + SCHEDULE_AHEAD_MS);
    int r = conn_next(&w->conn, SQL_SCHEDULE_LAST);
    if (r > 0) {
        int64_t last = sqlite3_column_int64(s, 0); // 0 without one
        *ret = last > row->stored_ms ? last : row->stored_ms;
        conn_reset(&w->conn, SQL_SCHEDULE_LAST);
    }
    return r < 0 ? r : 0;
}

static int store_one(struct writer *w, struct store_schedule_put_item *item,
                     const struct schedule_row *row, bool there, int64_t now_ms) {
    int64_t begin = now_ms;
    int r = there ? begin_of(w, item, row, now_ms, &begin) : 0;
    r = r < 0 ? r : is_room(w, there);
    if (r <= 0) {
        item->status = r == 0 ? -EDQUOT : 0;
        return r;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_SCHEDULE_PUT);
    bind_text(s, 1, item->id);
    bind_text(s, 2, item->queue);
    bind_text(s, 3, item->revision);
    bind_int(s, 4, begin);
    bind_text(s, 5, item->by);
    bind_set(s, 6, item->api);
    bind_text(s, 7, item->definition);
    item->changed = true;
    item->stored_ms = begin;
    return conn_run(&w->conn, SQL_SCHEDULE_PUT);
}

static int put_item(struct writer *w, struct store_schedule_put_item *item, int64_t now_ms) {
    struct schedule_row row = {.sid = 0};
    item->changed = false;
    item->stored_ms = 0;
    item->status = store_schedule_check_put(item);
    int r = item->status < 0 ? 0 : find(w, item->id, &row);
    if (r < 0 || item->status < 0) {
        return r;
    }
    bool there = r > 0;
    if (item->remove) {
        return remove_one(w, item, &row, there);
    }
    if (there && !row.removed && strcmp(row.revision, item->revision) == 0 &&
        strcmp(row.queue, item->queue) == 0) {
        item->stored_ms = row.stored_ms;
        return 0;
    }
    return store_one(w, item, &row, there, now_ms);
}

int op_schedule_put(struct writer *w, struct store_op *op) {
    struct store_schedule_put *put = CONTAINER_OF(op, struct store_schedule_put, op);
    int r = 0;
    for (size_t i = 0; i < put->count && r == 0; i++) {
        arena_reset(&w->scratch);
        r = put_item(w, &put->items[i], op->now_ms);
    }
    return r;
}

int op_schedule_set(struct writer *w, struct store_op *op) {
    struct store_schedule_set *set = CONTAINER_OF(op, struct store_schedule_set, op);
    struct schedule_row row = {.removed = true};
    int r = find(w, set->id, &row);
    if (r < 0 || row.removed) {
        return r < 0 ? r : err_set(&op->err, -ENOENT, "there is no schedule \"%s\"", set->id);
    }
    if (set->paused == (row.paused_ms != 0)) {
        return 0;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, set->paused ? SQL_SCHEDULE_PAUSE : SQL_SCHEDULE_RESUME);
    bind_int(s, 1, row.sid);
    bind_int(s, 2, op->now_ms);
    if (set->paused) {
        bind_text(s, 3, set->by);
        bind_text(s, 4, set->why);
    }
    return conn_run(&w->conn, set->paused ? SQL_SCHEDULE_PAUSE : SQL_SCHEDULE_RESUME);
}

/* ------------------------------------------------------------------ FIRE */

struct firing {
    struct writer *w;
    struct store_fire_item *item;
    struct schedule_row schedule;
    struct queue *queue;
    const char *reason;
    int64_t now_ms;
};

// 1 = there is such a row.
static int find_row(struct firing *f) {
    sqlite3_stmt *s = conn_stmt(&f->w->conn, SQL_LEDGER_GET);
    bind_int(s, 1, f->schedule.sid);
    bind_text(s, 2, f->item->row.revision);
    bind_text(s, 3, f->item->row.key);
    int r = conn_next(&f->w->conn, SQL_LEDGER_GET);
    if (r > 0) {
        f->item->verdict = (enum schedule_verdict)sqlite3_column_int(s, 0);
        (void)column_id(s, 1, &f->item->job);
        f->item->status = -EEXIST;
        conn_reset(&f->w->conn, SQL_LEDGER_GET);
    }
    return r;
}

static int why_not(const struct firing *f) {
    const struct store_fire_item *item = f->item;
    const struct schedule_row *s = &f->schedule;
    bool pauses = s->paused_ms != 0 && !item->by_hand;
    return s->removed                                               ? -ENOENT
           : strcmp(s->revision, item->row.revision) != 0           ? -ESTALE
           : strcmp(s->queue, item->queue) != 0                     ? -ESTALE
           : pauses && item->row.verdict != SCHEDULE_SKIPPED_PAUSED ? -EBUSY
                                                                    : 0;
}

static bool queues_up(const struct store_fire_item *item) {
    return item->row.verdict == SCHEDULE_QUEUED || item->row.verdict == SCHEDULE_REPLACE;
}

// The newest first: none that waits becomes ready in between.
static int cancel_others(struct firing *f) {
    int64_t *rids = NULL;
    int64_t n = schedule_jobs_all(f->w, f->item->schedule, f->queue, &rids);
    int r = n < 0 ? (int)n : 0;
    for (int64_t i = 0; i < n && r >= 0; i++) {
        struct job_row row;
        r = place_find_rid(f->w, rids[i], &row);
        if (r > 0) {
            struct store_move_item cancel = {
                .id = row.id, .event = JOB_EV_CANCEL, .ask = true, .keep_ms = f->item->keep_ms};
            r = op_move_item(f->w, &cancel, NULL, f->now_ms);
        }
    }
    return r < 0 ? r : 0;
}

static int park(struct firing *f, const struct job_id *id) {
    struct job_row row;
    struct job_life life = {
        .park = PARK_SCHEDULE, .wait_key = f->item->schedule, .updated_ms = f->now_ms};
    int r = place_find(f->w, id, &row);
    if (r <= 0) {
        return r < 0 ? r : err_set(&f->w->conn.err, -EBADMSG, "a new job is not there");
    }
    row.rev++;
    return place_move(f->w, &row, &life, (struct place){JOB_PARKED, 0}, f->now_ms);
}

static int stored(struct firing *f) {
    struct store_fire_item *item = f->item;
    const struct job_spec *spec = item->spec;
    struct schedule_tally tally = {.running = 0};
    int r = item->row.verdict == SCHEDULE_REPLACE ? cancel_others(f) : 0;
    if (r == 0 && queues_up(item)) {
        r = schedule_jobs_count(f->w, item->schedule, f->queue, &tally);
    }
    if (r < 0) {
        return r;
    }
    item->waits = tally.running + tally.waiting > 0;
    item->job = spec->id;
    r = item->waits ? park(f, &spec->id) : 0;
    return r < 0 ? r
                 : schedule_jobs_add(f->w, id_order(&spec->id), item->schedule, f->queue,
                                     item->waits);
}

static void refused(struct firing *f, const struct store_submit_item *submit) {
    char winner[JOB_ID_TEXT + 1];
    f->item->verdict = SCHEDULE_REFUSED;
    if (submit->verdict == SUBMIT_DUPLICATE || submit->status == -EEXIST) {
        id_format(&submit->winner, winner);
        f->reason = arena_printf(&f->w->scratch, STORE_FIRE_DUPLICATE, winner);
    } else {
        f->reason = store_fire_refusal(submit->status);
    }
}

static int submit(struct firing *f) {
    struct store_fire_item *item = f->item;
    struct store_submit_item submit = {.spec = item->spec, .max_waiting = item->max_waiting};
    int r = submit_item(f->w, &submit, false, f->now_ms);
    if (r < 0) {
        return r;
    }
    if (submit.verdict == SUBMIT_NEW) {
        return stored(f);
    }
    if (submit.verdict == SUBMIT_REPEATED || submit.status == -EADDRINUSE) {
        item->status = -EADDRINUSE;
        return 0;
    }
    refused(f, &submit);
    return f->reason == NULL ? conn_no_memory(&f->w->conn) : 0;
}

static int write_row(struct firing *f) {
    const struct store_fire_item *item = f->item;
    const struct store_ledger_row *row = &item->row;
    sqlite3_stmt *s = conn_stmt(&f->w->conn, SQL_LEDGER_ADD);
    bind_int(s, 1, f->schedule.sid);
    bind_text(s, 2, row->revision);
    bind_text(s, 3, row->key);
    bind_int(s, 4, item->verdict);
    bind_int(s, 5, row->nominal_ms);
    if (item->by_hand) {
        (void)sqlite3_bind_null(s, 6);
    } else {
        bind_int(s, 6, row->last_ms);
    }
    bind_int(s, 7, row->count);
    bind_int(s, 8, row->actual_ms);
    bind_set(s, 9, row->missed);
    bind_bytes(s, 10,
               id_is_zero(&item->job) ? (struct bytes){NULL, 0}
                                      : (struct bytes){item->job.b, sizeof item->job.b});
    bind_text(s, 11, f->reason);
    int r = conn_run(&f->w->conn, SQL_LEDGER_ADD);
    s = conn_stmt(&f->w->conn, SQL_LEDGER_COUNT_ADD);
    bind_int(s, 1, f->schedule.sid);
    bind_int(s, 2, item->verdict);
    bind_int(s, 3, row->count);
    r = r < 0 ? r : conn_run(&f->w->conn, SQL_LEDGER_COUNT_ADD);
    return r < 0 ? r : run_by_sid(f->w, SQL_SCHEDULE_ROW_MORE, f->schedule.sid);
}

// 1 = nothing speaks against it.
static int may_fire(struct firing *f) {
    struct store_fire_item *item = f->item;
    struct schedule_tally tally = {.running = 0};
    int r = find(f->w, item->schedule, &f->schedule);
    if (r <= 0) {
        item->status = -ENOENT;
        return r;
    }
    r = find_row(f);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    item->status = why_not(f);
    if (item->status < 0) {
        return 0;
    }
    r = writer_queue(f->w, item->queue, &f->queue);
    bool counts = item->unfinished_max >= 0; // without, there may be any number of them
    r = r < 0 || !counts ? r : schedule_jobs_count(f->w, item->schedule, f->queue, &tally);
    if (r == 0 && counts && tally.running + tally.waiting > item->unfinished_max) {
        item->status = -EAGAIN;
        return 0;
    }
    return r < 0 ? r : 1;
}

static int fire_item(struct writer *w, struct store_fire_item *item, int64_t now_ms) {
    struct firing f = {.w = w, .item = item, .reason = item->row.reason, .now_ms = now_ms};
    item->verdict = item->row.verdict;
    item->job = (struct job_id){{0}};
    item->waits = false;
    item->status = store_schedule_check_fire(item);
    int r = item->status < 0 ? 0 : may_fire(&f);
    if (r <= 0) {
        return r;
    }
    r = item->spec == NULL ? 0 : submit(&f);
    return r < 0 || item->status < 0 ? r : write_row(&f);
}

int op_fire(struct writer *w, struct store_op *op) {
    struct store_fire *fire = CONTAINER_OF(op, struct store_fire, op);
    int r = 0;
    bool replaced = false;
    for (size_t i = 0; i < fire->count && r == 0; i++) {
        arena_reset(&w->scratch);
        r = fire_item(w, &fire->items[i], op->now_ms);
        replaced = replaced || fire->items[i].verdict == SCHEDULE_REPLACE;
    }
    fire->outbox = replaced && w->walks;
    return r;
}

/* ------------------------------------------------------------------ the sweep of ledgers */

// Deletes one row of those that the statement finds: 1 = it did.
static int sweep_row(struct writer *w, enum sql_id id) {
    sqlite3_stmt *s = conn_stmt(&w->conn, id);
    int r = conn_next(&w->conn, id);
    if (r <= 0) {
        return r;
    }
    int64_t seq = sqlite3_column_int64(s, 0), sid = sqlite3_column_int64(s, 1);
    conn_reset(&w->conn, id);
    r = run_by_sid(w, SQL_LEDGER_DEL, seq);
    r = r < 0 ? r : run_by_sid(w, SQL_SCHEDULE_ROW_LESS, sid);
    r = r < 0 ? r : forget(w, sid);
    return r < 0 ? r : 1;
}

int op_schedule_sweep(struct writer *w, const struct store_sweep *sweep) {
    int64_t now = sweep->op.now_ms, known = now + SCHEDULE_AHEAD_MS;
    int64_t age = sweep->ledger_keep_ms > sweep->ledger_window_ms ? sweep->ledger_keep_ms
                                                                  : sweep->ledger_window_ms;
    int r = 0;
    if (sweep->ledger_keep_ms > 0) {
        sqlite3_stmt *s = conn_stmt(&w->conn, SQL_LEDGER_OLD);
        bind_int(s, 1, now - age);
        bind_int(s, 2, known);
        r = sweep_row(w, SQL_LEDGER_OLD);
    }
    if (r == 0 && sweep->ledger_rows > 0) {
        sqlite3_stmt *s = conn_stmt(&w->conn, SQL_LEDGER_MANY);
        bind_int(s, 1, now - sweep->ledger_window_ms);
        bind_int(s, 2, known);
        bind_int(s, 3, sweep->ledger_rows);
        r = sweep_row(w, SQL_LEDGER_MANY);
    }
    return r;
}
