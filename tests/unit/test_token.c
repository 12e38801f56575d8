#include <string.h>

#include "core/token.h"
#include "expect.h"

static const uint8_t id[8] = {0, 1, 2, 3, 0xff, 0xfe, 7, 9};

static void make(char text[TOKEN_TEXT_LEN + 1]) {
    uint8_t secret[32];
    for (size_t i = 0; i < sizeof secret; i++) {
        secret[i] = (uint8_t)(i * 7);
    }
    token_format(id, secret, text);
}

static void test_round(void) {
    char text[TOKEN_TEXT_LEN + 1], got[TOKEN_ID_LEN + 1];
    const char *secret = NULL;
    make(text);
    EXPECT_EQ_UINT(TOKEN_TEXT_LEN, strlen(text));
    EXPECT_TRUE(token_split(bytes_of(text), got, &secret));
    EXPECT_EQ_INT(0, strncmp(text, "jh_", 3));
    EXPECT_EQ_INT(0, strncmp(text + 3, got, TOKEN_ID_LEN));
    EXPECT_TRUE(secret == text + 3 + TOKEN_ID_LEN + 1);
    EXPECT_TRUE(token_is_id(got));
}

// No single character can be another one.
static void test_typos(void) {
    char text[TOKEN_TEXT_LEN + 1], got[TOKEN_ID_LEN + 1];
    const char *secret = NULL;
    make(text);
    for (size_t i = 0; i < TOKEN_TEXT_LEN; i++) {
        for (int c = 1; c < 256; c++) {
            char was = text[i];
            text[i] = (char)c;
            EXPECT_EQ_INT(text[i] == was, token_split(bytes_of(text), got, &secret));
            text[i] = was;
        }
    }
    EXPECT_FALSE(token_split((struct bytes){text, TOKEN_TEXT_LEN - 1}, got, &secret));
    EXPECT_FALSE(token_split((struct bytes){text, TOKEN_TEXT_LEN + 1}, got, &secret));
    EXPECT_FALSE(token_split((struct bytes){NULL, 0}, got, &secret));
}

static void test_names(void) {
    char name[TOKEN_NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    name[TOKEN_NAME_MAX + 1] = '\0';
    EXPECT_FALSE(token_is_name(name));
    name[TOKEN_NAME_MAX] = '\0';
    EXPECT_TRUE(token_is_name(name));
    EXPECT_FALSE(token_is_name(""));
    EXPECT_FALSE(token_is_name("a b"));
    EXPECT_TRUE(token_is_name("ci@build-7.example:8080/x+y"));
    EXPECT_EQ_INT(TOKEN_OPERATOR, token_scope_from_name("operator"));
    EXPECT_EQ_INT(TOKEN_NO_SCOPE, token_scope_from_name("none"));
    EXPECT_EQ_INT(TOKEN_NO_SCOPE, token_scope_from_name(""));
    EXPECT_EQ_STR("admin", token_scope_name(TOKEN_ADMIN));
    EXPECT_EQ_STR("none", token_scope_name(TOKEN_SCOPES));
}

static const struct expect_test tests[] = {
    {"a token is read as it was written", test_round},
    {"a typo is known", test_typos},
    {"names and scopes", test_names},
};
SUITE_MAIN("token", tests)
