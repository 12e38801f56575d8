/* What happens to jobs on this host, all of them, while somebody listens: a ring of the last changes of state, by number.
 *
 *     hub ─▶ heard ─┬─ of which job it is is known ────────────▶ ring ─▶ listeners, each at its own place
 *                   └─ only its id is ─▶ asked of the store ─▶┘
 *
 * Bounded in every direction: so many are kept, so many are taken in a second, so many are asked about at a time. What is
 * over that is counted, and who listens is told how many he missed. It costs nothing while nobody listens; for a while
 * after the last one has left it goes on, so that he can come back. Numbers hold for one boot. Loop thread only. */
#ifndef JOBHOST_API_FEED_H
#define JOBHOST_API_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/job.h"

struct host;
struct feed;

enum {
    FEED_KEPT = 4096,
    FEED_RATE = 2000, /* changes taken in a second */
    FEED_ASKED = 64,  /* operations of the store at a time */
    FEED_STAYS_MS = 60000,
    FEED_TOLD_MS = 50, /* listeners are told of several at once */
};

struct feed_change {
    struct job_id id;
    int64_t at_ms;
    enum job_state state;
    int32_t attempt;                   /* 0 = not known */
    const char *queue, *type, *tenant; /* the last may be NULL */
    const char *message;               /* what it ended with, or NULL */
};

struct feed_listener {
    void (*news)(struct feed_listener *listener); /* may remove itself, and no other */
    void *arg;
    struct feed_listener *next, **prev; /* private */
};

/* NULL: no memory. */
struct feed *feed_new(struct host *host);
void feed_free(struct feed **feed); /* the store has ended */

void feed_add(struct feed *feed, struct feed_listener *listener);
void feed_remove(struct feed *feed, struct feed_listener *listener);
unsigned feed_listeners(const struct feed *feed);

/* The newest number; what comes later is larger. */
uint64_t feed_seq(const struct feed *feed);
/* Does the feed know all behind this number, so that who has been told so far can go on? */
bool feed_has_behind(const struct feed *feed, uint64_t seq);
/* The first change behind `*seq`, which becomes its number, or NULL. What cannot be told any more is passed by and
 * added to *missed. Borrowed until the loop turns. */
const struct feed_change *feed_next(const struct feed *feed, uint64_t *seq, uint64_t *missed);

#endif
