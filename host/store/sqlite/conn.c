#include "store/sqlite/conn.h"

#include <errno.h>
#include <stdio.h>

static const struct {
    int rc;
    int code;
} errno_of[] = {
    {SQLITE_IOERR, -EIO},    {SQLITE_CORRUPT, -EBADMSG},     {SQLITE_NOTADB, -EBADMSG},
    {SQLITE_NOMEM, -ENOMEM}, {SQLITE_INTERRUPT, -ETIMEDOUT}, {SQLITE_BUSY, -EBUSY},
    {SQLITE_LOCKED, -EBUSY}, {SQLITE_READONLY, -EROFS},      {SQLITE_CANTOPEN, -EACCES},
    {SQLITE_PERM, -EACCES},  {SQLITE_TOOBIG, -EFBIG},        {SQLITE_CONSTRAINT, -EEXIST}};

/* A full disk is an I/O error to SQLite when it is the file of shared memory that finds no room. */
static bool lacks_room(int rc, int extended) {
    return (rc & 0xff) == SQLITE_FULL || extended == SQLITE_IOERR_SHMSIZE;
}

int conn_fail(struct conn *c, int rc) {
    int code = -EIO;
    int extended = sqlite3_extended_errcode(c->db);
    if (lacks_room(rc, extended)) {
        return err_set(&c->err, -ENOSPC, "database: there is no room on its disk (SQLite code %d)",
                       extended);
    }
    for (size_t i = 0; i < ARRAY_LEN(errno_of); i++) {
        if (errno_of[i].rc == (rc & 0xff)) {
            code = errno_of[i].code;
        }
    }
    return err_set(&c->err, code, "database: %s (SQLite code %d)", sqlite3_errmsg(c->db), extended);
}

int conn_exec(struct conn *c, const char *sql) {
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : conn_fail(c, rc);
}

int conn_number(struct conn *c, const char *sql, int64_t def, int64_t *ret) {
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);
    if (rc != SQLITE_OK) {
        return conn_fail(c, rc);
    }
    rc = sqlite3_step(s);
    *ret = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : def;
    int r = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : conn_fail(c, rc);
    (void)sqlite3_finalize(s);
    return r;
}

int conn_run(struct conn *c, enum sql_id id) {
    int rc = sqlite3_step(c->stmt[id]);
    int r = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : conn_fail(c, rc);
    (void)sqlite3_reset(c->stmt[id]);
    return r;
}

int conn_next(struct conn *c, enum sql_id id) {
    int rc = sqlite3_step(c->stmt[id]);
    if (rc == SQLITE_ROW) {
        return 1;
    }
    int r = rc == SQLITE_DONE ? 0 : conn_fail(c, rc);
    (void)sqlite3_reset(c->stmt[id]);
    return r;
}

// Checkpoints are the writer's own decision (writer.c), so the automatic ones are off. The cache is
// small on purpose: after a commit that rebalanced a tree SQLite looks through all of it (measured:
// 64 MiB cost 15 % of the throughput), and what it does not hold is one read from the kernel's
// cache away. A reader's busy time only covers the moment in which the write-ahead log is set back.
static const char *const setup[] = {
    [CONN_WRITER] = "PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-8192;"
                    "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA busy_timeout=5000;"
                    "PRAGMA journal_size_limit=16777216",
    [CONN_READER] = "PRAGMA query_only=ON; PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY;"
                    "PRAGMA trusted_schema=OFF; PRAGMA busy_timeout=2000",
};

int conn_open(struct conn *c, const char *path, enum conn_mode mode, struct err *e) {
    static const int flags[] = {
        [CONN_WRITER] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
        [CONN_READER] = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
    };
    *c = (struct conn){.db = NULL};
    int rc = sqlite3_open_v2(path, &c->db, flags[mode], NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(c->db, setup[mode], NULL, NULL, NULL);
    }
    if (rc != SQLITE_OK) {
        int r = c->db == NULL ? -ENOMEM : conn_fail(c, rc);
        r = err_set(e, r, "%s: %s", path, c->db == NULL ? "out of memory" : c->err.msg);
        conn_close(c);
        return r;
    }
    return 0;
}

int conn_prepare(struct conn *c, struct err *e) {
    for (size_t i = 0; i < SQL_COUNT; i++) {
        int rc = sqlite3_prepare_v3(c->db, sql_text[i], -1, SQLITE_PREPARE_PERSISTENT, &c->stmt[i],
                                    NULL);
        if (rc != SQLITE_OK) {
            int r = conn_fail(c, rc);
            return err_set(e, r, "the database does not have the tables it should: %s", c->err.msg);
        }
    }
    return 0;
}

void conn_close(struct conn *c) {
    for (size_t i = 0; i < SQL_COUNT; i++) {
        (void)sqlite3_finalize(c->stmt[i]);
        c->stmt[i] = NULL;
    }
    (void)sqlite3_close(c->db);
    c->db = NULL;
}
