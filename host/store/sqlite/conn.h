/* One SQLite connection with all of its prepared statements, and SQLite's errors as negative errno
 * with words. A connection belongs to one thread at a time. */
#ifndef JOBHOST_STORE_SQLITE_CONN_H
#define JOBHOST_STORE_SQLITE_CONN_H

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "core/id.h"
#include "store/sqlite/sql.h"

struct conn {
    sqlite3 *db;
    sqlite3_stmt *stmt[SQL_COUNT];
    struct err err; /* of the last failure */
};

enum conn_mode { CONN_WRITER, CONN_READER };

/* Opens the file (a writer creates it) and sets what a connection of that kind needs. */
int conn_open(struct conn *c, const char *path, enum conn_mode mode, struct err *e);

/* Prepares every statement; the schema must be in place. */
int conn_prepare(struct conn *c, struct err *e);
void conn_close(struct conn *c);

/* Runs a statement that yields no row and resets it. 0 or negative errno, words in c->err. */
int conn_run(struct conn *c, enum sql_id id);

/* Steps: 1 = a row is there, 0 = the end, else negative errno. Reset unless 1. */
int conn_next(struct conn *c, enum sql_id id);

/* Runs text that yields no row of interest. */
int conn_exec(struct conn *c, const char *sql);

/* One integer of a one-row query; `def` when there is no row. */
int conn_number(struct conn *c, const char *sql, int64_t def, int64_t *ret);

/* What SQLite just answered (`rc`), as negative errno; fills c->err. */
int conn_fail(struct conn *c, int rc);

static inline int conn_no_memory(struct conn *c) {
    return err_set(&c->err, -ENOMEM, "out of memory");
}

static inline sqlite3_stmt *conn_stmt(struct conn *c, enum sql_id id) {
    return c->stmt[id];
}

static inline void conn_reset(struct conn *c, enum sql_id id) {
    (void)sqlite3_reset(c->stmt[id]);
}

/* ---- binding; everything bound is borrowed until the statement is reset ---- */

static inline void bind_int(sqlite3_stmt *s, int at, int64_t value) {
    (void)sqlite3_bind_int64(s, at, value);
}

/* 0 is stored as NULL: it takes no space and partial indexes leave it out. */
static inline void bind_set(sqlite3_stmt *s, int at, int64_t value) {
    (void)(value == 0 ? sqlite3_bind_null(s, at) : sqlite3_bind_int64(s, at, value));
}

static inline void bind_text(sqlite3_stmt *s, int at, const char *text) {
    (void)sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC); // NULL binds NULL
}

/* Empty binds NULL. */
static inline void bind_bytes(sqlite3_stmt *s, int at, struct bytes b) {
    (void)sqlite3_bind_blob64(s, at, b.len == 0 ? NULL : b.data, b.len, SQLITE_STATIC);
}

static inline void bind_id(sqlite3_stmt *s, int at, const struct job_id *id) {
    (void)sqlite3_bind_blob(s, at, id->b, (int)sizeof id->b, SQLITE_STATIC);
}

/* ---- columns; what they point to lives until the statement moves on ---- */

static inline struct bytes column_bytes(sqlite3_stmt *s, int at) {
    const void *data = sqlite3_column_blob(s, at);
    return (struct bytes){data, data == NULL ? 0 : (size_t)sqlite3_column_bytes(s, at)};
}

static inline const char *column_text(sqlite3_stmt *s, int at) {
    return (const char *)sqlite3_column_text(s, at);
}

/* False, and a zero id, when the column holds none. */
static inline bool column_id(sqlite3_stmt *s, int at, struct job_id *ret) {
    struct bytes b = column_bytes(s, at);
    *ret = (struct job_id){{0}};
    if (b.len != sizeof ret->b || b.data == NULL) {
        return false;
    }
    memcpy(ret->b, b.data, sizeof ret->b);
    return true;
}

#endif
