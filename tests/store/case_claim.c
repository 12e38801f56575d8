/* CLAIM, START, RECOVER: who gets what, in which order, and whose it is. */
#include <errno.h>
#include <event2/event.h>

#include "cases.h"

static struct job_id submit_with(struct rig *rig, enum job_priority priority) {
    struct job_spec spec = rig_spec(rig, "q", "t");
    spec.priority = priority;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    return spec.id;
}

static void test_order(void) {
    struct rig rig;
    struct job_id ids[10];
    rig_start(&rig);
    for (int i = 0; i < 10; i++) {
        ids[i] = rig_submit_plain(&rig, "q", "t");
        rig.now += i % 3; // several in one millisecond
    }
    for (int i = 0; i < 10;) {
        const struct store_claim *claim = rig_claim(&rig, "q", "t", 3);
        EXPECT_TRUE(claim->job_count > 0);
        for (size_t k = 0; k < claim->job_count; k++) {
            EXPECT_TRUE(id_equal(&ids[i++], &claim->jobs[k].spec.id));
        }
    }
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 3)->job_count);
    rig_finish(&rig);
}

static void test_lanes(void) {
    struct rig rig;
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q1", "a");
    (void)rig_submit_plain(&rig, "q1", "b");
    (void)rig_submit_plain(&rig, "q2", "a");
    struct store_claim_want wants[] = {{.lane = {"q1", "b"}, .limit = 5},
                                       {.lane = {"q2", "b"}, .limit = 5},
                                       {.lane = {"q2", "a"}, .limit = 0},
                                       {.lane = {"q1", "a"}, .limit = 5}};
    struct store_claim *claim = RIG_NEW(&rig, store_claim);
    claim->wants = wants;
    claim->want_count = ARRAY_LEN(wants);
    claim->host_nonce = rig.nonce;
    EXPECT_EQ_INT(0, rig_run(&rig, &claim->op, STORE_CLAIM));
    EXPECT_EQ_UINT(2, claim->job_count);
    EXPECT_EQ_UINT(0, claim->jobs[0].want);
    EXPECT_EQ_STR("b", claim->jobs[0].spec.type);
    EXPECT_EQ_UINT(3, claim->jobs[1].want);
    EXPECT_EQ_STR("q1", claim->jobs[1].spec.queue);
    EXPECT_EQ_UINT(0, rig_claim(&rig, "nowhere", "a", 5)->job_count);
    const struct store_stats *stats = rig_stats(&rig);
    EXPECT_EQ_UINT(1, stats->lane_count);
    EXPECT_EQ_STR("q2", stats->lanes[0].lane.queue);
    rig_finish(&rig);
}

static void test_priorities(void) {
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < 8; i++) {
        (void)submit_with(&rig, PRIORITY_LOW);
        (void)submit_with(&rig, PRIORITY_NORMAL);
        (void)submit_with(&rig, PRIORITY_HIGH);
    }
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 12);
    EXPECT_EQ_UINT(12, claim->job_count);
    for (size_t i = 0; i < claim->job_count; i++) {
        EXPECT_EQ_INT(i < 8 ? PRIORITY_HIGH : PRIORITY_NORMAL, claim->jobs[i].spec.priority);
    }
    const struct store_stats *stats = rig_stats(&rig);
    EXPECT_EQ_INT(0, stats->queues[0].waiting[PRIORITY_HIGH]);
    EXPECT_EQ_INT(4, stats->queues[0].waiting[PRIORITY_NORMAL]);
    EXPECT_EQ_INT(8, stats->queues[0].waiting[PRIORITY_LOW]);
    rig_finish(&rig);
}

static void test_ageing(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id low = submit_with(&rig, PRIORITY_LOW);
    rig.now += 240000; // PRIORITY_AGED_MS
    for (int i = 0; i < 20; i++) {
        (void)submit_with(&rig, PRIORITY_HIGH);
    }
    bool found = false;
    for (uint64_t turn = 0; turn < 4; turn++) { // one of four turns is for the aged
        struct store_claim_want want = {.lane = {"q", "t"}, .limit = 1, .turn = turn};
        struct store_claim *claim = RIG_NEW(&rig, store_claim);
        claim->wants = &want;
        claim->want_count = 1;
        claim->host_nonce = rig.nonce;
        EXPECT_EQ_INT(0, rig_run(&rig, &claim->op, STORE_CLAIM));
        EXPECT_EQ_UINT(1, claim->job_count);
        found = found || id_equal(&low, &claim->jobs[0].spec.id);
    }
    EXPECT_TRUE(found);
    rig_finish(&rig);
}

