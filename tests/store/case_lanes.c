/* CLAIM, leases and hints on the lists of a Redis: what a queue that holds several types does to the
 * order of its jobs, how far one call looks, and what strangers may leave there. */
#include <errno.h>

#include "cases.h"
#include "redis_server.h"

static struct job_id submit_as(struct rig *rig, const char *type, enum job_priority priority) {
    struct job_spec spec = rig_spec(rig, "q", type);
    spec.priority = priority;
    EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(rig, &spec));
    return spec.id;
}

static void submit_many(struct rig *rig, const char *type, int count, struct job_id *ret_ids) {
    enum { BATCH = 100 };
    struct job_spec specs[BATCH];
    struct store_submit_item items[BATCH];
    for (int done = 0; done < count;) {
        struct store_submit submit = {.items = items};
        for (; done < count && submit.count < BATCH; done++) {
            size_t i = submit.count++;
            specs[i] = rig_spec(rig, "q", type);
            items[i] = (struct store_submit_item){.spec = &specs[i]};
            if (ret_ids != NULL) {
                ret_ids[done] = specs[i].id;
            }
        }
        EXPECT_EQ_INT(0, rig_run(rig, &submit.op, STORE_SUBMIT));
        store_op_finish(&submit.op);
    }
}

static bool is_claimed(const struct store_claim *claim, size_t i, const struct job_id *id) {
    return i < claim->job_count && id_equal(id, &claim->jobs[i].spec.id);
}

static void give_back(struct rig *rig, const struct store_claimed *job) {
    struct store_commit_item item = rig_item(job, JOB_EV_RELEASE);
    item.counters = job->counters;
    EXPECT_EQ_INT(0, rig_commit(rig, &item));
}

/* ------------------------------------------------------------------ order */

