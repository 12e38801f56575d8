#include <errno.h>

#include "core/dedup.h"
#include "store/sqlite/blobrow.h"
#include "store/sqlite/effects.h"
#include "store/sqlite/event_log.h"
#include "store/sqlite/outputs.h"
#include "store/sqlite/submit.h"

// Sizes of steps as they would be afterwards.
struct sums {
    uint64_t count, bytes;
};

// The step's size in the store, -1 if it is not there.
static int stored_size(struct writer *w, int64_t rid, const char *name, int64_t *ret) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_STEP_SIZE);
    bind_int(s, 1, rid);
    bind_text(s, 2, name);
    int r = conn_next(&w->conn, SQL_STEP_SIZE);
    *ret = r > 0 ? sqlite3_column_int64(s, 0) : -1;
    if (r > 0) {
        conn_reset(&w->conn, SQL_STEP_SIZE);
    }
    return r < 0 ? r : 0;
}

// An earlier step of the same commit with that name, or NULL.
static const struct store_step *twin_of(const struct store_commit_item *item, size_t at) {
    for (size_t i = at; i > 0; i--) {
        if (strcmp(item->steps[i - 1].name, item->steps[at].name) == 0) {
            return &item->steps[i - 1];
        }
    }
    return NULL;
}

// Exact: steps that replace others do not count twice.
static int sum_exactly(struct writer *w, const struct job_row *row,
                       const struct store_commit_item *item, struct sums *sums) {
    for (size_t i = 0; i < item->step_count; i++) {
        const struct store_step *twin = twin_of(item, i);
        int64_t old = twin != NULL ? (int64_t)twin->value.len : -1;
        if (twin == NULL && !item->drop_steps && (row->has & HAS_STEPS) != 0) {
            int r = stored_size(w, row->rid, item->steps[i].name, &old);
            if (r < 0) {
                return r;
            }
        }
        sums->count += old < 0;
        sums->bytes += item->steps[i].value.len - (uint64_t)(old < 0 ? 0 : old);
    }
    return 0;
}

static bool over(const struct sums *sums) {
    return sums->count > JOB_STEPS_MAX || sums->bytes > JOB_STEPS_BYTES_MAX;
}

static int check_steps(struct writer *w, const struct job_row *row, const struct job_life *life,
                       struct store_commit_item *item) {
    struct sums now = {item->drop_steps ? 0 : life->step_count,
                       item->drop_steps ? 0 : life->step_bytes};
    struct sums most = now;
    for (size_t i = 0; i < item->step_count; i++) {
        if (item->steps[i].value.len > JOB_STEP_MAX) {
            item->status = -E2BIG;
        }
        most.count++;
        most.bytes += item->steps[i].value.len;
    }
    if (!over(&most)) {
        return 0;
    }
    int r = sum_exactly(w, row, item, &now);
    if (r == 0 && over(&now)) {
        item->status = -E2BIG;
    }
    return r;
}

// Its lane is made now, so that one that comes later (out of the outbox, behind a flow) finds it whatever comes in
// between.
static int check_lane(struct writer *w, const struct job_spec *spec,
                      struct store_commit_item *item) {
    struct lane *lane;
    int r = writer_lane(w, spec->queue, spec->type, &lane);
    item->status = r == -EDQUOT ? r : item->status;
    return r == -EDQUOT ? 0 : r;
}

static int check_children(struct writer *w, struct store_commit_item *item) {
    int64_t bytes = 0;
    if (item->child_count > JOB_CHILDREN_PER_COMMIT) {
        item->status = -E2BIG;
        return 0;
    }
    for (size_t i = 0; i < item->child_count; i++) {
        bool failed = false, suits = dedup_suits_child(&item->children[i]);
        int r = suits ? submit_check(w, &item->children[i], &failed) : -ENOTSUP;
        if (r < 0) {
            item->status = failed ? 0 : r;
            return failed ? r : 0;
        }
        r = check_lane(w, &item->children[i], item);
        if (r < 0 || item->status < 0) {
            return r;
        }
        bytes += jobrow_bytes(item->children[i].payload.len, 0);
    }
    if (writer_over(w, BUDGET_JOBS, bytes)) {
        item->status = -EDQUOT;
    }
    return 0;
}

static void check_kv(struct writer *w, struct store_commit_item *item) {
    int64_t bytes = 0;
    for (size_t i = 0; i < item->kv_count; i++) {
        bytes += (int64_t)(strlen(item->kv[i].key) + item->kv[i].value.len);
        if (item->kv[i].value.len > STORE_INLINE_MAX) {
            item->status = -E2BIG;
        }
    }
    if (item->kv_count > 0 && item->kv_namespace == NULL) {
        item->status = -EINVAL;
    } else if (writer_over(w, BUDGET_KV, bytes)) {
        item->status = -EDQUOT;
    }
}

static int check_result(struct writer *w, struct store_commit_item *item) {
    const struct store_result *result = item->result;
    if (result == NULL) {
        return 0;
    }
    if (result->blob != NULL) {
        int r = blobrow_exists(w, result->blob);
        item->status = r == 0 ? -ENOENT : item->status;
        return r < 0 ? r : 0;
    }
    if (result->data.len > STORE_INLINE_MAX) {
        item->status = -E2BIG;
    } else if (writer_over(w, BUDGET_RESULTS, (int64_t)result->data.len)) {
        item->status = -EDQUOT;
    }
    return 0;
}

static int check_events(struct writer *w, struct store_commit_item *item) {
    if (item->event_count == 0) {
        return 0;
    }
    for (size_t i = 0; i < item->event_count; i++) {
        if (store_event_check(&item->events[i]) < 0) {
            item->status = -E2BIG;
            return 0;
        }
    }
    int r = event_log_fits(w, item->events, item->event_count);
    item->status = r == 0 ? -EDQUOT : item->status;
    return r < 0 ? r : 0;
}

int effects_check(struct writer *w, const struct job_row *row, const struct job_life *life,
                  struct store_commit_item *item) {
    int r = item->step_count == 0 ? 0 : check_steps(w, row, life, item);
    r = r < 0 || item->status < 0 ? r : check_children(w, item);
    r = r < 0 || item->status < 0 || item->then == NULL ? r : check_lane(w, item->then, item);
    r = r < 0 || item->status < 0 ? r : outputs_check(w, row, life, item);
    if (r == 0 && item->status == 0) {
        check_kv(w, item);
    }
    r = r < 0 || item->status < 0 ? r : check_events(w, item);
    return r < 0 || item->status < 0 ? r : check_result(w, item);
}
