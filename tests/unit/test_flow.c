#include "core/flow.h"
#include "expect.h"
#include "vectors.h"

enum { GOES = -1 };

static struct flow_facts facts(int64_t made, int64_t succeeded, int64_t dead, int opener) {
    return (struct flow_facts){.tally = {.made = made, .succeeded = succeeded, .dead = dead},
                               .opener = opener};
}

static void test_fate(void) {
    static const struct {
        int64_t made, succeeded, dead;
        int opener;
        enum flow_fate want;
    } rows[] = {
        {0, 0, 0, GOES, FLOW_WAKES},           {0, 0, 0, JOB_SUCCEEDED, FLOW_CLOSES},
        {2, 1, 0, GOES, FLOW_GOES_ON},         {2, 1, 0, JOB_SUCCEEDED, FLOW_GOES_ON},
        {2, 1, 1, GOES, FLOW_WAKES},           {2, 1, 1, JOB_DEAD, FLOW_CLOSES},
        {1, 2, 0, JOB_CANCELLED, FLOW_CLOSES}, // one counted twice leaves nobody waiting
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct flow_facts f = facts(rows[i].made, rows[i].succeeded, rows[i].dead, rows[i].opener);
        EXPECT_EQ_INT(rows[i].want, flow_fate(&f));
        f.closed = true;
        EXPECT_EQ_INT(FLOW_GOES_ON, flow_fate(&f)); // once
    }
}

static void test_then(void) {
    struct flow_facts f = facts(2, 1, 1, JOB_SUCCEEDED);
    EXPECT_EQ_INT(FLOW_THEN_RUNS, flow_then(&f));
    f.on_dead = FLOW_FAIL;
    EXPECT_EQ_INT(FLOW_THEN_CHILD_DEAD, flow_then(&f));
    f.opener = JOB_DEAD;
    EXPECT_EQ_INT(FLOW_THEN_OPENER_DEAD, flow_then(&f));
    f.opener = JOB_CANCELLED;
    EXPECT_EQ_INT(FLOW_THEN_NOT, flow_then(&f));
}

static void test_growth(void) {
    struct flow_facts f = facts(2, 0, 0, GOES);
    EXPECT_TRUE(flow_grows(&f));
    EXPECT_FALSE(flow_cancels(&f));
    f.tally.dead = 1;
    EXPECT_TRUE(flow_grows(&f));
    f.on_dead = FLOW_FAIL;
    EXPECT_FALSE(flow_grows(&f));
    EXPECT_TRUE(flow_cancels(&f));
    f = facts(2, 0, 0, JOB_CANCELLED);
    EXPECT_FALSE(flow_grows(&f));
    EXPECT_TRUE(flow_cancels(&f));
    f = facts(2, 0, 0, JOB_SUCCEEDED);
    EXPECT_TRUE(flow_grows(&f)); // by its members
    f.closed = true;
    EXPECT_FALSE(flow_grows(&f));
}

// What members that have ended made holds up the close of a flow that cancels, and of no other.
static void test_deep(void) {
    struct flow_facts f = facts(2, 1, 1, JOB_SUCCEEDED);
    f.deep = true;
    EXPECT_EQ_INT(FLOW_CLOSES, flow_fate(&f));
    EXPECT_TRUE(flow_leaves(&f));
    f.on_dead = FLOW_FAIL;
    EXPECT_EQ_INT(FLOW_GOES_ON, flow_fate(&f));
    f.opener = GOES;
    EXPECT_EQ_INT(FLOW_WAKES, flow_fate(&f));
    EXPECT_FALSE(flow_follows(&f)); // its opener is cancelled first
    f.opener = JOB_CANCELLED;
    EXPECT_EQ_INT(FLOW_GOES_ON, flow_fate(&f));
    EXPECT_FALSE(flow_leaves(&f)); // it goes through them itself
    EXPECT_FALSE(flow_follows(&f));
    f.deep = false;
    EXPECT_EQ_INT(FLOW_CLOSES, flow_fate(&f));
    f = facts(2, 2, 0, JOB_SUCCEEDED);
    EXPECT_FALSE(flow_leaves(&f)); // it closes now
    EXPECT_TRUE(flow_follows(&f));
    f.closed = true;
    EXPECT_FALSE(flow_leaves(&f));
    EXPECT_FALSE(flow_follows(&f));
    f.deep = true;
    EXPECT_TRUE(flow_leaves(&f));
    EXPECT_TRUE(flow_follows(&f));
    f = facts(2, 1, 0, JOB_SUCCEEDED); // one was revived after the close
    f.closed = true;
    EXPECT_TRUE(flow_follows(&f));
}

static void test_counts(void) {
    struct flow_tally t = {.made = 4};
    flow_count(&t, JOB_SUCCEEDED, 1);
    flow_count(&t, JOB_DEAD, 1);
    flow_count(&t, JOB_CANCELLED, 1);
    flow_count(&t, JOB_PARKED, 1); // has not ended
    EXPECT_EQ_INT(1, flow_open_count(&t));
    flow_count(&t, JOB_DUPLICATE, 1);
    EXPECT_EQ_INT(0, flow_open_count(&t));
    flow_count(&t, JOB_DEAD, -1); // revived
    EXPECT_EQ_INT(1, flow_open_count(&t));
}

static void test_names(void) {
    EXPECT_EQ_INT(FLOW_FAIL, flow_on_dead_from_name("fail"));
    EXPECT_EQ_INT(FLOW_CONTINUE, flow_on_dead_from_name(flow_on_dead_name(FLOW_CONTINUE)));
    EXPECT_EQ_INT(-1, flow_on_dead_from_name("stop"));
    EXPECT_NULL(flow_on_dead_name(FLOW_ON_DEAD_COUNT));
}

// The form in Lua is run against them as well: test_redis_lua.c.
static void test_vectors(void) {
    uint64_t v[16];
    unsigned count = 0;
    FILE *f = vectors_open("flow.txt");
    while (vectors_next(f, v, 16)) {
        const struct flow_facts facts = {
            .tally = {(int64_t)v[0], (int64_t)v[1], (int64_t)v[2], (int64_t)v[3], (int64_t)v[4]},
            .opener = v[5] == 0 ? -1 : (int)v[5],
            .on_dead = (enum flow_on_dead)v[6],
            .closed = v[7] != 0,
            .deep = v[8] != 0};
        EXPECT_EQ_INT((int64_t)v[9], flow_open_count(&facts.tally));
        EXPECT_EQ_UINT(v[10], flow_fate(&facts));
        EXPECT_EQ_UINT(v[11], flow_then(&facts));
        EXPECT_EQ_UINT(v[12], flow_grows(&facts));
        EXPECT_EQ_UINT(v[13], flow_cancels(&facts));
        EXPECT_EQ_UINT(v[14], flow_leaves(&facts));
        EXPECT_EQ_UINT(v[15], flow_follows(&facts));
        count++;
    }
    EXPECT_EQ_UINT(96 * 32, count);
    (void)fclose(f);
}

static const struct expect_test tests[] = {
    {"a flow closes once, when its opener and all members have ended", test_fate},
    {"what a then begins as", test_then},
    {"a flow grows until it closes, fails or is cancelled", test_growth},
    {"what members that have ended made", test_deep},
    {"members are counted by how they end", test_counts},
    {"names", test_names},
    {"every decision against the vectors", test_vectors},
};
SUITE_MAIN("flow", tests)