static void test_aside(void) {
    struct rig rig;
    struct job_id a[4], b[4];
    rig_start(&rig);
    for (int i = 0; i < 4; i++) {
        a[i] = rig_submit_plain(&rig, "q", "a");
        b[i] = rig_submit_plain(&rig, "q", "b");
    }
    const struct store_claim *claim = rig_claim(&rig, "q", "b", 3); // b[3] stays in the list
    EXPECT_TRUE(is_claimed(claim, 0, &b[0]) && is_claimed(claim, 2, &b[2]));
    EXPECT_EQ_INT(3, rig_redis("LLEN jobs:q:queue:aside:normal:a"));
    EXPECT_EQ_INT(2, rig_redis("LLEN jobs:q:queue"));
    const struct store_claimed *first = rig_claim_one(&rig, "q", "a");
    EXPECT_TRUE(id_equal(&a[0], &first->spec.id));
    give_back(&rig, first); // to the others of its type, in front of them
    struct job_id late = rig_submit_plain(&rig, "q", "a");
    claim = rig_claim(&rig, "q", "a", 10);
    EXPECT_EQ_UINT(5, claim->job_count);
    for (size_t i = 0; i < 4; i++) {
        EXPECT_TRUE(is_claimed(claim, i, &a[i]));
    }
    EXPECT_TRUE(is_claimed(claim, 4, &late));
    EXPECT_TRUE(is_claimed(rig_claim(&rig, "q", "b", 10), 0, &b[3]));
    EXPECT_EQ_INT(0, rig_redis("EXISTS jobs:q:queue jobs:q:queue:aside:normal:a jobs:q:types"));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* Two types wanted by one call: what is set aside for the second is not even written. */
static void test_two_types(void) {
    struct rig rig;
    struct job_id a[3], b[3];
    rig_start(&rig);
    for (int i = 0; i < 3; i++) {
        b[i] = rig_submit_plain(&rig, "q", "b");
        a[i] = rig_submit_plain(&rig, "q", "a");
    }
    struct store_claim_want wants[] = {{.lane = {"q", "a"}, .limit = 2},
                                       {.lane = {"q", "b"}, .limit = 2},
                                       {.lane = {"q", "a"}, .limit = 2}};
    struct store_claim *claim = RIG_NEW(&rig, store_claim);
    claim->wants = wants;
    claim->want_count = ARRAY_LEN(wants);
    claim->host_nonce = rig.nonce;
    EXPECT_EQ_INT(0, rig_run(&rig, &claim->op, STORE_CLAIM));
    const struct job_id *order[] = {&a[0], &a[1], &b[0], &b[1], &a[2]};
    EXPECT_EQ_UINT(ARRAY_LEN(order), claim->job_count);
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        EXPECT_TRUE(is_claimed(claim, i, order[i]));
    }
    EXPECT_TRUE(is_claimed(rig_claim(&rig, "q", "b", 5), 0, &b[2]));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* The head of a band that is looked at and not taken keeps its place. */
static void test_heads(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id other = submit_as(&rig, "b", PRIORITY_LOW);
    struct job_id low[2] = {submit_as(&rig, "a", PRIORITY_LOW), submit_as(&rig, "a", PRIORITY_LOW)};
    struct job_id high[2] = {submit_as(&rig, "a", PRIORITY_HIGH),
                             submit_as(&rig, "a", PRIORITY_HIGH)};
    EXPECT_TRUE(is_claimed(rig_claim(&rig, "q", "a", 1), 0, &high[0]));
    EXPECT_TRUE(is_claimed(rig_claim(&rig, "q", "a", 1), 0, &high[1]));
    const struct store_claim *claim = rig_claim(&rig, "q", "a", 5);
    EXPECT_EQ_UINT(2, claim->job_count);
    EXPECT_TRUE(is_claimed(claim, 0, &low[0]) && is_claimed(claim, 1, &low[1]));
    EXPECT_TRUE(is_claimed(rig_claim(&rig, "q", "b", 5), 0, &other));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

/* The head of a band that is not taken is older than others of its type that a want behind it meets: those that it passes
 * over, and, `far` behind, those that it does not come to look at. */
static void keep_head(const char *type, int far) {
    enum { WANTED = 7, BEHIND = 3 };
    struct rig rig;
    struct job_id high, normal[1 + BEHIND], others[WANTED];
    rig_start(&rig);
    high = submit_as(&rig, type, PRIORITY_HIGH);
    normal[0] = submit_as(&rig, type, PRIORITY_NORMAL);
    submit_many(&rig, "between", far, NULL);
    for (int i = 1; i <= BEHIND; i++) {
        normal[i] = submit_as(&rig, type, PRIORITY_NORMAL);
    }
    submit_many(&rig, "other", WANTED, others);
    struct store_claim_want wants[] = {{.lane = {"q", type}, .limit = 1},
                                       {.lane = {"q", "other"}, .limit = WANTED}};
    struct store_claim *claim = RIG_NEW(&rig, store_claim);
    claim->wants = wants;
    claim->want_count = ARRAY_LEN(wants);
    claim->host_nonce = rig.nonce;
    EXPECT_EQ_INT(0, rig_run(&rig, &claim->op, STORE_CLAIM));
    EXPECT_TRUE(is_claimed(claim, 0, &high) && is_claimed(claim, 1, &others[0]));
    EXPECT_EQ_UINT(1 + WANTED, claim->job_count);
    claim = rig_claim(&rig, "q", type, 1 + BEHIND);
    for (size_t i = 0; i <= BEHIND; i++) {
        EXPECT_TRUE(is_claimed(claim, i, &normal[i]));
    }
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

static void test_heads_of_two_types(void) {
    static const char *const names[] = {"a", "b", "c",
                                        "d", "e", "f"}; // they are put back in any order
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        keep_head(names[i], 0);
        keep_head(names[i],
                  500); // so many are passed over, in parts of 7: it stops in the midst of one
    }
}

/* ------------------------------------------------------------------ how far one call looks */

static void test_far_behind(void) {
    enum { IN_FRONT = 2500, WANTED = 250 };
    static struct job_id ids[WANTED];
    struct rig rig;
    rig_start(&rig);
    submit_many(&rig, "front", IN_FRONT, NULL);
    submit_many(&rig, "t", WANTED, ids);
    submit_many(&rig, "front", 10, NULL);
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 1000);
    EXPECT_EQ_UINT(WANTED, claim->job_count);
    for (size_t i = 0; i < WANTED; i++) {
        EXPECT_TRUE(is_claimed(claim, i, &ids[i]));
    }
    EXPECT_EQ_UINT(IN_FRONT + 10, rig_claim(&rig, "q", "front", 3000)->job_count);
    rig_finish(&rig);
}

/* Payloads that do not fit into one answer. */
static void test_large(void) {
    enum { COUNT = 7, SIZE = 5 * 1024 * 1024 };
    struct rig rig;
    struct job_id ids[COUNT];
    char *payload = malloc(SIZE);
    if (payload == NULL) {
        abort();
    }
    rig_start(&rig);
    for (int i = 0; i < COUNT; i++) {
        struct job_spec spec = rig_spec(&rig, "q", "t");
        memset(payload, 'a' + i, SIZE);
        spec.payload = (struct bytes){payload, SIZE};
        EXPECT_EQ_INT(SUBMIT_NEW, rig_submit(&rig, &spec));
        ids[i] = spec.id;
    }
    const struct store_claim *claim = rig_claim(&rig, "q", "t", COUNT + 1);
    EXPECT_EQ_UINT(COUNT, claim->job_count);
    for (size_t i = 0; i < claim->job_count; i++) {
        memset(payload, 'a' + (int)i, SIZE);
        EXPECT_TRUE(is_claimed(claim, i, &ids[i]));
        EXPECT_EQ_UINT(SIZE, claim->jobs[i].spec.payload.len);
        EXPECT_TRUE(memcmp(payload, claim->jobs[i].spec.payload.data, SIZE) == 0);
    }
    free(payload);
    rig_finish(&rig);
}

/* One beat renews more claims than one call takes. */
static void test_many_leases(void) {
    enum { COUNT = 2300 };
    struct rig rig;
    rig_start(&rig);
    submit_many(&rig, "t", COUNT, NULL);
    EXPECT_EQ_UINT(COUNT, rig_claim(&rig, "q", "t", COUNT)->job_count);
    EXPECT_EQ_INT(COUNT, rig_end_leases());
    EXPECT_EQ_INT(0, rig_beat(&rig));
    EXPECT_EQ_INT(0, rig_redis("ZCOUNT jobs:q:processing -inf 1"));
    EXPECT_EQ_INT(COUNT, rig_end_leases());
    size_t released = 0;
    bool more = true;
    while (more) {
        struct store_recover rec = {.host_nonce = rig.nonce, .limit = 1000};
        EXPECT_EQ_INT(0, rig_run(&rig, &rec.op, STORE_RECOVER));
        released += rec.released;
        more = rec.more;
        store_op_finish(&rec.op);
    }
    EXPECT_EQ_UINT(COUNT, released);
    EXPECT_EQ_UINT(RIG_IDS_MAX, rig.fenced.count); // it keeps so many: its own, all of them
    EXPECT_EQ_UINT(COUNT, rig_claim(&rig, "q", "t", COUNT)->job_count);
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ what strangers leave */

static void test_stale_entries(void) {
    struct rig rig;
    char text[JOB_ID_TEXT + 1];
    rig_start(&rig);
    struct job_id twice = rig_submit_plain(&rig, "q", "t"), gone = rig_submit_plain(&rig, "q", "t"),
                  last = rig_submit_plain(&rig, "q", "t");
    EXPECT_EQ_INT(0, rig_move(&rig, &gone, JOB_EV_CANCEL));
    id_format(&gone, text);
    EXPECT_EQ_INT(3, rig_redis("LPUSH jobs:q:queue %s", text));
    EXPECT_EQ_INT(4, rig_redis("LPUSH jobs:q:queue no-such-job"));
    id_format(&twice, text);
    EXPECT_EQ_INT(5, rig_redis("RPUSH jobs:q:queue %s", text));
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 10);
    EXPECT_EQ_UINT(2, claim->job_count);
    EXPECT_TRUE(is_claimed(claim, 0, &twice) && is_claimed(claim, 1, &last));
    EXPECT_EQ_INT(JOB_CANCELLED, rig_state(&rig, &gone));
    rig_finish(&rig);
}

/* It would come back for ever. */
static void test_damaged(void) {
    struct rig rig;
    char text[JOB_ID_TEXT + 1];
    rig_start(&rig);
    struct job_id bad = rig_submit_plain(&rig, "q", "t"), good = rig_submit_plain(&rig, "q", "t");
    id_format(&bad, text);
    EXPECT_EQ_INT(2, rig_redis("HSET job:%s timeout soon claim x", text));
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 2);
    EXPECT_EQ_UINT(1, claim->job_count);
    EXPECT_TRUE(is_claimed(claim, 0, &good));
    EXPECT_EQ_UINT(1, claim->ended_count);
    EXPECT_EQ_STR("dead", rig_redis_text("HGET job:%s status", text));
    EXPECT_EQ_STR("damaged", rig_redis_text("HGET job:%s errorCode", text));
    EXPECT_CONTAINS("timeout", rig_redis_text("HGET job:%s error", text));
    EXPECT_EQ_INT(1, rig_redis("ZCARD jobs:q:dlq"));
    EXPECT_EQ_INT(1, rig_redis("ZCARD jobs:q:processing"));
    rig_finish(&rig);
}

