// Safe mode, paused plugins and queues, and what waited let go at a pace: who may begin, and when.
#include "expect.h"
#include "lab.h"
#include "store/faulty/faulty.h"
#include "supervisor/dispatch.h"
#include "supervisor/jobs.h"
#include "supervisor/pool_private.h"
#include "supervisor/ready.h"

static struct lab *lab;
static struct lab_worker *worker;
static unsigned begun;

static void begin(const struct lab_options *options) {
    lab = lab_open(options);
    worker = lab_ready_worker(lab);
    begun = 0;
}

static void end(void) {
    lab_end(lab);
}

static void submit(const char *queue, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        (void)lab_submit_to(lab, queue, lab_handlers[LAB_SLOW]);
    }
    lab_settle(lab);
}

/* All that was sent to the worker is done at once, and counted. */
static void run(void) {
    for (bool more = true; more;) {
        struct record record;
        more = false;
        lab_settle(lab);
        while (lab_next(worker, &record)) {
            if (record.h.type == REC_JOB) {
                lab_done(worker, record.h.job, JH_OK, 0);
                begun++;
                more = true;
            }
        }
    }
}

static void gate_done(struct gate_set *set) {
    *(bool *)set->arg = true;
}

static const char *name_of(enum gate_scope scope) {
    return scope == GATE_HOST ? NULL : "t"; // both the queue and the plugin
}

/* Whether it was done. */
static bool set_gate(enum gate_scope scope, bool close, uint32_t a_second) {
    bool done = false;
    struct gate_set set = {.scope = scope,
                           .name = name_of(scope),
                           .close = close,
                           .rate = {a_second, 1000},
                           .by = "test",
                           .why = "to see",
                           .done = gate_done,
                           .arg = &done};
    gates_set(lab->host, &set);
    lab_settle(lab);
    EXPECT_TRUE(done);
    if (set.failed != NULL) {
        store_op_finish(set.failed);
    }
    return set.failed == NULL;
}

/* What is said of a queued job. */
static enum reason_code reason(int64_t *ret_clears_ms) {
    struct reason r = {.code = REASON_COUNT};
    const struct lane *lane = lane_find(lab->host, "t", lab_handlers[LAB_SLOW]);
    struct job_facts facts = {.state = JOB_QUEUED};
    dispatch_lane_facts(lab->host, lane, &facts);
    (void)evaluate(&facts, lab_wall_ms(lab), &r, 1);
    if (ret_clears_ms != NULL) {
        *ret_clears_ms = r.clears_at_ms;
    }
    return r.code;
}

static const enum reason_code closed[GATE_SCOPES] = {[GATE_HOST] = REASON_SAFE_MODE,
                                                     [GATE_PLUGIN] = REASON_PLUGIN_PAUSED,
                                                     [GATE_QUEUE] = REASON_QUEUE_PAUSED};

static void test_close_and_open(void) {
    for (int s = 0; s < GATE_SCOPES; s++) {
        begin(&(struct lab_options){.plugin = NULL});
        EXPECT_TRUE(set_gate((enum gate_scope)s, true, 0));
        submit("t", 3);
        run();
        EXPECT_EQ_UINT(0, begun);
        EXPECT_EQ_INT(closed[s], reason(NULL));
        struct ready_report report;
        lab_advance(lab, 600000);
        ready_report(lab->host, &report);
        EXPECT_EQ_INT(READY_YES, report.code);
        EXPECT_EQ_INT(s == GATE_QUEUE, report.note[0] == '\0');
        EXPECT_TRUE(set_gate((enum gate_scope)s, false, 0));
        run();
        EXPECT_EQ_UINT(3, begun);
        EXPECT_EQ_INT(REASON_COUNT, reason(NULL));
        end();
    }
}

// Only what it is about: others of the plugin go on when a queue is paused or waits for its pace.
static void test_others_go_on(void) {
    begin(&(struct lab_options){.plugin = NULL});
    EXPECT_TRUE(set_gate(GATE_QUEUE, true, 0));
    submit("t", 50);
    submit("other", 50);
    run();
    EXPECT_EQ_UINT(50, begun);
    EXPECT_TRUE(set_gate(GATE_QUEUE, false, 1));
    run();
    EXPECT_EQ_UINT(51, begun);
    submit("other", 50);
    run();
    EXPECT_EQ_UINT(101, begun);
    EXPECT_TRUE(set_gate(GATE_QUEUE, false, 0));
    run();
    EXPECT_EQ_UINT(150, begun);
    end();
}

// What was claimed and not given to a worker goes back; what a worker has goes on.
static void test_held_goes_back(void) {
    for (int s = 0; s < GATE_SCOPES; s++) {
        begin(&(struct lab_options){.plugin = "workers: 1, threads: 1"});
        submit("t", 1);
        run(); // fast from now on: more are claimed than the worker takes
        begun = 0;
        submit("t", 400);
        EXPECT_FALSE(TAILQ_EMPTY(&lab->host->pools->items[0]->held));
        EXPECT_TRUE(set_gate((enum gate_scope)s, true, 0));
        EXPECT_TRUE(TAILQ_EMPTY(&lab->host->pools->items[0]->held));
        run();
        EXPECT_TRUE(begun > 0 && begun < 200);
        EXPECT_EQ_UINT(0, dispatch_in_hand(lab->host));
        EXPECT_TRUE(set_gate((enum gate_scope)s, false, 0));
        run();
        EXPECT_EQ_UINT(400, begun);
        end();
    }
}

