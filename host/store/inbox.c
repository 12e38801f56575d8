#include "store/inbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ADD, TRIM, LIST, GET, STATEMENTS };

#define COLUMNS                                                                                    \
    "id, hook, kind, at_ms, verdict, failed, detail, scheme, key, status, peer, method, "          \
    "target, job, body_size, ident"

static const char *const texts[STATEMENTS] = {
    [ADD] = "INSERT OR REPLACE INTO delivery (" COLUMNS ", headers, body) VALUES "
            "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
    [TRIM] = "DELETE FROM delivery WHERE hook = ?1 AND kind = ?2 AND id <= (SELECT id FROM "
             "delivery WHERE hook = ?1 AND kind = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
    [LIST] = "SELECT " COLUMNS ", NULL, NULL FROM delivery WHERE (?1 IS NULL OR hook = ?1) AND "
             "(?2 < 0 OR (kind > 0) = ?2) AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4",
    [GET] = "SELECT " COLUMNS ", headers, body FROM delivery WHERE id = ?1",
};

struct inbox {
    sqlite3 *db;
    sqlite3_stmt *stmt[STATEMENTS];
};

static int fail(const struct inbox *inbox, struct err *e) {
    int rc = inbox->db == NULL ? SQLITE_NOMEM : sqlite3_errcode(inbox->db);
    int code = rc == SQLITE_NOMEM ? -ENOMEM : rc == SQLITE_FULL ? -ENOSPC : -EIO;
    return err_set(e, code, "the inbox: %s",
                   inbox->db == NULL ? "out of memory" : sqlite3_errmsg(inbox->db));
}

/* ---- opening ---- */

static int prepare(struct inbox *inbox, struct err *e) {
    for (int i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(inbox->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &inbox->stmt[i],
                               NULL) != SQLITE_OK) {
            return fail(inbox, e);
        }
    }
    return 0;
}

