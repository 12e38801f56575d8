// A user's cancel at every moment of a job's way from its claim to its last commit: unless the
// handler has succeeded, it wins, and the job never goes back to its queue.
#include <errno.h>
#include <signal.h>

#include "expect.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "store/flows.h"
#include "supervisor/attempt.h"
#include "supervisor/jobs.h"
#include "supervisor/stats.h"
#include "supervisor/upkeep.h"

static struct lab *lab;
static struct lab_worker *w;
static struct job_id id;

static struct {
    struct jobs_act act;
    bool done;
} asked;

static void begin(const char *plugin) {
    lab = lab_open(&(struct lab_options){.plugin = plugin, .faulty = true});
    w = lab_ready_worker(lab);
}

static void answered(struct jobs_act *act, void *arg) {
    (void)act;
    *(bool *)arg = true;
}

static void ask(void) {
    asked.done = false;
    asked.act = (struct jobs_act){
        .action = JOBS_CANCEL, .id = id, .actor = "test", .done = answered, .arg = &asked.done};
    jobs_act(lab->host, &asked.act);
}

static void cancel(void) {
    ask();
    lab_settle(lab);
    EXPECT_TRUE(asked.done);
    EXPECT_EQ_INT(0, asked.act.status);
}

static void expect_cancelled(void) {
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_CANCELLED, lab_state(lab, &id));
    EXPECT_EQ_INT(0, lab_job(lab, &id)->counters.attempts);
}

static void give_back(uint64_t slot) {
    EXPECT_EQ_UINT(slot, lab_expect(lab, w, REC_RECALL).h.job);
    lab_send(w, REC_NACK, slot);
}

/* The store takes commits again after `times` that it refuses; posted once a second. */
static void hang_commits(uint32_t times) {
    faulty_add(faulty_plan_of(&lab->store),
               (struct faulty_rule){
                   .kind = STORE_COMMIT, .effect = FAULTY_BEFORE, .code = -EROFS, .times = times});
}

static void test_claim_under_way(void) {
    begin(NULL);
    id = lab_submit(lab, LAB_SLOW); // its claim has been posted with it
    ask();
    uint64_t slot = lab_expect_job(lab, w);
    lab_settle(lab);
    EXPECT_TRUE(asked.done);
    give_back(slot);
    expect_cancelled();
    lab_end(lab);
}

static void run_all(void) {
    struct record r;
    lab_settle(lab);
    while (lab_next(w, &r)) {
        if (r.h.type == REC_JOB) {
            lab_done(w, r.h.job, JH_OK, JH_E_NONE);
            lab_settle(lab);
        }
    }
}

static void test_held(void) {
    begin(NULL);
    (void)lab_submit(lab, LAB_FAST);
    run_all(); // from now on it is known to be fast, and claimed ahead
    for (int i = 0; i < 12; i++) {
        id = lab_submit(lab, LAB_FAST);
    }
    lab_settle(lab);
    const struct attempt *a = attempt_find(lab->host, &id);
    EXPECT_TRUE(a != NULL && a->worker == NULL);
    cancel();
    expect_cancelled();
    run_all();
    lab_end(lab);
}

static void test_in_the_window(void) {
    begin(NULL);
    id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_expect_job(lab, w);
    cancel();
    EXPECT_TRUE(asked.act.pending);
    give_back(slot);
    expect_cancelled();
    lab_end(lab);
}

static void test_window_of_a_dying_worker(void) {
    begin(NULL);
    id = lab_submit(lab, LAB_SLOW);
    (void)lab_expect_job(lab, w);
    cancel();
    lab_bury(lab, w, SIGSEGV);
    expect_cancelled();
    lab_end(lab);
}

