#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "store/schedules.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/reader.h"

enum { PAGE_MAX = 1000 };

static int check_page(struct store_op *op, uint32_t limit) {
    return limit >= 1 && limit <= PAGE_MAX
               ? 0
               : err_set(&op->err, -EINVAL, "limit must be 1 to %d", PAGE_MAX);
}

/* ------------------------------------------------------------------ schedules */

static int read_times(struct reader *r, int64_t sid, struct store_schedule *ret) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_LEDGER_COUNTS);
    int code = 0;
    bind_int(s, 1, sid);
    while ((code = conn_next(&r->conn, SQL_LEDGER_COUNTS)) > 0) {
        int64_t verdict = sqlite3_column_int64(s, 0);
        if (verdict >= 0 && verdict < SCHEDULE_VERDICT_COUNT) {
            ret->times[verdict] = (uint64_t)sqlite3_column_int64(s, 1);
        }
    }
    return code;
}

// The newest that runs, and how it is now.
static int read_job(struct reader *r, int64_t rid, struct store_schedule *ret) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_JOB_BY_RID);
    struct job_row row;
    bind_int(s, 1, rid);
    int code = conn_next(&r->conn, SQL_JOB_BY_RID);
    if (code > 0) {
        jobrow_read(s, &row);
        ret->job = row.id;
        ret->job_state = reader_claim(r, &row) != NULL ? JOB_RUNNING : row.state;
        conn_reset(&r->conn, SQL_JOB_BY_RID);
    }
    return code < 0 ? code : 0;
}

static int read_jobs(struct reader *r, struct store_schedule *ret) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_SCHEDULE_JOBS_NOW);
    bind_text(s, 1, ret->id);
    bind_text(s, 2, ret->queue);
    int code = conn_next(&r->conn, SQL_SCHEDULE_JOBS_NOW);
    if (code <= 0) {
        return code;
    }
    int64_t newest = sqlite3_column_int64(s, 2);
    ret->waiting = (uint32_t)sqlite3_column_int64(s, 1);
    ret->running = (uint32_t)sqlite3_column_int64(s, 0) - ret->waiting;
    conn_reset(&r->conn, SQL_SCHEDULE_JOBS_NOW);
    return ret->running > 0 ? read_job(r, newest, ret) : 0;
}

static int read_one(struct reader *r, sqlite3_stmt *s, struct arena *a,
                    struct store_schedule *ret) {
    *ret = (struct store_schedule){.id = reader_text(s, 1, a),
                                   .queue = reader_text(s, 2, a),
                                   .revision = reader_text(s, 3, a),
                                   .stored_ms = sqlite3_column_int64(s, 4),
                                   .by = reader_text(s, 5, a),
                                   .api = sqlite3_column_int64(s, 6) != 0,
                                   .paused_ms = sqlite3_column_int64(s, 7),
                                   .paused_by = reader_text(s, 8, a),
                                   .paused_why = reader_text(s, 9, a),
                                   .resumed_ms = sqlite3_column_int64(s, 10),
                                   .definition = reader_text(s, 11, a),
                                   .last_ms = sqlite3_column_type(s, 12) == SQLITE_NULL
                                                  ? SCHEDULE_NONE
                                                  : sqlite3_column_int64(s, 12)};
    if (ret->id == NULL || ret->queue == NULL || ret->revision == NULL || ret->definition == NULL) {
        return conn_no_memory(&r->conn);
    }
    int code = read_times(r, sqlite3_column_int64(s, 0), ret);
    return code < 0 ? code : read_jobs(r, ret);
}

