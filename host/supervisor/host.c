#define _GNU_SOURCE
#include "supervisor/host.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/server.h"
#include "supervisor/commits.h"
#include "supervisor/dirs.h"
#include "supervisor/dispatch.h"
#include "supervisor/hub.h"
#include "supervisor/pool_private.h"
#include "supervisor/sd_notify.h"
#include "supervisor/shutdown.h"
#include "supervisor/upkeep.h"

extern char **environ;

enum { HOST_SIGNALS = 3, HOST_FDS = 65536 };

struct host_events {
    struct event *signals[HOST_SIGNALS];
};

/* ------------------------------------------------------------------ configuration and surroundings */

static int host_load_config(struct host *host, const struct host_options *options) {
    struct config_report report;
    struct buf text = {.data = NULL};
    host->config = config_load(options->config_file, host->config_env,
                               &(struct config_load_options){.strict = options->strict}, &report);
    config_report_print(&report, isatty(STDERR_FILENO) == 1, &text);
    if (text.len > 0) {
        (void)!write(STDERR_FILENO, text.data, text.len);
    }
    buf_free(&text);
    config_report_finish(&report);
    return host->config == NULL ? -EINVAL : 0;
}

static void host_configure_log(struct host *host) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(host->config->host.log_level, levels[i]) == 0) {
            host->log.level = (enum log_level)i;
        }
    }
    host->log.json = strcmp(host->config->host.log_format, "json") == 0;
    host->log.journal = !host->log.json && getenv("JOURNAL_STREAM") != NULL;
}

/* ------------------------------------------------------------------ the store's events */

static void host_store_ready(void *arg, const struct store_lane *lane) {
    struct host *host = arg;
    if (host->dispatch != NULL) {
        dispatch_lane_ready(host, lane);
    }
}

static void host_store_due(void *arg, int64_t due_ms) {
    struct host *host = arg;
    if (host->upkeep != NULL) {
        upkeep_due(host, due_ms);
    }
}

static void host_store_health(void *arg, const char *reason) {
    struct host *host = arg;
    free((void *)(uintptr_t)host->store_fault);
    host->store_fault = reason == NULL ? NULL : strdup(reason);
    if (reason != NULL) {
        log_error(&host->log, "store.degraded", "msg=\"%s\"", reason);
    } else {
        log_info(&host->log, "store.healthy", "url=%s", host->config->store.url);
        dispatch_kick(host);
    }
}

static int host_open_store(struct host *host, struct err *e) {
    const struct config_store *c = &host->config->store;
    char blob_dir[4096];
    const char *dir = c->blobs != NULL && strncmp(c->blobs, "dir:", 4) == 0 ? c->blobs + 4 : NULL;
    if (dir == NULL) {
        snprintf(blob_dir, sizeof blob_dir, "%s/blobs", host->config->host.state_dir);
        dir = blob_dir;
    }
    struct store_config config = {
        .url = c->url,
        .blob_dir = dir,
        .budget = {[BUDGET_JOBS] = (uint64_t)c->budget_jobs,
                   [BUDGET_RESULTS] = (uint64_t)c->budget_results,
                   [BUDGET_KV] = (uint64_t)c->budget_kv,
                   [BUDGET_BLOBS] = (uint64_t)c->budget_blobs},
        .dedup_ttl_ms = host->config->queue_default.dedup_ttl_ms,
    };
    struct store_events events = {
        .ready = host_store_ready, .due = host_store_due, .health = host_store_health, .arg = host};
    return store_open(&config, host->base, &host->log, &host->env, &events, &host->store, e);
}

/* ------------------------------------------------------------------ start and stop */

static void host_signal(evutil_socket_t sig, short what, void *arg) {
    struct host *host = arg;
    (void)what;
    if (sig == SIGHUP) {
        log_warn(&host->log, "host.sighup",
                 "msg=\"the configuration is read at start only: restart to apply changes\"");
        return;
    }
    host_stop(host, sig == SIGTERM ? "SIGTERM" : "SIGINT");
}

void host_stop(struct host *host, const char *why) {
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
    log_info(&host->log, "host.ready", "version=%s pid=%d store=%s admin=unix:%s start_ms=%lld",
             JOBHOST_VERSION, (int)getpid(), host->store.ops->caps.name, host->config->host.admin,
             (long long)(env_wall_ms(&host->env) - host->started_ms));
    sd_notify_send(host->notify_socket, "READY=1\nSTATUS=serving");
    if (host->ready_fd > 0) {
        (void)!write(host->ready_fd, "ready\n", 6);
        close(host->ready_fd);
        host->ready_fd = 0;
    }
}

static void host_recovered(struct host *host, int status) {
    if (status != 0) {
        host->exit_status = 1;
        host->phase = HOST_STOPPED;
        (void)event_base_loopexit(host->base, NULL);
        return;
    }
    if (host->phase != HOST_STARTING) {
        return; // stopped meanwhile
    }
    host->phase = HOST_RUNNING;
    (void)pools_start(host->pools);
    upkeep_run(host);
    dispatch_kick(host);
    host_plugin_settled(host);
}

static void host_note_off(const struct host *host, const char *section,
                          const struct config_entry *entry) {
    if (!entry->on) {
        log_info(&host->log, "config.off", "section=%s name=%s why=\"%s\"", section, entry->name,
                 entry->off_why == NULL ? "" : entry->off_why);
    }
}

