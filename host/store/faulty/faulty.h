/* A store that misbehaves on request: the URL faulty:URL opens URL behind it, faulty:down:URL likewise
 * as a store that cannot be reached yet. Test builds only.
 * Loop thread only.
 *
 * Rules are looked at in order for each posted operation; the first that matches and is not used up
 * decides. Everything that no rule matches passes unchanged. */
#ifndef JOBHOST_STORE_FAULTY_FAULTY_H
#define JOBHOST_STORE_FAULTY_FAULTY_H

#include "store/store.h"

enum faulty_effect {
    FAULTY_PASS,
    FAULTY_BEFORE,  /* not done at all; answers `code`                                   */
    FAULTY_AFTER,   /* done, and answers `code` nevertheless: its fate is undecided      */
    FAULTY_DELAY,   /* done; the answer, and those of later changes, come delay_ms later */
    FAULTY_REORDER, /* for reads: the answer waits until another read has been answered  */
};

struct faulty_rule {
    int kind; /* enum store_op_kind, or -1 = any */
    enum faulty_effect effect;
    int code;       /* negative errno; 0 = -ETIMEDOUT         */
    uint32_t skip;  /* so many matches pass first             */
    uint32_t times; /* then so many are hit; 0 = all          */
    uint32_t delay_ms;
    uint32_t used; /* hits so far */
};

enum { FAULTY_RULES_MAX = 16 };

struct faulty_plan {
    struct faulty_rule rules[FAULTY_RULES_MAX];
    size_t count;
    uint64_t posted[STORE_OP_KINDS]; /* seen so far, hit or not */
    uint64_t hits;
};

int faulty_open(const struct store_config *config, struct event_base *base, const struct log *log,
                const struct env *env, const struct store_events *events, struct store *ret_store,
                struct err *e);

/* The plan of a store that faulty_open() made, to be changed at any time; NULL for other stores. */
struct faulty_plan *faulty_plan_of(const struct store *store);

/* Takes the store away (reason: what its health event says; nothing that is posted from now on
 * happens, all of it answers -ENOTCONN), or brings it back (NULL). What is in hand is answered as
 * the rules say. */
void faulty_set_down(const struct store *store, const char *reason);

/* Appends a rule. */
void faulty_add(struct faulty_plan *plan, struct faulty_rule rule);

#endif
