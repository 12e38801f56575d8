/* Several hosts on one store: whose a job is, how that ends, and what each hears of the others. */
#include <errno.h>

#include "cases.h"

struct two {
    struct rig a, b;
};

static void two_start(struct two *t) {
    rig_start(&t->a);
    rig_start_beside(&t->b, &t->a);
    // both are connected, and hear what the other does
    (void)rig_stats(&t->a);
    EXPECT_EQ_INT(0, rig_beat(&t->a));
    EXPECT_EQ_INT(0, rig_beat(&t->b));
    RIG_AWAIT(&t->a, rig_listeners() == 2);
    rig_forget(&t->a);
    rig_forget(&t->b);
}

static void two_finish(struct two *t) {
    rig_expect_sound(&t->a);
    rig_finish(&t->b);
    rig_finish(&t->a);
}

/* A host learns of a queue when it hears of its first job. */
static struct job_id submit_heard(struct two *t) {
    struct job_id id = rig_submit_plain(&t->a, "q", "t");
    RIG_AWAIT(&t->b, rig_was_ready(&t->b, "q", "t"));
    return id;
}

static int start_job(struct rig *rig, const struct store_claimed *job) {
    struct store_start_item item = {
        .id = job->spec.id, .token = job->token, .started_ms = rig->now, .pid = 7, .build = "b"};
    struct store_start start = {.items = &item, .count = 1};
    int r = rig_run(rig, &start.op, STORE_START);
    store_op_finish(&start.op);
    return r < 0 ? r : item.status;
}

/* ------------------------------------------------------------------ claims */

static void test_claimed(void) {
    struct two t;
    struct job_id ids[3];
    two_start(&t);
    for (int i = 0; i < 3; i++) {
        ids[i] = submit_heard(&t);
    }
    const struct store_claim *claim = rig_claim(&t.a, "q", "t", 2);
    EXPECT_EQ_UINT(2, claim->job_count);
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&t.b, &ids[0]));
    const struct store_claimed *last = rig_claim_one(&t.b, "q", "t");
    EXPECT_TRUE(id_equal(&ids[2], &last->spec.id));
    EXPECT_EQ_UINT(0, rig_claim(&t.b, "q", "t", 5)->job_count);
    EXPECT_EQ_UINT(0, rig_recover(&t.b)); // their leases hold
    EXPECT_EQ_INT(0, rig_succeed(&t.a, &claim->jobs[0]));
    EXPECT_EQ_INT(0, rig_succeed(&t.a, &claim->jobs[1]));
    EXPECT_EQ_INT(0, rig_succeed(&t.b, last));
    EXPECT_EQ_INT(3, rig_stats(&t.b)->queues[0].by_state[JOB_SUCCEEDED]);
    two_finish(&t);
}

/* Both ask at the same time, again and again: every job is claimed once. */
static void test_race(void) {
    enum { JOBS = 300, PORTION = 7, ROUNDS = JOBS / PORTION / 2 + 2 };
    static struct job_id ids[JOBS];
    static unsigned taken[JOBS];
    struct two t;
    two_start(&t);
    memset(taken, 0, sizeof taken);
    for (int i = 0; i < JOBS; i++) {
        ids[i] = submit_heard(&t);
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct rig *rigs[2] = {&t.a, &t.b};
        struct store_claim *claims[2];
        struct store_claim_want want = {.lane = {"q", "t"}, .limit = PORTION};
        bool done[2];
        for (int i = 0; i < 2; i++) {
            claims[i] = RIG_NEW(rigs[i], store_claim);
            claims[i]->wants = &want;
            claims[i]->want_count = 1;
            claims[i]->host_nonce = rigs[i]->nonce;
            rig_post(rigs[i], &claims[i]->op, STORE_CLAIM, &done[i]);
        }
        for (int i = 0; i < 2; i++) {
            rig_wait(rigs[i], &done[i]);
            for (size_t k = 0; k < claims[i]->job_count; k++) {
                for (int j = 0; j < JOBS; j++) {
                    taken[j] += id_equal(&ids[j], &claims[i]->jobs[k].spec.id);
                }
                EXPECT_EQ_INT(0, rig_succeed(rigs[i], &claims[i]->jobs[k]));
            }
            claims[i]->wants = NULL;
        }
    }
    for (int j = 0; j < JOBS; j++) {
        EXPECT_EQ_UINT(1, taken[j]);
    }
    EXPECT_EQ_INT(JOBS, rig_stats(&t.b)->queues[0].by_state[JOB_SUCCEEDED]);
    two_finish(&t);
}

