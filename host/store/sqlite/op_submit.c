#include <errno.h>

#include "core/dedup.h"
#include "store/replaced.h"
#include "store/scope.h"
#include "store/sqlite/blobrow.h"
#include "store/sqlite/dedup.h"
#include "store/sqlite/flows.h"
#include "store/sqlite/once.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"
#include "store/sqlite/submit.h"

int submit_check(struct writer *w, const struct job_spec *spec, bool *ret_failed) {
    *ret_failed = false;
    for (size_t i = 0; i < spec->file_count; i++) {
        int r = blobrow_exists(w, &spec->files[i].blob);
        *ret_failed = r < 0;
        if (r <= 0) {
            return r < 0 ? r : -ENOENT;
        }
    }
    return 0;
}

static int refuse(struct store_submit_item *item, int status) {
    item->verdict = SUBMIT_REFUSED;
    item->status = status;
    return 0;
}

/* ------------------------------------------------------------------ who holds the key */

struct holder {
    bool found; // the rest says something: somebody holds the key
    struct job_id id;
    struct job_row row; // where it is there
    struct job_spec spec;
    struct dedup_holder facts;
    enum dedup_verdict verdict;
};

static int read_holder(struct writer *w, const struct job_spec *by, struct holder *h) {
    struct job_life life;
    int r = jobrow_spec(&h->row, &w->scratch, &h->spec);
    r = r < 0 ? r : jobrow_life(&h->row, &w->scratch, &life);
    if (r < 0) {
        return err_set(&w->conn.err, r, "the row of a job is damaged");
    }
    bool claimed = claims_find(&w->claims, h->row.rid) != NULL;
    h->facts = (struct dedup_holder){
        .mode = h->spec.dedup_mode,
        .state = claimed ? JOB_RUNNING : h->row.state,
        .begun = claimed || h->row.token > 0,
        .updated_by_asker = id_equal(&life.latest, &by->id),
    };
    return 0;
}

// One that is deleted already has succeeded: only then, or by time, does its key outlive it.
static int look_at_holder(struct writer *w, const struct job_spec *by, const struct job_id *id,
                          struct holder *ret) {
    *ret = (struct holder){.found = true, .id = *id};
    ret->facts = (struct dedup_holder){.mode = DEDUP_REJECT, .state = JOB_SUCCEEDED};
    int r = place_find(w, id, &ret->row);
    r = r > 0 ? read_holder(w, by, ret) : r;
    ret->verdict = dedup_decide(by->dedup_mode, &ret->facts);
    return r;
}

static void tell_winner(struct store_submit_item *item, const struct holder *h) {
    item->winner = h->id;
    item->winner_state = h->facts.state;
    item->verdict = SUBMIT_DUPLICATE;
}

// A row of this number is there: of this very job, or (two generators, one chance in millions) of
// another.
static int meet_twin(struct writer *w, struct store_submit_item *item) {
    struct job_row row;
    int r = place_find(w, &item->spec->id, &row);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        return refuse(item, -EADDRINUSE);
    }
    item->verdict = SUBMIT_REPEATED;
    return 0;
}

// No room for one more; for one that is there already none is needed.
static int refuse_new(struct writer *w, struct store_submit_item *item, int status) {
    struct job_row row;
    int r = place_find(w, &item->spec->id, &row);
    if (r > 0) {
        item->verdict = SUBMIT_REPEATED;
        return 0;
    }
    return r < 0 ? r : refuse(item, status);
}

static uint32_t has_of(const struct store_submit_item *item) {
    const struct job_spec *spec = item->spec;
    return (spec->dedup_key != NULL ? HAS_DEDUP : 0u) | (spec->file_count > 0 ? HAS_FILES : 0u) |
           (spec->payload.len > JOBROW_PAYLOAD_MAX ? HAS_PAYLOAD : 0u) |
           (item->tombstone_ms > 0 ? HAS_TOMBSTONE : 0u) |
           (spec->schedule != NULL ? HAS_SCHEDULE : 0u) | (store_flow_has(spec) ? HAS_FLOW : 0u);
}

static struct place place_of(const struct job_spec *spec, int64_t now_ms) {
    return spec->run_at_ms > now_ms ? (struct place){JOB_SCHEDULED, spec->run_at_ms}
                                    : (struct place){JOB_QUEUED, now_ms};
}

static int hold_files(struct writer *w, const struct job_spec *spec) {
    int r = 0;
    for (size_t i = 0; i < spec->file_count && r == 0; i++) {
        r = blobrow_hold(w, &spec->files[i].blob);
    }
    return r;
}

