/* Key/values of plugins: with the commit or not at all. */
#include <errno.h>
#include <stdlib.h>

#include "cases.h"

struct kv_rig {
    struct rig rig;
    struct job_id id;
    const struct store_claimed *job;
    uint32_t commit_no;
};

static void kv_start(struct kv_rig *k) {
    rig_start(&k->rig);
    k->id = rig_submit_plain(&k->rig, "q", "t");
    k->job = rig_claim_one(&k->rig, "q", "t");
    k->commit_no = 0;
}

static int kv_write(struct kv_rig *k, const struct store_kv_write *kv, size_t count) {
    struct store_commit_item item = rig_item(k->job, JOB_EV_NONE);
    item.commit_no = k->commit_no + 1;
    item.kv_namespace = "plug";
    item.kv = kv;
    item.kv_count = count;
    int r = rig_commit(&k->rig, &item);
    k->commit_no += r == 0;
    return r;
}

static struct store_kv_get *kv_read(struct kv_rig *k, const char *key, enum store_kv_read what,
                                    const char *member) {
    struct store_kv_get *get = RIG_NEW(&k->rig, store_kv_get);
    get->kv_namespace = "plug";
    get->key = key;
    get->what = what;
    get->member = bytes_of(member);
    (void)rig_run(&k->rig, &get->op, STORE_KV_GET);
    return get;
}

static void test_values(void) {
    struct kv_rig k;
    kv_start(&k);
    EXPECT_EQ_INT(-ENOENT, kv_read(&k, "a", STORE_KV_VALUE, NULL)->op.status);
    struct store_kv_write writes[] = {{STORE_KV_SET, "a", bytes_of("one"), 0},
                                      {STORE_KV_SET, "b", bytes_of("two"), 100},
                                      {STORE_KV_SET, "e", {NULL, 0}, 0}};
    EXPECT_EQ_INT(0, kv_write(&k, writes, 3));
    struct store_kv_get *get = kv_read(&k, "a", STORE_KV_VALUE, NULL);
    EXPECT_EQ_BYTES("one", 3, get->value.data, get->value.len);
    get = kv_read(&k, "e", STORE_KV_VALUE, NULL);
    EXPECT_EQ_INT(0, get->op.status);
    EXPECT_EQ_UINT(0, get->value.len);
    k.rig.now += 99;
    EXPECT_EQ_INT(0, kv_read(&k, "b", STORE_KV_VALUE, NULL)->op.status);
    k.rig.now += 1;
    EXPECT_EQ_INT(-ENOENT, kv_read(&k, "b", STORE_KV_VALUE, NULL)->op.status);
    struct store_kv_write del = {STORE_KV_DEL, "a", {NULL, 0}, 0};
    EXPECT_EQ_INT(0, kv_write(&k, &del, 1));
    EXPECT_EQ_INT(-ENOENT, kv_read(&k, "a", STORE_KV_VALUE, NULL)->op.status);
    struct store_sweep sweep = {.limit = 10};
    EXPECT_EQ_INT(0, rig_run(&k.rig, &sweep.op, STORE_SWEEP));
    EXPECT_EQ_UINT(1, sweep.removed);
    store_op_finish(&sweep.op);
    rig_expect_sound(&k.rig);
    rig_finish(&k.rig);
}

static void test_value_limit(void) {
    struct kv_rig k;
    kv_start(&k);
    char *data = calloc(1, STORE_INLINE_MAX + 1);
    struct store_kv_write w = {STORE_KV_SET, "big", {data, STORE_INLINE_MAX + 1}, 0};
    EXPECT_EQ_INT(-E2BIG, kv_write(&k, &w, 1));
    w.value.len = STORE_INLINE_MAX;
    EXPECT_EQ_INT(0, kv_write(&k, &w, 1));
    EXPECT_EQ_UINT(STORE_INLINE_MAX, kv_read(&k, "big", STORE_KV_VALUE, NULL)->value.len);
    free(data);
    rig_finish(&k.rig);
}

