// What test builds can do to a worker from outside: the shared clock and the named fault points.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "expect.h"
#include "fake.h"
#include "jobhost_plugin.h"

static uint32_t handler_of(const struct fake *f, const char *name) {
    for (uint32_t i = 0; i < f->hello.handler_count; i++) {
        if (strcmp(f->hello.handlers[i].name, name) == 0) {
            return i;
        }
    }
    fake_fail("no handler %s", name);
}

// ---- the clock ----

struct clock {
    char path[64];
    struct env_clock_file *file;
};

static void clock_open(struct clock *c) {
    (void)snprintf(c->path, sizeof c->path, "./jobhost-clock-XXXXXX");
    int fd = mkstemp(c->path);
    if (fd == -1 || ftruncate(fd, sizeof *c->file) == -1) {
        fake_fail("clock file");
    }
    c->file = mmap(NULL, sizeof *c->file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    *c->file = (struct env_clock_file){.magic = ENV_CLOCK_MAGIC,
                                       .base_real_ms = fake_now_ms(),
                                       .base_test_ms = 1000000,
                                       .wall_skew_ms = 1700000000000};
    (void)setenv("JOBHOST_TEST_CLOCK", c->path, 1);
}

static void clock_advance(struct clock *c, int64_t ms) {
    c->file->seq++;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    c->file->base_test_ms += ms;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    c->file->seq++;
}

static void clock_close(struct clock *c) {
    (void)munmap(c->file, sizeof *c->file);
    (void)unlink(c->path);
    (void)unsetenv("JOBHOST_TEST_CLOCK");
}

// A handler that sleeps an hour of frozen time wakes when the hour has passed there.
static void test_sleep(void) {
    struct clock clock;
    struct fake f;
    clock_open(&clock);
    fake_start(&f, &(struct fake_options){.plugin = "chaos"});
    fake_put_job(&f, 1,
                 &(struct msg_job){.handler = handler_of(&f, "chaos.sleep"),
                                   .payload = {.data = bytes_of("{\"ms\":3600000,"
                                                                "\"beat_ms\":3600000}")}});
    fake_flush(&f);
    fake_wait_started(&f, 0, 1);
    struct pollfd p = {.fd = f.sock, .events = POLLIN};
    while (poll(&p, 1, 10) == 0) { // it may not have looked at the clock yet
        clock_advance(&clock, 3600000);
    }
    EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, 1).status);
    fake_drain(&f);
    fake_finish(&f);
    clock_close(&clock);
}

static void test_timeout(void) {
    struct clock clock;
    struct fake f;
    clock_open(&clock);
    fake_start(&f, &(struct fake_options){.plugin = "chaos"});
    fake_put_job(&f, 1,
                 &(struct msg_job){.handler = handler_of(&f, "chaos.sleep"),
                                   .payload = {.data = bytes_of("{\"ms\":3600000000}")},
                                   .timeout_ms = 300000});
    fake_flush(&f);
    fake_wait_started(&f, 0, 1);
    clock_advance(&clock, 300000);
    struct msg_done m = fake_expect_done(&f, 1);
    EXPECT_EQ_INT(JH_E_TIMEOUT, m.cls);
    EXPECT_EQ_UINT(JH_CANCEL_DEADLINE, m.cancel_mask);
    fake_drain(&f);
    fake_finish(&f);
    clock_close(&clock);
}

static void test_wall(void) {
    struct clock clock;
    struct fake f;
    clock_open(&clock);
    fake_start(&f, &(struct fake_options){.plugin = "chaos"});
    fake_put_job(&f, 1,
                 &(struct msg_job){.handler = handler_of(&f, "chaos.yield"),
                                   .payload = {.data = bytes_of("{\"kind\":\"until\","
                                                                "\"ms\":5000}")}});
    fake_flush(&f);
    EXPECT_EQ_INT(1700000000000 + 1000000 + 5000, fake_serve(&f, 1).wake_at_ms);
    fake_drain(&f);
    fake_finish(&f);
    clock_close(&clock);
}

// ---- faults ----

static void start_with_fault(struct fake *f, const char *point, const char *act) {
    char plan[64];
    (void)snprintf(plan, sizeof plan, "%s=%s", point, act);
    (void)setenv("JOBHOST_FAULT", plan, 1);
    fake_start(f, &(struct fake_options){.plugin = "chaos"});
    (void)unsetenv("JOBHOST_FAULT");
    fake_put_job(f, 1,
                 &(struct msg_job){.handler = handler_of(f, "chaos.steps"),
                                   .payload = {.data = bytes_of("{\"steps\":1}")}});
    fake_flush(f);
}

static const struct {
    const char *point;
    unsigned commits; // that the supervisor has seen when the process dies
} points[] = {
    {"worker_before_run", 0},
    {"worker_before_commit", 0},
    {"worker_after_commit", 1},
    {"worker_after_run", 1},
};

static void test_kills(void) {
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        struct fake f;
        unsigned commits = 0;
        start_with_fault(&f, points[i].point, "kill");
        for (struct record r = fake_next(&f); r.h.type != 0; r = fake_next(&f)) {
            EXPECT_TRUE(r.h.type != REC_DONE);
            if (r.h.type == REC_COMMIT) {
                commits++;
                fake_committed(&f, 1, 1, 0);
            }
        }
        int status = fake_wait(&f);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        EXPECT_EQ_UINT(points[i].commits, commits);
        EXPECT_EQ_UINT(1, atomic_load(&f.page->thread[0].job)); // and it is charged
        fake_finish(&f);
    }
}

static void test_errors(void) {
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        struct fake f;
        start_with_fault(&f, points[i].point, "error");
        struct msg_done m = fake_serve(&f, 1);
        EXPECT_EQ_INT(JH_RETRY, m.status);
        EXPECT_EQ_INT(JH_E_RESOURCE, m.cls);
        fake_drain(&f);
        fake_finish(&f);
    }
}

static const struct expect_test tests[] = {
    {"sleep_ms() goes by the test clock", test_sleep},
    {"timeouts go by the test clock", test_timeout},
    {"wall time is the test clock's", test_wall},
    {"every fault point can kill", test_kills},
    {"every fault point can fail", test_errors},
};
SUITE_MAIN("worker: test clock and faults", tests)
