#include <errno.h>

#include "store/moving.h"
#include "store/scope.h"
#include "store/sqlite/dedup.h"
#include "store/sqlite/effects.h"
#include "store/sqlite/flows.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"

static void change_life(const struct store_move_item *item, struct job_life *life, int64_t now_ms) {
    life->park = item->event == JOB_EV_PARK ? (int32_t)item->park : PARK_NONE;
    if (item->event != JOB_EV_PARK) {
        life->wait_key = NULL;
    }
    life->wait_for = NULL;
    if (item->error != NULL) {
        life->error = *item->error;
    }
    if (item->event == JOB_EV_REVIVE && item->reset_counters) {
        life->counters.attempts = life->counters.crashes = life->counters.resource = 0;
    }
    if (item->event == JOB_EV_REVIVE) {
        life->winner = (struct job_id){{0}};
        life->cancel_ms = life->cancel_keep_ms = 0;
        life->deadline_ms = item->deadline_ms != 0 ? item->deadline_ms : life->deadline_ms;
        life->expires_ms = item->expires_ms != 0 ? item->expires_ms : life->expires_ms;
    }
    life->updated_ms = now_ms;
}

// `by`: the job that replaces it, or NULL.
static int move(struct writer *w, struct store_move_item *item, struct job_row *row,
                enum job_state to, const struct job_id *by, int64_t now_ms) {
    struct job_life life;
    int r = jobrow_life(row, &w->scratch, &life);
    if (r < 0) {
        return err_set(&w->conn.err, r, "the row of a job is damaged");
    }
    if (!moving_fits(item, (enum park_reason)life.park)) {
        return 0;
    }
    struct place where = {to, now_ms};
    if (to == JOB_PARKED) {
        where.at_ms = item->run_at_ms;
    } else if (job_is_final(to)) {
        where.at_ms = place_expiry(now_ms, item->keep_ms);
    }
    change_life(item, &life, now_ms);
    life.winner = by != NULL ? *by : life.winner;
    r = moving_drops_steps(item) ? effects_drop_steps(w, row, &life) : 0;
    if (r == 0 && moving_step(item) != NULL) {
        r = effects_put_step(w, row, &life, item->step);
    }
    row->rev++;
    bool revived = job_is_final(row->state) && !job_is_final(to);
    r = r < 0 ? r : place_move(w, row, &life, where, now_ms);
    if (r == 0 && revived && (row->has & HAS_DEDUP) != 0) {
        r = dedup_revive(w, row, lanes_by_id(&w->lanes, row->lane), now_ms);
    }
    item->state = to;
    return r;
}

// A mark in the row of a running job. One that another host's death left behind has no claim.
static int ask_running(struct writer *w, struct store_move_item *item, struct job_row *row,
                       const struct job_id *by, int64_t now_ms) {
    static const struct job_id nobody;
    by = by != NULL ? by : &nobody;
    struct claim *claim = claims_find(&w->claims, row->rid);
    if (claim != NULL) {
        int r = op_commit_ask(w, claim, by, item->keep_ms, now_ms);
        item->status = r == 0 ? -ENOENT : 0;
        return r < 0 ? r : 0;
    }
    struct job_life life;
    if (jobrow_life(row, &w->scratch, &life) < 0) {
        return err_set(&w->conn.err, -EBADMSG, "the row of a job is damaged");
    }
    if (life.cancel_ms == 0) {
        life.cancel_ms = now_ms;
        life.winner = *by;
    }
    life.cancel_keep_ms = item->keep_ms;
    return place_touch(w, row, &life);
}

// Is it this very move that has led where the job is? Its step tells.
static int was_moved(struct writer *w, struct store_move_item *item, int64_t rid) {
    const struct store_step *step = moving_step(item);
    if (item->status != -ESTALE || step == NULL) {
        return 0;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_STEP_GET);
    bind_int(s, 1, rid);
    bind_text(s, 2, step->name);
    int r = conn_next(&w->conn, SQL_STEP_GET);
    if (r > 0) {
        item->status = bytes_equal(column_bytes(s, 0), step->value) ? 0 : -ESTALE;
        conn_reset(&w->conn, SQL_STEP_GET);
    }
    return r < 0 ? r : 0;
}

int op_move_item(struct writer *w, struct store_move_item *item, const struct job_id *by,
                 int64_t now_ms) {
    struct job_row row;
    item->status = 0;
    int r = place_find(w, &item->id, &row);
    if (r <= 0) {
        item->status = -ENOENT;
        return r;
    }
    bool running = row.state == JOB_RUNNING || claims_find(&w->claims, row.rid) != NULL;
    enum job_state to = JOB_QUEUED;
    switch (moving_decide(item, running ? JOB_RUNNING : row.state, row.rev, &to)) {
    case MOVING_ASK: return ask_running(w, item, &row, by, now_ms);
    case MOVING_TO: return move(w, item, &row, to, by, now_ms);
    case MOVING_THROUGH: return flows_cancel(w, &row, now_ms);
    default: return was_moved(w, item, row.rid);
    }
}

int op_in_scope(struct writer *w, const struct store_scope *scope, const struct job_id *id) {
    struct job_row row;
    struct job_spec spec;
    int r = place_find(w, id, &row);
    if (r <= 0) {
        return r;
    }
    const struct lane *lane = lanes_by_id(&w->lanes, row.lane);
    if (jobrow_spec(&row, &w->scratch, &spec) < 0 || lane == NULL) {
        return err_set(&w->conn.err, -EBADMSG, "the row of a job is damaged");
    }
    return store_scope_has(scope, lane->names.queue, spec.tenant);
}

// Moves one, if it is in the scope.
static int move_own(struct writer *w, const struct store_op *op, struct store_move_item *item) {
    int r = op->scope == NULL ? 1 : op_in_scope(w, op->scope, &item->id);
    if (r <= 0) {
        item->status = -ENOENT;
        return r;
    }
    return op_move_item(w, item, NULL, op->now_ms);
}

int op_move(struct writer *w, struct store_op *op) {
    struct store_move *m = CONTAINER_OF(op, struct store_move, op);
    int r = 0;
    for (size_t i = 0; i < m->count && r == 0; i++) {
        r = move_own(w, op, &m->items[i]);
    }
    return r;
}

static int remove_one(struct writer *w, const struct store_op *op, const struct job_id *id,
                      int *ret_status) {
    struct job_row row;
    int r = op->scope == NULL ? 1 : op_in_scope(w, op->scope, id);
    r = r > 0 ? place_find(w, id, &row) : r;
    *ret_status = r == 0 ? -ENOENT : 0;
    if (r > 0 && !job_is_final(row.state)) {
        *ret_status = -EBUSY;
    } else if (r > 0) {
        int open = (row.has & HAS_OPENED) != 0 ? flows_is_open(w, row.rid) : 0;
        *ret_status = open > 0 ? -EBUSY : 0;
        r = open != 0 ? open : place_remove(w, &row, op->now_ms);
    }
    return r < 0 ? r : 0;
}

int op_remove(struct writer *w, struct store_op *op) {
    struct store_remove *rm = CONTAINER_OF(op, struct store_remove, op);
    int r = 0;
    for (size_t i = 0; i < rm->count && r == 0; i++) {
        r = remove_one(w, op, &rm->ids[i], &rm->status[i]);
    }
    return r;
}
