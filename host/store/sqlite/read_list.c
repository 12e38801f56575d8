#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/filter.h"
#include "store/sqlite/ops.h"
#include "store/sqlite/place.h"
#include "store/sqlite/reader.h"

enum { LIST_MAX = 1000, ROWS_BETWEEN_LOOKS = 64 };

// A list is one walk over row numbers, downwards; the filter picks the narrowest list and is then
// applied to every row, so a list is only ever a shortcut. The cursor is the number of the last row
// looked at, which is why a page can end anywhere.

struct listing {
    struct reader *r;
    struct store_list *list;
    int64_t last;         /* row number looked at last; the walk goes on below it */
    int64_t floor;        /* no row below can match                               */
    bool full;            /* the page is                                          */
    struct arena scratch; /* for a row of which it is not known whether it matches */
    uint32_t looked;
};

// One row. 1 = go on, 0 = the page ends here.
static int look(struct listing *l, const struct job_row *row) {
    struct store_list *list = l->list;
    struct store_job job;
    if (list->count == list->limit) {
        l->full = true;
        return 0;
    }
    if (row->rid < l->floor) {
        return 0;
    }
    if (++l->looked % ROWS_BETWEEN_LOOKS == 0 && reader_is_late(l->r)) {
        list->partial = l->full = true;
        return 0;
    }
    arena_reset(&l->scratch); // a search may look at millions
    int code = reader_job(l->r, row, &l->scratch, &job);
    if (code == 0 && filter_matches(&list->filter, list->op.scope, &job)) {
        code = reader_job(l->r, row, &list->op.arena, &list->jobs[list->count++]);
    }
    l->last = row->rid;
    return code < 0 ? code : 1;
}

static int walk_sql(struct listing *l, enum sql_id id) {
    sqlite3_stmt *s = conn_stmt(&l->r->conn, id);
    int code = 0;
    bind_int(s, 1, l->last);
    while ((code = conn_next(&l->r->conn, id)) > 0) {
        struct job_row row;
        jobrow_read(s, &row);
        code = look(l, &row);
        if (code <= 0) {
            break;
        }
    }
    conn_reset(&l->r->conn, id);
    if (code == -ETIMEDOUT) { // SQLite itself was interrupted between two rows
        l->list->partial = l->full = true;
        return 0;
    }
    return code;
}

