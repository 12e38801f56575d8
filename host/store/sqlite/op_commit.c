#include <errno.h>

#include "core/fence.h"
#include "store/sqlite/effects.h"
#include "store/sqlite/event_log.h"
#include "store/sqlite/flows.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"

// One item on its way into the database.
struct applying {
    struct writer *w;
    struct store_commit_item *item;
    struct claim *claim;
    struct job_row row;
    struct job_life life;
    int64_t now_ms;
};

// No claim of that token is out: has this very commit been applied before?
static int was_applied(struct writer *w, struct store_commit_item *item, bool *ret) {
    struct job_row row = {.rid = 0};
    int r = place_find(w, &item->id, &row);
    const struct fence_stored stored = {false, row.token, row.commit_no};
    *ret = r > 0 && fence_commit(&stored, item->token, item->commit_no, false) == FENCE_APPLIED;
    item->state = *ret ? row.state : JOB_RUNNING;
    return r < 0 ? r : 0;
}

// Its submission was not synced after all (writer.c: group_lend), so there is no such job.
static int never_was(struct applying *a) {
    struct lane *lane = a->claim->lane;
    a->item->status = -ESTALE;
    int r = writer_claim_end(a->w, a->claim);
    if (r == 0) {
        writer_touch(a->w, lane); // the claim was counted against those that wait
    }
    return r;
}

// Whose line it would stand in only the row knows.
static bool may_wait(enum job_event event) {
    int to = job_next_state(JOB_RUNNING, event);
    return event != JOB_EV_NONE && to >= 0 && !job_is_final((enum job_state)to);
}

// 1 = read; 0 = there is no such job, and the item says so.
static int read_row(struct applying *a) {
    struct writer *w = a->w;
    const struct claim *c = a->claim;
    if (c->plain && !may_wait(a->item->event)) { // the claim knows all else that this needs
        a->row = (struct job_row){.rid = c->rid,
                                  .id = c->id,
                                  .state = JOB_QUEUED,
                                  .rev = c->row_rev,
                                  .lane = c->lane->id,
                                  .priority = c->priority,
                                  .has = c->has,
                                  .at_ms = c->at_ms};
        a->life = (struct job_life){.park = PARK_NONE};
        return 1;
    }
    int r = place_find_rid(w, c->rid, &a->row);
    if (r == 0) {
        return never_was(a);
    }
    r = r < 0 ? r : jobrow_life(&a->row, &w->scratch, &a->life);
    if (r == -EBADMSG) {
        return err_set(&w->conn.err, r, "the row of a job is damaged");
    }
    return r < 0 ? r : 1;
}

static int64_t first_nonzero(int64_t a, int64_t b, int64_t c) {
    return a != 0 ? a : b != 0 ? b : c;
}

static void update_life(struct applying *a) {
    const struct store_commit_item *item = a->item;
    struct job_life *life = &a->life;
    life->counters = item->counters;
    life->first_run_ms = first_nonzero(item->first_run_ms, life->first_run_ms, 0);
    // when the first run is also the last, one of the two times says it all
    int64_t attempt_ms = item->attempt == NULL ? 0 : item->attempt->started_ms;
    int64_t started = first_nonzero(attempt_ms, a->claim->started_ms, life->started_ms);
    life->started_ms = started == life->first_run_ms ? 0 : started;
    life->updated_ms = a->now_ms;
    if (item->progress != NULL) {
        life->progress = *item->progress;
    }
    if (item->error != NULL) {
        life->error = *item->error;
    }
    if (item->attempt != NULL) {
        life->build = item->attempt->build != NULL ? item->attempt->build : life->build;
        life->pid = item->attempt->pid != 0 ? item->attempt->pid : life->pid;
    }
    life->park = PARK_NONE;
    life->wait_key = life->wait_for = NULL;
    life->host_nonce = 0;
}