// What a handler may have ended with a moment before it could hear of the cancel.
static const struct msg_done ends[] = {
    {.status = JH_CANCELLED, .cancel_mask = JH_CANCEL_USER},
    {.status = JH_CANCELLED},
    {.status = JH_CANCELLED, .cancel_mask = JH_CANCEL_USER | JH_CANCEL_DEADLINE},
    {.status = JH_RETRY, .cls = JH_E_TIMEOUT, .cancel_mask = JH_CANCEL_DEADLINE},
    {.status = JH_RETRY, .cls = JH_E_NETWORK, .retry_after_ms = 1},
    {.status = JH_RETRY, .cls = JH_E_RESOURCE},
    {.status = JH_FAIL, .cls = JH_E_INPUT},
    {.status = JH_FAIL, .cls = JH_E_PERMANENT},
    {.status = JH_YIELD, .wait_kind = JH_WAIT_NOW},
    {.status = JH_YIELD, .wait_kind = JH_WAIT_NOW, .cancel_mask = JH_CANCEL_DRAIN},
    {.status = JH_YIELD, .wait_kind = JH_WAIT_UNTIL, .wake_at_ms = INT64_MAX},
    {.status = JH_YIELD, .wait_kind = JH_WAIT_EVENT, .wait_key = "never"},
    {.status = JH_YIELD, .wait_kind = JH_WAIT_CHILDREN},
    {.status = JH_YIELD, .cls = JH_E_RATE, .wait_kind = JH_WAIT_NOW},
    {.status = 99},
};

static void counted(struct store_op *op) {
    *(bool *)op->arg = true;
}

static int64_t count_of(enum job_state state) {
    bool done = false;
    struct store_stats stats = {
        .op = {.kind = STORE_STATS, .done = counted, .arg = &done, .now_ms = lab_wall_ms(lab)}};
    int64_t n = 0;
    store_post(&lab->host->store, &stats.op);
    lab_settle(lab);
    EXPECT_TRUE(done);
    for (size_t i = 0; i < stats.queue_count; i++) {
        n += stats.queues[i].by_state[state];
    }
    store_op_finish(&stats.op);
    return n;
}

static void ends_with(uint64_t slot, const struct msg_done *end) {
    EXPECT_EQ_INT(0, msg_done_put(&w->out, slot, end));
    lab_flush(w);
}

/* A job that has made so many children waits for them, and the first has begun: its slot. */
static uint64_t begin_with_children(int children) {
    begin(NULL);
    id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    for (int i = 0; i < children; i++) {
        lab_effect_child(w, slot, 10);
    }
    ends_with(slot, &(struct msg_done){.status = JH_YIELD, .wait_kind = JH_WAIT_CHILDREN});
    slot = lab_start(lab, w);
    EXPECT_EQ_INT(JOB_PARKED, lab_state(lab, &id));
    return slot;
}

/* The running child hears of the cancel, and ends by it. */
static void child_gives_up(uint64_t slot) {
    ends_with(slot, &(struct msg_done){.status = JH_CANCELLED, .cancel_mask = JH_CANCEL_USER});
    lab_settle(lab);
}

static void test_children(void) {
    uint64_t slot = begin_with_children(2);
    uint64_t next = lab_expect_job(lab, w); // in the worker's window
    cancel();
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_CANCELLED, lab_state(lab, &id));
    EXPECT_EQ_UINT(slot, lab_expect(lab, w, REC_CANCEL).h.job);
    give_back(next);
    child_gives_up(slot);
    EXPECT_EQ_INT(3, count_of(JOB_CANCELLED));
    lab_end(lab);
}

// Of the opener's members the one that was cancelled.
static struct job_id cancelled_member(void) {
    bool done = false;
    struct store_flow_members members = {
        .op = {.kind = STORE_FLOW_MEMBERS, .done = counted, .arg = &done}, .id = id, .limit = 10};
    struct job_id found = {{0}};
    store_post(&lab->host->store, &members.op);
    lab_settle(lab);
    for (size_t i = 0; i < members.count; i++) {
        found = members.members[i].state == JOB_CANCELLED ? members.members[i].id : found;
    }
    store_op_finish(&members.op);
    return found;
}

/* A member that is revived while its flow is still open, and cancelled, is cancelled again. */
static void test_revived_child(void) {
    uint64_t slot = begin_with_children(2);
    uint64_t next = lab_expect_job(lab, w);
    cancel();
    EXPECT_EQ_UINT(slot, lab_expect(lab, w, REC_CANCEL).h.job);
    give_back(next);
    lab_settle(lab);
    asked.done = false;
    asked.act.action = JOBS_RETRY;
    asked.act.id = cancelled_member();
    jobs_act(lab->host, &asked.act);
    give_back(lab_expect_job(lab, w));
    lab_settle(lab);
    EXPECT_TRUE(asked.done);
    EXPECT_EQ_INT(2, count_of(JOB_CANCELLED));
    child_gives_up(slot);
    EXPECT_EQ_INT(3, count_of(JOB_CANCELLED));
    lab_end(lab);
}

