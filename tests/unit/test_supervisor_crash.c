// What is known of a crash, and what follows from it: for the job, for its neighbours, for the plugin.
#include <errno.h>
#include <signal.h>

#include "expect.h"
#include "lab.h"
#include "supervisor/jobs.h"
#include "supervisor/pool_private.h"
#include "supervisor/ready.h"

enum { EXITED_3 = 3 << 8 };

static struct lab *lab;

static void begin(const char *plugin, const char *job) {
    static char more[256];
    (void)snprintf(more, sizeof more,
                   "jobs: {t.slow: {retry: {base: 10s, jitter: 0, max: 100}, deadline: 30d%s%s}}",
                   job == NULL ? "" : ", ", job == NULL ? "" : job);
    lab = lab_open(&(struct lab_options){.plugin = plugin, .more = more});
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

static struct pool *pool(void) {
    return lab->host->pools->items[0];
}

/* ---- the record ---- */

static void say(struct lab_worker *w, uint64_t slot, int number) {
    char text[32];
    (void)snprintf(text, sizeof text, "line %d", number);
    EXPECT_EQ_INT(0, msg_log_put(&w->out, slot, &(struct msg_log){JH_LOG_INFO, text}));
}

static void put_step(struct lab_worker *w, uint64_t slot, const char *name, uint32_t commit) {
    const struct msg_step m = {.name = name, .value = {.data = {"1", 1}}};
    EXPECT_EQ_INT(0, msg_step_put(&w->out, slot, &m));
    lab_flush(w);
    if (commit > 0) {
        lab_send_u32(w, REC_COMMIT, slot, commit);
        (void)lab_expect(lab, w, REC_COMMITTED);
    }
}

static void crash_at(struct lab_worker *w, uint64_t slot, uint64_t code) {
    uint8_t packet[MSG_CRASH_PACKET];
    msg_crash_packet(packet, slot,
                     &(struct msg_crash){.signal = SIGSEGV,
                                         .si_code = 1,
                                         .fault_address = 0x10,
                                         .program_counter = code,
                                         .rss = 123 << 10});
    lab_send_packet(w, packet, sizeof packet);
    lab_bury(lab, w, SIGSEGV);
}

static void test_record(void) {
    begin("threads: 2", NULL);
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = start(w, 0);
    put_step(w, slot, "first", 1);
    put_step(w, slot, "second", 2);
    put_step(w, slot, "not committed", 0);
    for (int i = 1; i <= CRASH_LOG_LINES + 2; i++) {
        say(w, slot, i);
    }
    lab_flush(w);
    crash_at(w, slot, 0x1234);
    const struct store_attempt *line = &lab_job(lab, &id)->history[0];
    EXPECT_CONTAINS("killed by signal 11 (SIGSEGV) at address 0x10 in t.so+0x234", line->message);
    EXPECT_EQ_INT(SIGSEGV, line->crash.signal);
    EXPECT_EQ_UINT(0x10, line->crash.address);
    EXPECT_EQ_STR("t.so+0x234", line->crash.code);
    EXPECT_NULL(line->crash.symbol); // t.so is no such file
    EXPECT_EQ_STR("second", line->crash.step);
    EXPECT_EQ_UINT(123 << 10, line->crash.rss);
    EXPECT_TRUE(strstr(line->crash.log, "line 2\n") == NULL);
    EXPECT_CONTAINS("line 3\n", line->crash.log);
    EXPECT_CONTAINS("line 12\n", line->crash.log);
    EXPECT_EQ_UINT(1, pool()->plugin->crash_log.count);
    const struct crash *kept = pool()->plugin->crash_log.items[0];
    EXPECT_EQ_INT(0, memcmp(&id, &kept->job, sizeof id));
    EXPECT_EQ_STR("t.slow", kept->type);
    EXPECT_EQ_STR("second", kept->step);
    EXPECT_EQ_STR(line->message, kept->message);
    EXPECT_EQ_STR(line->crash.log, kept->log);
    lab_advance(lab, 20000);
    w = lab_ready_worker(lab);
    finish(w, 0, start(w, 0));
    lab_end(lab);
}

// In other code than the plugin's own, without a job, and of one that says nothing.
static void test_record_of_little(void) {
    begin(NULL, NULL);
    struct lab_worker *w = lab_ready_worker(lab);
    crash_at(w, 0, 0x2000);
    const struct crash *kept = pool()->plugin->crash_log.items[0];
    EXPECT_EQ_STR("", kept->code);
    EXPECT_TRUE(id_is_zero(&kept->job));
    lab_advance(lab, 100);
    w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    (void)start(w, 0);
    lab_bury(lab, w, EXITED_3);
    const struct store_crash *crash = &lab_job(lab, &id)->history[0].crash;
    EXPECT_EQ_INT(0, crash->signal);
    EXPECT_NULL(crash->log);
    EXPECT_NULL(crash->step);
    EXPECT_EQ_INT(0, memcmp(&id, &pool()->plugin->crash_log.items[0]->job, sizeof id));
    EXPECT_EQ_UINT(2, pool()->plugin->crash_log.count);
    lab_advance(lab, 20000);
    w = lab_ready_worker(lab);
    finish(w, 0, start(w, 0));
    lab_end(lab);
}

// Long lines: as many whole ones as fit.
static void test_log_lines(void) {
    struct crash crash = {.pid = 1};
    struct job_spec spec = {.type = "t.slow"};
    char log[3000];
    memset(log, 'x', sizeof log);
    log[1000] = log[2010] = log[2999] = '\n';
    crash_of_job(&crash, &spec, NULL, (struct bytes){log, sizeof log});
    EXPECT_EQ_UINT(989, strlen(crash.log));
    EXPECT_EQ_STR("", crash.step);
    log[2010] = 'x';
    crash_of_job(&crash, &spec, "s", (struct bytes){log, sizeof log});
    EXPECT_EQ_STR("", crash.log); // the last one alone is too long
    crash_of_job(&crash, &spec, NULL, (struct bytes){log, CRASH_LOG_MAX});
    EXPECT_EQ_UINT(CRASH_LOG_MAX, strlen(crash.log)); // an end without a line's end
    crash_of_job(&crash, &spec, NULL, (struct bytes){log, CRASH_LOG_MAX + 1});
    EXPECT_EQ_UINT(CRASH_LOG_MAX - 1000, strlen(crash.log));
    crash_of_job(&crash, &spec, NULL, (struct bytes){log, 1000});
    EXPECT_EQ_UINT(1000, strlen(crash.log));
}

/* ---- suspects ---- */

static bool has_job(struct lab_worker *w) {
    struct record r;
    lab_settle(lab);
    while (lab_next(w, &r)) {
        if (r.h.type == REC_JOB) {
            return true;
        }
    }
    return false;
}

static enum ready_code readiness(void) {
    struct ready_report report;
    ready_report(lab->host, &report);
    return report.code;
}

// It waits for a worker with nothing in hand, one is left to run empty for it, and then it has that
// for itself.
static void test_suspects_run_alone(void) {
    begin("threads: 3, workers: 1", "timeout: 30d");
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id suspect = lab_submit(lab, LAB_SLOW);
    (void)start(w, 0);
    lab_bury(lab, w, EXITED_3);
    lab_advance(lab, 100);
    w = lab_ready_worker(lab);
    struct job_id before = lab_submit(lab, LAB_SLOW);
    uint64_t old = start(w, 0);
    lab_advance(lab, 10000); // the suspect is due
    EXPECT_FALSE(has_job(w));
    struct job_id after = lab_submit(lab, LAB_SLOW);
    EXPECT_FALSE(has_job(w)); // or its turn would never come
    EXPECT_EQ_INT(READY_YES, readiness());
    lab_advance(lab, 600000);
    EXPECT_EQ_INT(READY_YES, readiness()); // this is no standstill
    finish(w, 0, old);
    uint64_t slot = lab_expect_job(lab, w);
    lab_begin(lab, w, 0, slot);
    EXPECT_EQ_UINT(1, lab_seen(lab, w)->outstanding);
    EXPECT_FALSE(has_job(w));
    EXPECT_EQ_INT(READY_YES, readiness());
    lab_advance(lab, 600000);
    EXPECT_EQ_INT(READY_YES, readiness());
    finish(w, 0, slot);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &suspect));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &before));
    finish(w, 0, start(w, 0));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &after));
    lab_end(lab);
}

