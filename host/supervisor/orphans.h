/* Job types that a reload of this host has left without a handler. Their jobs stay queued; a reload says how many wait, and one
 * that is forced makes them dead, with code no_handler, fifty a second. Types are remembered until somebody has a handler
 * for them again, or the host ends. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_ORPHANS_H
#define JOBHOST_SUPERVISOR_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host;
struct pool;
struct orphans;

enum {
    ORPHANS_MAX = 1024,   /* types remembered                                            */
    ORPHANS_COUNTED = 16, /* of one reload: of further ones only queued jobs are counted */
    ORPHANS_PAGE = 1000,  /* scheduled and parked jobs of a type that are counted        */
};

struct orphan {
    const char *type, *plugin; /* that had the handler */
    int64_t jobs;              /* that wait; -1: the store could not be asked */
    bool more;                 /* so many at least */
};

struct orphans *orphans_new(struct host *host);
void orphans_free(struct orphans **o);

/* Before a switch: this pool will not serve any more. */
void orphans_note(struct host *host, const struct pool *pool);
/* After it: `done` gets those of the types noted that nobody has now and that have jobs, borrowed for the call; may be
 * called at once. */
void orphans_count(struct host *host,
                   void (*done)(void *arg, const struct orphan *items, size_t count), void *arg);
/* He does not want to know any more. */
void orphans_forget(struct host *host);

/* Jobs of all types remembered that wait now are made dead, bit by bit. */
void orphans_bury(struct host *host);

#endif
