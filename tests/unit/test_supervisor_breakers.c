// Breakers of scopes on their way through the supervisor: what opens one, who is held back, who tries it, who is told.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/evaluate.h"
#include "expect.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "supervisor/attempt.h"
#include "supervisor/breakers.h"
#include "supervisor/jobs.h"

enum { MINUTE = 60000 };

static struct lab *lab;
static struct lab_worker *w;

#define RETRY  "retry: {backoff: fixed, base: 1s, jitter: 0, max: 20}"
#define POLICY "jobs: {t.slow: {" RETRY "}}\n"

static void begin_with(unsigned threads, const char *more) {
    static char plugin[64];
    (void)snprintf(plugin, sizeof plugin, "workers: 1, threads: %u", threads);
    lab = lab_open(
        &(struct lab_options){.plugin = plugin, .more = more, .breakers = true, .faulty = true});
    w = lab_ready_worker(lab);
}

static void begin(unsigned threads) {
    begin_with(threads, POLICY);
}

static void no_news(struct store_op *op) {
    (void)op;
}

static struct job_id submit_of(enum lab_handler handler, const char *tenant) {
    struct job_spec spec = {.queue = "t",
                            .type = lab_handlers[handler],
                            .tenant = tenant,
                            .timeout_ms = 300000,
                            .priority = PRIORITY_NORMAL};
    spec.id = id_next(&lab->host->ids, lab_wall_ms(lab));
    struct store_submit_item item = {.spec = &spec};
    struct store_submit op = {.op = {.done = no_news}, .items = &item, .count = 1};
    jobs_submit(lab->host, &op);
    lab_settle(lab);
    store_op_finish(&op.op);
    return spec.id;
}

static struct job_id submit_as(const char *tenant) {
    return submit_of(LAB_SLOW, tenant);
}

// Begins up to `count` jobs, on the threads from `thread` on: how many there were.
static unsigned start_from(unsigned thread, uint64_t *slots, unsigned count) {
    unsigned started = 0;
    struct record r;
    lab_settle(lab);
    while (started < count && lab_next(w, &r)) {
        if (r.h.type == REC_JOB) {
            lab_begin(lab, w, thread + started, r.h.job);
            slots[started++] = r.h.job;
        }
    }
    return started;
}

static void end_as(unsigned thread, uint64_t slot, struct msg_done m) {
    m.run_us = 1000;
    EXPECT_EQ_INT(0, msg_done_put(&w->out, slot, &m));
    lab_flush(w);
    lab_begin(lab, w, thread, 0);
    lab_settle(lab);
}

static void fail_as(unsigned thread, uint64_t slot, jh_class cls, const char *scope) {
    end_as(thread, slot, (struct msg_done){.status = JH_RETRY, .cls = cls, .scope = scope});
}

static void succeed(unsigned thread, uint64_t slot) {
    end_as(thread, slot, (struct msg_done){.status = JH_OK});
}

static const struct reason *explain(const struct job_id *id) {
    static struct reason reasons[REASON_COUNT];
    static const struct jobs_awaited none;
    unsigned n = jobs_explain(lab->host, lab_job(lab, id), &none, NULL, reasons, REASON_COUNT);
    for (unsigned i = 0; i < n; i++) {
        if (reasons[i].code == REASON_SCOPE_BREAKER) {
            return &reasons[i];
        }
    }
    reasons[0] = (struct reason){.code = REASON_COUNT};
    return &reasons[0];
}

static void expect_counts(unsigned open, unsigned half_open, unsigned opened) {
    struct breakers_counts c;
    breakers_count(lab->host, &c);
    EXPECT_EQ_UINT(open, c.open);
    EXPECT_EQ_UINT(half_open, c.half_open);
    EXPECT_EQ_UINT(opened, c.opened);
}

// What waits is begun, one after the other.
static void finish_all(unsigned count) {
    uint64_t slot = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!EXPECT_EQ_UINT(1, start_from(0, &slot, 1))) {
            return;
        }
        succeed(0, slot);
    }
}

