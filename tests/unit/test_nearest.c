#include "base/nearest.h"

#include "expect.h"

static void test_distance(void) {
    static const struct {
        const char *a, *b;
        unsigned limit, want;
    } rows[] = {
        {"", "", 2, 0},
        {"a", "a", 2, 0},
        {"abc", "abd", 2, 1},
        {"abc", "ab", 2, 1},
        {"ab", "abc", 2, 1},
        {"abc", "acb", 2, 1},
        {"abcd", "badc", 2, 2},
        {"retires", "retries", 2, 1},
        {"abc", "xyz", 2, 3},
        {"abc", "xyz", 5, 3},
        {"", "ab", 2, 2},
        {"", "abc", 2, 3},
        {"kitten", "sitting", 3, 3},
        {"ca", "abc", 3, 3},
        {"concurrncy", "concurrency", 2, 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EXPECT_EQ_UINT(rows[i].want, nearest_distance(rows[i].a, rows[i].b, rows[i].limit));
        EXPECT_EQ_UINT(rows[i].want, nearest_distance(rows[i].b, rows[i].a, rows[i].limit));
    }
}

// Against a plain recursive reading of the definition.
static unsigned slow(const char *a, size_t n, const char *b, size_t m) {
    if (n == 0 || m == 0) {
        return (unsigned)(n + m);
    }
    unsigned best = slow(a, n - 1, b, m - 1) + (a[n - 1] != b[m - 1]);
    unsigned del = slow(a, n - 1, b, m) + 1, ins = slow(a, n, b, m - 1) + 1;
    best = del < best ? del : best;
    best = ins < best ? ins : best;
    if (n > 1 && m > 1 && a[n - 1] == b[m - 2] && a[n - 2] == b[m - 1]) {
        unsigned swap = slow(a, n - 2, b, m - 2) + 1;
        best = swap < best ? swap : best;
    }
    return best;
}

static void test_random(void) {
    uint32_t seed = 1;
    for (int i = 0; i < 2000; i++) {
        char words[2][7] = {{0}};
        for (int w = 0; w < 2; w++) {
            seed = seed * 1664525u + 1013904223u;
            size_t len = (seed >> 16) % 6;
            for (size_t j = 0; j < len; j++) {
                seed = seed * 1664525u + 1013904223u;
                words[w][j] = (char)('a' + (seed >> 16) % 3);
            }
        }
        unsigned want = slow(words[0], strlen(words[0]), words[1], strlen(words[1]));
        EXPECT_EQ_UINT(want, nearest_distance(words[0], words[1], 10));
    }
}

static void test_length_limit(void) {
    char at[65], over[66];
    memset(at, 'a', 64);
    at[64] = '\0';
    memset(over, 'a', 65);
    over[65] = '\0';
    EXPECT_EQ_UINT(0, nearest_distance(at, at, 2));
    EXPECT_EQ_UINT(3, nearest_distance(over, over, 2));
}

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
    EXPECT_NULL(nearest_to("ky"));        // two letters: any word would do
    EXPECT_NULL(nearest_to("daedliens")); // three edits
    struct nearest n = {.word = "x"};
    EXPECT_NULL(nearest_best(&n));
}

static void test_ties(void) {
    struct nearest n = {.word = "hostx"};
    nearest_offer(&n, "hosts");
    nearest_offer(&n, "hosts"); // the same word again is no rival
    EXPECT_EQ_STR("hosts", nearest_best(&n));
    nearest_offer(&n, "hoste");
    EXPECT_NULL(nearest_best(&n));
    nearest_offer(&n, "HOSTX");
    EXPECT_EQ_STR("HOSTX", nearest_best(&n));
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
    {"distances with swaps", test_distance},
    {"distances as the definition has them", test_random},
    {"words of more than 64 bytes are never near", test_length_limit},
    {"slips are found", test_slips},
    {"other words are not", test_not_near},
    {"two that are as near are none", test_ties},
    {"words have a limit", test_limits},
};
SUITE_MAIN("nearest", tests)
