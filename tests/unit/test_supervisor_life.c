// Jobs on their way through a worker and back: ends of every kind, deaths of workers and of the
// host, and who pays for them.
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "expect.h"
#include "lab.h"
#include "supervisor/pool_private.h"

enum { EXITED_3 = 3 << 8 };

static struct lab *lab;

static void begin(const char *plugin) {
    lab = lab_open(&(struct lab_options){
        .plugin = plugin, .more = "jobs: {t.slow: {timeout: 10s, retry: {base: 10s, jitter: 0}}}"});
}

static uint64_t start(struct lab_worker *w, unsigned thread) {
    uint64_t slot = lab_expect_job(lab, w);
    lab_begin(lab, w, thread, slot);
    return slot;
}

static void finish(struct lab_worker *w, unsigned thread, uint64_t slot) {
    lab_begin(lab, w, thread, 0);
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_settle(lab);
}

static void test_success(void) {
    begin(NULL);
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = start(w, 0);
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
    EXPECT_EQ_INT(0, lab_job(lab, &id)->started_ms);
    lab_advance(lab, 1500);
    EXPECT_EQ_INT(lab_wall_ms(lab) - 1500, lab_job(lab, &id)->started_ms);
    finish(w, 0, slot);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    EXPECT_EQ_INT(1, lab_job(lab, &id)->counters.attempts);
    lab_end(lab);
}

static void test_page_of_a_liar(void) {
    begin(NULL);
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = start(w, 0);
    int64_t placed_ms = lab_wall_ms(lab);
    atomic_store(&w->page->thread[0].since_us, INT64_MAX); // never late, it would like to be
    lab_advance(lab, 5000);
    lab_advance(lab, 5000);
    EXPECT_EQ_INT(0, lab_seen(lab, w)->kill_why != NULL);
    atomic_store(&w->page->thread[0].since_us, INT64_MIN);
    lab_advance(lab, 1000);
    EXPECT_EQ_UINT(slot, lab_expect(lab, w, REC_CANCEL).h.job);
    EXPECT_TRUE(lab_job(lab, &id)->started_ms >= placed_ms);
    finish(w, 0, slot);
    lab_end(lab);
}

static void test_unstarted_go_back(void) {
    begin("threads: 2");
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id crashing = lab_submit(lab, LAB_SLOW);
    struct job_id waiting = lab_submit(lab, LAB_SLOW);
    (void)start(w, 0);
    (void)lab_expect_job(lab, w);
    lab_bury(lab, w, SIGSEGV);
    EXPECT_EQ_INT(JOB_SCHEDULED, lab_state(lab, &crashing));
    EXPECT_EQ_INT(1, lab_job(lab, &crashing)->counters.crashes);
    EXPECT_CONTAINS("SIGSEGV", lab_job(lab, &crashing)->error.message);
    lab_advance(lab, 100);
    w = lab_ready_worker(lab);
    finish(w, 0, start(w, 0));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &waiting));
    EXPECT_EQ_INT(0, lab_job(lab, &waiting)->counters.crashes);
    EXPECT_EQ_INT(1, lab_job(lab, &waiting)->counters.executions);
    lab_end(lab);
}

static void test_quarantine(void) {
    begin(NULL);
    struct job_id id = lab_submit_to(lab, "t", "t.slow");
    for (int i = 1; i <= retry_default.crashes; i++) {
        struct lab_worker *w = lab_ready_worker(lab);
        (void)start(w, 0);
        lab_bury(lab, w, EXITED_3);
        EXPECT_EQ_INT(i, lab_job(lab, &id)->counters.crashes);
        lab_advance(lab, 60000);
    }
    EXPECT_EQ_INT(JOB_DEAD, lab_state(lab, &id));
    EXPECT_EQ_STR("quarantined", lab_job(lab, &id)->error.code);
    lab_end(lab);
}

