// What SANDBOX does to a worker: each part by what a plugin in it can and cannot do. What this
// kernel does not have is skipped, and said so.
#define _GNU_SOURCE // realpath
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"
#include "fake.h"

// ---- asking the plugin ----

struct cage {
    struct fake f;
    uint64_t slot;
    char answer[256];
    char folder[64];
};

static void cage_open(struct cage *c, struct msg_sandbox *m) {
    *c = (struct cage){.slot = 0};
    (void)snprintf(c->folder, sizeof c->folder, "./jobhost-cage-XXXXXX");
    if (mkdtemp(c->folder) == NULL) {
        fake_fail("mkdtemp: %s", strerror(errno));
    }
    char *folder = realpath(c->folder, NULL);
    struct msg_path paths[8] = {{MSG_PATH_READ, fake_plugin_dir()}};
    for (uint32_t i = 0; i < m->path_count; i++) {
        paths[i + 1] = m->paths[i];
    }
    m->path_count++;
    m->paths = paths;
    m->data_dir = folder;
    fake_start(&c->f, &(struct fake_options){.plugin = "cage", .data_dir = folder, .sandbox = m});
    *m = (struct msg_sandbox){.flags = 0}; // it points to what is here
    free(folder);
}

static const char *cage_ask(struct cage *c, const char *payload) {
    fake_job(&c->f, ++c->slot, payload);
    struct record r = fake_expect_for(&c->f, REC_RESULT, c->slot);
    struct bytes b = fake_bytes(&c->f, &r);
    (void)snprintf(c->answer, sizeof c->answer, "%.*s", (int)b.len, (const char *)b.data);
    EXPECT_EQ_INT(JH_OK, fake_expect_done(&c->f, c->slot).status);
    return c->answer;
}

static void cage_close(struct cage *c) {
    fake_drain(&c->f);
    fake_finish(&c->f);
    (void)rmdir(c->folder);
}

static void cage_unlink(const struct cage *c, const char *name) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", c->folder, name);
    (void)unlink(path);
}

static const struct fake_note *cage_note(const struct cage *c, const char *facility) {
    for (unsigned i = 0; i < c->f.note_count; i++) {
        if (strcmp(c->f.notes[i].facility, facility) == 0) {
            return &c->f.notes[i];
        }
    }
    return NULL;
}

static void expect_note(const struct cage *c, const char *facility, uint32_t state,
                        const char *text) {
    const struct fake_note *n = cage_note(c, facility);
    EXPECT_TRUE(n != NULL);
    if (n != NULL) {
        EXPECT_EQ_UINT(state, n->state);
        EXPECT_CONTAINS(text, n->text);
    }
}

static const char *cage_limit(struct cage *c, int resource) {
    char payload[32];
    (void)snprintf(payload, sizeof payload, "limit %d", resource);
    return cage_ask(c, payload);
}

// ---- limits ----

static void test_limits(void) {
    struct cage c;
    cage_open(&c, &(struct msg_sandbox){.max_data = 200 << 20,
                                        .max_files = 100,
                                        .max_file_size = 3 << 20,
                                        .max_cpu_s = 1000});
    EXPECT_EQ_STR("100 100", cage_limit(&c, RLIMIT_NOFILE));
    EXPECT_EQ_STR("1000 1001", cage_limit(&c, RLIMIT_CPU));
    EXPECT_EQ_STR("0 0", cage_limit(&c, RLIMIT_CORE));
    EXPECT_EQ_STR("EFBIG", cage_ask(&c, "fill 4"));
    EXPECT_EQ_STR("3", cage_ask(&c, "fill 3"));
    if (!fake_sanitized()) {
        long eaten = strtol(cage_ask(&c, "eat 1000"), NULL, 10);
        EXPECT_TRUE(eaten > 20 && eaten < 200); // and malloc() said so, nobody died
    }
    expect_note(&c, "limits", MSG_NOTE_ON, "files 100, file size 3145728, cpu seconds 1000");
    cage_close(&c);
}

