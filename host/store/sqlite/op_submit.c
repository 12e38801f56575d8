#include <errno.h>

#include "store/sqlite/blobrow.h"
#include "store/sqlite/dedup.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"
#include "store/sqlite/submit.h"

int submit_check(struct writer *w, const struct job_spec *spec, bool *ret_failed) {
    *ret_failed = false;
    if (spec->dedup_key != NULL && spec->dedup_mode > DEDUP_RETURN) {
        return -ENOTSUP;
    }
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

// Somebody holds the key.
static int meet_holder(struct writer *w, struct store_submit_item *item,
                       const struct job_id *holder) {
    struct job_row row; // this very job may be there all the same: it has ended, and lost the key
    int r = id_equal(holder, &item->spec->id) ? 1 : place_find(w, &item->spec->id, &row);
    if (r != 0) {
        item->verdict = SUBMIT_REPEATED;
        return r < 0 ? r : 0;
    }
    item->winner = *holder;
    if (item->spec->dedup_mode == DEDUP_REJECT) {
        (void)refuse(item, -EEXIST);
    } else {
        item->verdict = SUBMIT_DUPLICATE;
    }
    return dedup_holder_state(w, holder, &item->winner_state);
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
           (item->tombstone_ms > 0 ? HAS_TOMBSTONE : 0u);
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
                           const struct job_id *holder, int64_t now_ms) {
    const struct job_spec *spec = item->spec;
    struct job_row row = {
        .rid = id_order(&spec->id), .id = spec->id, .has = has_of(item) & ~(uint32_t)HAS_DEDUP};
    struct job_life life = {.winner = *holder, .updated_ms = now_ms};
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
    r = r < 0 ? r : place_touch(w, &row, &life);
    item->verdict = SUBMIT_DUPLICATE;
    item->winner = *holder;
    return r < 0 ? r : dedup_holder_state(w, holder, &item->winner_state);
}

// Spooled: has it been stored before? 1 = it has.
static int is_stored(struct writer *w, const struct store_submit_item *item, int64_t now_ms) {
    struct job_row row;
    int r = place_find(w, &item->spec->id, &row);
    return r != 0 ? r : place_was_removed(w, &item->spec->id, now_ms);
}

static int store_new(struct writer *w, struct store_submit_item *item, struct lane *lane,
                     bool promised, int64_t now_ms) {
    const struct job_spec *spec = item->spec;
    int r = pack(w, item);
    if (r < 0) {
        return r;
    }
    if (!promised && writer_over(w, BUDGET_JOBS, jobrow_bytes(spec->payload.len, w->pack.len))) {
        return refuse_new(w, item, -EDQUOT);
    }
    if (item->max_waiting > 0 && is_full(w, lane->queue, item->max_waiting)) {
        return refuse_new(w, item, -ENOBUFS);
    }
    r = place_insert(w, spec, lane, has_of(item), buf_bytes(&w->pack), place_of(spec, now_ms));
    if (r == 0) {
        return meet_twin(w, item);
    }
    r = r < 0 ? r : hold_files(w, spec);
    if (r == 0 && spec->dedup_key != NULL) {
        r = dedup_hold(w, lane->queue, spec->dedup_key, &spec->id);
    }
    return r;
}

int submit_item(struct writer *w, struct store_submit_item *item, bool promised, int64_t now_ms) {
    const struct job_spec *spec = item->spec;
    struct lane *lane = NULL;
    struct job_id holder;
    bool failed = false;
    item->verdict = SUBMIT_NEW;
    item->status = 0;
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
    r = spec->dedup_key == NULL ? 0
                                : dedup_holder(w, lane->queue, spec->dedup_key, now_ms, &holder);
    if (r > 0 && item->spooled) {
        return store_duplicate(w, item, lane, &holder, now_ms);
    }
    if (r != 0) {
        return r < 0 ? r : meet_holder(w, item, &holder);
    }
    return store_new(w, item, lane, promised, now_ms);
}

int op_submit(struct writer *w, struct store_op *op) {
    struct store_submit *submit = CONTAINER_OF(op, struct store_submit, op);
    int r = 0;
    for (size_t i = 0; i < submit->count && r == 0; i++) {
        r = submit_item(w, &submit->items[i], false, op->now_ms);
    }
    return r;
}
