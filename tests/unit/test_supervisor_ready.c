// Is it ready? Workers that begin nothing, and everything that keeps jobs from starting and is no
// fault of the host.
#include <errno.h>
#include <signal.h>

#include "expect.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "supervisor/dispatch.h"
#include "supervisor/jobs.h"
#include "supervisor/ready.h"

enum { LIMIT_MS = 60000 };

static struct lab *lab;

static enum ready_code code(void) {
    struct ready_report report;
    ready_report(lab->host, &report);
    EXPECT_TRUE((report.code == READY_YES) == (report.detail[0] == '\0'));
    EXPECT_TRUE((report.code == READY_STALLED) == (report.plugin != NULL));
    return report.code;
}

static void end(void) {
    lab_stop(lab);
    lab_close(lab);
}

/* Ready now, and long after. */
static void expect_no_stall(void) {
    lab_settle(lab);
    EXPECT_EQ_INT(READY_YES, code());
    lab_advance(lab, 3 * LIMIT_MS);
    EXPECT_EQ_INT(READY_YES, code());
    lab_settle(lab);
    EXPECT_EQ_INT(READY_YES, code());
}

static void test_worker_begins_nothing(void) {
    struct ready_report report;
    lab = lab_open(&(struct lab_options){.plugin = "workers: 1, threads: 1"});
    EXPECT_EQ_INT(READY_STARTING, code()); // its plugin is not up yet
    struct lab_worker *w = lab_ready_worker(lab);
    expect_no_stall();
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_expect_job(lab, w);
    EXPECT_EQ_INT(READY_YES, code());
    lab_advance(lab, LIMIT_MS - 1);
    EXPECT_EQ_INT(READY_YES, code());
    lab_advance(lab, 1);
    ready_report(lab->host, &report);
    EXPECT_EQ_INT(READY_STALLED, report.code);
    EXPECT_EQ_STR("t", report.plugin);
    EXPECT_EQ_INT(LIMIT_MS, report.idle_ms);
    EXPECT_CONTAINS("none has started for 60 s; its workers have 1 jobs", report.detail);
    lab_begin(lab, w, 0, slot);
    expect_no_stall(); // it runs, for as long as it likes
    lab_begin(lab, w, 0, 0);
    lab_done(w, slot, JH_OK, 0);
    lab_expect_state(lab, &id, JOB_SUCCEEDED);
    expect_no_stall();
    end();
}

/* What waits behind a full house is no fault. */
static void test_all_threads_busy(void) {
    lab = lab_open(&(struct lab_options){.plugin = "workers: 1, threads: 1"});
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_expect_job(lab, w);
    lab_begin(lab, w, 0, slot);
    for (int i = 0; i < 5; i++) {
        (void)lab_submit(lab, LAB_SLOW);
    }
    expect_no_stall();
    lab_begin(lab, w, 0, 0);
    lab_done(w, slot, JH_OK, 0);
    lab_expect_state(lab, &id, JOB_SUCCEEDED);
    (void)lab_expect_job(lab, w); // the next one, and it is not begun
    EXPECT_EQ_INT(READY_YES, code());
    lab_advance(lab, LIMIT_MS);
    EXPECT_EQ_INT(READY_STALLED, code());
    end();
}

static void ignore(struct store_op *op) {
    EXPECT_EQ_INT(0, op->status);
}

/* As one that is in the store since its plugin was taken out of the configuration. */
static void submit_without_handler(void) {
    static struct store_submit submit;
    static struct store_submit_item item;
    static struct job_spec spec;
    int64_t now = lab_wall_ms(lab);
    spec = (struct job_spec){
        .id = id_next(&lab->host->ids, now), .queue = "q", .type = "nobody.has", .max_attempts = 1};
    item = (struct store_submit_item){.spec = &spec};
    submit = (struct store_submit){
        .op = {.kind = STORE_SUBMIT, .done = ignore, .now_ms = now}, .items = &item, .count = 1};
    store_post(&lab->host->store, &submit.op);
    lab_settle(lab);
    EXPECT_EQ_INT(SUBMIT_NEW, item.verdict);
    store_op_finish(&submit.op);
}

/* Paused, not due, at the queue's limit. */
static void test_kept_back_on_purpose(void) {
    lab = lab_open(&(struct lab_options){.plugin = "workers: 1, threads: 4",
                                         .more = "queues: {narrow: {concurrency: 1}}"});
    struct lab_worker *w = lab_ready_worker(lab);
    struct store_queue_stats said = {
        .queue = "still", .paused = true, .paused_by = "b", .paused_why = "w", .paused_at_ms = 1};
    queue_pause(lab->host, lane_queue(lab->host, "still"), &said);
    (void)lab_submit_to(lab, "still", lab_handlers[LAB_SLOW]);
    expect_no_stall();
    (void)lab_submit_to(lab, "narrow", lab_handlers[LAB_SLOW]);
    uint64_t slot = lab_expect_job(lab, w);
    (void)lab_submit_to(lab, "narrow", lab_handlers[LAB_SLOW]);
    lab_begin(lab, w, 0, slot);
    expect_no_stall();
    submit_without_handler();
    expect_no_stall();
    end();
}

/* A pool without a worker has no thread that could be free. */
static void test_no_worker(void) {
    lab = lab_open(&(struct lab_options){.plugin = "workers: 1, threads: 1"});
    struct lab_worker *w = lab_ready_worker(lab);
    lab->refuse_spawn = true;
    lab_bury(lab, w, SIGSEGV);
    (void)lab_submit(lab, LAB_SLOW);
    expect_no_stall();
    end();
}

/* The store refuses claims on and on, and calls itself well. */
static void test_claims_refused(void) {
    lab = lab_open(&(struct lab_options){.plugin = "workers: 1, threads: 1", .faulty = true});
    (void)lab_ready_worker(lab);
    struct faulty_plan *plan = faulty_plan_of(&lab->host->store);
    if (plan == NULL) { // the lab stands in between
        plan = faulty_plan_of(&lab->store);
    }
    if (!EXPECT_TRUE(plan != NULL)) {
        end();
        return;
    }
    faulty_add(plan,
               (struct faulty_rule){.kind = STORE_CLAIM, .effect = FAULTY_BEFORE, .code = -EIO});
    (void)lab_submit(lab, LAB_SLOW);
    lab_settle(lab);
    EXPECT_EQ_INT(READY_YES, code());
    for (int s = 0; s < LIMIT_MS / 1000; s++) {
        lab_advance(lab, 1000);
        lab_settle(lab);
    }
    EXPECT_EQ_INT(READY_STALLED, code());
    end();
}

static void test_stop(void) {
    lab = lab_open(&(struct lab_options){.plugin = "workers: 1, threads: 1"});
    (void)lab_ready_worker(lab);
    EXPECT_EQ_INT(READY_YES, code());
    host_stop(lab->host, "test");
    EXPECT_EQ_INT(READY_DRAINING, code());
    end();
}

static const struct expect_test tests[] = {
    {"a worker that begins nothing", test_worker_begins_nothing},
    {"all threads are busy", test_all_threads_busy},
    {"jobs that are kept back on purpose", test_kept_back_on_purpose},
    {"no worker at all", test_no_worker},
    {"a store that refuses claims", test_claims_refused},
    {"a host that stops", test_stop},
};

SUITE_MAIN("supervisor ready", tests)
