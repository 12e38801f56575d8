/* A plugin's worker processes.
 *
 *     spawned ─ WELCOME ▶ loaded ─ HELLO ▶ (options checked) CONFIG ▶ created ─ READY ▶ ready
 *        │                                                                               │ DRAIN
 *        └── FAIL, exit, timeout ──▶ gone (failed)                 gone ◀── draining ◀───┘
 *
 * A worker is jobhost-worker, or this binary again (`jobhost --worker`), with the packet socket as fd 3 and the start
 * page as fd 4. It loads one snapshot of one .so and is never given another. The supervisor learns
 * of its death from a pidfd and from end-of-file, in either order. A pool whose workers keep dying
 * respawns them with growing pauses (100 ms doubling to 30 s). Loop thread only. */
#ifndef JOBHOST_SUPERVISOR_POOL_H
#define JOBHOST_SUPERVISOR_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "config/config.h"
#include "core/skew.h"
#include "supervisor/gate.h"
#include "supervisor/pool_breaker.h"

struct host;
struct pool;
struct pools;
struct stats_words;
struct crash_log;
struct query_stats;

enum pool_state { POOL_STARTING, POOL_READY, POOL_FAILED, POOL_DRAINING };
enum worker_state { WORKER_SPAWNED, WORKER_LOADED, WORKER_READY, WORKER_DRAINING, WORKER_GONE };

struct pool_handler {
    const char *name, *summary;
    uint32_t flags;
    struct skew_handler state;               /* which steps it resumes */
    const struct config_option_spec *fields; /* of the payload, and files that may come with it */
    size_t field_count;
    const struct payload_shape *shape; /* of the JSON payload; NULL = opaque */
};

/* What HELLO said; owned by the pool. */
struct pool_manifest {
    const char *name, *version;
    uint16_t abi_major, abi_minor;
    const struct config_option_spec *options;
    size_t option_count;
    const struct pool_handler *handlers;
    size_t handler_count;
};

/* What became of one part of its sandbox. */
struct pool_note {
    const char *facility, *text;
    uint32_t state; /* MSG_NOTE_* */
};
enum { POOL_NOTES_MAX = 8 };

struct worker_info {
    int32_t pid;
    enum worker_state state;
    int64_t started_ms;
    uint32_t running, window; /* jobs started / held unstarted      */
    uint64_t jobs_done;
    uint64_t rss; /* bytes                              */
};

struct pool_info {
    const char *name;
    enum pool_state state;
    const char *fault; /* why it failed, or NULL             */
    const char *file;
    const char *sha256;                   /* hex; build = first 12              */
    char build[48];                       /* "0.1.0+3f9a0c1b2d4e"               */
    const struct pool_manifest *manifest; /* NULL until loaded       */
    uint32_t slots, busy;
    uint64_t jobs_done, crashes; /* of this generation                 */
    struct {
        uint64_t jobs_done, crashes, restarts;
        const struct stats_words *exits; /* of workers, by reason          */
    } total;                             /* of all generations of the plugin */
    int64_t since_ms;                    /* wall; when its code was loaded; 0 = not yet */
    bool current;                        /* it serves */
    bool pinned;                         /* it stays for jobs of old steps */
    uint32_t generation;                 /* number of this build and configuration */
    const char *last_crash;              /* one line, or NULL                  */
    const struct pool_note *notes;       /* of its sandbox */
    uint32_t note_count;
    const struct crash_log *crash_log;
    struct breaker_info breaker;
    struct gate_info gate;
    const struct worker_info *workers;
    uint32_t worker_count;
    struct {                             /* its query worker (query.h) */
        const struct query_stats *stats; /* of the plugin; NULL = it has no queries */
        uint32_t running, waiting;
        struct worker_info worker; /* pid 0 = there is none */
    } queries;
};

/* Those that serve, one a plugin; with those that are being tried or drain, which come behind them. */
uint32_t pools_count(const struct pools *pools);
uint32_t pools_generations(const struct pools *pools);
/* Snapshot for the API, of any of them; borrowed until the loop turns. */
void pools_info(struct host *host, uint32_t index, struct pool_info *ret_info);

/* The handler of one generation; NULL = it has none of that type. */
const struct pool_handler *pool_find_handler(const struct pool *pool, const char *type);

/* The build that serves this type now; NULL = none does. */
const char *pools_build(const struct pools *pools, const char *type);

/* Which handler serves this type; NULL = none loaded (then *ret_fault, if not NULL, says why the
 * plugin that should have it is not up, or NULL when no plugin claims it). */
const struct pool_handler *pools_handler(const struct pools *pools, const char *type,
                                         const char **ret_pool, const char **ret_fault);

#endif
