#include "base/nearest.h"

#include "expect.h"

static const char *nearest_to(const char *word) {
    static const char *const names[] = {"priority", "payload", "queue",   "key",
                                        "max",      "delay",   "deadline"};
    struct nearest n = {.word = word};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        nearest_offer(&n, names[i]);
    }
    return nearest_best(&n);
}

static void test_slips(void) {
    EXPECT_EQ_STR("priority", nearest_to("rpiority"));
    EXPECT_EQ_STR("priority", nearest_to("prioriyt"));
    EXPECT_EQ_STR("priority", nearest_to("Priority"));
    EXPECT_EQ_STR("payload", nearest_to("paylaods"));
    EXPECT_EQ_STR("queue", nearest_to("queuw"));
    EXPECT_EQ_STR("key", nearest_to("kye"));
    EXPECT_EQ_STR("max", nearest_to("maxx"));
    EXPECT_EQ_STR("delay", nearest_to("dealy"));
}

static void test_not_near(void) {
    EXPECT_NULL(nearest_to("zzzzzz"));
    EXPECT_NULL(nearest_to("ab"));
    EXPECT_NULL(nearest_to(""));
    struct nearest n = {.word = "x"};
    EXPECT_NULL(nearest_best(&n));
}

static void test_limits(void) {
    char word[66], other[66];
    memset(word, 'a', sizeof word);
    memset(other, 'a', sizeof other);
    word[64] = other[64] = '\0';
    other[0] = 'b';
    struct nearest n = {.word = word};
    nearest_offer(&n, other);
    EXPECT_EQ_STR(other, nearest_best(&n));
    // longer ones are no slips
    word[64] = 'a';
    word[65] = '\0';
    n = (struct nearest){.word = word};
    nearest_offer(&n, other);
    EXPECT_NULL(nearest_best(&n));
}

static const struct expect_test tests[] = {
    {"slips are found", test_slips},
    {"other words are not", test_not_near},
    {"words have a limit", test_limits},
};
SUITE_MAIN("nearest", tests)
