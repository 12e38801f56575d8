/* The inside of pool.h, for the files of the supervisor that make up pools: pool.c, worker*.c,
 * dispatch.c. */
#ifndef JOBHOST_SUPERVISOR_POOL_PRIVATE_H
#define JOBHOST_SUPERVISOR_POOL_PRIVATE_H

#include "base/arena.h"
#include "base/timer.h"
#include "core/ready.h"
#include "supervisor/attempt.h"
#include "supervisor/cgroup.h"
#include "supervisor/crash.h"
#include "supervisor/disk.h"
#include "supervisor/lane.h"
#include "supervisor/pool.h"
#include "supervisor/pool_breaker.h"
#include "supervisor/query_private.h"
#include "supervisor/snapshot.h"
#include "supervisor/stats.h"
#include "supervisor/worker.h"

/* What a plugin keeps from one generation to the next. Found by its name, it stays as long as the host. */
struct plugin {
    char *name;
    uint32_t generations; /* numbers given so far */
    uint64_t jobs_done, crashes, restarts;
    struct stats_words exits; /* of its workers, by autopsy_word() */
    struct crash_log crash_log;
    struct gate gate;
    struct disk disk;
    struct queries queries;
    char note[1024]; /* what was rolled back; "" = nothing */
    char refused_sha256[65];
    char refused_settings[CONFIG_DIGEST_LEN +
                          1]; /* not to be tried again with those; "" = nothing */
    SLIST_ENTRY(plugin) link;
};
SLIST_HEAD(plugin_list, plugin);

/* Who waits for a generation that is being tried. [loop] */
struct pool_trial {
    void (*ready)(struct pool_trial *trial, struct pool *pool); /* all its workers are */
    /* It goes away; may come after `ready`, as long as it does not serve. */
    void (*failed)(struct pool_trial *trial, struct pool *pool, const char *why);
};

/* One generation of a plugin: a build with a configuration, and the workers that run it. */
struct pool {
    struct host *host;
    struct plugin *plugin;
    const struct config_plugin *config;
    struct config *config_owner; /* held: what `config` is part of */
    uint32_t number;             /* of the generation, from 1 */
    struct pool_trial *trial;    /* not NULL: it serves nobody yet */
    bool returns;                /* it is tried in a rollback */
    unsigned bugs;               /* jobs that crashed, or returned class BUG */
    struct rollback *rollback;   /* to where, if it is or was on probation */
    bool leaving;                /* what is being tried will do without it */
    unsigned users;              /* attempts that it holds, or once placed */
    enum pool_state state;
    struct snapshot snapshot;
    char build[48];
    char fault[512];               /* "" = none */
    struct arena arena;            /* manifest and settings */
    struct pool_manifest manifest; /* name NULL until HELLO */
    struct bytes hello;            /* that HELLO, as a packet: for a binary that takes over */
    bool stale; /* its processes were made with other settings than `config` has */
    struct pool_note notes[POOL_NOTES_MAX];
    uint32_t note_count;
    struct config_option_value *settings;
    size_t setting_count;
    struct worker_list workers;
    uint32_t worker_count, ready_count, target;
    struct querier *querier;      /* its query worker, which is not among these; NULL = none */
    uint32_t draining;            /* of the workers: they only finish what they run */
    struct attempt_list held;     /* claimed, at no worker */
    const struct worker *kept;    /* runs empty for a suspect; compared, never followed */
    bool turned_slow;             /* a lane did, which may have hundreds of them in hand */
    uint32_t in_hand[LANE_PACES]; /* of its lanes: attempts not concluded, claims under way */
    struct lane_list
        ready[LANE_PACES]; /* lanes that may be claimed from; who was served goes to the end */
    uint32_t ready_lanes[LANE_PACES];
    unsigned deaths; /* in a row without a finished job between */
    struct timer respawn_timer;
    struct timer drain_timer; /* its soft deadline, then its hard one */
    bool drain_asked;         /* the soft one is over */
    bool drain_hurried;       /* newer ones want its place */
    bool pinned;              /* it takes jobs of old steps alone (pins.h) */
    bool served;              /* before it drained */
    uint64_t jobs_done, crashes, restarts;
    struct progress progress; /* ready.c's */
    int64_t since_ms;         /* wall; when this build was loaded first */
    char last_crash[512];
    struct pool_breaker breaker;
    struct worker_info *infos; /* scratch of pools_info() */
    TAILQ_ENTRY(pool) link;    /* among those that do not serve */
};
TAILQ_HEAD(pool_list, pool);

struct pools {
    struct host *host;
    struct pool **items; /* those that serve, one a plugin */
    uint32_t count;
    struct pool_list others; /* being tried, or draining */
    struct plugin_list plugins;
    struct cgroup cgroup;
    struct worker_list flush; /* with packets to send when the loop's turn ends */
    struct event *flush_event;
};

int pools_new(struct host *host, struct pools **ret);
/* Snapshots each plugin and starts its first worker. A plugin that cannot be started is `failed`;
 * the others go on. Returns how many failed at once. */
uint32_t pools_start(struct pools *pools);
void pools_drain(struct pools *pools);
bool pools_starting(const struct pools *pools);
uint32_t pools_workers(const struct pools *pools);
void pools_each_worker(struct pools *pools, void (*each)(struct worker *w, void *arg), void *arg);
/* What those that serve hold goes back to the store. */
void pools_let_go(struct pools *pools);
void pools_free(struct pools **pools);

/* A generation of a plugin, which takes the snapshot over. NULL without memory. */
struct pool *pool_new(struct host *host, struct config *owner, const struct config_plugin *config,
                      struct snapshot *snapshot);
/* Its first worker. False: there is none, and last_crash says why. */
bool pool_start(struct pool *pool);
/* Workers up to its number, as many at a time as is good for the machine. */
void pool_fill(struct pool *pool);
/* As many workers as its configuration says now: more are started, those with the least to do drain. */
void pool_resize(struct pool *pool);
/* Another attempt that needs it, or one less; NULL is nobody. */
void pool_hold(struct pool *pool);
void pool_release(struct pool *pool);
/* What it holds goes back to the store. */
void pool_let_go(struct pool *pool);
/* Of one that has no worker and no user. */
void pool_free(struct pool *pool);

/* Called by worker.c. */
/* Manifest and build of a pool that has none. 0, or negative errno with words. */
int pool_take_hello(struct pool *pool, const struct msg_hello *m, struct err *e);
int pool_on_hello(struct worker *w, const struct msg_hello *m, struct err *e);
void pool_on_ready(struct worker *w);
void pool_on_gone(struct worker *w);
/* How it ended: examined, logged and counted. */
void pool_note_end(struct worker *w, struct crash *ret);
/* It takes no more jobs, and goes when it has finished what it runs; another is started in its
 * place at once. Of one that is not ready: nothing. `why` is a constant. */
void pool_retire(struct worker *w, const char *why);
/* `isolation: process`: a worker ends with its first job. */
bool pool_is_one_job(const struct pool *pool);
void pool_want_flush(struct worker *w);
/* Sends what workers were given in this turn of the loop, now instead of at its end. */
void pools_flush(struct pools *pools);
void pool_forget_flush(struct worker *w);

#endif
