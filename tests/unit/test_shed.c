#include "core/shed.h"

#include "base/bytes.h"
#include "expect.h"

enum { SLOW = SHED_TARGET_MS, QUICK = SHED_TARGET_MS - 1 };

static struct shed busy(void) { // others go on being under way
    struct shed s = {0};
    for (int i = 0; i < SHED_FEW; i++) {
        shed_posted(&s);
    }
    return s;
}

static void answer(struct shed *s, int64_t waited_ms, int64_t now_ms) {
    shed_posted(s);
    shed_answered(s, waited_ms, now_ms);
}

static void test_one_slow_answer_is_nothing(void) {
    struct shed s = busy();
    answer(&s, 10 * SLOW, 1000);
    EXPECT_FALSE(shed_refuses(&s));
    answer(&s, QUICK, 1000 + 2 * SHED_AFTER_MS);
    answer(&s, SLOW, 1001 + 2 * SHED_AFTER_MS); // begins anew
    answer(&s, SLOW, 1000 + 3 * SHED_AFTER_MS);
    EXPECT_FALSE(shed_refuses(&s));
}

static void test_what_stays_slow(void) {
    struct shed s = busy();
    answer(&s, SLOW, 1000);
    answer(&s, SLOW, 1000 + SHED_AFTER_MS - 1);
    EXPECT_FALSE(shed_refuses(&s));
    answer(&s, SLOW, 1000 + SHED_AFTER_MS);
    EXPECT_TRUE(shed_refuses(&s));
    answer(&s, QUICK, 1001 + SHED_AFTER_MS); // it keeps up again
    EXPECT_FALSE(shed_refuses(&s));
}

static void test_with_few_under_way_all_is_taken(void) {
    struct shed s = busy();
    answer(&s, SLOW, 1000);
    answer(&s, SLOW, 1000 + SHED_AFTER_MS);
    EXPECT_TRUE(shed_refuses(&s));
    shed_answered(&s, 9 * SLOW, 5000);
    EXPECT_FALSE(shed_refuses(&s));
}

static const struct expect_test tests[] = {
    {"one slow answer is nothing", test_one_slow_answer_is_nothing},
    {"what stays slow", test_what_stays_slow},
    {"with few under way all is taken", test_with_few_under_way_all_is_taken},
};
SUITE_MAIN("shed", tests)
