#include "store/sqlite/turns.h"

#include "expect.h"

#include "failing_alloc.h"
#include "store/sqlite/place.h"

enum { PLAIN = PLACE_BAND + 4 * 3 + PRIORITY_NORMAL }; /* of lane 3 */

static struct queue some_queue;

static struct lane lane_of(void) {
    struct lane lane = {.id = 3, .queue = &some_queue, .turns_known = true};
    for (int p = 0; p < PRIORITY_COUNT; p++) {
        lane.cursor[p] = (struct band){INT64_MIN, INT64_MIN};
    }
    return lane;
}

static int64_t line_of(const char *tenant) {
    return turns_place(PLAIN, turns_number((struct bytes){tenant, strlen(tenant)}));
}

static void ready(struct lane *lane, int64_t place, int64_t at_ms) {
    lane->now.waiting[PRIORITY_NORMAL]++;
    turns_ready(lane, PRIORITY_NORMAL, place, (struct band){at_ms, at_ms});
}

static int64_t start(struct lane *lane, int64_t head_ms) {
    struct turn *turn = turns_first(lane, PRIORITY_NORMAL);
    int64_t place = turn == NULL ? -1 : turn->place;
    if (turn != NULL) {
        turns_start(lane, turn, head_ms);
        turns_forget(lane);
    }
    return place;
}

static void test_places(void) {
    EXPECT_EQ_INT(PLAIN, turns_place(PLAIN, 0));
    EXPECT_EQ_INT(PLAIN, line_of("acme") >> TURNS_SHIFT);
    EXPECT_EQ_INT(PLAIN, line_of("") >> TURNS_SHIFT);
    EXPECT_TRUE(line_of("acme") != line_of("acmf"));
    EXPECT_TRUE(turns_place((INT64_C(1) << 19) - 1, (INT64_C(1) << TURNS_SHIFT) - 1) > 0);
}

// Bands without tenants have nothing of this.
static void test_nothing_is_left(void) {
    struct lane lane = lane_of();
    ready(&lane, PLAIN, 5);
    EXPECT_NULL(lane.turns);
    ready(&lane, line_of("a"), 6);
    ready(&lane, line_of("b"), 7);
    EXPECT_EQ_INT(PLAIN, start(&lane, 8));
    EXPECT_EQ_INT(line_of("a"), start(&lane, 9));
    EXPECT_EQ_INT(line_of("b"), start(&lane, 0));
    EXPECT_EQ_INT(PLAIN, start(&lane, 8));
    EXPECT_EQ_INT(line_of("a"), start(&lane, 0));
    EXPECT_TRUE(lane.turns != NULL); // they have had their turns
    EXPECT_EQ_INT(PLAIN, start(&lane, 8));
    EXPECT_NULL(lane.turns);
    EXPECT_TRUE(lane.turns_known);
}

static void test_many_are_forgotten(void) {
    struct lane lane = lane_of();
    char name[16];
    ready(&lane, line_of("busy"), 1);
    for (int i = 0; i < 10000; i++) {
        (void)snprintf(name, sizeof name, "t%d", i);
        ready(&lane, line_of(name), 2);
        struct turn *turn = turns_first(&lane, PRIORITY_NORMAL);
        turns_start(&lane, turn, turn->place == line_of("busy") ? 1 : 0);
        turns_forget(&lane);
    }
    unsigned waiting = 0;
    while (start(&lane, 0) >= 0 && lane.turns != NULL) {
        waiting++;
    }
    EXPECT_NULL(lane.turns);
    EXPECT_TRUE(waiting <= 5000);
}

static void test_cursors(void) {
    struct lane lane = lane_of();
    ready(&lane, line_of("a"), 50);
    struct turn *a = turns_first(&lane, PRIORITY_NORMAL);
    *a->cursor = (struct band){60, 60};
    ready(&lane, line_of("a"), 40);
    EXPECT_EQ_INT(40, a->cursor->at_ms);
    EXPECT_EQ_INT(40, a->flow.head_ms);
    EXPECT_TRUE(a == turns_oldest(&lane, PRIORITY_NORMAL));
    ready(&lane, PLAIN, 30);
    lane.cursor[PRIORITY_NORMAL] = (struct band){90, 90};
    ready(&lane, PLAIN, 70);
    EXPECT_EQ_INT(70, lane.cursor[PRIORITY_NORMAL].at_ms);
    EXPECT_EQ_INT(30, turns_oldest(&lane, PRIORITY_NORMAL)->flow.head_ms);
    turns_free(&lane);
    turns_free(&lane);
}

static void test_weights(void) {
    static const struct store_weight weights[] = {{"a", 7}, {"b", 3}};
    static const struct store_queue_setup setup = {
        .queue = "q", .weights = weights, .weight_count = 2};
    struct queue queue = {.setup = &setup};
    struct lane lane = lane_of();
    lane.queue = &queue;
    ready(&lane, line_of("c"), 1);
    EXPECT_EQ_UINT(1, turns_first(&lane, PRIORITY_NORMAL)->flow.weight);
    turns_wait(&lane, turns_first(&lane, PRIORITY_NORMAL), 0);
    ready(&lane, line_of("b"), 1);
    EXPECT_EQ_UINT(3, turns_first(&lane, PRIORITY_NORMAL)->flow.weight);
    turns_free(&lane);
}

// Who cannot be remembered is looked for: nobody is lost.
static void test_out_of_memory(void) {
    unsigned failures = 0;
    for (int nth = 1; nth < 20; nth++) {
        struct lane lane = lane_of();
        failing_alloc_after(nth);
        ready(&lane, line_of("a"), 5);
        failing_alloc_after(0);
        EXPECT_TRUE(!lane.turns_known || turns_first(&lane, PRIORITY_NORMAL) != NULL);
        failures += !lane.turns_known;
        turns_free(&lane);
    }
    EXPECT_TRUE(failures >= 3 && failures < 19);
}

static const struct expect_test tests[] = {
    {"places of lines", test_places},
    {"nothing is left of who waits no more", test_nothing_is_left},
    {"many who came once are forgotten", test_many_are_forgotten},
    {"cursors and heads", test_cursors},
    {"weights", test_weights},
    {"out of memory", test_out_of_memory},
};
SUITE_MAIN("turns", tests)
