/* What the memory of the writer must take back when a savepoint or transaction is rolled back:
 * claims, counters, new lanes. A log of small entries, replayed backwards. */
#ifndef JOBHOST_STORE_SQLITE_UNDO_H
#define JOBHOST_STORE_SQLITE_UNDO_H

#include <stddef.h>
#include <stdint.h>

#include "store/sqlite/claims.h"
#include "store/sqlite/lanes.h"

enum undo_kind {
    UNDO_COUNT,        /* lane: from, to                 */
    UNDO_BYTES,        /* counter: delta                 */
    UNDO_CLAIM_ADDED,  /* claim                          */
    UNDO_CLAIM_ENDED,  /* claim                          */
    UNDO_CLAIM_CHANGE, /* claim, copy of how it was      */
    UNDO_STORED,       /* bool of a queue or lane        */
    UNDO_CLAIM_KEPT    /* claim that stays               */
};

struct undo_entry {
    enum undo_kind kind;
    int8_t from, to, priority;
    void *subject;
    int64_t delta;
    struct claim *copy; /* owned */
};

struct undo {
    struct undo_entry *entries;
    size_t len, cap;
};

/* Room for one more; NULL: out of memory, and then the change must not be made. */
struct undo_entry *undo_add(struct undo *u, enum undo_kind kind, void *subject);

/* Takes back everything after `mark` (an earlier u->len). */
void undo_rollback(struct undo *u, size_t mark, struct lanes *lanes, struct claims *claims);

/* Claims that were made are not taken back: somebody knows of them. Their rows may be gone. */
void undo_keep_claims(struct undo *u);

/* Committed: forget. */
void undo_clear(struct undo *u);
void undo_finish(struct undo *u);

#endif
