/* FLOW_GET, FLOW_ENDED. */
#include <errno.h>

#include "store/sqlite/flows.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/reader.h"

// 1 = there is one; else the operation says that there is none.
static int find(struct reader *r, struct store_op *op, const struct job_id *id,
                struct flow_row *ret) {
    char text[JOB_ID_TEXT + 1];
    int code = flows_find(&r->conn, id_order(id), ret);
    if (code > 0 && id_equal(&ret->id, id)) {
        return 1;
    }
    id_format(id, text);
    return code < 0 ? code : err_set(&op->err, -ENOENT, "job %s has opened no flow", text);
}

int read_flow(struct reader *r, struct store_op *op) {
    struct store_flow_get *get = CONTAINER_OF(op, struct store_flow_get, op);
    struct flow_row f;
    int code = find(r, op, &get->id, &f);
    if (code > 0) {
        get->flow = f.is;
    }
    return code < 0 ? code : 0;
}

// What the job is now, if it is there.
static int fill(struct reader *r, struct arena *a, struct store_flow_member *m) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_JOB_BY_RID);
    struct job_row row;
    struct store_job job;
    bind_int(s, 1, id_order(&m->id));
    int code = conn_next(&r->conn, SQL_JOB_BY_RID);
    if (code <= 0) {
        return code;
    }
    jobrow_read(s, &row);
    code = id_equal(&row.id, &m->id) ? reader_job(r, &row, a, &job) : 1;
    conn_reset(&r->conn, SQL_JOB_BY_RID);
    if (code == 0) {
        m->type = arena_str(a, job.spec.type);
        m->error = job.error;
        m->has_result = job.has_result;
        m->result_size = job.result_size;
        code = m->type == NULL ? conn_no_memory(&r->conn) : 0;
    }
    return code < 0 ? code : 0;
}

int read_flow_ended(struct reader *r, struct store_op *op) {
    struct store_flow_ended *e = CONTAINER_OF(op, struct store_flow_ended, op);
    struct flow_row f;
    e->count = 0;
    e->more = false;
    e->next_cursor = e->cursor;
    if (e->limit < 1 || e->limit > STORE_FLOW_PAGE_MAX) {
        return err_set(&op->err, -EINVAL, "limit must be 1 to %d", STORE_FLOW_PAGE_MAX);
    }
    int code = find(r, op, &e->id, &f);
    e->members = arena_zalloc(&op->arena, e->limit * sizeof *e->members);
    if (code < 0 || e->members == NULL) {
        return code < 0 ? code : conn_no_memory(&r->conn);
    }
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_FLOW_ENDED);
    bind_int(s, 1, f.rid);
    bind_int(s, 2, (int64_t)e->cursor);
    bind_int(s, 3, e->limit);
    while (e->count < e->limit && (code = conn_next(&r->conn, SQL_FLOW_ENDED)) > 0) {
        struct store_flow_member *m = &e->members[e->count++];
        e->next_cursor = (uint64_t)sqlite3_column_int64(s, 0);
        (void)column_id(s, 1, &m->id);
        m->state = (enum job_state)sqlite3_column_int(s, 2);
    }
    conn_reset(&r->conn, SQL_FLOW_ENDED);
    e->more = (int64_t)e->next_cursor < f.listed;
    for (size_t i = 0; i < e->count && code >= 0; i++) {
        code = fill(r, &op->arena, &e->members[i]);
    }
    return code < 0 ? code : 0;
}
