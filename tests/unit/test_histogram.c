// Ranges, their bounds, and what is outside of all of them.
#include "base/histogram.h"

#include "expect.h"

static const uint64_t bounds[] = {1, 10, 100};
static const struct histogram_scale scale = {bounds, 3, 10};

static void test_bounds(void) {
    static const struct {
        int64_t value;
        size_t bucket;
    } rows[] = {{0, 0}, {1, 0}, {2, 1}, {10, 1}, {11, 2}, {100, 2}, {101, 3}, {INT64_MAX, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct histogram h = {.sum = 0};
        histogram_add(&h, &scale, rows[i].value);
        EXPECT_EQ_UINT(1, h.counts[rows[i].bucket]);
        EXPECT_EQ_UINT((uint64_t)rows[i].value, h.sum);
        EXPECT_EQ_UINT(1, histogram_total(&h, &scale));
    }
}

/* A clock that stepped back must not make the sum huge. */
static void test_negative(void) {
    struct histogram h = {.sum = 5};
    histogram_add(&h, &scale, -1);
    histogram_add(&h, &scale, INT64_MIN);
    EXPECT_EQ_UINT(5, h.sum);
    EXPECT_EQ_UINT(2, h.counts[0]);
}

static void test_scales(void) {
    const struct histogram_scale *const scales[] = {&histogram_waits, &histogram_latencies,
                                                    &histogram_sizes};
    for (size_t i = 0; i < 3; i++) {
        EXPECT_TRUE(scales[i]->count > 0 && scales[i]->count <= HISTOGRAM_BOUNDS_MAX);
        for (size_t k = 1; k < scales[i]->count; k++) {
            EXPECT_TRUE(scales[i]->bounds[k - 1] < scales[i]->bounds[k]);
        }
    }
    EXPECT_EQ_UINT(3600, histogram_waits.bounds[histogram_waits.count - 1] / 1000000);
}

static const struct expect_test tests[] = {
    {"a value falls into one range", test_bounds},
    {"negative values count as zero", test_negative},
    {"the scales ascend", test_scales},
};

SUITE_MAIN("histogram", tests)