// At no moment more than rate * t + 1, and all of it in the time that it takes.
static void test_release(void) {
    enum { JOBS = 300, RATE = 50, STEP_MS = 7 };
    for (int s = 0; s < GATE_SCOPES; s++) {
        begin(&(struct lab_options){.plugin = NULL});
        EXPECT_TRUE(set_gate((enum gate_scope)s, true, 0));
        submit("t", JOBS);
        int64_t began = lab_wall_ms(lab), clears = 0, t = 0;
        EXPECT_TRUE(set_gate((enum gate_scope)s, false, RATE));
        EXPECT_EQ_INT(REASON_RELEASED_SLOWLY, reason(&clears));
        EXPECT_TRUE(clears <= began + 1000 * JOBS / RATE);
        for (run(); begun < JOBS && t <= 1000 * JOBS / RATE; t += STEP_MS, run()) {
            EXPECT_TRUE(begun <= t * RATE / 1000 + 1);
            EXPECT_TRUE(begun >= t * RATE / 1000);
            lab_advance(lab, STEP_MS);
        }
        EXPECT_EQ_UINT(JOBS, begun);
        EXPECT_EQ_INT(REASON_COUNT, reason(NULL));
        submit("t", 100); // it is over: they go as fast as they can
        run();
        EXPECT_EQ_UINT(JOBS + 100, begun);
        end();
    }
}

// A second resume lets the rest go at once, a pause stops it.
static void test_changed_while_released(void) {
    for (int s = 0; s < GATE_SCOPES; s++) {
        begin(&(struct lab_options){.plugin = NULL});
        submit("t", 0);
        EXPECT_TRUE(set_gate((enum gate_scope)s, true, 0));
        submit("t", 100);
        EXPECT_TRUE(set_gate((enum gate_scope)s, false, 10));
        run();
        EXPECT_EQ_UINT(1, begun);
        EXPECT_TRUE(set_gate((enum gate_scope)s, true, 0));
        lab_advance(lab, 60000);
        run();
        EXPECT_EQ_UINT(1, begun);
        EXPECT_TRUE(set_gate((enum gate_scope)s, false, 10));
        run();
        EXPECT_EQ_UINT(2, begun);
        EXPECT_TRUE(set_gate((enum gate_scope)s, false, 0));
        run();
        EXPECT_EQ_UINT(100, begun);
        end();
    }
}

// The backlog is gone when nothing of it can be claimed, whatever was counted: some were cancelled.
static void test_over_early(void) {
    begin(&(struct lab_options){.plugin = NULL});
    EXPECT_TRUE(set_gate(GATE_QUEUE, true, 0));
    submit("t", 3);
    EXPECT_TRUE(set_gate(GATE_QUEUE, false, 1));
    run();
    lane_find(lab->host, "t", lab_handlers[LAB_SLOW])->queue->gate.left = 1000;
    for (int i = 0; i < 4; i++) {
        lab_advance(lab, 1000);
        run();
    }
    EXPECT_EQ_UINT(3, begun);
    EXPECT_EQ_INT(REASON_COUNT, reason(NULL));
    end();
}

static void test_nothing_waits(void) {
    begin(&(struct lab_options){.plugin = NULL});
    for (int s = 0; s < GATE_SCOPES; s++) {
        EXPECT_TRUE(set_gate((enum gate_scope)s, true, 0));
        EXPECT_TRUE(set_gate((enum gate_scope)s, false, 1));
    }
    submit("t", 20);
    run();
    EXPECT_EQ_UINT(20, begun);
    end();
}

// A queue stays as it was when the store does not take it; what could not be counted is not let go.
static void test_store_refuses(void) {
    begin(&(struct lab_options){.faulty = true});
    struct faulty_plan *plan = faulty_plan_of(&lab->store);
    EXPECT_TRUE(set_gate(GATE_QUEUE, true, 0));
    submit("t", 5);
    static const int kinds[] = {STORE_QUEUE_SET, STORE_STATS};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        faulty_add(plan,
                   (struct faulty_rule){
                       .kind = kinds[i], .effect = FAULTY_BEFORE, .code = -EROFS, .times = 1});
        EXPECT_FALSE(set_gate(GATE_QUEUE, false, 1));
        run();
        EXPECT_EQ_UINT(0, begun);
        EXPECT_EQ_INT(REASON_QUEUE_PAUSED, reason(NULL));
    }
    EXPECT_TRUE(set_gate(GATE_QUEUE, false, 0));
    run();
    EXPECT_EQ_UINT(5, begun);
    end();
}

static const struct expect_test tests[] = {
    {"pause and resume, of each kind", test_close_and_open},
    {"others go on", test_others_go_on},
    {"what is held goes back", test_held_goes_back},
    {"released at a pace", test_release},
    {"changed while it is released", test_changed_while_released},
    {"over before its time", test_over_early},
    {"nothing waits", test_nothing_waits},
    {"the store refuses", test_store_refuses},
};
SUITE_MAIN("supervisor gates", tests)
