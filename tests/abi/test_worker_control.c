// Cancelling, recalling, draining, timeouts, pings, leases; supervisors that vanish, fall silent or
// talk nonsense.
#define _GNU_SOURCE // pidfd_open by syscall()
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"
#include "fake.h"
#include "jobhost_plugin.h"
#include "worker/worker.h"

static uint32_t handler_of(const struct fake *f, const char *name) {
    for (uint32_t i = 0; i < f->hello.handler_count; i++) {
        if (strcmp(f->hello.handlers[i].name, name) == 0) {
            return i;
        }
    }
    fake_fail("no handler %s", name);
}

static void put_job(struct fake *f, uint64_t slot, const char *handler, const char *payload) {
    fake_put_job(f, slot,
                 &(struct msg_job){.handler = handler_of(f, handler),
                                   .payload = {.data = bytes_of(payload)}});
}

static void expect_exit(struct fake *f, int want) {
    int status = fake_wait(f);
    if (EXPECT_TRUE(WIFEXITED(status))) {
        EXPECT_EQ_INT(want, WEXITSTATUS(status));
    }
}

// A worker that is running slot 1 for an hour.
static void start_sleeper(struct fake *f, struct fake_options options) {
    options.plugin = "chaos";
    fake_start(f, &options);
    put_job(f, 1, "chaos.sleep", "{\"ms\":3600000,\"beat_ms\":3600000}");
    fake_flush(f);
    fake_wait_started(f, 0, 1);
}

static void finish(struct fake *f) {
    fake_drain(f);
    fake_finish(f);
}

// ---- cancel ----

static void expect_cancelled(uint32_t mask, jh_status status) {
    struct fake f;
    start_sleeper(&f, (struct fake_options){0});
    fake_send_u32(&f, REC_CANCEL, 1, mask);
    struct msg_done m = fake_expect_done(&f, 1);
    EXPECT_EQ_INT(status, m.status);
    EXPECT_EQ_UINT(mask, m.cancel_mask);
    finish(&f);
}

static void test_cancel(void) {
    expect_cancelled(JH_CANCEL_USER, JH_CANCELLED);
    expect_cancelled(JH_CANCEL_DRAIN, JH_YIELD);
    expect_cancelled(JH_CANCEL_DEADLINE, JH_RETRY);
    expect_cancelled(JH_CANCEL_USER | JH_CANCEL_DRAIN, JH_CANCELLED);
}

static void test_cancel_fd(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "cancel-fd"});
    for (uint64_t slot = 1; slot <= 3; slot++) { // the descriptor is used again
        fake_job(&f, slot, "");
        (void)fake_expect_for(&f, REC_LOG, slot);
        fake_send_u32(&f, REC_CANCEL, slot, JH_CANCEL_USER);
        EXPECT_EQ_INT(JH_CANCELLED, fake_expect_done(&f, slot).status);
    }
    finish(&f);
}

// A cancel that comes too late meets nobody, above all not the next job.
static void test_cancel_late(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "chaos"});
    for (uint64_t slot = 1; slot < 400; slot += 2) {
        put_job(&f, slot, "chaos.echo", "{}");
        record_begin(&f.out, REC_CANCEL, slot);
        record_u32(&f.out, JH_CANCEL_USER);
        (void)record_end(&f.out);
        put_job(&f, slot + 1, "chaos.sleep", "{\"ms\":0}");
        fake_flush(&f);
        struct record r = fake_next(&f);
        while (r.h.type != REC_DONE && r.h.type != REC_NACK) {
            r = fake_next(&f);
        }
        EXPECT_EQ_UINT(slot, r.h.job);
        EXPECT_EQ_UINT(0, fake_serve(&f, slot + 1).cancel_mask);
    }
    finish(&f);
}

