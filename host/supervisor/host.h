/* The supervisor's root object: everything it owns, made in main's order and unmade in reverse. It
 * never runs plugin code, never blocks, and has one thread (the store's threads are behind
 * store.h).
 *
 *     api (HTTP) ─▶ jobs ──────┐                       ┌─▶ pool hello ─▶ worker process(es)
 *                              ▼                       │
 *                  store ◀── dispatch (lanes, slots) ──┼─▶ pool crawl ─▶ ...
 *                    │                                 │
 *                    └──── done ───────────────────────┘        hub: who watches what
 *
 * jobs.h      what people ask for: submit, cancel, retry, explain
 * dispatch.h  which waiting job goes to which thread, and when
 * pool.h      a plugin's worker processes: spawn, hand-shake, health, drain
 * attempt.h   one running attempt: its effects, commits, timeouts, end
 * hub.h       live events for watchers
 * stats.h     what has been done, counted
 * ready.h     whether jobs get anywhere
 * limits.h    slots of limiters: who waits for some, and who holds some
 * breakers.h  which calls are left alone after failures
 * tokens.h    who may ask
 * beat.h      whether the jobs in hand are still ours, on a store that others share
 * schedules.h jobs that start by the clock
 * reload.h    another configuration and other code, while everything goes on */
#ifndef JOBHOST_SUPERVISOR_HOST_H
#define JOBHOST_SUPERVISOR_HOST_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/err.h"
#include "base/log.h"
#include "base/timer.h"
#include "config/config.h"
#include "core/id.h"
#include "core/shed.h"
#include "record/record.h"
#include "store/store.h"
#include "supervisor/host_store.h"

struct act;
struct side_thread;
struct event_base;
struct dispatch;
struct pools;
struct hub;
struct stats;
struct ready;
struct server;
struct inherited;
struct shutdown;
struct serve;
struct commits;
struct upkeep;
struct cascade;
struct reload;
struct beat;
struct limits;
struct breakers;
struct tokens;
struct boot;
struct takeover;
struct release;
struct schedules;
struct orphans;
struct pins;
struct upgrade;
struct adoption;
struct spawn_ops;

enum host_phase { HOST_STARTING, HOST_RUNNING, HOST_DRAINING, HOST_STOPPED };

struct host {
    struct env env;
    struct log log;
    struct event_base *base;
    struct timers *timers;
    struct env net_env;          /* real time: connections belong to the outside world */
    struct timers *net_timers;   /* on net_env */
    struct config *config;       /* in force; a reload replaces it: who keeps a pointer holds it */
    struct config *first_config; /* that of the start, whose values need a restart to change */
    struct config_env *config_env;
    char **start_env;              /* the environment as the process was given it; its own array */
    const char *config_file;       /* as it was given at the start                          */
    const char *self_exe;          /* path of this program                                */
    char worker_program[PATH_MAX]; /* what workers run                                    */
    int worker_fd;                 /* held open for that; 0 or less = is not              */
    const struct spawn_ops *spawn; /* how worker processes are made; NULL = really        */
    int ready_fd;                  /* 0 = none, or already told */
    char *notify_socket;           /* NOTIFY_SOCKET as it was at start, or NULL */
    char name[65];                 /* host name, for people                               */
    uint64_t nonce;                /* boot identity                                       */
    struct boot *boot;             /* our hold on the state_dir                           */
    int64_t started_ms;
    enum host_phase phase;
    struct id_gen ids;
    struct store store;
    struct shed shed;             /* of submissions that are with it */
    struct host_store store_made; /* what it was opened with */
    struct side_thread *disk;     /* files of requests and answers */
    struct side_thread *parser;   /* large texts of requests       */
    const char *store_fault;      /* NULL = healthy; owned                               */
    int64_t store_fault_ms;       /* since when there is one                             */
    bool store_away;              /* and it cannot be asked; else it takes no writes     */
    bool joined;                  /* the store has answered this boot: jobs may be claimed */
    struct pools *pools;
    struct dispatch *dispatch;
    struct hub *hub;
    struct stats *stats;
    struct ready *ready;
    struct commits *commits;
    struct upkeep *upkeep;
    struct cascade *cascade;
    struct reload *reload;
    struct beat *beat;
    struct limits *limits;
    struct breakers *breakers;
    struct tokens *tokens;
    struct takeover *takeover;
    struct schedules *schedules;
    struct release *release;
    struct orphans *orphans;
    struct pins *pins;
    struct upgrade *upgrade;
    struct adoption
        *adoption; /* of what another binary has handed over; NULL = nothing, or it is ours */
    struct server *server;       /* every door; see serve.h                             */
    struct inherited *inherited; /* sockets that the process was started with; NULL = none */
    struct serve *serve;         /* what the doors need; serve.h's own                  */
    const struct host_front *front;
    void *front_self;
    struct shutdown *shutdown;
    bool strict;          /* a plugin that fails at start ends the host */
    bool safe;            /* accept, dispatch nothing                   */
    bool settled;         /* every plugin is up or has failed                    */
    const char *stop_why; /* it was told to stop while it took over; NULL = it was not */
    int exit_status;
    struct record_packet packet; /* where workers' packets are received         */
};

/* Why nothing can be submitted, in words borrowed until the loop turns; NULL: it can, although the
 * store itself may be away (store_backlog()). */
static inline const char *host_store_refusal(struct host *host) {
    struct store_backlog log = store_backlog(&host->store);
    return host->store_fault != NULL && log.present ? log.fault : host->store_fault;
}

/* Who answers HTTP requests: given by main, so that the supervisor does not depend on the API built
 * upon it. */
struct server_config;
struct host_front {
    void *(*open)(struct host *host); /* NULL: out of memory */
    void (*configure)(void *front, struct server_config *ret_config);
    void (*reload)(void *front); /* the host has another configuration */
    void (*close)(void *front);  /* after server and store, which both call back into it */
};

struct host_options {
    const struct host_front *front;
    const char *config_file;
    const char *self_exe;
    bool strict;  /* a plugin that fails at start ends the host          */
    bool safe;    /* accept, dispatch nothing                            */
    int ready_fd; /* gets the line "ready" once every plugin is up or has failed; 0 = none */
};

/* Opens the store and makes all that a host owns but its HTTP side, from env, log, config and
 * self_exe, which the caller has set. 0, or negative errno with words; host_close() follows either
 * way. */
int host_open(struct host *host, bool safe, struct err *e);
/* Recovers what an earlier boot left and starts the plugins, as the loop turns. */
void host_start(struct host *host);
/* Closes the server, the store and the rest; what the caller has set stays the caller's. */
void host_close(struct host *host);

enum { HOST_BAD_CONFIG = 2 };

/* The variable by which a binary hands over to the next one: "PID:TABLE:BACK:WHY", see handover_adopt.h. */
#define HOST_HANDOVER "JOBHOST_HANDOVER"

/* Runs until SIGTERM or SIGINT has drained it (or a second one cuts the drain short). Returns the
 * process's exit status: 0, 1, or HOST_BAD_CONFIG when the configuration has errors, which have
 * been printed. */
int host_run(const struct host_options *options);

/* A plugin has become ready or failed: when all have, the host says READY. */
void host_plugin_settled(struct host *host);

/* Level and form of the log, as the configuration says. */
void host_configure_log(struct host *host);

/* Asks for the drain that SIGTERM asks for. */
void host_stop(struct host *host, const char *why);

#endif
