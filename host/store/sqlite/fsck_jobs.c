#include <errno.h>

#include "store/sqlite/fsck.h"
#include "store/sqlite/place.h"

static int number_of(struct fsck *f, enum sql_id id, int64_t *ret) {
    int r = conn_next(f->conn, id);
    *ret = r > 0 ? sqlite3_column_int64(conn_stmt(f->conn, id), 0) : -1;
    if (r > 0) {
        conn_reset(f->conn, id);
    }
    return r < 0 ? r : 0;
}

static int check_list(struct fsck *f, enum place_list kind, const char *text, int64_t number,
                      const struct job_row *row) {
    static const enum sql_id ids[] = {SQL_LIST_HAS, SQL_LIST_ADD};
    int64_t there = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        sqlite3_stmt *s = conn_stmt(f->conn, ids[i]);
        bind_int(s, 1, kind);
        if (text != NULL) {
            bind_text(s, 2, text);
        } else {
            bind_int(s, 2, number);
        }
        bind_int(s, 3, row->rid);
    }
    int r = number_of(f, SQL_LIST_HAS, &there);
    if (r < 0 || there > 0) {
        return r;
    }
    r = f->repair ? conn_run(f->conn, SQL_LIST_ADD) : 0;
    return r < 0 ? r
                 : fsck_report(f, "not_listed", &row->id, f->repair, "not in the list of its %s",
                               text != NULL ? "tenant" : "parent");
}

// A count and its bytes, as `life` has them.
struct sum_rule {
    enum sql_id sql;
    const char *code, *what;
    size_t count, bytes; /* offsets in struct job_life */
};

static const struct sum_rule sum_rules[] = {
    {SQL_STEPS_SUM, "step_count", "steps", offsetof(struct job_life, step_count),
     offsetof(struct job_life, step_bytes)},
    {SQL_OUTPUTS_SUM, "output_count", "outputs", offsetof(struct job_life, output_count),
     offsetof(struct job_life, output_bytes)},
};

static int check_sum(struct fsck *f, const struct sum_rule *rule, const struct job_row *row,
                     struct job_life *life) {
    sqlite3_stmt *s = conn_stmt(f->conn, rule->sql);
    uint32_t *said = (uint32_t *)(void *)((char *)life + rule->count);
    uint64_t *said_bytes = (uint64_t *)(void *)((char *)life + rule->bytes);
    bind_int(s, 1, row->rid);
    int r = conn_next(f->conn, rule->sql);
    if (r <= 0) {
        return r;
    }
    uint32_t count = (uint32_t)sqlite3_column_int64(s, 0), before = *said;
    uint64_t bytes = (uint64_t)sqlite3_column_int64(s, 1);
    conn_reset(f->conn, rule->sql);
    if (count == *said && bytes == *said_bytes) {
        return 0;
    }
    *said = count;
    *said_bytes = bytes;
    r = f->repair ? place_touch(f->w, row, life) : 0;
    return r < 0 ? r
                 : fsck_report(f, rule->code, &row->id, f->repair, "%u %s, the row says %u", count,
                               rule->what, before);
}

static int check_job(struct fsck *f, const struct job_row *row) {
    struct job_spec spec;
    struct job_life life;
    f->op->jobs_checked++;
    arena_reset(&f->scratch);
    int r = jobrow_spec(row, &f->scratch, &spec);
    r = r < 0 ? r : jobrow_life(row, &f->scratch, &life);
    if (r == -EBADMSG) {
        return fsck_report(f, "job_damaged", &row->id, false, "its packed columns cannot be read");
    }
    if (r == 0 && spec.tenant != NULL) {
        r = check_list(f, PLACE_LIST_TENANT, spec.tenant, 0, row);
    }
    if (r == 0 && !id_is_zero(&spec.parent)) {
        r = check_list(f, PLACE_LIST_PARENT, NULL, id_order(&spec.parent), row);
    }
    for (size_t i = 0; i < ARRAY_LEN(sum_rules) && r == 0; i++) {
        r = check_sum(f, &sum_rules[i], row, &life);
    }
    return r;
}

// By number, one at a time: mending may change the very table that is read.
int fsck_jobs(struct fsck *f) {
    int64_t rid = INT64_MIN;
    for (;;) {
        struct job_row row;
        sqlite3_stmt *s = conn_stmt(f->conn, SQL_JOB_AFTER);
        bind_int(s, 1, rid);
        int r = conn_next(f->conn, SQL_JOB_AFTER);
        if (r <= 0) {
            return r;
        }
        jobrow_read(s, &row);
        rid = row.rid;
        r = check_job(f, &row);
        conn_reset(f->conn, SQL_JOB_AFTER);
        if (r < 0) {
            return r;
        }
    }
}

static int each_parcel(struct fsck *f, sqlite3_stmt *s) {
    struct job_spec spec;
    int64_t seq = sqlite3_column_int64(s, 0), there = 0;
    arena_reset(&f->scratch);
    int r = jobrow_parcel(column_bytes(s, 1), &f->scratch, &spec);
    if (r == -EBADMSG || (r == 0 && (spec.queue == NULL || spec.type == NULL))) {
        return fsck_report(f, "outbox_damaged", NULL, false, "row %lld cannot be read",
                           (long long)seq);
    }
    bind_int(conn_stmt(f->conn, SQL_JOB_HAS), 1, id_order(&spec.id));
    r = r < 0 ? r : number_of(f, SQL_JOB_HAS, &there);
    // its delivery will find the job there and only delete the row
    return r < 0 || there < 0 ? r
                              : fsck_report(f, "outbox_delivered", &spec.id, false,
                                            "row %lld was delivered already", (long long)seq);
}

int fsck_outbox(struct fsck *f) {
    return fsck_query(f, "SELECT seq, data FROM outbox", each_parcel);
}
