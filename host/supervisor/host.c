#include "supervisor/host.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/side_thread.h"
#include "supervisor/beat.h"
#include "supervisor/boot.h"
#include "supervisor/breakers.h"
#include "supervisor/cascade.h"
#include "supervisor/commits.h"
#include "supervisor/dirs.h"
#include "supervisor/dispatch.h"
#include "supervisor/handover_adopt.h"
#include "supervisor/hub.h"
#include "supervisor/jobs.h"
#include "supervisor/limits.h"
#include "supervisor/orphans.h"
#include "supervisor/pins.h"
#include "supervisor/pool_private.h"
#include "supervisor/ready.h"
#include "supervisor/release.h"
#include "supervisor/reload.h"
#include "supervisor/schedules.h"
#include "supervisor/sd_notify.h"
#include "supervisor/serve.h"
#include "supervisor/shutdown.h"
#include "supervisor/spawn.h"
#include "supervisor/stats.h"
#include "supervisor/takeover.h"
#include "supervisor/tokens.h"
#include "supervisor/upgrade.h"
#include "supervisor/upkeep.h"

static int host_open_store(struct host *host, struct err *e) {
    struct store_events events = host_store_events(host);
    int r = host_store_init(&host->store_made, host->config, e);
    host->store_made.config.one_clock = env_is_virtual(&host->env);
    host->store_made.config.disk_env = &host->net_env;
    return r != 0 ? r
                  : store_open(&host->store_made.config, host->base, &host->log, &host->env,
                               &events, &host->store, e);
}

/* ------------------------------------------------------------------ start and stop */

static void host_end(struct host *host) {
    host->exit_status = 1;
    host->phase = HOST_STOPPED;
    (void)event_base_loopexit(host->base, NULL);
}

void host_stop(struct host *host, const char *why) {
    if (host->adoption != NULL && host->phase == HOST_STARTING) {
        if (host->stop_why != NULL) { // as a second time ends what still runs
            host_end(host);
        }
        host->stop_why = why; // first its workers must be somebody's
        return;
    }
    if (host->phase == HOST_STARTING) {
        host->phase = HOST_RUNNING; // nothing has been claimed yet; the drain is short
    }
    shutdown_begin(host, why);
}

void host_plugin_settled(struct host *host) {
    if (host->settled || host->phase != HOST_RUNNING || pools_starting(host->pools)) {
        return;
    }
    host->settled = true;
    struct buf urls = {.len = 0};
    serve_urls(host, &urls);
    log_info(&host->log, "host.ready",
             "version=%s pid=%d store=%s admin=unix:%s listen=%s start_ms=%lld", JOBHOST_VERSION,
             (int)getpid(), host->store.ops->caps.name, host->config->host.admin,
             urls.len == 0 ? "nowhere" : urls.data,
             (long long)(env_wall_ms(&host->env) - host->started_ms));
    buf_free(&urls);
    sd_notify_send(host->notify_socket, "READY=1\nSTATUS=serving");
    if (host->ready_fd > 0) {
        (void)!write(host->ready_fd, "ready\n", 6);
        close(host->ready_fd);
        host->ready_fd = 0;
    }
    reload_resume(host);
}

/* The store knows this boot: jobs may be claimed. */
static void host_join(struct host *host) {
    host->joined = true;
    beat_run(host);
    takeover_run(host);
    breakers_load(host);
    tokens_load(host);
    dispatch_kick(host);
    schedules_run(host);
}

/* What another binary has left, if one has. False: it cannot be, and the host ends. */
static bool host_adopt(struct host *host) {
    struct err e = {.code = 0};
    if (host->adoption != NULL && adopt_pools(host, &e) != 0) {
        adopt_go_back(host, e.msg);
        host_end(host);
        return false;
    }
    if (host->adoption != NULL) {
        adopt_end(host);
    }
    return true;
}

static void host_run_on(struct host *host) {
    host->phase = HOST_RUNNING;
    if (!host_adopt(host)) {
        return;
    }
    (void)pools_start(host->pools);
    pins_run(host);
    upkeep_run(host);
    ready_run(host);
    serve_begin(host);
    host_plugin_settled(host);
}

static void host_recovered(struct host *host, int status) {
    bool can_wait = store_backlog(&host->store).present;
    if (status != 0 && host->adoption != NULL) { // workers wait, so the store must be there
        adopt_go_back(host, "the store could not be asked for the jobs that run");
        upkeep_recover_later(host, host_recovered);
        return;
    }
    if (status != 0 && !can_wait) {
        host_end(host);
        return;
    }
    if (host->phase == HOST_STARTING) {
        host_run_on(host);
    }
    if (host->phase != HOST_RUNNING) {
        return; // stopped meanwhile
    }
    if (status == 0) {
        host_join(host);
    } else { // it takes jobs until the store is there
        upkeep_recover_later(host, host_recovered);
    }
    if (host->stop_why != NULL) {
        host_stop(host, host->stop_why);
    }
}