static void test_too_late(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec expires = rig_spec(&rig, "q", "t"), deadline = rig_spec(&rig, "q", "t"),
                    fine = rig_spec(&rig, "q", "t");
    expires.expires_ms = rig.now + 10;
    deadline.deadline_ms = rig.now + 10;
    fine.expires_ms = fine.deadline_ms = rig.now + 11;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &expires));
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &deadline));
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &fine));
    rig.now += 10;
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 10);
    EXPECT_EQ_UINT(1, claim->job_count);
    EXPECT_TRUE(id_equal(&fine.id, &claim->jobs[0].spec.id));
    EXPECT_EQ_INT(rig.now - 10, claim->jobs[0].ready_ms);
    EXPECT_EQ_UINT(2, claim->ended_count);
    const struct store_job *job = rig_get(&rig, &expires.id);
    EXPECT_EQ_INT(JOB_DEAD, job->state);
    EXPECT_EQ_STR("expired", job->error.code);
    EXPECT_EQ_INT(rig.now, job->finished_ms);
    EXPECT_EQ_STR("deadline", rig_get(&rig, &deadline.id)->error.code);

    // once it has run, only the deadline counts
    struct store_commit_item retry = rig_item(&claim->jobs[0], JOB_EV_RETRY);
    retry.run_at_ms = rig.now + 100;
    retry.first_run_ms = rig.now;
    EXPECT_EQ_INT(0, rig_commit(&rig, &retry));
    rig.now += 100;
    EXPECT_EQ_INT(1, rig_due(&rig, NULL));
    claim = rig_claim(&rig, "q", "t", 10);
    EXPECT_EQ_UINT(0, claim->job_count);
    EXPECT_EQ_STR("deadline", rig_get(&rig, &fine.id)->error.code);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

// What began counts as its first run although nothing more was heard of it.
static void test_started_is_not_late(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_spec spec = rig_spec(&rig, "q", "t");
    spec.expires_ms = rig.now + 10;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    struct store_start_item item = {.id = spec.id, .token = got->token, .started_ms = rig.now};
    struct store_start start = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &start.op, STORE_START));
    store_op_finish(&start.op);
    EXPECT_EQ_INT(rig.now, rig_get(&rig, &spec.id)->first_run_ms);
    struct store_commit_item back = rig_item(got, JOB_EV_RELEASE);
    EXPECT_EQ_INT(0, rig_commit(&rig, &back));
    rig.now += 20;
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 1);
    if (EXPECT_EQ_UINT(1, claim->job_count)) {
        EXPECT_EQ_INT(rig.now - 20, claim->jobs[0].first_run_ms);
    }
    rig_finish(&rig);
}

