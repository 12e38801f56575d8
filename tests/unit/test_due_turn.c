#include "core/due_turn.h"

#include "base/bytes.h"
#include "expect.h"

static void test_alone(void) {
    struct due_turn t = {0, 0};
    EXPECT_EQ_INT(1000, due_turn_at(&t, 1000));
    due_turn_found(&t, 3, 1000);
    EXPECT_EQ_INT(1002, due_turn_at(&t, 1000)); // more of that moment: together with the next ones
    EXPECT_EQ_INT(1002, due_turn_at(&t, 1001));
    EXPECT_EQ_INT(1002, due_turn_at(&t, 1002));
    EXPECT_EQ_INT(1003, due_turn_at(&t, 1003));
}

static void test_behind_another(void) {
    static const int64_t late[] = {2, 6, 14, 30, 50, 50};
    struct due_turn t = {0, 0};
    int64_t due = 1000;
    for (size_t i = 0; i < ARRAY_LEN(late); i++, due += 1000) {
        due_turn_found(&t, 0, due);
        EXPECT_EQ_INT(due + 1000 + late[i], due_turn_at(&t, due + 1000));
    }
    due_turn_found(&t, 1, due); // the other one is gone
    EXPECT_EQ_INT(due + 1000, due_turn_at(&t, due + 1000));
}

static void test_a_clock_set_back(void) {
    struct due_turn t = {0, 0};
    due_turn_found(&t, 1, 1000000);
    EXPECT_EQ_INT(5000, due_turn_at(&t, 5000));
}

// Several hosts with one clock: after a while each due moment is asked for by the first one, and once more late.
static void test_one_of_many_does_it(void) {
    enum { HOSTS = 5 };
    struct due_turn hosts[HOSTS] = {{0, 0}};
    unsigned first = 0;
    for (int64_t due = 1000; due < 101000; due += 1000) {
        int64_t best = INT64_MAX;
        for (unsigned h = 0; h < HOSTS; h++) {
            int64_t at = due_turn_at(&hosts[h], due);
            first = at < best ? h : first;
            best = at < best ? at : best;
        }
        EXPECT_EQ_INT(due, best);
        for (unsigned h = 0; h < HOSTS; h++) {
            due_turn_found(&hosts[h], h == first, due_turn_at(&hosts[h], due));
        }
    }
    for (unsigned h = 0; h < HOSTS; h++) {
        EXPECT_EQ_INT(h == first ? 0 : DUE_TURN_LATE_MS, hosts[h].late_ms);
    }
}

static const struct expect_test tests[] = {
    {"alone", test_alone},
    {"behind another", test_behind_another},
    {"a clock set back", test_a_clock_set_back},
    {"one of many does it", test_one_of_many_does_it},
};
SUITE_MAIN("due_turn", tests)