// Where the event leads. A time that has come already needs no wait.
static struct place destination(const struct applying *a, enum job_state to) {
    const struct store_commit_item *item = a->item;
    int64_t now = a->now_ms;
    if (to == JOB_QUEUED) {
        return (struct place){to, a->claim->at_ms}; // it keeps its turn
    }
    if (job_is_final(to)) {
        return (struct place){to, place_expiry(now, item->keep_ms)};
    }
    bool by_time = to == JOB_SCHEDULED || item->run_at_ms > 0;
    if (by_time && item->run_at_ms <= now) {
        return (struct place){JOB_QUEUED, now};
    }
    return (struct place){to, item->run_at_ms};
}

// It does not wait for children when all have ended.
static int wait_for_children(const struct applying *a, struct place *where) {
    if (where->state != JOB_PARKED || a->item->park != PARK_CHILDREN) {
        return 0;
    }
    int r = (a->row.has & HAS_OPENED) != 0 ? flows_waits(a->w, a->row.rid) : 0;
    if (r == 0) {
        *where = (struct place){JOB_QUEUED, a->now_ms};
    }
    return r < 0 ? r : 0;
}

static bool waits_for_event(const struct store_commit_item *item) {
    return item->park == PARK_EVENT && waits_check_name(item->wait_key) == 0;
}

// The attempt is over.
static int leave(struct applying *a, enum job_state to) {
    char aimed[WAITS_EVENT_TEXT_MAX];
    struct place where = destination(a, to);
    int r = wait_for_children(a, &where);
    if (where.state == JOB_PARKED) {
        a->life.park = (int32_t)a->item->park;
        a->life.wait_key = a->item->wait_key;
        a->life.wait_for = a->item->wait_for;
    }
    r = r < 0 ? r : effects_end(a->w, &a->row, &a->life, a->item, a->now_ms);
    a->row.rev += 2; // claimed, and now this
    bool waits = where.state == JOB_PARKED && waits_for_event(a->item);
    r = r < 0 || !waits ? r : event_log_aim(a->w, &a->row, &a->life, aimed);
    a->row.has = (a->row.has & ~(uint32_t)HAS_EVENT) | (waits ? HAS_EVENT : 0);
    r = r < 0 ? r : writer_claim_end(a->w, a->claim);
    r = r < 0 ? r : place_leave(a->w, &a->row, &a->life, where, a->now_ms, &a->item->state);
    return r < 0 || !waits || a->item->state != JOB_PARKED
               ? r
               : event_log_wait(a->w, &a->row, &a->life);
}

// The attempt goes on; from now on its row says that it runs.
static int stay(struct applying *a) {
    struct writer *w = a->w;
    struct claim *c = a->claim;
    int r = writer_claim_save(w, c);
    if (r < 0) {
        return r;
    }
    a->life.host_nonce = c->nonce;
    if (a->life.started_ms == 0) {
        a->life.started_ms = a->life.first_run_ms;
    }
    a->item->state = JOB_RUNNING;
    if (a->row.state == JOB_RUNNING) {
        r = place_touch(w, &a->row, &a->life);
    } else {
        struct place where = {JOB_RUNNING, a->row.at_ms};
        lanes_count_claim(&w->lanes, c->lane, c->priority, -1);
        r = place_move(w, &a->row, &a->life, where, a->now_ms);
    }
    (void)pthread_mutex_lock(&w->shared);
    c->commit_no = a->item->commit_no;
    c->has = a->row.has;
    c->written = true;
    c->plain = false;
    (void)pthread_mutex_unlock(&w->shared);
    return r;
}

static int apply(struct applying *a) {
    struct store_commit_item *item = a->item;
    int to =
        item->event == JOB_EV_NONE ? (int)JOB_RUNNING : job_next_state(JOB_RUNNING, item->event);
    if (to < 0) {
        item->status = -EINVAL;
        return 0;
    }
    int r = read_row(a);
    r = r <= 0 ? r : effects_check(a->w, &a->row, &a->life, item);
    if (r < 0 || item->status < 0) {
        return r;
    }
    a->row.token = item->token;
    a->row.commit_no = item->commit_no;
    update_life(a);
    r = effects_apply(a->w, &a->row, &a->life, item, a->now_ms);
    if (r < 0) {
        return r;
    }
    return item->event == JOB_EV_NONE ? stay(a) : leave(a, (enum job_state)to);
}

