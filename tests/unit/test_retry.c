#include "core/retry.h"

#include <errno.h>
#include <math.h>

#include "base/bytes.h"
#include "expect.h"

#define YEARS_10 (INT64_C(10) * 366 * 24 * 3600 * 1000)

static struct retry_policy policy(enum backoff_kind kind) {
    return (struct retry_policy){.max = 5,
                                 .backoff = kind,
                                 .base_ms = 1000,
                                 .factor = 2,
                                 .cap_ms = 60000,
                                 .expression = "1000 * (1 + retried)"};
}

static void test_kinds(void) {
    struct retry_policy p = policy(BACKOFF_EXPONENTIAL);
    const int64_t want[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (int32_t n = 1; n <= 8; n++) {
        EXPECT_EQ_INT(want[n - 1], retry_delay_ms(&p, n, 1, 0));
    }
    EXPECT_EQ_INT(1000, retry_delay_ms(&p, 0, 1, 0));
    EXPECT_EQ_INT(1000, retry_delay_ms(&p, -5, 1, 0));
    EXPECT_EQ_INT(60000, retry_delay_ms(&p, INT32_MAX, 1, 0));
    p = policy(BACKOFF_FIXED);
    EXPECT_EQ_INT(1000, retry_delay_ms(&p, 7, 1, 0));
    p = policy(BACKOFF_EXPRESSION);
    EXPECT_EQ_INT(1000, retry_delay_ms(&p, 1, 1, 0));
    EXPECT_EQ_INT(4000, retry_delay_ms(&p, 4, 1, 0));
    EXPECT_EQ_INT(60000, retry_delay_ms(&p, 1000, 1, 0));
}

static void test_default(void) {
    EXPECT_EQ_INT(3, retry_default.max);
    int64_t first = retry_delay_ms(&retry_default, 1, 12345, 0);
    EXPECT_TRUE(first >= 8000 && first <= 12000);
}

static void test_qstash(void) {
    struct retry_policy p = policy(BACKOFF_EXPRESSION);
    p.expression = RETRY_QSTASH_EXPRESSION;
    p.cap_ms = 0;
    const int64_t want_s[] = {12, 148, 1808, 22026, 86400, 86400};
    for (int32_t n = 1; n <= 6; n++) {
        EXPECT_EQ_INT(want_s[n - 1], retry_delay_ms(&p, n, 1, 0) / 1000);
    }
}

static void test_retry_after(void) {
    struct retry_policy p = policy(BACKOFF_EXPONENTIAL);
    EXPECT_EQ_INT(1000, retry_delay_ms(&p, 1, 1, 999));
    EXPECT_EQ_INT(1001, retry_delay_ms(&p, 1, 1, 1001));
    EXPECT_EQ_INT(3600000, retry_delay_ms(&p, 1, 1, 3600000));
    EXPECT_EQ_INT(1000, retry_delay_ms(&p, 1, 1, -5));
    EXPECT_EQ_INT(YEARS_10, retry_delay_ms(&p, 1, 1, INT64_MAX));
}

// Within its bounds, the same for the same (seed, n), and using the whole width.
static void test_jitter(void) {
    struct retry_policy p = policy(BACKOFF_FIXED);
    p.base_ms = 10000;
    p.jitter = 0.2;
    int64_t least = INT64_MAX, most = 0;
    double sum = 0;
    for (uint64_t seed = 0; seed < 10000; seed++) {
        int64_t ms = retry_delay_ms(&p, 1, seed * UINT64_C(0x123456789), 0);
        EXPECT_EQ_INT(ms, retry_delay_ms(&p, 1, seed * UINT64_C(0x123456789), 0));
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
        sum += (double)ms;
    }
    EXPECT_TRUE(least >= 8000 && least < 8020);
    EXPECT_TRUE(most <= 12000 && most > 11980);
    EXPECT_TRUE(fabs(sum / 10000 - 10000) < 50);
    EXPECT_TRUE(retry_delay_ms(&p, 1, 7, 0) != retry_delay_ms(&p, 2, 7, 0));
    p.jitter = 1;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        int64_t ms = retry_delay_ms(&p, 1, seed, 0);
        EXPECT_TRUE(ms >= 0 && ms <= 20000);
    }
}

static void test_odd_values(void) {
    struct retry_policy p = policy(BACKOFF_EXPRESSION);
    p.expression = "-5";
    EXPECT_EQ_INT(0, retry_delay_ms(&p, 1, 1, 0));
    p.expression = "1 / 0";
    EXPECT_EQ_INT(60000, retry_delay_ms(&p, 1, 1, 0));
    p.expression = "0 / 0"; // no number: counts as the base
    EXPECT_EQ_INT(1000, retry_delay_ms(&p, 1, 1, 0));
    p.expression = "nonsense";
    EXPECT_EQ_INT(1000, retry_delay_ms(&p, 1, 1, 0));
    p.cap_ms = 0;
    p.expression = "pow(10, 300)";
    EXPECT_EQ_INT(YEARS_10, retry_delay_ms(&p, 1, 1, 0));
    p.jitter = 1;
    for (uint64_t seed = 0; seed < 100; seed++) {
        EXPECT_TRUE(retry_delay_ms(&p, 1, seed, 0) <= YEARS_10);
    }
    p = policy(BACKOFF_EXPONENTIAL);
    p.factor = NAN;
    EXPECT_TRUE(retry_delay_ms(&p, 3, 1, 0) >= 0);
}

