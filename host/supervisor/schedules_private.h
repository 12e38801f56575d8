/* What the parts of the schedules share: schedules.c (when each is looked at), schedules_load.c (what there is),
 * schedules_flight.c (asking and firing), schedules_view.c (what people see). */
#ifndef JOBHOST_SUPERVISOR_SCHEDULES_PRIVATE_H
#define JOBHOST_SUPERVISOR_SCHEDULES_PRIVATE_H

#include <sys/queue.h>
#include <uthash.h>

#include "base/heap.h"
#include "base/side_thread.h"
#include "base/timer.h"
#include "base/wall_timer.h"
#include "supervisor/host.h"
#include "supervisor/schedules.h"

struct flight;
struct event;

enum { SCHEDULES_RETRY_MS = 1000 }; /* after a failure of the store */

struct entry {
    char *id;
    struct schedule_definition *own; /* of this host's file; NULL = none */
    /* As the store has it: of the API, or of another file than ours; else NULL. */
    struct schedule_definition *theirs;
    /* as the store said last */
    bool stored;
    bool of_api, paused;
    char revision[STORE_SCHEDULE_REVISION_MAX + 1];
    char *by; /* may be NULL */
    int64_t stored_ms, resumed_ms, last_ms;
    /* The newest time that had a row when it should have been fired. One that was made by hand does not count in last_ms. */
    int64_t past_ms;
    bool running;
    uint32_t waiting, unfinished;
    /* ---- */
    bool doubtful; /* the store is asked before anything else */
    bool boots;    /* @reboot: no row of this start yet, as far as is known */
    bool told;     /* that it drifts */
    bool listed;   /* by the list under way */
    bool asked;    /* stands among those to be looked at */
    bool retries;  /* is asked for again a moment later, for the store has failed it */
    TAILQ_ENTRY(entry) link;
    int64_t wake_ms; /* in the heap */
    size_t pos;
    struct flight *flight; /* NULL: it is not with the store */
    UT_hash_handle hh;
};
TAILQ_HEAD(entry_list, entry);

struct load;

struct schedules {
    struct host *host;
    struct entry *entries; /* by id */
    struct config_zones *zones;
    struct wall_timer *timer;
    struct event *turn; /* more are to be looked at */
    struct heap heap;   /* of entries with a time to come */
    struct timer retry; /* of real time: a store that fails is no matter of the jobs' clock */
    struct entry_list looks;
    unsigned flights;
    struct load *load;
    char *by; /* who stores: the host, and its file */
    bool running, adopted;
    struct schedule_plan plan; /* scratch: the loop has one thread */
};

/* ---- schedules.c */

struct entry *schedules_find(const struct schedules *s, const char *id);
/* Found or made; NULL without memory. */
struct entry *schedules_get(struct schedules *s, const char *id);
/* It is not in a file, and not in the store. Not while it is in flight. */
void schedules_drop(struct schedules *s, struct entry *e);
/* It is looked at soon. */
void schedules_ask(struct schedules *s, struct entry *e);
void schedules_ask_all(struct schedules *s);
/* It is looked at in a while, by what the store says then. */
void schedules_retry(struct schedules *s, struct entry *e);
/* When it is looked at by itself; WALL_TIMER_NEVER. */
void schedules_wake(struct schedules *s, struct entry *e, int64_t at_ms);
/* What it says by file or store; NULL: nothing is known. */
const struct schedule_definition *schedules_definition(const struct entry *e);
/* NULL: this host fires it; else why not, for people. */
const char *schedules_fault(const struct entry *e);
/* Takes over what the store says of it, NULL: it has none. Its definition is read anew if it is another one, or other
 * zones are there. */
void schedules_learn(struct schedules *s, struct entry *e, const struct store_schedule *stored);
void schedules_tell_drift(struct schedules *s, struct entry *e);
struct schedule_state schedules_state(const struct entry *e);

/* ---- schedules_flight.c */

enum { SCHEDULES_FLIGHTS = 64 }; /* with the store at a time */
/* Plans; and if something is due or doubtful, it goes to the store. */
void schedules_look(struct schedules *s, struct entry *e);

/* ---- schedules_load.c */

struct load *load_new(struct schedules *s);
void load_free(struct load **l);
/* All from the beginning; or what the store has alone. */
void load_begin(struct load *l, bool whole);

#endif