static void test_start(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    struct job_progress progress = {3, 10, "third", rig.now};
    struct store_start_item items[2] = {
        {.id = id, .token = got->token, .started_ms = rig.now - 5, .pid = 99, .build = "b2"},
        {.id = id, .token = got->token + 1, .started_ms = rig.now}};
    struct store_start start = {.items = items, .count = 2};
    EXPECT_EQ_INT(0, rig_run(&rig, &start.op, STORE_START));
    EXPECT_EQ_INT(0, items[0].status);
    EXPECT_EQ_INT(-ESTALE, items[1].status);
    const struct store_job *job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_RUNNING, job->state);
    EXPECT_EQ_INT(rig.now - 5, job->started_ms);
    EXPECT_EQ_INT(99, job->pid);
    EXPECT_EQ_STR("b2", job->build);
    EXPECT_EQ_UINT(2, job->rev);
    items[0].progress = &progress;
    items[0].log_tail = bytes_of("line\n");
    start.count = 1;
    EXPECT_EQ_INT(0, rig_run(&rig, &start.op, STORE_START)); // again, with news
    job = rig_get(&rig, &id);
    EXPECT_EQ_INT(3, job->progress.done);
    EXPECT_EQ_STR("third", job->progress.message);
    EXPECT_EQ_BYTES("line\n", 5, job->log_tail.data, job->log_tail.len);
    EXPECT_EQ_UINT(2, job->rev);
    EXPECT_EQ_INT(0, rig_succeed(&rig, got));
    job = rig_get(&rig, &id);
    EXPECT_EQ_INT(JOB_SUCCEEDED, job->state);
    EXPECT_EQ_UINT(3, job->rev);
    EXPECT_EQ_INT(-ESTALE, (rig_run(&rig, &start.op, STORE_START), items[0].status));
    store_op_finish(&start.op);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_recover(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = rig_submit_plain(&rig, "q", "t");
    }
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 2);
    struct store_start_item item = {
        .id = ids[0], .token = claim->jobs[0].token, .started_ms = rig.now};
    struct store_start start = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &start.op, STORE_START));
    store_op_finish(&start.op);
    EXPECT_EQ_INT(0, rig_recover(&rig)); // ours are not taken from us
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &ids[0]));
    rig.nonce++; // as another host would
    rig_forget(&rig);
    EXPECT_EQ_INT(2, rig_recover(&rig));
    EXPECT_TRUE(rig_was_ready(&rig, "q", "t"));
    EXPECT_EQ_INT(1, rig_get(&rig, &ids[0])->counters.lost);
    EXPECT_EQ_INT(0, rig_get(&rig, &ids[1])->counters.lost);
    EXPECT_EQ_INT(0, rig_get(&rig, &ids[0])->counters.attempts);
    EXPECT_EQ_INT(-ESTALE, rig_succeed(&rig, &claim->jobs[0]));
    EXPECT_EQ_INT(-ESTALE, rig_succeed(&rig, &claim->jobs[1]));
    const struct store_claim *again = rig_claim(&rig, "q", "t", 5);
    EXPECT_EQ_UINT(3, again->job_count);
    EXPECT_TRUE(id_equal(&ids[0], &again->jobs[0].spec.id)); // in their old order
    EXPECT_TRUE(again->jobs[0].token > claim->jobs[0].token);
    EXPECT_TRUE(again->jobs[1].token > claim->jobs[1].token);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_recover_after_close(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    struct store_start_item item = {.id = id, .token = got->token, .started_ms = rig.now};
    struct store_start start = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &start.op, STORE_START));
    store_op_finish(&start.op);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &id)); // until somebody says that its host is gone
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 1)->job_count);
    EXPECT_EQ_INT(1, rig_recover(&rig));
    EXPECT_EQ_INT(0, rig_recover(&rig));
    EXPECT_EQ_INT(-ESTALE, rig_succeed(&rig, got));
    const struct store_claimed *again = rig_claim_one(&rig, "q", "t");
    EXPECT_TRUE(again->token > got->token);
    EXPECT_EQ_INT(1, again->counters.lost);
    EXPECT_EQ_INT(1, again->counters.executions);
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* A host that opens its store anew and goes on as the same boot. */
static void test_adopt(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t"), idle = rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *got = rig_claim_one(&rig, "q", "t");
    EXPECT_TRUE(id_equal(&id, &got->spec.id));
    struct store_start_item item = {
        .id = id, .token = got->token, .started_ms = rig.now, .pid = 7, .build = "b"};
    struct store_start start = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&rig, &start.op, STORE_START));
    store_op_finish(&start.op);
    uint64_t nonce = rig.nonce;
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    rig.nonce = nonce;
    const struct {
        struct job_id id;
        uint32_t token;
        uint64_t nonce;
        int want;
    } rows[] = {
        {id, got->token + 1, nonce, -ESTALE},
        {id, got->token, nonce + 1, -ESTALE},
        {idle, got->token, nonce, -ESTALE},
        {id, got->token, nonce, 0},
    };
    struct store_adopt *adopt = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        adopt = RIG_NEW(&rig, store_adopt);
        adopt->id = rows[i].id;
        adopt->token = rows[i].token;
        adopt->host_nonce = rows[i].nonce;
        EXPECT_EQ_INT(rows[i].want, rig_run(&rig, &adopt->op, STORE_ADOPT));
    }
    EXPECT_EQ_STR("q", adopt->job.spec.queue);
    EXPECT_EQ_STR("t", adopt->job.spec.type);
    EXPECT_EQ_STR("b", adopt->job.build);
    EXPECT_EQ_UINT(got->token, adopt->job.token);
    EXPECT_EQ_INT(0, rig_recover(&rig)); // it is in hand again
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &id));
    const struct store_claim *rest = rig_claim(&rig, "q", "t", 5);
    EXPECT_EQ_UINT(1, rest->job_count);
    EXPECT_TRUE(id_equal(&idle, &rest->jobs[0].spec.id));
    EXPECT_EQ_INT(0, rig_succeed(&rig, &adopt->job));
    EXPECT_EQ_INT(JOB_SUCCEEDED, rig_state(&rig, &id));
    EXPECT_EQ_INT(0, rig_succeed(&rig, &rest->jobs[0]));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_recover_in_parts(void) {
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < 5; i++) {
        (void)rig_submit_plain(&rig, "q", "t");
    }
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 5);
    struct store_start_item items[5];
    for (int i = 0; i < 5; i++) {
        items[i] = (struct store_start_item){
            .id = claim->jobs[i].spec.id, .token = claim->jobs[i].token, .started_ms = rig.now};
    }
    struct store_start start = {.items = items, .count = 5};
    EXPECT_EQ_INT(0, rig_run(&rig, &start.op, STORE_START));
    store_op_finish(&start.op);
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    size_t released = 0;
    bool more = true;
    while (more) {
        struct store_recover rec = {
            .host_nonce = rig.nonce, .gone_nonce = rig.nonce - 1, .limit = 2};
        EXPECT_EQ_INT(0, rig_run(&rig, &rec.op, STORE_RECOVER));
        EXPECT_TRUE(rec.released <= 2);
        released += rec.released;
        more = rec.more;
        store_op_finish(&rec.op);
    }
    EXPECT_EQ_UINT(5, released);
    rig_finish(&rig);
}