// A sum over the queue's lanes, of which there are few; asked of queues with a limit only.
static bool is_full(const struct writer *w, const struct queue *queue, int64_t max_waiting) {
    int64_t waiting = 0;
    for (const struct lane *lane = w->lanes.by_name; lane != NULL; lane = lane->hh.next) {
        if (lane->queue == queue) {
            const struct tally *t = &lane->now;
            waiting += t->state[JOB_SCHEDULED] + t->state[JOB_QUEUED] + t->state[JOB_PARKED];
            for (int p = 0; p < PRIORITY_COUNT; p++) {
                waiting -= t->claimed[p]; // their rows still say queued
            }
        }
    }
    return waiting >= max_waiting;
}

static int pack(struct writer *w, const struct store_submit_item *item) {
    buf_clear(&w->pack);
    jobrow_pack_spec(&w->pack, item->spec);
    if (item->tombstone_ms > 0) {
        jobrow_pack_tombstone(&w->pack, item->tombstone_ms);
    }
    return w->pack.failed ? conn_no_memory(&w->conn) : 0;
}

// A job that was accepted in a spool, and whose key turns out to be held: it ends here.
static int store_duplicate(struct writer *w, struct store_submit_item *item, struct lane *lane,
                           const struct holder *h, int64_t now_ms) {
    const struct job_spec *spec = item->spec;
    struct job_row row = {
        .rid = id_order(&spec->id), .id = spec->id, .has = has_of(item) & ~(uint32_t)HAS_DEDUP};
    struct job_life life = {.winner = h->id, .updated_ms = now_ms};
    int r = pack(w, item);
    if (r < 0) {
        return r;
    }
    if (writer_over(w, BUDGET_JOBS, jobrow_bytes(spec->payload.len, w->pack.len))) {
        return refuse(item, -EDQUOT);
    }
    r = place_insert(w, spec, lane, row.has, buf_bytes(&w->pack),
                     (struct place){JOB_DUPLICATE, place_expiry(now_ms, item->keep_ms)});
    if (r == 0) {
        return meet_twin(w, item);
    }
    r = r < 0 ? r : hold_files(w, spec);
    tell_winner(item, h);
    return r < 0 ? r : place_touch(w, &row, &life);
}

// Spooled: has it been stored before? 1 = it has.
static int is_stored(struct writer *w, const struct store_submit_item *item, int64_t now_ms) {
    struct job_row row;
    int r = place_find(w, &item->spec->id, &row);
    return r != 0 ? r : place_was_removed(w, &item->spec->id, now_ms);
}

// Who held the key makes room.
static int oust(struct writer *w, struct store_submit_item *item, const struct holder *h,
                int64_t now_ms) {
    struct replaced_words words;
    const struct job_error error = replaced_error(&item->spec->id, &words);
    struct store_move_item old = {.id = h->id,
                                  .event = JOB_EV_CANCEL,
                                  .error = &error,
                                  .keep_ms = item->keep_ms,
                                  .ask = true};
    int r = op_move_item(w, &old, &item->spec->id, now_ms);
    item->replaced = h->id;
    item->replaced_state = old.state;
    return r;
}

static int take_key(struct writer *w, struct store_submit_item *item, struct lane *lane,
                    const struct holder *h, int64_t now_ms) {
    bool ousts = h->found && (h->verdict == DEDUP_CANCELS || h->verdict == DEDUP_ASKS);
    int r = ousts ? oust(w, item, h, now_ms) : 0;
    return r < 0 ? r : dedup_hold(w, lane->queue, item->spec, now_ms);
}

static int store_new(struct writer *w, struct store_submit_item *item, struct lane *lane,
                     const struct holder *h, bool promised, int64_t now_ms) {
    const struct job_spec *spec = item->spec;
    bool swaps = h->found && h->verdict == DEDUP_CANCELS; // one that waits for another
    int r = pack(w, item);
    if (r < 0) {
        return r;
    }
    if (!promised && writer_over(w, BUDGET_JOBS, jobrow_bytes(spec->payload.len, w->pack.len))) {
        return refuse_new(w, item, -EDQUOT);
    }
    if (item->max_waiting > 0 && is_full(w, lane->queue, item->max_waiting + swaps)) {
        return refuse_new(w, item, -ENOBUFS);
    }
    r = place_insert(w, spec, lane, has_of(item), buf_bytes(&w->pack), place_of(spec, now_ms));
    if (r == 0) {
        return meet_twin(w, item);
    }
    r = r < 0 ? r : hold_files(w, spec);
    return r < 0 || spec->dedup_key == NULL || item->ends ? r : take_key(w, item, lane, h, now_ms);
}

/* ------------------------------------------------------------------ a debounced job gets other words */