/* Before a delivery is over somebody says that there is more. */
static const struct store_ops *plain;

static void post_in_a_crowd(void *self, struct store_op *op) {
    enum store_op_kind kind = op->kind;
    plain->post(self, op);
    if (kind == STORE_FORWARD) {
        upkeep_forward(lab->host);
    }
}

static void test_children_in_a_crowd(void) {
    uint64_t slot = begin_with_children(1);
    plain = lab->host->store.ops;
    struct store_ops crowd = *plain;
    crowd.post = post_in_a_crowd;
    lab->host->store.ops = &crowd;
    ask();
    const struct stats_store *ops = lab->host->stats->store;
    uint64_t looks = ops[STORE_FLOW_CANCEL].count, end = ops[STORE_FORWARD].count + 50;
    while (ops[STORE_FLOW_CANCEL].count == looks && ops[STORE_FORWARD].count < end) {
        lab_turn(lab);
    }
    lab->host->store.ops = plain;
    EXPECT_TRUE(ops[STORE_FLOW_CANCEL].count > looks);
    EXPECT_EQ_UINT(slot, lab_expect(lab, w, REC_CANCEL).h.job);
    child_gives_up(slot);
    EXPECT_EQ_INT(2, count_of(JOB_CANCELLED));
    lab_end(lab);
}

/* The cascade is tried again, and does not wait for the next commit. */
static void test_children_later(void) {
    static const enum store_op_kind parts[] = {STORE_FLOW_CANCEL, STORE_MOVE};
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t slot = begin_with_children(1);
        faulty_add(
            faulty_plan_of(&lab->store),
            (struct faulty_rule){.kind = parts[i], .effect = FAULTY_BEFORE, .skip = i, .times = 1});
        cancel();
        lab_settle(lab);
        EXPECT_EQ_INT(1, count_of(JOB_CANCELLED));
        lab_advance_outside(lab, 1000);
        EXPECT_EQ_UINT(slot, lab_expect(lab, w, REC_CANCEL).h.job);
        child_gives_up(slot);
        EXPECT_EQ_INT(2, count_of(JOB_CANCELLED));
        lab_end(lab);
    }
}

static void test_ends_that_cross_it(void) {
    begin(NULL);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        id = lab_submit(lab, LAB_SLOW);
        uint64_t slot = lab_start(lab, w);
        cancel();
        EXPECT_TRUE(asked.act.pending);
        ends_with(slot, &ends[i]);
        lab_begin(lab, w, 0, 0);
        expect_cancelled();
    }
    lab_end(lab);
}

static void test_success_crosses_it(void) {
    begin(NULL);
    id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    cancel();
    lab_done(w, slot, JH_OK, JH_E_NONE);
    lab_begin(lab, w, 0, 0);
    lab_settle(lab);
    EXPECT_EQ_INT(JOB_SUCCEEDED, lab_state(lab, &id));
    lab_end(lab);
}

static void test_ends_before_it(void) {
    static const int32_t statuses[] = {JH_RETRY, JH_YIELD}; // scheduled, queued
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        begin(NULL);
        id = lab_submit(lab, LAB_SLOW);
        uint64_t slot = lab_start(lab, w);
        hang_commits(1);
        lab_done(w, slot, statuses[i], JH_E_NONE);
        lab_begin(lab, w, 0, 0);
        lab_settle(lab);
        cancel();
        EXPECT_TRUE(asked.act.pending);
        EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
        lab_advance(lab, 1000); // the commit is through
        EXPECT_EQ_INT(JOB_CANCELLED, lab_state(lab, &id));
        lab_end(lab);
    }
}

// The process of a running job ends before it has heard of the cancel.
static void test_deaths(void) {
    static const int statuses[] = {SIGSEGV, SIGKILL, 0, 3 << 8};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        begin(NULL);
        id = lab_submit(lab, LAB_SLOW);
        (void)lab_start(lab, w);
        cancel();
        lab_bury(lab, w, statuses[i]);
        expect_cancelled();
        EXPECT_EQ_INT(0, lab_job(lab, &id)->counters.crashes);
        lab_end(lab);
    }
}

