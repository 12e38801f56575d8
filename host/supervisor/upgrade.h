/* Another binary in this process's place, without a refused connection and without touching what runs (docs/upgrade.md).
 *
 *     request ─▶ TEST the new binary ─▶ (EMPTY the workers, if it speaks another protocol) ─▶ QUIET: nothing new begins, what is
 *     under way ends ─▶ MARK what runs in the store ─▶ close it, exec ─▶ the other side: handover_adopt.h
 *
 * Until the exec everything can be taken back; after it the new binary execs this one again if it cannot go on. Loop thread
 * only. */
#ifndef JOBHOST_SUPERVISOR_UPGRADE_H
#define JOBHOST_SUPERVISOR_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct host;
struct upgrade;
struct handover;

enum upgrade_state { UPGRADE_NONE, UPGRADE_RUNNING, UPGRADE_DONE, UPGRADE_FAILED };

struct upgrade_report {
    enum upgrade_state state;
    char from[32], to[32]; /* versions */
    int64_t started_ms, ended_ms;
    uint32_t workers, jobs; /* that went on */
    char why[384];          /* it failed */
};

/* Who asked hears whether it begins: once. */
struct upgrade_waiter {
    void (*done)(struct upgrade_waiter *w, int status, const char *why);
};

struct upgrade *upgrade_new(struct host *host);
void upgrade_free(struct upgrade **u);

/* `file` is copied; NULL = the one that the host was started from. The waiter hears 0, or -EBUSY and
 * why not now, or another negative errno and what is wrong with the file; or nothing, if the host ends first. */
void upgrade_request(struct host *host, const char *file, struct upgrade_waiter *w);

/* Does nothing new begin? */
bool upgrade_is_quiet(const struct host *host);

const struct upgrade_report *upgrade_last(const struct host *host);
/* We are the new binary, or the old one that had to come back: `why` it did, else NULL. */
void upgrade_note(struct host *host, const struct handover *h, uint32_t workers, uint32_t jobs,
                  const char *why);

/* Signals that come while one binary follows the other are heard by the one that goes on: their default would end it. */
void upgrade_hold_signals(bool hold);

/* Executes `file` as this process with the table; comes back with a negative errno if that cannot
 * be. `back`: the binary to go back to, or -1; `why`: it is that one. */
int upgrade_exec(struct host *host, const char *file, const struct handover *h, int table, int back,
                 const char *why);

#endif
