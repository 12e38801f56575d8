#define _GNU_SOURCE // O_PATH, execve by /proc
#include "supervisor/upgrade.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/side_thread.h"
#include "jobhost_plugin.h"
#include "net/server.h"
#include "record/record.h"
#include "supervisor/commits.h"
#include "supervisor/dispatch.h"
#include "supervisor/gate.h"
#include "supervisor/handover.h"
#include "supervisor/host.h"
#include "supervisor/pool_private.h"
#include "supervisor/query.h"
#include "supervisor/reload.h"
#include "supervisor/rollback.h"
#include "supervisor/sd_notify.h"
#include "supervisor/spawn.h"
#include "supervisor/upgrade_doors.h"
#include "supervisor/upgrade_table.h"
#include "supervisor/upgrade_test.h"

enum {
    QUIET_MS = 2000, /* for all that is under way; else it goes on as before            */
    LATE_MS = 1000,  /* of those, until who is still sending his request is turned away */
    CUT_MS = 1500,   /* ... and until nobody waits any more for him to have read that   */
    LOOK_MS = 5,
};

enum phase { IDLE, TESTING, EMPTYING, QUIET, MARKING, LEAVING };

struct upgrade {
    struct host *host;
    enum phase phase;
    char file[PATH_MAX];
    struct upgrade_waiter *waiter;
    struct upgrade_test test;
    struct timer look, empty; /* the latter: the end of the patience with jobs */
    int64_t begun_ms;         /* mono, real: since when it is quiet            */
    int64_t late_ms;          /* when those are looked at next, counted from there */
    bool deaf;
    struct store_start mark;
    struct upgrade_report last;
};

/* ------------------------------------------------------------------ the end that is none */

static void answer(struct upgrade *u, int status, const char *why) {
    struct upgrade_waiter *w = u->waiter;
    u->waiter = NULL;
    if (w != NULL) {
        w->done(w, status, why);
    }
}

void upgrade_hold_signals(bool hold) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    (void)sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static void listen_to(struct worker *w, void *arg) {
    (void)arg;
    if (!w->eof) {
        (void)event_add(w->ev_read, NULL);
    }
}

static void fill_again(struct pools *pools) {
    for (uint32_t i = 0; i < pools->count; i++) {
        if (pools->items[i]->state == POOL_READY) {
            pool_resize(pools->items[i]);
        }
    }
}

/* As if nothing had been asked. */
static void go_on(struct upgrade *u) {
    struct host *host = u->host;
    u->phase = IDLE;
    timer_cancel(host->net_timers, &u->look);
    timer_cancel(host->timers, &u->empty);
    upgrade_hold_signals(false);
    pools_each_worker(host->pools, listen_to, NULL);
    if (host->server != NULL) {
        server_unpark(host->server);
    }
    if (host->phase == HOST_RUNNING) {
        fill_again(host->pools);
        dispatch_kick(host);
    }
    reload_resume(host);
}

static void fail(struct upgrade *u, int status, const char *why) {
    struct host *host = u->host;
    log_error(&host->log, "upgrade.failed", "file=%s msg=\"%s; nothing has been changed\"", u->file,
              why);
    u->last.state = UPGRADE_FAILED;
    u->last.ended_ms = env_wall_ms(&host->env);
    (void)snprintf(u->last.why, sizeof u->last.why, "%s", why);
    sd_notify_send(host->notify_socket, "READY=1\nSTATUS=serving; the last upgrade failed");
    go_on(u);
    answer(u, status, why);
}

/* ------------------------------------------------------------------ exec */

static void stop_starting(struct worker *w, void *arg) {
    struct host *host = arg;
    if (w->state == WORKER_SPAWNED || w->state == WORKER_LOADED || w->querier != NULL) {
        host->spawn->signal(w->pid, SIGKILL);
        (void)host->spawn->reap(w->pid, true, &w->end);
    }
}

/* The environment of our own start and where the table is. */
static char **environment(struct host *host, char *handover) {
    size_t count = 0;
    while (host->start_env[count] != NULL) {
        count++;
    }
    char **all = calloc(count + 2, sizeof *all);
    if (all != NULL) {
        memcpy(all, host->start_env, count * sizeof *all);
        all[count] = handover;
    }
    return all;
}

