// What an attempt asked for and how it ended, on the way into a store that may refuse it.
#include <errno.h>
#include <signal.h>

#include "expect.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "supervisor/commits.h"

static struct lab *lab;
static struct lab_worker *w;

static void begin(const struct lab_options *options) {
    lab = lab_open(options);
    w = lab_ready_worker(lab);
}

static void finish(uint64_t slot, int32_t status, int32_t cls) {
    lab_done(w, slot, status, cls);
    lab_begin(lab, w, 0, 0);
    lab_settle(lab);
}

static int32_t commit(uint64_t slot, uint32_t number) {
    struct msg_committed m;
    lab_send_u32(w, REC_COMMIT, slot, number);
    struct record r = lab_expect(lab, w, REC_COMMITTED);
    EXPECT_EQ_INT(0, msg_committed_get(&r, &m));
    EXPECT_EQ_UINT(number, m.commit_no);
    return m.status;
}

static const char *over_budget(void) {
    static char text[1100];
    memset(text, 'x', sizeof text - 1);
    return text;
}

static void test_refused_commit(void) {
    begin(&(struct lab_options){.store = "budget: {kv: 1KiB}"});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    lab_effect_kv(w, slot, "a", "small enough");
    EXPECT_EQ_INT(0, commit(slot, 1));
    lab_effect_kv(w, slot, "b", over_budget());
    EXPECT_EQ_INT(-EDQUOT, commit(slot, 2));
    lab_effect_kv(w, slot, "c", "small");
    EXPECT_EQ_INT(0, commit(slot, 2));
    finish(slot, JH_RETRY, JH_E_NETWORK);
    EXPECT_EQ_INT(JOB_SCHEDULED, lab_state(lab, &id));
    lab_end(lab);
}

static void test_refused_end(void) {
    begin(&(struct lab_options){.store = "budget: {kv: 1KiB}"});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    lab_effect_kv(w, slot, "b", over_budget());
    finish(slot, JH_OK, JH_E_NONE);
    const struct store_job *job = lab_job(lab, &id);
    EXPECT_EQ_INT(JOB_SCHEDULED, job->state);
    EXPECT_EQ_INT(JH_E_RESOURCE, job->error.cls);
    EXPECT_EQ_STR("store_refused", job->error.code);
    lab_end(lab);
}

static void test_failure_asks_for_nothing(void) {
    begin(&(struct lab_options){.plugin = NULL});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    lab_effect_child(w, slot, 10);
    finish(slot, JH_RETRY, JH_E_NETWORK);
    const struct store_job *job = lab_job(lab, &id);
    EXPECT_EQ_INT(JOB_SCHEDULED, job->state);
    EXPECT_EQ_UINT(0, job->child_count);
    lab_end(lab);
}

static void test_yield_commits(void) {
    begin(&(struct lab_options){.plugin = NULL});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    lab_effect_child(w, slot, 10);
    const struct msg_done m = {.status = JH_YIELD, .wait_kind = JH_WAIT_CHILDREN, .run_us = 1000};
    EXPECT_EQ_INT(0, msg_done_put(&w->out, slot, &m));
    lab_flush(w);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_PARKED, lab_state(lab, &id));
    EXPECT_EQ_UINT(1, lab_job(lab, &id)->child_count);
    finish(lab_start(lab, w), JH_OK, JH_E_NONE);
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id)); // nobody is left that it waited for
    finish(lab_start(lab, w), JH_OK, JH_E_NONE);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    lab_end(lab);
}

