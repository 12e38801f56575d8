#define _GNU_SOURCE // close_range, memmem
#include "worker/warden.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record/record.h"

enum { WARDEN_ROUNDS = 1000, WARDEN_PAUSE_MS = 1, WARDEN_EMPTY = 3, WARDEN_ENVIRON = 64 * 1024 };

// ---- whose it is

// The supervisor gives each worker a mark of its own in the environment, which what it starts
// inherits, and keeps whatever it does to its session, its group and its descriptors.
static bool is_marked(const char *pid, const char *mark, char *buf) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? -1 : read(fd, buf, WARDEN_ENVIRON);
    if (fd != -1) {
        (void)close(fd);
    }
    return n > 0 && memmem(buf, (size_t)n, mark, strlen(mark) + 1) != NULL;
}

// True if there was one: who has been killed may have had a child just before.
static bool kill_marked(const char *mark, char *buf) {
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    bool found = false;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid > 0 && pid != getpid() && is_marked(entry->d_name, mark, buf)) {
            found = true;
            (void)kill((pid_t)pid, SIGKILL);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return found;
}

static void clear_up(pid_t worker, const char *mark) {
    static char buf[WARDEN_ENVIRON];
    (void)kill(-worker, SIGKILL);
    int empty = 0; // more than one: in the middle of exec a process has no environment to show
    for (int i = 0; mark != NULL && i < WARDEN_ROUNDS && empty < WARDEN_EMPTY; i++) {
        empty = kill_marked(mark, buf) ? 0 : empty + 1;
        (void)poll(NULL, 0, WARDEN_PAUSE_MS);
    }
}

// ---- the process

// The socket above all: its end means something.
static void close_others(int fd) {
    if (fd > 0) {
        (void)close_range(0, (unsigned)fd - 1, 0);
    }
    (void)close_range((unsigned)fd + 1, ~0u, 0);
}

static _Noreturn void watch(pid_t worker, int worker_fd, char *title) {
    const char *value = getenv(RECORD_MARK);
    char mark[64];
    (void)snprintf(mark, sizeof mark, RECORD_MARK "=%s", value == NULL ? "" : value);
    memcpy(title, "--warden", strlen(title));
    close_others(worker_fd);
    // not by a signal at the parent's death: Landlock does not let that leave the worker's domain
    struct pollfd end = {.fd = worker_fd, .events = POLLIN};
    while (poll(&end, 1, -1) != 1) {
    }
    clear_up(worker, value == NULL ? NULL : mark);
    _exit(0);
}

// Whatever becomes of the worker from here on, and however late the warden comes to run: it has the
// worker by its descriptor, and is not among those that are killed with it. wait() does not wait
// for a child without a signal at its end, so a plugin that waits for all its children does not
// wait for this one.
static int start(pid_t worker, int worker_fd, char *title) {
    long pid = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        watch(worker, worker_fd, title);
    }
    return pid == -1 || setpgid((pid_t)pid, 0) == -1 ? -errno : 0;
}

int warden_start(char *title) {
    const pid_t worker = getpid();
    int worker_fd = (int)syscall(SYS_pidfd_open, worker, 0);
    if (worker_fd == -1) {
        return -errno;
    }
    sigset_t all, before;
    (void)sigfillset(&all);
    // it stays when a service manager tells everybody to go
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    int r = start(worker, worker_fd, title);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(worker_fd);
    return r;
}
