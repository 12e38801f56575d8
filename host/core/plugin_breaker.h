/* When a plugin that crashes on one job after the other is left alone for a while. Pure.
 *
 *            so many different jobs crashed in the window,
 *            more than returned meanwhile
 *     closed ──────────────────────────────────────────▶ open ── pause ──▶ probing (one job at a time)
 *        ▲                                                ▲                   │            │
 *        │                                                └──── it crashed ───┘            │
 *        └──────────────────────────────── it returned ────────────────────────────────────┘
 *
 * The pause doubles with each opening in a row. A job that crashes again and again counts once: that
 * is what quarantine is for. One that returns, with success or not, makes up for one that crashed, so
 * that a plugin with a few bad jobs among many is not stopped. */
#ifndef JOBHOST_CORE_PLUGIN_BREAKER_H
#define JOBHOST_CORE_PLUGIN_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum { PLUGIN_BREAKER_JOBS_MAX = 100 };

struct plugin_breaker_rules {
    int64_t jobs; /* 0 = never opens */
    int64_t window_ms, pause_ms, pause_max_ms;
};

enum plugin_breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };
const char *plugin_breaker_state_name(enum plugin_breaker_state state); /* "open" */

/* Zeroed: closed, nothing has been seen. Times are monotonic. */
struct plugin_breaker {
    enum plugin_breaker_state state; /* ask plugin_breaker_look() */
    unsigned trips;                  /* openings in a row */
    int64_t until_ms;                /* open: when the first probe may start */
    int64_t closed_ms;               /* when it was closed last */
    unsigned count;                  /* of `seen`, oldest first */
    struct {
        uint64_t job; /* any number that tells jobs apart */
        int64_t at_ms;
    } seen[PLUGIN_BREAKER_JOBS_MAX];
};

/* Its state now. */
enum plugin_breaker_state plugin_breaker_look(struct plugin_breaker *b, int64_t now_ms);

/* A job has crashed. True: that opened it. */
bool plugin_breaker_crash(struct plugin_breaker *b, const struct plugin_breaker_rules *rules,
                          uint64_t job, int64_t now_ms);
/* One has returned. True: that closed it. */
bool plugin_breaker_return(struct plugin_breaker *b, int64_t now_ms);

#endif
