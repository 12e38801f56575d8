/* What the files of breakers.h share.
 *
 *     breakers.c         jobs: who is held back, who tries, what their ends tell
 *     breakers_known.c   those that are not closed, as this host knows them
 *     breakers_table.c   the table of these
 *     breakers_tell.c    one operation of the store, and its answer
 *     breakers_reset.c   an operator closes one */
#ifndef JOBHOST_SUPERVISOR_BREAKERS_PRIVATE_H
#define JOBHOST_SUPERVISOR_BREAKERS_PRIVATE_H

#include <uthash.h>

#include "base/timer.h"
#include "supervisor/attempt.h"
#include "supervisor/breakers.h"
#include "supervisor/host.h"
#include "supervisor/unpark.h"

enum {
    BREAKERS_PAGE = 500,      /* of a list                                               */
    BREAKERS_FULL_MS = 60000, /* the store has no room for more: nobody asks again so soon */
};

/* One that is not closed; its times are by this host's clock. */
struct breaker_entry {
    char name[BREAKER_NAME_MAX + 1];
    enum breaker_kind kind;
    struct breaker state;
    bool parked; /* this host has parked jobs for it */
    bool calls;  /* its probe has said nothing: one of those is woken, to try it */
    bool listed; /* the store had it when all were asked for, or has told of it since */
    UT_hash_handle hh;
};

struct breakers {
    struct host *host;
    struct breaker_entry *open;
    unsigned of_kind[BREAKER_KINDS]; /* how many of them */
    struct timer timer; /* the next one is half open, or its probe silent for too long */
    int64_t next_ms;    /* when, by the wall; 0 = it is not set */
    struct store_breaker_list list;
    bool loading, load_again, loaded;
    bool
        looked; /* for those that are parked for one that is closed: whoever closed it may have died before he told them */
    struct timer again;   /* the list, after a failure */
    int64_t full_mono_ms; /* until then there is no room in the store, as far as is known */
    struct breakers_counts counts;
    struct unpark unpark; /* those that are parked for one that has closed */
};

static inline int64_t breakers_now(const struct breakers *b) {
    return env_wall_ms(&b->host->env);
}

/* ---- table */

struct breaker_entry *breakers_find(const struct breakers *b, const char *name);
/* NULL: there are too many, or no memory is left. */
struct breaker_entry *breakers_add(struct breakers *b, const char *name);
void breakers_drop(struct breakers *b, struct breaker_entry *e);

/* ---- known */

/* What the store says of it, by a clock that this host's is ahead of by so much. True: it is closed now, and
 * held jobs back. */
bool breakers_learn(struct breakers *b, const char *name, const struct breaker *state,
                    int64_t ahead_ms);
/* Lanes may be held back now, or no longer. */
void breakers_look(struct breakers *b);

/* ---- tell */

/* One operation. Its answer is learnt, and then told to the attempt that waits for it, if any. */
struct breaker_telling {
    struct breakers *of;
    struct store_breaker op;
    char name[BREAKER_NAME_MAX + 1];
    struct attempt *asks; /* ADMIT: who waits; NULL = nobody any more */
    void (*answered)(struct attempt *a, const struct breaker_telling *t);
};
/* Zeroed but for what every one has; NULL without memory. */
struct breaker_telling *breakers_telling(struct breakers *b, enum store_breaker_verb verb,
                                         const char *name);
void breakers_tell(struct breaker_telling *t);

#endif