static void test_expressions(void) {
    static const struct {
        const char *text;
        int32_t retried;
        double want;
    } rows[] = {
        {"1000", 0, 1000},
        {"pow(2, retried) * 1000", 3, 8000},
        {"1000 * (1 + retried)", 2, 3000},
        {"max(1000, pow(2, retried) * 100)", 2, 1000},
        {"max(1000, pow(2, retried) * 100)", 5, 3200},
        {"1+2*3", 0, 7},
        {"(1+2)*3", 0, 9},
        {"10-4-3", 0, 3},
        {"100/10/2", 0, 5},
        {"17%5", 0, 2},
        {"2^3^2", 0, 512},
        {"-2^2", 0, -4},
        {"2^-1", 0, 0.5},
        {"--3", 0, 3},
        {"+3", 0, 3},
        {"3 - -3", 0, 6},
        {".5+1.", 0, 1.5},
        {"1e3", 0, 1000},
        {"1.5e-1*10", 0, 1.5},
        {"sqrt(16)", 0, 4},
        {"abs(-3)", 0, 3},
        {"floor(1.9)+ceil(1.1)", 0, 3},
        {"round(2.5)", 0, 3},
        {"round(-0.4)", 0, 0},
        {"min(3)", 0, 3},
        {"min(3,1,2)", 0, 1},
        {"max(3,1,2,9,4)", 0, 9},
        {" exp ( 0 ) \t", 0, 1},
        {"retried", 41, 41},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double got = -1;
        struct err e = {0};
        if (!EXPECT_EQ_INT(0, retry_expression_eval(rows[i].text, rows[i].retried, &got, &e)) ||
            !EXPECT_TRUE(fabs(got - rows[i].want) < 1e-9)) {
            (void)printf("    %s gave %f %s\n", rows[i].text, got, e.msg);
        }
    }
    double got = 0;
    EXPECT_EQ_INT(0, retry_expression_eval("1/0", 0, &got, NULL));
    EXPECT_TRUE(isinf(got));
}

static void test_expressions_refused(void) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "column 1:"},
        {" ", "column 2:"},
        {"1 +", "column 4:"},
        {"1 2", "column 3: an operator"},
        {"(1", "column 3: )"},
        {"1)", "column 2:"},
        {"foo", "column 1: unknown name"},
        {"1 + bar(2)", "column 5: unknown name"},
        {"pow", "column 4: ("},
        {"pow(1)", "column 1: this function takes two"},
        {"1+pow(1,2,3)", "column 3: this function takes two"},
        {"sqrt(1,2)", "column 1: this function takes one"},
        {"sqrt()", "column 6:"},
        {"min()", "column 5:"},
        {"1 * * 2", "column 5:"},
        {"0x10", "column 1: hexadecimal"},
        {"inf", "unknown name"},
        {"nan", "unknown name"},
        {".", "column 1:"},
        {"1,2", "column 2:"},
        {"retried retried", "column 9: an operator"},
        {"1;", "column 2:"},
        {"0/0", "no number"},
        {"sqrt(-1)", "no number"},
        {"\xc3\xa4", "column 1:"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {0};
        double got = 77;
        EXPECT_EQ_INT(-EINVAL, retry_expression_eval(rows[i].text, 0, &got, &e));
        EXPECT_CONTAINS(rows[i].says, e.msg);
        EXPECT_EQ_INT(77, (int)got);
    }
    double got;
    EXPECT_EQ_INT(-EINVAL, retry_expression_eval(NULL, 0, &got, NULL));
}

static int eval_repeated(const char *open, int count, const char *middle, const char *close) {
    char text[2048] = "";
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s", open);
    }
    len += (size_t)snprintf(text + len, sizeof text - len, "%s", middle);
    for (int i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s", close);
    }
    double got;
    return retry_expression_eval(text, 0, &got, NULL);
}

static void test_expression_limits(void) {
    EXPECT_EQ_INT(0, eval_repeated("(", 31, "1", ")"));
    EXPECT_EQ_INT(-EINVAL, eval_repeated("(", 32, "1", ")"));
    EXPECT_EQ_INT(0, eval_repeated("-", 31, "1", ""));
    EXPECT_EQ_INT(-EINVAL, eval_repeated("-", 32, "1", ""));
    EXPECT_EQ_INT(0, eval_repeated("1^", 31, "1", ""));
    EXPECT_EQ_INT(-EINVAL, eval_repeated("1^", 32, "1", ""));
    EXPECT_EQ_INT(-EINVAL, eval_repeated("abs(", 40, "1", ")"));
    EXPECT_EQ_INT(0, eval_repeated(" ", RETRY_EXPRESSION_MAX - 1, "1", ""));
    EXPECT_EQ_INT(-EINVAL, eval_repeated(" ", RETRY_EXPRESSION_MAX, "1", ""));
    EXPECT_EQ_INT(-EINVAL, eval_repeated("(", 200, "", ""));
}

static const struct expect_test tests[] = {
    {"exponential, fixed, expression", test_kinds},
    {"the default policy", test_default},
    {"QStash's own back-off", test_qstash},
    {"Retry-After is a minimum", test_retry_after},
    {"jitter spreads, and is repeatable", test_jitter},
    {"odd values stay in bounds", test_odd_values},
    {"expressions are evaluated", test_expressions},
    {"bad expressions are refused, with the column", test_expressions_refused},
    {"length and depth are limited", test_expression_limits},
};
SUITE_MAIN("retry", tests)
