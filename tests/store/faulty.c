/* The faulty store does what its rules say, and no more. */
#include <errno.h>

#include "rig.h"

static struct faulty_plan *start(struct rig *rig) {
    rig_backend = "faulty";
    rig_start(rig);
    return faulty_plan_of(&rig->store);
}

static void test_before(void) {
    struct rig rig;
    struct faulty_plan *plan = start(&rig);
    faulty_add(
        plan,
        (struct faulty_rule){
            .kind = STORE_SUBMIT, .effect = FAULTY_BEFORE, .code = -EIO, .skip = 1, .times = 2});
    struct job_spec specs[4];
    static const int want[4] = {SUBMIT_NEW, -EIO, -EIO, SUBMIT_NEW};
    for (int i = 0; i < 4; i++) {
        specs[i] = rig_spec(&rig, "q", "t");
        EXPECT_EQ_INT(want[i], rig_submit(&rig, &specs[i]));
        EXPECT_EQ_INT(want[i] == 0 ? JOB_QUEUED : -1, rig_state(&rig, &specs[i].id));
    }
    EXPECT_EQ_UINT(2, plan->hits);
    EXPECT_EQ_UINT(4, plan->posted[STORE_SUBMIT]);
    rig_finish(&rig);
}

static void test_after(void) {
    struct rig rig;
    struct faulty_plan *plan = start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    faulty_add(plan,
               (struct faulty_rule){.kind = STORE_SUBMIT, .effect = FAULTY_AFTER, .times = 1});
    EXPECT_EQ_INT(-ETIMEDOUT, rig_submit(&rig, &spec));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &spec.id)); // it happened
    EXPECT_EQ_INT(SUBMIT_REPEATED, rig_submit(&rig, &spec));
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    faulty_add(plan,
               (struct faulty_rule){.kind = STORE_COMMIT, .effect = FAULTY_AFTER, .times = 1});
    EXPECT_EQ_INT(-ETIMEDOUT, rig_succeed(&rig, got));
    EXPECT_EQ_INT(0, rig_succeed(&rig, got)); // posting it again is the cure
    EXPECT_EQ_UINT(1, rig_get(&rig, &spec.id)->commit_no);
    rig_finish(&rig);
}

static void test_delay(void) {
    struct rig rig;
    struct faulty_plan *plan = start(&rig);
    struct job_spec specs[2] = {rig_spec(&rig, "q", "t"), rig_spec(&rig, "q", "t")};
    struct store_submit_item items[2] = {{.spec = &specs[0]}, {.spec = &specs[1]}};
    struct store_submit submits[2] = {{.items = &items[0], .count = 1},
                                      {.items = &items[1], .count = 1}};
    bool done[2];
    faulty_add(plan, (struct faulty_rule){
                         .kind = STORE_SUBMIT, .effect = FAULTY_DELAY, .times = 1, .delay_ms = 30});
    rig_post(&rig, &submits[0].op, STORE_SUBMIT, &done[0]);
    rig_post(&rig, &submits[1].op, STORE_SUBMIT, &done[1]);
    EXPECT_EQ_INT(-1, rig_state(&rig, &(struct job_id){{1}})); // reads pass
    rig_wait(&rig, &done[1]);
    EXPECT_TRUE(done[0]); // answers of changes keep their order
    rig_finish(&rig);
}

static void test_reorder(void) {
    struct rig rig;
    struct faulty_plan *plan = start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    struct store_get first = {.id = id};
    struct store_stats second = {.queues = NULL};
    bool done[2];
    faulty_add(plan, (struct faulty_rule){.kind = STORE_GET, .effect = FAULTY_REORDER, .times = 1});
    rig_post(&rig, &first.op, STORE_GET, &done[0]);
    rig_post(&rig, &second.op, STORE_STATS, &done[1]);
    rig_wait(&rig, &done[0]);
    EXPECT_TRUE(done[1]);
    EXPECT_EQ_INT(JOB_QUEUED, first.job.state);
    store_op_finish(&first.op);
    store_op_finish(&second.op);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &id));
    EXPECT_EQ_UINT(1, plan->hits);
    rig_finish(&rig);
}

static void test_close(void) {
    struct rig rig;
    struct faulty_plan *plan = start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    struct store_submit_item item = {.spec = &spec};
    struct store_submit submit = {.items = &item, .count = 1};
    struct store_get get = {.id = spec.id};
    bool done[2];
    faulty_add(plan, (struct faulty_rule){.kind = -1, .effect = FAULTY_DELAY, .delay_ms = 60000});
    rig_post(&rig, &submit.op, STORE_SUBMIT, &done[0]);
    rig_post(&rig, &get.op, STORE_GET, &done[1]);
    rig_close(&rig); // does not wait for the delay
    EXPECT_TRUE(done[0]);
    EXPECT_TRUE(done[1]);
    store_op_finish(&submit.op);
    store_op_finish(&get.op);
    rig_finish(&rig);
    rig_backend = "sqlite";
    rig_start(&rig);
    EXPECT_NULL(faulty_plan_of(&rig.store)); // of another store there is no plan
    rig_finish(&rig);
}

static const struct expect_test tests[] = {
    {"an error before: nothing happened", test_before},
    {"an error after: it happened all the same", test_after},
    {"a delay holds back later changes too", test_delay},
    {"two reads change places", test_reorder},
    {"closing does not wait for delays", test_close},
};
SUITE_MAIN("faulty store", tests)