// Those that fail together are one failure; then nobody starts, one tries, and all go on.
static void test_handler(void) {
    uint64_t slots[4] = {0}, fast = 0;
    begin(4);
    for (int i = 0; i < 4; i++) {
        (void)lab_submit(lab, LAB_SLOW);
    }
    EXPECT_EQ_UINT(4, start_from(0, slots, 4));
    uint64_t told = lab->posted_of[STORE_BREAKER];
    int64_t at = lab_wall_ms(lab);
    for (unsigned i = 0; i < 4; i++) {
        fail_as(i, slots[i], JH_E_NETWORK, NULL);
    }
    expect_counts(1, 0, 1);
    EXPECT_EQ_UINT(told + 1, lab->posted_of[STORE_BREAKER]);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_QUEUED, lab_state(lab, &id));
    const struct reason *why = explain(&id);
    EXPECT_CONTAINS("\"network:t:t.slow\" is open until", why->detail);
    EXPECT_EQ_INT(at + 10 * MINUTE, why->clears_at_ms);
    (void)lab_submit(lab, LAB_FAST); // another handler's go on
    EXPECT_EQ_UINT(1, start_from(0, &fast, 1));
    succeed(0, fast);
    lab_advance(lab, 9 * MINUTE);
    EXPECT_EQ_UINT(0, start_from(0, slots, 4));
    lab_advance(lab, MINUTE);
    EXPECT_EQ_UINT(1, start_from(0, slots, 4)); // the probe
    expect_counts(0, 1, 1);
    succeed(0, slots[0]);
    expect_counts(0, 0, 1);
    finish_all(4);
    lab_end(lab);
}

static void test_doubles(void) {
    static const int64_t minutes[] = {10, 20, 40, 60, 60};
    uint64_t slot = 0;
    begin(2);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    (void)lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_UPSTREAM, NULL);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1)); // it was under way
    fail_as(0, slot, JH_E_TIMEOUT, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(minutes); i++) {
        expect_counts(1, 0, i + 1);
        lab_advance(lab, minutes[i] * MINUTE - 1000);
        EXPECT_EQ_UINT(0, start_from(0, &slot, 1));
        lab_advance(lab, 1000);
        EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
        if (i + 1 < ARRAY_LEN(minutes)) {
            fail_as(0, slot, JH_E_NETWORK, NULL);
        }
    }
    succeed(0, slot);
    finish_all(1);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    lab_end(lab);
}

// One user's credentials are no other's; who failed waits for the breaker, and so do his other jobs.
static void test_auth(void) {
    uint64_t slot = 0;
    begin(1);
    struct job_id failed = submit_as("ann");
    int64_t at = lab_wall_ms(lab);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_AUTH, "user:ann");
    EXPECT_EQ_INT(JOB_SCHEDULED, lab_state(lab, &failed));
    EXPECT_EQ_INT(at + 30 * MINUTE, lab_job(lab, &failed)->spec.run_at_ms);
    struct job_id other = submit_as("ann"), bob = submit_as("bob");
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    succeed(0, slot);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &bob));
    const struct store_job *job = lab_job(lab, &other);
    EXPECT_EQ_INT(JOB_PARKED, job->state);
    EXPECT_EQ_INT(PARK_BREAKER, job->park);
    EXPECT_EQ_STR("auth:t:user:ann", job->wait_key);
    EXPECT_EQ_INT(at + 30 * MINUTE, job->spec.run_at_ms);
    EXPECT_EQ_INT(0, job->counters.attempts + job->counters.yields + job->counters.executions);
    EXPECT_EQ_INT(at + 30 * MINUTE, explain(&other)->clears_at_ms);
    lab_advance(lab, 30 * MINUTE); // one of the two tries it, the other waits for that
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    succeed(0, slot);
    finish_all(1); // woken at once
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &failed));
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &other));
    lab_end(lab);
}

// A scope of neither type nor tenant holds back the job that has named it, and no other.
static void test_scope(void) {
    uint64_t slot = 0;
    begin(1);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_UNKNOWN, "site:a b");
    (void)lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    succeed(0, slot);
    lab_advance(lab, 1000); // its back-off
    EXPECT_EQ_INT(JOB_PARKED, lab_state(lab, &id));
    EXPECT_EQ_STR("unknown:t:site:a b", lab_job(lab, &id)->wait_key);
    EXPECT_EQ_INT(1, lab_job(lab, &id)->counters.attempts);
    lab_advance(lab, 20 * MINUTE);
    finish_all(1);
    expect_counts(0, 0, 1);
    lab_end(lab);
}