// Nobody knows whose exit() it was: each of them runs alone, one after the other.
static void test_suspects_one_at_a_time(void) {
    begin("threads: 2, workers: 1", NULL);
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id suspects[2] = {lab_submit(lab, LAB_SLOW), lab_submit(lab, LAB_SLOW)};
    (void)start(w, 0);
    (void)start(w, 1);
    lab_bury(lab, w, EXITED_3);
    lab_advance(lab, 200);
    w = lab_ready_worker(lab);
    lab_advance(lab, 10000);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ_INT(1, lab_job(lab, &suspects[i])->counters.crashes);
        uint64_t slot = start(w, 0);
        EXPECT_FALSE(has_job(w));
        finish(w, 0, slot);
    }
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &suspects[0]));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &suspects[1]));
    lab_end(lab);
}

// One worker is kept for a suspect, and the others go on.
static void test_others_go_on(void) {
    begin("threads: 2, workers: 2", NULL);
    struct lab_worker *w = lab_ready_worker(lab), *other = lab_ready_worker(lab);
    struct job_id suspect = lab_submit(lab, LAB_SLOW);
    (void)start(w, 0);
    lab_bury(lab, w, EXITED_3);
    lab_advance(lab, 200);
    w = lab_ready_worker(lab);
    for (int i = 0; i < 3; i++) { // two for one of them, and one for the other
        (void)lab_submit(lab, LAB_SLOW);
    }
    lab_settle(lab);
    struct lab_worker *least = lab_seen(lab, w)->outstanding == 1 ? w : other;
    struct lab_worker *most = least == w ? other : w;
    EXPECT_EQ_UINT(2, lab_seen(lab, most)->outstanding);
    uint64_t lone = start(least, 0), first = start(most, 0), second = start(most, 1);
    lab_advance(lab, 10000);
    (void)lab_submit(lab, LAB_SLOW);
    EXPECT_FALSE(has_job(least));
    finish(most, 0, first);
    uint64_t third = start(most, 0);
    finish(least, 0, lone);
    finish(least, 0, start(least, 0));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &suspect));
    finish(most, 0, third);
    finish(most, 1, second);
    lab_end(lab);
}

