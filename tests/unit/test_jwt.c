// Tokens: segments, members, numbers, at their limits and one beyond.
#include "intake/jwt.h"

#include <stdio.h>

#include "base/json.h"
#include "expect.h"

#define SUM "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static bool splits(const char *text, const char *header, const char *payload) {
    struct arena a = {.head = NULL};
    struct jwt jwt;
    bool good = jwt_split(bytes_of(text), &a, &jwt) && bytes_equal(jwt.header, bytes_of(header)) &&
                bytes_equal(jwt.payload, bytes_of(payload)) &&
                jwt.signed_text.len + 1 + strlen(SUM) == strlen(text);
    arena_free(&a);
    return good;
}

static bool is_split(const char *text) {
    struct arena a = {.head = NULL};
    struct jwt jwt;
    bool good = jwt_split(bytes_of(text), &a, &jwt);
    arena_free(&a);
    return good;
}

static void test_split(void) {
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "e30.e30",
                                      "e30.e30.",
                                      "e30.." SUM,
                                      ".e30." SUM,
                                      "e30.e30." SUM ".",
                                      "e30.e30.e30." SUM,
                                      "e30.e30." SUM "A",
                                      "e30=.e30." SUM,
                                      "e31.e30." SUM,
                                      "e30.e30 ." SUM,
                                      "e30.e3." SUM};
    EXPECT_TRUE(splits("e30.e30." SUM, "{}", "{}"));
    EXPECT_TRUE(splits("Zg.Zm8." SUM, "f", "fo"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_FALSE(is_split(bad[i]));
    }
}

static bool reads(const char *text, const char *want) {
    static const struct bytes names[] = {{"a", 1}};
    struct arena a = {.head = NULL};
    struct bytes value;
    bool good =
        jwt_members(bytes_of(text), names, &value, 1, &a) && bytes_equal(value, bytes_of(want));
    arena_free(&a);
    return good;
}

static void test_members(void) {
    static const char *const bad[] = {"",
                                      "[]",
                                      "1",
                                      "\"a\"",
                                      "null",
                                      "{",
                                      "{}}",
                                      "{} {}",
                                      "{\"a\":1,}",
                                      "{\"a\":1,\"a\":1}",
                                      "{a:1}",
                                      "{\"a\":01}",
                                      "{\"b\":1,\"b\":2}",
                                      "{\"\\ud800\":1}",
                                      "{\"a\\u0000\":1}",
                                      "{\"a\":1,\"\\u0061\":2}",
                                      "\xef\xbb\xbf{}",
                                      "{\"a\":\"\x01\"}",
                                      "{\"a\":\"\xff\"}"};
    EXPECT_TRUE(reads("{\"a\":1}", "1"));
    EXPECT_TRUE(reads(" { \"b\" : {\"a\":2} , \"\\u0061\" : [3] } ", "[3]"));
    EXPECT_TRUE(reads("{\"A\":1}", "")); // names have a case
    EXPECT_TRUE(reads("{}", ""));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_FALSE(reads(bad[i], "") || reads(bad[i], "1"));
    }
}

static void test_member_limit(void) {
    for (int count = JWT_MEMBERS_MAX; count <= JWT_MEMBERS_MAX + 1; count++) {
        char text[2048] = "{\"a\":1";
        for (int i = 1; i < count; i++) {
            (void)snprintf(text + strlen(text), 16, ",\"m%d\":0", i);
        }
        (void)strcat(text, "}");
        EXPECT_EQ_INT(count == JWT_MEMBERS_MAX, reads(text, "1"));
    }
}

static void test_depth_limit(void) {
    for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        char text[256] = "{\"a\":1,\"b\":";
        size_t len = strlen(text);
        memset(text + len, '[', (size_t)depth - 1); // and the object around them
        memset(text + len + depth - 1, ']', (size_t)depth - 1);
        text[len + 2 * ((size_t)depth - 1)] = '}';
        EXPECT_EQ_INT(depth == JSON_DEPTH_MAX, reads(text, "1"));
    }
}

static void test_integers(void) {
    static const char *const bad[] = {"",
                                      "-1",
                                      "-0",
                                      "00",
                                      "01",
                                      "1.0",
                                      "1e3",
                                      "1E3",
                                      "\"1\"",
                                      "0x1",
                                      "1 ",
                                      "9007199254740992",
                                      "9999999999999999",
                                      "10000000000000000",
                                      "null",
                                      "true"};
    int64_t n = -1;
    EXPECT_TRUE(jwt_integer(bytes_of("0"), &n));
    EXPECT_EQ_INT(0, n);
    EXPECT_TRUE(jwt_integer(bytes_of("9007199254740991"), &n));
    EXPECT_EQ_INT(INT64_C(9007199254740991), n);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_FALSE(jwt_integer(bytes_of(bad[i]), &n));
    }
}

static const struct expect_test tests[] = {
    {"three segments", test_split},         {"members of an object", test_members},
    {"so many members", test_member_limit}, {"so deep", test_depth_limit},
    {"whole numbers", test_integers},
};
SUITE_MAIN("jwt", tests)
