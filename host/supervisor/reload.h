/* Brings a changed configuration and new plugin files into force while everything goes on, or changes nothing:
 *
 *     request ─▶ read files, snapshot plugins ─▶ compare ─▶ try what is new ─▶ switch all at once ─▶ count orphans ─▶ report
 *                (a side thread)                              │ canary, then the others
 *                    └─────────── any failure ────────────────┴─────────────────────────────────▶ report: nothing changed
 *
 * A plugin whose file and whose processes' settings are what they were keeps its processes; its limits change all the
 * same. One reload runs at a time; requests that come meanwhile lead to one more. docs/reload.md. Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_RELOAD_H
#define JOBHOST_SUPERVISOR_RELOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buf.h"

struct host;
struct orphan;
struct reload;

enum reload_verdict {
    RELOAD_KEPT,        /* nothing about its processes has changed               */
    RELOAD_CHANGED,     /* new code or settings serve; the old ones drain        */
    RELOAD_ADDED,       /* serves, and did not before                            */
    RELOAD_REMOVED,     /* is not configured any more; its processes drain       */
    RELOAD_FAILED,      /* what is new of it does not work: `why`                */
    RELOAD_ROLLED_BACK, /* its build has been rolled back, and is not tried again: `why` */
    RELOAD_HELD_BACK    /* would have been changed, but for another one's failure */
};

struct reload_item {
    const char *plugin;
    enum reload_verdict verdict;
    uint32_t generation; /* that serves now; 0 = none */
    const char
        *build;      /* of that, or of the one that failed as far as it is known; "" = not known */
    const char *why; /* NULL = nothing to say */
    const char
        *warning; /* of types that nobody has now, and whose jobs wait; NULL = there are none */
    const struct orphan *orphans; /* those */
    size_t orphan_count;
};

/* Borrowed until the loop turns. */
struct reload_report {
    bool ok;
    const char *cause; /* who asked: SIGHUP, request; a word */
    int64_t started_ms, ended_ms;
    const char *problems; /* of the configuration, as `check` prints them; "" = none */
    const char *restart;  /* keys whose changes wait for a restart, one a line; "" = none */
    const struct reload_item *items;
    size_t item_count;
};

/* Who wants to hear the verdict of a reload that began after he asked. */
struct reload_waiter {
    void (*done)(struct reload_waiter *w, const struct reload_report *report);
    TAILQ_ENTRY(reload_waiter) link; /* private */
    bool listed;                     /* private */
};

struct reload *reload_new(struct host *host);
void reload_free(struct reload **r);

enum reload_flag {
    RELOAD_ALL =
        1, /* new processes also of what has not changed, for what they have loaded may have */
    RELOAD_FORCE = 2 /* jobs whose handlers a reload has taken away are made dead */
};

/* `cause` is a constant, a word; `flags` are those of all who wait for the same one; `w` may be NULL. While the host starts, or workers are quiet for an upgrade, it waits until that is over;
 * while it stops, nothing happens and `w` hears so at once. */
void reload_request(struct host *host, const char *cause, unsigned flags, struct reload_waiter *w);
/* He does not wait any more. */
void reload_forget(struct host *host, struct reload_waiter *w);
/* What was asked for while the host started, or an upgrade was under way, may begin. */
void reload_resume(struct host *host);
/* The host begins to stop: what is being tried is given up, and who waits hears so. */
void reload_stop(struct host *host);
/* Is one under way? Then nothing else may switch. */
bool reload_is_busy(const struct host *host);
/* Is one under way that has no verdict yet? */
bool reload_is_open(const struct host *host);
/* Has one been asked for that has not begun? */
bool reload_is_wanted(const struct host *host, unsigned *ret_flags);
/* The last one's verdict; NULL = there was none. */
const struct reload_report *reload_last(const struct host *host);

const char *reload_verdict_name(enum reload_verdict verdict);

#endif