static void test_last_words(void) {
    begin("threads: 2");
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id done = lab_submit(lab, LAB_SLOW);
    struct job_id guilty = lab_submit(lab, LAB_SLOW);
    uint64_t first = start(w, 0), second = start(w, 1);
    (void)lab_submit(lab, LAB_FAST); // may lie unread in its socket
    // all that it says at its end is read, although it has left something unread itself
    uint8_t crash[MSG_CRASH_PACKET];
    lab_done(w, first, JH_OK, JH_E_NONE);
    msg_crash_packet(crash, second, &(struct msg_crash){.signal = SIGABRT});
    lab_send_packet(w, crash, sizeof crash);
    lab_bury(lab, w, SIGABRT);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &done));
    EXPECT_EQ_INT(1, lab_job(lab, &guilty)->counters.crashes);
    lab_advance(lab, 100);
    w = lab_ready_worker(lab);
    finish(w, 0, start(w, 0));
    lab_end(lab);
}

static void test_timeout(void) {
    begin("grace: 3s, threads: 2");
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id late = lab_submit(lab, LAB_SLOW);
    struct job_id neighbour = lab_submit(lab, LAB_FAST);
    uint64_t slot = start(w, 0);
    (void)start(w, 1);
    lab_advance(lab, 9999);
    EXPECT_EQ_INT(0, w->signal);
    lab_advance(lab, 1);
    EXPECT_EQ_UINT(slot, lab_expect(lab, w, REC_CANCEL).h.job);
    w->immortal = true;
    lab_advance(lab, 2999);
    EXPECT_EQ_INT(0, w->signal);
    lab_advance(lab, 1);
    EXPECT_EQ_INT(SIGTERM, w->signal);
    lab_advance(lab, 1999);
    EXPECT_EQ_INT(SIGTERM, w->signal);
    lab_advance(lab, 1);
    EXPECT_EQ_INT(SIGKILL, w->signal);
    lab_bury(lab, w, SIGKILL);
    const struct store_job *job = lab_job(lab, &late);
    EXPECT_EQ_INT(JOB_SCHEDULED, job->state);
    EXPECT_EQ_INT(JH_E_TIMEOUT, job->error.cls);
    EXPECT_CONTAINS("10000 ms", job->error.message);
    EXPECT_EQ_INT(JOB_QUEUED, lab_state(lab, &neighbour)); // it was not its fault
    EXPECT_EQ_INT(0, lab_job(lab, &neighbour)->counters.attempts);
    lab_advance(lab, 100);
    w = lab_ready_worker(lab);
    finish(w, 0, start(w, 0));
    lab_end(lab);
}

static void test_hung(void) {
    begin(NULL);
    struct lab_worker *w = lab_ready_worker(lab);
    lab_advance(lab, 3600000); // nobody is silent for that
    EXPECT_EQ_INT(0, w->signal);
    lab_seen(lab, w)->seen_us -= (int64_t)WORKER_PING_MS * WORKER_HUNG_PINGS * 1000;
    lab_advance(lab, WORKER_PING_MS * WORKER_HUNG_PINGS);
    EXPECT_EQ_INT(SIGKILL, w->signal);
    lab_bury(lab, w, SIGKILL);
    lab_end(lab);
}

static void test_start_takes_real_time(void) {
    begin("start_timeout: 30s");
    struct lab_worker *w = lab_worker(lab);
    (void)lab_expect(lab, w, REC_WELCOME);
    lab_advance(lab, 3600000);
    EXPECT_EQ_INT(0, w->signal);
    lab_seen(lab, w)->spawned_us -= (int64_t)30 * 1000000;
    lab_advance(lab, 30000);
    EXPECT_EQ_INT(SIGKILL, w->signal);
    lab_bury(lab, w, SIGKILL);
    EXPECT_EQ_INT(POOL_FAILED, lab->host->pools->items[0]->state);
    EXPECT_CONTAINS("not ready after start_timeout", lab->host->pools->items[0]->fault);
    lab_end(lab);
}

