#include <errno.h>

#include "store/blobfile.h"
#include "store/history.h"
#include "store/scope.h"
#include "store/sqlite/blobrow.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/outputs.h"
#include "store/sqlite/reader.h"

enum { STEPS_LISTED = 1000 };

static int bad(struct reader *r, int code) {
    return code == -ENOMEM ? conn_no_memory(&r->conn)
                           : err_set(&r->conn.err, -EBADMSG, "the row of a job is damaged");
}

static int get_blob(struct reader *r, enum sql_id id, int64_t rid, struct arena *a,
                    struct bytes *ret) {
    sqlite3_stmt *s = conn_stmt(&r->conn, id);
    bind_int(s, 1, rid);
    int code = conn_next(&r->conn, id);
    if (code > 0) {
        *ret = arena_bytes(a, column_bytes(s, 0));
        conn_reset(&r->conn, id);
    }
    return code < 0 ? code : ret->len > 0 && ret->data == NULL ? conn_no_memory(&r->conn) : 0;
}

static int get_warnings(struct reader *r, int64_t rid, struct arena *a, struct store_job *job) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_WARNINGS);
    job->warnings = arena_alloc(a, JOB_WARNINGS_MAX * sizeof *job->warnings);
    if (job->warnings == NULL) {
        return conn_no_memory(&r->conn);
    }
    bind_int(s, 1, rid);
    int code = 0;
    while (job->warnings_listed < JOB_WARNINGS_MAX &&
           (code = conn_next(&r->conn, SQL_WARNINGS)) > 0) {
        job->warnings[job->warnings_listed++] =
            (struct store_warning){reader_text(s, 0, a), reader_text(s, 1, a)};
    }
    conn_reset(&r->conn, SQL_WARNINGS);
    return code < 0 ? code : 0;
}

static int get_history(struct reader *r, int64_t rid, struct arena *a, struct store_job *job) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_ATTEMPTS);
    job->history = arena_alloc(a, JOB_HISTORY_MAX * sizeof *job->history);
    if (job->history == NULL) {
        return conn_no_memory(&r->conn);
    }
    bind_int(s, 1, rid);
    int code = 0;
    while (job->history_count < JOB_HISTORY_MAX && (code = conn_next(&r->conn, SQL_ATTEMPTS)) > 0) {
        code = history_read(column_bytes(s, 0), a, &job->history[job->history_count++]);
        if (code < 0) {
            conn_reset(&r->conn, SQL_ATTEMPTS);
            return bad(r, code);
        }
    }
    conn_reset(&r->conn, SQL_ATTEMPTS);
    return code < 0 ? code : 0;
}

static int get_steps(struct reader *r, int64_t rid, struct arena *a, struct store_job *job) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_STEP_NAMES);
    size_t cap = job->step_count < STEPS_LISTED ? job->step_count : STEPS_LISTED;
    job->steps = arena_alloc(a, (cap + 1) * sizeof(char *));
    if (job->steps == NULL) {
        return conn_no_memory(&r->conn);
    }
    bind_int(s, 1, rid);
    int code = 0;
    while (job->steps_listed < cap && (code = conn_next(&r->conn, SQL_STEP_NAMES)) > 0) {
        job->steps[job->steps_listed++] = reader_text(s, 0, a);
    }
    conn_reset(&r->conn, SQL_STEP_NAMES);
    return code < 0 ? code : 0;
}

static int get_details(struct reader *r, const struct job_row *row, struct arena *a,
                       struct store_job *job) {
    int code = 0;
    if ((row->has & HAS_PAYLOAD) != 0) {
        code = get_blob(r, SQL_PAYLOAD_GET, row->rid, a, &job->spec.payload);
    }
    if (code == 0 && (row->has & HAS_WARNINGS) != 0) {
        code = get_warnings(r, row->rid, a, job);
    }
    if (code == 0 && (row->has & HAS_ATTEMPTS) != 0) {
        code = get_history(r, row->rid, a, job);
    }
    if (code == 0 && (row->has & HAS_STEPS) != 0) {
        code = get_steps(r, row->rid, a, job);
    }
    if (code == 0 && (row->has & HAS_OUTPUTS) != 0) {
        code = outputs_list(&r->conn, row->rid, job->output_count, a, &job->outputs,
                            &job->outputs_listed);
    }
    if (code == 0 && (row->has & HAS_LOG) != 0) {
        code = get_blob(r, SQL_LOG_GET, row->rid, a, &job->log_tail);
    }
    return code;
}

// Finds the row, and leaves the statement on it. 1 = found.
static int find(struct reader *r, const struct job_id *id, struct job_row *ret) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_JOB_WHOLE);
    bind_int(s, 1, id_order(id));
    int code = conn_next(&r->conn, SQL_JOB_WHOLE);
    if (code <= 0) {
        return code;
    }
    jobrow_read_whole(s, ret);
    if (!id_equal(&ret->id, id)) {
        conn_reset(&r->conn, SQL_JOB_WHOLE);
        return 0;
    }
    return 1;
}

static int not_found(struct store_op *op, const char *what, const struct job_id *id) {
    char text[JOB_ID_TEXT + 1];
    id_format(id, text);
    return err_set(&op->err, -ENOENT, "%s %s is not in the store", what, text);
}