/* ---- quarantine ---- */

// Kept in by the build that put it there, let out by another.
static void test_quarantine_by_build(void) {
    begin("workers: 1", "max_crashes: 2");
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    for (int i = 1; i <= 2; i++) {
        (void)start(w, 0);
        lab_bury(lab, w, EXITED_3);
        EXPECT_EQ_INT(i == 2 ? JOB_DEAD : JOB_SCHEDULED, lab_state(lab, &id));
        lab_advance(lab, 60000);
        w = lab_ready_worker(lab);
    }
    EXPECT_EQ_STR("quarantined", lab_job(lab, &id)->error.code);
    char build[48];
    (void)snprintf(build, sizeof build, "%s", lab_job(lab, &id)->build);
    EXPECT_EQ_STR(pool()->build, build);
    lab_shut(lab);
    lab_reopen(lab); // the same build
    w = lab_ready_worker(lab);
    lab_advance(lab, 5000);
    EXPECT_EQ_INT(JOB_DEAD, lab_state(lab, &id));
    lab_shut(lab);
    lab_change_plugin(lab, "other code");
    lab_reopen(lab);
    w = lab_ready_worker(lab);
    EXPECT_EQ_INT(JOB_DEAD, lab_state(lab, &id)); // not in one moment with the start
    lab_advance(lab, 1000);
    lab_settle(lab);
    (void)start(w, 0);
    lab_bury(lab, w, EXITED_3);
    EXPECT_EQ_INT(1, lab_job(lab, &id)->counters.crashes); // counted anew
    EXPECT_EQ_INT(JOB_SCHEDULED, lab_state(lab, &id));
    EXPECT_FALSE(strcmp(build, lab_job(lab, &id)->build) == 0);
    lab_advance(lab, 20000);
    w = lab_ready_worker(lab);
    finish(w, 0, start(w, 0));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    lab_end(lab);
}

