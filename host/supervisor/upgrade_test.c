#define _GNU_SOURCE // pipe2, SYS_pidfd_open
#include "supervisor/upgrade_test.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/host.h"

/* ------------------------------------------------------------------ what it says */

static void read_out(struct upgrade_test *t) {
    char part[4096];
    ssize_t n;
    while ((n = read(t->out_fd, part, sizeof part)) > 0) {
        size_t room = UPGRADE_TEST_BYTES - t->out.len;
        buf_add(&t->out, part, (size_t)n < room ? (size_t)n : room);
    }
    if (n == 0) {
        (void)event_del(t->ev_out);
    }
}

static void on_out(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    read_out(arg);
}

static bool take_text(const cJSON *object, const char *name, char *ret, size_t size) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL && (size_t)snprintf(ret, size, "%s", text) < size;
}

static bool take_number(const cJSON *object, const char *name, int *ret) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    *ret = cJSON_IsNumber(item) ? item->valueint : 0;
    return *ret > 0;
}

/* Of which a binary need not know. */
static bool take_doors(const cJSON *object, struct upgrade_facts *ret) {
    return !cJSON_HasObjectItem(object, "doors") ||
           take_text(object, "doors", ret->doors, sizeof ret->doors);
}

static bool take_facts(const struct buf *out, struct upgrade_facts *ret) {
    cJSON *said = cJSON_ParseWithLength(out->len == 0 ? "" : out->data, out->len);
    bool ok = take_text(said, "version", ret->version, sizeof ret->version) &&
              take_text(said, "identity", ret->identity, sizeof ret->identity) &&
              take_number(said, "record", &ret->record) &&
              take_number(said, "handover", &ret->handover) && take_doors(said, ret);
    cJSON_Delete(said);
    return ok;
}

/* The first line of what it said, without what a terminal would obey. */
static int words_of(const struct upgrade_test *t, int status, struct err *e) {
    char line[200] = "";
    const char *text = t->out.len == 0 ? "" : t->out.data;
    for (size_t i = 0; i < t->out.len && i < sizeof line - 1 && text[i] != '\n'; i++) {
        line[i] = (unsigned char)text[i] < ' ' ? '?' : text[i];
    }
    const char *colon = line[0] == '\0' ? "" : ": ";
    if (t->killed) {
        return err_set(e, -ETIMEDOUT, "its self-test did not end within %d s",
                       UPGRADE_TEST_MS / 1000);
    }
    if (WIFSIGNALED(status)) {
        return err_set(e, -ENOEXEC, "its self-test died of signal %d%s%s", WTERMSIG(status), colon,
                       line);
    }
    return err_set(e, -EINVAL, "its self-test failed with status %d%s%s", WEXITSTATUS(status),
                   colon, line);
}

/* ------------------------------------------------------------------ its end */

static void forget(struct upgrade_test *t) {
    timer_cancel(t->host->net_timers, &t->late);
    struct event *events[] = {t->ev_out, t->ev_pid};
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (events[i] != NULL) {
            event_free(events[i]);
        }
    }
    if (t->pidfd > 0) {
        (void)close(t->pidfd);
    }
    if (t->out_fd > 0) {
        (void)close(t->out_fd);
    }
    t->ev_out = t->ev_pid = NULL;
    t->pid = 0;
    t->pidfd = t->out_fd = 0;
}

static void on_end(evutil_socket_t fd, short what, void *arg) {
    struct upgrade_test *t = arg;
    struct upgrade_facts facts = {.record = 0};
    struct err e = {.code = 0};
    int status = 0, r = 0;
    (void)fd;
    (void)what;
    read_out(t);
    (void)kill(-t->pid, SIGKILL); // what it has left behind
    (void)waitpid(t->pid, &status, 0);
    if (t->killed || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        r = words_of(t, status, &e);
    } else if (!take_facts(&t->out, &facts)) {
        r = err_set(&e, -EINVAL,
                    "it is no jobhost that could take over: it does not know "
                    "--self-test");
    }
    forget(t);
    buf_free(&t->out);
    t->done(t, r, &facts, &e);
}

static void on_late(struct timer *timer, void *arg) {
    struct upgrade_test *t = arg;
    (void)timer;
    t->killed = true;
    (void)kill(-t->pid, SIGKILL);
}

void upgrade_test_stop(struct upgrade_test *t) {
    if (t->pid > 0) {
        (void)kill(-t->pid, SIGKILL);
        (void)waitpid(t->pid, NULL, 0);
        forget(t);
    }
    buf_free(&t->out);
}

/* ------------------------------------------------------------------ its begin */

static int spawn(struct upgrade_test *t, const char *file, int out) {
    char *const argv[] = {(char *)(uintptr_t) "jobhost", (char *)(uintptr_t) "--self-test",
                          (char *)(uintptr_t)t->host->config->file,
                          t->host->strict ? (char *)(uintptr_t) "--strict" : NULL, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0) {
        return -r;
    }
    r = posix_spawnattr_init(&attr);
    if (r == 0) {
        (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        (void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        (void)posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
        (void)posix_spawnattr_setsigmask(&attr, &none);
        (void)posix_spawnattr_setsigdefault(&attr, &all);
        (void)posix_spawnattr_setpgroup(&attr, 0);
        (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                  POSIX_SPAWN_SETPGROUP);
        r = posix_spawn(&t->pid, file, &actions, &attr, argv, t->host->start_env);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int watch(struct upgrade_test *t) {
    struct event_base *base = t->host->base;
    t->pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
    if (t->pidfd == -1) {
        return -errno;
    }
    t->ev_out = event_new(base, t->out_fd, EV_READ | EV_PERSIST, on_out, t);
    t->ev_pid = event_new(base, t->pidfd, EV_READ, on_end, t);
    timer_init(&t->late, on_late, t);
    bool ok = t->ev_out != NULL && t->ev_pid != NULL && event_add(t->ev_out, NULL) == 0 &&
              event_add(t->ev_pid, NULL) == 0 &&
              timer_set(t->host->net_timers, &t->late,
                        env_mono_ms(&t->host->net_env) + UPGRADE_TEST_MS) == 0;
    return ok ? 0 : -ENOMEM;
}

int upgrade_test_start(struct upgrade_test *t, const char *file, struct err *e) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) == -1) {
        return err_errno(e, -errno, "a pipe for the self-test");
    }
    t->out_fd = fds[0];
    t->killed = false;
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    timer_init(&t->late, on_late, t);
    int r = spawn(t, file, fds[1]);
    (void)close(fds[1]);
    if (r != 0) {
        t->pid = 0;
        forget(t);
        return err_errno(e, r, "%s cannot be executed", file);
    }
    r = watch(t);
    if (r != 0) {
        upgrade_test_stop(t);
        return err_errno(e, r, "the self-test of %s", file);
    }
    return 0;
}