/* What the file names and this host does not do, so that nobody has to wonder. */
static void host_note_sections(const struct host *host) {
    const struct config *c = host->config;
    for (size_t i = 0; i < c->plugin_count; i++) {
        host_note_off(host, "plugins", &c->plugins[i].entry);
    }
    for (size_t i = 0; i < c->schedule_count; i++) {
        host_note_off(host, "schedules", &c->schedules[i].entry);
    }
    for (size_t i = 0; i < c->hook_count; i++) {
        host_note_off(host, "hooks", &c->hooks[i].entry);
    }
    for (size_t i = 0; i < c->route_count; i++) {
        host_note_off(host, "routes", &c->routes[i].entry);
    }
}

static int host_listen(struct host *host, struct err *e) {
    char address[4096];
    host->front_self = host->front->open(host);
    if (host->front_self == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    struct server_config config = {.arg = NULL};
    host->front->configure(host->front_self, &config);
    host->server = server_new(host->base, host->timers, &host->env, &host->log, &config);
    if (host->server == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    snprintf(address, sizeof address, "unix:%s", host->config->host.admin);
    return server_listen(host->server, address, e);
}

static int host_catch_signals(struct host *host, struct host_events *events) {
    static const int numbers[HOST_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    (void)signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < HOST_SIGNALS; i++) {
        events->signals[i] =
            event_new(host->base, numbers[i], EV_SIGNAL | EV_PERSIST, host_signal, host);
        if (events->signals[i] == NULL || event_add(events->signals[i], NULL) == -1) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int host_build(struct host *host, const struct host_options *options,
                      struct host_events *events, struct err *e) {
    uint64_t seed;
    env_random(&seed, sizeof seed);
    env_random(&host->nonce, sizeof host->nonce);
    id_gen_init(&host->ids, seed);
    (void)gethostname(host->name, sizeof host->name - 1);
    host->started_ms = env_wall_ms(&host->env);
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
    host->hub = hub_new();
    host->commits = commits_new(host);
    host->upkeep = upkeep_new(host);
    host->shutdown = shutdown_new(host);
    if (host->timers == NULL || host->hub == NULL || host->commits == NULL ||
        host->upkeep == NULL || host->shutdown == NULL ||
        dispatch_new(host, options->safe, &host->dispatch) != 0 ||
        pools_new(host, &host->pools) != 0 || host_catch_signals(host, events) != 0) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    r = host_open_store(host, e);
    return r != 0 ? r : host_listen(host, e);
}

static void host_unmake(struct host *host, struct host_events *events) {
    server_free(&host->server);
    host->phase = HOST_STOPPED;
    if (host->store.ops != NULL) {
        store_close(&host->store);
    }
    if (host->front_self != NULL) {
        host->front->close(host->front_self);
    }
    if (host->dispatch != NULL) {
        dispatch_free(&host->dispatch);
    }
    if (host->commits != NULL) {
        commits_free(&host->commits);
    }
    pools_free(&host->pools);
    shutdown_free(&host->shutdown);
    upkeep_free(&host->upkeep);
    hub_free(&host->hub);
    for (int i = 0; i < HOST_SIGNALS; i++) {
        if (events->signals[i] != NULL) {
            event_free(events->signals[i]);
        }
    }
    timers_free(&host->timers);
    if (host->base != NULL) {
        event_base_free(host->base);
    }
    record_packet_finish(&host->packet);
    free((void *)(uintptr_t)host->store_fault);
    free(host->notify_socket);
    config_free(&host->config);
    config_env_free(&host->config_env);
    env_close(&host->env);
}

/* A descriptor that cannot be received looks like a worker's fault: have room. Workers get what they need by their own limits. */
static void host_raise_fd_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < HOST_FDS) {
        limit.rlim_cur = limit.rlim_max < HOST_FDS ? limit.rlim_max : HOST_FDS;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void host_take_notify_socket(struct host *host) {
    const char *name = getenv("NOTIFY_SOCKET");
    host->notify_socket = name == NULL ? NULL : strdup(name);
    (void)unsetenv("NOTIFY_SOCKET"); // not the workers' business
}

int host_run(const struct host_options *options) {
    struct err e = {.code = 0};
    struct host_events events = {.signals = {NULL}};
    struct host *host = calloc(1, sizeof *host);
    if (host == NULL || env_open(&host->env, &e) != 0) {
        fprintf(stderr, "jobhost: %s\n", host == NULL ? "out of memory" : e.msg);
        free(host);
        return 1;
    }
    host->log = (struct log){.env = &host->env, .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO};
    host->self_exe = options->self_exe;
    host->strict = options->strict;
    host->front = options->front;
    host->ready_fd = options->ready_fd;
    if (host->ready_fd > 0) {
        (void)fcntl(host->ready_fd, F_SETFD, FD_CLOEXEC); // not the workers' business
    }
    host->config_env = config_env_new(environ);
    host_take_notify_socket(host);
    host_raise_fd_limit();
    if (host->config_env == NULL || host_load_config(host, options) != 0) {
        config_env_free(&host->config_env);
        env_close(&host->env);
        free(host->notify_socket);
        free(host);
        return 1;
    }
    host_configure_log(host);
    if (host_build(host, options, &events, &e) != 0) {
        log_error(&host->log, "host.start", "msg=\"%s\"", e.msg);
        host->exit_status = 1;
    } else {
        host_note_sections(host);
        if (options->safe) {
            log_warn(&host->log, "host.safe_mode", "msg=\"jobs are accepted, none is started\"");
        }
        upkeep_recover(host, host_recovered);
        (void)event_base_dispatch(host->base);
        log_info(&host->log, "host.stopped", "status=%d", host->exit_status);
    }
    int status = host->exit_status;
    host_unmake(host, &events);
    free(host);
    return status;
}
