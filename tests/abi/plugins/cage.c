// Does what its payload says, "VERB ARGUMENT", and gives back what came of it: "ok", a text, or the
// name of an errno.
#define _GNU_SOURCE // strerrorname_np, CLONE_*, environ
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tiny.h"

enum { ANSWER_MAX = 256, CHUNK = 1 << 20 };

// Each fills in `out` and returns 0, or returns a negative errno.
typedef int (*cage_verb)(const char *arg, char out[ANSWER_MAX]);

static int failed_unless(bool ok) {
    return ok ? 0 : -errno;
}

static long number(const char *arg) {
    return strtol(arg, NULL, 10);
}

static int do_limit(const char *arg, char out[ANSWER_MAX]) {
    struct rlimit l;
    int r = getrlimit((__rlimit_resource_t)number(arg), &l);
    (void)snprintf(out, ANSWER_MAX, "%llu %llu", (unsigned long long)l.rlim_cur,
                   (unsigned long long)l.rlim_max);
    return failed_unless(r == 0);
}

// MiB, until there is no more; it is used, so that the kernel has to find it.
static int do_eat(const char *arg, char out[ANSWER_MAX]) {
    long got = 0;
    for (long wanted = number(arg); got < wanted; got++) {
        void *chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (chunk == MAP_FAILED) {
            break;
        }
        memset(chunk, 1, CHUNK);
    }
    (void)snprintf(out, ANSWER_MAX, "%ld", got);
    return 0;
}