/* A host that is sent ids alone, because it remembers what it submits, gets one that another has submitted. */
static void test_not_remembered(void) {
    struct two t;
    two_start(&t);
    (void)rig_submit_plain(&t.b, "q", "t");
    struct job_spec spec = rig_spec(&t.a, "q", "t");
    spec.payload = bytes_of("{\"of\":\"another\"}");
    spec.labels = "a,b";
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&t.a, &spec));
    (void)rig_submit_plain(&t.b, "q", "t");
    const struct store_claim *claim = rig_claim(&t.b, "q", "t", 3);
    EXPECT_EQ_UINT(3, claim->job_count);
    for (size_t i = 0; i < claim->job_count; i++) {
        const struct store_claimed *job = &claim->jobs[i];
        EXPECT_EQ_UINT(1, job->token);
        EXPECT_EQ_STR("q", job->spec.queue);
        if (id_equal(&spec.id, &job->spec.id)) {
            EXPECT_EQ_BYTES(spec.payload.data, spec.payload.len, job->spec.payload.data,
                            job->spec.payload.len);
            EXPECT_EQ_STR("a,b", job->spec.labels);
        }
        EXPECT_EQ_INT(0, rig_succeed(&t.b, job));
    }
    EXPECT_EQ_INT(3, rig_stats(&t.a)->queues[0].by_state[JOB_SUCCEEDED]);
    two_finish(&t);
}

/* What changed since is not what the host remembers. */
static void test_changed_since(void) {
    struct two t;
    two_start(&t);
    struct job_spec spec = rig_spec(&t.b, "q", "t");
    spec.deadline_ms = t.b.now + 1000;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&t.b, &spec));
    (void)rig_submit_plain(&t.b, "q", "t");
    RIG_AWAIT(&t.a, rig_was_ready(&t.a, "q", "t"));
    EXPECT_EQ_INT(0, rig_move(&t.a, &spec.id, JOB_EV_CANCEL));
    struct store_move_item item = {
        .id = spec.id, .event = JOB_EV_REVIVE, .deadline_ms = t.b.now + 9000};
    struct store_move move = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(&t.a, &move.op, STORE_MOVE));
    store_op_finish(&move.op);
    const struct store_claim *claim = rig_claim(&t.b, "q", "t", 2);
    EXPECT_EQ_UINT(2, claim->job_count);
    for (size_t i = 0; i < claim->job_count; i++) {
        if (id_equal(&spec.id, &claim->jobs[i].spec.id)) {
            EXPECT_EQ_INT(t.b.now + 9000, claim->jobs[i].spec.deadline_ms);
        }
        EXPECT_EQ_INT(0, rig_succeed(&t.b, &claim->jobs[i]));
    }
    two_finish(&t);
}

/* ------------------------------------------------------------------ leases */

