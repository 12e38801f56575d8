/* A thread that only reads, on a connection of its own: it sees committed transactions, waits for
 * no writer, and stops at the deadline of each operation. There are two: one for what is found at
 * once, one for searches (ops.h).
 *
 * While a transaction reads, the write-ahead log cannot start anew. So when it has grown crowded,
 * a list that has had its time ends its page early and the next one waits until the log is short
 * again: the writer never waits, and the log stays bounded however much is listed.
 *
 * What rows do not say (claims.h) it takes from a copy made *before* its snapshot of the file
 * begins: so what a copied claim says was true at that moment, unless the snapshot shows that the
 * row has moved on since. */
#ifndef JOBHOST_STORE_SQLITE_READER_H
#define JOBHOST_STORE_SQLITE_READER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/sqlite/conn.h"
#include "store/sqlite/inlet.h"
#include "store/sqlite/jobrow.h"
#include "store/sqlite/writer.h"

struct reader {
    const char *name; /* of the thread */
    struct conn conn;
    struct inlet in;
    struct outlet *outlet;
    struct writer *writer; /* its shared parts */
    const char *path, *blob_dir;
    pthread_t thread;
    bool running;
    int64_t deadline_mono_ms; /* of the operation in hand, */
    bool checking;            /* it is a check, which may take minutes: not while closing */
    int64_t yield_mono_ms;    /* and from when it makes room in a crowded log */
    struct claim_view *view;
    size_t view_count;
};

int reader_start(struct reader *r, struct err *e);
void reader_stop(struct reader *r);
void reader_finish(struct reader *r);

/* ---- for read_*.c ---- */

bool reader_is_late(struct reader *r);

/* Words of the connection's last failure into the operation; returns `code`. */
int reader_fail(struct reader *r, struct store_op *op, int code);

/* A column's text, copied. */
static inline const char *reader_text(sqlite3_stmt *s, int at, struct arena *a) {
    return arena_str(a, column_text(s, at));
}

/* A row and what is packed in it, as callers see it; copies into the arena. `payload` only if the
 * row has it. */
int reader_job(struct reader *r, const struct job_row *row, struct arena *a, struct store_job *ret);

/* Its claim, if the row belongs to one; else NULL. */
const struct claim_view *reader_claim(const struct reader *r, const struct job_row *row);

#endif