/* A host that has not heard of a pause claims nothing, and hears of it. */
static void test_paused(void) {
    struct rig rig;
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    EXPECT_EQ_INT(3, rig_redis("HSET jobs:q:paused at 1700000000000 by ann why repairs"));
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 1)->job_count);
    EXPECT_EQ_STR("q paused by ann: repairs", rig.paused);
    EXPECT_EQ_UINT(0, rig_claim(&rig, "q", "t", 1)->job_count);
    EXPECT_EQ_UINT(1, rig.paused_events); // said once
    rig_forget(&rig);
    struct store_queue_set set = {.queue = "q"};
    EXPECT_EQ_INT(0, rig_run(&rig, &set.op, STORE_QUEUE_SET));
    store_op_finish(&set.op);
    EXPECT_TRUE(rig_was_ready(&rig, "q", "t"));
    EXPECT_EQ_UINT(0, rig.paused_events); // its own doing
    EXPECT_EQ_UINT(1, rig_claim(&rig, "q", "t", 1)->job_count);
    rig_finish(&rig);
}

static void test_messages(void) {
    static const char *const nonsense[] = {
        "",
        " ",
        "r",
        "r q",
        "r q t more than",
        "r  t",
        "r q t\n",
        "r q ../t",
        "r nowhere t",
        "rr q t",
        "x q t",
        "d q soon",
        "d q -5",
        "d q 99999999999999999999",
        "l q 17 ",
        "l q soon",
        "c q 0",
        "c q 018bcfe5-6800-7000-8000-000000000000",
        "p nowhere",
        "o nowhere",
    };
    struct rig rig;
    char text[JOB_ID_TEXT + 1], message[600];
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    (void)rig_claim_one(&rig, "q", "t");
    RIG_AWAIT(&rig, rig_listeners() == 1);
    RIG_AWAIT(&rig, rig_was_ready(&rig, "q", "t"));
    EXPECT_EQ_INT(0, rig_beat(&rig));
    rig_forget(&rig);
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
        EXPECT_EQ_INT(1, REDIS_DO(rig_server(), "PUBLISH", "jh:wake", nonsense[i]));
    }
    id_format(&id, text); // nobody has asked it
    (void)snprintf(message, sizeof message, "c q %s", text);
    EXPECT_EQ_INT(1, REDIS_DO(rig_server(), "PUBLISH", "jh:wake", message));
    memset(message, 'r', sizeof message - 1);
    message[sizeof message - 1] = '\0';
    EXPECT_EQ_INT(1, REDIS_DO(rig_server(), "PUBLISH", "jh:wake", message));
    EXPECT_EQ_INT(1, REDIS_DO(rig_server(), "PUBLISH", "jh:wake", "d q 1700000000777"));
    RIG_AWAIT(&rig, rig.due == 1700000000777);
    EXPECT_EQ_UINT(0, rig.ready_count);
    EXPECT_EQ_UINT(0, rig.paused_events);
    // a look that follows the connection may still tell of the lease that there is
    EXPECT_TRUE(rig.lease_end == 0 || rig.lease_end == rig.now + 30000);
    EXPECT_EQ_INT(0, rig_beat(&rig));
    EXPECT_EQ_UINT(0, rig.asked.count);
    rig_finish(&rig);
}