int upgrade_exec(struct host *host, const char *file, const struct handover *h, int table, int back,
                 const char *why) {
    char handover[600];
    (void)snprintf(handover, sizeof handover, HOST_HANDOVER "=%ld:%d:%d:%s", (long)getpid(), table,
                   back, why == NULL ? "" : why);
    char *argv[] = {(char *)(uintptr_t) "jobhost",
                    (char *)(uintptr_t) "run",
                    (char *)(uintptr_t) "-c",
                    (char *)(uintptr_t)host->config_file,
                    NULL,
                    NULL,
                    NULL};
    size_t argc = 4;
    if (host->strict) {
        argv[argc++] = (char *)(uintptr_t) "--strict";
    }
    // what people hold back stays so
    if (host->dispatch != NULL ? host->dispatch->gate.closed : host->safe) {
        argv[argc] = (char *)(uintptr_t) "--safe";
    }
    char **envp = environment(host, handover);
    if (envp == NULL) {
        return -ENOMEM;
    }
    upgrade_hold_signals(true);
    if (host->stop_why != NULL) { // said to us, and meant for whoever goes on
        (void)kill(getpid(), SIGTERM);
    }
    handover_pass(h, true);
    (void)fcntl(table, F_SETFD, 0);
    if (back >= 0) {
        (void)fcntl(back, F_SETFD, 0);
    }
    (void)execve(file, argv, envp);
    int r = -errno;
    free(envp);
    return r;
}

/* Nothing comes back from here: the store is closed, and its threads end with the exec. */
static _Noreturn void leave(struct upgrade *u, const struct handover *h, int table, int back) {
    struct host *host = u->host;
    char why[256];
    log_info(&host->log, "upgrade.exec", "file=%s version=%s", u->file, u->last.to);
    sd_notify_send(host->notify_socket, "STATUS=upgrading");
    host->phase = HOST_STOPPED;
    side_thread_finish(host->disk);
    side_thread_finish(host->parser);
    store_close(&host->store);
    (void)fault(FAULT_UPGRADE_STORE_CLOSED);
    pools_each_worker(host->pools, stop_starting, host);
    int r = upgrade_exec(host, u->file, h, table, back, NULL);
    (void)snprintf(why, sizeof why, "%.120s cannot be executed: %.60s", u->file, strerror(-r));
    r = upgrade_exec(host, "/proc/self/exe", h, table, -1, why);
    log_error(&host->log, "upgrade.lost", "status=%d msg=\"%s, nor can this binary\"", r, why);
    _exit(1); // the next start recovers what ran, as after a crash
}

static void try_to_leave(struct upgrade *u) {
    struct host *host = u->host;
    struct handover h;
    struct err e = {.code = 0, .msg = "out of memory"};
    int back = open("/proc/self/exe", O_PATH | O_CLOEXEC), table = -1;
    int r = back == -1 ? err_errno(&e, -errno, "/proc/self/exe")
                       : upgrade_table_fill(host, u->last.started_ms, &h);
    if (back != -1 && r == 0) {
        table = handover_write(&h, &e);
        r = table < 0 ? table : upgrade_table_check(table, &e);
    }
    if (r == 0 && fault(FAULT_UPGRADE_BEFORE_EXEC) < 0) {
        r = err_set(&e, -EIO, "fault injected before the exec");
    }
    if (r == 0) {
        leave(u, &h, table, back);
    }
    if (back != -1) {
        handover_finish(&h);
        (void)close(back);
    }
    if (table >= 0) {
        (void)close(table);
    }
    fail(u, r, e.msg);
}

/* ------------------------------------------------------------------ quiet */

static void plan(struct upgrade *u, int64_t in_ms) {
    (void)timer_set(u->host->net_timers, &u->look, env_mono_ms(&u->host->net_env) + in_ms);
}

/* What is not yet begun comes back, for nobody could tell the new binary's store that it was claimed. */
static void recall(struct worker *w, void *arg) {
    struct attempt *a;
    (void)arg;
    TAILQ_FOREACH(a, &w->attempts, link) {
        struct record_writer *out = worker_has_begun(w, a) ? NULL : worker_out(w, 64);
        if (out != NULL) {
            record_begin(out, REC_RECALL, a->slot);
            (void)record_end(out);
        }
    }
}

struct look {
    const char *why; /* it is not quiet yet */
    bool unbegun;
};