static void test_large_child(void) {
    begin(&(struct lab_options){.more = "queues: {t: {max_payload: 1KiB}}"});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    lab_effect_child(w, slot, 1024);
    lab_effect_child(w, slot, 1025);
    EXPECT_EQ_INT(-EFBIG, commit(slot, 1));
    EXPECT_EQ_INT(0, w->signal);
    finish(slot, JH_OK, JH_E_NONE);
    const struct store_job *job = lab_job(lab, &id);
    EXPECT_EQ_INT(JOB_SUCCEEDED, job->state);
    EXPECT_EQ_UINT(0, job->child_count);

    id = lab_submit(lab, LAB_SLOW);
    slot = lab_start(lab, w);
    lab_effect_child(w, slot, 1025);
    finish(slot, JH_OK, JH_E_NONE);
    job = lab_job(lab, &id);
    EXPECT_EQ_INT(JOB_DEAD, job->state);
    EXPECT_EQ_STR("child_too_large", job->error.code);
    EXPECT_CONTAINS("queues.t.max_payload", job->error.message);
    lab_end(lab);
}

/* The next `times` operations of this kind are answered with `code`; 0 = all. */
static void refuse(enum store_op_kind kind, int code, uint32_t times) {
    faulty_add(faulty_plan_of(&lab->store),
               (struct faulty_rule){
                   .kind = (int)kind, .effect = FAULTY_BEFORE, .code = code, .times = times});
}

static void test_unwell_store(void) {
    enum { JOBS = 5 };
    begin(&(struct lab_options){.faulty = true, .plugin = "threads: 5"});
    struct job_id ids[JOBS];
    uint64_t slots[JOBS];
    for (int i = 0; i < JOBS; i++) {
        ids[i] = lab_submit(lab, LAB_SLOW);
        slots[i] = lab_expect_job(lab, w);
    }
    refuse(STORE_COMMIT, -EROFS, JOBS + 2);
    for (int i = 0; i < JOBS; i++) { // a batch each, in flight together
        lab_done(w, slots[i], JH_OK, JH_E_NONE);
        lab_turn(lab);
    }
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &ids[0]));
    for (int i = 0; i < 8; i++) {
        lab_advance(lab, 1000);
    }
    for (int i = 0; i < JOBS; i++) {
        EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &ids[i]));
    }
    lab_end(lab);
}

// Done, or half done, when the store answers that it failed: repeating changes nothing.
static void test_undecided_commit(void) {
    begin(&(struct lab_options){.faulty = true});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    faulty_add(faulty_plan_of(&lab->store),
               (struct faulty_rule){
                   .kind = STORE_COMMIT, .effect = FAULTY_AFTER, .code = -ETIMEDOUT, .times = 2});
    lab_effect_child(w, slot, 8);
    lab_send_u32(w, REC_COMMIT, slot, 1);
    lab_settle(lab);
    lab_advance_outside(lab, 1000);
    lab_advance_outside(lab, 1000);
    (void)lab_expect(lab, w, REC_COMMITTED);
    finish(slot, JH_OK, JH_E_NONE);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    EXPECT_EQ_UINT(1, lab_job(lab, &id)->child_count);
    finish(lab_start(lab, w), JH_OK, JH_E_NONE);
    lab_end(lab);
}

static void test_stop_with_unwell_store(void) {
    begin(&(struct lab_options){.faulty = true, .plugin = "threads: 2"});
    struct job_id ended = lab_submit(lab, LAB_SLOW);
    struct job_id running = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    refuse(STORE_COMMIT, -EROFS, 0);
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_settle(lab);
    lab_stop(lab);
    lab_shut(lab);
    lab->options.faulty = false;
    lab_reopen(lab);
    w = lab_ready_worker(lab);
    lab_expect_state(lab, &ended, JOB_RUNNING); // again: its end was not written
    lab_expect_state(lab, &running, JOB_RUNNING);
    slot = lab_start(lab, w);
    finish(lab_start(lab, w), JH_OK, JH_E_NONE);
    finish(slot, JH_OK, JH_E_NONE);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &ended));
    lab_end(lab);
}

static void send_result(uint64_t slot, size_t size) {
    char *content = calloc(1, size + 1);
    record_begin(&w->out, REC_RESULT, slot);
    EXPECT_EQ_INT(0, record_bytes(&w->out, (struct bytes){content, size}));
    EXPECT_EQ_INT(0, record_end(&w->out));
    lab_flush(w);
    free(content);
}

