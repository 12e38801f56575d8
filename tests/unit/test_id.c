#include "core/id.h"

#include <errno.h>
#include <stdlib.h>

#include "expect.h"

#define NOW INT64_C(1795254000123)

static bool is_after(const struct job_id *a, const struct job_id *b) {
    return memcmp(a->b, b->b, sizeof a->b) > 0;
}

static void test_fields(void) {
    struct id_gen gen;
    id_gen_init(&gen, 42);
    for (int i = 0; i < 1000; i++) {
        struct job_id id = id_next(&gen, NOW);
        EXPECT_EQ_INT(7, id.b[6] >> 4);
        EXPECT_EQ_INT(2, id.b[8] >> 6);
        EXPECT_EQ_INT(NOW, id_time_ms(&id));
        EXPECT_TRUE(id_order(&id) > 0);
        EXPECT_FALSE(id_is_zero(&id));
    }
}

static void test_text(void) {
    struct id_gen gen;
    id_gen_init(&gen, 1);
    for (int i = 0; i < 1000; i++) {
        struct job_id id = id_next(&gen, NOW + i), back;
        char text[JOB_ID_TEXT + 1];
        id_format(&id, text);
        EXPECT_EQ_UINT(JOB_ID_TEXT, strlen(text));
        EXPECT_EQ_INT(0, id_parse(text, &back));
        EXPECT_TRUE(id_equal(&id, &back));
    }
    struct job_id id;
    EXPECT_EQ_INT(0, id_parse("019A5F3C-8B1E-7ABC-BDEF-0123456789aB", &id));
    char text[JOB_ID_TEXT + 1];
    id_format(&id, text);
    EXPECT_EQ_STR("019a5f3c-8b1e-7abc-bdef-0123456789ab", text);
}

static void test_parse_refuses(void) {
    static const char *const rows[] = {
        "",
        "019a5f3c-8b1e-7abc-bdef-0123456789a",
        "019a5f3c-8b1e-7abc-bdef-0123456789abc",
        "019a5f3c8b1e7abcbdef0123456789ab",
        "019a5f3c-8b1e-4abc-bdef-0123456789ab",
        "019a5f3c-8b1e-7abc-7def-0123456789ab",
        "019a5f3c-8b1e-7abc-cdef-0123456789ab",
        "019a5f3g-8b1e-7abc-bdef-0123456789ab",
        "019a5f3c-8b1e-7abc-bdef-0123456789a ",
        " 019a5f3c-8b1e-7abc-bdef-0123456789ab",
        "019a5f3c_8b1e-7abc-bdef-0123456789ab",
        "00000000-0000-0000-0000-000000000000",
        "{019a5f3c-8b1e-7abc-bdef-0123456789ab}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct job_id id = {.b = {1}};
        EXPECT_EQ_INT(-EINVAL, id_parse(rows[i], &id));
        EXPECT_EQ_INT(1, id.b[0]);
    }
}

// The clock stands, runs, steps back and far back: ids and their orders only rise.
static void test_rising(void) {
    struct id_gen gen;
    id_gen_init(&gen, 7);
    struct job_id last = id_next(&gen, NOW);
    int64_t now = NOW;
    uint32_t random = 1;
    int wrong = 0;
    for (int i = 0; i < 500000; i++) {
        random = random * 1664525u + 1013904223u;
        switch (random >> 29) {
        case 0: now += random >> 8 & 3; break;
        case 1: now -= random >> 8 & 1023; break;
        case 2: now += random >> 8 & 127; break;
        default: break;
        }
        struct job_id id = id_next(&gen, now);
        wrong += !is_after(&id, &last) || id_order(&id) <= id_order(&last);
        last = id;
    }
    EXPECT_EQ_INT(0, wrong);
}

// More ids in one millisecond than its counter has values: the time runs ahead and the order holds.
static void test_overflow(void) {
    struct id_gen gen;
    id_gen_init(&gen, 3);
    struct job_id last = id_next(&gen, NOW);
    int wrong = 0;
    for (int i = 0; i < (1 << 21) + 10; i++) {
        struct job_id id = id_next(&gen, NOW);
        wrong += !is_after(&id, &last) || id_order(&id) <= id_order(&last);
        last = id;
    }
    EXPECT_EQ_INT(0, wrong);
    EXPECT_EQ_INT(NOW + 1, id_time_ms(&last));
    // and once the clock has caught up, times are true again
    last = id_next(&gen, NOW + 2);
    EXPECT_EQ_INT(NOW + 2, id_time_ms(&last));
}

static int compare_orders(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// Five million ids of one generator at about 100 a millisecond, in whatever order they are asked for.
static void test_unique(void) {
    enum { COUNT = 5000000 };
    int64_t *orders = malloc(COUNT * sizeof *orders);
    struct id_gen gen;
    id_gen_init(&gen, 99);
    for (int i = 0; i < COUNT; i++) {
        struct job_id id = id_next(&gen, NOW + i / 100 - i % 7);
        orders[i] = id_order(&id);
    }
    qsort(orders, COUNT, sizeof *orders, compare_orders);
    int repeated = 0, not_positive = 0;
    for (int i = 0; i < COUNT; i++) {
        repeated += i > 0 && orders[i] == orders[i - 1];
        not_positive += orders[i] <= 0;
    }
    EXPECT_EQ_INT(0, repeated);
    EXPECT_EQ_INT(0, not_positive);
    free(orders);
}

// Two hosts with other seeds, the same clock: their low bits differ.
static void test_two_generators(void) {
    struct id_gen a, b;
    id_gen_init(&a, 1);
    id_gen_init(&b, 2);
    int equal = 0;
    for (int i = 0; i < 10000; i++) {
        struct job_id x = id_next(&a, NOW), y = id_next(&b, NOW);
        equal += id_equal(&x, &y);
    }
    EXPECT_EQ_INT(0, equal);
}

static void test_edges_of_time(void) {
    struct id_gen gen;
    id_gen_init(&gen, 5);
    struct job_id first = id_next(&gen, -1000);
    EXPECT_EQ_INT(0, id_time_ms(&first));
    struct job_id second = id_next(&gen, 0);
    EXPECT_TRUE(is_after(&second, &first));
    const int64_t last_ms = (INT64_C(1) << 42) - 1; // the year 2109
    struct job_id last = id_next(&gen, last_ms);
    EXPECT_EQ_INT(last_ms, id_time_ms(&last));
    EXPECT_TRUE(id_order(&last) > id_order(&second));
}

static void test_seed(void) {
    struct id_gen gen;
    id_gen_init(&gen, 5);
    struct job_id a = id_next(&gen, NOW), b = id_next(&gen, NOW);
    EXPECT_EQ_UINT(id_seed(&a), id_seed(&a));
    EXPECT_TRUE(id_seed(&a) != id_seed(&b));
}

static const struct expect_test tests[] = {
    {"version, variant and time are in their places", test_fields},
    {"text round trips", test_text},
    {"what is not an id is refused", test_parse_refuses},
    {"ids rise when the clock does not", test_rising},
    {"ids rise when a millisecond runs over", test_overflow},
    {"orders of five million ids are unique", test_unique},
    {"two generators do not make the same id", test_two_generators},
    {"the first and the last moment", test_edges_of_time},
    {"the seed belongs to the id", test_seed},
};
SUITE_MAIN("id", tests)