static void look_at_worker(struct worker *w, void *arg) {
    struct look *l = arg;
    struct attempt *a;
    if (w->eof || w->reaped || w->kill_why != NULL) {
        l->why = "a worker ends";
    } else if (w->out_count > 0) {
        l->why = "a worker does not read what it is sent";
    }
    TAILQ_FOREACH(a, &w->attempts, link) {
        if (!worker_has_begun(w, a)) {
            l->unbegun = true;
            l->why = "a worker does not give back what it has not begun";
        } else if (a->committing || a->asking || a->fenced || a->concluded) {
            l->why = "a job waits for the store";
        }
    }
}

/* What the table does not have, or what would end in the middle. NULL: it may be. */
static const char *not_now(const struct host *host) {
    if (host->phase != HOST_RUNNING || !host->settled || !host->joined) {
        return "the host starts or stops";
    }
    if (reload_is_open(host) || rollback_is_busy(host)) {
        return "a reload is under way";
    }
    for (uint32_t i = 0; i < host->pools->count; i++) {
        if (rollback_watches(host->pools->items[i])) {
            return "a plugin's new code is on probation: wait for that, or set its `probation` to "
                   "0s and reload";
        }
    }
    const struct plugin *plugin;
    SLIST_FOREACH(plugin, &host->pools->plugins, link) {
        if (plugin->gate.closed) {
            return "a plugin is paused, which only this process knows: resume it first";
        }
    }
    if (gates_are_paced(host)) {
        return "what waited is being let go at a pace, which only this process knows: wait for the "
               "end of that, or `jobhost resume` it without --rate";
    }
    return host->store_fault != NULL ? "the store is not well" : NULL;
}

static const char *busy_with(struct upgrade *u, bool *ret_unbegun) {
    struct host *host = u->host;
    struct look l = {.why = NULL};
    uint32_t in_workers = 0;
    const struct attempt *a;
    pools_each_worker(host->pools, look_at_worker, &l);
    *ret_unbegun = l.unbegun;
    for (a = host->dispatch->running; a != NULL; a = a->by_id.next) {
        in_workers += a->worker != NULL;
    }
    if (l.why != NULL) {
        return l.why;
    }
    if (host->dispatch->claims_out > 0 || commits_pending(host) > 0 ||
        in_workers != dispatch_in_hand(host) || host->dispatch->fenced != NULL) {
        return "the store has not answered";
    }
    if (side_thread_is_busy(host->disk) || side_thread_is_busy(host->parser)) {
        return "files are being written";
    }
    const char *why = not_now(host); // requests were served until now
    if (why != NULL) {
        return why;
    }
    return server_is_parked(host->server) ? NULL : "requests have not been answered";
}

/* But to queries, whose answers somebody waits for; no record of theirs changes anything. */
static void stop_listening(struct worker *w, void *arg) {
    (void)arg;
    if (w->querier == NULL) {
        (void)event_del(w->ev_read);
    }
}

static void mark_done(struct store_op *op);

struct marks {
    struct upgrade *u;
    size_t count;
};

static void mark_worker(struct worker *w, void *arg) {
    struct marks *m = arg;
    struct attempt *a;
    TAILQ_FOREACH(a, &w->attempts, link) {
        int64_t since = env_mono_ms(&a->host->env);
        (void)worker_is_running(w, a, &since);
        attempt_begun(a, env_wall_ms(&a->host->env) - (env_mono_ms(&a->host->env) - since));
        m->u->mark.items[m->count++] = (struct store_start_item){
            .id = a->job->spec.id,
            .token = a->job->token,
            .started_ms = a->started_wall_ms,
            .pid = a->pid,
            .build = a->pool == NULL ? NULL : a->pool->build,
        };
    }
}

/* The store is told that all of them run, so that it knows them again. */
static void mark(struct upgrade *u) {
    struct host *host = u->host;
    struct marks m = {.u = u};
    uint32_t count = dispatch_in_hand(host);
    u->phase = MARKING;
    u->mark = (struct store_start){.op = {.kind = STORE_START,
                                          .done = mark_done,
                                          .arg = u,
                                          .now_ms = env_wall_ms(&host->env),
                                          .timeout_ms = QUIET_MS}};
    u->mark.items = arena_zalloc(&u->mark.op.arena, (count + 1) * sizeof *u->mark.items);
    if (u->mark.items == NULL) {
        fail(u, -ENOMEM, "out of memory");
        return;
    }
    pools_each_worker(host->pools, mark_worker, &m);
    u->mark.count = m.count;
    if (m.count == 0) {
        mark_done(&u->mark.op);
    } else {
        store_post(&host->store, &u->mark.op);
    }
}

