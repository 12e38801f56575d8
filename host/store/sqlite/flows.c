#include "store/sqlite/flows.h"

#include <errno.h>
#include <stdio.h>

#include "base/fault.h"
#include "jobhost_plugin.h"
#include "store/pack.h"
#include "store/sqlite/place.h"
#include "store/sqlite/submit.h"

enum { NOT_ENDED = -1 };

static int64_t number_or(sqlite3_stmt *s, int at, int64_t none) {
    return sqlite3_column_type(s, at) == SQLITE_NULL ? none : sqlite3_column_int64(s, at);
}

static void read_row(sqlite3_stmt *s, struct flow_row *ret) {
    *ret = (struct flow_row){
        .rid = sqlite3_column_int64(s, 0),
        .is = {.facts = {.tally = {.made = sqlite3_column_int64(s, 2),
                                   .succeeded = sqlite3_column_int64(s, 3),
                                   .dead = sqlite3_column_int64(s, 4),
                                   .cancelled = sqlite3_column_int64(s, 5),
                                   .duplicate = sqlite3_column_int64(s, 6)},
                         .opener = (int)number_or(s, 7, NOT_ENDED),
                         .on_dead = (enum flow_on_dead)sqlite3_column_int64(s, 8),
                         .closed = sqlite3_column_type(s, 9) != SQLITE_NULL,
                         .deep = sqlite3_column_type(s, 16) != SQLITE_NULL},
               .closed_ms = sqlite3_column_int64(s, 9),
               .then_made = sqlite3_column_int64(s, 11) != 0},
        .asked_ms = sqlite3_column_int64(s, 12),
        .listed = sqlite3_column_int64(s, 14),
        .walked = number_or(s, 15, FLOW_NO_WALK),
    };
    (void)column_id(s, 1, &ret->id);
    (void)column_id(s, 10, &ret->is.then);
    (void)column_id(s, 13, &ret->is.died);
    ret->is.cancelling = ret->walked >= 0;
}

int flows_find(struct conn *c, int64_t rid, struct flow_row *ret) {
    sqlite3_stmt *s = conn_stmt(c, SQL_FLOW_GET);
    bind_int(s, 1, rid);
    int r = conn_next(c, SQL_FLOW_GET);
    if (r > 0) {
        read_row(s, ret);
        conn_reset(c, SQL_FLOW_GET);
    }
    return r;
}

static int find(struct writer *w, int64_t rid, struct flow_row *ret) {
    return flows_find(&w->conn, rid, ret);
}

static void bind_id_or_null(sqlite3_stmt *s, int at, const struct job_id *id) {
    bind_bytes(s, at,
               id_is_zero(id) ? (struct bytes){NULL, 0} : (struct bytes){id->b, sizeof id->b});
}

// Writes all but what `then` is.
static int write_row(struct writer *w, const struct flow_row *f) {
    const struct flow_facts *is = &f->is.facts;
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_FLOW_PUT);
    bind_int(s, 1, f->rid);
    bind_int(s, 2, is->tally.made);
    bind_int(s, 3, is->tally.succeeded);
    bind_int(s, 4, is->tally.dead);
    bind_int(s, 5, is->tally.cancelled);
    bind_int(s, 6, is->tally.duplicate);
    if (is->opener == NOT_ENDED) {
        (void)sqlite3_bind_null(s, 7);
    } else {
        bind_int(s, 7, is->opener);
    }
    bind_int(s, 8, is->on_dead);
    if (is->closed) {
        bind_int(s, 9, f->is.closed_ms);
    } else {
        (void)sqlite3_bind_null(s, 9);
    }
    bind_set(s, 10, f->is.then_made);
    bind_id_or_null(s, 11, &f->is.died);
    bind_int(s, 12, f->listed);
    if (f->walked == FLOW_NO_WALK) {
        (void)sqlite3_bind_null(s, 13);
    } else {
        bind_int(s, 13, f->walked);
    }
    if (is->deep) {
        bind_int(s, 14, 1);
    } else {
        (void)sqlite3_bind_null(s, 14);
    }
    return conn_run(&w->conn, SQL_FLOW_PUT);
}

/* ------------------------------------------------------------------ growth */

static int add_row(struct writer *w, const struct job_row *opener) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_FLOW_ADD);
    bind_int(s, 1, opener->rid);
    bind_id(s, 2, &opener->id);
    return conn_run(&w->conn, SQL_FLOW_ADD);
}