int read_schedules(struct reader *r, struct store_op *op) {
    struct store_schedule_list *list = CONTAINER_OF(op, struct store_schedule_list, op);
    list->count = 0;
    list->next_cursor = NULL;
    uint32_t limit = list->id != NULL ? 1 : list->limit;
    int code = check_page(op, limit);
    if (code < 0) {
        return code;
    }
    list->schedules = arena_alloc(&op->arena, limit * sizeof *list->schedules);
    if (list->schedules == NULL) {
        return conn_no_memory(&r->conn);
    }
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_SCHEDULES);
    bind_text(s, 1, list->cursor == NULL ? "" : list->cursor);
    bind_int(s, 2, op->now_ms + SCHEDULE_AHEAD_MS);
    bind_text(s, 3, list->id);
    while (code >= 0 && (code = conn_next(&r->conn, SQL_SCHEDULES)) > 0) {
        if (list->count == limit) {
            list->next_cursor = list->schedules[list->count - 1].id;
            break;
        }
        code = read_one(r, s, &op->arena, &list->schedules[list->count++]);
    }
    conn_reset(&r->conn, SQL_SCHEDULES);
    if (code >= 0 && list->id != NULL && list->count == 0) {
        return err_set(&op->err, -ENOENT, "there is no schedule \"%s\"", list->id);
    }
    return code < 0 ? code : 0;
}

/* ------------------------------------------------------------------ the ledger */

static int find(struct reader *r, struct store_ledger_list *list, int64_t *ret_sid) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_SCHEDULE_GET);
    bind_text(s, 1, list->schedule);
    int code = conn_next(&r->conn, SQL_SCHEDULE_GET);
    if (code <= 0) {
        return code < 0
                   ? code
                   : err_set(&list->op.err, -ENOENT, "there is no schedule \"%s\"", list->schedule);
    }
    *ret_sid = sqlite3_column_int64(s, 0);
    conn_reset(&r->conn, SQL_SCHEDULE_GET);
    return 0;
}

static int read_row(sqlite3_stmt *s, struct arena *a, struct store_ledger_row *ret) {
    *ret = (struct store_ledger_row){.revision = reader_text(s, 1, a),
                                     .key = reader_text(s, 2, a),
                                     .verdict = (enum schedule_verdict)sqlite3_column_int(s, 3),
                                     .nominal_ms = sqlite3_column_int64(s, 4),
                                     .last_ms = sqlite3_column_int64(s, 5),
                                     .count = (uint32_t)sqlite3_column_int64(s, 6),
                                     .actual_ms = sqlite3_column_int64(s, 7),
                                     .missed = sqlite3_column_int64(s, 8) != 0,
                                     .reason = reader_text(s, 10, a)};
    (void)column_id(s, 9, &ret->job);
    return ret->revision == NULL || ret->key == NULL ? -ENOMEM : 0;
}

static int read_cursor(struct store_ledger_list *list, int64_t *ret_below) {
    char *end = NULL;
    *ret_below = INT64_MAX;
    if (list->cursor == NULL) {
        return 0;
    }
    *ret_below = strtoll(list->cursor, &end, 10);
    return *list->cursor != '\0' && *end == '\0' && *ret_below > 0
               ? 0
               : err_set(&list->op.err, -EINVAL, "the cursor is not one of this store's");
}

static int read_rows(struct reader *r, struct store_ledger_list *list, sqlite3_stmt *s) {
    int64_t seq = 0;
    int code = 0;
    while (code >= 0 && (code = conn_next(&r->conn, SQL_LEDGER)) > 0) {
        if (list->count == list->limit) {
            list->next_cursor = arena_printf(&list->op.arena, "%" PRId64, seq);
            code = list->next_cursor == NULL ? -ENOMEM : 0;
            break;
        }
        seq = sqlite3_column_int64(s, 0);
        code = read_row(s, &list->op.arena, &list->rows[list->count++]);
    }
    conn_reset(&r->conn, SQL_LEDGER);
    return code == -ENOMEM ? conn_no_memory(&r->conn) : code < 0 ? code : 0;
}

int read_ledger(struct reader *r, struct store_op *op) {
    struct store_ledger_list *list = CONTAINER_OF(op, struct store_ledger_list, op);
    int64_t sid = 0, below = 0;
    list->count = 0;
    list->next_cursor = NULL;
    int code = check_page(op, list->limit);
    code = code < 0 ? code : read_cursor(list, &below);
    code = code < 0 ? code : find(r, list, &sid);
    if (code < 0) {
        return code;
    }
    list->rows = arena_alloc(&op->arena, list->limit * sizeof *list->rows);
    if (list->rows == NULL) {
        return conn_no_memory(&r->conn);
    }
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_LEDGER);
    bind_int(s, 1, sid);
    bind_int(s, 2, below);
    bind_int(s, 3, list->verdict);
    return read_rows(r, list, s);
}