/* A stands still for longer than its lease; B takes the job over. */
static void test_takeover(void) {
    for (int begun = 0; begun < 2; begun++) {
        struct two t;
        two_start(&t);
        struct job_id id = submit_heard(&t);
        const struct store_claimed *first = rig_claim_one(&t.a, "q", "t");
        if (begun == 1) {
            EXPECT_EQ_INT(0, start_job(&t.a, first));
        }
        EXPECT_EQ_INT(1, rig_end_leases());
        rig_forget(&t.b);
        EXPECT_EQ_UINT(1, rig_recover(&t.b));
        EXPECT_TRUE(rig_was_ready(&t.b, "q", "t"));
        EXPECT_EQ_INT(JOB_QUEUED, rig_state(&t.b, &id));
        EXPECT_EQ_INT(begun, rig_get(&t.b, &id)->counters.lost);
        const struct store_claimed *second = rig_claim_one(&t.b, "q", "t");
        EXPECT_TRUE(second->token > first->token);
        EXPECT_EQ_INT(begun, second->counters.lost);
        EXPECT_EQ_INT(0, second->counters.attempts);

        EXPECT_EQ_INT(-ESTALE, rig_succeed(&t.a, first)); // awake again: too late
        EXPECT_EQ_INT(-ESTALE, start_job(&t.a, first));
        EXPECT_EQ_INT(JOB_RUNNING, rig_state(&t.a, &id));
        EXPECT_EQ_INT(0, rig_beat(&t.a)); // it renews nothing of what is B's
        EXPECT_EQ_UINT(0, t.b.fenced.count);
        EXPECT_EQ_INT(0, rig_succeed(&t.b, second));
        EXPECT_EQ_INT(-ESTALE, rig_succeed(&t.a, first));
        EXPECT_EQ_UINT(1, rig_get(&t.a, &id)->commit_no);
        two_finish(&t);
    }
}

/* The beat alone tells A that it is fenced, before it tries to commit. */
static void test_fenced_by_beat(void) {
    struct two t;
    two_start(&t);
    struct job_id ids[2] = {submit_heard(&t), submit_heard(&t)};
    (void)rig_claim_one(&t.a, "q", "t");
    EXPECT_EQ_INT(1, rig_end_leases());
    EXPECT_EQ_UINT(1, rig_recover(&t.b));
    const struct store_claim *claim = rig_claim(&t.b, "q", "t", 2);
    EXPECT_TRUE(id_equal(&ids[0], &claim->jobs[0].spec.id)); // with its old turn
    EXPECT_EQ_INT(0, rig_beat(&t.a));
    RIG_AWAIT(&t.a, rig_has_id(&t.a.fenced, &ids[0]));
    EXPECT_EQ_UINT(1, t.a.fenced.count);
    EXPECT_EQ_INT(0, rig_beat(&t.a));
    EXPECT_EQ_UINT(1, t.a.fenced.count); // said once
    two_finish(&t);
}

static void test_renewed(void) {
    struct two t;
    two_start(&t);
    struct job_id id = submit_heard(&t);
    const struct store_claimed *job = rig_claim_one(&t.a, "q", "t");
    EXPECT_EQ_INT(1, rig_end_leases());
    EXPECT_EQ_INT(0, rig_beat(&t.a)); // just in time
    EXPECT_EQ_UINT(0, rig_recover(&t.b));
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&t.b, &id));
    EXPECT_EQ_INT(1, rig_end_leases());
    EXPECT_EQ_INT(0, rig_beat(&t.b)); // another's beat renews nothing
    EXPECT_EQ_UINT(1, rig_recover(&t.b));
    EXPECT_EQ_INT(-ESTALE, rig_succeed(&t.a, job));
    two_finish(&t);
}

/* The server's clock ends it; RECOVER says when to come. */
static void test_time_of_lease(void) {
    struct rig a, b;
    rig_init(&a);
    a.config.lease_ms = 50;
    EXPECT_EQ_INT(0, rig_open(&a));
    rig_start_beside(&b, &a);
    struct job_id id = rig_submit_plain(&a, "q", "t");
    (void)rig_claim_one(&a, "q", "t");
    size_t released = 0;
    RIG_AWAIT(&b, (released += rig_recover(&b)) > 0);
    EXPECT_EQ_UINT(1, released);
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&b, &id));
    rig_finish(&b);
    rig_finish(&a);
}