static int newest_first(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

// Row numbers of all that may be running: claims, and rows that say so. Caller frees.
static int running_rids(struct reader *r, int64_t **ret, size_t *ret_count) {
    size_t cap = r->view_count + 64, count = 0;
    int64_t *rids = malloc(cap * sizeof *rids);
    int code = rids == NULL ? -ENOMEM : 0;
    for (size_t i = 0; i < r->view_count && code == 0; i++) {
        rids[count++] = r->view[i].rid;
    }
    bind_int(conn_stmt(&r->conn, SQL_BEFORE), 1, PLACE_RUNNING);
    bind_int(conn_stmt(&r->conn, SQL_BEFORE), 2, INT64_MAX);
    while (code == 0 && (code = conn_next(&r->conn, SQL_BEFORE)) > 0) {
        code = 0;
        if (count == cap) {
            cap *= 2;
            int64_t *more = realloc(rids, cap * sizeof *more);
            code = more == NULL ? -ENOMEM : 0;
            rids = more == NULL ? rids : more;
        }
        if (code == 0) {
            rids[count++] = sqlite3_column_int64(conn_stmt(&r->conn, SQL_BEFORE), 0);
        }
    }
    conn_reset(&r->conn, SQL_BEFORE);
    if (code < 0) {
        free(rids);
        return code == -ENOMEM ? err_set(&r->conn.err, code, "out of memory") : code;
    }
    qsort(rids, count, sizeof *rids, newest_first);
    *ret = rids;
    *ret_count = count;
    return 0;
}

static int walk_running(struct listing *l) {
    int64_t *rids = NULL;
    size_t count = 0;
    int code = running_rids(l->r, &rids, &count);
    int64_t done = l->last;
    for (size_t i = 0; i < count && code >= 0; i++) {
        if (rids[i] >= done) {
            continue; // on an earlier page, or both claimed and written
        }
        done = rids[i];
        sqlite3_stmt *s = conn_stmt(&l->r->conn, SQL_JOB_BY_RID);
        bind_int(s, 1, rids[i]);
        code = conn_next(&l->r->conn, SQL_JOB_BY_RID);
        if (code > 0) {
            struct job_row row;
            jobrow_read(s, &row);
            code = look(l, &row);
            conn_reset(&l->r->conn, SQL_JOB_BY_RID);
            if (code == 0) {
                break;
            }
        }
    }
    free(rids);
    return code;
}

static int walk_list(struct listing *l, enum place_list kind, const char *text, int64_t number) {
    sqlite3_stmt *s = conn_stmt(&l->r->conn, SQL_LIST_OF);
    bind_int(s, 2, kind);
    if (text != NULL) {
        bind_text(s, 3, text);
    } else {
        bind_int(s, 3, number);
    }
    return walk_sql(l, SQL_LIST_OF);
}

static int walk(struct listing *l) {
    const struct store_filter *f = &l->list->filter;
    if (f->state == JOB_RUNNING) {
        return walk_running(l);
    }
    if (!id_is_zero(&f->parent)) {
        return walk_list(l, PLACE_LIST_PARENT, NULL, id_order(&f->parent));
    }
    if (place_is_listed(f->state)) {
        return walk_list(l, PLACE_LIST_STATE, NULL, f->state);
    }
    const struct store_scope *scope = l->list->op.scope;
    const char *tenant = scope != NULL && scope->tenant != NULL ? scope->tenant : f->tenant;
    return tenant != NULL ? walk_list(l, PLACE_LIST_TENANT, tenant, 0) : walk_sql(l, SQL_LIST_ALL);
}

// The smallest row number that a job created at that time can have.
static int64_t rid_at(int64_t unix_ms) {
    struct job_id id = {{0}};
    for (int i = 0; i < 6; i++) {
        id.b[i] = (uint8_t)((uint64_t)unix_ms >> (40 - 8 * i));
    }
    id.b[6] = 0x70;
    id.b[8] = 0x80;
    return id_order(&id);
}

static int start_of(struct listing *l, struct store_op *op) {
    const struct store_list *list = l->list;
    l->last = INT64_MAX;
    if (list->filter.created_before_ms > 0) {
        l->last = rid_at(list->filter.created_before_ms);
    }
    if (list->filter.created_after_ms > 0) {
        l->floor = rid_at(list->filter.created_after_ms);
    }
    if (list->cursor != NULL) {
        char *end = NULL;
        errno = 0;
        int64_t at = strtoll(list->cursor, &end, 16);
        if (errno != 0 || *list->cursor == '\0' || *end != '\0' || at <= 0) {
            return err_set(&op->err, -EINVAL, "the cursor is not one of this store's");
        }
        l->last = at < l->last ? at : l->last;
    }
    return 0;
}

int read_list(struct reader *r, struct store_op *op) {
    struct store_list *list = CONTAINER_OF(op, struct store_list, op);
    struct listing l = {.r = r, .list = list};
    list->count = 0;
    list->next_cursor = NULL;
    list->partial = false;
    if (list->limit < 1 || list->limit > LIST_MAX) {
        return err_set(&op->err, -EINVAL, "limit must be 1 to %d", LIST_MAX);
    }
    int code = start_of(&l, op);
    if (code < 0) {
        return code;
    }
    list->jobs = arena_alloc(&op->arena, list->limit * sizeof *list->jobs);
    code = list->jobs == NULL ? err_set(&op->err, -ENOMEM, "out of memory") : walk(&l);
    arena_free(&l.scratch);
    if (code >= 0 && l.full) {
        list->next_cursor = arena_printf(&op->arena, "%" PRIx64, (uint64_t)l.last);
        code = list->next_cursor == NULL ? err_set(&op->err, -ENOMEM, "out of memory") : 0;
    }
    return code < 0 ? code : 0;
}