static void test_counters(void) {
    struct kv_rig k;
    kv_start(&k);
    EXPECT_EQ_INT(0, kv_read(&k, "n", STORE_KV_COUNTER, NULL)->number);
    struct store_kv_write add = {STORE_KV_ADD, "n", {NULL, 0}, 5};
    EXPECT_EQ_INT(0, kv_write(&k, &add, 1));
    add.number = -7;
    EXPECT_EQ_INT(0, kv_write(&k, &add, 1));
    EXPECT_EQ_INT(-2, kv_read(&k, "n", STORE_KV_COUNTER, NULL)->number);
    k.commit_no--; // the same commit again
    EXPECT_EQ_INT(0, kv_write(&k, &add, 1));
    EXPECT_EQ_INT(-2, kv_read(&k, "n", STORE_KV_COUNTER, NULL)->number);
    add.number = INT64_MAX;
    EXPECT_EQ_INT(0, kv_write(&k, &add, 1));
    EXPECT_EQ_INT(0, kv_write(&k, &add, 1)); // over the edge, and nothing breaks
    rig_expect_sound(&k.rig);
    rig_finish(&k.rig);
}

static void test_sets(void) {
    struct kv_rig k;
    kv_start(&k);
    struct store_kv_write writes[] = {{STORE_KV_SADD, "s", bytes_of("x"), 0},
                                      {STORE_KV_SADD, "s", bytes_of("y"), 0},
                                      {STORE_KV_SADD, "s", bytes_of("x"), 0},
                                      {STORE_KV_SADD, "s", {NULL, 0}, 0},
                                      {STORE_KV_SET, "s", bytes_of("value"), 0}};
    EXPECT_EQ_INT(0, kv_write(&k, writes, 5));
    EXPECT_EQ_INT(3, kv_read(&k, "s", STORE_KV_CARD, NULL)->number);
    EXPECT_EQ_INT(1, kv_read(&k, "s", STORE_KV_IS_MEMBER, "x")->number);
    EXPECT_EQ_INT(1, kv_read(&k, "s", STORE_KV_IS_MEMBER, "")->number);
    EXPECT_EQ_INT(0, kv_read(&k, "s", STORE_KV_IS_MEMBER, "z")->number);
    struct store_kv_write remove[] = {{STORE_KV_SREM, "s", bytes_of("x"), 0},
                                      {STORE_KV_SREM, "s", bytes_of("z"), 0},
                                      {STORE_KV_SREM, "s", bytes_of("y"), 0},
                                      {STORE_KV_SREM, "s", {NULL, 0}, 0}};
    EXPECT_EQ_INT(0, kv_write(&k, remove, 1));
    EXPECT_EQ_INT(2, kv_read(&k, "s", STORE_KV_CARD, NULL)->number);
    EXPECT_EQ_INT(0, kv_write(&k, remove, 4));
    EXPECT_EQ_INT(0, kv_read(&k, "s", STORE_KV_CARD, NULL)->number);
    EXPECT_EQ_INT(0, kv_read(&k, "s", STORE_KV_VALUE, NULL)->op.status); // another thing
    EXPECT_EQ_INT(0, kv_write(&k, writes, 4));
    rig_expect_sound(&k.rig);
    struct store_kv_write del = {STORE_KV_DEL, "s", {NULL, 0}, 0};
    EXPECT_EQ_INT(0, kv_write(&k, &del, 1));
    EXPECT_EQ_INT(0, kv_read(&k, "s", STORE_KV_CARD, NULL)->number);
    EXPECT_EQ_INT(0, kv_read(&k, "s", STORE_KV_IS_MEMBER, "x")->number);
    EXPECT_EQ_UINT(0, rig_stats(&k.rig)->bytes[BUDGET_KV]);
    rig_expect_sound(&k.rig);
    rig_finish(&k.rig);
}