static void test_respawn(void) {
    begin("workers: 2");
    struct lab_worker *w = lab_ready_worker(lab);
    struct lab_worker *other = lab_ready_worker(lab);
    lab->refuse_spawn = true;
    lab_bury(lab, other, EXITED_3);
    lab_bury(lab, w, EXITED_3);
    for (int i = 0; i < 6; i++) {
        lab_advance(lab, 60000);
    }
    EXPECT_EQ_UINT(0, lab_live_workers(lab));
    EXPECT_CONTAINS("the lab starts no worker", lab->host->pools->items[0]->fault);
    lab->refuse_spawn = false;
    lab_advance(lab, 60000);
    EXPECT_EQ_UINT(2, lab_live_workers(lab));
    w = lab_ready_worker(lab);
    EXPECT_EQ_STR("", lab->host->pools->items[0]->fault);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    finish(w, 0, start(w, 0));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    lab_end(lab);
}

static void test_closed_socket(void) {
    begin("workers: 2");
    struct lab_worker *odd = lab_ready_worker(lab);
    struct lab_worker *w = lab_ready_worker(lab);
    odd->immortal = true;
    (void)close(odd->sock); // and lives on
    odd->sock = -1;
    lab_settle(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    finish(w, 0, start(w, 0)); // the other one is not waited for
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    lab_advance(lab, WORKER_KILL_AFTER_MS);
    EXPECT_EQ_INT(SIGKILL, odd->signal);
    lab_bury(lab, odd, SIGKILL);
    lab_end(lab);
}

static void test_death_before_end_of_stream(void) {
    begin(NULL);
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = start(w, 0);
    int sock = w->sock;
    w->sock = -1;
    lab_die(w, EXITED_3); // somebody else, a child of its perhaps, still holds the socket
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
    w->sock = sock;
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    EXPECT_TRUE(lab_seen(lab, w) != NULL);
    lab_advance(lab, WORKER_KILL_AFTER_MS);
    EXPECT_TRUE(lab_seen(lab, w) == NULL); // enough has been waited
    lab_end(lab);
}

static void test_host_dies(void) {
    begin("threads: 2");
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id committed = lab_submit(lab, LAB_SLOW);
    uint64_t slot = start(w, 0);
    lab_effect_child(w, slot, 4);
    lab_send_u32(w, REC_COMMIT, slot, 1);
    (void)lab_expect(lab, w, REC_COMMITTED);
    lab_effect_child(w, slot, 4);
    struct job_id ended = lab_submit(lab, LAB_FAST);
    lab_done(w, lab_expect_job(lab, w), JH_OK, JH_E_NONE); // unread when the host goes
    lab_shut(lab);
    lab_reopen(lab);
    w = lab_ready_worker(lab);
    lab_expect_state(lab, &committed, JOB_RUNNING);
    EXPECT_EQ_INT(1, lab_job(lab, &committed)->counters.lost);
    EXPECT_EQ_UINT(1, lab_job(lab, &committed)->child_count);
    for (int i = 0; i < 3; i++) { // both, and the child
        finish(w, 0, start(w, 0));
    }
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &committed));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &ended));
    lab_end(lab);
}

static const struct expect_test tests[] = {
    {"a job that succeeds", test_success},
    {"a start page that lies about time", test_page_of_a_liar},
    {"only what has begun is charged with a crash", test_unstarted_go_back},
    {"three crashes are a quarantine", test_quarantine},
    {"what a worker says last is heard", test_last_words},
    {"timeout, grace, SIGTERM, SIGKILL", test_timeout},
    {"a hung worker", test_hung},
    {"a start that hangs", test_start_takes_real_time},
    {"workers that cannot be started for a while", test_respawn},
    {"a worker that closes its socket and lives on", test_closed_socket},
    {"death is seen before the end of the stream", test_death_before_end_of_stream},
    {"the host dies", test_host_dies},
};
SUITE_MAIN("supervisor life", tests)