static void test_timeout(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "chaos"});
    struct msg_job job = {.handler = handler_of(&f, "chaos.sleep"),
                          .payload = {.data = bytes_of("{\"ms\":3600000}")},
                          .timeout_ms = 30};
    fake_put_job(&f, 1, &job);
    fake_flush(&f);
    struct msg_done m = fake_expect_done(&f, 1);
    EXPECT_EQ_INT(JH_RETRY, m.status);
    EXPECT_EQ_INT(JH_E_TIMEOUT, m.cls);
    EXPECT_EQ_UINT(JH_CANCEL_DEADLINE, m.cancel_mask);
    EXPECT_TRUE(m.run_us >= 29000); // times are whole milliseconds
    job.payload.data = bytes_of("{\"ms\":1}");
    job.timeout_ms = 3600000;
    fake_put_job(&f, 2, &job);
    fake_flush(&f);
    EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, 2).status);
    finish(&f);
}

// ---- recall ----

static void test_recall(void) {
    struct fake f;
    start_sleeper(&f, (struct fake_options){0});
    for (uint64_t slot = 2; slot <= 4; slot++) {
        put_job(&f, slot, "chaos.echo", "{}");
    }
    fake_flush(&f);
    fake_send(&f, REC_RECALL, 3);
    (void)fake_expect_for(&f, REC_NACK, 3);
    fake_send_u32(&f, REC_CANCEL, 2, JH_CANCEL_USER); // an unstarted one just comes back
    (void)fake_expect_for(&f, REC_NACK, 2);
    fake_send(&f, REC_RECALL, 1);  // runs: nothing happens
    fake_send(&f, REC_RECALL, 99); // unknown: nothing happens
    fake_send_u32(&f, REC_CANCEL, 99, JH_CANCEL_USER);
    fake_send_u32(&f, REC_CANCEL, 1, JH_CANCEL_USER);
    (void)fake_expect_done(&f, 1);
    EXPECT_EQ_INT(JH_OK, fake_serve(&f, 4).status);
    finish(&f);
}

// ---- who runs beside whom ----

static void test_serial(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "ignores-cancel", .threads = 2});
    fake_job(&f, 1, "");
    fake_job(&f, 2, "");
    int64_t limit = fake_now_ms() + FAKE_PATIENCE_MS;
    while (atomic_load(&f.page->thread[0].job) + atomic_load(&f.page->thread[1].job) == 0) {
        if (fake_now_ms() > limit) {
            fake_fail("nothing starts");
        }
        (void)poll(NULL, 0, 1);
    }
    fake_send(&f, REC_RECALL, 2); // still there: one thread has nothing to do and may not take it
    (void)fake_expect_for(&f, REC_NACK, 2);
    fake_finish(&f);
}

static void test_concurrent(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "chaos", .threads = 3});
    for (uint64_t slot = 1; slot <= 3; slot++) {
        put_job(&f, slot, "chaos.sleep", "{\"ms\":3600000,\"beat_ms\":3600000}");
    }
    fake_flush(&f);
    uint64_t running = 0;
    int64_t limit = fake_now_ms() + FAKE_PATIENCE_MS;
    while (running != 1 + 2 + 3) {
        running = 0;
        for (int i = 0; i < 3; i++) {
            running += atomic_load(&f.page->thread[i].job);
        }
        if (fake_now_ms() > limit) {
            fake_fail("not all three run");
        }
        (void)poll(NULL, 0, 1);
    }
    for (uint64_t slot = 1; slot <= 3; slot++) {
        fake_send_u32(&f, REC_CANCEL, slot, JH_CANCEL_USER);
        EXPECT_EQ_INT(JH_CANCELLED, fake_expect_done(&f, slot).status);
    }
    finish(&f);
}

// ---- drain ----

