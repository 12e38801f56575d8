#include <errno.h>
#include <stdlib.h>

#include "store/sqlite/fsck.h"
#include "store/sqlite/place.h"

// A row that says RUNNING belongs to a claim of this host, once RECOVER has given back those of
// dead ones. Claims and rows are not read in one moment, so a row without a claim is looked at
// again, first for a claim, then in a new snapshot: a claim is there from before its row is
// committed until after the row's next change is, so a row that still is as it was when its claim
// was gone has none.
struct suspect {
    int64_t rid;
    uint32_t rev;
};

// The n-th of those that have no claim. 1 = there is one.
static int next_suspect(struct fsck *f, int64_t after, struct suspect *ret) {
    sqlite3_stmt *s = conn_stmt(f->conn, SQL_BEFORE);
    int r = 0;
    bind_int(s, 1, PLACE_RUNNING);
    bind_int(s, 2, INT64_MAX);
    *ret = (struct suspect){INT64_MAX, 0};
    while ((r = conn_next(f->conn, SQL_BEFORE)) > 0) {
        int64_t rid = sqlite3_column_int64(s, 0);
        if (rid > after && rid < ret->rid && !claims_known(&f->w->claims, rid)) {
            *ret = (struct suspect){rid, (uint32_t)sqlite3_column_int64(s, 1)};
        }
    }
    return r < 0 ? r : ret->rid != INT64_MAX;
}

static int still_there(struct fsck *f, const struct suspect *suspect, struct job_row *row) {
    if (claims_known(&f->w->claims, suspect->rid)) {
        return 0;
    }
    if (!f->repair) { // the reader's snapshot may be old
        int r = conn_run(f->conn, SQL_ROLLBACK);
        r = r < 0 ? r : conn_run(f->conn, SQL_BEGIN_READ);
        if (r < 0) {
            return r;
        }
    }
    sqlite3_stmt *s = conn_stmt(f->conn, SQL_JOB_BY_RID);
    bind_int(s, 1, suspect->rid);
    int r = conn_next(f->conn, SQL_JOB_BY_RID);
    if (r > 0) {
        jobrow_read(s, row);
        row->spec = arena_bytes(&f->scratch, row->spec);
        row->life = arena_bytes(&f->scratch, row->life);
        conn_reset(f->conn, SQL_JOB_BY_RID);
        r = row->state == JOB_RUNNING && row->rev == suspect->rev;
    }
    return r;
}

static int mend(struct fsck *f, struct job_row *row) {
    struct job_life life;
    int r = jobrow_life(row, &f->scratch, &life);
    if (r < 0) {
        return r;
    }
    return place_lose(f->w, row, &life, f->op->op.now_ms);
}

int fsck_running(struct fsck *f) {
    struct suspect suspect = {INT64_MIN, 0};
    (void)pthread_mutex_lock(&f->w->shared);
    bool recovered = f->w->recovered;
    (void)pthread_mutex_unlock(&f->w->shared);
    int r = recovered ? next_suspect(f, INT64_MIN, &suspect) : 0;
    while (r > 0) {
        struct job_row row;
        arena_reset(&f->scratch);
        r = still_there(f, &suspect, &row);
        if (r > 0) {
            r = f->repair ? mend(f, &row) : 0;
            r = r < 0 ? r
                      : fsck_report(f, "running_without_claim", &row.id, f->repair,
                                    "its row says that it runs, and no host has it");
        }
        r = r < 0 ? r : next_suspect(f, suspect.rid, &suspect);
    }
    return r;
}
