#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "store/blobfile.h"
#include "store/hash.h"
#include "store/sqlite/blobrow.h"
#include "store/sqlite/blobs.h"
#include "store/sqlite/fsck.h"

// How often each blob is named, by files of jobs, by results and by outputs; then compared with rows and files.
struct count {
    uint8_t sha256[32];
    uint64_t size;
    int64_t refs;
    bool has_row;
    UT_hash_handle hh;
};

struct counting {
    struct fsck *f;
    struct count *counts;
};

static void text_of(const uint8_t sha256[32], char out[17]) {
    for (size_t i = 0; i < 8; i++) {
        static const char digits[] = "0123456789abcdef";
        out[2 * i] = digits[sha256[i] >> 4];
        out[2 * i + 1] = digits[sha256[i] & 15];
    }
    out[16] = '\0';
}

static struct count *count_of(struct counting *c, const uint8_t sha256[32], bool make) {
    struct count *one = NULL;
    HASH_FIND(hh, c->counts, sha256, 32, one);
    if (one == NULL && make && (one = calloc(1, sizeof *one)) != NULL) {
        memcpy(one->sha256, sha256, sizeof one->sha256);
        HASH_ADD(hh, c->counts, sha256, sizeof one->sha256, one);
        if (hash_failed(&one->hh)) {
            free(one);
            one = NULL;
        }
    }
    return one;
}

static int add(struct counting *c, const struct blob_ref *blob) {
    struct count *one = count_of(c, blob->sha256, true);
    if (one == NULL) {
        return conn_no_memory(c->f->conn);
    }
    one->refs++;
    one->size = blob->size;
    return 0;
}

static int count_files(struct counting *c, sqlite3_stmt *s) {
    struct job_row row;
    struct job_spec spec;
    jobrow_read(s, &row);
    arena_reset(&c->f->scratch);
    int r = jobrow_spec(&row, &c->f->scratch, &spec);
    for (size_t i = 0; r == 0 && i < spec.file_count; i++) {
        r = add(c, &spec.files[i].blob);
    }
    return r == -EBADMSG ? 0 : r; // fsck_jobs() has reported it
}

static int count_parcel(struct counting *c, sqlite3_stmt *s) {
    struct job_spec spec;
    arena_reset(&c->f->scratch);
    int r = jobrow_parcel(column_bytes(s, 0), &c->f->scratch, &spec);
    for (size_t i = 0; r == 0 && i < spec.file_count; i++) {
        r = add(c, &spec.files[i].blob);
    }
    return r == -EBADMSG ? 0 : r; // fsck_outbox() has reported it
}

static int count_named(struct counting *c, sqlite3_stmt *s) {
    struct blob_ref blob;
    return blobrow_column(s, 0, &blob) ? add(c, &blob) : 0;
}

static int each_row(struct counting *c, const char *sql,
                    int (*each)(struct counting *c, sqlite3_stmt *s)) {
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(c->f->conn->db, sql, -1, &s, NULL);
    int r = 0;
    while (rc == SQLITE_OK && r == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        r = each(c, s);
        rc = SQLITE_OK;
    }
    r = r == 0 && rc != SQLITE_OK && rc != SQLITE_DONE ? conn_fail(c->f->conn, rc) : r;
    (void)sqlite3_finalize(s);
    return r;
}

static int mend_refs(struct fsck *f, const uint8_t sha256[32], int64_t refs) {
    sqlite3_stmt *s = conn_stmt(f->conn, SQL_BLOB_REFS);
    bind_bytes(s, 1, (struct bytes){sha256, 32});
    bind_int(s, 2, refs);
    bind_set(s, 3, refs == 0 ? f->op->op.now_ms : 0);
    return conn_run(f->conn, SQL_BLOB_REFS);
}

