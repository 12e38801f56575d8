/* The parts of a simulation that stand alone: its agenda, its percentiles, its notes. */
#include <stdlib.h>

#include "expect.h"
#include "sim/agenda.h"
#include "sim/note.h"
#include "sim/quantile.h"
#include "sim/report.h"

/* ------------------------------------------------------------------ agenda */

static void nothing(struct sim *sim, struct agenda_event *e) {
    (void)sim;
    (void)e;
}

static void test_order(void) {
    struct agenda a;
    struct agenda_event events[5];
    static const int64_t at[] = {30, 10, 20, 10, 10};
    static const size_t wanted[] = {1, 3, 4, 2, 0}; // by time, and as they were set
    agenda_init(&a);
    EXPECT_EQ_INT(INT64_MAX, agenda_next_ms(&a));
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        agenda_event(&events[i], nothing);
        EXPECT_EQ_INT(0, agenda_set(&a, &events[i], at[i]));
    }
    EXPECT_NULL(agenda_take(&a, 9));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        EXPECT_TRUE(agenda_take(&a, 30) == &events[wanted[i]]);
    }
    EXPECT_NULL(agenda_take(&a, INT64_MAX));
    agenda_finish(&a);
}

static void test_moved(void) {
    struct agenda a;
    struct agenda_event first, second;
    agenda_init(&a);
    agenda_event(&first, nothing);
    agenda_event(&second, nothing);
    EXPECT_EQ_INT(0, agenda_set(&a, &first, 10));
    EXPECT_EQ_INT(0, agenda_set(&a, &second, 10));
    EXPECT_EQ_INT(0, agenda_set(&a, &first, 10)); // again: behind the other
    EXPECT_TRUE(agenda_take(&a, 10) == &second);
    agenda_drop(&a, &second); // it is not there
    agenda_drop(&a, &first);
    EXPECT_EQ_INT(INT64_MAX, agenda_next_ms(&a));
    agenda_finish(&a);
}

/* ------------------------------------------------------------------ percentiles */

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void test_quantiles(void) {
    static struct quantile q;
    static int64_t values[5000];
    static const double shares[] = {0.01, 0.5, 0.9, 0.99, 0.999, 1};
    uint64_t state = 1;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        values[i] = (int64_t)(state >> 20 >> (state >> 59)); // all sizes
        quantile_add(&q, values[i]);
    }
    qsort(values, ARRAY_LEN(values), sizeof *values, by_value);
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        int64_t exact = values[(size_t)(shares[i] * (double)(ARRAY_LEN(values) - 1))];
        int64_t told = quantile_at(&q, shares[i]);
        EXPECT_TRUE(told >= exact - exact / 16 && told <= exact + exact / 16 + 1);
    }
    EXPECT_EQ_INT(values[ARRAY_LEN(values) - 1], q.max);
}

static void test_quantile_ends(void) {
    static struct quantile q;
    EXPECT_EQ_INT(0, quantile_at(&q, 0.5));
    quantile_add(&q, -5); // a clock that was set back
    EXPECT_EQ_INT(0, quantile_at(&q, 1));
    quantile_add(&q, 1000);
    EXPECT_EQ_INT(0, quantile_at(&q, 0.5));
    EXPECT_EQ_INT(1000, quantile_at(&q, 1)); // never more than the largest
    quantile_add(&q, INT64_MAX);
    EXPECT_EQ_INT(INT64_MAX, q.max);
}

/* ------------------------------------------------------------------ notes, reports */

static void test_note(void) {
    struct buf out = {0};
    struct note n = {.kind = NOTE_RETRY,
                     .wall_ms = INT64_C(1767225600000),
                     .passed_ms = 5,
                     .what = "a.b",
                     .tenant = "user1",
                     .text = "say \"when\""};
    note_json(&n, &out);
    EXPECT_EQ_STR(
        "{\"at\":\"2026-01-01T00:00:00.000Z\",\"ms\":5,\"event\":\"retry\",\"what\":\"a.b\","
        "\"user\":\"user1\",\"why\":\"say \\\"when\\\"\"}",
        out.data);
    buf_free(&out);
    for (int i = 0; i < NOTE_KINDS; i++) {
        EXPECT_TRUE(note_kinds[i].name != NULL);
    }
}

static void test_report(void) {
    struct report *r = report_new();
    struct report_type total;
    report_type(r, "a")->dead = 2;
    report_type(r, "b")->dead = 3;
    EXPECT_TRUE(report_type(r, "a")->dead == 2); // found again
    EXPECT_TRUE(report_calls(r, "x", true) != report_calls(r, "x", false));
    quantile_add(&report_type(r, "a")->wait, 7);
    quantile_add(&report_type(r, "b")->wait, 9);
    report_total(r, &total);
    EXPECT_EQ_UINT(5, total.dead);
    EXPECT_EQ_INT(9, total.wait.max);
    for (int i = 0; i < REPORT_BROKEN_MAX + 5; i++) {
        report_break(r, "number %d", i);
    }
    EXPECT_EQ_UINT(REPORT_BROKEN_MAX, r->broken_count); // the others are counted
    EXPECT_EQ_UINT(REPORT_BROKEN_MAX + 5, r->broken_all);
    report_free(&r);
    EXPECT_NULL(r);
    report_free(&r);
}

static const struct expect_test tests[] = {
    {"events come in the order of time, then of being set", test_order},
    {"an event is moved, or dropped", test_moved},
    {"percentiles are right to a sixteenth", test_quantiles},
    {"percentiles of nothing, and of extremes", test_quantile_ends},
    {"a note as a line of JSON", test_note},
    {"a report finds, sums and bounds", test_report},
};
SUITE_MAIN("sim_parts", tests)
