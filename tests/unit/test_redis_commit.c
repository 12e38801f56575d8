// What C decides about a commit before Redis sees it.
#include <errno.h>
#include <stdlib.h>

#include "expect.h"
#include "store/redis/commit.h"

enum { NOW = 1000000, MIB = 1 << 20 };

static const struct job_id id = {{1, 0x93, 0, 0, 0, 1, 0x70, 1, 0x80}};

static struct redis_job running(void) {
    return (struct redis_job){.spec = {.id = id, .type = "t", .queue = "q"},
                              .state = JOB_RUNNING,
                              .rev = 2,
                              .token = 1,
                              .ready_ms = 500};
}

static struct redis_commit_plan plan_of(const struct store_commit_item *item,
                                        const struct redis_job *before) {
    static struct redis_commit_plan plan;
    EXPECT_EQ_INT(0, redis_commit_check(item));
    redis_commit_decide(item, before, NOW, &plan);
    return plan;
}

static void test_places(void) {
    static const struct {
        enum job_event event;
        int64_t run_at_ms;
        enum job_state to;
        bool in_front;
        int64_t at_ms, ready_ms;
    } rows[] = {
        {JOB_EV_NONE, 0, JOB_RUNNING, false, 0, 500},
        {JOB_EV_RELEASE, 0, JOB_QUEUED, true, 0, 500},
        {JOB_EV_RETRY, NOW + 1, JOB_SCHEDULED, false, NOW + 1, 500},
        {JOB_EV_RETRY, NOW, JOB_QUEUED, false, 0, NOW},
        {JOB_EV_RETRY, 0, JOB_QUEUED, false, 0, NOW},
        {JOB_EV_PARK, 0, JOB_PARKED, false, 0, 500},
        {JOB_EV_PARK, NOW + 1, JOB_PARKED, false, NOW + 1, 500},
        {JOB_EV_PARK, NOW, JOB_QUEUED, false, 0, NOW},
        {JOB_EV_SUCCEED, 0, JOB_SUCCEEDED, false, 0, 500},
        {JOB_EV_DIE, NOW + 1, JOB_DEAD, false, 0, 500},
        {JOB_EV_CANCEL, 0, JOB_CANCELLED, false, 0, 500},
    };
    const struct redis_job before = running();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct store_commit_item item = {.id = id,
                                               .commit_no = 1,
                                               .event = rows[i].event,
                                               .run_at_ms = rows[i].run_at_ms,
                                               .park = PARK_EVENT,
                                               .wait_key = "k",
                                               .keep_ms = 7};
        struct redis_commit_plan plan = plan_of(&item, &before);
        EXPECT_EQ_INT(rows[i].to, plan.to);
        EXPECT_EQ_INT(rows[i].in_front, plan.in_front);
        EXPECT_EQ_INT(rows[i].at_ms, plan.at_ms);
        EXPECT_EQ_INT(rows[i].ready_ms, plan.job.ready_ms);
        EXPECT_EQ_INT(job_is_final(rows[i].to) ? 7 : 0, plan.keep_ms);
        EXPECT_EQ_INT(rows[i].to == JOB_PARKED ? PARK_EVENT : PARK_NONE, plan.job.life.park);
        EXPECT_EQ_STR(rows[i].to == JOB_PARKED ? "k" : NULL, plan.job.life.wait_key);
    }
}

static void test_no_such_event(void) {
    static const enum job_event wrong[] = {JOB_EV_CLAIM, JOB_EV_DUE, JOB_EV_REVIVE, JOB_EV_PROMOTE};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const struct store_commit_item item = {.event = wrong[i]};
        EXPECT_EQ_INT(-EINVAL, redis_commit_check(&item));
    }
}

// One time says when it ran first and when it ran last, if that is the same.
static void test_times(void) {
    struct redis_job before = running();
    struct store_attempt attempt = {.started_ms = 900, .pid = 5, .build = "new"};
    struct store_commit_item item = {
        .event = JOB_EV_RETRY, .run_at_ms = NOW + 5, .first_run_ms = 900, .attempt = &attempt};
    struct redis_commit_plan plan = plan_of(&item, &before);
    EXPECT_EQ_INT(900, plan.job.life.first_run_ms);
    EXPECT_EQ_INT(0, plan.job.life.started_ms);
    EXPECT_EQ_INT(NOW, plan.job.life.updated_ms);
    EXPECT_EQ_INT(5, plan.job.life.pid);
    EXPECT_EQ_STR("new", plan.job.life.build);
    before.life = plan.job.life;
    attempt = (struct store_attempt){.started_ms = 950};
    item.first_run_ms = 0;
    plan = plan_of(&item, &before);
    EXPECT_EQ_INT(900, plan.job.life.first_run_ms);
    EXPECT_EQ_INT(950, plan.job.life.started_ms);
    EXPECT_EQ_INT(5, plan.job.life.pid);
    EXPECT_EQ_STR("new", plan.job.life.build);
}