/* It says when the lease of another's job ends, and is told of the first one by an event. */
static void test_lease_news(void) {
    struct two t;
    two_start(&t);
    (void)submit_heard(&t);
    (void)rig_claim_one(&t.a, "q", "t");
    struct store_recover rec = {.host_nonce = t.b.nonce, .limit = 10};
    EXPECT_EQ_INT(0, rig_run(&t.b, &rec.op, STORE_RECOVER));
    EXPECT_EQ_UINT(0, rec.released);
    EXPECT_TRUE(rec.next_ms > 0);
    store_op_finish(&rec.op);
    RIG_AWAIT(&t.b, t.b.lease_end > 0);
    two_finish(&t);
}

/* The next boot of a host says which one is gone: nobody waits for a lease. */
static void test_gone(void) {
    struct two t;
    two_start(&t);
    struct job_id mine = submit_heard(&t);
    struct job_id others = submit_heard(&t);
    (void)rig_claim_one(&t.a, "q", "t");
    (void)rig_claim_one(&t.b, "q", "t");
    EXPECT_EQ_INT(0, rig_reopen(&t.a));
    EXPECT_EQ_UINT(1, rig_recover(&t.a));
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&t.a, &mine));
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&t.a, &others));
    two_finish(&t);
}

static struct store_host row_of(struct rig *rig, uint64_t nonce) {
    struct store_host_list *list = RIG_NEW(rig, store_host_list);
    EXPECT_EQ_INT(0, rig_run(rig, &list->op, STORE_HOST_LIST));
    for (size_t i = 0; i < list->count; i++) {
        if (list->hosts[i].nonce == nonce) {
            return list->hosts[i];
        }
    }
    return (struct store_host){.name = NULL};
}

/* It is not taken for alive until the end of its lease. Who took its leave did not get lost. */
static void test_gone_is_listed(void) {
    struct two t;
    two_start(&t);
    struct store_host before = row_of(&t.b, t.a.nonce);
    EXPECT_TRUE(!before.lost && before.lease_end_ms > before.seen_ms);
    EXPECT_EQ_INT(0, rig_reopen(&t.a));
    EXPECT_EQ_UINT(0, rig_recover(&t.a));
    EXPECT_EQ_UINT(0, rig_recover(&t.a)); // again
    EXPECT_EQ_INT(0, rig_beat(&t.a));
    struct store_host gone = row_of(&t.b, t.a.nonce - 1);
    EXPECT_TRUE(gone.lost);
    EXPECT_FALSE(gone.left);
    EXPECT_EQ_INT(before.seen_ms, gone.seen_ms);
    EXPECT_EQ_UINT(before.running, gone.running);
    EXPECT_FALSE(row_of(&t.a, t.a.nonce).lost);
    EXPECT_FALSE(row_of(&t.a, t.b.nonce).lost);
    struct store_host_lease leave = {.name = "rig", .nonce = t.a.nonce, .version = "0.1"};
    EXPECT_EQ_INT(0, rig_run(&t.a, &leave.op, STORE_HOST_LEASE));
    store_op_finish(&leave.op);
    EXPECT_EQ_INT(0, rig_reopen(&t.a));
    EXPECT_EQ_UINT(0, rig_recover(&t.a));
    EXPECT_TRUE(row_of(&t.b, t.a.nonce - 1).left);
    EXPECT_FALSE(row_of(&t.b, t.a.nonce - 1).lost);
    two_finish(&t);
}

/* ------------------------------------------------------------------ what one hears of the other */

static struct store_move_item ask(struct rig *rig, const struct job_id *id) {
    struct store_move_item item = {.id = *id, .event = JOB_EV_CANCEL, .ask = true, .keep_ms = 5000};
    struct store_move move = {.items = &item, .count = 1};
    EXPECT_EQ_INT(0, rig_run(rig, &move.op, STORE_MOVE));
    store_op_finish(&move.op);
    return item;
}