// With the job goes how long it is kept if it is dead from the start.
static int put_then(struct writer *w, int64_t rid, const struct store_commit_item *item,
                    int64_t now_ms) {
    const struct job_spec *then = item->then;
    buf_clear(&w->pack);
    jobrow_pack_parcel(&w->pack, then);
    pack_number(&w->pack, JOBROW_PARCEL_KEEP, item->then_keep_ms);
    if (w->pack.failed) {
        return conn_no_memory(&w->conn);
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_FLOW_THEN);
    bind_int(s, 1, rid);
    bind_id(s, 2, &then->id);
    bind_bytes(s, 3, buf_bytes(&w->pack));
    bind_int(s, 4, now_ms);
    return conn_run(&w->conn, SQL_FLOW_THEN);
}

int flows_add(struct writer *w, int64_t rid, int64_t made) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_FLOW_MORE);
    bind_int(s, 1, rid);
    bind_int(s, 2, made);
    return conn_run(&w->conn, SQL_FLOW_MORE);
}

static int set_on_dead(struct writer *w, int64_t rid, int on_dead) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_FLOW_ON_DEAD);
    bind_int(s, 1, rid);
    bind_int(s, 2, on_dead);
    return conn_run(&w->conn, SQL_FLOW_ON_DEAD);
}

int flows_made(struct writer *w, struct job_row *opener, const struct store_commit_item *item,
               int64_t made, int64_t now_ms) {
    if (made == 0 && item->then == NULL && item->flow_on_dead == 0) {
        return 0;
    }
    int r = (opener->has & HAS_OPENED) != 0 ? 0 : add_row(w, opener);
    opener->has |= HAS_OPENED;
    r = r < 0 || made == 0 ? r : flows_add(w, opener->rid, made);
    r = r < 0 || item->flow_on_dead == 0 ? r : set_on_dead(w, opener->rid, item->flow_on_dead - 1);
    return r < 0 || item->then == NULL ? r : put_then(w, opener->rid, item, now_ms);
}

int flows_grows(struct writer *w, int64_t rid) {
    struct flow_row f;
    int r = find(w, rid, &f);
    return r <= 0 ? r : flow_grows(&f.is.facts);
}

int flows_waits(struct writer *w, int64_t rid) {
    struct flow_row f;
    int r = find(w, rid, &f);
    return r <= 0 ? r : flow_open_count(&f.is.facts.tally) > 0;
}

/* ------------------------------------------------------------------ nobody is left */

static int find_life(struct writer *w, int64_t rid, struct job_row *row, struct job_life *life) {
    int r = place_find_rid(w, rid, row);
    if (r > 0 && jobrow_life(row, &w->scratch, life) < 0) {
        return err_set(&w->conn.err, -EBADMSG, "the row of a job is damaged");
    }
    return r;
}

static int wake(struct writer *w, int64_t rid, int64_t now_ms) {
    struct job_row row;
    struct job_life life;
    int r = find_life(w, rid, &row, &life);
    if (r <= 0 || row.state != JOB_PARKED || life.park != PARK_CHILDREN) {
        return r < 0 ? r : 0;
    }
    life.park = PARK_NONE;
    life.wait_key = life.wait_for = NULL;
    life.updated_ms = now_ms;
    row.rev++;
    w->bore = true;
    return place_move(w, &row, &life, (struct place){JOB_QUEUED, now_ms}, now_ms);
}

static int64_t later(int64_t at_ms, int64_t by_ms) {
    return at_ms == 0 ? 0 : at_ms + by_ms;
}

// It does not run, and is seen among the dead.
static int kill_then(struct writer *w, const struct flow_row *f, enum flow_then how,
                     int64_t keep_ms, int64_t now_ms) {
    struct job_row row;
    struct job_life life;
    char message[96], id[JOB_ID_TEXT + 1];
    bool child = how == FLOW_THEN_CHILD_DEAD;
    id_format(child ? &f->is.died : &f->id, id);
    (void)snprintf(message, sizeof message,
                   child ? "job %s of the flow is dead" : "job %s, which opened the flow, is dead",
                   id);
    int r = find_life(w, id_order(&f->is.then), &row, &life);
    if (r <= 0) {
        return r;
    }
    life.error = (struct job_error){.cls = JH_E_PERMANENT,
                                    .code = child ? FLOW_CODE_CHILD_DEAD : FLOW_CODE_OPENER_DEAD,
                                    .message = message};
    life.updated_ms = now_ms;
    row.rev++;
    return place_move(w, &row, &life, (struct place){JOB_DEAD, place_expiry(now_ms, keep_ms)},
                      now_ms);
}