static void test_no_limits(void) {
    struct cage c;
    struct rlimit files;
    (void)getrlimit(RLIMIT_NOFILE, &files);
    char want[64];
    (void)snprintf(want, sizeof want, "%llu %llu", (unsigned long long)files.rlim_cur,
                   (unsigned long long)files.rlim_max);
    cage_open(&c, &(struct msg_sandbox){.flags = MSG_SANDBOX_CORE});
    EXPECT_EQ_STR(want, cage_limit(&c, RLIMIT_NOFILE));
    EXPECT_EQ_STR("4", cage_ask(&c, "fill 4"));
    struct rlimit core;
    (void)getrlimit(RLIMIT_CORE, &core);
    (void)snprintf(want, sizeof want, "%llu %llu", (unsigned long long)core.rlim_max,
                   (unsigned long long)core.rlim_max);
    EXPECT_EQ_STR(want, cage_limit(&c, RLIMIT_CORE));
    expect_note(&c, "limits", MSG_NOTE_ON, "none");
    cage_close(&c);
}

// A hard limit that is there already is not raised, and the note has what it came to.
static void test_lower_limit(void) {
    struct cage c;
    struct rlimit before;
    (void)getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit low = {1 << 20, before.rlim_max};
    if (geteuid() == 0) { // who may raise it again
        low.rlim_max = 1 << 20;
    }
    (void)setrlimit(RLIMIT_FSIZE, &low);
    cage_open(&c, &(struct msg_sandbox){.max_file_size = 5 << 20});
    (void)setrlimit(RLIMIT_FSIZE, &before);
    if (low.rlim_max == 1 << 20) {
        EXPECT_EQ_STR("1048576 1048576", cage_limit(&c, RLIMIT_FSIZE));
        expect_note(&c, "limits", MSG_NOTE_ON, "file size 1048576");
    } else {
        (void)printf("skipped: only root can lower a hard limit and raise it again\n");
    }
    cage_close(&c);
}

static void test_cpu(void) {
    struct cage c;
    cage_open(&c, &(struct msg_sandbox){.max_cpu_s = 1});
    fake_job(&c.f, 1, "spin");
    if (!fake_sanitized()) {
        (void)fake_expect(&c.f, REC_CRASH);
    }
    int status = fake_wait(&c.f);
    EXPECT_TRUE(WIFSIGNALED(status) &&
                (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL));
    fake_finish(&c.f);
    (void)rmdir(c.folder);
}

// ---- seccomp ----

// What this kernel or this build does not have is not tested, and that is said.
static bool cage_has(const struct cage *c, const char *facility) {
    const struct fake_note *n = cage_note(c, facility);
    if (n != NULL && n->state == MSG_NOTE_ON) {
        return true;
    }
    (void)printf("SKIPPED: %s is %s\n", facility, n == NULL ? "unknown" : n->text);
    return false;
}

static void test_refused_calls(void) {
    static const char *const calls[] = {
        "ptrace", "mount",  "chroot",          "unshare",      "setns",  "bpf",     "init_module",
        "keyctl", "setsid", "perf_event_open", "settimeofday", "execve", "setpgid",
    };
    struct cage c;
    cage_open(&c, &(struct msg_sandbox){.flags = MSG_SANDBOX_SECCOMP});
    if (cage_has(&c, "seccomp")) {
        for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
            char payload[64];
            (void)snprintf(payload, sizeof payload, "call %s", calls[i]);
            EXPECT_EQ_STR("EPERM", cage_ask(&c, payload));
        }
        EXPECT_EQ_STR("ENOSYS", cage_ask(&c, "call clone3"));
        EXPECT_EQ_STR("ENOSYS", cage_ask(&c, "call io_uring_setup"));
        EXPECT_EQ_STR("EPERM", cage_ask(&c, "fork"));
        EXPECT_EQ_STR("EPERM", cage_ask(&c, "exec true"));
        EXPECT_EQ_STR("EPERM", cage_ask(&c, "signal parent"));
        EXPECT_EQ_STR("EPERM", cage_ask(&c, "signal -1"));
        EXPECT_EQ_STR("EPERM", cage_ask(&c, "signal parents-group"));
        expect_note(&c, "seccomp", MSG_NOTE_ON, "no other programs");
    }
    cage_close(&c);
}