static void mark_done(struct store_op *op) {
    struct upgrade *u = op->arg;
    int status = op->status;
    for (size_t i = 0; status == 0 && i < u->mark.count; i++) {
        status = u->mark.items[i].status;
    }
    store_op_finish(op);
    if (u->phase != MARKING) {
        return; // the host is being closed
    }
    if (status != 0) {
        fail(u, status, "the store did not take down what runs");
        return;
    }
    // signals that have come are seen in the turn until then
    upgrade_hold_signals(true);
    u->phase = LEAVING;
    plan(u, 0);
}

static void look(struct upgrade *u) {
    struct host *host = u->host;
    int64_t passed = env_mono_ms(&host->net_env) - u->begun_ms;
    bool unbegun;
    const char *why = busy_with(u, &unbegun);
    if (host->phase != HOST_RUNNING) {
        fail(u, -ESHUTDOWN, "the host has been told to stop");
        return;
    }
    if (why == NULL && u->deaf) {
        if (u->phase == LEAVING) {
            try_to_leave(u);
        } else {
            mark(u);
        }
        return;
    }
    if (passed >= QUIET_MS) {
        fail(u, -ETIMEDOUT, why == NULL ? "workers were not quiet in time" : why);
        return;
    }
    if (!unbegun && !u->deaf) { // from here on what is under way only ends
        u->deaf = true;
        pools_each_worker(host->pools, stop_listening, NULL);
    }
    if (passed >= u->late_ms) {
        u->late_ms = u->late_ms == LATE_MS ? CUT_MS : QUIET_MS;
        server_park_late(host->server);
        queries_cut(host, "the host is being upgraded");
    }
    plan(u, LOOK_MS);
}

static void begin_quiet(struct upgrade *u) {
    struct host *host = u->host;
    u->phase = QUIET;
    u->begun_ms = env_mono_ms(&host->net_env);
    u->late_ms = LATE_MS;
    u->deaf = false;
    server_park(host->server);
    pools_each_worker(host->pools, recall, NULL);
    pools_let_go(host->pools);
    pools_flush(host->pools);
    queries_refuse(host, "the host is being upgraded");
    plan(u, 0);
}

/* ------------------------------------------------------------------ workers of another protocol */

static void ask_to_end(struct worker *w, void *arg) {
    struct attempt *a;
    (void)arg;
    TAILQ_FOREACH(a, &w->attempts, link) {
        attempt_cancel(a, JH_CANCEL_DRAIN);
    }
    worker_drain(w, "another protocol is to come");
}

static void kill_for_upgrade(struct worker *w, void *arg) {
    (void)arg;
    w->for_drain = true;
    worker_kill(w, "another protocol is to come");
}

static void empty_late(struct timer *t, void *arg) {
    struct upgrade *u = arg;
    (void)t;
    pools_each_worker(u->host->pools, kill_for_upgrade, NULL);
}

static void look_whether_empty(struct upgrade *u) {
    if (u->host->phase != HOST_RUNNING) {
        fail(u, -ESHUTDOWN, "the host has been told to stop");
    } else if (pools_workers(u->host->pools) == 0) {
        timer_cancel(u->host->timers, &u->empty);
        begin_quiet(u);
    } else {
        plan(u, LOOK_MS * 4);
    }
}

static void empty(struct upgrade *u) {
    struct host *host = u->host;
    u->phase = EMPTYING;
    log_info(&host->log, "upgrade.emptying",
             "jobs=%u msg=\"the new binary's workers speak another "
             "protocol: what runs is asked to yield\"",
             dispatch_in_hand(host));
    pools_let_go(host->pools);
    pools_each_worker(host->pools, ask_to_end, NULL);
    (void)timer_set(host->timers, &u->empty,
                    env_mono_ms(&host->env) + host->config->host.shutdown_grace_ms);
    plan(u, 0);
}

/* ------------------------------------------------------------------ the test, and who asks */

static void on_look(struct timer *t, void *arg) {
    struct upgrade *u = arg;
    (void)t;
    if (u->phase == EMPTYING) {
        look_whether_empty(u);
    } else if (u->phase == QUIET || u->phase == LEAVING) {
        look(u);
    }
}