static void test_fenced(void) {
    struct kv_rig k;
    kv_start(&k);
    struct store_commit_item item = rig_item(k.job, JOB_EV_NONE);
    struct store_kv_write w = {STORE_KV_SET, "a", bytes_of("late"), 0};
    item.kv_namespace = "plug";
    item.kv = &w;
    item.kv_count = 1;
    item.token++;
    EXPECT_EQ_INT(-ESTALE, rig_commit(&k.rig, &item));
    EXPECT_EQ_INT(-ENOENT, kv_read(&k, "a", STORE_KV_VALUE, NULL)->op.status);
    item.token--;
    item.kv_namespace = NULL;
    EXPECT_EQ_INT(-EINVAL, rig_commit(&k.rig, &item));
    rig_finish(&k.rig);
}

static void test_budget(void) {
    struct kv_rig k;
    rig_init(&k.rig);
    k.rig.config.budget[BUDGET_KV] = 100;
    EXPECT_EQ_INT(0, rig_open(&k.rig));
    k.id = rig_submit_plain(&k.rig, "q", "t");
    k.job = rig_claim_one(&k.rig, "q", "t");
    k.commit_no = 0;
    char data[101] = "";
    struct store_kv_write w = {STORE_KV_SET, "k", {data, 100}, 0};
    EXPECT_EQ_INT(-EDQUOT, kv_write(&k, &w, 1));
    w.value.len = 99;
    EXPECT_EQ_INT(0, kv_write(&k, &w, 1));
    rig_finish(&k.rig);
}

/* What is over gives its bytes back, however it was overwritten before. */
static void test_bytes_come_back(void) {
    struct kv_rig k;
    kv_start(&k);
    struct store_kv_write writes[] = {{STORE_KV_SET, "a", bytes_of("0123456789"), 100},
                                      {STORE_KV_SET, "b", bytes_of("short"), 100},
                                      {STORE_KV_SET, "b", bytes_of("for ever"), 0},
                                      {STORE_KV_SET, "c", bytes_of("x"), 0},
                                      {STORE_KV_SET, "c", bytes_of("xyz"), 50},
                                      {STORE_KV_DONE, "c", {NULL, 0}, 100},
                                      {STORE_KV_ADD, "c", {NULL, 0}, 1000},
                                      {STORE_KV_SADD, "c", bytes_of("member"), 0}};
    EXPECT_EQ_INT(0, kv_write(&k, writes, ARRAY_LEN(writes)));
    k.rig.now += 100;
    struct store_sweep sweep = {.limit = 2};
    EXPECT_EQ_INT(0, rig_run(&k.rig, &sweep.op, STORE_SWEEP));
    EXPECT_EQ_UINT(2, sweep.removed);
    EXPECT_TRUE(sweep.more);
    EXPECT_EQ_INT(0, rig_run(&k.rig, &sweep.op, STORE_SWEEP));
    EXPECT_EQ_UINT(1, sweep.removed);
    EXPECT_EQ_INT(0, kv_read(&k, "b", STORE_KV_VALUE, NULL)->op.status);
    EXPECT_EQ_INT(1000, kv_read(&k, "c", STORE_KV_COUNTER, NULL)->number);
    EXPECT_EQ_INT(1, kv_read(&k, "c", STORE_KV_IS_MEMBER, "member")->number);
    rig_expect_sound(&k.rig);
    struct store_kv_write del[] = {{STORE_KV_DEL, "b", {NULL, 0}, 0},
                                   {STORE_KV_DEL, "c", {NULL, 0}, 0}};
    EXPECT_EQ_INT(0, kv_write(&k, del, 2));
    EXPECT_EQ_UINT(0, rig_stats(&k.rig)->bytes[BUDGET_KV]);
    store_op_finish(&sweep.op);
    rig_finish(&k.rig);
}