static int set_up(struct inbox *inbox, int64_t now_ms, struct err *e) {
    static const char schema[] =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = "
        "1048576;"
        "CREATE TABLE IF NOT EXISTS delivery (id BLOB PRIMARY KEY, hook TEXT NOT NULL, kind "
        "INTEGER NOT NULL, at_ms INTEGER NOT NULL, verdict TEXT NOT NULL, failed TEXT, detail "
        "TEXT, "
        "scheme TEXT, key INTEGER NOT NULL, status INTEGER NOT NULL, peer TEXT NOT NULL, method "
        "TEXT "
        "NOT NULL, target TEXT NOT NULL, job TEXT, body_size INTEGER NOT NULL, ident TEXT, headers "
        "TEXT NOT "
        "NULL, body BLOB);"
        "CREATE INDEX IF NOT EXISTS delivery_of_hook ON delivery (hook, kind, id);";
    char *old = sqlite3_mprintf("DELETE FROM delivery WHERE at_ms < %lld",
                                (long long)(now_ms - INBOX_KEPT_DAYS * INT64_C(86400000)));
    bool good = old != NULL && sqlite3_busy_timeout(inbox->db, 1000) == SQLITE_OK &&
                sqlite3_exec(inbox->db, schema, NULL, NULL, NULL) == SQLITE_OK &&
                sqlite3_exec(inbox->db, old, NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_free(old);
    return good ? prepare(inbox, e) : fail(inbox, e);
}

int inbox_open(const char *path, int64_t now_ms, struct inbox **ret, struct err *e) {
    struct inbox *inbox = calloc(1, sizeof *inbox);
    *ret = NULL;
    if (inbox == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); // nobody else is to read deliveries
    if (fd < 0) {
        free(inbox);
        return err_errno(e, -errno, "%s", path);
    }
    (void)close(fd);
    int r = sqlite3_open_v2(path, &inbox->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
                    SQLITE_OK
                ? set_up(inbox, now_ms, e)
                : fail(inbox, e);
    if (r != 0) {
        inbox_close(&inbox);
    }
    *ret = inbox;
    return r;
}

void inbox_close(struct inbox **inbox) {
    if (*inbox != NULL) {
        for (int i = 0; i < STATEMENTS; i++) {
            (void)sqlite3_finalize((*inbox)->stmt[i]);
        }
        (void)sqlite3_close((*inbox)->db);
        free(*inbox);
    }
    *inbox = NULL;
}

/* ---- writing ---- */

static void bind_word(sqlite3_stmt *s, int at, const char *text) {
    (void)sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC); // NULL binds NULL
}

static bool run(sqlite3_stmt *s) {
    bool done = sqlite3_step(s) == SQLITE_DONE;
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return done;
}

static bool add_one(struct inbox *inbox, const struct inbox_entry *entry) {
    sqlite3_stmt *s = inbox->stmt[ADD];
    const struct {
        int at;
        const char *text;
    } words[] = {{2, entry->hook},   {5, entry->verdict}, {6, entry->check},   {7, entry->detail},
                 {8, entry->scheme}, {11, entry->peer},   {12, entry->method}, {13, entry->target},
                 {14, entry->job},   {16, entry->ident},  {17, entry->headers}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        bind_word(s, words[i].at, words[i].text);
    }
    (void)sqlite3_bind_blob(s, 1, entry->id.b, (int)sizeof entry->id.b, SQLITE_STATIC);
    (void)sqlite3_bind_int64(s, 3, entry->kind);
    (void)sqlite3_bind_int64(s, 4, entry->at_ms);
    (void)sqlite3_bind_int64(s, 9, entry->key);
    (void)sqlite3_bind_int64(s, 10, entry->status);
    (void)sqlite3_bind_int64(s, 15, entry->body_size);
    (void)sqlite3_bind_blob64(s, 18, entry->body.len == 0 ? NULL : entry->body.data,
                              entry->body.len, SQLITE_STATIC);
    return run(s);
}

static bool trim(struct inbox *inbox, const struct inbox_entry *entry) {
    sqlite3_stmt *s = inbox->stmt[TRIM];
    bind_word(s, 1, entry->hook);
    (void)sqlite3_bind_int64(s, 2, entry->kind);
    (void)sqlite3_bind_int64(s, 3, entry->keep);
    return run(s);
}

/* Those of one hook and kind come one after the other: one look at them is enough. */
static bool is_last(const struct inbox_entry *const *entries, size_t count, size_t i) {
    return i + 1 == count || entries[i + 1]->kind != entries[i]->kind ||
           strcmp(entries[i + 1]->hook, entries[i]->hook) != 0;
}

int inbox_add(struct inbox *inbox, const struct inbox_entry *const *entries, size_t count,
              struct err *e) {
    bool good = sqlite3_exec(inbox->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    for (size_t i = 0; good && i < count; i++) {
        good =
            add_one(inbox, entries[i]) && (!is_last(entries, count, i) || trim(inbox, entries[i]));
    }
    if (good && sqlite3_exec(inbox->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
        return 0;
    }
    int r = fail(inbox, e);
    (void)sqlite3_exec(inbox->db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

/* ---- reading ---- */

static const char *text_at(sqlite3_stmt *s, int at) {
    return (const char *)sqlite3_column_text(s, at);
}

static void tell(sqlite3_stmt *s, void (*each)(void *arg, const struct inbox_entry *entry),
                 void *arg) {
    struct inbox_entry entry = {
        .hook = text_at(s, 1),
        .kind = sqlite3_column_int(s, 2),
        .at_ms = sqlite3_column_int64(s, 3),
        .verdict = text_at(s, 4),
        .check = text_at(s, 5),
        .detail = text_at(s, 6),
        .scheme = text_at(s, 7),
        .key = sqlite3_column_int64(s, 8),
        .status = sqlite3_column_int64(s, 9),
        .peer = text_at(s, 10),
        .method = text_at(s, 11),
        .target = text_at(s, 12),
        .job = text_at(s, 13),
        .body_size = sqlite3_column_int64(s, 14),
        .ident = text_at(s, 15),
        .headers = text_at(s, 16),
        .body = {sqlite3_column_blob(s, 17), (size_t)sqlite3_column_bytes(s, 17)},
    };
    if (sqlite3_column_bytes(s, 0) == (int)sizeof entry.id.b) {
        memcpy(entry.id.b, sqlite3_column_blob(s, 0), sizeof entry.id.b);
    }
    each(arg, &entry);
}

/* Tells of every row. How many, or negative. */
static int tell_all(struct inbox *inbox, sqlite3_stmt *s,
                    void (*each)(void *arg, const struct inbox_entry *entry), void *arg,
                    struct err *e) {
    int rows = 0, rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        tell(s, each, arg);
        rows++;
    }
    int r = rc == SQLITE_DONE ? rows : fail(inbox, e);
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return r;
}

int inbox_list(struct inbox *inbox, const struct inbox_query *q,
               void (*each)(void *arg, const struct inbox_entry *entry), void *arg, struct err *e) {
    sqlite3_stmt *s = inbox->stmt[LIST];
    bind_word(s, 1, q->hook);
    (void)sqlite3_bind_int(s, 2, q->refused);
    if (q->before != NULL) {
        (void)sqlite3_bind_blob(s, 3, q->before->b, (int)sizeof q->before->b, SQLITE_STATIC);
    }
    (void)sqlite3_bind_int64(s, 4, q->limit);
    int r = tell_all(inbox, s, each, arg, e);
    return r < 0 ? r : 0;
}

int inbox_get(struct inbox *inbox, const struct job_id *id,
              void (*each)(void *arg, const struct inbox_entry *entry), void *arg, struct err *e) {
    sqlite3_stmt *s = inbox->stmt[GET];
    (void)sqlite3_bind_blob(s, 1, id->b, (int)sizeof id->b, SQLITE_STATIC);
    int r = tell_all(inbox, s, each, arg, e);
    return r < 0 ? r : r == 0 ? err_set(e, -ENOENT, "there is no such delivery") : 0;
}
