// A host whose store goes away, or was never there: it takes jobs, and runs them later.
#include <errno.h>

#include "expect.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "store/spool/spool_store.h"
#include "supervisor/jobs.h"
#include "supervisor/ready.h"

enum { RETRY_MS = 1000 };

static struct lab *lab;

static void take_away(void) {
    faulty_set_down(spool_store_main(&lab->store), "it is gone");
}

static void bring_back(void) {
    faulty_set_down(spool_store_main(&lab->store), NULL);
}

static bool is_forwarded(struct lab *l, void *arg) {
    (void)arg;
    return store_backlog(&l->store).waiting == 0;
}

static bool is_joined(struct lab *l, void *arg) {
    (void)arg;
    return l->host->joined;
}

static enum ready_code code(void) {
    struct ready_report report;
    ready_report(lab->host, &report);
    return report.code;
}

static void run(struct lab_worker *w, const struct job_id *id) {
    uint64_t slot = lab_start(lab, w);
    lab_begin(lab, w, 0, 0);
    lab_done(w, slot, JH_OK, 0);
    lab_expect_state(lab, id, JOB_SUCCEEDED);
}

static void test_start_without_store(void) {
    lab = lab_open(&(struct lab_options){.plugin = "workers: 1", .spool = true, .away = true});
    struct lab_worker *w = lab_ready_worker(lab);
    EXPECT_TRUE(!lab->host->joined);
    EXPECT_EQ_INT(READY_YES, code());
    EXPECT_TRUE(host_store_refusal(lab->host) == NULL);
    EXPECT_EQ_STR("the store cannot be reached yet", lab->host->store_fault);
    int64_t since = lab->host->store_fault_ms;
    EXPECT_EQ_INT(lab_wall_ms(lab), since);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    EXPECT_TRUE(lab_job(lab, &id)->spooled);
    lab_advance(lab, RETRY_MS); // it is tried, in vain
    lab_settle(lab);
    EXPECT_TRUE(!lab->host->joined);
    EXPECT_EQ_INT(since, lab->host->store_fault_ms);
    EXPECT_EQ_UINT(0, lab->posted_of[STORE_CLAIM]);
    bring_back();
    lab_until(lab, is_forwarded, NULL, "the job is in the store");
    EXPECT_EQ_UINT(0, lab->posted_of[STORE_CLAIM]); // the store does not know this host yet
    lab_advance(lab, RETRY_MS);
    lab_until(lab, is_joined, NULL, "the host has joined");
    run(w, &id);
    lab_end(lab);
}

static void test_lost_later(void) {
    lab = lab_open(&(struct lab_options){.plugin = "workers: 1, threads: 1", .spool = true});
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id first = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    take_away();
    struct job_id second = lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_INT(1, store_backlog(&lab->host->store).waiting);
    EXPECT_EQ_INT(READY_YES, code());
    lab_begin(lab, w, 0, 0);
    lab_done(w, slot, JH_OK, 0); // its commit waits
    lab_settle(lab);
    bring_back();
    lab_until(lab, is_forwarded, NULL, "the job is in the store");
    lab_advance(lab, RETRY_MS);
    lab_expect_state(lab, &first, JOB_SUCCEEDED);
    run(w, &second);
    lab_end(lab);
}

static void acted(struct jobs_act *act, void *arg) {
    (void)act;
    *(bool *)arg = true;
}

static bool is_set(struct lab *l, void *arg) {
    (void)l;
    return *(bool *)arg;
}

// What waits can be explained, and cannot be cancelled yet.
static void test_ask(void) {
    struct reason reasons[REASON_COUNT];
    bool done = false;
    lab = lab_open(&(struct lab_options){.plugin = "workers: 1", .spool = true});
    (void)lab_ready_worker(lab);
    take_away();
    struct job_id id = lab_submit(lab, LAB_SLOW);
    unsigned n = jobs_explain(lab->host, lab_job(lab, &id), &(struct jobs_awaited){.open = 0}, NULL,
                              reasons, REASON_COUNT);
    EXPECT_TRUE(n > 0);
    EXPECT_EQ_INT(REASON_STORE, reasons[0].code);
    EXPECT_CONTAINS("it is gone; the job is on this host only", reasons[0].detail);
    struct jobs_act act = {.action = JOBS_CANCEL, .id = id, .done = acted, .arg = &done};
    jobs_act(lab->host, &act);
    lab_until(lab, is_set, &done, "cancel is answered");
    EXPECT_EQ_INT(-EAGAIN, act.status);
    bring_back();
    lab_until(lab, is_forwarded, NULL, "the job is in the store");
    lab_stop(lab);
    lab_close(lab);
}

// The end of a host whose store is away: in time, and nothing is lost.
static void test_stop(void) {
    lab = lab_open(&(struct lab_options){.plugin = "workers: 1", .spool = true, .away = true});
    (void)lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    lab_stop(lab);
    lab_shut(lab);
    lab->options.away = false;
    lab_reopen(lab);
    struct lab_worker *w = lab_ready_worker(lab);
    lab_until(lab, is_forwarded, NULL, "the job is in the store");
    run(w, &id);
    lab_end(lab);
}

int main(int argc, char **argv) {
    static const struct expect_test tests[] = {
        {"a host starts without its store", test_start_without_store},
        {"a store that is lost later", test_lost_later},
        {"what is asked of a job that waits", test_ask},
        {"a host ends without its store", test_stop},
    };
    return expect_run("supervisor spool", tests, ARRAY_LEN(tests), argc, argv);
}