static void test_results(void) {
    struct redis_job before = running();
    const struct store_result text = {"text/plain", bytes_of("four"), NULL};
    const struct blob_ref blob = {.sha256 = {0xab}, .size = 99};
    const struct store_result large = {.blob = &blob};
    struct store_commit_item item = {.event = JOB_EV_NONE, .result = &text};
    EXPECT_EQ_INT(REDIS_RESULT_STAYS, plan_of(&item, &before).result); // not while it goes on
    item.event = JOB_EV_SUCCEED;
    struct redis_commit_plan plan = plan_of(&item, &before);
    EXPECT_EQ_INT(REDIS_RESULT_INLINE, plan.result);
    EXPECT_TRUE(plan.job.life.has_result);
    EXPECT_EQ_UINT(4, plan.job.life.result_size);
    EXPECT_NULL(plan.job.life.result_blob);
    item.result = &large;
    plan = plan_of(&item, &before);
    EXPECT_EQ_INT(REDIS_RESULT_GOES, plan.result);
    EXPECT_EQ_UINT(99, plan.job.life.result_size);
    EXPECT_EQ_BYTES("ab00", 4, plan.blob, 4);
    before.life = plan.job.life;
    item.result = NULL;
    item.event = JOB_EV_RETRY;
    EXPECT_EQ_INT(REDIS_RESULT_STAYS, plan_of(&item, &before).result);
    item.event = JOB_EV_DIE;
    plan = plan_of(&item, &before);
    EXPECT_EQ_INT(REDIS_RESULT_GOES, plan.result);
    EXPECT_FALSE(plan.job.life.has_result);
    EXPECT_EQ_UINT(0, plan.job.life.result_size);
}

static void test_steps_version(void) {
    struct redis_job before = running();
    const struct store_step step = {"s", bytes_of("v")};
    struct store_commit_item item = {.event = JOB_EV_NONE, .state_version = 3};
    before.life.steps_version = 2;
    EXPECT_EQ_UINT(2, plan_of(&item, &before).job.life.steps_version);
    item.drop_steps = true;
    EXPECT_EQ_UINT(0, plan_of(&item, &before).job.life.steps_version);
    item.steps = &step;
    item.step_count = 1;
    EXPECT_EQ_UINT(3, plan_of(&item, &before).job.life.steps_version);
}

static void test_limits(void) {
    static char data[MIB + 1];
    struct store_step steps[REDIS_COMMIT_BYTES_MAX / MIB + 1];
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        steps[i] = (struct store_step){"s", {data, MIB}};
    }
    struct store_commit_item item = {
        .event = JOB_EV_NONE, .steps = steps, .step_count = ARRAY_LEN(steps) - 1};
    EXPECT_EQ_INT(0, redis_commit_check(&item));
    steps[ARRAY_LEN(steps) - 1].value.len = 1;
    item.step_count++;
    EXPECT_EQ_INT(-E2BIG, redis_commit_check(&item)); // more than a command takes
    item.step_count = 1;
    EXPECT_EQ_INT(0, redis_commit_check(&item));
    steps[0].value.len = JOB_STEP_MAX + 1;
    EXPECT_EQ_INT(-E2BIG, redis_commit_check(&item));
    struct store_result result = {.data = {data, STORE_INLINE_MAX}};
    item = (struct store_commit_item){.event = JOB_EV_SUCCEED, .result = &result};
    EXPECT_EQ_INT(0, redis_commit_check(&item));
    result.data.len++;
    EXPECT_EQ_INT(-E2BIG, redis_commit_check(&item));
    struct job_spec *kids = calloc(JOB_CHILDREN_PER_COMMIT + 1, sizeof *kids);
    item = (struct store_commit_item){.event = JOB_EV_SUCCEED, .children = kids};
    item.child_count = JOB_CHILDREN_PER_COMMIT;
    EXPECT_EQ_INT(0, redis_commit_check(&item));
    item.child_count++;
    EXPECT_EQ_INT(-E2BIG, redis_commit_check(&item));
    item.child_count = 1;
    kids[0] = (struct job_spec){.dedup_key = "k", .dedup_mode = DEDUP_REPLACE};
    EXPECT_EQ_INT(-ENOTSUP, redis_commit_check(&item));
    free(kids);
}

static const struct expect_test tests[] = {
    {"where each event leads", test_places},
    {"events that are none of a running job", test_no_such_event},
    {"times, build and process", test_times},
    {"what becomes of the result", test_results},
    {"the version of steps", test_steps_version},
    {"limits, and one more", test_limits},
};
SUITE_MAIN("Redis commits", tests)