static void expect_result(size_t size, enum job_state state, const char *code) {
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    send_result(slot, size);
    finish(slot, JH_OK, JH_E_NONE);
    const struct store_job *job = lab_job(lab, &id);
    EXPECT_EQ_INT(state, job->state);
    EXPECT_EQ_UINT(code == NULL ? size : 0, job->result_size);
    EXPECT_EQ_STR(code, job->error.code);
}

static void test_results(void) {
    begin(&(struct lab_options){.more = "queues: {t: {max_result: 300KiB}}"});
    expect_result(RECORD_INLINE_MAX, JOB_SUCCEEDED, NULL);
    expect_result(RECORD_INLINE_MAX + 1, JOB_SUCCEEDED, NULL);
    expect_result(STORE_INLINE_MAX, JOB_SUCCEEDED, NULL);
    expect_result(STORE_INLINE_MAX + 1, JOB_SUCCEEDED, NULL);
    expect_result(300 * 1024, JOB_SUCCEEDED, NULL);
    expect_result(300 * 1024 + 1, JOB_DEAD, "result_too_large");
    lab_end(lab);
}

static struct job_id end_with_large_result(void) {
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    send_result(slot, STORE_INLINE_MAX + 1);
    finish(slot, JH_OK, JH_E_NONE);
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
    return id;
}

// One that cannot be written holds nobody up; many do, since they are in memory until there is room.
static void test_results_wait_for_disk(void) {
    struct job_id ids[COMMITS_LATER_MAX];
    begin(&(struct lab_options){.faulty = true, .plugin = "threads: 2"});
    refuse(STORE_BLOB_PUT, -ENOSPC, COMMITS_LATER_MAX);
    for (int i = 0; i < COMMITS_LATER_MAX; i++) {
        ids[i] = end_with_large_result();
    }
    EXPECT_TRUE(commits_stalled(lab->host) != NULL);
    struct job_id next = lab_submit(lab, LAB_SLOW);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_QUEUED, lab_state(lab, &next));
    lab_advance(lab, 1000);
    EXPECT_NULL(commits_stalled(lab->host));
    for (int i = 0; i < COMMITS_LATER_MAX; i++) {
        EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &ids[i]));
    }
    finish(lab_start(lab, w), JH_OK, JH_E_NONE);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &next));
    lab_end(lab);
}

static void test_result_over_budget(void) {
    begin(&(struct lab_options){.store = "budget: {results: 1KiB}"});
    struct job_id id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    send_result(slot, 2000);
    const struct msg_done m = {.status = JH_FAIL,
                               .cls = JH_E_INPUT,
                               .code = "bad_input",
                               .failure_flags = JH_FAILURE_KEEP_RESULT};
    EXPECT_EQ_INT(0, msg_done_put(&w->out, slot, &m));
    lab_flush(w);
    lab_settle(lab);
    const struct store_job *job = lab_job(lab, &id);
    EXPECT_EQ_INT(JOB_DEAD, job->state); // as it would have been, less the result
    EXPECT_EQ_STR("bad_input", job->error.code);
    EXPECT_FALSE(job->has_result);
    lab_end(lab);
}

static const struct expect_test tests[] = {
    {"a commit in mid-run that the store refuses", test_refused_commit},
    {"an end that the store refuses", test_refused_end},
    {"a failed attempt asks for nothing", test_failure_asks_for_nothing},
    {"yield() is a commit", test_yield_commits},
    {"a child larger than its queue takes", test_large_child},
    {"a store that is read-only for a while", test_unwell_store},
    {"a commit whose fate is not known", test_undecided_commit},
    {"a host stops while its store is read-only", test_stop_with_unwell_store},
    {"results of every size", test_results},
    {"large results wait for room on the disk", test_results_wait_for_disk},
    {"a result over the store's budget", test_result_over_budget},
};
SUITE_MAIN("supervisor commits", tests)