static void test_drain(void) {
    struct fake f;
    start_sleeper(&f, (struct fake_options){0});
    for (uint64_t slot = 2; slot <= 6; slot++) {
        put_job(&f, slot, "chaos.echo", "{}");
    }
    fake_flush(&f);
    fake_send(&f, REC_DRAIN, 0);
    for (uint64_t slot = 2; slot <= 6; slot++) {
        (void)fake_expect_for(&f, REC_NACK, slot);
    }
    put_job(&f, 7, "chaos.echo", "{}"); // crossed the DRAIN
    fake_flush(&f);
    (void)fake_expect_for(&f, REC_NACK, 7);
    fake_send(&f, REC_DRAIN, 0); // once more: nothing happens
    fake_send_u32(&f, REC_CANCEL, 1, JH_CANCEL_DRAIN);
    EXPECT_EQ_INT(JH_YIELD, fake_expect_done(&f, 1).status);
    (void)fake_expect_for(&f, REC_BYE, 0);
    expect_exit(&f, WORKER_EXIT_OK);
    fake_finish(&f);
}

static void test_destroy(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "destroy"});
    fake_job(&f, 1, "");
    EXPECT_EQ_INT(JH_OK, fake_expect_done(&f, 1).status);
    fake_send(&f, REC_DRAIN, 0);
    (void)fake_expect_for(&f, REC_BYE, 0);
    expect_exit(&f, 42); // said by destroy()
    fake_finish(&f);
}

// ---- is anybody there? ----

// Pings go on while a handler spins.
static void test_ping(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "run-hang", .ping_ms = 5});
    fake_job(&f, 1, "");
    fake_wait_started(&f, 0, 1);
    f.mute = true;
    for (int i = 0; i < 10; i++) {
        struct record r = fake_next(&f);
        EXPECT_EQ_INT(REC_PING, r.h.type);
        fake_send(&f, REC_PONG, 0);
    }
    fake_finish(&f);
}

static void test_lease(void) {
    struct fake f;
    start_sleeper(&f, (struct fake_options){.ping_ms = 20, .lease_ms = 400});
    f.mute = true;
    struct msg_done m = fake_expect_done(&f, 1); // half a lease: cancelled by itself
    EXPECT_EQ_UINT(JH_CANCEL_DRAIN, m.cancel_mask);
    EXPECT_EQ_INT(JH_YIELD, m.status);
    EXPECT_TRUE(f.pings >= 1);
    expect_exit(&f, WORKER_EXIT_ORPHAN); // a whole one
    fake_finish(&f);
}

// What comes while the supervisor is silent is not started until it is heard again.
static void test_silence(void) {
    struct fake f;
    start_sleeper(&f, (struct fake_options){.ping_ms = 20, .lease_ms = 6000});
    f.mute = true;
    EXPECT_EQ_UINT(JH_CANCEL_DRAIN, fake_expect_done(&f, 1).cancel_mask);
    put_job(&f, 2, "chaos.echo", "{}");
    put_job(&f, 3, "chaos.echo", "{}");
    fake_flush(&f);
    fake_send(&f, REC_RECALL, 2);
    (void)fake_expect_for(&f, REC_NACK, 2);
    f.mute = false;
    fake_send(&f, REC_PONG, 0);
    EXPECT_EQ_INT(JH_OK, fake_serve(&f, 3).status);
    finish(&f);
}

// A worker that was itself stopped for longer than its lease does not blame the supervisor.
static void test_stopped(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "chaos", .ping_ms = 20, .lease_ms = 1000});
    (void)fake_expect(&f, REC_PING);
    fake_send(&f, REC_PONG, 0);
    (void)kill(f.pid, SIGSTOP);
    (void)poll(NULL, 0, 1500); // not to wait for something, but to let more than a lease pass
    (void)kill(f.pid, SIGCONT);
    put_job(&f, 1, "chaos.echo", "{}");
    fake_flush(&f);
    EXPECT_EQ_INT(JH_OK, fake_serve(&f, 1).status);
    finish(&f);
}

static void hang_up(struct fake *f) {
    (void)close(f->sock);
    f->sock = -1;
}

