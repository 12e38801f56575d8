// Handlers that take the process with them: who is named, what of the others survives, what is left
// behind.
#define _GNU_SOURCE // kill() of groups
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"
#include "fake.h"
#include "jobhost_plugin.h"

// How the process ends, in a sanitizer build in some way.
static void expect_signal(struct fake *f, int sig) {
    int status = fake_wait(f);
    if (fake_sanitized()) {
        EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    } else {
        EXPECT_TRUE(WIFSIGNALED(status));
        EXPECT_EQ_INT(sig, WTERMSIG(status));
    }
}

static struct msg_crash expect_crash(struct fake *f, uint64_t slot, int sig) {
    struct msg_crash m = {0};
    if (!fake_sanitized()) {
        struct record r = fake_expect_for(f, REC_CRASH, slot);
        EXPECT_EQ_INT(0, msg_crash_get(&r, &m));
        EXPECT_EQ_INT(sig, m.signal);
    }
    return m;
}

// The guilty one is started, the others of its window are not.
static void test_segv(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "run-crash"});
    for (uint64_t slot = 1; slot <= 8; slot++) {
        fake_put_job(&f, slot, &(struct msg_job){0});
    }
    fake_flush(&f);
    struct msg_crash m = expect_crash(&f, 1, SIGSEGV);
    expect_signal(&f, SIGSEGV);
    EXPECT_EQ_UINT(1, atomic_load(&f.page->thread[0].job));
    EXPECT_EQ_UINT(1, atomic_load(&f.page->thread[0].started));
    EXPECT_TRUE(atomic_load(&f.page->thread[0].since_us) > 0);
    if (!fake_sanitized()) {
        EXPECT_EQ_UINT(16, m.fault_address);
        EXPECT_TRUE(m.rss >= 100 * 1024 && m.rss < (uint64_t)1 << 30);
        EXPECT_TRUE(m.program_counter >= f.hello.load_begin &&
                    m.program_counter < f.hello.load_end);
    }
    fake_finish(&f);
}

static void test_abort(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "run-abort"});
    fake_job(&f, 3, "");
    if (!fake_sanitized()) { // the packet goes first
        (void)fake_expect_for(&f, REC_WARN, 3);
        EXPECT_EQ_STR("last words", f.last_log);
    }
    (void)expect_crash(&f, 3, SIGABRT);
    expect_signal(&f, SIGABRT);
    EXPECT_EQ_UINT(3, atomic_load(&f.page->thread[0].job));
    fake_finish(&f);
}

static void test_overflow(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "run-overflow"});
    fake_job(&f, 4, "");
    (void)expect_crash(&f, 4, SIGSEGV);
    expect_signal(&f, SIGSEGV);
    EXPECT_EQ_UINT(4, atomic_load(&f.page->thread[0].job));
    fake_finish(&f);
}

// No signal, no BYE: only the status and the start page tell.
static void test_exit(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "run-exit"});
    fake_job(&f, 5, "");
    fake_expect_end(&f);
    int status = fake_wait(&f);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    EXPECT_EQ_UINT(5, atomic_load(&f.page->thread[0].job));
    fake_finish(&f);
}

static void put_chaos(struct fake *f, uint64_t slot, const char *handler, const char *payload) {
    for (uint32_t i = 0; i < f->hello.handler_count; i++) {
        if (strcmp(f->hello.handlers[i].name, handler) == 0) {
            fake_put_job(f, slot,
                         &(struct msg_job){.handler = i, .payload = {.data = bytes_of(payload)}});
        }
    }
}

static void test_killed(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "chaos"});
    put_chaos(&f, 6, "chaos.crash", "{\"how\":\"kill\",\"raw\":true}");
    fake_flush(&f);
    fake_expect_end(&f);
    int status = fake_wait(&f);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    EXPECT_EQ_UINT(6, atomic_load(&f.page->thread[0].job));
    fake_finish(&f);
}

// What was finished before the crash and not yet sent is sent by the handler.
static void test_neighbours(void) {
    enum { BEFORE = 20 };
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "chaos"});
    for (uint64_t slot = 1; slot <= BEFORE; slot++) {
        put_chaos(&f, slot, "chaos.status", "{}");
    }
    put_chaos(&f, BEFORE + 1, "chaos.crash", "{\"raw\":true}");
    put_chaos(&f, BEFORE + 2, "chaos.status", "{}");
    fake_flush(&f);
    if (!fake_sanitized()) {
        for (uint64_t slot = 1; slot <= BEFORE; slot++) {
            EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, slot).status);
        }
    } else {
        while (fake_next(&f).h.type != 0) {
        }
    }
    (void)expect_crash(&f, BEFORE + 1, SIGSEGV);
    expect_signal(&f, SIGSEGV);
    EXPECT_EQ_UINT(BEFORE + 1, atomic_load(&f.page->thread[0].job));
    fake_finish(&f);
}

