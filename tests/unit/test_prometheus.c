// The text format: escaping, numbers, and the lines of a histogram.
#include "base/prometheus.h"

#include <math.h>

#include "base/bytes.h"

#include "expect.h"

static void expect_text(struct buf *out, const char *want) {
    EXPECT_EQ_STR(want, out->data);
    EXPECT_FALSE(out->failed);
    buf_free(out);
}

static void test_family(void) {
    struct buf out = {0};
    prometheus_family(&out, "a_total", PROMETHEUS_COUNTER, "back\\slash, \"quotes\"\nand a line");
    prometheus_family(&out, "b", PROMETHEUS_GAUGE, "");
    prometheus_family(&out, "c", PROMETHEUS_HISTOGRAM, "h");
    expect_text(&out, "# HELP a_total back\\\\slash, \"quotes\"\\nand a line\n"
                      "# TYPE a_total counter\n"
                      "# HELP b \n# TYPE b gauge\n"
                      "# HELP c h\n# TYPE c histogram\n");
}

static void test_labels(void) {
    struct buf out = {0};
    const struct prometheus_label labels[] = {{"a", "say \"hi\"\\\n"},
                                              {"b", "gr\xc3\xb6\xc3\x9f"
                                                    "e\xff\x80"},
                                              {"c", NULL},
                                              {"d", "4"},
                                              {"e", "too many"}};
    prometheus_count(&out, "n", NULL, 0, 0);
    prometheus_count(&out, "n", labels, 1, UINT64_MAX);
    prometheus_count(&out, "n", labels, ARRAY_LEN(labels), 1);
    expect_text(&out, "n 0\n"
                      "n{a=\"say \\\"hi\\\"\\\\\\n\"} 18446744073709551615\n"
                      "n{a=\"say \\\"hi\\\"\\\\\\n\",b=\"gr\xc3\xb6\xc3\x9f"
                      "e??\",c=\"\",d=\"4\"} 1\n");
}

static void test_numbers(void) {
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "n 0\n"},
        {1, "n 1\n"},
        {0.0025, "n 0.0025\n"},
        {1795305600.123, "n 1795305600.123\n"},
        {-1.5, "n -1.5\n"},
        {1e300, "n 1e+300\n"},
        {(double)INFINITY, "n +Inf\n"},
        {-(double)INFINITY, "n -Inf\n"},
        {(double)NAN, "n NaN\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = {0};
        prometheus_value(&out, "n", NULL, 0, rows[i].value);
        expect_text(&out, rows[i].text);
    }
}

static void test_histogram(void) {
    static const uint64_t bounds[] = {1000, 2500000};
    static const struct histogram_scale scale = {bounds, 2, 1000000};
    const struct prometheus_label label = {"q", "a"};
    struct histogram h = {.sum = 0};
    struct buf out = {0};
    histogram_add(&h, &scale, 500);
    histogram_add(&h, &scale, 2000000);
    histogram_add(&h, &scale, 3000000);
    prometheus_histogram(&out, "s", &label, 1, &h, &scale);
    prometheus_histogram(&out, "s", NULL, 0, &(struct histogram){.sum = 0}, &scale);
    expect_text(&out, "s_bucket{q=\"a\",le=\"0.001\"} 1\n"
                      "s_bucket{q=\"a\",le=\"2.5\"} 2\n"
                      "s_bucket{q=\"a\",le=\"+Inf\"} 3\n"
                      "s_sum{q=\"a\"} 5.0005\n"
                      "s_count{q=\"a\"} 3\n"
                      "s_bucket{le=\"0.001\"} 0\n"
                      "s_bucket{le=\"2.5\"} 0\n"
                      "s_bucket{le=\"+Inf\"} 0\n"
                      "s_sum 0\n"
                      "s_count 0\n");
}

static const struct expect_test tests[] = {
    {"HELP and TYPE", test_family},
    {"labels are escaped", test_labels},
    {"numbers read back as they were", test_numbers},
    {"a histogram is cumulative", test_histogram},
};

SUITE_MAIN("prometheus", tests)
