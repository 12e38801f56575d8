/* FLOW_GET, FLOW_ENDED, FLOW_MEMBERS. */
#include <errno.h>

#include "store/scope.h"
#include "store/sqlite/flows.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"
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

static int check_limit(struct store_op *op, uint32_t limit) {
    return limit >= 1 && limit <= STORE_FLOW_PAGE_MAX
               ? 0
               : err_set(&op->err, -EINVAL, "limit must be 1 to %d", STORE_FLOW_PAGE_MAX);
}

// What the job is now, if it is there. `as_it_is`: its state too. 1 = it is in the operation's scope.
static int fill(struct reader *r, struct store_op *op, bool as_it_is, struct store_flow_member *m) {
    struct arena *a = &op->arena;
    bool is_in = op->scope == NULL;
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_JOB_BY_RID);
    struct job_row row;
    struct store_job job;
    bind_int(s, 1, id_order(&m->id));
    int code = conn_next(&r->conn, SQL_JOB_BY_RID);
    if (code <= 0) {
        return code < 0 ? code : is_in;
    }
    jobrow_read(s, &row);
    code = id_equal(&row.id, &m->id) ? reader_job(r, &row, a, &job) : 1;
    conn_reset(&r->conn, SQL_JOB_BY_RID);
    if (code == 0) {
        m->type = arena_str(a, job.spec.type);
        m->state = as_it_is ? job.state : m->state;
        m->error = job.error;
        m->has_result = job.has_result;
        m->result_size = job.result_size;
        is_in = store_scope_has_job(op->scope, &job.spec);
        code = m->type == NULL ? conn_no_memory(&r->conn) : 0;
    }
    return code < 0 ? code : is_in;
}

// All of a page, without those that are not in the scope.
static int fill_all(struct reader *r, struct store_op *op, bool as_they_are,
                    struct store_flow_member *members, size_t *count) {
    size_t kept = 0;
    int code = 0;
    for (size_t i = 0; i < *count && code >= 0; i++) {
        code = fill(r, op, as_they_are, &members[i]);
        if (code > 0) {
            members[kept++] = members[i];
        }
    }
    *count = kept;
    return code < 0 ? code : 0;
}

int read_flow_ended(struct reader *r, struct store_op *op) {
    struct store_flow_ended *e = CONTAINER_OF(op, struct store_flow_ended, op);
    struct flow_row f;
    e->count = 0;
    e->more = false;
    e->next_cursor = e->cursor;
    if (store_flow_check_page(e) < 0) {
        return -EINVAL;
    }
    int code = find(r, op, &e->id, &f);
    if (code < 0) {
        return code;
    }
    e->members = arena_zalloc(&op->arena, e->limit * sizeof *e->members);
    if (e->members == NULL) {
        return conn_no_memory(&r->conn);
    }
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_FLOW_ENDED);
    bind_int(s, 1, f.rid);
    bind_int(s, 2, (int64_t)e->cursor);
    bind_int(s, 3, e->limit);
    bind_int(s, 4, e->only);
    while (e->count < e->limit && (code = conn_next(&r->conn, SQL_FLOW_ENDED)) > 0) {
        struct store_flow_member *m = &e->members[e->count++];
        m->cursor = e->next_cursor = (uint64_t)sqlite3_column_int64(s, 0);
        (void)column_id(s, 1, &m->id);
        m->state = (enum job_state)sqlite3_column_int(s, 2);
    }
    conn_reset(&r->conn, SQL_FLOW_ENDED);
    e->more = e->count == e->limit &&
              (int64_t)e->next_cursor < f.listed; // the last may have been revived
    return code < 0 ? code : fill_all(r, op, false, e->members, &e->count);
}

// Ids first: reading a job uses another statement on the same rows.
static int last_made(struct reader *r, int64_t rid, struct store_flow_members *m) {
    sqlite3_stmt *s = conn_stmt(&r->conn, SQL_FLOW_LAST);
    int code = 0;
    bind_int(s, 1, PLACE_LIST_PARENT);
    bind_int(s, 2, rid);
    bind_int(s, 3, m->cursor == 0 ? INT64_MAX : (int64_t)m->cursor);
    bind_int(s, 4, HAS_FLOW);
    bind_int(s, 5, m->limit);
    while (m->count < m->limit && (code = conn_next(&r->conn, SQL_FLOW_LAST)) > 0) {
        struct store_flow_member *one = &m->members[m->count++];
        one->cursor = m->next_cursor = (uint64_t)sqlite3_column_int64(s, 0);
        (void)column_id(s, 1, &one->id);
    }
    conn_reset(&r->conn, SQL_FLOW_LAST);
    m->next_cursor = m->count < m->limit ? 0 : m->next_cursor;
    return code < 0 ? code : 0;
}

int read_flow_members(struct reader *r, struct store_op *op) {
    struct store_flow_members *m = CONTAINER_OF(op, struct store_flow_members, op);
    struct flow_row f;
    m->count = 0;
    m->next_cursor = 0;
    int code = check_limit(op, m->limit);
    code = code < 0 ? code : find(r, op, &m->id, &f);
    if (code < 0) {
        return code;
    }
    m->members = arena_zalloc(&op->arena, m->limit * sizeof *m->members);
    if (m->members == NULL) {
        return conn_no_memory(&r->conn);
    }
    code = last_made(r, f.rid, m);
    return code < 0 ? code : fill_all(r, op, true, m->members, &m->count);
}
