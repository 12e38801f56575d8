/* What a shared store costs its server: commands, for those who pay by the command. */
#include <errno.h>

#include "cases.h"
#include "redis_proxy.h"

enum { BATCH = 64, ALONE_MAX = 8, BEATS_AN_HOUR = 24, PINGS_AN_HOUR = 30, IDLE_MAX = 60 };

static void run_batch(struct rig *rig, uint32_t count) {
    struct job_spec specs[BATCH];
    struct store_submit_item submits[BATCH];
    struct store_commit_item commits[BATCH];
    for (uint32_t i = 0; i < count; i++) {
        specs[i] = rig_spec(rig, "q", "t");
        submits[i] = (struct store_submit_item){.spec = &specs[i]};
    }
    struct store_submit submit = {.items = submits, .count = count};
    EXPECT_EQ_INT(0, rig_run(rig, &submit.op, STORE_SUBMIT));
    const struct store_claim *claim = rig_claim(rig, "q", "t", count);
    if (!EXPECT_EQ_UINT(count, claim->job_count)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        commits[i] = rig_item(&claim->jobs[i], JOB_EV_SUCCEED);
        commits[i].keep_ms = 86400000;
    }
    struct store_commit commit = {.items = commits, .count = count};
    EXPECT_EQ_INT(0, rig_run(rig, &commit.op, STORE_COMMIT));
    store_op_finish(&submit.op);
    store_op_finish(&commit.op);
}

static void finish(struct rig *rig, struct redis_proxy *proxy) {
    rig_close(rig);
    redis_proxy_free(&proxy);
    rig_finish(rig);
}

/* From submission to success, without START, which is for attempts that last. */
static void test_jobs(void) {
    struct rig rig;
    struct redis_proxy *proxy = rig_start_behind_proxy(&rig);
    run_batch(&rig, 1); // the queue is known
    unsigned before = redis_proxy_commands(proxy);
    run_batch(&rig, 1);
    unsigned alone = redis_proxy_commands(proxy) - before;
    EXPECT_TRUE(alone >= 3);
    EXPECT_TRUE(alone <= ALONE_MAX);
    before = redis_proxy_commands(proxy);
    run_batch(&rig, BATCH);
    unsigned batch = redis_proxy_commands(proxy) - before;
    EXPECT_TRUE(batch <= BATCH);
    (void)printf("%u commands for one job, %u for %d; ", alone, batch, BATCH);
    finish(&rig, proxy);
}

/* An idle host beats every STORE_IDLE_BEAT_MS, and its two connections are kept alive. */
static void test_idle(void) {
    struct rig rig;
    struct redis_proxy *proxy = rig_start_behind_proxy(&rig);
    EXPECT_EQ_INT(BEATS_AN_HOUR, 3600000 / STORE_IDLE_BEAT_MS);
    EXPECT_EQ_INT(0, rig_beat(&rig));
    unsigned before = redis_proxy_commands(proxy);
    EXPECT_EQ_INT(0, rig_beat(&rig));
    unsigned beat = redis_proxy_commands(proxy) - before;
    EXPECT_TRUE(beat >= 1);
    EXPECT_TRUE(beat * BEATS_AN_HOUR + PINGS_AN_HOUR <= IDLE_MAX);
    finish(&rig, proxy);
}

CASES(budget_shared, ON_SHARED, {"commands of a job, alone and in a batch", test_jobs},
      {"commands of an idle host", test_idle});
