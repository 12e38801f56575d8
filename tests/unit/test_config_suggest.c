// Nearest words: distances, ties, and when nothing is said.

#include "config_test.h"
#include "expect.h"

#include "config/config_suggest.h"

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
        EXPECT_EQ_UINT(rows[i].want, config_distance(rows[i].a, rows[i].b, rows[i].limit));
        EXPECT_EQ_UINT(rows[i].want, config_distance(rows[i].b, rows[i].a, rows[i].limit));
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
        EXPECT_EQ_UINT(want, config_distance(words[0], words[1], 10));
    }
}

static void test_length_limit(void) {
    char at[65], over[66];
    memset(at, 'a', 64);
    at[64] = '\0';
    memset(over, 'a', 65);
    over[65] = '\0';
    EXPECT_EQ_UINT(0, config_distance(at, at, 2));
    EXPECT_EQ_UINT(3, config_distance(over, over, 2));
}

static const char *nearest(const char *word, const char *const *candidates) {
    struct config_nearest n = {0};
    for (size_t i = 0; candidates[i] != NULL; i++) {
        config_nearest_try(&n, word, candidates[i]);
    }
    return config_nearest_word(&n);
}

static void test_nearest(void) {
    static const char *const keys[] = {"retry", "timeout", "deadline", "queue", "ttl", NULL};
    EXPECT_STR("timeout", nearest("timeoout", keys));
    EXPECT_STR("timeout", nearest("tmieout", keys));
    EXPECT_STR("queue", nearest("queues", keys));
    EXPECT_STR("ttl", nearest("tttl", keys));
    EXPECT_NULL(nearest("xy", keys));
    EXPECT_NULL(nearest("tl", keys)); // two letters: any word would do
    EXPECT_NULL(nearest("concurrency", keys));
    static const char *const close[] = {"hosts", "hoste", NULL};
    EXPECT_NULL(nearest("hostx", close)); // a tie
    static const char *const nearer[] = {"abcdef", "abcxyf", NULL};
    EXPECT_STR("abcdef", nearest("abcdxf", nearer));
}

static const struct {
    const char *text, *words;
} keys[] = {
    {"jobs: {a.b: {timeoout: 1s}}", "unknown key; did you mean \"timeout\"?"},
    {"jobs: {a.b: {reTry: {}}}", "unknown key; did you mean \"retry\"?"},
    {"queues: {q: {workers: 3}}", "unknown key; it belongs to plugins.<name>"},
    {"plugins: {p: {timeout: 3s}}", "unknown key; it belongs to jobs.<name>"},
    {"plugins: {p: {max: 3}}", "unknown key; it belongs to jobs.<name>.retry"},
    {"host: {plugins: {}}", "unknown key; it belongs to the top level"},
    {"jobs: {a.b: {cron: x}}", "unknown key; it belongs to schedules.<name>"},
    {"host: {verify: x}", "unknown key; it belongs to hooks.<name>"},
    {"limits: {l: {rate: 1, match: x}}", "unknown key; it belongs to routes[]"},
    {"qeues: {}", "unknown key; did you mean \"queues\"?"},
    {"workers: 3", "unknown key; it belongs to plugins.<name>"},
    {"frobnicate: 3", "frobnicate: unknown key\n"},
    {"hooks: {h: {path: /h, job: a.b, verify: {standard-webhooks: x}}}",
     "unknown scheme; did you mean \"standard_webhooks\"?"},
    {"hooks: {h: {path: /h, job: a.b, verify: {foo: x}}}", "unknown scheme; there are qstash"},
    {"hooks: {h: {path: /h, job: a.b, verify: {github: {secrets: x}}}}",
     "unknown key; did you mean \"secret\"?"},
    {"breakers: {auht: {}}", "expected auth, network or unknown, found \"auht\""},
};

static void test_keys(void) {
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct loaded l = load_text(keys[i].text, NULL);
        EXPECT_CONTAINS(keys[i].words, printed(&l));
        unload(&l);
    }
}

static const struct expect_test tests[] = {
    {"distances with swaps", test_distance},
    {"distances as the definition has them", test_random},
    {"words of more than 64 bytes are never near", test_length_limit},
    {"the one that is clearly nearest", test_nearest},
    {"what an unknown key is told", test_keys},
};
SUITE_MAIN("config_suggest", tests)