static void test_ask(void) {
    struct two t;
    two_start(&t);
    struct job_id id = rig_submit_plain(&t.a, "q", "t");
    const struct store_claimed *job = rig_claim_one(&t.a, "q", "t");
    struct store_move_item asked = ask(&t.b, &id);
    EXPECT_EQ_INT(0, asked.status);
    EXPECT_EQ_INT(JOB_RUNNING, asked.state);
    RIG_AWAIT(&t.a, rig_has_id(&t.a.asked, &id));
    EXPECT_EQ_UINT(0, t.b.asked.count); // it does not have it
    struct store_commit_item item = rig_item(job, JOB_EV_RETRY);
    item.run_at_ms = t.a.now + 1000;
    EXPECT_EQ_INT(0, rig_commit(&t.a, &item));
    EXPECT_EQ_INT(JOB_CANCELLED, item.state);
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&t.b, &id));
    two_finish(&t);
}

/* A message that nobody heard: the beat brings it. */
static void test_ask_missed(void) {
    struct two t;
    two_start(&t);
    struct job_id id = rig_submit_plain(&t.a, "q", "t");
    (void)rig_claim_one(&t.a, "q", "t");
    EXPECT_EQ_INT(2, rig_redis("CLIENT KILL TYPE pubsub"));
    EXPECT_EQ_INT(0, ask(&t.b, &id).status);
    EXPECT_EQ_INT(0, rig_beat(&t.a));
    RIG_AWAIT(&t.a, rig_has_id(&t.a.asked, &id));
    two_finish(&t);
}

static void pause_queue(struct rig *rig, bool paused) {
    struct store_queue_set set = {
        .queue = "q", .paused = paused, .by = "cli:ann", .why = "repairs"};
    EXPECT_EQ_INT(0, rig_run(rig, &set.op, STORE_QUEUE_SET));
    store_op_finish(&set.op);
}

static void test_pause(void) {
    struct two t;
    two_start(&t);
    (void)rig_submit_plain(&t.a, "q", "t");
    rig_forget(&t.a);
    pause_queue(&t.b, true);
    RIG_AWAIT(&t.a, strcmp("q paused by cli:ann: repairs", t.a.paused) == 0);
    pause_queue(&t.b, false);
    RIG_AWAIT(&t.a, strncmp("q resumed", t.a.paused, 9) == 0);
    two_finish(&t);
}

/* A lane that was empty when B last looked. */
static void test_ready(void) {
    struct two t;
    two_start(&t);
    for (int round = 0; round < 3; round++) {
        EXPECT_EQ_UINT(0, rig_claim(&t.b, "q", "t", 2)->job_count);
        rig_forget(&t.b);
        (void)rig_submit_plain(&t.a, "q", "t");
        RIG_AWAIT(&t.b, rig_was_ready(&t.b, "q", "t"));
        EXPECT_EQ_UINT(1, rig_claim(&t.b, "q", "t", 2)->job_count);
    }
    two_finish(&t);
}

/* One in the same queue, of a type that nobody ever had there, and by every way into a lane. */
static void test_ready_by_all_ways(void) {
    struct two t;
    two_start(&t);
    struct job_spec spec = rig_spec(&t.a, "q", "late");
    spec.run_at_ms = t.a.now + 10;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&t.a, &spec));
    t.a.now += 10;
    EXPECT_EQ_UINT(1, rig_due(&t.a, NULL));
    RIG_AWAIT(&t.b, rig_was_ready(&t.b, "q", "late")); // DUE
    const struct store_claimed *job = rig_claim_one(&t.a, "q", "late");
    rig_forget(&t.b);
    struct store_commit_item back = rig_item(job, JOB_EV_RELEASE);
    EXPECT_EQ_INT(0, rig_commit(&t.a, &back));
    RIG_AWAIT(&t.b, rig_was_ready(&t.b, "q", "late")); // RELEASE
    struct job_id parked = rig_submit_plain(&t.a, "q", "parked");
    EXPECT_EQ_INT(0, rig_move(&t.a, &parked, JOB_EV_PARK));
    rig_forget(&t.b);
    EXPECT_EQ_INT(0, rig_move(&t.a, &parked, JOB_EV_WAKE));
    RIG_AWAIT(&t.b, rig_was_ready(&t.b, "q", "parked")); // WAKE
    job = rig_claim_one(&t.a, "q", "parked");
    struct job_spec kid = rig_spec(&t.a, "elsewhere", "kid");
    struct store_commit_item item = rig_item(job, JOB_EV_SUCCEED);
    item.children = &kid;
    item.child_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&t.a, &item));
    struct store_forward forward = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(&t.b, &forward.op, STORE_FORWARD)); // by whoever comes first
    EXPECT_EQ_UINT(1, forward.delivered);
    store_op_finish(&forward.op);
    RIG_AWAIT(&t.a, rig_was_ready(&t.a, "elsewhere", "kid")); // FORWARD
    RIG_AWAIT(&t.b, rig_was_ready(&t.b, "elsewhere", "kid"));
    two_finish(&t);
}