// What a job did under old code is not held against it under new.
static void test_crashes_by_build(void) {
    begin("workers: 1", "max_crashes: 2");
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    (void)start(w, 0);
    lab_bury(lab, w, EXITED_3);
    lab_shut(lab);
    lab_change_plugin(lab, "other code");
    lab_reopen(lab);
    for (int i = 1; i <= 2; i++) {
        w = lab_ready_worker(lab);
        lab_advance(lab, 60000);
        (void)start(w, 0);
        lab_bury(lab, w, EXITED_3);
        EXPECT_EQ_INT(i, lab_job(lab, &id)->counters.crashes);
        EXPECT_EQ_INT(i == 2 ? JOB_DEAD : JOB_SCHEDULED, lab_state(lab, &id));
        lab_advance(lab, 1000);
    }
    (void)lab_ready_worker(lab);
    lab_end(lab);
}

/* ---- the plugin's breaker ---- */

static enum plugin_breaker_state breaker(void) {
    struct breaker_info info;
    struct ready_report report;
    pool_breaker_info(pool(), &info);
    ready_report(lab->host, &report);
    EXPECT_EQ_STR(info.detail, report.note);
    EXPECT_EQ_INT(READY_YES, report.code);
    return info.state;
}

static bool waits_for_breaker(const struct job_id *id) {
    struct reason reasons[REASON_COUNT];
    bool found = false;
    unsigned n = jobs_explain(lab->host, lab_job(lab, id), &(struct jobs_awaited){.open = 0}, NULL,
                              reasons, REASON_COUNT);
    for (unsigned i = 0; i < n; i++) {
        found = found || reasons[i].code == REASON_BREAKER;
    }
    return found;
}

static struct lab_worker *crash_next(struct lab_worker *w) {
    (void)start(w, 0);
    lab_bury(lab, w, EXITED_3);
    lab_advance(lab, 1000);
    return lab_ready_worker(lab);
}

// Two jobs crash: nothing starts for the pause, then one at a time, until one returns.
static void test_breaker(void) {
    begin("workers: 1, threads: 2, crash_breaker: {jobs: 2, pause: 5m, max_pause: 8m}", NULL);
    struct job_id bad[2] = {lab_submit(lab, LAB_SLOW)};
    struct lab_worker *w = crash_next(lab_ready_worker(lab));
    EXPECT_EQ_INT(BREAKER_CLOSED, breaker());
    bad[1] = lab_submit(lab, LAB_SLOW);
    w = crash_next(w);
    EXPECT_EQ_INT(BREAKER_OPEN, breaker());
    struct job_id good[2] = {lab_submit(lab, LAB_FAST), lab_submit(lab, LAB_FAST)};
    EXPECT_FALSE(has_job(w));
    EXPECT_EQ_INT(JOB_QUEUED, lab_state(lab, &good[0]));
    EXPECT_TRUE(waits_for_breaker(&good[0]));
    lab_advance(lab, 290000);
    EXPECT_EQ_INT(BREAKER_OPEN, breaker());
    EXPECT_FALSE(has_job(w));
    lab_advance(lab, 10000);
    EXPECT_EQ_INT(BREAKER_PROBING, breaker());
    uint64_t slot = start(w, 0);
    EXPECT_FALSE(has_job(w)); // the probe alone
    EXPECT_TRUE(waits_for_breaker(&good[1]));
    lab_bury(lab, w, EXITED_3); // for a longer time
    lab_advance(lab, 470000);
    w = lab_ready_worker(lab);
    EXPECT_EQ_INT(BREAKER_OPEN, breaker());
    EXPECT_FALSE(has_job(w));
    lab_advance(lab, 10000);
    slot = start(w, 0);
    finish(w, 0, slot);
    EXPECT_EQ_INT(BREAKER_CLOSED, breaker());
    for (int i = 0; i < 3; i++) {
        finish(w, 0, start(w, 0));
    }
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &bad[i]));
        EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &good[i]));
    }
    lab_end(lab);
}