static void test_allowed_calls(void) {
    struct cage c;
    cage_open(&c, &(struct msg_sandbox){.flags = MSG_SANDBOX_SECCOMP});
    EXPECT_EQ_STR("ok", cage_ask(&c, "call getppid"));
    EXPECT_EQ_STR("ok", cage_ask(&c, "thread")); // by clone(), for there is no clone3()
    EXPECT_EQ_STR("ok", cage_ask(&c, "signal 0"));
    EXPECT_EQ_STR("ok", cage_ask(&c, "socket inet"));
    cage_close(&c);
}

static void test_exec_listed(void) {
    static const struct msg_path programs[] = {{MSG_PATH_EXEC, "true"}};
    struct cage c;
    cage_open(&c, &(struct msg_sandbox){
                      .flags = MSG_SANDBOX_SECCOMP, .path_count = 1, .paths = programs});
    EXPECT_EQ_STR("0", cage_ask(&c, "exec true"));
    EXPECT_EQ_STR("ok", cage_ask(&c, "fork"));
    if (cage_has(&c, "seccomp")) {
        EXPECT_EQ_STR("EPERM", cage_ask(&c, "namespace"));
        EXPECT_EQ_STR("EPERM", cage_ask(&c, "call setsid")); // nor may what it runs
    }
    cage_close(&c);
}

static void test_no_net(void) {
    struct cage c;
    cage_open(&c, &(struct msg_sandbox){.flags = MSG_SANDBOX_SECCOMP | MSG_SANDBOX_NO_NET});
    if (cage_has(&c, "seccomp")) {
        EXPECT_EQ_STR("EACCES", cage_ask(&c, "socket inet"));
        expect_note(&c, "seccomp", MSG_NOTE_ON, "no network");
    }
    EXPECT_EQ_STR("ok", cage_ask(&c, "socket unix"));
    cage_close(&c);
}

static void test_no_seccomp(void) {
    struct cage c;
    cage_open(&c, &(struct msg_sandbox){.flags = 0});
    EXPECT_EQ_STR("ok", cage_ask(&c, "fork"));
    expect_note(&c, "seccomp", MSG_NOTE_OFF, "switched off");
    cage_close(&c);
}

// ---- Landlock ----

static void test_files(void) {
    struct cage c;
    cage_open(&c, &(struct msg_sandbox){.flags = MSG_SANDBOX_LANDLOCK});
    EXPECT_EQ_STR("ok", cage_ask(&c, "write own"));
    EXPECT_EQ_STR("ok", cage_ask(&c, "read own"));
    EXPECT_EQ_STR("ok", cage_ask(&c, "temporary"));
    EXPECT_EQ_STR("ok", cage_ask(&c, "read /dev/urandom"));
    EXPECT_EQ_STR("ok", cage_ask(&c, "write /dev/null"));
    EXPECT_EQ_STR("ok", cage_ask(&c, "read /proc/self/status"));
    EXPECT_EQ_STR("ok", cage_ask(&c, "resolve localhost"));
    if (cage_has(&c, "landlock")) {
        EXPECT_EQ_STR("EACCES", cage_ask(&c, "read /etc/passwd"));
        EXPECT_EQ_STR("EACCES", cage_ask(&c, "read /etc"));
        EXPECT_EQ_STR("EACCES", cage_ask(&c, "write /tmp/jobhost-cage"));
        EXPECT_EQ_STR("EACCES", cage_ask(&c, "write ../jobhost-cage"));
        EXPECT_EQ_STR("EACCES", cage_ask(&c, "read /proc/1/status"));
        EXPECT_EQ_STR("EACCES", cage_ask(&c, "exec true"));
        expect_note(&c, "landlock", MSG_NOTE_ON, "files");
    }
    cage_unlink(&c, "own");
    cage_close(&c);
}