// A row of `blobs`: its count, and its file.
static int check_row(struct counting *c, sqlite3_stmt *s) {
    struct fsck *f = c->f;
    struct bytes sha = column_bytes(s, 0);
    int64_t size = sqlite3_column_int64(s, 1), refs = sqlite3_column_int64(s, 2);
    struct count *one = sha.len == 32 ? count_of(c, sha.data, true) : NULL;
    char text[17];
    if (one == NULL) {
        return sha.len == 32 ? -ENOMEM : 0;
    }
    one->has_row = true;
    f->op->blobs_checked++;
    text_of(one->sha256, text);
    int r = 0;
    if (refs != one->refs) {
        r = f->repair ? mend_refs(f, one->sha256, one->refs) : 0;
        r = r < 0 ? r
                  : fsck_report(f, "blob_refs", NULL, f->repair,
                                "%s: named %" PRId64 " times, the row says %" PRId64, text,
                                one->refs, refs);
    }
    int64_t found = r < 0 ? 0 : blobfile_size(f->w->blobs->dir, one->sha256);
    if (r == 0 && found != size) {
        r = fsck_report(f, found < 0 ? "missing_blob" : "blob_size", NULL, false,
                        "%s: %" PRId64 " bytes expected", text, size);
    }
    return r;
}

// Named by a job, and the table does not know of it.
static int check_unknown(struct counting *c) {
    for (struct count *one = c->counts; one != NULL; one = one->hh.next) {
        char text[17];
        if (one->has_row) {
            continue;
        }
        text_of(one->sha256, text);
        bool there = blobfile_size(c->f->w->blobs->dir, one->sha256) == (int64_t)one->size;
        int r = 0;
        if (c->f->repair && there) {
            struct blob_ref blob = {.size = one->size};
            memcpy(blob.sha256, one->sha256, sizeof blob.sha256);
            r = blobrow_add(c->f->w, &blob, c->f->op->op.now_ms);
            r = r < 0 ? r : mend_refs(c->f, one->sha256, one->refs);
        }
        r = r < 0 ? r
                  : fsck_report(c->f, there ? "blob_without_row" : "missing_blob", NULL,
                                c->f->repair && there, "%s is named %" PRId64 " times", text,
                                one->refs);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

// A file that no row knows: left by a crash between its rename and its registration. A young one
// may just be on its way.
static int check_file(void *arg, const uint8_t sha256[32], uint64_t size, int64_t changed_ms) {
    struct counting *c = arg;
    char text[17];
    if (count_of(c, sha256, false) != NULL || c->f->op->op.now_ms - changed_ms < BLOBROW_IDLE_MS) {
        return 0;
    }
    if (c->f->repair) {
        blobs_unlink(c->f->w->blobs, sha256);
    }
    text_of(sha256, text);
    return fsck_report(c->f, "orphan_blob", NULL, c->f->repair, "%s, %" PRIu64 " bytes", text,
                       size);
}

int fsck_blobs(struct fsck *f) {
    struct counting c = {.f = f};
    int r =
        each_row(&c, "SELECT " ROW_COLUMNS ", " ROW_SIZE " FROM jobs WHERE has & 2", count_files);
    r = r < 0 ? r : each_row(&c, "SELECT data FROM outbox", count_parcel);
    r = r < 0 ? r
              : each_row(&c, "SELECT size, sha256 FROM results WHERE sha256 IS NOT NULL",
                         count_named);
    r = r < 0 ? r : each_row(&c, "SELECT size, sha256 FROM outputs", count_named);
    r = r < 0 ? r
              : each_row(&c, "SELECT sha256, size, refs FROM blobs ORDER BY size + 0", check_row);
    r = r < 0 ? r : check_unknown(&c);
    r = r < 0 ? r : blobfile_each(f->w->blobs->dir, check_file, &c);
    struct count *one = c.counts;
    HASH_CLEAR(hh, c.counts);
    while (one != NULL) {
        struct count *next = one->hh.next;
        free(one);
        one = next;
    }
    return r == -ENOENT ? 0 : r; // a store that never had a blob
}
