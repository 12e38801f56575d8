/* A job's way through the store, from submission to its end. */
#include <errno.h>

#include "cases.h"

static void test_life(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "a.b");
    EXPECT_TRUE(rig_was_ready(&rig, "q", "a.b"));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_QUEUED, job->state);
    EXPECT_EQ_STR("q", job->spec.queue);
    EXPECT_EQ_STR("a.b", job->spec.type);
    EXPECT_EQ_BYTES("{\"n\":1}", 7, job->spec.payload.data, job->spec.payload.len);
    EXPECT_EQ_INT(rig.now, job->created_ms);
    EXPECT_EQ_INT(rig.now, job->ready_ms);
    EXPECT_EQ_INT(300000, job->spec.timeout_ms);

    const struct store_claimed *got = rig_claim_one(&rig, "q", "a.b");
    if (got == NULL) {
        rig_finish(&rig);
        return;
    }
    EXPECT_TRUE(id_equal(&id, &got->spec.id));
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &id));
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "a.b", 5)->job_count);

    rig.now += 50;
    EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_SUCCEEDED, job->state);
    EXPECT_EQ_INT(rig.now, job->finished_ms);
    EXPECT_EQ_INT(1, job->counters.attempts);
    EXPECT_EQ_INT(-ESTALE,
                  rig_commit(&rig, &(struct store_commit_item){
                                       .id = id, .token = got->token + 1, .commit_no = 2}));
    EXPECT_EQ_INT(0, rig_succeed(&rig, got)); // the very same again
    EXPECT_EQ_INT(job->rev, rig_get(&rig, &id)->rev);
    rig_finish(&rig);
}

static void test_scheduled(void) {
    struct rig rig;
    int64_t next = 0;
    rig_start(&rig);
    struct job_spec later = rig_spec(&rig, "q", "t"), sooner = rig_spec(&rig, "q", "t");
    later.run_at_ms = rig.now + 5000;
    sooner.run_at_ms = rig.now + 1000;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &later));
    EXPECT_EQ_INT(rig.now + 5000, rig.due);
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &sooner));
    EXPECT_EQ_INT(rig.now + 1000, rig.due);
    EXPECT_EQ_INT(JOB_SCHEDULED, rig_state(&rig, &later.id));
    EXPECT_EQ_INT(0, rig_due(&rig, &next));
    EXPECT_EQ_INT(rig.now + 1000, next);
    rig.now += 1000;
    rig_forget(&rig);
    EXPECT_EQ_INT(1, rig_due(&rig, &next));
    EXPECT_EQ_INT(later.run_at_ms, next);
    EXPECT_TRUE(rig_was_ready(&rig, "q", "t"));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &sooner.id));
    rig.now += 4000;
    EXPECT_EQ_INT(1, rig_due(&rig, &next));
    EXPECT_EQ_INT(0, next);
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 10);
    EXPECT_EQ_UINT(2, claim->job_count);
    EXPECT_TRUE(id_equal(&sooner.id, &claim->jobs[0].spec.id)); // ready since earlier
    rig_finish(&rig);
}

static void test_retry(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    struct job_error error = {5, "http_500", "it broke", "api"};
    struct store_attempt attempt = {.execution = 1,
                                    .started_ms = rig.now,
                                    .ended_ms = rig.now + 1,
                                    .outcome = "retry",
                                    .cls = 5,
                                    .code = "http_500",
                                    .message = "it broke",
                                    .host = "h",
                                    .build = "b1",
                                    .pid = 7};
    struct store_commit_item item = rig_item(got, JOB_EV_RETRY);
    item.run_at_ms = rig.now + 10000;
    item.error = &error;
    item.attempt = &attempt;
    item.first_run_ms = rig.now;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_SCHEDULED, job->state);
    EXPECT_EQ_INT(rig.now + 10000, job->spec.run_at_ms);
    EXPECT_EQ_STR("http_500", job->error.code);
    EXPECT_EQ_STR("api", job->error.scope);
    EXPECT_EQ_STR("b1", job->build);
    EXPECT_EQ_UINT(1, job->history_count);
    EXPECT_EQ_STR("it broke", job->history[0].message);
    rig.now += 10000;
    EXPECT_EQ_INT(1, rig_due(&rig, NULL));
    uint32_t first = got->token;
    got = rig_claim_one(&rig, "q", "t");
    EXPECT_TRUE(got->token > first);
    EXPECT_EQ_UINT(1, got->commit_no);
    EXPECT_EQ_INT(1, got->counters.attempts);
    EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    EXPECT_EQ_INT(2, rig_get(&rig, &id)->counters.attempts);
    rig_finish(&rig);
}

static void test_reopen(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id a = rig_submit_plain(&rig, "q", "t"), b = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    uint32_t token = got->token;
    struct store_commit_item old = rig_item(got, JOB_EV_SUCCEED);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    (void)rig_recover(&rig);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &a));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&rig, &b));
    EXPECT_EQ_INT(-ESTALE, rig_commit(&rig, &old));
    got = rig_claim_one(&rig, "q", "t");
    EXPECT_TRUE(id_equal(&a, &got->spec.id));
    EXPECT_TRUE(got->token > token);
    EXPECT_EQ_INT(-ESTALE, rig_commit(&rig, &old));
    EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    const struct store_stats *stats = rig_stats(&rig);
    EXPECT_EQ_INT(1, stats->queues[0].by_state[JOB_QUEUED]);
    EXPECT_EQ_INT(1, stats->queues[0].by_state[JOB_SUCCEEDED]);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

CASES(life, ON_ALL, {"submit, claim, succeed", test_life},
      {"scheduled jobs become due in order", test_scheduled},
      {"a failed attempt runs again later", test_retry},
      {"a new opening takes the jobs of the old one", test_reopen});