static void test_crash_of_a_neighbour(void) {
    begin("threads: 2");
    id = lab_submit(lab, LAB_SLOW);
    (void)lab_start(lab, w);
    (void)lab_submit(lab, LAB_SLOW);
    uint64_t guilty = lab_expect_job(lab, w);
    lab_begin(lab, w, 1, guilty);
    cancel();
    uint8_t crash[MSG_CRASH_PACKET];
    msg_crash_packet(crash, guilty, &(struct msg_crash){.signal = SIGSEGV});
    lab_send_packet(w, crash, sizeof crash);
    lab_bury(lab, w, SIGSEGV);
    expect_cancelled();
    lab_end(lab);
}

static void test_commit_under_way(void) {
    begin(NULL);
    id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    hang_commits(1);
    lab_effect_kv(w, slot, "a", "b");
    lab_send_u32(w, REC_COMMIT, slot, 1);
    lab_settle(lab);
    cancel();
    lab_bury(lab, w, SIGKILL); // its end waits for the commit
    EXPECT_EQ_INT(JOB_RUNNING, lab_state(lab, &id));
    lab_advance(lab, 1000);
    expect_cancelled();
    EXPECT_EQ_UINT(2, lab_job(lab, &id)->commit_no);
    lab_end(lab);
}

static void test_drain_after_it(void) {
    begin(NULL);
    id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    cancel();
    host_stop(lab->host, "the test");
    const struct msg_done m = {.status = JH_CANCELLED,
                               .cancel_mask = JH_CANCEL_USER | JH_CANCEL_DRAIN};
    ends_with(slot, &m);
    lab_begin(lab, w, 0, 0);
    expect_cancelled();
    lab_stop(lab);
    lab_close(lab);
}

static void test_drain_that_it_outlives(void) {
    begin(NULL);
    id = lab_submit(lab, LAB_SLOW);
    (void)lab_start(lab, w);
    cancel();
    lab_stop(lab); // kills it when the grace is over
    EXPECT_EQ_INT(JOB_CANCELLED, lab_state(lab, &id));
    lab_close(lab);
}

// A job that fills the disk must be stoppable all the same.
static void test_store_takes_nothing(void) {
    begin(NULL);
    id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    faulty_add(faulty_plan_of(&lab->store),
               (struct faulty_rule){
                   .kind = STORE_MOVE, .effect = FAULTY_BEFORE, .code = -EROFS, .times = 1});
    cancel();
    EXPECT_TRUE(asked.act.pending);
    lab_done(w, slot, JH_RETRY, JH_E_NETWORK);
    lab_begin(lab, w, 0, 0);
    expect_cancelled();
    lab_end(lab);
}

static void test_twice(void) {
    begin(NULL);
    id = lab_submit(lab, LAB_SLOW);
    uint64_t slot = lab_start(lab, w);
    cancel();
    cancel();
    EXPECT_TRUE(asked.act.pending);
    lab_done(w, slot, JH_RETRY, JH_E_NETWORK);
    lab_begin(lab, w, 0, 0);
    expect_cancelled();
    cancel();
    EXPECT_FALSE(asked.act.pending);
    EXPECT_EQ_INT(JOB_CANCELLED, asked.act.state);
    lab_end(lab);
}

static const struct expect_test tests[] = {
    {"while it is being claimed", test_claim_under_way},
    {"claimed, and not with a worker", test_held},
    {"in a worker's window", test_in_the_window},
    {"in the window of a worker that dies", test_window_of_a_dying_worker},
    {"of a job that waits for its children, which end too", test_children},
    {"of such a job, one of whose children is revived before the other has ended",
     test_revived_child},
    {"of such a job, while members of others are delivered", test_children_in_a_crowd},
    {"of such a job, while the store is not well", test_children_later},
    {"ends of every kind that cross it", test_ends_that_cross_it},
    {"a success that crosses it", test_success_crosses_it},
    {"an end that was on its way to the store", test_ends_before_it},
    {"deaths of its process", test_deaths},
    {"a neighbour's crash", test_crash_of_a_neighbour},
    {"with a commit under way", test_commit_under_way},
    {"and then a drain", test_drain_after_it},
    {"and then a drain that cuts it short", test_drain_that_it_outlives},
    {"while the store takes nothing", test_store_takes_nothing},
    {"twice", test_twice},
};
SUITE_MAIN("supervisor cancel", tests)
