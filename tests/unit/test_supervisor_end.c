// How the host starts and how it ends, whatever its workers and its store are doing meanwhile.
#include <errno.h>
#include <signal.h>

#include "expect.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "supervisor/dispatch.h"
#include "supervisor/pool_private.h"

static struct lab *lab;
static struct lab_worker *w;

static void begin(const struct lab_options *options) {
    lab = lab_open(options);
    w = lab_ready_worker(lab);
}

static void reopen(void) {
    lab_shut(lab);
    lab->options.faulty = false;
    lab_reopen(lab);
    w = lab_ready_worker(lab);
}

static void finish_one(void) {
    uint64_t slot = lab_expect_job(lab, w);
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_settle(lab);
}

// What is held or unstarted goes back and uses nothing; what runs may end, and its end is written.
static void test_drain(void) {
    begin(&(struct lab_options){.plugin = "threads: 2"});
    struct job_id runs = lab_submit(lab, LAB_SLOW);
    struct job_id unstarted = lab_submit(lab, LAB_SLOW);
    struct job_id queued = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_expect_job(lab, w), idle = lab_expect_job(lab, w);
    lab_begin(lab, w, 0, slot);
    host_stop(lab->host, "the test");
    (void)lab_expect(lab, w, REC_DRAIN);
    lab_send(w, REC_NACK, idle);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_QUEUED, lab_state(lab, &unstarted));
    EXPECT_EQ_INT(JOB_QUEUED, lab_state(lab, &queued));
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &runs));
    lab_begin(lab, w, 0, 0);
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_send(w, REC_BYE, 0);
    lab_bury(lab, w, 0);
    lab_stop(lab);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &runs));
    reopen();
    finish_one();
    finish_one();
    EXPECT_EQ_INT(1, lab_job(lab, &unstarted)->counters.executions);
    lab_end(lab);
}

// Half of the grace to end by itself, the other half to react, then SIGKILL: no attempt is used up.
static void test_grace(void) {
    begin(&(struct lab_options){.plugin = "threads: 1"});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_expect_job(lab, w);
    lab_begin(lab, w, 0, slot);
    int64_t grace_ms = lab->host->config->host.shutdown_grace_ms;
    host_stop(lab->host, "the test");
    lab_settle(lab);
    lab_advance(lab, grace_ms / 2);
    struct record r = lab_expect(lab, w, REC_CANCEL);
    EXPECT_EQ_UINT(JH_CANCEL_DRAIN, record_get_u32(&r));
    EXPECT_EQ_INT(0, w->signal == SIGKILL);
    lab_advance(lab, grace_ms / 2);
    EXPECT_EQ_INT(SIGKILL, w->signal);
    lab_stop(lab);
    EXPECT_EQ_INT(JOB_QUEUED, lab_state(lab, &id));
    EXPECT_EQ_INT(0, lab_job(lab, &id)->counters.attempts);
    EXPECT_EQ_INT(0, lab_job(lab, &id)->counters.crashes);
    reopen();
    finish_one();
    lab_end(lab);
}

static void test_second_signal(void) {
    begin(&(struct lab_options){.plugin = "threads: 1"});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    lab_begin(lab, w, 0, lab_expect_job(lab, w));
    host_stop(lab->host, "the test");
    lab_settle(lab);
    EXPECT_EQ_INT(0, w->signal);
    host_stop(lab->host, "the test");
    EXPECT_EQ_INT(SIGKILL, w->signal);
    lab_stop(lab);
    EXPECT_EQ_INT(JOB_QUEUED, lab_state(lab, &id));
    host_stop(lab->host, "a third time, when it has stopped");
    reopen();
    finish_one();
    lab_end(lab);
}

static void test_stop_while_workers_start(void) {
    lab = lab_open(&(struct lab_options){.plugin = "workers: 2"});
    w = lab_worker(lab);
    (void)lab_expect(lab, w, REC_WELCOME);
    lab_stop(lab);
    EXPECT_EQ_UINT(1, lab->spawned);
    lab_close(lab);

    lab = lab_open(&(struct lab_options){.plugin = "workers: 2"});
    w = lab_worker(lab);
    (void)lab_expect(lab, w, REC_WELCOME);
    lab_say_hello(w);
    w->immortal = true;
    host_stop(lab->host, "the test");
    lab_send(w, REC_READY, 0); // too late
    lab_settle(lab);
    EXPECT_EQ_UINT(1, lab->spawned);
    lab_bury(lab, w, SIGKILL);
    lab_stop(lab);
    lab_close(lab);
}

