// From an empty process to READY, and every way of not getting there.
#define _GNU_SOURCE // getsid
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"
#include "fake.h"
#include "jobhost_layout.h"
#include "worker/worker.h"

static void expect_exit(struct fake *f, int want) {
    int status = fake_wait(f);
    if (EXPECT_TRUE(WIFEXITED(status))) {
        EXPECT_EQ_INT(want, WEXITSTATUS(status));
    }
}

// ---- good plugins ----

static void test_hello(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "ok-v1"});
    EXPECT_EQ_UINT(RECORD_WIRE_VERSION, f.hello.wire_version);
    EXPECT_EQ_UINT(JH_ABI_MAJOR, f.hello.abi_major);
    EXPECT_EQ_UINT(JH_ABI_MINOR, f.hello.abi_minor);
    EXPECT_EQ_STR("ok", f.hello.name);
    EXPECT_EQ_STR("1.0.0", f.hello.version);
    EXPECT_EQ_UINT(0, f.hello.option_count);
    EXPECT_EQ_UINT(1, f.hello.handler_count);
    EXPECT_EQ_STR("ok.run", f.hello.handlers[0].name);
    EXPECT_EQ_UINT(1, f.hello.handlers[0].state_version);
    EXPECT_EQ_UINT(0, f.hello.handlers[0].has_payload);
    EXPECT_TRUE(f.hello.load_begin != 0 && f.hello.load_end > f.hello.load_begin);
    fake_drain(&f);
    fake_finish(&f);
}

static void test_hello_tables(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = HELLO_SO});
    if (EXPECT_EQ_UINT(2, f.hello.option_count) && EXPECT_EQ_UINT(2, f.hello.handler_count)) {
        EXPECT_EQ_STR("greeting", f.hello.options[0].name);
        EXPECT_EQ_STR("Good day", f.hello.options[0].fallback);
        EXPECT_EQ_INT(JH_OPT_DURATION, f.hello.options[1].type);
        EXPECT_EQ_STR("hello.say", f.hello.handlers[0].name);
        EXPECT_EQ_UINT(1, f.hello.handlers[0].has_payload);
        EXPECT_EQ_UINT(2, f.hello.handlers[0].field_count);
        EXPECT_EQ_STR("lines", f.hello.handlers[0].fields[1].name);
        EXPECT_EQ_UINT(0, f.hello.handlers[1].has_payload);
    }
    fake_drain(&f);
    fake_finish(&f);
}

static void test_good_ones(void) {
    static const char *const names[] = {"ok-v2", "noop", "cpp-unique-v1", "create-early", "chaos"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct fake f;
        fake_start(&f, &(struct fake_options){.plugin = names[i]});
        fake_drain(&f);
        fake_finish(&f);
    }
}

// ---- refusals ----

static const struct refusal {
    const char *plugin, *stage;
    jh_class cls;
    const char *words[2];
} refusals[] = {
    {"bad-magic", "abi", JH_E_BUG, {"magic is 0x12345678", "expects 0x314a4842"}},
    {"major-plus-1", "abi", JH_E_BUG, {"abi_major is 2", "speaks 1"}},
    {"minor-plus-1", "abi", JH_E_BUG, {"abi_minor is 1", "has 0"}},
    {"small-struct", "abi", JH_E_BUG, {"jobhost_plugin.size is 64", "72"}},
    {"query-of-steps", "manifest", JH_E_BUG, {"a query has no steps", "abi.run"}},
    {"query-begins-again", "manifest", JH_E_BUG, {"a query has no steps", "neither restartable"}},
    {"query-with-file", "manifest", JH_E_BUG, {"a query has no files", "report"}},
    {"big-manifest", "manifest", JH_E_BUG, {"over 64 KiB together", ""}},
    {"no-symbol", "symbol", JH_E_BUG, {"jobhost_plugin", "JH_PLUGIN_INIT"}},
    {"undefined-symbol", "load", JH_E_BUG, {"undefined symbol", "nobody_defines_this"}},
    {"text-file", "load", JH_E_BUG, {"text-file.so", "invalid ELF header"}},
    {"zero-length", "load", JH_E_BUG, {"zero-length.so", "file too short"}},
    {"no-such-file", "load", JH_E_BUG, {"no-such-file.so", "No such file"}},
    {"create-fail", "create", JH_E_AUTH, {"the API key \"k1\" was refused", ""}},
    {"create-silent", "create", JH_E_BUG, {"create() failed without saying why", "fail()"}},
};