// As it will be: under the first submission's id, within its bound, in the flow that it is in.
static struct job_spec merged(const struct writer *w, const struct job_spec *from,
                              const struct holder *h) {
    int64_t usual = w->config->dedup_ttl_ms;
    struct job_spec spec = *from;
    spec.id = h->id;
    spec.dedup_ttl_ms = h->spec.dedup_ttl_ms;
    spec.parent = h->spec.parent;
    spec.flow_id = h->spec.flow_id;
    spec.flow_queue = h->spec.flow_queue;
    spec.run_at_ms = dedup_run_at(
        id_time_ms(&h->id), spec.dedup_ttl_ms != 0 ? spec.dedup_ttl_ms : usual, spec.run_at_ms);
    return spec;
}

// One row instead of the other. The new one's files are held first: they may be the same.
static int rewrite(struct writer *w, const struct store_submit_item *item, struct lane *lane,
                   const struct holder *h, const struct job_id *latest, int64_t now_ms) {
    struct job_row row = h->row;
    struct job_life life = {.updated_ms = now_ms, .latest = *latest};
    struct place where = place_of(item->spec, now_ms);
    bool keeps_turn = where.state == JOB_QUEUED && row.state == JOB_QUEUED;
    where.at_ms = keeps_turn ? row.at_ms : where.at_ms;
    row.has &= ~(uint32_t)HAS_TOMBSTONE; // it is not gone
    struct bytes packed = arena_bytes(&w->scratch, buf_bytes(&w->pack));
    if (packed.data == NULL) {
        return conn_no_memory(&w->conn);
    }
    int r = hold_files(w, item->spec);
    r = r < 0 ? r : place_remove(w, &row, now_ms);
    r = r < 0 ? r : place_insert(w, item->spec, lane, has_of(item), packed, where) - 1;
    row = (struct job_row){.rid = row.rid,
                           .id = row.id,
                           .state = where.state,
                           .rev = row.rev + 1,
                           .lane = lane->id,
                           .priority = item->spec->priority,
                           .has = has_of(item),
                           .spec = packed};         // whose line it stands in
    w->bore = w->bore || where.state == JOB_QUEUED; // a job that was there before
    return r < 0 ? r : place_move(w, &row, &life, where, now_ms);
}

static int update(struct writer *w, struct store_submit_item *item, struct lane *lane,
                  struct holder *h, bool promised, int64_t now_ms) {
    struct job_spec spec = merged(w, item->spec, h);
    struct store_submit_item as = {.spec = &spec, .tombstone_ms = jobrow_tombstone(h->row.spec)};
    int64_t had = jobrow_bytes(h->spec.payload.len, h->row.spec.len);
    int r = pack(w, &as);
    if (r < 0) {
        return r;
    }
    if (!promised &&
        writer_over(w, BUDGET_JOBS, jobrow_bytes(spec.payload.len, w->pack.len) - had)) {
        return refuse(item, -EDQUOT);
    }
    r = rewrite(w, &as, lane, h, &item->spec->id, now_ms);
    h->facts.state = place_of(&spec, now_ms).state;
    item->updated = true;
    tell_winner(item, h);
    return r;
}

/* ------------------------------------------------------------------ one item */

// Somebody holds the key.
static int meet_holder(struct writer *w, struct store_submit_item *item, struct lane *lane,
                       struct holder *h, bool promised, int64_t now_ms) {
    struct job_row row; // this very job may be there all the same: it has ended, and lost the key
    int r = id_equal(&h->id, &item->spec->id) ? 1 : place_find(w, &item->spec->id, &row);
    if (r != 0) {
        item->verdict = SUBMIT_REPEATED;
        return r < 0 ? r : 0;
    }
    // a key that was there until somebody claimed its job is nobody's; what a success keeps is still its own
    bool free = h->verdict == DEDUP_TAKES && h->facts.mode == DEDUP_DEBOUNCE;
    if (!free && !store_scope_has(item->scope, item->spec->queue, h->spec.tenant)) {
        return refuse(item, -EPERM);
    }
    if (item->spooled && h->verdict != DEDUP_TAKES) {
        return store_duplicate(w, item, lane, h, now_ms);
    }
    switch (h->verdict) {
    case DEDUP_UPDATES: return update(w, item, lane, h, promised, now_ms);
    case DEDUP_UPDATED:
    case DEDUP_REFUSED:
    case DEDUP_STAYS:
        tell_winner(item, h);
        item->updated = h->verdict == DEDUP_UPDATED;
        return h->verdict == DEDUP_REFUSED ? refuse(item, -EEXIST) : 0;
    default: return store_new(w, item, lane, h, promised, now_ms);
    }
}

static int find_holder(struct writer *w, const struct store_submit_item *item,
                       const struct lane *lane, int64_t now_ms, struct holder *ret) {
    const struct job_spec *spec = item->spec;
    struct job_id id;
    ret->found = false;
    int r = spec->dedup_key == NULL || item->ends
                ? 0
                : dedup_holder(w, lane->queue, spec->dedup_key, now_ms, &id);
    return r <= 0 ? r : look_at_holder(w, spec, &id, ret);
}