// As it was asked for, with its times counted from now.
static int read_then(struct writer *w, const struct flow_row *f, int64_t now_ms,
                     struct job_spec *ret, int64_t *ret_keep_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_FLOW_THEN_GET);
    bind_int(s, 1, f->rid);
    int r = conn_next(&w->conn, SQL_FLOW_THEN_GET);
    if (r > 0) {
        r = jobrow_parcel(column_bytes(s, 0), &w->scratch, ret);
        *ret_keep_ms = jobrow_parcel_keep_ms(column_bytes(s, 0));
        conn_reset(&w->conn, SQL_FLOW_THEN_GET);
    }
    if (r < 0 || ret->queue == NULL || ret->type == NULL) {
        return err_set(&w->conn.err, r == -ENOMEM ? r : -EBADMSG,
                       "the last job of a flow cannot be read");
    }
    int64_t by = now_ms - f->asked_ms;
    ret->run_at_ms = later(ret->run_at_ms, by);
    ret->deadline_ms = later(ret->deadline_ms, by);
    ret->expires_ms = later(ret->expires_ms, by);
    return 0;
}

static int make_then(struct writer *w, struct flow_row *f, int64_t now_ms) {
    enum flow_then how = flow_then(&f->is.facts);
    struct job_spec spec = {.queue = NULL};
    if (id_is_zero(&f->is.then) || f->is.then_made || how == FLOW_THEN_NOT) {
        return 0;
    }
    struct store_submit_item item = {.spec = &spec, .ends = how != FLOW_THEN_RUNS};
    int64_t keep_ms = 0;
    int r = read_then(w, f, now_ms, &spec, &keep_ms);
    r = r < 0 ? r : submit_item(w, &item, true, now_ms);
    if (r < 0 || item.verdict == SUBMIT_REFUSED) {
        return r; // fsck finds a flow without it, and makes it
    }
    f->is.then_made = true;
    w->bore = true;
    return how == FLOW_THEN_RUNS ? 0 : kill_then(w, f, how, keep_ms, now_ms);
}

// What follows from how it stands. It is written first, so that who is moved here finds it so.
static int settle(struct writer *w, struct flow_row *f, int64_t now_ms) {
    enum flow_fate fate = flow_fate(&f->is.facts);
    if (fault(FAULT_FLOW_TOLD) < 0) {
        return err_set(&w->conn.err, -EIO, "fault injected while a flow is told");
    }
    bool has_to_go = fate == FLOW_GOES_ON || f->is.facts.deep;
    if (f->walked == FLOW_NO_WALK && has_to_go && flow_cancels(&f->is.facts)) {
        f->walked = 0;
        w->walks = true;
    }
    if (fate == FLOW_CLOSES) {
        f->is.facts.closed = true;
        f->is.closed_ms = now_ms;
        f->walked = FLOW_WALK_OVER;
        int r = make_then(w, f, now_ms);
        return r < 0 ? r : write_row(w, f);
    }
    int r = write_row(w, f);
    return r < 0 || fate != FLOW_WAKES ? r : wake(w, f->rid, now_ms);
}

/* ------------------------------------------------------------------ what becomes of jobs */

static int list_member(struct writer *w, struct flow_row *f, const struct job_id *id,
                       enum job_state state) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_FLOW_ENDED_ADD);
    f->listed++;
    bind_int(s, 1, f->rid);
    bind_int(s, 2, f->listed);
    bind_id(s, 3, id);
    bind_int(s, 4, state);
    return conn_run(&w->conn, SQL_FLOW_ENDED_ADD);
}

// `leaves`: what it made is not over with it.
static int member_ended(struct writer *w, int64_t flow, const struct job_id *id,
                        enum job_state state, bool leaves, int64_t now_ms) {
    struct flow_row f;
    int r = find(w, flow, &f);
    if (r <= 0) {
        return r;
    }
    flow_count(&f.is.facts.tally, state, 1);
    if (state == JOB_DEAD && id_is_zero(&f.is.died)) {
        f.is.died = *id;
    }
    f.is.facts.deep |= leaves && (f.is.facts.closed || f.walked != FLOW_WALK_OVER);
    r = list_member(w, &f, id, state);
    return r < 0 ? r : settle(w, &f, now_ms);
}

// Whether its members are to be cancelled is asked anew. A page that is out counts no more.
static void walk_no_more(struct writer *w, struct flow_row *f) {
    w->walk += f->walked != FLOW_NO_WALK;
    f->walked = FLOW_NO_WALK;
}

// It was revived: as if it had not ended. A flow that is closed stays so, but may be opened again.
static int member_back(struct writer *w, int64_t flow, const struct job_id *id,
                       enum job_state state, int64_t now_ms) {
    struct flow_row f;
    int r = find(w, flow, &f);
    if (r <= 0) {
        return r;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_FLOW_ENDED_DEL);
    bind_int(s, 1, flow);
    bind_id(s, 2, id);
    r = conn_run(&w->conn, SQL_FLOW_ENDED_DEL);
    flow_count(&f.is.facts.tally, state, -1);
    if (id_equal(&f.is.died, id)) {
        f.is.died = (struct job_id){{0}};
    }
    if (!f.is.facts.closed) {
        walk_no_more(w, &f);
    }
    return r < 0 ? r : settle(w, &f, now_ms);
}

