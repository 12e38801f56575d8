/* The rows that count who names a blob file. A count of 0 starts the hour after which SWEEP deletes
 * row and file. */
#ifndef JOBHOST_STORE_SQLITE_BLOBROW_H
#define JOBHOST_STORE_SQLITE_BLOBROW_H

#include "store/sqlite/writer.h"

enum { BLOBROW_IDLE_MS = 60 * 60 * 1000 };

/* The columns (size, sha256) from `at` on. False when there is no hash: only the size is set. */
static inline bool blobrow_column(sqlite3_stmt *s, int at, struct blob_ref *ret) {
    struct bytes sha = column_bytes(s, at + 1);
    *ret = (struct blob_ref){.size = (uint64_t)sqlite3_column_int64(s, at)};
    if (sha.len != sizeof ret->sha256) {
        return false;
    }
    memcpy(ret->sha256, sha.data, sha.len);
    return true;
}

/* 1 = it is there, 0 = not. */
int blobrow_exists(struct writer *w, const struct blob_ref *blob);
int blobrow_hold(struct writer *w, const struct blob_ref *blob);
int blobrow_release(struct writer *w, const struct blob_ref *blob, int64_t now_ms);

/* Registers a file that nobody names yet, or starts its hour again. */
int blobrow_add(struct writer *w, const struct blob_ref *blob, int64_t now_ms);

/* Starts its hour again, if nobody names it. */
int blobrow_keep(struct writer *w, const struct blob_ref *blob, int64_t now_ms);

/* The blob that the job's result names, if it is one; also gives its inline bytes back to the
 * budget. */
int blobrow_release_result(struct writer *w, int64_t rid, int64_t now_ms);

#endif