static void test_end_of_stream(void) {
    struct fake f;
    start_sleeper(&f, (struct fake_options){0});
    int64_t began = fake_now_ms();
    hang_up(&f);
    expect_exit(&f, WORKER_EXIT_ORPHAN);
    fake_finish(&f);
    // one that does not listen has two seconds
    static const char *const deaf[] = {"ignores-cancel", "run-hang"};
    for (size_t i = 0; i < ARRAY_LEN(deaf); i++) {
        fake_start(&f, &(struct fake_options){.plugin = deaf[i]});
        fake_job(&f, 1, "");
        fake_wait_started(&f, 0, 1);
        began = fake_now_ms();
        hang_up(&f);
        expect_exit(&f, WORKER_EXIT_ORPHAN);
        EXPECT_TRUE(fake_now_ms() - began >= 1900);
        fake_finish(&f);
    }
    // idle
    fake_start(&f, &(struct fake_options){.plugin = "noop", .threads = 3});
    hang_up(&f);
    expect_exit(&f, WORKER_EXIT_ORPHAN);
    fake_finish(&f);
}

// In a process of its own: starts a worker, tells its pid and is killed.
static pid_t orphan_worker(int report) {
    pid_t supervisor = fork();
    if (supervisor == 0) {
        struct fake f;
        fake_start(&f, &(struct fake_options){.plugin = "run-hang"});
        fake_job(&f, 1, "");
        fake_wait_started(&f, 0, 1);
        (void)!write(report, &f.pid, sizeof f.pid);
        for (;;) {
            (void)pause();
        }
    }
    return supervisor;
}

static void test_killed_supervisor(void) {
    int report[2];
    pid_t worker = 0;
    EXPECT_EQ_INT(0, pipe(report));
    pid_t supervisor = orphan_worker(report[1]);
    EXPECT_EQ_INT(sizeof worker, read(report[0], &worker, sizeof worker));
    int pidfd = (int)syscall(SYS_pidfd_open, worker, 0);
    EXPECT_TRUE(pidfd >= 0);
    (void)kill(supervisor, SIGKILL);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    EXPECT_EQ_INT(1, poll(&p, 1, FAKE_PATIENCE_MS)); // it is gone
    (void)waitpid(supervisor, NULL, 0);
    (void)close(pidfd);
    (void)close(report[0]);
    (void)close(report[1]);
}

// A supervisor that does not read for a while loses nothing; the worker waits and still answers to
// control.
static void test_slow_reader(void) {
    enum { JOBS = 300 };
    static char payload[8000];
    memset(payload, 'x', sizeof payload - 1);
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "ok-v1", .threads = 2});
    int64_t limit = fake_now_ms() + FAKE_PATIENCE_MS;
    int sent = 0;
    while (sent < JOBS && fake_now_ms() < limit) { // until nothing goes in any more, either
        fake_put_job(&f, (uint64_t)sent + 1,
                     &(struct msg_job){.payload = {.data = bytes_of(payload)}});
        struct pollfd p = {.fd = f.sock, .events = POLLOUT};
        if (poll(&p, 1, 200) == 0) {
            break;
        }
        fake_flush(&f);
        sent++;
    }
    record_writer_finish(&f.out);
    f.out = (struct record_writer){0};
    uint64_t results = 0;
    for (int done = 0; done < sent;) {
        struct record r = fake_next(&f);
        results += r.h.type == REC_RESULT;
        done += r.h.type == REC_DONE;
    }
    EXPECT_EQ_UINT((uint64_t)sent, results);
    finish(&f);
}

// One that never reads again is left at the end of the lease, although a run thread is stuck in
// sending.
static void test_stuck_reader(void) {
    struct fake f;
    fake_start(&f, &(struct fake_options){.plugin = "chaos", .ping_ms = 20, .lease_ms = 500});
    put_job(&f, 1, "chaos.log", "{\"lines\":1000000,\"bytes\":8000}");
    fake_flush(&f);
    expect_exit(&f, WORKER_EXIT_ORPHAN);
    fake_finish(&f);
}

// ---- nonsense ----

