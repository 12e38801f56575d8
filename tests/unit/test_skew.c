#include "core/skew.h"

#include "expect.h"

static enum skew decide(uint32_t steps, uint32_t version, uint32_t oldest, bool restartable,
                        enum skew_policy policy) {
    const struct skew_handler h = {version, oldest, restartable};
    return skew_decide(&h, steps, policy);
}

// Whatever the policy: what a handler resumes goes on.
static void test_goes_on(void) {
    static const struct {
        uint32_t steps, version, oldest;
    } rows[] = {
        {0, 1, 1},                     // no steps
        {0, 7, 7},          {1, 1, 1}, // its own
        {2, 3, 2},          {3, 3, 2}, // as old as it says
        {1, 3, 1},          {UINT32_MAX, UINT32_MAX, 1},
        {1, UINT32_MAX, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int p = 0; p < SKEW_POLICY_COUNT; p++) {
            EXPECT_EQ_INT(SKEW_NONE, decide(rows[i].steps, rows[i].version, rows[i].oldest, true,
                                            (enum skew_policy)p));
        }
    }
}

// In both directions: steps that are too old, and such as a newer build has left.
static void test_policies(void) {
    static const struct {
        uint32_t steps, version, oldest;
    } rows[] = {{1, 2, 2}, {1, 3, 2}, {2, 1, 1}, {4, 3, 1}, {UINT32_MAX, 1, 1}};
    static const struct {
        enum skew_policy policy;
        bool restartable;
        enum skew skew;
    } wanted[] = {
        {SKEW_POLICY_PARK, false, SKEW_PARK},    {SKEW_POLICY_PARK, true, SKEW_PARK},
        {SKEW_POLICY_RESTART, false, SKEW_PARK}, {SKEW_POLICY_RESTART, true, SKEW_RESTART},
        {SKEW_POLICY_PIN, false, SKEW_PIN},      {SKEW_POLICY_PIN, true, SKEW_PIN},
        {SKEW_POLICY_FAIL, false, SKEW_FAIL},    {SKEW_POLICY_FAIL, true, SKEW_FAIL},
        {(enum skew_policy)77, true, SKEW_PARK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t k = 0; k < sizeof wanted / sizeof wanted[0]; k++) {
            EXPECT_EQ_INT(wanted[k].skew, decide(rows[i].steps, rows[i].version, rows[i].oldest,
                                                 wanted[k].restartable, wanted[k].policy));
        }
    }
}

static void test_names(void) {
    EXPECT_EQ_STR("go_on", skew_name(SKEW_NONE));
    EXPECT_EQ_STR("fail", skew_name(SKEW_FAIL));
    EXPECT_NULL(skew_name(SKEW_COUNT));
    EXPECT_NULL(skew_name(-1));
    for (int i = 0; i < SKEW_POLICY_COUNT; i++) {
        EXPECT_EQ_INT(i, skew_policy_from_name(skew_policy_name(i)));
    }
    EXPECT_NULL(skew_policy_name(SKEW_POLICY_COUNT));
    EXPECT_EQ_INT(-1, skew_policy_from_name("go_on"));
    EXPECT_EQ_INT(-1, skew_policy_from_name(NULL));
}

static const struct expect_test tests[] = {
    {"what a handler resumes goes on", test_goes_on},
    {"by policy, in both directions", test_policies},
    {"names", test_names},
};
SUITE_MAIN("core: skew", tests)
