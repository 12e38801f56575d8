/* The thread that alone changes the database. It takes all operations that have gathered, runs each
 * in a savepoint of one transaction, commits once, and hands them all back:
 *
 *     inlet ──▶ [ BEGIN  op op op ...  COMMIT (fsync) ] ──▶ outlet ──▶ done() on the loop
 *
 * So the cost of the disk is shared by all who wait for it, and a failing operation takes back only
 * itself. While the disk refuses to be written, mutations answer -EROFS with the reason; once a
 * second the next one that comes is tried in earnest.
 *
 * The operations themselves are in op_*.c: `int op_x(struct writer *w, struct store_op *op)`, 0 or
 * negative errno with words in op->err; what a failed one wrote is rolled back, in the file and in
 * memory. */
#ifndef JOBHOST_STORE_SQLITE_WRITER_H
#define JOBHOST_STORE_SQLITE_WRITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "store/sqlite/claims.h"
#include "store/sqlite/conn.h"
#include "store/sqlite/inlet.h"
#include "store/sqlite/lanes.h"
#include "store/sqlite/outlet.h"
#include "store/sqlite/sync_hook.h"
#include "store/sqlite/undo.h"
#include "store/store.h"

enum {
    WRITER_GROUP_ITEMS = 4096, /* items in one transaction          */
    WRITER_RETRY_MS = 1000     /* between attempts while read-only  */
};

struct writer {
    struct conn conn;
    struct inlet in;
    struct outlet *outlet;
    const struct store_config *config;
    const struct env *env;      /* the disk's */
    const struct env *jobs_env; /* and that of jobs */
    int64_t once_ahead;         /* once.c: the wall clock's lead when the store was opened */
    pthread_t thread;
    bool running;
    struct blobs *blobs;

    /* shared with readers under `shared` */
    pthread_mutex_t shared;
    struct lanes lanes;
    struct claims claims;
    int64_t bytes_shown[BUDGET_COUNT];
    bool crowded;         /* the write-ahead log is long, */
    pthread_cond_t roomy; /* and not any more     */

    /* the writer's own */
    struct undo undo;
    struct arena scratch; /* reset for every operation */
    struct buf pack;      /* for one packed column at a time */
    int64_t bytes[BUDGET_COUNT];
    int64_t outbox;       /* rows of the outbox */
    int64_t limiter_room; /* so many more may be made before they are counted again */
    bool walks;           /* FLOW_CANCEL may have something to do */
    uint64_t walk;        /* FLOW_CANCEL: grows when one has to begin anew */
    int64_t boot;         /* number of this opening */
    bool events_pending; /* FORWARD may have something to do for events; it never says too little */
    int64_t due_reported;  /* the earliest due time the loop knows; 0 = none */
    struct store_op *head; /* this group's operations that are not answered yet */
    enum store_op_kind doing;
    bool bore;             /* it made jobs ready in another way than by a submit */
    bool committing;       /* all of it has been done, and COMMIT runs         */
    bool lent;             /* its claims have been answered            */
    struct lane **touched; /* lanes with newly ready jobs in this group */
    size_t touched_count, touched_cap;
    int64_t touched_due;
    struct doomed_blob *doomed; /* files to delete once this group is committed (op_blob.c) */
    bool recovered;             /* RECOVER has been through; under `shared` */
    bool degraded, corrupt;
    char reason[384];
    int64_t tried_mono_ms;
    int wal_pages;
    struct sync_hook sync_hook;
    bool wal_long; /* at the last commit */
};

/* Makes a zeroed writer one that writer_finish() takes. */
void writer_prepare(struct writer *w);

/* Reads what memory mirrors. The connection is open and the schema in place. Read-only: nothing is
 * written, and it is not started. */
int writer_init(struct writer *w, bool read_only, struct err *e);
int writer_start(struct writer *w, struct err *e);

/* Any thread. Is the write-ahead log so long that lists should make room? Waits up to `wait_ms` for
 * the end of that; if it does not come nobody writes, and lists may go on until somebody does. */
bool writer_is_crowded(struct writer *w, int wait_ms);

/* Lets it finish what was posted and joins it. */
void writer_stop(struct writer *w);
void writer_finish(struct writer *w);

/* Writes the counters that changed into their rows, as every group does at its end. */
int writer_save(struct writer *w);

/* ---- for op_*.c: changes of memory that follow the transaction ---- */

/* The lane, with its rows in place. */
int writer_lane(struct writer *w, const char *queue, const char *type, struct lane **ret);
int writer_queue(struct writer *w, const char *name, struct queue **ret);
int writer_count(struct writer *w, struct lane *lane, enum job_priority p, int from, int to);
int writer_bytes(struct writer *w, enum store_budget budget, int64_t delta);

/* Would `more` bytes go over the budget? */
bool writer_over(const struct writer *w, enum store_budget budget, int64_t more);

/* Somebody may look for jobs in the lane. */
void writer_touch(struct writer *w, struct lane *lane);

/* A job became ready in a place (place.h), or will be due. */
void writer_ready(struct writer *w, struct lane *lane, enum job_priority p, int64_t place,
                  struct band at);
void writer_due(struct writer *w, int64_t at_ms);

int writer_claim_add(struct writer *w, struct claim *claim);
int writer_claim_end(struct writer *w, struct claim *claim);

/* Remembers the claim as it is, before its fields are changed (under the lock, by the caller). */
int writer_claim_save(struct writer *w, struct claim *claim);

/* Words of the connection's last failure into the operation; returns `r`. */
int writer_fail(struct writer *w, struct store_op *op, int r);

#endif