static void test_more_files(void) {
    static const struct msg_path paths[] = {
        {MSG_PATH_READ, "/etc/passwd"}, {MSG_PATH_WRITE, "/dev/shm"}, {MSG_PATH_EXEC, "true"}};
    struct cage c;
    cage_open(
        &c, &(struct msg_sandbox){.flags = MSG_SANDBOX_LANDLOCK, .path_count = 3, .paths = paths});
    EXPECT_EQ_STR("ok", cage_ask(&c, "read /etc/passwd"));
    EXPECT_EQ_STR("ok", cage_ask(&c, "write /dev/shm/jobhost-cage"));
    EXPECT_EQ_STR("0", cage_ask(&c, "exec true"));
    if (cage_has(&c, "landlock")) {
        EXPECT_EQ_STR("EACCES", cage_ask(&c, "write /etc/passwd"));
        EXPECT_EQ_STR("EACCES", cage_ask(&c, "exec false")); // one program is not all of them
    }
    (void)unlink("/dev/shm/jobhost-cage");
    cage_close(&c);
}

// What the configuration names and is not there is told; the rest holds.
static void test_missing_files(void) {
    static const struct msg_path paths[] = {{MSG_PATH_READ, "/no/such"},
                                            {MSG_PATH_EXEC, "no-such-program"}};
    struct cage c;
    cage_open(
        &c, &(struct msg_sandbox){.flags = MSG_SANDBOX_LANDLOCK, .path_count = 2, .paths = paths});
    if (strcmp("EACCES", cage_ask(&c, "read /etc/passwd")) == 0) {
        expect_note(&c, "landlock", MSG_NOTE_DEGRADED, "; /no/such: No such file or directory");
        expect_note(&c, "landlock", MSG_NOTE_DEGRADED, "; no-such-program: No such file");
    } else {
        (void)printf("SKIPPED: no landlock\n");
    }
    cage_close(&c);
}

// A listening socket on a free port; the port.
static int listen_somewhere(char port[8]) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) == -1 || listen(fd, 8) == -1 ||
        getsockname(fd, (struct sockaddr *)&at, &len) == -1) {
        fake_fail("no port: %s", strerror(errno));
    }
    (void)snprintf(port, 8, "%u", ntohs(at.sin_port));
    return fd;
}

static const char *cage_connect(struct cage *c, const char *port) {
    char payload[32];
    (void)snprintf(payload, sizeof payload, "connect %s", port);
    return cage_ask(c, payload);
}