static int commit_item(struct writer *w, struct store_commit_item *item, int64_t now_ms) {
    struct applying a = {.w = w, .item = item, .now_ms = now_ms};
    a.claim = claims_find(&w->claims, id_order(&item->id));
    item->status = 0;
    bool goes_on = item->event == JOB_EV_NONE, applied = false;
    bool live =
        a.claim != NULL && a.claim->token == item->token && id_equal(&a.claim->id, &item->id);
    if (!live) {
        int r = was_applied(w, item, &applied);
        item->status = r == 0 && !applied ? -ESTALE : 0;
        return r;
    }
    const struct fence_stored stored = {true, a.claim->token, a.claim->commit_no};
    item->state = JOB_RUNNING;
    switch (fence_commit(&stored, item->token, item->commit_no, goes_on)) {
    case FENCE_APPLY: return apply(&a);
    case FENCE_ODD: item->status = -EINVAL; return 0;
    default: return 0;
    }
}

int op_commit(struct writer *w, struct store_op *op) {
    struct store_commit *commit = CONTAINER_OF(op, struct store_commit, op);
    int r = 0;
    for (size_t i = 0; i < commit->count && r == 0; i++) {
        r = commit_item(w, &commit->items[i], op->now_ms);
    }
    commit->outbox = w->outbox > 0 || w->walks || w->events_pending;
    return r;
}

/* ------------------------------------------------------------------ START */

static int start_item(struct writer *w, struct store_start_item *item, int64_t now_ms) {
    struct store_commit_item as_commit = {.progress = item->progress, .log_tail = item->log_tail};
    struct applying a = {.w = w, .item = &as_commit, .now_ms = now_ms};
    a.claim = claims_find(&w->claims, id_order(&item->id));
    item->status = -ESTALE;
    if (a.claim == NULL || a.claim->token != item->token || !id_equal(&a.claim->id, &item->id)) {
        return 0;
    }
    item->status = 0;
    int r = read_row(&a);
    if (r <= 0) {
        item->status = r == 0 ? as_commit.status : item->status;
        return r;
    }
    as_commit.commit_no = a.row.commit_no = a.claim->commit_no;
    as_commit.counters = a.life.counters;
    as_commit.first_run_ms = a.life.first_run_ms == 0 ? item->started_ms : 0;
    a.row.token = item->token;
    update_life(&a);
    a.life.started_ms = item->started_ms;
    a.life.build = item->build != NULL ? item->build : a.life.build;
    a.life.pid = item->pid;
    r = effects_log(w, &a.row, item->log_tail);
    r = r < 0 ? r : stay(&a);
    (void)pthread_mutex_lock(&w->shared);
    a.claim->started_ms = item->started_ms;
    (void)pthread_mutex_unlock(&w->shared);
    return r;
}

int op_start(struct writer *w, struct store_op *op) {
    struct store_start *start = CONTAINER_OF(op, struct store_start, op);
    int r = 0;
    for (size_t i = 0; i < start->count && r == 0; i++) {
        r = start_item(w, &start->items[i], op->now_ms);
    }
    return r;
}

/* ------------------------------------------------------------------ CANCEL of a running job */

int op_commit_ask(struct writer *w, struct claim *claim, const struct job_id *by, int64_t keep_ms,
                  int64_t now_ms) {
    struct store_commit_item as_commit = {.commit_no = claim->commit_no};
    struct applying a = {.w = w, .item = &as_commit, .claim = claim, .now_ms = now_ms};
    int r = read_row(&a);
    if (r <= 0 || a.life.cancel_ms != 0) {
        return r;
    }
    as_commit.counters = a.life.counters;
    a.row.commit_no = claim->commit_no;
    a.row.token = claim->token;
    update_life(&a);
    a.life.cancel_ms = now_ms;
    a.life.cancel_keep_ms = keep_ms;
    a.life.winner = *by;
    r = stay(&a);
    return r < 0 ? r : 1;
}