// The state outlives the host; where the probe dies with it, the next may go at the end of its lease.
static void test_restart(void) {
    uint64_t slot = 0;
    begin(1);
    (void)lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_NETWORK, NULL);
    lab_shut(lab);
    lab_reopen(lab);
    w = lab_ready_worker(lab);
    lab_settle(lab);
    expect_counts(1, 0, 0);
    (void)lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(0, start_from(0, &slot, 1));
    lab_advance(lab, 10 * MINUTE);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    lab_shut(lab); // its host dies: its lease is that of the job, and a minute
    lab_reopen(lab);
    w = lab_ready_worker(lab);
    lab_settle(lab);
    EXPECT_EQ_UINT(0, start_from(0, &slot, 1));
    lab_advance(lab, 6 * MINUTE);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    succeed(0, slot);
    finish_all(1);
    expect_counts(0, 0, 0);
    lab_end(lab);
}

// A probe that takes its worker with it says nothing of the other side.
static void test_crash(void) {
    uint64_t slot = 0;
    begin(1);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_NETWORK, NULL);
    lab_advance(lab, 10 * MINUTE);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    lab_bury(lab, w, SIGSEGV);
    lab_settle(lab);
    expect_counts(0, 1, 1);
    lab_advance(lab, MINUTE);
    w = lab_ready_worker(lab);
    finish_all(1);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    expect_counts(0, 0, 1);
    lab_end(lab);
}

// What the host has stopped, or what gave no class, opens none.
static void test_no_word(void) {
    uint64_t slot = 0;
    begin(1);
    (void)lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_NONE, NULL);
    lab_advance(lab, 1000);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    end_as(0, slot, (struct msg_done){.status = JH_RETRY, .cls = JH_E_RESOURCE});
    expect_counts(0, 0, 0);
    EXPECT_EQ_UINT(0, lab->posted_of[STORE_BREAKER]);
    lab_advance(lab, 10 * MINUTE);
    finish_all(1);
    lab_end(lab);
}

// One job tries both of a handler's at once: it is the probe of the first when it asks for the second.
static void test_two(void) {
    uint64_t slots[2] = {0};
    begin(2);
    (void)lab_submit(lab, LAB_SLOW);
    (void)lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(2, start_from(0, slots, 2));
    fail_as(0, slots[0], JH_E_NETWORK, NULL);
    fail_as(1, slots[1], JH_E_UNKNOWN, NULL);
    expect_counts(2, 0, 2);
    lab_advance(lab, 10 * MINUTE);
    expect_counts(1, 1, 2);
    EXPECT_EQ_UINT(0, start_from(0, slots, 2));
    lab_advance(lab, 10 * MINUTE);
    EXPECT_EQ_UINT(1, start_from(0, slots, 2));
    expect_counts(0, 2, 2);
    succeed(0, slots[0]);
    expect_counts(0, 0, 2);
    finish_all(1);
    lab_end(lab);
}

// Three in a row: one that succeeds in between begins the count anew, and costs one word to the store.
static void test_count(void) {
    uint64_t slot = 0;
    begin_with(1, POLICY "breakers: {network: {failures: 3}}\n");
    (void)lab_submit(lab, LAB_SLOW);
    (void)lab_submit(lab, LAB_SLOW);
    for (int i = 0; i < 2; i++) {
        EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
        fail_as(0, slot, JH_E_NETWORK, NULL);
    }
    expect_counts(0, 0, 0);
    uint64_t told = lab->posted_of[STORE_BREAKER];
    (void)lab_submit(lab, LAB_SLOW);
    (void)lab_submit(lab, LAB_SLOW);
    finish_all(2);
    EXPECT_EQ_UINT(told + 1, lab->posted_of[STORE_BREAKER]);
    for (int i = 0; i < 3; i++) {
        expect_counts(0, 0, 0);
        lab_advance(lab, 1000);
        EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
        fail_as(0, slot, JH_E_NETWORK, NULL);
    }
    expect_counts(1, 0, 1);
    lab_advance(lab, 10 * MINUTE);
    finish_all(2);
    expect_counts(0, 0, 1);
    lab_end(lab);
}

