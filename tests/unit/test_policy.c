#include "supervisor/policy.h"

#include <errno.h>

#include "expect.h"
#include "jobhost_plugin.h"

static const struct {
    const char *json;
    const char *words; /* NULL: accepted */
} cases[] = {
    {"{}", NULL},
    {"{\"backoff\":\"fixed\",\"base\":\"30s\"}", NULL},
    {"{\"factor\":1,\"jitter\":0}", NULL},
    {"{\"factor\":100,\"jitter\":1,\"cap\":\"7d\"}", NULL},
    {"{\"expression\":\"pow(2, retried) * 1000\"}", NULL},
    {"[]", "must be a JSON object"},
    {"nonsense", "must be a JSON object"},
    {"{\"backoff\":\"linear\"}", "exponential, fixed or expression"},
    {"{\"base\":30}", "retry.base must be a duration"},
    {"{\"base\":\"30\"}", "retry.base must be a duration"},
    {"{\"factor\":0.99}", "retry.factor must be a number from 1 to 100"},
    {"{\"factor\":100.1}", "retry.factor must be a number from 1 to 100"},
    {"{\"jitter\":1.01}", "retry.jitter must be a number from 0 to 1"},
    {"{\"jitter\":\"a lot\"}", "retry.jitter must be a number"},
    {"{\"backoff\":\"expression\"}", "there is no retry.expression"},
    {"{\"expression\":\"pow(2\"}", ""},
    {"{\"tries\":3}", "retry.tries: unknown key"},
    {"{\"max\":3}", "retry.max: unknown key"},
    {"{\"classes\":{}}", NULL},
    {"{\"classes\":{\"auth\":{\"max\":1},\"network\":{\"base\":\"1m\",\"cap\":\"1h\",\"factor\":3}}"
     "}",
     NULL},
    {"{\"classes\":{\"timeout\":{\"expression\":\"retried * 1000\"}}}", NULL},
    {"{\"classes\":{\"timeout\":{\"backoff\":\"expression\"}}}", "there is no retry.expression"},
    {"{\"classes\":[]}", "retry.classes must be an object"},
    {"{\"classes\":{\"auth\":3}}", "retry.classes.auth must be an object"},
    {"{\"classes\":{\"input\":{}}}", "under one of auth, network"},
    {"{\"classes\":{\"weather\":{}}}", "under one of auth, network"},
    {"{\"classes\":{\"auth\":{\"max\":0}}}", "must be a number from 1 to 1000"},
    {"{\"classes\":{\"auth\":{\"max\":1001}}}", "must be a number from 1 to 1000"},
    {"{\"classes\":{\"auth\":{\"jitter\":0.5}}}", "retry.classes: jitter: unknown key"},
};

static void test_check(void) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {.code = 0};
        int r = policy_check(cases[i].json, &e);
        EXPECT_EQ_INT(cases[i].words == NULL ? 0 : -EINVAL, r);
        if (cases[i].words != NULL) {
            EXPECT_CONTAINS(cases[i].words, e.msg);
        }
    }
}

static const struct config_job type = {.retry.policy = {.max = 3,
                                                        .crashes = 2,
                                                        .backoff = BACKOFF_EXPONENTIAL,
                                                        .base_ms = 10000,
                                                        .factor = 2,
                                                        .cap_ms = 3600000,
                                                        .jitter = 0.2}};
static const struct config_queue queue = {.entry.name = "q"};

static void test_merges_with_the_type(void) {
    struct policy p;
    struct job_spec spec = {.retry = "{\"base\":\"1s\"}", .max_attempts = 7};
    policy_of(&queue, &type, &spec, &p);
    EXPECT_EQ_INT(7, p.retry.max);
    EXPECT_EQ_INT(1000, p.retry.base_ms);
    EXPECT_EQ_INT(3600000, p.retry.cap_ms);
    EXPECT_TRUE(p.retry.factor == 2);
    policy_finish(&p);
    policy_of(&queue, &type, &(struct job_spec){.retry = NULL}, &p);
    EXPECT_EQ_INT(3, p.retry.max);
    EXPECT_EQ_INT(10000, p.retry.base_ms);
    policy_finish(&p);
}

