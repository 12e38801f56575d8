/* Breakers: one state for all who share the store. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "redis_proxy.h"
#include "redis_server.h"
#include "sample.h"
#include "store/breakers.h"

#define MINUTE INT64_C(60000)
#define LEASE  (5 * MINUTE)
#define NAME   "network:spotify:user:4 2"

static struct store_breaker tell(struct rig *rig, enum store_breaker_verb verb, uint64_t id) {
    struct store_breaker *op = RIG_NEW(rig, store_breaker);
    op->verb = verb;
    op->name = NAME;
    op->id = id;
    op->lease_ms = LEASE;
    op->cls = JH_E_NETWORK;
    op->times = breaker_default[BREAKER_NETWORK];
    (void)EXPECT_EQ_INT(0, rig_run(rig, &op->op, STORE_BREAKER));
    return *op;
}

static bool fails(struct rig *rig, uint64_t id) {
    return tell(rig, STORE_BREAKER_FAILED, id).changed;
}

static enum breaker_verdict admit(struct rig *rig, uint64_t id) {
    return tell(rig, STORE_BREAKER_ADMIT, id).verdict;
}

static struct breaker look(struct rig *rig) {
    return tell(rig, STORE_BREAKER_LOOK, 0).state;
}

static const struct store_breaker_list *list_of(struct rig *rig, uint32_t max, const char *cursor) {
    struct store_breaker_list *list = RIG_NEW(rig, store_breaker_list);
    list->max = max;
    list->cursor = cursor;
    (void)EXPECT_EQ_INT(0, rig_run(rig, &list->op, STORE_BREAKER_LIST));
    return list;
}

// Fifty that fail together are one failure; then it doubles up to its cap, and one success closes it.
static void test_life(void) {
    static const int64_t minutes[] = {10, 20, 40, 60, 60};
    struct rig rig;
    rig_start(&rig);
    EXPECT_EQ_INT(BREAKER_GO, admit(&rig, 1));
    for (uint64_t id = 1; id <= 50; id++) {
        EXPECT_EQ_INT(id == 1, fails(&rig, id));
    }
    for (size_t i = 0; i < sizeof minutes / sizeof minutes[0]; i++) {
        struct store_breaker op = tell(&rig, STORE_BREAKER_ADMIT, 60 + i);
        EXPECT_EQ_INT(BREAKER_WAIT, op.verdict);
        EXPECT_EQ_INT(rig.now + minutes[i] * MINUTE, op.until_ms);
        EXPECT_EQ_UINT(i + 1, op.state.failures);
        rig.now += minutes[i] * MINUTE;
        EXPECT_EQ_INT(BREAKER_PROBE, admit(&rig, 60 + i));
        EXPECT_EQ_INT(BREAKER_PROBE, admit(&rig, 60 + i)); // it asks again
        EXPECT_EQ_INT(BREAKER_WAIT, admit(&rig, 90));
        EXPECT_TRUE(fails(&rig, 60 + i));
        EXPECT_FALSE(fails(&rig, 60 + i));
    }
    rig.now += 60 * MINUTE;
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&rig, 7));
    EXPECT_FALSE(tell(&rig, STORE_BREAKER_SUCCEEDED, 8).changed);
    EXPECT_TRUE(tell(&rig, STORE_BREAKER_SUCCEEDED, 7).changed);
    EXPECT_EQ_INT(BREAKER_GO, admit(&rig, 9));
    EXPECT_EQ_UINT(0, list_of(&rig, 10, NULL)->count);
    rig_finish(&rig);
}

static void test_probe_lost(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_TRUE(fails(&rig, 1));
    rig.now += 10 * MINUTE;
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&rig, 2));
    EXPECT_EQ_INT(0, rig_reopen(&rig)); // its host dies: the next may go at the end of its lease
    struct store_breaker op = tell(&rig, STORE_BREAKER_ADMIT, 3);
    EXPECT_EQ_INT(BREAKER_WAIT, op.verdict);
    EXPECT_EQ_INT(rig.now + LEASE, op.until_ms);
    rig.now += LEASE;
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&rig, 3));
    EXPECT_TRUE(tell(&rig, STORE_BREAKER_ABANDONED, 3).changed);
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&rig, 4));
    rig_finish(&rig);
}

static void test_reset(void) {
    struct rig rig;
    rig_start(&rig);
    EXPECT_FALSE(tell(&rig, STORE_BREAKER_RESET, 0).changed);
    EXPECT_TRUE(fails(&rig, 1));
    EXPECT_EQ_INT(0, rig_reopen(&rig)); // it outlives the host
    struct breaker b = look(&rig);
    EXPECT_EQ_UINT(1, b.failures);
    EXPECT_EQ_INT(JH_E_NETWORK, b.cls);
    EXPECT_EQ_INT(rig.now, b.opened_ms);
    EXPECT_EQ_INT(rig.now + 10 * MINUTE, b.until_ms);
    EXPECT_TRUE(tell(&rig, STORE_BREAKER_RESET, 0).changed);
    EXPECT_EQ_UINT(0, look(&rig).failures);
    EXPECT_TRUE(fails(&rig, 2)); // a day later the row is as good as none
    rig.now += 10 * MINUTE + BREAKER_REMEMBER_MS;
    EXPECT_EQ_UINT(0, look(&rig).failures);
    EXPECT_EQ_UINT(0, list_of(&rig, 10, NULL)->count);
    EXPECT_TRUE(fails(&rig, 3));
    EXPECT_EQ_UINT(1, look(&rig).failures);
    rig_finish(&rig);
}

static void test_list(void) {
    static const char *const names[] = {"auth:a:x", "network:b:y", "unknown:c:z"};
    struct rig rig;
    rig_start(&rig);
    for (size_t i = 0; i < 3; i++) {
        struct store_breaker *op = RIG_NEW(&rig, store_breaker);
        op->verb = STORE_BREAKER_FAILED;
        op->name = names[2 - i];
        op->id = i;
        op->cls = JH_E_UNKNOWN;
        op->times = breaker_default[BREAKER_AUTH];
        op->retry_after_ms = 90 * MINUTE; // which is obeyed
        EXPECT_EQ_INT(0, rig_run(&rig, &op->op, STORE_BREAKER));
    }
    const struct store_breaker_list *page = list_of(&rig, 2, NULL);
    if (EXPECT_EQ_UINT(2, page->count)) {
        EXPECT_EQ_STR(names[0], page->breakers[0].name);
        EXPECT_EQ_STR(names[1], page->breakers[1].name);
        EXPECT_EQ_INT(rig.now + 90 * MINUTE, page->breakers[1].state.until_ms);
        EXPECT_EQ_STR(names[1], page->next_cursor);
        page = list_of(&rig, 2, page->next_cursor);
        EXPECT_EQ_UINT(1, page->count);
        EXPECT_EQ_STR(names[2], page->breakers[0].name);
        EXPECT_NULL(page->next_cursor);
    }
    struct store_breaker_list *bad = RIG_NEW(&rig, store_breaker_list);
    EXPECT_EQ_INT(-EINVAL, rig_run(&rig, &bad->op, STORE_BREAKER_LIST));
    rig_finish(&rig);
}

static void test_refused(void) {
    static const char *const bad[] = {NULL, "", "network", "network:", "disk:x", "auth:a\nb"};
    struct rig rig;
    rig_start(&rig);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct store_breaker *op = RIG_NEW(&rig, store_breaker);
        op->name = bad[i];
        EXPECT_EQ_INT(-EINVAL, rig_run(&rig, &op->op, STORE_BREAKER));
    }
    struct store_breaker *op = RIG_NEW(&rig, store_breaker);
    op->name = NAME;
    op->verb = STORE_BREAKER_VERBS;
    EXPECT_EQ_INT(-EINVAL, rig_run(&rig, &op->op, STORE_BREAKER));
    rig_finish(&rig);
}

/* ------------------------------------------------------------------ damage */