/* Whoever was away when it was said hears of it by coming back. */
static void test_ready_missed(void) {
    struct two t;
    two_start(&t);
    EXPECT_EQ_UINT(0, rig_claim(&t.b, "q", "t", 1)->job_count);
    EXPECT_EQ_INT(2, rig_redis("CLIENT KILL TYPE pubsub"));
    (void)rig_submit_plain(&t.a, "q", "t");
    RIG_AWAIT(&t.b, rig_was_ready(&t.b, "q", "t"));
    two_finish(&t);
}

static void test_due(void) {
    struct two t;
    int64_t next;
    two_start(&t);
    struct job_spec later = rig_spec(&t.a, "q", "t"), sooner = rig_spec(&t.a, "q", "t");
    later.run_at_ms = t.a.now + 5000;
    sooner.run_at_ms = t.a.now + 1000;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&t.a, &later));
    RIG_AWAIT(&t.b, t.b.due == later.run_at_ms);
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&t.a, &sooner));
    RIG_AWAIT(&t.b, t.b.due == sooner.run_at_ms);
    t.b.now += 1000;
    EXPECT_EQ_UINT(1, rig_due(&t.b, &next));
    EXPECT_EQ_INT(later.run_at_ms, next);
    t.a.now += 5000;
    EXPECT_EQ_UINT(1, rig_due(&t.a, &next)); // not what the other made ready
    EXPECT_EQ_INT(0, next);
    EXPECT_EQ_UINT(2, rig_claim(&t.b, "q", "t", 5)->job_count);
    two_finish(&t);
}

/* ------------------------------------------------------------------ one state for all */

static void test_keys_for_all(void) {
    struct two t;
    two_start(&t);
    struct job_spec first = rig_spec(&t.a, "q", "t"), second = rig_spec(&t.b, "q", "t");
    first.dedup_key = second.dedup_key = "k";
    second.dedup_mode = DEDUP_REJECT;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&t.a, &first));
    EXPECT_EQ_INT(-EEXIST, rig_submit(&t.b, &second));
    EXPECT_EQ_INT(0, rig_succeed(&t.b, rig_claim_one(&t.b, "q", "t")));
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&t.b, &second));
    two_finish(&t);
}

/* A queue that B has never heard of, with a prefix that only A's configuration names. */
static void test_queues_for_all(void) {
    static const struct store_queue_setup keys = {.queue = "klap", .prefix = "klap:"};
    struct rig a, b;
    rig_init(&a);
    a.config.queues = &keys;
    a.config.queue_count = 1;
    EXPECT_EQ_INT(0, rig_open(&a));
    rig_start_beside(&b, &a);
    struct job_id id = rig_submit_plain(&a, "klap", "t");
    EXPECT_EQ_INT(JOB_QUEUED, rig_state(&b, &id));
    EXPECT_EQ_UINT(1, rig_list(&b, rig_filter(), 10, NULL)->count);
    EXPECT_EQ_UINT(1, rig_stats(&b)->queue_count);
    EXPECT_EQ_INT(0, rig_move(&b, &id, JOB_EV_CANCEL));
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&a, &id));
    rig_expect_sound(&b);
    rig_finish(&b);
    rig_finish(&a);
}

