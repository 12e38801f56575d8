#include "store/sqlite/fsck.h"

#include <errno.h>

#include "store/sqlite/ops.h"
#include "store/sqlite/reader.h"

int fsck_query(struct fsck *f, const char *sql, int (*each)(struct fsck *f, sqlite3_stmt *s)) {
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(f->conn->db, sql, -1, &s, NULL);
    int r = 0;
    while (rc == SQLITE_OK && r == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        r = each(f, s);
        rc = SQLITE_OK;
    }
    if (r == 0 && rc != SQLITE_OK && rc != SQLITE_DONE) {
        r = conn_fail(f->conn, rc);
    }
    (void)sqlite3_finalize(s);
    return r;
}

/* ------------------------------------------------------------------ rules in SQL */

enum { KEYS = 3 };

static int mend(struct fsck *f, sqlite3_stmt *mender, sqlite3_stmt *row) {
    int wanted = sqlite3_bind_parameter_count(mender);
    for (int k = 1; k <= wanted && k <= KEYS; k++) {
        (void)sqlite3_bind_value(mender, k, sqlite3_column_value(row, 1 + k));
    }
    int rc = sqlite3_step(mender);
    (void)sqlite3_reset(mender);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : conn_fail(f->conn, rc);
}

static int found(struct fsck *f, const struct fsck_rule *rule, sqlite3_stmt *row,
                 sqlite3_stmt *mender) {
    struct job_id id;
    bool about_job = column_id(row, 0, &id);
    int r = mender == NULL ? 0 : mend(f, mender, row);
    const char *words = column_text(row, 1);
    return r < 0 ? r
                 : fsck_report(f, rule->code, about_job ? &id : NULL, mender != NULL, "%s",
                               words == NULL ? "" : words);
}

static int run_rule(struct fsck *f, const struct fsck_rule *rule) {
    sqlite3_stmt *finder = NULL, *mender = NULL;
    int r = 0;
    int rc = sqlite3_prepare_v2(f->conn->db, rule->find, -1, &finder, NULL);
    if (rc == SQLITE_OK && f->repair && rule->mend != NULL) {
        rc = sqlite3_prepare_v2(f->conn->db, rule->mend, -1, &mender, NULL);
    }
    while (rc == SQLITE_OK && r == 0 && (rc = sqlite3_step(finder)) == SQLITE_ROW) {
        r = found(f, rule, finder, mender);
        rc = SQLITE_OK;
    }
    if (r == 0 && rc != SQLITE_OK && rc != SQLITE_DONE) {
        r = conn_fail(f->conn, rc);
    }
    (void)sqlite3_finalize(finder);
    (void)sqlite3_finalize(mender);
    return r;
}

int fsck_rules_run(struct fsck *f, const struct fsck_rule *rules, size_t count) {
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = run_rule(f, &rules[i]);
    }
    return r;
}

/* ------------------------------------------------------------------ the whole */

static int each_damage(struct fsck *f, sqlite3_stmt *s) {
    const char *words = column_text(s, 0);
    return words == NULL || strcmp(words, "ok") == 0
               ? 0
               : fsck_report(f, "database_damaged", NULL, false, "%s", words);
}

static void sql_id_order(sqlite3_context *ctx, int argc, sqlite3_value **argv) {
    struct job_id id;
    (void)argc;
    if (sqlite3_value_bytes(argv[0]) == (int)sizeof id.b) {
        memcpy(id.b, sqlite3_value_blob(argv[0]), sizeof id.b);
        sqlite3_result_int64(ctx, id_order(&id));
    }
}

static int (*const parts[])(struct fsck *f) = {
    fsck_rules,  fsck_once,     fsck_jobs,   fsck_outbox, fsck_blobs,  fsck_schedules,
    fsck_events, fsck_breakers, fsck_tokens, fsck_flows,  fsck_counts, fsck_running};

static int check(struct fsck *f) {
    struct store_fsck *op = f->op;
    op->jobs_checked = op->blobs_checked = op->total_findings = 0;
    op->count = 0;
    op->findings = NULL;
    int rc = sqlite3_create_function(f->conn->db, "id_order", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                     NULL, sql_id_order, NULL, NULL);
    int r = rc == SQLITE_OK ? 0 : conn_fail(f->conn, rc);
    r = r < 0 ? r : fsck_query(f, "PRAGMA integrity_check(100)", each_damage);
    // in a damaged file the rest would only repeat it, and mending could destroy more
    bool damaged = op->total_findings > 0;
    for (size_t i = 0; i < ARRAY_LEN(parts) && r == 0 && !damaged; i++) {
        r = parts[i](f);
    }
    arena_free(&f->scratch);
    return r;
}

int read_fsck(struct reader *r, struct store_op *op) {
    struct fsck f = {
        .conn = &r->conn, .w = r->writer, .op = CONTAINER_OF(op, struct store_fsck, op)};
    return check(&f);
}

// What was mended may be ready before a cursor, or in a line that nobody knows of.
static void look_again(struct writer *w) {
    for (struct lane *lane = w->lanes.by_name; lane != NULL; lane = lane->hh.next) {
        lanes_look_again(lane);
    }
}

int op_fsck_repair(struct writer *w, struct store_op *op) {
    struct fsck f = {
        .conn = &w->conn, .w = w, .repair = true, .op = CONTAINER_OF(op, struct store_fsck, op)};
    look_again(w);
    return check(&f);
}