// MiB into one file, until it takes no more.
static int do_fill(const char *arg, char out[ANSWER_MAX]) {
    static const char chunk[CHUNK];
    int fd = open("filled", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    long got = 0;
    int r = failed_unless(fd != -1);
    for (long wanted = number(arg); r == 0 && got < wanted; got++) {
        r = failed_unless(write(fd, chunk, sizeof chunk) == (ssize_t)sizeof chunk);
    }
    if (fd != -1) {
        (void)close(fd);
    }
    (void)unlink("filled");
    (void)snprintf(out, ANSWER_MAX, "%ld", got);
    return r;
}

// MiB in a file that stays.
static int do_keep(const char *arg, char out[ANSWER_MAX]) {
    static const char chunk[CHUNK];
    int fd = open("kept", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    long got = 0;
    int r = failed_unless(fd != -1);
    for (long wanted = number(arg); r == 0 && got < wanted; got++) {
        r = failed_unless(write(fd, chunk, sizeof chunk) == (ssize_t)sizeof chunk);
    }
    if (fd != -1) {
        (void)close(fd);
    }
    (void)snprintf(out, ANSWER_MAX, "%ld", got);
    return r;
}

static int answer_call(long r, char out[ANSWER_MAX]) {
    (void)out;
    return failed_unless(r != -1);
}

// A system call with nothing but zeros.
static int do_call(const char *arg, char out[ANSWER_MAX]) {
    static const struct {
        const char *name;
        long number;
    } calls[] = {
        {"getppid", SYS_getppid},
        {"ptrace", SYS_ptrace},
        {"mount", SYS_mount},
        {"chroot", SYS_chroot},
        {"unshare", SYS_unshare},
        {"setns", SYS_setns},
        {"bpf", SYS_bpf},
        {"init_module", SYS_init_module},
        {"keyctl", SYS_keyctl},
        {"perf_event_open", SYS_perf_event_open},
        {"settimeofday", SYS_settimeofday},
        {"setsid", SYS_setsid},
        {"setpgid", SYS_setpgid},
        {"io_uring_setup", SYS_io_uring_setup},
        {"clone3", SYS_clone3},
        {"execve", SYS_execve},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (strcmp(calls[i].name, arg) == 0) {
            return answer_call(syscall(calls[i].number, 0, 0, 0, 0, 0, 0), out);
        }
    }
    return -ENOENT;
}

// As the C library would: it falls back by itself.
static int do_fork(const char *arg, char out[ANSWER_MAX]) {
    pid_t pid = fork();
    (void)arg;
    if (pid == 0) {
        _exit(0);
    }
    return answer_call(pid == -1 ? -1 : waitpid(pid, NULL, 0), out);
}

// What a process does that wants to outlive its worker: a session and a group of its own, nobody for a parent, and no descriptor
// but the one on which it tells its pid.
static _Noreturn void daemonise(int out) {
    (void)setsid();
    (void)setpgid(0, 0);
    if (fork() != 0) {
        _exit(0);
    }
    const pid_t pid = getpid();
    (void)!write(out, &pid, sizeof pid);
    (void)close_range(0, ~0u, 0);
    for (;;) {
        (void)pause();
    }
}

static int do_daemonise(const char *arg, char out[ANSWER_MAX]) {
    int ends[2];
    pid_t daemon = -1;
    (void)arg;
    if (pipe2(ends, O_CLOEXEC) == -1) {
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        daemonise(ends[1]);
    }
    (void)close(ends[1]);
    bool told = pid != -1 && read(ends[0], &daemon, sizeof daemon) == sizeof daemon;
    (void)close(ends[0]);
    (void)waitpid(pid, NULL, 0);
    (void)snprintf(out, ANSWER_MAX, "%ld", (long)daemon);
    return told ? 0 : -EPIPE;
}

// For children of which it does not know.
static int do_wait(const char *arg, char out[ANSWER_MAX]) {
    (void)arg;
    return answer_call(wait(NULL), out);
}

// All descriptors, the host's too.
static int do_close(const char *arg, char out[ANSWER_MAX]) {
    (void)arg;
    (void)out;
    return failed_unless(close_range(3, ~0u, 0) == 0);
}

static void *nothing(void *arg) {
    return arg;
}

static int do_thread(const char *arg, char out[ANSWER_MAX]) {
    pthread_t thread;
    (void)arg;
    (void)out;
    int r = pthread_create(&thread, NULL, nothing, NULL);
    return r != 0 ? -r : -pthread_join(thread, NULL);
}

static int do_namespace(const char *arg, char out[ANSWER_MAX]) {
    (void)arg;
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        _exit(0);
    }
    return answer_call(pid == -1 ? -1 : waitpid((pid_t)pid, NULL, 0), out);
}

// "PID": whether a signal would reach it.
static int do_signal(const char *arg, char out[ANSWER_MAX]) {
    pid_t pid = strcmp(arg, "parent") == 0          ? getppid()
                : strcmp(arg, "parents-group") == 0 ? -getppid()
                                                    : (pid_t)number(arg);
    return answer_call(kill(pid, 0), out);
}

static int do_read(const char *arg, char out[ANSWER_MAX]) {
    int fd = open(arg, O_RDONLY | O_CLOEXEC);
    int r = answer_call(fd, out);
    if (fd != -1) {
        (void)close(fd);
    }
    return r;
}

static int do_write(const char *arg, char out[ANSWER_MAX]) {
    int fd = open(arg, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int r = answer_call(fd, out);
    if (fd != -1) {
        (void)close(fd);
    }
    return r;
}

// A file of its own where the environment says.
static int do_temporary(const char *arg, char out[ANSWER_MAX]) {
    const char *folder = getenv("TMPDIR");
    char path[PATH_MAX];
    (void)arg;
    (void)snprintf(path, sizeof path, "%s/cage-XXXXXX", folder == NULL ? "/tmp" : folder);
    int fd = mkstemp(path);
    int r = answer_call(fd, out);
    if (fd != -1) {
        (void)close(fd);
        (void)unlink(path);
    }
    return r;
}

static struct sockaddr_in loopback(const char *port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)number(port)),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int do_connect(const char *arg, char out[ANSWER_MAX]) {
    struct sockaddr_in to = loopback(arg);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = answer_call(connect(fd, (struct sockaddr *)&to, sizeof to), out);
    (void)close(fd);
    return r;
}

// The same by a protocol that becomes TCP where the other side does not speak it.
static int do_connect_multipath(const char *arg, char out[ANSWER_MAX]) {
    enum { MULTIPATH = 262 };
    struct sockaddr_in to = loopback(arg);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, MULTIPATH);
    int r = answer_call(fd, out);
    if (fd != -1) {
        r = answer_call(connect(fd, (struct sockaddr *)&to, sizeof to), out);
        (void)close(fd);
    }
    return r;
}

// "PORT CALL": by sending, without connect().
static int do_send_first(const char *arg, char out[ANSWER_MAX]) {
    char text[] = "x";
    struct sockaddr_in to = loopback(arg);
    struct iovec part = {.iov_base = text, .iov_len = 1};
    struct mmsghdr m = {
        .msg_hdr = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &part, .msg_iovlen = 1}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ssize_t n = strstr(arg, "sendmmsg") != NULL ? sendmmsg(fd, &m, 1, MSG_FASTOPEN)
                : strstr(arg, "sendmsg") != NULL
                    ? sendmsg(fd, &m.msg_hdr, MSG_FASTOPEN)
                    : sendto(fd, text, 1, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof to);
    int r = answer_call(n, out);
    (void)close(fd);
    return r;
}

// The head of the answer to a request, by a unix socket.
static int do_knock(const char *arg, char out[ANSWER_MAX]) {
    static const char request[] = "GET /v1/version HTTP/1.0\r\n\r\n";
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", arg);
    int r = failed_unless(fd != -1 && connect(fd, (const void *)&at, sizeof at) == 0 &&
                          write(fd, request, sizeof request - 1) == sizeof request - 1);
    size_t len = 0;
    for (ssize_t n = 1; r == 0 && n > 0 && len < ANSWER_MAX - 1; len += (size_t)n) {
        n = read(fd, out + len, ANSWER_MAX - 1 - len);
        r = failed_unless(n >= 0);
        n = n < 0 ? 0 : n;
    }
    out[len] = '\0';
    if (fd != -1) {
        (void)close(fd);
    }
    return r;
}