static int judge(const struct host *host, const struct upgrade_facts *facts, struct err *e) {
    char identity[HANDOVER_IDENTITY_LEN + 1];
    handover_identity(host->first_config, identity);
    if (facts->handover != HANDOVER_VERSION) {
        return err_set(e, -EINVAL,
                       "it does not understand what this version hands over: stop the host and "
                       "start that one");
    }
    if (strcmp(facts->identity, identity) != 0) {
        return err_set(
            e, -EINVAL,
            "the configuration names another store or state_dir by now: that asks for a restart");
    }
    const char *why = not_now(host); // the test has taken its time
    return why != NULL ? err_set(e, -EBUSY, "%s", why)
                       : upgrade_doors_check(host->server, facts->doors, e);
}

static void on_tested(struct upgrade_test *t, int status, const struct upgrade_facts *facts,
                      const struct err *e) {
    struct upgrade *u = CONTAINER_OF(t, struct upgrade, test);
    struct err why = *e;
    status = status != 0 ? status : judge(u->host, facts, &why);
    if (status != 0) {
        fail(u, status, why.msg);
        return;
    }
    (void)snprintf(u->last.to, sizeof u->last.to, "%s", facts->version);
    answer(u, 0, NULL);
    if (facts->record != RECORD_WIRE_VERSION) {
        empty(u);
    } else {
        begin_quiet(u);
    }
}

void upgrade_request(struct host *host, const char *file, struct upgrade_waiter *w) {
    struct upgrade *u = host->upgrade;
    struct err e = {.code = 0};
    const char *why = u->phase != IDLE ? "an upgrade is under way" : not_now(host);
    if (why != NULL) {
        w->done(w, -EBUSY, why);
        return;
    }
    (void)snprintf(u->file, sizeof u->file, "%s", file == NULL ? host->self_exe : file);
    u->waiter = w;
    u->last = (struct upgrade_report){
        .state = UPGRADE_RUNNING, .from = JOBHOST_VERSION, .started_ms = env_wall_ms(&host->env)};
    u->test = (struct upgrade_test){.host = host, .done = on_tested};
    u->phase = TESTING;
    log_info(&host->log, "upgrade.begun", "file=%s", u->file);
    int r = upgrade_test_start(&u->test, u->file, &e);
    if (r != 0) {
        fail(u, r, e.msg);
    }
}

bool upgrade_is_quiet(const struct host *host) {
    return host->upgrade != NULL && host->upgrade->phase >= EMPTYING;
}

/* ------------------------------------------------------------------ what became of it */

const struct upgrade_report *upgrade_last(const struct host *host) {
    return &host->upgrade->last;
}

void upgrade_note(struct host *host, const struct handover *h, uint32_t workers, uint32_t jobs,
                  const char *why) {
    struct upgrade_report *r = &host->upgrade->last;
    *r = (struct upgrade_report){.state = why == NULL ? UPGRADE_DONE : UPGRADE_FAILED,
                                 .to = JOBHOST_VERSION,
                                 .started_ms = h->asked_ms,
                                 .ended_ms = env_wall_ms(&host->env),
                                 .workers = workers,
                                 .jobs = jobs};
    (void)snprintf(r->from, sizeof r->from, "%s", h->version);
    (void)snprintf(r->why, sizeof r->why, "%s", why == NULL ? "" : why);
    if (why != NULL) {
        log_error(&host->log, "upgrade.failed",
                  "workers=%u jobs=%u msg=\"%s; the binary from "
                  "before goes on\"",
                  workers, jobs, why);
    } else {
        log_info(&host->log, "upgrade.done", "from=%s to=%s workers=%u jobs=%u ms=%lld", r->from,
                 r->to, workers, jobs, (long long)(r->ended_ms - r->started_ms));
    }
}

struct upgrade *upgrade_new(struct host *host) {
    struct upgrade *u = calloc(1, sizeof *u);
    if (u != NULL) {
        u->host = host;
        u->test.host = host;
        timer_init(&u->look, on_look, u);
        timer_init(&u->empty, empty_late, u);
    }
    return u;
}

void upgrade_free(struct upgrade **at) {
    struct upgrade *u = *at;
    if (u != NULL) {
        upgrade_test_stop(&u->test);
        timer_cancel(u->host->net_timers, &u->look);
        timer_cancel(u->host->timers, &u->empty);
        free(u);
        *at = NULL;
    }
}