// With several threads the record and the page name the thread that crashed; the other is a
// neighbour.
static void test_two_threads(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "chaos", .threads = 2});
    put_chaos(&f, 1, "chaos.sleep", "{\"ms\":3600000,\"beat_ms\":3600000}");
    fake_flush(&f);
    int64_t limit = fake_now_ms() + FAKE_PATIENCE_MS;
    while (atomic_load(&f.page->thread[0].job) + atomic_load(&f.page->thread[1].job) != 1) {
        if (fake_now_ms() > limit) {
            fake_fail("the first job is not started");
        }
        (void)poll(NULL, 0, 1);
    }
    put_chaos(&f, 2, "chaos.crash", "{\"raw\":true}");
    fake_flush(&f);
    (void)expect_crash(&f, 2, SIGSEGV);
    expect_signal(&f, SIGSEGV);
    uint64_t a = atomic_load(&f.page->thread[0].job);
    uint64_t b = atomic_load(&f.page->thread[1].job);
    EXPECT_TRUE((a == 1 && b == 2) || (a == 2 && b == 1));
    fake_finish(&f);
}

// Children of the plugin are in the worker's group, so that a kill of the group ends them too.
static void test_forked_child(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "forks-child"});
    fake_job(&f, 1, "");
    struct record r = fake_expect_for(&f, REC_RESULT, 1);
    char text[32] = "";
    struct bytes b = fake_bytes(&f, &r);
    memcpy(text, b.data, b.len < sizeof text - 1 ? b.len : sizeof text - 1);
    pid_t child = (pid_t)atol(text);
    EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, 1).status);
    EXPECT_TRUE(child > 1);
    EXPECT_EQ_INT(f.pid, getpgid(child));
    (void)kill(-f.pid, SIGKILL);
    EXPECT_TRUE(WIFSIGNALED(fake_wait(&f)));
    int64_t limit = fake_now_ms() + FAKE_PATIENCE_MS;
    while (getpgid(child) == f.pid && fake_now_ms() < limit) { // until init has reaped it
        char path[64];
        char state = '?';
        (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)child);
        FILE *stat = fopen(path, "r");
        if (stat != NULL) {
            (void)!fscanf(stat, "%*d (%*[^)]) %c", &state);
            (void)fclose(stat);
        }
        if (state == 'Z' || state == 'X') {
            break;
        }
        (void)poll(NULL, 0, 1);
    }
    EXPECT_TRUE(fake_now_ms() < limit);
    fake_finish(&f);
}

static void test_stray_write(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "writes-fd3"});
    fake_job(&f, 1, "");
    struct record r;
    while (f.packet.at == f.packet.len) {
        struct pollfd p = {.fd = f.sock, .events = POLLIN};
        EXPECT_EQ_INT(1, poll(&p, 1, FAKE_PATIENCE_MS));
        EXPECT_EQ_INT(1, record_recv(&f.packet, f.sock));
    }
    EXPECT_EQ_INT(-EBADMSG, record_next(&f.packet, &r)); // a supervisor kills it for that
    fake_finish(&f);
}

static void test_leaks(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "leaks"});
    for (uint64_t slot = 1; slot <= 100; slot++) {
        fake_job(&f, slot, "");
        EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, slot).status);
    }
    fake_send(&f, REC_DRAIN, 0);
    (void)fake_expect(&f, REC_BYE);
    int status = fake_wait(&f);
    EXPECT_TRUE(WIFEXITED(status)); // with LeakSanitizer not with 0
    fake_finish(&f);
}

static void test_terminated(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "run-hang"});
    fake_job(&f, 1, "");
    fake_wait_started(&f, 0, 1);
    (void)kill(-f.pid, SIGTERM);
    int status = fake_wait(&f);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    fake_finish(&f);
}

static const struct expect_test tests[] = {
    {"a bad pointer names its job and address", test_segv},
    {"abort, after its last words", test_abort},
    {"stack overflow", test_overflow},
    {"exit() leaves a status and no BYE", test_exit},
    {"SIGKILL leaves the start page", test_killed},
    {"finished neighbours are sent before the crash", test_neighbours},
    {"two threads: the one that crashed is named", test_two_threads},
    {"forked children are in the group", test_forked_child},
    {"a write to the socket is seen as malformed", test_stray_write},
    {"leaks do not stop jobs", test_leaks},
    {"SIGTERM ends a spinning handler", test_terminated},
};
SUITE_MAIN("worker: crash", tests)