static void raw(struct fake *f, const void *data, size_t len) {
    EXPECT_EQ_INT((ssize_t)len, send(f->sock, data, len, MSG_NOSIGNAL));
}

static void send_noise(struct fake *f) {
    static const char noise[100] =
        "this is not a record at all, but it is long enough for a header";
    raw(f, noise, sizeof noise);
}

static void send_short(struct fake *f) {
    raw(f, "abc", 3);
}

static void send_cut(struct fake *f) {
    const struct record_header h = {.len = 1000, .type = REC_JOB, .job = 1};
    raw(f, &h, sizeof h);
}

static void send_unknown_type(struct fake *f) {
    const struct record_header h = {.type = 40};
    raw(f, &h, sizeof h);
}

static void send_workers_record(struct fake *f) {
    fake_send(f, REC_PING, 0);
}

static void send_second_welcome(struct fake *f) {
    fake_welcome(f);
}

static void send_odd_committed(struct fake *f) {
    fake_committed(f, 1, 1, 0);
}

static void send_odd_value(struct fake *f) {
    (void)msg_value_put(&f->out, 1, &(struct msg_value){.request = 1});
    fake_flush(f);
}

static void send_no_handler(struct fake *f) {
    fake_put_job(f, 5, &(struct msg_job){.handler = 1000});
    fake_flush(f);
}

static void send_no_slot(struct fake *f) {
    fake_put_job(f, 0, &(struct msg_job){0});
    fake_flush(f);
}

static void send_fat_drain(struct fake *f) {
    fake_send_u32(f, REC_DRAIN, 0, 1);
}

static void send_thin_cancel(struct fake *f) {
    fake_send(f, REC_CANCEL, 1);
}

static void send_fat_recall(struct fake *f) {
    fake_send_u32(f, REC_RECALL, 1, 1);
}

static void send_extra_fd(struct fake *f) {
    record_begin(&f->out, REC_PONG, 0);
    record_bytes_fd(&f->out, dup(STDERR_FILENO), 1);
    (void)record_end(&f->out);
    fake_flush(f);
}

static void test_nonsense(void) {
    static void (*const kinds[])(struct fake *) = {
        send_noise,          send_short,          send_cut,       send_unknown_type,
        send_workers_record, send_second_welcome, send_odd_value, send_odd_committed,
        send_no_handler,     send_no_slot,        send_fat_drain, send_thin_cancel,
        send_fat_recall,     send_extra_fd,
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        for (int busy = 0; busy < 2; busy++) {
            struct fake f;
            if (busy) {
                start_sleeper(&f, (struct fake_options){0});
            } else {
                fake_start(&f, &(struct fake_options){.plugin = "chaos"});
            }
            kinds[i](&f);
            expect_exit(&f, WORKER_EXIT_PROTOCOL);
            fake_finish(&f);
        }
    }
}

static const struct expect_test tests[] = {
    {"a running job is cancelled for every reason", test_cancel},
    {"the cancel descriptor wakes a poll", test_cancel_fd},
    {"a late cancel does not meet the next job", test_cancel_late},
    {"the worker watches a run's timeout itself", test_timeout},
    {"unstarted jobs come back", test_recall},
    {"a handler that is not concurrent runs alone", test_serial},
    {"concurrent handlers run side by side", test_concurrent},
    {"drain gives back, finishes, says BYE", test_drain},
    {"destroy() gets what create() made", test_destroy},
    {"pings go on under a spinning handler", test_ping},
    {"without an answer it stops by itself", test_lease},
    {"nothing is started while the supervisor is silent", test_silence},
    {"a worker that was stopped goes on", test_stopped},
    {"end of stream", test_end_of_stream},
    {"a worker dies with its supervisor", test_killed_supervisor},
    {"a supervisor that reads late loses nothing", test_slow_reader},
    {"one that never reads is left", test_stuck_reader},
    {"nonsense ends the worker", test_nonsense},
};
SUITE_MAIN("worker: control", tests)