static void test_host_list(void) {
    struct two t;
    two_start(&t);
    struct store_host_list *list = RIG_NEW(&t.b, store_host_list);
    EXPECT_EQ_INT(0, rig_run(&t.b, &list->op, STORE_HOST_LIST));
    EXPECT_EQ_UINT(2, list->count);
    bool seen[2] = {false};
    for (size_t i = 0; i < list->count; i++) {
        seen[0] = seen[0] || list->hosts[i].nonce == t.a.nonce;
        seen[1] = seen[1] || list->hosts[i].nonce == t.b.nonce;
        EXPECT_FALSE(list->hosts[i].left);
        EXPECT_EQ_UINT(1, list->hosts[i].running);
    }
    EXPECT_TRUE(seen[0]);
    EXPECT_TRUE(seen[1]);
    two_finish(&t);
}

/* A server that was restarted on an older state has forgotten the claim, and gives its token again. */
static void test_token_twice(void) {
    struct two t;
    char id[JOB_ID_TEXT + 1];
    two_start(&t);
    struct job_id job = submit_heard(&t);
    id_format(&job, id);
    const struct store_claimed *first = rig_claim_one(&t.a, "q", "t");
    (void)rig_redis("HSET job:%s status queued", id);
    (void)rig_redis("HDEL job:%s claim", id);
    (void)rig_redis("ZREM jobs:q:processing %s", id);
    (void)rig_redis("RPUSH jobs:q:queue %s", id);
    (void)rig_redis("HSET jobs:q:types t 1");
    const struct store_claimed *second = rig_claim_one(&t.b, "q", "t");
    if (first != NULL && second != NULL) {
        EXPECT_EQ_UINT(first->token, second->token);
        EXPECT_EQ_INT(-ESTALE, start_job(&t.a, first));
        EXPECT_EQ_INT(-ESTALE, rig_succeed(&t.a, first));
        EXPECT_EQ_INT(0, start_job(&t.b, second));
        EXPECT_EQ_INT(0, rig_succeed(&t.b, second));
    }
    two_finish(&t);
}

/* Who reads the counters is not who starts the jobs: both must know. */
static void test_pause_by_counters(void) {
    struct two t;
    two_start(&t);
    (void)submit_heard(&t);
    (void)rig_redis("HSET jobs:q:paused by cli:ann why repairs at 5");
    EXPECT_TRUE(rig_stats(&t.b)->queues[0].paused);
    EXPECT_EQ_STR("q paused by cli:ann: repairs", t.b.paused);
    EXPECT_EQ_UINT(1, t.b.paused_events);
    (void)rig_stats(&t.b);
    EXPECT_EQ_UINT(1, t.b.paused_events);
    two_finish(&t);
}

CASES(hosts_shared, ON_SHARED, {"a job that one host has is not another's", test_claimed},
      {"two hosts claim at once", test_race},
      {"a host claims what it did not submit", test_not_remembered},
      {"a host claims what was changed since it submitted it", test_changed_since},
      {"a job whose lease ended goes to another host, and the first is fenced", test_takeover},
      {"a host learns by its beat that it is fenced", test_fenced_by_beat},
      {"a host's beat renews what it has", test_renewed},
      {"a lease ends by the server's clock", test_time_of_lease},
      {"when the lease of another ends", test_lease_news},
      {"a host that is back says who is gone", test_gone},
      {"a host that is gone is listed as such", test_gone_is_listed},
      {"a host is asked by way of another", test_ask},
      {"a host that did not hear it is asked by its beat", test_ask_missed},
      {"a pause reaches all hosts", test_pause},
      {"a pause that the counters told of", test_pause_by_counters},
      {"a submission wakes another host", test_ready},
      {"whatever fills a lane wakes another host", test_ready_by_all_ways},
      {"a host that was not listening looks by itself", test_ready_missed},
      {"an earlier due time reaches another host", test_due},
      {"dedup keys hold for all hosts", test_keys_for_all},
      {"queues are known to all hosts", test_queues_for_all},
      {"all hosts are listed", test_host_list}, {"a token that was given twice", test_token_twice});
