#include <stdio.h>

#include "store/breakers.h"
#include "store/sqlite/fsck.h"

static int run(struct fsck *f, sqlite3_stmt *s) {
    int rc = sqlite3_step(s);
    (void)sqlite3_finalize(s);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : conn_fail(f->conn, rc);
}

static sqlite3_stmt *prepare(struct fsck *f, const char *sql) {
    sqlite3_stmt *s = NULL;
    return sqlite3_prepare_v2(f->conn->db, sql, -1, &s, NULL) == SQLITE_OK ? s : NULL;
}

// A closed one is not there: what waits for it goes on.
static int close_it(struct fsck *f, const char *name) {
    sqlite3_stmt *s = prepare(f, "DELETE FROM breakers WHERE name = ?1");
    bind_text(s, 1, name);
    return run(f, s);
}

// The next may go.
static int give_up_probe(struct fsck *f, const char *name, struct breaker *b) {
    char text[STORE_BREAKER_TEXT_MAX];
    sqlite3_stmt *s = prepare(f, "UPDATE breakers SET state = ?2, rest_ms = ?3 WHERE name = ?1");
    (void)breaker_abandoned(b, b->probe);
    store_breaker_write(b, text);
    bind_text(s, 1, name);
    bind_bytes(s, 2, (struct bytes){text, strlen(text)});
    bind_int(s, 3, breaker_rest_ms(b));
    return run(f, s);
}

static int is_over(struct fsck *f, uint64_t job, bool *ret) {
    sqlite3_stmt *s = prepare(f, "SELECT 1 FROM jobs WHERE rid = ?1 AND state <= 3");
    bind_int(s, 1, (int64_t)job);
    int rc = sqlite3_step(s);
    *ret = rc == SQLITE_DONE;
    (void)sqlite3_finalize(s);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : conn_fail(f->conn, rc);
}

static int check_probe(struct fsck *f, const char *name, struct breaker *b) {
    uint64_t job = store_breaker_probe(b, f->op->op.now_ms);
    bool over = false;
    int r = job == 0 ? 0 : is_over(f, job, &over);
    if (r < 0 || !over) {
        return r;
    }
    r = f->repair ? give_up_probe(f, name, b) : 0;
    return r < 0 ? r
                 : fsck_report(f, "breaker_probe_lost", NULL, f->repair,
                               "%s: the job that tries it is over, or there is none", name);
}

static int each(struct fsck *f, sqlite3_stmt *s) {
    const char *name = column_text(s, 0);
    struct breaker b;
    if (name == NULL) {
        return conn_no_memory(f->conn);
    }
    const char *fault =
        store_breaker_fault(bytes_of(name), column_bytes(s, 1), f->op->op.now_ms, &b);
    if (fault == NULL && sqlite3_column_int64(s, 2) != breaker_rest_ms(&b)) {
        fault = "its row is to be forgotten at another time than its state says";
    }
    if (fault == NULL) {
        return check_probe(f, name, &b);
    }
    int r = f->repair ? close_it(f, name) : 0;
    return r < 0
               ? r
               : fsck_report(f, "breaker_damaged", NULL, f->repair, "\"%.200s\": %s", name, fault);
}

// Sorted by an expression: all of them are known before the first is mended.
int fsck_breakers(struct fsck *f) {
    return fsck_query(f, "SELECT name, state, rest_ms FROM breakers ORDER BY name || ''", each);
}
