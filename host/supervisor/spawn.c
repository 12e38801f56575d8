#define _GNU_SOURCE
#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "record/record.h"

enum {
    SPAWN_FD_SOCK = 3,
    SPAWN_FD_PAGE = 4,
    SPAWN_FD_ABOVE = 10,        /* our ends are moved up here, clear of the two above */
    SPAWN_SOCK_BYTES = 4 << 20, /* asked for; the kernel caps it for ordinary users   */
    SPAWN_ENV_MAX = 64,
};

/* What a worker may see of our environment: no secret lives here. The rest is dropped. */
static const char *const spawn_env_names[] = {
    "PATH=",
    "LANG=",
    "LC_ALL=",
    "LC_CTYPE=",
    "TZ=",
    "TMPDIR=",
    "SSL_CERT_FILE=",
    "SSL_CERT_DIR=",
    "JOBHOST_TEST_CLOCK=",
    "JOBHOST_FAULT=",
    "ASAN_OPTIONS=",
    "UBSAN_OPTIONS=",
    "TSAN_OPTIONS=",
    "LSAN_OPTIONS=",
    "GCOV_PREFIX=",
    "GCOV_PREFIX_STRIP=",
    "LLVM_PROFILE_FILE=",
};

/* `mark` comes first, where it is soon found. */
static void spawn_environment(char *mark, char *out[SPAWN_ENV_MAX]) {
    size_t n = 0;
    out[n++] = mark;
    for (char **v = environ; *v != NULL && n < SPAWN_ENV_MAX - 1; v++) {
        for (size_t i = 0; i < sizeof spawn_env_names / sizeof spawn_env_names[0]; i++) {
            if (strncmp(*v, spawn_env_names[i], strlen(spawn_env_names[i])) == 0) {
                out[n++] = *v;
                break;
            }
        }
    }
    out[n] = NULL;
}

static int spawn_move_up(int *fd) {
    int high = fcntl(*fd, F_DUPFD_CLOEXEC, SPAWN_FD_ABOVE);
    if (high == -1) {
        return -errno;
    }
    close(*fd);
    *fd = high;
    return 0;
}

/* ours: non-blocking; theirs: as the worker wants it. */
static int spawn_socketpair(int *ret_ours, int *ret_theirs) {
    int fds[2];
    int bytes = SPAWN_SOCK_BYTES;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1) {
        return -errno;
    }
    for (int i = 0; i < 2; i++) {
        if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) == -1) {
            (void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        }
    }
    int r = fcntl(fds[0], F_SETFL, O_NONBLOCK) == -1 ? -errno : 0;
    if (r == 0) {
        r = spawn_move_up(&fds[0]);
    }
    if (r == 0) {
        r = spawn_move_up(&fds[1]);
    }
    if (r != 0) {
        close(fds[0]);
        close(fds[1]);
        return r;
    }
    *ret_ours = fds[0];
    *ret_theirs = fds[1];
    return 0;
}

/* `dir_len` bytes of `self_exe` and a path below that. */
static bool spawn_is_program(const char *self_exe, size_t dir_len, const char *path,
                             char out[PATH_MAX]) {
    int n = snprintf(out, PATH_MAX, "%.*s/%s", (int)dir_len, self_exe, path);
    return n > 0 && n < PATH_MAX && access(out, X_OK) == 0;
}

const char *spawn_program(const char *self_exe, char out[PATH_MAX]) {
    static const char bin[] = "/" JOBHOST_BINDIR;
    const char *name = strrchr(self_exe, '/');
    size_t dir_len = name == NULL ? 0 : (size_t)(name - self_exe);
    size_t bin_len = sizeof bin - 1;
    if (name != NULL && spawn_is_program(self_exe, dir_len, "jobhost-worker", out)) {
        return out;
    }
    bool installed = dir_len >= bin_len && memcmp(name - bin_len, bin, bin_len) == 0;
    return installed && spawn_is_program(self_exe, dir_len - bin_len,
                                         JOBHOST_LIBEXECDIR "/jobhost/jobhost-worker", out)
               ? out
               : self_exe;
}