static void expect_refusal(const struct refusal *want) {
    static const struct msg_setting key = {"key", "k1"};
    struct fake f;
    fake_spawn(&f, &(struct fake_options){.plugin = want->plugin});
    fake_welcome(&f);
    if (strcmp(want->stage, "create") == 0) {
        (void)fake_expect(&f, REC_HELLO);
        (void)msg_config_put(&f.out, 0, &(struct msg_config){1, &key});
        fake_flush(&f);
    }
    struct record r = fake_expect(&f, REC_FAIL);
    struct msg_fail m;
    if (EXPECT_EQ_INT(0, msg_fail_get(&r, &m))) {
        EXPECT_EQ_STR(want->stage, m.stage);
        EXPECT_EQ_INT(want->cls, m.cls);
        EXPECT_CONTAINS(want->words[0], m.message);
        EXPECT_CONTAINS(want->words[1], m.message);
    }
    expect_exit(&f, WORKER_EXIT_LOAD);
    fake_finish(&f);
}

static void test_refusals(void) {
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        expect_refusal(&refusals[i]);
    }
}

// A file cut short is refused by the loader or kills it, depending on where it is cut; either way
// nothing is loaded.
static void test_truncated(void) {
    struct fake f;
    fake_spawn(&f, &(struct fake_options){.plugin = "truncated"});
    fake_welcome(&f);
    struct record r = fake_next(&f);
    EXPECT_TRUE(r.h.type == REC_FAIL || r.h.type == REC_CRASH || r.h.type == 0);
    int status = fake_wait(&f);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
    fake_finish(&f);
}

static void test_ctor_crash(void) {
    struct fake f;
    fake_spawn(&f, &(struct fake_options){.plugin = "ctor-crash"});
    fake_welcome(&f);
    if (!fake_sanitized()) {
        struct record r = fake_expect_for(&f, REC_CRASH, 0);
        struct msg_crash m;
        EXPECT_EQ_INT(0, msg_crash_get(&r, &m));
        EXPECT_EQ_INT(SIGSEGV, m.signal);
    }
    int status = fake_wait(&f);
    EXPECT_TRUE(fake_sanitized() || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
    fake_finish(&f);
}

// Nothing but a kill ends them; the supervisor's start timeout does that.
static void test_hangs(void) {
    struct fake f;
    fake_spawn(&f, &(struct fake_options){.plugin = "ctor-hang"});
    fake_welcome(&f);
    (void)kill(f.pid, SIGKILL);
    EXPECT_TRUE(WIFSIGNALED(fake_wait(&f)));
    fake_finish(&f);

    fake_spawn(&f, &(struct fake_options){.plugin = "create-hang"});
    fake_welcome(&f);
    (void)fake_expect(&f, REC_HELLO);
    (void)msg_config_put(&f.out, 0, &(struct msg_config){0});
    fake_flush(&f);
    struct record r = fake_expect_for(&f, REC_LOG, 0);
    struct msg_log m;
    EXPECT_EQ_INT(0, msg_log_get(&r, &m));
    EXPECT_EQ_STR("hanging in create()", m.text);
    (void)kill(f.pid, SIGKILL);
    EXPECT_TRUE(WIFSIGNALED(fake_wait(&f)));
    fake_finish(&f);
}

// ---- what the process does to itself ----

static void read_proc(pid_t pid, const char *what, char *out, size_t cap) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, what);
    FILE *file = fopen(path, "r");
    size_t n = file == NULL ? 0 : fread(out, 1, cap - 1, file);
    out[n] = '\0';
    if (file != NULL) {
        (void)fclose(file);
    }
}

static int count_fds(pid_t pid) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    DIR *dir = opendir(path);
    int count = 0;
    for (struct dirent *d; dir != NULL && (d = readdir(dir)) != NULL;) {
        count += d->d_name[0] != '.';
    }
    (void)closedir(dir);
    return count;
}

static void test_process(void) {
    char text[8192];
    // what it must not inherit
    int stray = dup(STDERR_FILENO);
    (void)signal(SIGHUP, SIG_IGN);
    sigset_t mask;
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGUSR2);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "ok-v1", .data_dir = "/"});
    (void)sigprocmask(SIG_UNBLOCK, &mask, NULL);
    (void)signal(SIGHUP, SIG_DFL);
    (void)close(stray);

    read_proc(f.pid, "status", text, sizeof text);
    EXPECT_CONTAINS("NoNewPrivs:\t1", text);
    EXPECT_CONTAINS("SigBlk:\t0000000000000000", text);
    EXPECT_CONTAINS("SigIgn:\t0000000001001000", text); // SIGPIPE and SIGXFSZ alone
    read_proc(f.pid, "limits", text, sizeof text);
    EXPECT_CONTAINS("Max core file size        0 ", text);
    EXPECT_EQ_INT(f.pid, getsid(f.pid));
    EXPECT_EQ_INT(f.pid, getpgid(f.pid));
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    enum { STATM = 0 }; // the sanitizer is told of crashes
#else
    enum { STATM = 1 };
#endif
    EXPECT_EQ_INT(7 + STATM, count_fds(f.pid)); // 0-2, socket, start page, two to wake threads
    char cwd[64] = "";
    (void)snprintf(text, sizeof text, "/proc/%ld/cwd", (long)f.pid);
    EXPECT_EQ_INT(1, readlink(text, cwd, sizeof cwd - 1));
    EXPECT_EQ_STR("/", cwd);
    (void)snprintf(text, sizeof text, "/proc/%ld/fd/0", (long)f.pid);
    memset(cwd, 0, sizeof cwd);
    EXPECT_TRUE(readlink(text, cwd, sizeof cwd - 1) > 0);
    EXPECT_EQ_STR("/dev/null", cwd);
    fake_drain(&f);
    fake_finish(&f);
}