static void test_ports(void) {
    struct cage c;
    char mine[8], other[8];
    int fds[] = {listen_somewhere(mine), listen_somewhere(other)};
    const struct msg_port ports[] = {{(uint32_t)strtoul(mine, NULL, 10)}};
    cage_open(
        &c, &(struct msg_sandbox){.flags = MSG_SANDBOX_LANDLOCK, .port_count = 1, .ports = ports});
    EXPECT_EQ_STR("ok", cage_connect(&c, mine));
    if (cage_has(&c, "landlock")) { // an older one says that it is degraded
        EXPECT_EQ_STR("EACCES", cage_connect(&c, other));
        EXPECT_EQ_STR("EACCES", cage_ask(&c, "listen 0"));
        expect_note(&c, "landlock", MSG_NOTE_ON, "ports");
    }
    cage_close(&c);
    cage_open(&c, &(struct msg_sandbox){.flags = MSG_SANDBOX_LANDLOCK});
    EXPECT_EQ_STR("ok", cage_connect(&c, other)); // none named, none denied
    EXPECT_EQ_STR("ok", cage_ask(&c, "listen 0"));
    cage_close(&c);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static const char *cage_by(struct cage *c, const char *verb, const char *port, const char *call) {
    char payload[64];
    (void)snprintf(payload, sizeof payload, "%s %s %s", verb, port, call);
    return cage_ask(c, payload);
}

// Ways to a port that are no connect() of TCP, which is all that Landlock sees.
static void test_ports_by_other_ways(void) {
    struct cage c;
    char mine[8], other[8];
    int fds[] = {listen_somewhere(mine), listen_somewhere(other)};
    const struct msg_port ports[] = {{(uint32_t)strtoul(mine, NULL, 10)}};
    cage_open(&c, &(struct msg_sandbox){.flags = MSG_SANDBOX_LANDLOCK | MSG_SANDBOX_SECCOMP,
                                        .port_count = 1,
                                        .ports = ports});
    if (cage_has(&c, "landlock") && cage_has(&c, "seccomp")) {
        EXPECT_EQ_STR("EPROTONOSUPPORT", cage_by(&c, "connect-multipath", other, ""));
        EXPECT_EQ_STR("EOPNOTSUPP", cage_by(&c, "send-first", other, "sendto"));
        EXPECT_EQ_STR("EOPNOTSUPP", cage_by(&c, "send-first", other, "sendmsg"));
        EXPECT_EQ_STR("EOPNOTSUPP", cage_by(&c, "send-first", other, "sendmmsg"));
        EXPECT_EQ_STR("ok", cage_connect(&c, mine));
    }
    cage_close(&c);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_signals(void) {
    struct cage c;
    cage_open(&c, &(struct msg_sandbox){.flags = MSG_SANDBOX_LANDLOCK});
    const struct fake_note *n = cage_note(&c, "landlock");
    if (n != NULL && strstr(n->text, "signals") != NULL) {
        EXPECT_EQ_STR("EPERM", cage_ask(&c, "signal parent"));
        EXPECT_EQ_STR("EPERM", cage_ask(&c, "signal 1"));
    } else {
        (void)printf("SKIPPED: no scope of signals\n");
    }
    EXPECT_EQ_STR("ok", cage_ask(&c, "signal 0")); // its own group
    cage_close(&c);
}

// It may come before WELCOME, and at no other time.
static void test_order(void) {
    const struct msg_sandbox m = {.max_files = 100};
    struct fake f;
    fake_spawn(&f, &(struct fake_options){.plugin = "ok-v1"});
    (void)msg_sandbox_put(&f.out, 0, &m);
    (void)msg_sandbox_put(&f.out, 0, &m);
    fake_flush(&f);
    EXPECT_EQ_INT(76, WEXITSTATUS(fake_wait(&f)));
    fake_finish(&f);

    fake_spawn(&f, &(struct fake_options){.plugin = "ok-v1"});
    fake_welcome(&f);
    (void)msg_sandbox_put(&f.out, 0, &m);
    fake_flush(&f);
    (void)fake_expect(&f, REC_HELLO);
    EXPECT_EQ_INT(76, WEXITSTATUS(fake_wait(&f)));
    fake_finish(&f);
}

static const struct expect_test tests[] = {
    {"limits hold, and are reported", test_limits},
    {"what is not limited stays", test_no_limits},
    {"a lower hard limit stays", test_lower_limit},
    {"processor time ends", test_cpu},
    {"system calls that nobody needs are refused", test_refused_calls},
    {"others are not", test_allowed_calls},
    {"programs that are listed may be run", test_exec_listed},
    {"no network", test_no_net},
    {"seccomp can be switched off", test_no_seccomp},
    {"files beyond its own are denied", test_files},
    {"files that are listed are not", test_more_files},
    {"files that are not there are told", test_missing_files},
    {"ports that are not listed are denied", test_ports},
    {"ports by other ways", test_ports_by_other_ways},
    {"signals do not leave", test_signals},
    {"SANDBOX comes first or not at all", test_order},
};
SUITE_MAIN("worker: sandbox", tests)