// A type that has one does not mix with the queue's.
static void test_a_queue_stands_in_for_a_type_without_a_policy(void) {
    const struct config_queue own = {
        .retry = {.given = true, .policy = {.max = 9, .base_ms = 50, .factor = 1, .cap_ms = 60}}};
    struct config_job with = type;
    struct policy p;
    policy_of(&own, &type, &(struct job_spec){.retry = "{\"cap\":\"7s\"}"}, &p);
    EXPECT_EQ_INT(9, p.retry.max);
    EXPECT_EQ_INT(50, p.retry.base_ms);
    EXPECT_EQ_INT(7000, p.retry.cap_ms);
    EXPECT_EQ_INT(2, p.retry.crashes); // the type's
    policy_finish(&p);
    with.retry.given = true;
    policy_of(&own, &with, &(struct job_spec){.retry = NULL}, &p);
    EXPECT_EQ_INT(3, p.retry.max);
    EXPECT_EQ_INT(10000, p.retry.base_ms);
    policy_finish(&p);
}

static void test_expression_lives_as_long_as_the_policy(void) {
    struct policy p;
    policy_of(&queue, &type,
              &(struct job_spec){.retry = "{\"expression\":\"retried * 1000\",\"jitter\":0}"}, &p);
    EXPECT_EQ_INT(BACKOFF_EXPRESSION, p.retry.backoff);
    EXPECT_EQ_INT(1000, retry_delay_ms(&p.retry, 2, 1, 0)); // retried once before
    policy_finish(&p);
    EXPECT_NULL(p.tree);
}

static void test_stored_nonsense_falls_back(void) {
    struct policy p;
    policy_of(&queue, &type, &(struct job_spec){.retry = "{\"base\":1}"}, &p);
    EXPECT_EQ_INT(10000, p.retry.base_ms);
    policy_finish(&p);
}

static void test_classes(void) {
    struct retry_rule rules[RETRY_CLASSES] = {
        [JH_E_AUTH] = {.max = 1},
        [JH_E_NETWORK] = {.has_backoff = true, .backoff = BACKOFF_FIXED, .base_ms = 500}};
    struct config_job with = type;
    struct policy p;
    with.retry.policy.rules = rules;
    policy_of(&queue, &with,
              &(struct job_spec){.retry = "{\"classes\":{\"network\":{\"base\":\"2s\"},"
                                          "\"upstream\":{\"expression\":\"7\"}}}"},
              &p);
    struct retry_policy of = retry_of_class(&p.retry, JH_E_AUTH); // the type's stays
    EXPECT_EQ_INT(1, of.max);
    of = retry_of_class(&p.retry, JH_E_NETWORK); // the job's stands in its place
    EXPECT_EQ_INT(2000, of.base_ms);
    EXPECT_EQ_INT(BACKOFF_EXPONENTIAL, of.backoff);
    EXPECT_EQ_INT(3, of.max);
    of = retry_of_class(&p.retry, JH_E_UPSTREAM);
    EXPECT_EQ_INT(BACKOFF_EXPRESSION, of.backoff);
    EXPECT_EQ_STR("7", of.expression);
    of = retry_of_class(&p.retry, JH_E_TIMEOUT);
    EXPECT_EQ_INT(10000, of.base_ms);
    policy_finish(&p);
}

static const struct expect_test tests[] = {
    {"what is accepted and what is refused, in words", test_check},
    {"what it leaves out comes from the type", test_merges_with_the_type},
    {"a queue stands in for a type without a policy",
     test_a_queue_stands_in_for_a_type_without_a_policy},
    {"an expression is usable until the policy is finished",
     test_expression_lives_as_long_as_the_policy},
    {"a policy that no rule accepts any more gives way to the type's",
     test_stored_nonsense_falls_back},
    {"classes of failures", test_classes},
};
SUITE_MAIN("policy", tests)