// SIGTERM at any moment of the start.
static void test_stop_while_starting(void) {
    for (int turns = 0; turns < 40; turns++) {
        lab = lab_open(&(struct lab_options){.faulty = true, .plugin = "threads: 2"});
        w = lab_ready_worker(lab);
        struct job_id id = lab_submit(lab, LAB_SLOW);
        (void)lab_expect_job(lab, w);
        lab_shut(lab);
        lab_reopen_only(lab);
        for (int i = 0; i < turns; i++) {
            lab_turn(lab);
        }
        lab_stop(lab);
        (void)EXPECT_EQ_INT(0, lab->host->exit_status);
        lab_shut(lab);
        lab_reopen(lab);
        w = lab_ready_worker(lab);
        finish_one();
        (void)EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
        lab_end(lab);
    }
}

// Rows of the outbox that could not be delivered at the start are delivered later.
static void test_forward_fails_at_start(void) {
    begin(&(struct lab_options){.faulty = true});
    (void)lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_expect_job(lab, w);
    faulty_add(faulty_plan_of(&lab->store),
               (struct faulty_rule){.kind = STORE_FORWARD, .effect = FAULTY_BEFORE, .code = -EIO});
    const struct msg_child m = {.handler = "t.slow", .queue = "elsewhere"};
    EXPECT_EQ_INT(0, msg_child_put(&w->out, slot, &m));
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_settle(lab);
    lab_shut(lab);
    lab_reopen_only(lab);
    faulty_add(faulty_plan_of(&lab->store),
               (struct faulty_rule){
                   .kind = STORE_FORWARD, .effect = FAULTY_BEFORE, .code = -EIO, .times = 2});
    lab_wait_running(lab);
    w = lab_ready_worker(lab);
    lab_advance(lab, 1000);
    lab_advance(lab, 1000);
    finish_one(); // the child
    lab_end(lab);
}

static void test_strict(void) {
    lab = lab_open(&(struct lab_options){.strict = true});
    w = lab_worker(lab);
    lab_bury(lab, w, SIGSEGV);
    lab_stop(lab);
    EXPECT_EQ_INT(1, lab->host->exit_status);
    lab_close(lab);
}

// The loop is gone while operations of every kind are with the store, and workers in every state.
static void test_sudden_end(void) {
    for (int turns = 0; turns < 12; turns++) {
        begin(&(struct lab_options){.plugin = "threads: 4, workers: 2"});
        for (int i = 0; i < 8; i++) {
            (void)lab_submit(lab, i % 2 == 0 ? LAB_SLOW : LAB_FAST);
        }
        uint64_t slot = lab_expect_job(lab, w);
        lab_begin(lab, w, 0, slot);
        lab_effect_child(w, slot, 40000);
        lab_send_u32(w, REC_COMMIT, slot, 1);
        uint64_t other = lab_expect_job(lab, w);
        const struct msg_get get = {.request = 1, .what = GET_CLAIM, .key = "k"};
        EXPECT_EQ_INT(0, msg_get_put(&w->out, other, &get));
        lab_flush(w);
        lab_done(w, lab_expect_job(lab, w), JH_OK, JH_E_NONE);
        for (int i = 0; i < turns; i++) {
            lab_turn(lab);
        }
        lab_shut(lab);
        lab_reopen(lab);
        w = lab_ready_worker(lab);
        struct record r;
        for (int quiet = 0; quiet < 3; quiet++) {
            lab_settle(lab);
            while (lab_next(w, &r)) {
                if (r.h.type == REC_JOB) {
                    lab_done(w, r.h.job, JH_OK, JH_E_NONE);
                    quiet = 0;
                }
            }
        }
        lab_end(lab);
    }
}

static const struct expect_test tests[] = {
    {"a drain", test_drain},
    {"a handler that does not end", test_grace},
    {"a second and a third signal", test_second_signal},
    {"a stop while workers start", test_stop_while_workers_start},
    {"a stop while the store is recovered", test_stop_while_starting},
    {"an outbox that cannot be delivered at the start", test_forward_fails_at_start},
    {"--strict", test_strict},
    {"a sudden end", test_sudden_end},
};
SUITE_MAIN("supervisor end", tests)
