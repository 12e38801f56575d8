// Which Host names can only mean this machine.
#include "api/guard.h"

#include "expect.h"

static void test_loopback(void) {
    static const char *const yes[] = {
        "localhost",
        "LocalHost",
        "localhost:8080",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.255.255.255",
        "127.1.2.3",
        "[::1]",
        "[::1]:8080",
        "[0:0:0:0:0:0:0:1]",
        "[0000:0000:0000:0000:0000:0000:0000:0001]",
    };
    static const char *const no[] = {
        "",
        ":",
        ":80",
        "[",
        "[]",
        "[]:80",
        "::1",
        "[::2]",
        "[::]",
        "0.0.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "127.0.0",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "localhost.",
        "localhos",
        "localhost2",
        "localhost.evil.example",
        "evil.example",
        "[localhost]",
        "[127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "127.0.0.1.evil.example",
        "[fe80::1%lo]",
    };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (!EXPECT_TRUE(guard_is_loopback(yes[i]))) {
            (void)printf("    %s\n", yes[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(no); i++) {
        if (!EXPECT_FALSE(guard_is_loopback(no[i]))) {
            (void)printf("    %s\n", no[i]);
        }
    }
}

/* As long as an address can be, one more, and very long. */
static void test_lengths(void) {
    enum { LONGEST = 46 };
    static const size_t lengths[] = {LONGEST - 1, LONGEST, LONGEST + 1, 300};
    char host[400];
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        memset(host, '1', sizeof host);
        host[lengths[i]] = '\0';
        EXPECT_FALSE(guard_is_loopback(host));
        host[0] = '[';
        host[lengths[i] - 1] = ']';
        EXPECT_FALSE(guard_is_loopback(host));
    }
    EXPECT_TRUE(guard_is_loopback("[0000:0000:0000:0000:0000:0000:0.0.0.1]"));
}

static const struct expect_test tests[] = {
    {"loopback and nothing like it", test_loopback},
    {"lengths", test_lengths},
};

SUITE_MAIN("guard", tests)
