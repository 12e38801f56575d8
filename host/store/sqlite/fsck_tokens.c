#include <errno.h>

#include "store/sqlite/fsck.h"
#include "store/tokens.h"

static int drop(struct fsck *f, const char *id) {
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(f->conn->db, "DELETE FROM tokens WHERE id = ?1", -1, &s, NULL);
    if (rc == SQLITE_OK) {
        bind_text(s, 1, id);
        rc = sqlite3_step(s);
    }
    (void)sqlite3_finalize(s);
    return rc == SQLITE_DONE ? 0 : conn_fail(f->conn, rc);
}

static int each(struct fsck *f, sqlite3_stmt *s) {
    struct store_token token = {.id = column_text(s, 0), .expires_ms = sqlite3_column_int64(s, 1)};
    if (token.id == NULL) {
        return conn_no_memory(f->conn);
    }
    int r = store_token_read(column_bytes(s, 2), &f->scratch, &token);
    arena_reset(&f->scratch);
    if (r == 0 || r == -ENOMEM) {
        return r == 0 ? 0 : conn_no_memory(f->conn);
    }
    r = f->repair ? drop(f, token.id) : 0;
    return r < 0 ? r
                 : fsck_report(f, "token_damaged", NULL, f->repair,
                               "token %.64s cannot be read, so nobody is let in by it", token.id);
}

// Sorted by an expression: all of them are known before the first is mended.
int fsck_tokens(struct fsck *f) {
    return fsck_query(f, "SELECT id, expires_ms, data FROM tokens ORDER BY id || ''", each);
}