static void test_no_data_dir(void) {
    struct fake f;
    fake_spawn(&f, &(struct fake_options){.plugin = "ok-v1", .data_dir = "/no/such/dir"});
    fake_welcome(&f);
    struct record r = fake_expect(&f, REC_FAIL);
    struct msg_fail m;
    EXPECT_EQ_INT(0, msg_fail_get(&r, &m));
    EXPECT_EQ_STR("load", m.stage);
    EXPECT_CONTAINS("data_dir /no/such/dir: No such file", m.message);
    expect_exit(&f, WORKER_EXIT_LOAD);
    fake_finish(&f);
}

static int run_by_hand(const char *pid) {
    pid_t child = fork();
    if (child == 0) {
        (void)execl(fake_worker(), "jobhost", "--worker", pid, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_by_hand(void) {
    EXPECT_EQ_INT(WORKER_EXIT_USAGE, run_by_hand(NULL));
    EXPECT_EQ_INT(WORKER_EXIT_USAGE, run_by_hand("x"));
    EXPECT_EQ_INT(WORKER_EXIT_USAGE, run_by_hand("-1"));
    EXPECT_EQ_INT(WORKER_EXIT_SETUP, run_by_hand("1")); // no descriptors
    struct fake f;
    fake_spawn_for(&f, &(struct fake_options){.plugin = "ok-v1"}, 1); // not its parent
    expect_exit(&f, WORKER_EXIT_ORPHAN);
    fake_finish(&f);
}

// ---- a supervisor that breaks off or breaks the rules ----

static void test_early_end(void) {
    struct fake f;
    fake_spawn(&f, &(struct fake_options){.plugin = "ok-v1"});
    (void)close(f.sock);
    f.sock = -1;
    expect_exit(&f, WORKER_EXIT_ORPHAN);
    fake_finish(&f);

    fake_spawn(&f, &(struct fake_options){.plugin = "ok-v1"});
    fake_welcome(&f);
    (void)fake_expect(&f, REC_HELLO);
    fake_drain(&f); // changed its mind before CONFIG
    fake_finish(&f);
}

static void expect_protocol_error(const struct msg_welcome *m) {
    struct fake f;
    fake_spawn(&f, &(struct fake_options){.plugin = "ok-v1"});
    (void)msg_welcome_put(&f.out, 0, m);
    fake_flush(&f);
    expect_exit(&f, WORKER_EXIT_PROTOCOL);
    fake_finish(&f);
}

static void test_bad_welcome(void) {
    const struct msg_welcome good = {.wire_version = RECORD_WIRE_VERSION,
                                     .plugin = "x",
                                     .snapshot = "/no/such.so",
                                     .sha256 = "",
                                     .threads = 1,
                                     .ping_ms = 1000,
                                     .lease_ms = 30000};
    struct msg_welcome m = good;
    m.wire_version = RECORD_WIRE_VERSION + 1;
    expect_protocol_error(&m);
    m = good;
    m.threads = 0;
    expect_protocol_error(&m);
    m.threads = START_PAGE_THREADS_MAX + 1;
    expect_protocol_error(&m);
    m = good;
    m.ping_ms = 0;
    expect_protocol_error(&m);
    m = good;
    m.lease_ms = 999;
    expect_protocol_error(&m);

    struct fake f;
    fake_spawn(&f, &(struct fake_options){.plugin = "ok-v1"});
    fake_send(&f, REC_PONG, 0); // out of state
    expect_exit(&f, WORKER_EXIT_PROTOCOL);
    fake_finish(&f);
}

static void test_threads_limit(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "noop", .threads = START_PAGE_THREADS_MAX});
    fake_job(&f, 1, "");
    EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, 1).status);
    fake_drain(&f);
    fake_finish(&f);
}

static const struct expect_test tests[] = {
    {"HELLO says what the plugin says", test_hello},
    {"HELLO carries options and payload tables", test_hello_tables},
    {"good plugins get to READY", test_good_ones},
    {"bad plugins are refused with stage, class and words", test_refusals},
    {"a truncated file is not loaded", test_truncated},
    {"a crash in a constructor is told", test_ctor_crash},
    {"hangs end with a kill", test_hangs},
    {"the process keeps nothing of its parent", test_process},
    {"a data_dir that is not there is a failed load", test_no_data_dir},
    {"it does not run by hand or for another parent", test_by_hand},
    {"the supervisor may go or change its mind", test_early_end},
    {"a bad WELCOME ends it", test_bad_welcome},
    {"as many threads as the start page holds", test_threads_limit},
};
SUITE_MAIN("worker: load", tests)