/* ------------------------------------------------------------------ what is accepted once */

static int look_at_first(struct writer *w, const struct job_id *id, struct holder *ret) {
    *ret = (struct holder){.found = true, .id = *id};
    ret->facts.state = JOB_SUCCEEDED;
    int r = place_find(w, id, &ret->row);
    if (r > 0) {
        bool claimed = claims_find(&w->claims, ret->row.rid) != NULL;
        ret->facts.state = claimed ? JOB_RUNNING : ret->row.state;
    }
    return r;
}

// It has been here, with that job.
static int meet_first(struct writer *w, struct store_submit_item *item, struct lane *lane,
                      const struct job_id *id, int64_t now_ms) {
    struct holder first;
    struct job_row row; // this very job may be there: another one came once its time was over
    int r = id_equal(id, &item->spec->id) ? 1 : place_find(w, &item->spec->id, &row);
    if (r != 0) {
        item->verdict = SUBMIT_REPEATED;
        return r < 0 ? r : 0;
    }
    r = look_at_first(w, id, &first);
    if (r >= 0 && item->spooled) {
        r = store_duplicate(w, item, lane, &first, now_ms);
    } else if (r >= 0) {
        tell_winner(item, &first);
    }
    item->once_held = item->verdict == SUBMIT_DUPLICATE;
    return r < 0 ? r : 0;
}

int submit_was_here(struct writer *w, struct store_submit_item *item, struct lane *lane,
                    int64_t now_ms) {
    struct job_id first;
    item->status = 0;
    item->once_held = item->once_differs = false;
    int r = once_find(w, item, &first);
    if (r <= 0) {
        return r;
    }
    r = meet_first(w, item, lane, &first, now_ms);
    item->once_differs = item->once_differs && item->once_held;
    return r < 0 ? r : 1;
}

static int hold_once(struct writer *w, const struct store_submit_item *item, struct lane *lane) {
    bool accepted = item->verdict == SUBMIT_NEW || item->verdict == SUBMIT_DUPLICATE;
    const struct job_id *by = item->verdict == SUBMIT_NEW ? &item->spec->id : &item->winner;
    return accepted ? once_hold(w, item, lane->queue, by) : 0;
}

/* ------------------------------------------------------------------ one item of all */

static int submit_keyed(struct writer *w, struct store_submit_item *item, struct lane *lane,
                        bool promised, int64_t now_ms) {
    struct holder holder;
    int r = find_holder(w, item, lane, now_ms, &holder);
    if (r < 0) {
        return r;
    }
    return holder.found ? meet_holder(w, item, lane, &holder, promised, now_ms)
                        : store_new(w, item, lane, &holder, promised, now_ms);
}

static int submit_once(struct writer *w, struct store_submit_item *item, struct lane *lane,
                       bool promised, int64_t now_ms) {
    int r = submit_was_here(w, item, lane, now_ms);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    if (!once_has_room(w, item)) {
        return refuse_new(w, item, -EDQUOT);
    }
    r = submit_keyed(w, item, lane, promised, now_ms);
    return r < 0 ? r : hold_once(w, item, lane);
}

int submit_item(struct writer *w, struct store_submit_item *item, bool promised, int64_t now_ms) {
    const struct job_spec *spec = item->spec;
    struct lane *lane = NULL;
    bool failed = false;
    item->verdict = SUBMIT_NEW;
    item->status = 0;
    item->updated = item->once_held = item->once_differs = false;
    item->replaced = (struct job_id){{0}};
    int r = item->spooled ? is_stored(w, item, now_ms) : 0;
    if (r != 0) {
        item->verdict = SUBMIT_REPEATED;
        return r < 0 ? r : 0;
    }
    r = submit_check(w, spec, &failed);
    if (r < 0) {
        return failed ? r : refuse(item, r);
    }
    r = writer_lane(w, spec->queue, spec->type, &lane);
    if (r < 0) {
        return r == -EDQUOT ? refuse(item, r) : r;
    }
    return item->once_count > 0 ? submit_once(w, item, lane, promised, now_ms)
                                : submit_keyed(w, item, lane, promised, now_ms);
}

int op_submit(struct writer *w, struct store_op *op) {
    struct store_submit *submit = CONTAINER_OF(op, struct store_submit, op);
    int r = 0;
    bool replaced = false;
    for (size_t i = 0; i < submit->count && r == 0; i++) {
        submit->items[i].scope = op->scope;
        r = submit_item(w, &submit->items[i], false, op->now_ms);
        replaced = replaced || !id_is_zero(&submit->items[i].replaced);
    }
    submit->outbox = replaced && w->walks;
    return r;
}