/* Somebody's key where a job should be: the others are claimed all the same. */
static void test_foreign_key(void) {
    struct rig rig;
    char text[JOB_ID_TEXT + 1];
    rig_start(&rig);
    struct job_id first = rig_submit_plain(&rig, "q", "t");
    struct job_id foreign = rig_submit_plain(&rig, "q", "t");
    (void)rig_submit_plain(&rig, "q", "t");
    id_format(&foreign, text);
    EXPECT_EQ_INT(1, rig_redis("DEL job:%s", text));
    EXPECT_EQ_STR("OK", rig_redis_text("SET job:%s foreign", text));
    const struct store_claim *claim = rig_claim(&rig, "q", "t", 3);
    EXPECT_EQ_INT(0, claim->op.status);
    EXPECT_EQ_UINT(2, claim->job_count);
    EXPECT_EQ_INT(JOB_RUNNING, rig_state(&rig, &first));
    rig_finish(&rig);
}

CASES(lanes_shared, ON_SHARED, {"jobs of another type are set aside in their order", test_aside},
      {"two types by one call", test_two_types},
      {"the head of a band that is not taken keeps its place", test_heads},
      {"the head of a band keeps its place before those of its type", test_heads_of_two_types},
      {"a lane behind thousands of another's jobs", test_far_behind},
      {"payloads that do not fit into one answer", test_large},
      {"a beat for thousands of claims", test_many_leases},
      {"entries that stand for nothing", test_stale_entries},
      {"a damaged job ends where people find it", test_damaged},
      {"a paused queue gives nothing", test_paused}, {"messages that say nothing", test_messages},
      {"a key that is not a job", test_foreign_key});