static void plant(struct rig *rig, const char *name, const char *state) {
    if (rig_is_shared()) {
        const char *words[] = {"HSET", "jh:breakers", name, state};
        freeReplyObject(redis_server_ask(rig_server(), 4, words, NULL));
        return;
    }
    char sql[512];
    (void)snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO breakers VALUES('%s', %ld, '%s')", name,
                   strtol(state, NULL, 10), state);
    rig_close(rig);
    rig_sql(rig, sql);
    EXPECT_EQ_INT(0, rig_open(rig));
}

static void plant_state(struct rig *rig, const char *name, const struct breaker *b) {
    char text[STORE_BREAKER_TEXT_MAX];
    store_breaker_write(b, text);
    plant(rig, name, text);
}

static void expect_mended(struct rig *rig, const char *code) {
    struct store_fsck *f = sample_fsck(rig, false);
    EXPECT_EQ_INT(1, f->total_findings);
    EXPECT_TRUE(sample_has(f, code, false));
    EXPECT_TRUE(sample_has(sample_fsck(rig, true), code, true));
    rig_expect_sound(rig);
}

// What cannot be read, or cannot be, is found, hides none of the others, and is closed.
static void test_damaged(void) {
    static const struct {
        const char *name, *state;
    } rows[] = {
        {"disk:a:x", "1700086400000 1 1 3 1699999990000 1700000000000 0 0"}, // no class of breakers
        {"network:a:x", "1800000000000 1 1"},
        {"network:a:x", "1800000000000 1 1 3 1699999990000 1713600000000 0 0 more"},
        {"network:a:x", "1800000000000 1 1 3 1699999990000 1700000000001 0 0"}, // forgotten when?
        {"network:a:x", "1850086400000 1 1 3 1699999990000 1850000000000 0 0"}, // in five years
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig rig;
        rig_start(&rig);
        EXPECT_TRUE(fails(&rig, 1));
        rig_expect_sound(&rig);
        plant(&rig, rows[i].name, rows[i].state);
        EXPECT_TRUE(list_of(&rig, 10, NULL)->count > 0);
        expect_mended(&rig, "breaker_damaged");
        EXPECT_EQ_UINT(1, list_of(&rig, 10, NULL)->count);
        EXPECT_EQ_UINT(1, look(&rig).failures);
        rig_finish(&rig);
    }
}

