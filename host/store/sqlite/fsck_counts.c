#include <errno.h>
#include <inttypes.h>

#include "store/sqlite/fsck.h"
#include "store/sqlite/kv.h"
#include "store/sqlite/once.h"

enum { NUMBERS = JOB_STATE_COUNT + PRIORITY_COUNT };

// id, then pairs (counted, stored)
static const char lanes_sql[] = "SELECT l.id, l.type"
#define PAIR(column, condition) ", ifnull(sum(" condition "), 0), ifnull(l." column ", 0)"
    PAIR("n0", "j.state = 0") PAIR("n1", "j.state = 1") PAIR("n2", "j.state = 2")
        PAIR("n3", "j.state = 3") PAIR("n4", "j.state = 4") PAIR("n5", "j.state = 5")
            PAIR("n6", "j.state = 6") PAIR("n7", "j.state = 7")
                PAIR("w0", "j.state = 1 AND j.prio = 0") PAIR("w1", "j.state = 1 AND j.prio = 1")
                    PAIR("w2", "j.state = 1 AND j.prio = 2")
#undef PAIR
                        " FROM lanes l LEFT JOIN jobs j ON j.lane = l.id GROUP BY l.id";

// The writer saves the lane at the end of the group.
static int mend_lane(struct fsck *f, sqlite3_stmt *s) {
    struct lane *lane = lanes_by_id(&f->w->lanes, (uint32_t)sqlite3_column_int64(s, 0));
    if (lane == NULL) {
        return 0;
    }
    for (int i = 0; i < JOB_STATE_COUNT; i++) {
        lane->now.state[i] = sqlite3_column_int64(s, 2 + 2 * i);
    }
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        lane->now.waiting[p] = sqlite3_column_int64(s, 2 + 2 * (JOB_STATE_COUNT + p));
    }
    lane->unsure = true;
    lanes_count_claim(&f->w->lanes, lane, PRIORITY_HIGH, 0); // marks it
    return 0;
}

static int each_lane(struct fsck *f, sqlite3_stmt *s) {
    for (int i = 0; i < NUMBERS; i++) {
        int64_t counted = sqlite3_column_int64(s, 2 + 2 * i);
        int64_t stored = sqlite3_column_int64(s, 3 + 2 * i);
        if (counted == stored) {
            continue;
        }
        int r = f->repair ? mend_lane(f, s) : 0;
        r = r < 0
                ? r
                : fsck_report(
                      f, "counter", NULL, f->repair,
                      "type %s, %s: %" PRId64 " counted, %" PRId64 " stored", column_text(s, 1),
                      i < JOB_STATE_COUNT ? job_state_name(i) : priority_name(i - JOB_STATE_COUNT),
                      counted, stored);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

// In the order of enum store_budget: counted, stored. JOBROW_OVERHEAD, KV_OVERHEAD and ONCE_BYTES are
// bound as ?1 to ?3.
static const char bytes_sql[] =
    "SELECT (SELECT ifnull(sum(ifnull(length(payload), 0) + ifnull(length(spec), 0) + ?1), 0)"
    " FROM jobs) + (SELECT ifnull(sum(length(data)), 0) FROM payloads)"
    " + (SELECT ifnull(sum(length(value)), 0) FROM steps) + (SELECT count(*) FROM once) * ?3,"
    " (SELECT value FROM meta WHERE key = 'bytes_jobs'),"
    " (SELECT ifnull(sum(length(data)), 0) FROM results),"
    " (SELECT value FROM meta WHERE key = 'bytes_results'),"
    " (SELECT ifnull(sum(length(CAST(key AS BLOB)) + ifnull(length(value), 0) + ?2), 0) FROM kv)"
    " + (SELECT ifnull(sum(length(member) + ?2), 0) FROM kv_members),"
    " (SELECT value FROM meta WHERE key = 'bytes_kv'),"
    " (SELECT ifnull(sum(size), 0) FROM blobs),"
    " (SELECT value FROM meta WHERE key = 'bytes_blobs')";

static int mend_bytes(struct fsck *f, enum store_budget budget, int64_t counted) {
    static const char *const keys[] = {"bytes_jobs", "bytes_results", "bytes_kv", "bytes_blobs"};
    sqlite3_stmt *s = conn_stmt(f->conn, SQL_META_SET);
    bind_text(s, 1, keys[budget]);
    bind_int(s, 2, counted);
    int r = conn_run(f->conn, SQL_META_SET);
    return r < 0 ? r : writer_bytes(f->w, budget, counted - f->w->bytes[budget]);
}

static int each_bytes(struct fsck *f, sqlite3_stmt *s) {
    static const char *const names[] = {"jobs", "results", "key/values", "blobs"};
    int r = 0;
    for (int i = 0; i < BUDGET_COUNT && r == 0; i++) {
        int64_t counted = sqlite3_column_int64(s, 2 * i),
                stored = sqlite3_column_int64(s, 2 * i + 1);
        if (counted == stored) {
            continue;
        }
        r = f->repair ? mend_bytes(f, (enum store_budget)i, counted) : 0;
        r = r < 0 ? r
                  : fsck_report(f, "budget", NULL, f->repair,
                                "%s: %" PRId64 " bytes counted, %" PRId64 " stored", names[i],
                                counted, stored);
    }
    return r;
}

static int check_bytes(struct fsck *f) {
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(f->conn->db, bytes_sql, -1, &s, NULL);
    bind_int(s, 1, JOBROW_OVERHEAD);
    bind_int(s, 2, KV_OVERHEAD);
    bind_int(s, 3, ONCE_BYTES);
    rc = rc == SQLITE_OK ? sqlite3_step(s) : rc;
    int r = rc == SQLITE_ROW ? each_bytes(f, s) : conn_fail(f->conn, rc);
    (void)sqlite3_finalize(s);
    return r;
}

int fsck_counts(struct fsck *f) {
    if (f->repair) {
        // what the group has changed so far is only in memory: compare with the rows, so write it
        // first
        int r = writer_save(f->w);
        if (r < 0) {
            return r;
        }
    }
    int r = fsck_query(f, lanes_sql, each_lane);
    return r < 0 ? r : check_bytes(f);
}