int spawn_hold_program(const char *self_exe, char out[PATH_MAX]) {
    const char *program = spawn_program(self_exe, out);
    int fd = open(program, O_PATH | O_CLOEXEC);
    if (fd != -1 && spawn_move_up(&fd) == 0) {
        (void)snprintf(out, PATH_MAX, "/proc/self/fd/%d", fd);
    } else if (program != out) {
        (void)snprintf(out, PATH_MAX, "%s", program);
    }
    return fd;
}

static int spawn_exec(const char *exe, const char *plugin, int sock, int page, pid_t *ret_pid) {
    char parent[24], mark[64];
    char *envp[SPAWN_ENV_MAX];
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    snprintf(mark, sizeof mark, RECORD_MARK "=%s.%lld", parent, (long long)env_stopwatch_us());
    char *const argv[] = {(char *)(uintptr_t) "jobhost", (char *)(uintptr_t) "--worker", parent,
                          (char *)(uintptr_t)plugin, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    spawn_environment(mark, envp);
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0) {
        return -r;
    }
    r = posix_spawnattr_init(&attr);
    if (r == 0) {
        (void)posix_spawn_file_actions_adddup2(&actions, sock, SPAWN_FD_SOCK);
        (void)posix_spawn_file_actions_adddup2(&actions, page, SPAWN_FD_PAGE);
        (void)posix_spawnattr_setsigmask(&attr, &none);
        (void)posix_spawnattr_setsigdefault(&attr, &all);
        (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = posix_spawn(ret_pid, exe, &actions, &attr, argv, envp);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int spawn_start(const char *program, const char *plugin, struct spawned *ret,
                       struct err *e) {
    int ours = -1, theirs = -1, pidfd = -1;
    struct start_page *page = NULL;
    pid_t pid = -1;
    int page_fd = start_page_new(&page);
    int r = page_fd < 0 ? page_fd : 0;
    if (r == 0) {
        r = spawn_move_up(&page_fd);
    }
    if (r == 0) {
        r = spawn_socketpair(&ours, &theirs);
    }
    if (r == 0) {
        r = spawn_exec(program, plugin, theirs, page_fd, &pid);
    }
    if (r == 0) {
        pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        r = pidfd == -1 ? -errno : 0;
    }
    if (theirs != -1) {
        close(theirs);
    }
    if (r == 0) {
        *ret = (struct spawned){
            .pid = pid, .pidfd = pidfd, .sock = ours, .page = page, .page_fd = page_fd};
        return 0;
    }
    if (page_fd >= 0) {
        close(page_fd);
    }
    if (pid > 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    if (ours != -1) {
        close(ours);
    }
    start_page_unmap(&page);
    return err_errno(e, r, "cannot start a worker process for %s", plugin);
}

static void spawn_signal(pid_t pid, int sig) {
    if (kill(-pid, sig) == -1) {
        (void)kill(pid, sig);
    }
}

/* A child begins with the peak of the process that it was forked from: less than ours is ours. */
static uint64_t spawn_peak(const struct rusage *child) {
    struct rusage own;
    bool its_own = getrusage(RUSAGE_SELF, &own) == 0 && child->ru_maxrss > own.ru_maxrss;
    return its_own ? (uint64_t)child->ru_maxrss * 1024 : 0;
}

static bool spawn_reap(pid_t pid, bool block, struct spawn_end *ret) {
    siginfo_t info = {.si_pid = 0};
    int r;
    do {
        r = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | (block ? 0 : WNOHANG));
    } while (r == -1 && errno == EINTR);
    if (r == 0 && info.si_pid == 0) {
        return false;
    }
    *ret = (struct spawn_end){.status = 0};
    if (r == 0) {
        struct rusage usage = {.ru_maxrss = 0};
        (void)kill(-pid, SIGKILL); // while the dead process keeps its number from being used again
        (void)wait4(pid, &ret->status, WNOHANG, &usage);
        ret->peak_rss = spawn_peak(&usage);
    }
    return true;
}

const struct spawn_ops spawn_processes = {
    .start = spawn_start, .signal = spawn_signal, .reap = spawn_reap};