// A probe whose job is none that could tell of its end: the next may go. One whose job is there is as it should be.
static void test_probe_gone(void) {
    struct rig rig;
    rig_start(&rig);
    struct job_id id = rig_submit_plain(&rig, "q", "t");
    (void)rig_claim_one(&rig, "q", "t");
    struct breaker b = {.version = 3,
                        .failures = 2,
                        .cls = JH_E_NETWORK,
                        .opened_ms = rig.now - 20 * MINUTE,
                        .until_ms = rig.now - MINUTE,
                        .probe = (uint64_t)id_order(&id),
                        .probe_ms = rig.now + LEASE};
    plant_state(&rig, NAME, &b);
    rig_expect_sound(&rig);
    b.probe = 5;
    plant_state(&rig, NAME, &b);
    EXPECT_EQ_INT(BREAKER_WAIT, admit(&rig, 9));
    expect_mended(&rig, "breaker_probe_lost");
    EXPECT_EQ_UINT(2, look(&rig).failures);
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&rig, 9));
    rig_finish(&rig);
}

static void fill(struct rig *rig, int count, const char *state) {
    char how[512], n[16];
    (void)snprintf(n, sizeof n, "%d", count);
    if (rig_is_shared()) {
        static const char script[] =
            "for i = 1, tonumber(ARGV[1]) do"
            " redis.call('HSET', 'jh:breakers', 'auth:a:' .. i, ARGV[2]) end";
        const char *words[] = {"EVAL", script, "0", n, state};
        freeReplyObject(redis_server_ask(rig_server(), 5, words, NULL));
        return;
    }
    (void)snprintf(how, sizeof how,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %s)"
                   " INSERT INTO breakers SELECT 'auth:a:' || i, %ld, '%s' FROM n",
                   n, strtol(state, NULL, 10), state);
    rig_close(rig);
    rig_sql(rig, how);
    EXPECT_EQ_INT(0, rig_open(rig));
}

// So many, and not one more: where there is no room the store says so, and those that are forgotten make some.
static void test_full(void) {
    const struct breaker b = {.version = 1,
                              .failures = 1,
                              .cls = JH_E_AUTH,
                              .opened_ms = 1700000000000,
                              .until_ms = 1700001800000};
    char state[STORE_BREAKER_TEXT_MAX];
    struct rig rig;
    rig_start(&rig);
    store_breaker_write(&b, state);
    fill(&rig, STORE_BREAKERS_MAX - 1, state);
    EXPECT_TRUE(fails(&rig, 1));
    struct store_breaker *op = RIG_NEW(&rig, store_breaker);
    op->verb = STORE_BREAKER_FAILED;
    op->name = "auth:b:x";
    op->id = 2;
    op->cls = JH_E_AUTH;
    op->times = breaker_default[BREAKER_AUTH];
    EXPECT_EQ_INT(-EDQUOT, rig_run(&rig, &op->op, STORE_BREAKER));
    EXPECT_EQ_UINT(1, look(&rig).failures); // who is there already is told of as ever
    rig_expect_sound(&rig);
    rig.now = b.until_ms + BREAKER_REMEMBER_MS;
    op = RIG_NEW(&rig, store_breaker);
    op->verb = STORE_BREAKER_FAILED;
    op->name = "auth:b:x";
    op->times = breaker_default[BREAKER_AUTH];
    EXPECT_EQ_INT(0, rig_run(&rig, &op->op, STORE_BREAKER));
    EXPECT_TRUE(op->changed);
    EXPECT_EQ_UINT(1, list_of(&rig, 1000, NULL)->count);
    rig_finish(&rig);
}

