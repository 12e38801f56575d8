/* The process around the host: configuration, log, signals, and the loop. */
#define _GNU_SOURCE
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/inherited.h"
#include "supervisor/handover_adopt.h"
#include "supervisor/host.h"
#include "supervisor/reload.h"
#include "supervisor/serve.h"
#include "supervisor/upgrade.h"

enum { HOST_SIGNALS = 3, HOST_FDS = 65536 };

struct host_events {
    struct event *signals[HOST_SIGNALS];
};

/* ------------------------------------------------------------------ configuration and surroundings
 */

static int host_load_config(struct host *host, const struct host_options *options) {
    struct config_report report;
    struct buf text = {.data = NULL};
    char plugin_dir[PATH_MAX];
    host->config =
        config_load(options->config_file, host->config_env,
                    &(struct config_load_options){.default_plugin_dir = config_installed_plugin_dir(
                                                      options->self_exe, plugin_dir),
                                                  .strict = options->strict},
                    &report);
    const char *no_colour = getenv("NO_COLOR");
    bool colour = isatty(STDERR_FILENO) == 1 && (no_colour == NULL || no_colour[0] == '\0');
    config_report_print(&report, colour, &text);
    if (text.len > 0) {
        (void)!write(STDERR_FILENO, text.data, text.len);
    }
    buf_free(&text);
    config_report_finish(&report);
    if (host->config == NULL) {
        return -EINVAL;
    }
    const char *const *names;
    size_t count = config_secret_variables(host->config, &names);
    for (size_t i = 0; i < count; i++) {
        (void)unsetenv(names[i]); // no process that we start is to see them
    }
    return 0;
}

void host_configure_log(struct host *host) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(host->config->host.log_level, levels[i]) == 0) {
            host->log.level = (enum log_level)i;
        }
    }
    host->log.json = strcmp(host->config->host.log_format, "json") == 0;
    host->log.journal = !host->log.json && getenv("JOURNAL_STREAM") != NULL;
}

/* What the file names and this host does not do, so that nobody has to wonder. */
static void host_note_off(void *arg, const char *section, const struct config_entry *entry) {
    const struct host *host = arg;
    log_info(&host->log, "config.off", "section=%s name=%s why=\"%s\"", section, entry->name,
             entry->off_why == NULL ? "" : entry->off_why);
}

/* ------------------------------------------------------------------ start and stop */

static void host_signal(evutil_socket_t sig, short what, void *arg) {
    struct host *host = arg;
    (void)what;
    if (sig == SIGHUP) {
        reload_request(host, "SIGHUP", 0, NULL);
        return;
    }
    host_stop(host, sig == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* What would end the process is an error of the call that met it. Before the first file is written.
 */
static void host_ignore_signals(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); // a bound on files (ulimit -f) is a full disk
}

static int host_catch_signals(struct host *host, struct host_events *events, struct err *e) {
    static const int numbers[HOST_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    for (int i = 0; i < HOST_SIGNALS; i++) {
        events->signals[i] =
            event_new(host->base, numbers[i], EV_SIGNAL | EV_PERSIST, host_signal, host);
        if (events->signals[i] == NULL || event_add(events->signals[i], NULL) == -1) {
            return err_set(e, -ENOMEM, "out of memory");
        }
    }
    return 0;
}

static void host_release_signals(struct host_events *events) {
    for (int i = 0; i < HOST_SIGNALS; i++) {
        if (events->signals[i] != NULL) {
            event_free(events->signals[i]);
        }
    }
}

/* A descriptor that cannot be received looks like a worker's fault: have room. Workers get what
 * they need by their own limits. */
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

/* Before the environment is copied, and anything is opened that could get one of their numbers. */
static int host_take_sockets(struct host *host, struct err *e) {
    host->inherited = calloc(1, sizeof *host->inherited);
    if (host->inherited == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    int r = inherited_take(host->inherited, e);
    unsigned at = (unsigned)host->ready_fd - INHERITED_FIRST_FD;
    if (r == 0 && host->ready_fd > 0 && at < host->inherited->count) {
        r = err_set(e, -EINVAL, "--ready-fd %d: LISTEN_FDS says that this is a socket to listen on",
                    host->ready_fd);
    }
    return r;
}

/* As it was given, for a binary that takes over: what is removed from it later is removed for us. */
static int host_keep_environment(struct host *host, struct err *e) {
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    host->start_env = calloc(count + 1, sizeof *host->start_env);
    if (host->start_env == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    memcpy(host->start_env, environ, count * sizeof *host->start_env);
    return 0;
}

static int host_take_surroundings(struct host *host, struct err *e) {
    int r = host_take_sockets(host, e);
    r = r != 0 ? r : adopt_begin(host, e);
    int env = host_keep_environment(host, r < 0 ? NULL : e); // also for the way back
    return r < 0 ? r : env;
}

static int host_prepare(struct host *host, struct host_events *events, bool safe, struct err *e) {
    int r = host->adoption == NULL ? 0 : adopt_check(host, e);
    r = r != 0 ? r : host_open(host, safe, e);
    r = r != 0 ? r : host_catch_signals(host, events, e);
    r = r != 0 ? r : serve_open(host, e);
    if (r != 0) {
        adopt_go_back(host, e->msg);
    }
    if (host->adoption != NULL) {
        upgrade_hold_signals(false); // what came meanwhile is heard now
    }
    return r;
}

static void host_free(struct host *host) {
    adopt_free(host);
    free(host->start_env);
    free(host->notify_socket);
    if (host->inherited != NULL) {
        inherited_finish(host->inherited);
    }
    free(host->inherited);
    config_free(&host->config);
    config_env_free(&host->config_env);
    env_close(&host->env);
    free(host);
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
    host->config_file = options->config_file;
    host->safe = options->safe;
    if (host->ready_fd > 0) {
        (void)fcntl(host->ready_fd, F_SETFD, FD_CLOEXEC); // not the workers' business
    }
    if (host_take_surroundings(host, &e) != 0) {
        adopt_go_back(host, e.msg);
        fprintf(stderr, "jobhost: %s\n", e.msg);
        host_free(host);
        return 1;
    }
    host->config_env = config_env_new(environ);
    host_take_notify_socket(host);
    host_raise_fd_limit();
    host_ignore_signals();
    if (host->config_env == NULL || host_load_config(host, options) != 0) {
        adopt_go_back(host, "the configuration has errors");
        int status = host->config_env == NULL ? 1 : HOST_BAD_CONFIG;
        host_free(host);
        return status;
    }
    host_configure_log(host);
    if (host_prepare(host, &events, options->safe, &e) != 0) {
        log_error(&host->log, "host.start", "msg=\"%s\"", e.msg);
        host->exit_status = 1;
    } else {
        config_each_off(host->config, host_note_off, host);
        if (options->safe) {
            log_warn(&host->log, "host.safe_mode", "msg=\"jobs are accepted, none is started\"");
        }
        host_start(host);
        (void)event_base_dispatch(host->base);
        log_info(&host->log, "host.stopped", "status=%d", host->exit_status);
    }
    int status = host->exit_status;
    host_release_signals(&events);
    host_close(host);
    host_free(host);
    return status;
}
