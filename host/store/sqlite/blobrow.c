#include "store/sqlite/blobrow.h"

static struct bytes key_of(const struct blob_ref *blob) {
    return (struct bytes){blob->sha256, sizeof blob->sha256};
}

int blobrow_exists(struct writer *w, const struct blob_ref *blob) {
    bind_bytes(conn_stmt(&w->conn, SQL_BLOB_GET), 1, key_of(blob));
    int r = conn_next(&w->conn, SQL_BLOB_GET);
    if (r > 0) {
        conn_reset(&w->conn, SQL_BLOB_GET);
    }
    return r;
}

int blobrow_hold(struct writer *w, const struct blob_ref *blob) {
    bind_bytes(conn_stmt(&w->conn, SQL_BLOB_HOLD), 1, key_of(blob));
    return conn_run(&w->conn, SQL_BLOB_HOLD);
}

int blobrow_release(struct writer *w, const struct blob_ref *blob, int64_t now_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_BLOB_RELEASE);
    bind_bytes(s, 1, key_of(blob));
    bind_int(s, 2, now_ms);
    return conn_run(&w->conn, SQL_BLOB_RELEASE);
}

int blobrow_add(struct writer *w, const struct blob_ref *blob, int64_t now_ms) {
    int known = blobrow_exists(w, blob);
    if (known < 0) {
        return known;
    }
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_BLOB_ADD);
    bind_bytes(s, 1, key_of(blob));
    bind_int(s, 2, (int64_t)blob->size);
    bind_int(s, 3, now_ms);
    int r = conn_run(&w->conn, SQL_BLOB_ADD);
    return r < 0 || known > 0 ? r : writer_bytes(w, BUDGET_BLOBS, (int64_t)blob->size);
}

int blobrow_keep(struct writer *w, const struct blob_ref *blob, int64_t now_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_BLOB_KEEP);
    bind_bytes(s, 1, key_of(blob));
    bind_int(s, 2, now_ms);
    return conn_run(&w->conn, SQL_BLOB_KEEP);
}

int blobrow_release_result(struct writer *w, int64_t rid, int64_t now_ms) {
    sqlite3_stmt *s = conn_stmt(&w->conn, SQL_RESULT_HEAD);
    struct blob_ref blob;
    bind_int(s, 1, rid);
    int r = conn_next(&w->conn, SQL_RESULT_HEAD);
    if (r <= 0) {
        return r;
    }
    bool is_blob = blobrow_column(s, 1, &blob);
    conn_reset(&w->conn, SQL_RESULT_HEAD);
    return is_blob ? blobrow_release(w, &blob, now_ms)
                   : writer_bytes(w, BUDGET_RESULTS, -(int64_t)blob.size);
}