/* ---- hangs ---- */

// Whatever is heard of it counts; silence ends it as a timeout would, and is charged as a crash.
static void test_stall(void) {
    begin("grace: 3s", "stall: 5s, timeout: 1d");
    struct lab_worker *w = lab_ready_worker(lab);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = start(w, 0);
    for (int i = 0; i < 4; i++) {
        lab_advance(lab, 4900);
        EXPECT_EQ_UINT(0, attempt_find(lab->host, &id)->cancel_mask);
        switch (i) {
        case 0: say(w, slot, 1); break;
        case 1:
            EXPECT_EQ_INT(0, msg_progress_put(&w->out, slot, &(struct msg_progress){1, 2, 0}));
            break;
        case 2: put_step(w, slot, "s", 1); break;
        default: lab_effect_kv(w, slot, "a", "b"); break;
        }
        lab_flush(w);
        lab_settle(lab);
    }
    lab_advance(lab, 4999);
    EXPECT_EQ_UINT(0, attempt_find(lab->host, &id)->cancel_mask);
    lab_advance(lab, 1);
    struct record r = lab_expect(lab, w, REC_CANCEL);
    EXPECT_EQ_UINT(JH_CANCEL_DEADLINE, record_get_u32(&r));
    lab_begin(lab, w, 0, 0);
    lab_done(w, slot, JH_YIELD, JH_E_NONE);
    lab_settle(lab);
    const struct store_job *job = lab_job(lab, &id);
    EXPECT_EQ_INT(JOB_SCHEDULED, job->state);
    EXPECT_EQ_INT(JH_E_BUG, job->error.cls);
    EXPECT_EQ_STR("stalled", job->error.code);
    EXPECT_EQ_STR("it said nothing for too long", job->error.message);
    EXPECT_EQ_INT(1, job->counters.crashes);
    EXPECT_EQ_INT(0, job->counters.attempts);
    lab_advance(lab, 20000);
    w->immortal = true; // does not stop: TERM, KILL
    (void)start(w, 0);
    lab_advance(lab, 5000);
    lab_advance(lab, 3000);
    EXPECT_EQ_INT(SIGTERM, w->signal);
    lab_advance(lab, 2000);
    EXPECT_EQ_INT(SIGKILL, w->signal);
    lab_bury(lab, w, SIGKILL);
    job = lab_job(lab, &id);
    EXPECT_EQ_STR("stalled", job->error.code);
    EXPECT_CONTAINS("said nothing for 5000 ms", job->error.message);
    EXPECT_EQ_INT(2, job->counters.crashes);
    lab_advance(lab, 30000);
    w = lab_ready_worker(lab);
    finish(w, 0, start(w, 0));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    lab_end(lab);
}

static const struct expect_test tests[] = {
    {"all that is known of a crash", test_record},
    {"a crash of which little is known", test_record_of_little},
    {"the last lines of a log", test_log_lines},
    {"a suspect runs in a worker of its own", test_suspects_run_alone},
    {"suspects run one after the other", test_suspects_one_at_a_time},
    {"the others go on beside a suspect", test_others_go_on},
    {"a new build lets jobs out of quarantine", test_quarantine_by_build},
    {"crashes are counted by build", test_crashes_by_build},
    {"a plugin that crashes on many jobs is left alone", test_breaker},
    {"a run that says nothing hangs", test_stall},
};
SUITE_MAIN("supervisor_crash", tests)