int host_open(struct host *host, bool safe, struct err *e) {
    uint64_t seed;
    env_random(&seed, sizeof seed);
    env_random(&host->nonce, sizeof host->nonce);
    host->nonce = host->adoption != NULL ? adopt_nonce(host) : host->nonce;
    id_gen_init(&host->ids, seed);
    (void)gethostname(host->name, sizeof host->name - 1);
    host->started_ms = env_wall_ms(&host->env);
    host->first_config = config_hold(host->config);
    if (host->spawn == NULL) {
        host->spawn = &spawn_processes;
    }
    host->worker_fd = adopt_worker_program(host, host->worker_program);
    if (host->worker_fd < 0) {
        host->worker_fd = spawn_hold_program(host->self_exe, host->worker_program);
    }
    int r = dirs_make(host->config->host.state_dir, e);
    for (size_t i = 0; r == 0 && i < host->config->plugin_count; i++) {
        r = dirs_make_data(host->config->host.state_dir, host->config->plugins[i].entry.name, NULL,
                           e);
    }
    if (r != 0) {
        return r;
    }
    host->base = event_base_new();
    host->timers = host->base == NULL ? NULL : timers_new(host->base, &host->env);
    host->net_timers = host->base == NULL ? NULL : timers_new(host->base, &host->net_env);
    host->hub = hub_new();
    host->stats = stats_new();
    host->ready = ready_new(host);
    host->commits = commits_new(host);
    host->upkeep = upkeep_new(host);
    host->cascade = cascade_new(host);
    host->reload = host->base == NULL ? NULL : reload_new(host);
    host->beat = beat_new(host);
    host->limits = limits_new(host);
    host->breakers = breakers_new(host);
    host->tokens = tokens_new(host);
    host->takeover = takeover_new(host);
    host->release = release_new(host);
    host->schedules = host->base == NULL ? NULL : schedules_new(host);
    host->orphans = orphans_new(host);
    host->pins = pins_new(host);
    host->upgrade = upgrade_new(host);
    host->shutdown = shutdown_new(host);
    if (host->timers == NULL || host->net_timers == NULL || host->hub == NULL ||
        host->stats == NULL || host->limits == NULL || host->breakers == NULL ||
        host->tokens == NULL || host->ready == NULL || host->commits == NULL ||
        host->upkeep == NULL || host->cascade == NULL || host->reload == NULL ||
        host->beat == NULL || host->takeover == NULL || host->release == NULL ||
        host->schedules == NULL || host->orphans == NULL || host->pins == NULL ||
        host->upgrade == NULL || host->shutdown == NULL ||
        dispatch_new(host, safe, &host->dispatch) != 0 || pools_new(host, &host->pools) != 0) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    r = side_thread_new(host->base, "disk", &host->disk, e);
    r = r != 0 ? r : side_thread_new(host->base, "parser", &host->parser, e);
    r = r != 0 ? r : host_open_store(host, e);
    const char *state_dir = host->config->host.state_dir;
    return r != 0                  ? r
           : adopt_lock(host) >= 0 ? boot_keep(state_dir, adopt_lock(host), &host->boot, e)
                                   : boot_open(state_dir, &host->boot, e);
}

void host_start(struct host *host) {
    if (host->store_fault != NULL && store_backlog(&host->store).present) {
        host_recovered(host, -ENOTCONN);
    } else {
        upkeep_recover(host, host_recovered);
    }
}

void host_close(struct host *host) {
    adopt_free(host);
    serve_close(host);
    host->phase = HOST_STOPPED;
    // what was under way goes on to the store: a form's files are written, then its job is read
    side_thread_finish(host->disk);
    side_thread_finish(host->parser);
    if (host->store.ops != NULL) {
        store_close(&host->store);
    }
    serve_free(host); // with the requests that the store has answered
    side_thread_free(&host->parser);
    side_thread_free(&host->disk); // with the uploads that these have let go of
    if (host->front_self != NULL) {
        host->front->close(host->front_self);
    }
    // outcomes that the store could not take go first: they free their attempts, dispatch frees the
    // others
    ready_free(&host->ready);
    commits_free(&host->commits);
    dispatch_free(&host->dispatch);
    pools_free(&host->pools);
    limits_free(&host->limits);
    breakers_free(&host->breakers);
    tokens_free(&host->tokens);
    reload_free(&host->reload);
    shutdown_free(&host->shutdown);
    pins_free(&host->pins);
    orphans_free(&host->orphans);
    upgrade_free(&host->upgrade);
    release_free(&host->release);
    schedules_free(&host->schedules);
    takeover_free(&host->takeover);
    beat_free(&host->beat);
    upkeep_free(&host->upkeep);
    cascade_free(&host->cascade);
    hub_free(&host->hub);
    stats_free(&host->stats);
    timers_free(&host->net_timers);
    timers_free(&host->timers);
    if (host->base != NULL) {
        event_base_free(host->base);
    }
    record_packet_finish(&host->packet);
    host_store_finish(&host->store_made);
    boot_close(&host->boot);
    free((void *)(uintptr_t)host->store_fault);
    if (host->worker_fd > 0) {
        close(host->worker_fd);
    }
    config_free(&host->first_config);
}
