/* The store's side of breakers (core/breaker.h decides, the store remembers), one for all who share it.
 *
 *     BREAKER   one who asks or tells       BREAKER_LIST   those that are not closed
 *
 * The times come with each operation: the store knows none. Operations are by the id of a job: what is
 * sent again changes nothing twice, but then says so, that it has changed nothing. A closed breaker is
 * not there; neither is one that may be forgotten (breaker_rest_ms()). They count for no budget. */
#ifndef JOBHOST_STORE_BREAKERS_H
#define JOBHOST_STORE_BREAKERS_H

#include "base/bytes.h"
#include "core/breaker.h"
#include "store/store.h"

enum {
    STORE_BREAKERS_MAX = 10000,  /* that are not closed                */
    STORE_BREAKER_TEXT_MAX = 192 /* of a state, its end included */
};

enum store_breaker_verb {
    STORE_BREAKER_LOOK, /* changes nothing */
    STORE_BREAKER_ADMIT,
    STORE_BREAKER_FAILED,
    STORE_BREAKER_SUCCEEDED,
    STORE_BREAKER_ABANDONED,
    STORE_BREAKER_RESET,
    STORE_BREAKER_VERBS
};

/* op.status -EINVAL: the name is none, or the verb; -EDQUOT: STORE_BREAKERS_MAX. */
struct store_breaker {
    struct store_op op;
    enum store_breaker_verb verb;
    const char *name; /* breaker_name() */
    uint64_t id;      /* who; not of LOOK, RESET */
    int64_t lease_ms; /* ADMIT */
    /* FAILED */
    struct breaker_times times;
    jh_class cls;
    int64_t retry_after_ms;
    /* answers */
    enum breaker_verdict verdict; /* ADMIT */
    int64_t until_ms;             /* ADMIT that waits; by clock_ms */
    bool changed;                 /* what the core's function says */
    struct breaker state;         /* as it is now */
    int64_t clock_ms;             /* the one clock of all, when it was decided */
};

struct store_breaker_state {
    const char *name;
    struct breaker state;
};

/* By name, in the order of bytes. */
struct store_breaker_list {
    struct store_op op;
    uint32_t max; /* 1..1000 */
    const char *cursor;
    struct store_breaker_state *breakers;
    size_t count;
    const char *next_cursor; /* NULL at the end */
    int64_t clock_ms;
};

/* ---- for the stores */

/* 0 or -EINVAL: the bounds above. */
int store_breaker_check(const struct store_breaker *op);

/* One operation on op->state, with its answers. True: the state is another. */
bool store_breaker_apply(struct store_breaker *op, int64_t now_ms);

/* The form in which a state is kept, numbers with blanks between them:
 *
 *   rest_ms version failures class opened_ms until_ms probe probe_ms
 *
 * Of a closed one it is empty. */
void store_breaker_write(const struct breaker *b, char out[STORE_BREAKER_TEXT_MAX]);
/* Closed, if it may be forgotten at `now_ms`. 0 or -EBADMSG. */
int store_breaker_read(struct bytes text, int64_t now_ms, struct breaker *ret);

/* For fsck: what is wrong with what is kept under `name`; NULL = nothing, and `ret` has it, forgotten or not. */
const char *store_breaker_fault(struct bytes name, struct bytes text, int64_t now_ms,
                                struct breaker *ret);
/* Its probe, a job that may be under way; 0 = there is none. */
uint64_t store_breaker_probe(const struct breaker *b, int64_t now_ms);

#endif