// A claim says which scope the last failure named.
static void test_scope(void) {
    const struct job_error error = {
        .cls = JH_E_AUTH, .code = "expired", .message = "no", .scope = "user:4 2"};
    struct rig rig;
    rig_start(&rig);
    (void)rig_submit_plain(&rig, "q", "t");
    const struct store_claimed *job = rig_claim_one(&rig, "q", "t");
    EXPECT_NULL(job->scope);
    struct store_commit_item item = rig_item(job, JOB_EV_RETRY);
    item.run_at_ms = rig.now + 1000;
    item.error = &error;
    EXPECT_EQ_INT(0, rig_commit(&rig, &item));
    rig.now += 1000;
    EXPECT_EQ_UINT(1, rig_due(&rig, NULL));
    job = rig_claim_one(&rig, "q", "t");
    EXPECT_EQ_STR("user:4 2", job->scope);
    rig_finish(&rig);
}

CASES(breaker, ON_ALL, {"a breaker opens, doubles, has one probe, closes", test_life},
      {"a probe that is lost", test_probe_lost}, {"a breaker is reset, and forgotten", test_reset},
      {"breakers are listed by name", test_list}, {"limits of breakers", test_refused},
      {"a claim tells the last scope", test_scope}, {"breakers that cannot be", test_damaged},
      {"a probe whose job is gone", test_probe_gone},
      {"as many breakers as there may be", test_full});

/* ------------------------------------------------------------------ several hosts */

static void test_hosts(void) {
    struct rig a, b;
    rig_start(&a);
    rig_start_beside(&b, &a);
    RIG_AWAIT(&a, rig_listeners() == 2);
    EXPECT_TRUE(fails(&a, 1));
    RIG_AWAIT(&b, b.breaker_events > 0);
    EXPECT_EQ_STR(NAME, b.breaker);
    EXPECT_FALSE(fails(&b, 2)); // which tells nobody
    a.now = b.now += 10 * MINUTE;
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&b, 3));
    EXPECT_EQ_INT(BREAKER_WAIT, admit(&a, 4));
    EXPECT_TRUE(tell(&b, STORE_BREAKER_SUCCEEDED, 3).changed);
    RIG_AWAIT(&a, a.breaker_events == 2);
    EXPECT_EQ_INT(BREAKER_GO, admit(&a, 4));
    EXPECT_EQ_UINT(1, b.breaker_events);
    rig_finish(&b);
    rig_finish(&a);
}

// Two that decide at the same moment: the store takes one, and the other decides again.
static void test_race(void) {
    struct rig a, b;
    struct store_breaker ops[2] = {0};
    bool done[2];
    rig_start(&a);
    rig_start_beside(&b, &a);
    EXPECT_TRUE(fails(&a, 1));
    a.now = b.now += 10 * MINUTE;
    for (int i = 0; i < 2; i++) {
        ops[i] = (struct store_breaker){
            .verb = STORE_BREAKER_ADMIT, .name = NAME, .id = 10 + (uint64_t)i, .lease_ms = LEASE};
        rig_post(i == 0 ? &a : &b, &ops[i].op, STORE_BREAKER, &done[i]);
    }
    rig_wait(&a, &done[0]);
    rig_wait(&b, &done[1]);
    EXPECT_EQ_INT(BREAKER_PROBE + BREAKER_WAIT, (int)ops[0].verdict + (int)ops[1].verdict);
    store_op_finish(&ops[0].op);
    store_op_finish(&ops[1].op);
    rig_finish(&b);
    rig_finish(&a);
}

// A call that is sent again after its connection was cut counts nothing twice.
static void cut_at(enum redis_cut how) {
    struct rig rig;
    struct redis_proxy *proxy = rig_start_behind_proxy(&rig);
    EXPECT_TRUE(fails(&rig, 1));
    rig.now += 10 * MINUTE;
    redis_proxy_cut(proxy, 1, how);
    EXPECT_EQ_INT(BREAKER_PROBE, admit(&rig, 8));
    EXPECT_TRUE(redis_proxy_has_cut(proxy));
    EXPECT_EQ_INT(BREAKER_WAIT, admit(&rig, 9));
    rig_close(&rig);
    redis_proxy_free(&proxy);
    rig_finish(&rig);
}

static void test_cut(void) {
    cut_at(REDIS_CUT_BEFORE);
    cut_at(REDIS_CUT_AFTER);
}

CASES(breaker_shared, ON_SHARED, {"hosts have one breaker, and tell of changes", test_hosts},
      {"two who decide at the same moment", test_race},
      {"what is sent again to a breaker is one", test_cut});