// Switched off for a type or a queue: back-offs are all there is, and others of its tenant hold back none of its jobs.
static void test_off(const char *more) {
    uint64_t slot = 0;
    begin_with(1, more);
    struct job_id id = submit_as("ann");
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_AUTH, "user:ann");
    EXPECT_EQ_UINT(0, lab->posted_of[STORE_BREAKER]);
    EXPECT_EQ_INT(lab_wall_ms(lab) + 1000, lab_job(lab, &id)->spec.run_at_ms);
    lab_advance(lab, 1000);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_NETWORK, NULL);
    lab_advance(lab, 1000);
    finish_all(1);
    EXPECT_EQ_UINT(0, lab->posted_of[STORE_BREAKER]);
    lab_end(lab);
}

static void test_off_of_type(void) {
    test_off("jobs: {t.slow: {breakers: false, " RETRY "}}\n");
}

static void test_off_of_queue(void) {
    test_off(POLICY "queues: {t: {breakers: false}}\n");
}

static void test_off_of_one(void) {
    uint64_t slot = 0;
    begin_with(1, "jobs: {t.slow: {" RETRY "}, t.fast: {breakers: false}}\n");
    (void)submit_as("ann");
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_AUTH, "user:ann");
    expect_counts(1, 0, 1);
    (void)submit_as("ann"); // held back
    EXPECT_EQ_UINT(0, start_from(0, &slot, 1));
    struct job_id fast = submit_of(LAB_FAST, "ann");
    finish_all(1);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &fast));
    lab_advance(lab, 30 * MINUTE);
    finish_all(2);
    lab_end(lab);
}

// A probe whose end says nothing leaves its place to the next one at once, not when its lease would be over.
static void test_abandoned(void) {
    uint64_t slot = 0;
    begin(2);
    struct job_id failed = submit_as("ann");
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_AUTH, "user:ann");
    struct job_id others[2] = {submit_as("ann"), submit_as("ann")};
    lab_advance(lab, 30 * MINUTE);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    end_as(0, slot, (struct msg_done){.status = JH_FAIL, .cls = JH_E_INPUT});
    expect_counts(0, 1, 1);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1)); // of those that were parked meanwhile
    EXPECT_EQ_UINT(0, start_from(1, &slot, 1));
    succeed(0, slot);
    expect_counts(0, 0, 1);
    finish_all(1);
    unsigned succeeded = 0;
    for (unsigned i = 0; i < 2; i++) {
        succeeded += lab_state(lab, &others[i]) == JOB_SUCCEEDED;
    }
    succeeded += lab_state(lab, &failed) == JOB_SUCCEEDED;
    EXPECT_EQ_UINT(2, succeeded);
    lab_end(lab);
}

// Where the store has no room for one more nobody is held back, and it is not asked again for a minute.
static void test_full(void) {
    uint64_t slot = 0;
    begin(1);
    struct faulty_plan *plan = faulty_plan_of(&lab->store);
    faulty_add(plan, (struct faulty_rule){
                         .kind = STORE_BREAKER, .effect = FAULTY_BEFORE, .code = -EDQUOT});
    (void)lab_submit(lab, LAB_SLOW);
    uint64_t told = lab->posted_of[STORE_BREAKER];
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
        fail_as(0, slot, JH_E_NETWORK, NULL);
        expect_counts(0, 0, 0);
        EXPECT_EQ_UINT(told + 1, lab->posted_of[STORE_BREAKER]);
        lab_advance(lab, 1000);
    }
    plan->count = 0;
    lab_advance(lab, MINUTE);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_NETWORK, NULL);
    expect_counts(1, 0, 1);
    lab_advance(lab, 10 * MINUTE);
    finish_all(1);
    lab_end(lab);
}

static bool is_asking(struct lab *l, void *arg) {
    return l->posted_of[STORE_BREAKER] > *(const uint64_t *)arg;
}