static void test_wrap(void) {
    static const int64_t edges[] = {0,
                                    1,
                                    -1,
                                    2,
                                    -2,
                                    INT64_MAX,
                                    INT64_MIN,
                                    INT64_MAX - 1,
                                    INT64_MIN + 1,
                                    INT64_MAX / 2 + 1,
                                    4711,
                                    -4711};
    struct kv_rig k;
    kv_start(&k);
    for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
        for (size_t j = 0; j < ARRAY_LEN(edges); j++) {
            struct store_kv_write w[] = {{STORE_KV_DEL, "n", {NULL, 0}, 0},
                                         {STORE_KV_ADD, "n", {NULL, 0}, edges[i]},
                                         {STORE_KV_ADD, "n", {NULL, 0}, edges[j]}};
            EXPECT_EQ_INT(0, kv_write(&k, w, 3));
            EXPECT_EQ_INT((int64_t)((uint64_t)edges[i] + (uint64_t)edges[j]),
                          kv_read(&k, "n", STORE_KV_COUNTER, NULL)->number);
        }
    }
    rig_expect_sound(&k.rig);
    rig_finish(&k.rig);
}

static int claim_key(struct rig *rig, const struct store_claimed *job, struct store_kv_claim *kc) {
    *kc = (struct store_kv_claim){
        .kv_namespace = "plug", .key = "archive_1", .id = job->spec.id, .token = job->token};
    int r = rig_run(rig, &kc->op, STORE_KV_CLAIM);
    store_op_finish(&kc->op);
    return r < 0 ? r : (int)kc->state;
}

static void test_claims(void) {
    struct rig rig;
    struct store_kv_claim kc;
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    (void)rig_submit_plain(&rig, "q", "t");
    const struct store_claim *two = rig_claim(&rig, "q", "t", 2);
    const struct store_claimed *a = &two->jobs[0], *b = &two->jobs[1];
    EXPECT_EQ_INT(CLAIM_WON, claim_key(&rig, a, &kc));
    EXPECT_EQ_INT(CLAIM_WON, claim_key(&rig, a, &kc)); // again in the same attempt
    EXPECT_EQ_INT(CLAIM_HELD, claim_key(&rig, b, &kc));
    EXPECT_TRUE(id_equal(&a->spec.id, &kc.holder));
    struct store_claimed stale = *b;
    stale.token++;
    EXPECT_EQ_INT(-ESTALE, claim_key(&rig, &stale, &kc));

    // the holder's attempt ends without having done it: the claim is free
    struct store_commit_item item = rig_item(a, JOB_EV_RETRY);
    item.run_at_ms = rig.now;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(CLAIM_WON, claim_key(&rig, b, &kc));
    a = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(CLAIM_HELD, claim_key(&rig, a, &kc));

    struct store_kv_write done = {STORE_KV_DONE, "archive_1", {NULL, 0}, 1000};
    item = rig_item(b, JOB_EV_SUCCEED);
    item.kv_namespace = "plug";
    item.kv = &done;
    item.kv_count = 1;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    EXPECT_EQ_INT(CLAIM_DONE, claim_key(&rig, a, &kc));
    rig.now += 1000;
    EXPECT_EQ_INT(CLAIM_WON, claim_key(&rig, a, &kc));

    // a host that dies holds nothing
    EXPECT_EQ_INT(0, rig_reopen(&rig));
    (void)rig_recover(&rig);
    (void)rig_submit_plain(&rig, "q2", "t");
    const struct store_claimed *c = rig_claim_one(&rig, "q2", "t");
    EXPECT_EQ_INT(CLAIM_WON, claim_key(&rig, c, &kc));
    a = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_INT(CLAIM_HELD, claim_key(&rig, a, &kc));
    rig_expect_sound(&rig);
    rig_finish(&rig);
}

CASES(kv, ON_ALL, {"values, with and without an end", test_values},
      {"the limit of a value", test_value_limit},
      {"counters count each commit once", test_counters}, {"counters wrap around", test_wrap},
      {"sets", test_sets}, {"bytes of what is over come back", test_bytes_come_back},
      {"a fenced commit writes nothing", test_fenced}, {"the budget for key/values", test_budget},
      {"claims die with their attempt", test_claims});
