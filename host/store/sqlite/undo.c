#include "store/sqlite/undo.h"

#include <stdlib.h>

struct undo_entry *undo_add(struct undo *u, enum undo_kind kind, void *subject) {
    if (u->len == u->cap) {
        size_t cap = u->cap == 0 ? 1024 : u->cap * 2;
        struct undo_entry *p = realloc(u->entries, cap * sizeof *p);
        if (p == NULL) {
            return NULL;
        }
        u->entries = p;
        u->cap = cap;
    }
    struct undo_entry *e = &u->entries[u->len++];
    *e = (struct undo_entry){.kind = kind, .subject = subject};
    return e;
}

static void restore_fields(struct claims *cs, struct claim *claim, const struct claim *old) {
    (void)pthread_mutex_lock(cs->lock);
    claim->commit_no = old->commit_no;
    claim->has = old->has;
    claim->written = old->written;
    claim->plain = old->plain;
    claim->started_ms = old->started_ms;
    (void)pthread_mutex_unlock(cs->lock);
}

// A job of the lane waits again, perhaps before the cursor, or in a line that was found empty.
static void wait_again(struct lane *lane, enum job_priority p, struct band at) {
    lanes_rewind(&lane->cursor[p], at);
    lane->turns_known = false;
}

static void revert(const struct undo_entry *e, struct lanes *lanes, struct claims *claims) {
    struct claim *claim = e->subject;
    switch (e->kind) {
    case UNDO_COUNT:
        lanes_count(lanes, e->subject, (enum job_priority)e->priority, e->to, e->from);
        if (e->from == JOB_QUEUED) {
            wait_again(e->subject, (enum job_priority)e->priority, (struct band){INT64_MIN, 0});
        }
        break;
    case UNDO_BYTES: *(int64_t *)e->subject -= e->delta; break;
    case UNDO_CLAIM_ADDED:
        wait_again(claim->lane, claim->priority, (struct band){claim->at_ms, claim->rid});
        lanes_count_claim(lanes, claim->lane, claim->priority, claim->written ? 0 : -1);
        claims_drop(claims, claim);
        break;
    case UNDO_CLAIM_ENDED:
        lanes_count_claim(lanes, claim->lane, claim->priority, claim->written ? 0 : 1);
        claims_restore(claims, claim);
        break;
    case UNDO_CLAIM_CHANGE:
        lanes_count_claim(lanes, claim->lane, claim->priority, e->copy->written ? 0 : 1);
        lanes_count_claim(lanes, claim->lane, claim->priority, claim->written ? 0 : -1);
        restore_fields(claims, claim, e->copy);
        break;
    case UNDO_STORED: *(bool *)e->subject = false; break;
    case UNDO_CLAIM_KEPT: claim->plain = false; break; // so its row is looked at first
    }
}

void undo_keep_claims(struct undo *u) {
    for (size_t i = 0; i < u->len; i++) {
        struct undo_entry *e = &u->entries[i];
        e->kind = e->kind == UNDO_CLAIM_ADDED ? UNDO_CLAIM_KEPT : e->kind;
    }
}

void undo_rollback(struct undo *u, size_t mark, struct lanes *lanes, struct claims *claims) {
    while (u->len > mark) {
        struct undo_entry *e = &u->entries[--u->len];
        revert(e, lanes, claims);
        free(e->copy);
    }
}

void undo_clear(struct undo *u) {
    while (u->len > 0) {
        free(u->entries[--u->len].copy);
    }
}

void undo_finish(struct undo *u) {
    undo_clear(u);
    free(u->entries);
    *u = (struct undo){.entries = NULL};
}