// A job that waits for the store's word on a breaker is nowhere else: it can be cancelled all the same.
static void test_cancel(void) {
    uint64_t slot = 0;
    begin(1);
    struct job_id id = lab_submit(lab, LAB_SLOW);
    EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
    fail_as(0, slot, JH_E_NETWORK, NULL);
    uint64_t told = lab->posted_of[STORE_BREAKER];
    struct faulty_plan *plan = faulty_plan_of(&lab->store);
    faulty_add(plan,
               (struct faulty_rule){.kind = STORE_BREAKER, .effect = FAULTY_DELAY, .delay_ms = 50});
    __atomic_fetch_add(&lab->clock.base_test_ms, 10 * MINUTE, __ATOMIC_RELAXED);
    timers_look(lab->host->timers);
    lab_until(lab, is_asking, &told, "a job asks whether it may try it");
    struct attempt *a = attempt_find(lab->host, &id);
    if (EXPECT_TRUE(a != NULL)) {
        attempt_cancel_by_user(a);
    }
    lab_settle(lab);
    plan->count = 0;
    EXPECT_EQ_INT(JOB_CANCELLED, lab_state(lab, &id));
    (void)lab_submit(lab, LAB_SLOW); // it may try it at once
    finish_all(1);
    expect_counts(0, 0, 1);
    lab_end(lab);
}

static void on_direct(struct store_op *op) {
    *(bool *)op->arg = true;
}

static bool is_over(struct lab *l, void *arg) {
    (void)l;
    return *(bool *)arg;
}

// It is closed by somebody who dies before he tells those that are parked.
static void close_and_die(const char *name) {
    static bool over;
    over = false;
    struct store_breaker op = {
        .op = {.kind = STORE_BREAKER, .done = on_direct, .arg = &over, .now_ms = lab_wall_ms(lab)},
        .verb = STORE_BREAKER_RESET,
        .name = name};
    store_post(&lab->host->store, &op.op);
    lab_until(lab, is_over, &over, "it is closed");
    EXPECT_TRUE(op.changed);
    store_op_finish(&op.op);
}

// Who is parked for one that has closed goes on, though the host that closed it could not tell anybody.
static void test_closed_in_silence(void) {
    static const char name[] = "auth:t:user:ann";
    uint64_t slot = 0;
    for (int restarts = 0; restarts < 2; restarts++) {
        begin(1);
        struct job_id failed = submit_as("ann");
        EXPECT_EQ_UINT(1, start_from(0, &slot, 1));
        fail_as(0, slot, JH_E_AUTH, "user:ann");
        struct job_id id = submit_as("ann");
        lab_settle(lab);
        EXPECT_EQ_INT(JOB_PARKED, lab_state(lab, &id));
        if (restarts) { // at its next start
            close_and_die(name);
            lab_shut(lab);
            lab_reopen(lab);
            w = lab_ready_worker(lab);
        } else { // another host, which has parked none itself
            lab_shut(lab);
            lab_reopen(lab);
            w = lab_ready_worker(lab);
            expect_counts(1, 0, 0);
            close_and_die(name);
            breakers_news(lab->host, name);
        }
        lab_settle(lab);
        finish_all(1);
        EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
        lab_advance(lab, 30 * MINUTE);
        finish_all(1);
        EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &failed));
        lab_end(lab);
    }
}

static const struct expect_test tests[] = {
    {"a handler's breaker holds back its lane", test_handler},
    {"it doubles up to its cap", test_doubles},
    {"credentials of one user", test_auth},
    {"a scope that only the job knows", test_scope},
    {"breakers outlive the host", test_restart},
    {"a probe that crashes", test_crash},
    {"failures that say nothing", test_no_word},
    {"two breakers of one handler", test_two},
    {"cancelled while it asks", test_cancel},
    {"more than one failure opens it", test_count},
    {"a probe whose end says nothing", test_abandoned},
    {"closed by one who has died", test_closed_in_silence},
    {"no room for one more", test_full},
    {"off for a type", test_off_of_type},
    {"off for a queue", test_off_of_queue},
    {"off for one type of two", test_off_of_one},
};
SUITE_MAIN("supervisor breakers", tests)