int read_scope(struct reader *r, struct store_op *op) {
    const struct job_id *id = store_scope_job(op);
    struct job_row row;
    struct store_job job;
    int code = id == NULL ? 1 : find(r, id, &row);
    if (id == NULL || code < 0) {
        return code < 0 ? code : 0;
    }
    bool is_in = false;
    if (code > 0) {
        code = reader_job(r, &row, &op->arena, &job);
        is_in = code == 0 && store_scope_has_job(op->scope, &job.spec);
        conn_reset(&r->conn, SQL_JOB_WHOLE);
    }
    return code < 0 ? code : is_in ? 0 : not_found(op, "job", id);
}

int read_get(struct reader *r, struct store_op *op) {
    struct store_get *get = CONTAINER_OF(op, struct store_get, op);
    struct job_row row;
    int code = find(r, &get->id, &row);
    if (code <= 0) {
        return code < 0 ? code : not_found(op, "job", &get->id);
    }
    struct bytes payload = row.payload;
    code = reader_job(r, &row, &op->arena, &get->job);
    if (code == 0 && (row.has & HAS_PAYLOAD) == 0) {
        get->job.spec.payload = arena_bytes(&op->arena, payload);
        code = payload.len > 0 && get->job.spec.payload.data == NULL ? conn_no_memory(&r->conn) : 0;
    }
    conn_reset(&r->conn, SQL_JOB_WHOLE);
    return code < 0 ? code : get_details(r, &row, &op->arena, &get->job);
}

int read_step(struct reader *r, struct store_op *op) {
    struct store_step_get *get = CONTAINER_OF(op, struct store_step_get, op);
    struct job_row row;
    int code = find(r, &get->id, &row);
    if (code > 0) {
        conn_reset(&r->conn, SQL_JOB_WHOLE);
        sqlite3_stmt *s = conn_stmt(&r->conn, SQL_STEP_GET);
        bind_int(s, 1, row.rid);
        bind_text(s, 2, get->name);
        code = conn_next(&r->conn, SQL_STEP_GET);
        if (code > 0) {
            get->value = arena_bytes(&op->arena, column_bytes(s, 0));
            conn_reset(&r->conn, SQL_STEP_GET);
            return get->value.len > 0 && get->value.data == NULL ? conn_no_memory(&r->conn) : 0;
        }
    }
    return code < 0 ? code : not_found(op, "such a step of job", &get->id);
}

// The statement stands on the result's row.
static int take_result(struct reader *r, struct store_result_get *get, sqlite3_stmt *s) {
    struct arena *a = &get->op.arena;
    get->content_type = reader_text(s, 0, a);
    bool is_blob = blobrow_column(s, 1, &get->blob);
    get->size = get->blob.size;
    get->data = arena_bytes(a, column_bytes(s, 3));
    if (get->data.len > 0 && get->data.data == NULL) {
        return conn_no_memory(&r->conn);
    }
    if (!is_blob) {
        return 0;
    }
    get->fd = blobfile_open(r->blob_dir, get->blob.sha256, &get->op.err);
    return get->fd < 0 ? get->fd : 0;
}

int read_result(struct reader *r, struct store_op *op) {
    struct store_result_get *get = CONTAINER_OF(op, struct store_result_get, op);
    struct job_row row;
    get->fd = -1;
    get->blob = (struct blob_ref){.size = 0};
    int code = find(r, &get->id, &row);
    if (code > 0) {
        conn_reset(&r->conn, SQL_JOB_WHOLE);
        bind_int(conn_stmt(&r->conn, SQL_RESULT_GET), 1, row.rid);
        code = conn_next(&r->conn, SQL_RESULT_GET);
        if (code > 0) {
            code = take_result(r, get, conn_stmt(&r->conn, SQL_RESULT_GET));
            conn_reset(&r->conn, SQL_RESULT_GET);
            return code;
        }
    }
    return code < 0 ? code : not_found(op, "a result of job", &get->id);
}

int read_output(struct reader *r, struct store_op *op) {
    struct store_output_get *get = CONTAINER_OF(op, struct store_output_get, op);
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_OUTPUT_GET);
    struct job_row row;
    get->fd = -1;
    int code = find(r, &get->id, &row);
    if (code > 0) {
        conn_reset(&r->conn, SQL_JOB_WHOLE);
        bind_int(s, 1, row.rid);
        bind_text(s, 2, get->name);
        code = conn_next(&r->conn, SQL_OUTPUT_GET);
    }
    if (code <= 0) {
        return code < 0 ? code : not_found(op, "an output of that name of job", &get->id);
    }
    get->content_type = reader_text(s, 0, &op->arena);
    bool failed = column_text(s, 0) != NULL && get->content_type == NULL;
    bool whole = blobrow_column(s, 1, &get->blob);
    conn_reset(&r->conn, SQL_OUTPUT_GET);
    if (failed) {
        return conn_no_memory(&r->conn);
    }
    if (!whole) {
        return err_set(&op->err, -EBADMSG, "the row of an output is damaged");
    }
    get->fd = blobfile_open(r->blob_dir, get->blob.sha256, &op->err);
    return get->fd < 0 ? get->fd : 0;
}