// The same by a process that the worker starts.
static int do_send_to_knock(const char *arg, char out[ANSWER_MAX]) {
    int pair[2];
    if (pipe(pair) == -1) {
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        int r = do_knock(arg, out);
        if (r == 0) {
            (void)!write(pair[1], out, strlen(out));
        }
        _exit(r != 0);
    }
    (void)close(pair[1]);
    ssize_t n = read(pair[0], out, ANSWER_MAX - 1);
    out[n < 0 ? 0 : n] = '\0';
    (void)close(pair[0]);
    int r = failed_unless(pid != -1);
    return r == 0 ? failed_unless(waitpid(pid, NULL, 0) == pid) : r;
}

static int do_listen(const char *arg, char out[ANSWER_MAX]) {
    struct sockaddr_in at = loopback(arg);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = answer_call(bind(fd, (struct sockaddr *)&at, sizeof at), out);
    (void)close(fd);
    return r;
}

// By the resolver's own files.
static int do_resolve(const char *arg, char out[ANSWER_MAX]) {
    struct addrinfo *found = NULL;
    int r = getaddrinfo(arg, "https", NULL, &found);
    if (r != 0) {
        (void)snprintf(out, ANSWER_MAX, "%s", gai_strerror(r));
    } else {
        freeaddrinfo(found);
    }
    return 0;
}

static int do_socket(const char *arg, char out[ANSWER_MAX]) {
    int fd = socket(strcmp(arg, "unix") == 0 ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = answer_call(fd, out);
    if (fd != -1) {
        (void)close(fd);
    }
    return r;
}

// The program's own exit status.
static int do_exec(const char *arg, char out[ANSWER_MAX]) {
    char *const argv[] = {(char *)(uintptr_t)arg, NULL};
    pid_t pid;
    int status;
    int r = posix_spawnp(&pid, arg, NULL, NULL, argv, environ);
    if (r != 0) {
        return -r;
    }
    r = failed_unless(waitpid(pid, &status, 0) == pid);
    (void)snprintf(out, ANSWER_MAX, "%d", WEXITSTATUS(status));
    return r;
}

// As eat, and stays.
static int do_hold(const char *arg, char out[ANSWER_MAX]) {
    int r = do_eat(arg, out);
    while (r == 0) {
        (void)pause();
    }
    return r;
}

static int do_spin(const char *arg, char out[ANSWER_MAX]) {
    (void)arg;
    (void)out;
    for (volatile unsigned n = 0;;) {
        n++;
    }
    return 0;
}

static const struct {
    const char *name;
    cage_verb act;
} verbs[] = {
    {"limit", do_limit},
    {"eat", do_eat},
    {"hold", do_hold},
    {"fill", do_fill},
    {"spin", do_spin},
    {"call", do_call},
    {"fork", do_fork},
    {"daemonise", do_daemonise},
    {"wait", do_wait},
    {"close", do_close},
    {"thread", do_thread},
    {"namespace", do_namespace},
    {"signal", do_signal},
    {"socket", do_socket},
    {"exec", do_exec},
    {"read", do_read},
    {"write", do_write},
    {"temporary", do_temporary},
    {"connect", do_connect},
    {"listen", do_listen},
    {"resolve", do_resolve},
    {"keep", do_keep},
    {"knock", do_knock},
    {"send-to-knock", do_send_to_knock},
    {"connect-multipath", do_connect_multipath},
    {"send-first", do_send_first},
};

static int obey(const char *text, char out[ANSWER_MAX]) {
    size_t verb = strcspn(text, " ");
    const char *arg = text[verb] == '\0' ? "" : text + verb + 1;
    (void)snprintf(out, ANSWER_MAX, "ok");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strlen(verbs[i].name) == verb && memcmp(verbs[i].name, text, verb) == 0) {
            return verbs[i].act(arg, out);
        }
    }
    return -ENOSYS;
}

static jh_status run(void *self, struct jh_call *c, const struct jh_job *job) {
    char text[512], out[ANSWER_MAX];
    (void)self;
    const char *words = job->payload.data;
    int len = (int)job->payload.len;
    if (len >= 2 && words[0] == '"') { // as JSON
        words++;
        len -= 2;
    }
    (void)snprintf(text, sizeof text, "%.*s", len, words);
    int r = obey(text, out);
    if (r < 0) {
        const char *name = strerrorname_np(-r);
        (void)snprintf(out, sizeof out, "%s", name == NULL ? "?" : name);
    }
    (void)c->host->result(c, (struct jh_bytes){out, strlen(out)});
    return JH_OK;
}

TINY_PLUGIN("cage", "1.0.0", run, 0);
