/* What the parts of a reload share: reload.c (the protocol), reload_read.c (what the other thread does), reload_report.c
 * (what is said of it). */
#ifndef JOBHOST_SUPERVISOR_RELOAD_PRIVATE_H
#define JOBHOST_SUPERVISOR_RELOAD_PRIVATE_H

#include <event2/event.h>
#include <limits.h>

#include "base/side_thread.h"
#include "supervisor/generation.h"
#include "supervisor/host.h"
#include "supervisor/orphans.h"
#include "supervisor/reload.h"
#include "supervisor/snapshot.h"

/* A plugin that the new configuration has switched on, or one that serves and is not in it. */
struct reload_plugin {
    struct pool_trial trial;
    struct reload *of;
    const char *name;
    const struct config_plugin *config; /* NULL: it goes */
    struct snapshot snapshot;
    struct err error;
    struct pool *serving; /* before; NULL = none */
    struct pool *next;    /* tried */
    bool tried_out;       /* and found good */
    char library[128];    /* that it runs with, and that has been replaced; "" = none */
    enum reload_verdict verdict;
};

/* What a generation runs, for the other thread. */
struct reload_used {
    char sha256[65];
    char plugin[65]; /* which it serves; "" = none */
    int32_t pid;     /* of one of its workers; 0 = none is ready */
};

enum reload_phase { RELOAD_IDLE, RELOAD_READING, RELOAD_TRYING, RELOAD_COUNTING, RELOAD_SWEEPING };

struct reload {
    struct host *host;
    enum reload_phase phase;
    struct side_op op;
    struct event *begin; /* a request that came while another one was under way, or from within */
    const char *cause, *next_cause; /* the latter: one more is wanted */
    unsigned flags, next_flags;
    TAILQ_HEAD(, reload_waiter) waiting, next; /* for this one, for the next one */
    struct config_load_options options;
    char plugin_dir[PATH_MAX];
    struct config *config; /* new */
    struct config_report found;
    struct buf problems, restart;
    struct reload_plugin *items;
    size_t count, open;       /* the latter: being tried */
    struct reload_used *used; /* what generations have; NULL: not known */
    size_t used_count;
    bool failed; /* nothing changes */
    bool partly; /* something that did not serve before does not now, either */
    int64_t started_ms;
    int64_t begun_us, read_us, tried_us; /* stopwatch: what took how long */
    struct reload_report last;
    struct reload_item *last_items;
    struct arena last_arena;
};

/* [side thread] The configuration and a snapshot of each plugin of it, into `r`; a `config` of NULL says that it failed. */
void reload_read(struct side_op *op);
/* [side thread] Deletes snapshots that nobody has. */
void reload_sweep(struct side_op *op);
/* [loop] Before each of the two: what generations have now. */
void reload_note_used(struct reload *r);

/* The report of it, into `last`. */
void reload_report_make(struct reload *r);
/* What `orphans_count` found goes into it. */
void reload_report_orphans(struct reload *r, const struct orphan *items, size_t count);
/* Logs and counts it. */
void reload_report_tell(const struct reload *r);

#endif