static void test_many_claims(void) {
    struct rig rig;
    rig_start(&rig);
    for (int i = 0; i < 300; i++) {
        (void)rig_submit_plain(&rig, "q", "t");
    }
    const struct store_claim *out = rig_claim(&rig, "q", "t", 200);
    EXPECT_EQ_UINT(200, out->job_count);
    // a job that comes back keeps its place before those that wait behind
    struct store_commit_item back = rig_item(&out->jobs[7], JOB_EV_RELEASE);
    back.counters = out->jobs[7].counters;
    EXPECT_EQ_INT(0, rig_commit(&rig, &back));
    const struct store_claim *next = rig_claim(&rig, "q", "t", 2);
    EXPECT_TRUE(id_equal(&out->jobs[7].spec.id, &next->jobs[0].spec.id));
    EXPECT_TRUE(next->jobs[0].token > out->jobs[7].token);
    EXPECT_EQ_UINT(99, rig_claim(&rig, "q", "t", 1000)->job_count);
    rig_finish(&rig);
}

// Posted together, so that they may fall into one group, in every order: what no claim took is
// reported.
static void test_news_of_what_is_left(void) {
    struct rig rig;
    rig_start(&rig);
    for (int round = 0; round < 60; round++) {
        bool submitted[2], claimed, more = round % 3 > 0;
        struct job_spec specs[2] = {rig_spec(&rig, "q", "t"), rig_spec(&rig, "q", "t")};
        struct store_submit_item items[2] = {{.spec = &specs[0]}, {.spec = &specs[1]}};
        struct store_submit *submits[2];
        struct store_claim_want want = {.lane = {"q", "t"}, .limit = more ? 1 : 5};
        struct store_claim *claim = RIG_NEW(&rig, store_claim);
        claim->wants = &want;
        claim->want_count = 1;
        claim->host_nonce = rig.nonce;
        for (int i = 0; i < 2; i++) {
            submits[i] = RIG_NEW(&rig, store_submit);
            submits[i]->items = &items[i];
            submits[i]->count = 1;
        }
        rig_forget(&rig);
        rig_post(&rig, &submits[0]->op, STORE_SUBMIT, &submitted[0]);
        if (round % 3 == 1) { // both before the claim, which has room for one
            rig_post(&rig, &submits[1]->op, STORE_SUBMIT, &submitted[1]);
        }
        rig_post(&rig, &claim->op, STORE_CLAIM, &claimed);
        if (round % 3 == 2) { // one after it
            rig_post(&rig, &submits[1]->op, STORE_SUBMIT, &submitted[1]);
        }
        rig_wait(&rig, &claimed);
        rig_wait(&rig, &submitted[0]);
        if (more) {
            rig_wait(&rig, &submitted[1]);
        }
        (void)event_base_loop(rig.base, EVLOOP_NONBLOCK);
        EXPECT_EQ_UINT(1, claim->job_count);
        EXPECT_TRUE(!more || rig_was_ready(&rig, "q", "t"));
        EXPECT_EQ_UINT(more ? 1 : 0, rig_claim(&rig, "q", "t", 5)->job_count);
    }
    rig_finish(&rig);
}

CASES(claim, ON_ALL, {"oldest first", test_order}, {"lanes do not hide each other", test_lanes},
      {"high before normal before low", test_priorities},
      {"an aged job gets its turn", test_ageing},
      {"jobs that are too late end instead of starting", test_too_late},
      {"a job that has started does not expire", test_started_is_not_late},
      {"START is durable, repeatable and fenced", test_start},
      {"RECOVER gives back what other hosts had", test_recover},
      {"RECOVER after the host has gone", test_recover_after_close},
      {"a claim is taken up again", test_adopt}, {"RECOVER in parts", test_recover_in_parts},
      {"a released job keeps its turn", test_many_claims},
      {"what no claim took is reported", test_news_of_what_is_left});