// 1 = it leaves something behind.
static int opener_moved(struct writer *w, int64_t rid, enum job_state to, bool asked,
                        int64_t now_ms) {
    struct flow_row f;
    int r = find(w, rid, &f);
    if (r <= 0) {
        return r;
    }
    f.is.facts.opener = !job_is_final(to) ? NOT_ENDED : asked ? (int)JOB_CANCELLED : (int)to;
    if (!job_is_final(to)) { // it was revived, and so is its flow
        f.is.facts.closed = false;
        walk_no_more(w, &f);
    }
    r = settle(w, &f, now_ms);
    return r < 0 ? r : flow_leaves(&f.is.facts);
}

static int member_moved(struct writer *w, const struct job_row *row, enum job_state to, bool leaves,
                        int64_t now_ms) {
    struct job_spec spec;
    if (jobrow_spec(row, &w->scratch, &spec) < 0) {
        return err_set(&w->conn.err, -EBADMSG, "the row of a job is damaged");
    }
    int64_t flow = id_order(&spec.parent);
    return job_is_final(to) ? member_ended(w, flow, &row->id, to, leaves, now_ms)
                            : member_back(w, flow, &row->id, row->state, now_ms);
}

int flows_moved(struct writer *w, const struct job_row *row, enum job_state to, bool asked,
                int64_t now_ms) {
    if (job_is_final(to) == job_is_final(row->state)) {
        return 0;
    }
    int r = (row->has & HAS_OPENED) != 0 ? opener_moved(w, row->rid, to, asked, now_ms) : 0;
    bool leaves = r > 0;
    r = r < 0 || (row->has & HAS_FLOW) == 0 ? r : member_moved(w, row, to, leaves, now_ms);
    return r < 0 ? r : 0;
}

int flows_cancel(struct writer *w, const struct job_row *row, int64_t now_ms) {
    struct flow_row f;
    int r = (row->has & HAS_OPENED) != 0 ? find(w, row->rid, &f) : 0;
    if (r <= 0 || !flow_follows(&f.is.facts)) {
        return r < 0 ? r : 0;
    }
    f.is.facts.opener = JOB_CANCELLED;
    if (f.is.facts.closed) {
        f.is.facts.closed = false;
        f.walked = FLOW_NO_WALK; // no page of it is out: that of the flow above it is
    }
    return settle(w, &f, now_ms);
}

int flows_walked(struct writer *w, int64_t rid, uint64_t cursor, int64_t now_ms) {
    struct flow_row f;
    int r = find(w, rid, &f);
    if (r <= 0 || f.walked < 0) {
        return r < 0 ? r : 0;
    }
    if (cursor != 0) {
        f.walked = (int64_t)cursor > f.walked ? (int64_t)cursor : f.walked;
        return write_row(w, &f);
    }
    f.walked = FLOW_WALK_OVER;
    f.is.facts.deep = false;
    return settle(w, &f, now_ms);
}

int flows_look(struct writer *w, int64_t rid, int64_t now_ms) {
    struct flow_row f;
    int r = find(w, rid, &f);
    return r <= 0 ? r : settle(w, &f, now_ms);
}

int flows_mend(struct writer *w, int64_t rid, int64_t now_ms) {
    struct flow_row f;
    int r = find(w, rid, &f);
    if (r > 0) {
        f.is.facts.closed = false; // once more, and what has been made is not made again
        f.walked = f.is.facts.deep ? FLOW_NO_WALK : f.walked;
        r = settle(w, &f, now_ms);
    }
    return r < 0 ? r : 0;
}

int flows_duplicate(struct writer *w, const struct job_spec *spec, int64_t now_ms) {
    return store_flow_has(spec)
               ? member_ended(w, id_order(&spec->parent), &spec->id, JOB_DUPLICATE, false, now_ms)
               : 0;
}

int flows_cancels(struct writer *w, const struct job_spec *spec) {
    struct flow_row f;
    int r = store_flow_has(spec) ? find(w, id_order(&spec->parent), &f) : 0;
    return r <= 0 ? r : !f.is.facts.closed && flow_cancels(&f.is.facts);
}

static int delete_by_rid(struct writer *w, enum sql_id id, int64_t rid) {
    bind_int(conn_stmt(&w->conn, id), 1, rid);
    return conn_run(&w->conn, id);
}

int flows_is_open(struct writer *w, int64_t rid) {
    struct flow_row f;
    int r = find(w, rid, &f);
    return r <= 0 ? r : !f.is.facts.closed;
}

int flows_remove(struct writer *w, int64_t rid) {
    int r = delete_by_rid(w, SQL_FLOW_ENDED_CLEAR, rid);
    return r < 0 ? r : delete_by_rid(w, SQL_FLOW_DEL, rid);
}
