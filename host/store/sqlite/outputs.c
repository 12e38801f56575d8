#include "store/sqlite/outputs.h"

#include "store/sqlite/blobrow.h"

// The job's output of that name: 1 and its blob, or 0.
static int find(struct writer *w, int64_t rid, const char *name, struct blob_ref *ret) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_OUTPUT_GET);
    bind_int(s, 1, rid);
    bind_text(s, 2, name);
    int r = conn_next(&w->conn, SQL_OUTPUT_GET);
    if (r > 0) {
        (void)blobrow_column(s, 1, ret);
        conn_reset(&w->conn, SQL_OUTPUT_GET);
    }
    return r;
}

static bool stands_earlier(const struct store_commit_item *item, size_t at) {
    for (size_t i = 0; i < at; i++) {
        if (strcmp(item->outputs[i].name, item->outputs[at].name) == 0) {
            return true;
        }
    }
    return false;
}

// Names that the job has not yet, each once.
static int count_new(struct writer *w, const struct job_row *row,
                     const struct store_commit_item *item, size_t *ret) {
    struct blob_ref blob;
    *ret = 0;
    for (size_t i = 0; i < item->output_count; i++) {
        int r = stands_earlier(item, i)         ? 1
                : (row->has & HAS_OUTPUTS) == 0 ? 0
                                                : find(w, row->rid, item->outputs[i].name, &blob);
        if (r < 0) {
            return r;
        }
        *ret += r == 0;
    }
    return 0;
}

int outputs_check(struct writer *w, const struct job_row *row, const struct job_life *life,
                  struct store_commit_item *item) {
    size_t more = item->output_count;
    int r = 0;
    for (size_t i = 0; i < item->output_count; i++) {
        r = blobrow_exists(w, &item->outputs[i].blob);
        if (r <= 0) {
            item->status = r == 0 ? -ENOENT : item->status;
            return r;
        }
    }
    r = 0;
    if (life->output_count + more > JOB_OUTPUTS_MAX) { // unless some of them replace others
        r = count_new(w, row, item, &more);
    }
    if (r == 0 && life->output_count + more > JOB_OUTPUTS_MAX) {
        item->status = -E2BIG;
    }
    return r;
}

static int put(struct writer *w, struct job_row *row, struct job_life *life,
               const struct store_output *output, int64_t now_ms) {
    struct blob_ref old = {.size = 0};
    int had = (row->has & HAS_OUTPUTS) == 0 ? 0 : find(w, row->rid, output->name, &old);
    int r = had < 0 ? had : blobrow_hold(w, &output->blob);
    r = r < 0 || had == 0 ? r : blobrow_release(w, &old, now_ms);
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_OUTPUT_PUT);
    bind_int(s, 1, row->rid);
    bind_text(s, 2, output->name);
    bind_text(s, 3, output->content_type);
    bind_int(s, 4, (int64_t)output->blob.size);
    bind_bytes(s, 5, (struct bytes){output->blob.sha256, sizeof output->blob.sha256});
    row->has |= HAS_OUTPUTS;
    life->output_count += had == 0;
    life->output_bytes += output->blob.size - old.size;
    return r < 0 ? r : conn_run(&w->conn, SQL_OUTPUT_PUT);
}

int outputs_apply(struct writer *w, struct job_row *row, struct job_life *life,
                  const struct store_commit_item *item, int64_t now_ms) {
    int r = 0;
    for (size_t i = 0; i < item->output_count && r == 0; i++) {
        r = put(w, row, life, &item->outputs[i], now_ms);
    }
    return r;
}

int outputs_release(struct writer *w, int64_t rid, int64_t now_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_OUTPUTS);
    int r;
    bind_int(s, 1, rid);
    while ((r = conn_next(&w->conn, SQL_OUTPUTS)) > 0) {
        struct blob_ref blob;
        (void)blobrow_column(s, 2, &blob);
        r = blobrow_release(w, &blob, now_ms);
        if (r < 0) {
            conn_reset(&w->conn, SQL_OUTPUTS);
            break;
        }
    }
    return r;
}

/* ------------------------------------------------------------------ reading */

int outputs_list(struct conn *c, int64_t rid, uint32_t count, struct arena *a,
                 struct store_output **ret, size_t *ret_count) {
    sqlite3_stmt *s = conn_stmt(c, SQL_OUTPUTS);
    size_t cap = count < JOB_OUTPUTS_MAX ? count : JOB_OUTPUTS_MAX;
    struct store_output *list = arena_alloc(a, (cap + 1) * sizeof *list);
    int r = 0;
    *ret = list;
    *ret_count = 0;
    if (list == NULL) {
        return conn_no_memory(c);
    }
    bind_int(s, 1, rid);
    while (r == 0 && *ret_count < cap && (r = conn_next(c, SQL_OUTPUTS)) > 0) {
        struct store_output *o = &list[(*ret_count)++];
        *o = (struct store_output){.name = arena_str(a, column_text(s, 0)),
                                   .content_type = arena_str(a, column_text(s, 1))};
        (void)blobrow_column(s, 2, &o->blob);
        bool typed = column_text(s, 1) != NULL;
        r = o->name == NULL || (typed && o->content_type == NULL) ? conn_no_memory(c) : 0;
    }
    conn_reset(c, SQL_OUTPUTS);
    return r;
}

int outputs_names(struct conn *c, int64_t rid, uint32_t count, struct arena *a, const char ***ret,
                  size_t *ret_count) {
    struct store_output *list = NULL;
    int r = outputs_list(c, rid, count, a, &list, ret_count);
    const char **names = r < 0 ? NULL : arena_alloc(a, (*ret_count + 1) * sizeof *names);
    *ret = names;
    if (names == NULL || list == NULL) {
        return r < 0 ? r : conn_no_memory(c);
    }
    for (size_t i = 0; i < *ret_count; i++) {
        names[i] = list[i].name;
    }
    return 0;
}
