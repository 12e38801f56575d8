// The header-only helpers of plugin authors: reading flat JSON, options, what to return when
// stopped.
#include "expect.h"
#include "jobhost_json.h"
#include "jobhost_util.h"

static struct jh_bytes raw_of(const char *object, const char *name) {
    struct jh_bytes raw = {NULL, 0};
    return jh_json_member(jh_bytes_of(object), name, &raw) ? raw : (struct jh_bytes){"-", 1};
}

#define EXPECT_RAW(want, object, name)                                                             \
    do {                                                                                           \
        struct jh_bytes raw_ = raw_of((object), (name));                                           \
        EXPECT_EQ_BYTES((want), strlen(want), raw_.data, raw_.len);                                \
    } while (0)

static void test_members(void) {
    EXPECT_RAW("1", "{\"a\":1}", "a");
    EXPECT_RAW("1", " { \"a\" : 1 } ", "a");
    EXPECT_RAW("\"x\"", "{\"a\":\"x\",\"b\":2}", "a");
    EXPECT_RAW("2", "{\"a\":\"x\",\"b\":2}", "b");
    EXPECT_RAW("[1,{\"b\":3}]", "{\"a\":[1,{\"b\":3}],\"b\":2}", "a");
    EXPECT_RAW("2", "{\"a\":[1,{\"b\":3}],\"b\":2}", "b"); // not the inner one
    EXPECT_RAW("\"a,}\\\"\"", "{\"s\":\"a,}\\\"\",\"b\":2}", "s");
    EXPECT_RAW("1", "{\"a\":1,\"a\":2}", "a");
    EXPECT_RAW("true", "{\"a\": true\n}", "a");
    EXPECT_RAW("{}", "{\"a\":{},\"b\":[]}", "a");
    EXPECT_RAW("[]", "{\"a\":{},\"b\":[]}", "b");
    EXPECT_RAW("-", "{\"ab\":1}", "a");
    EXPECT_RAW("-", "{}", "a");
    EXPECT_RAW("-", "[1]", "a");
    EXPECT_RAW("-", "", "a");
    EXPECT_RAW("-", "\"a\"", "a");
}

// Whatever is cut off or wrong, nothing is read beyond the end (the sanitizers watch).
static void test_malformed(void) {
    static const char whole[] = "{\"a\":{\"b\":[1,\"x\\\"y\",{\"c\":null}]},\"d\":\"\\u00e4\"}";
    for (size_t len = 0; len < sizeof whole; len++) {
        char *cut = malloc(len + 1);
        struct jh_bytes raw;
        char text[8];
        memcpy(cut, whole, len);
        (void)jh_json_member(jh_bytes_make(cut, len), "d", &raw);
        (void)jh_json_get_text(jh_bytes_make(cut, len), "d", text, sizeof text);
        free(cut);
    }
    static const char *const bad[] = {
        "{",         "{\"", "{\"a\"", "{\"a\":", "{\"a\" 1}", "{a:1}", "}", "{\"x\":1 \"a\":2}",
        "{,\"a\":1}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct jh_bytes raw;
        int found = jh_json_member(jh_bytes_of(bad[i]), "a", &raw);
        EXPECT_TRUE(found == 0 || raw.len == 0);
    }
}

static void expect_string(const char *want, const char *json) {
    char out[16];
    int ok = jh_json_text(jh_bytes_of(json), out, sizeof out);
    EXPECT_EQ_INT(want != NULL, ok);
    if (want != NULL && ok) {
        EXPECT_EQ_STR(want, out);
    }
}

static void test_text(void) {
    expect_string("", "\"\"");
    expect_string("plain", "\"plain\"");
    expect_string("\"\\/\b\f\n\r\t", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"");
    expect_string("\xc3\xa4", "\"\\u00e4\"");
    expect_string("\xe2\x82\xac", "\"\\u20AC\"");
    expect_string("\xf0\x9f\x98\x80", "\"\\ud83d\\ude00\"");
    expect_string("\xef\xbf\xbd", "\"\\ud83d\"");   // half a pair
    expect_string("\xef\xbf\xbdx", "\"\\ude00x\""); // the other half
    expect_string("\xef\xbf\xbd"
                  "A",
                  "\"\\ud83d\\u0041\"");
    expect_string("123456789012345", "\"123456789012345\""); // all that fits
    expect_string(NULL, "\"1234567890123456\"");
    expect_string(NULL, "\"\\u0000\"");
    expect_string(NULL, "\"\\u00\"");
    expect_string(NULL, "\"\\x\"");
    expect_string(NULL, "\"\\\"");
    expect_string(NULL, "\"");
    expect_string(NULL, "x");
    expect_string(NULL, "12");
}

static void expect_number(int64_t want, const char *json) {
    EXPECT_EQ_INT(want, jh_json_get_int(jh_bytes_of(json), "n", -999));
}

static void test_numbers(void) {
    expect_number(0, "{\"n\":0}");
    expect_number(-5, "{\"n\":-5}");
    expect_number(INT64_MAX, "{\"n\":9223372036854775807}");
    expect_number(INT64_MIN, "{\"n\":-9223372036854775808}");
    expect_number(-999, "{\"n\":9223372036854775808}");
    expect_number(-999, "{\"n\":-9223372036854775809}");
    expect_number(-999, "{\"n\":99999999999999999999}");
    expect_number(-999, "{\"n\":1.5}");
    expect_number(-999, "{\"n\":\"5\"}");
    expect_number(-999, "{\"n\":-}");
    expect_number(-999, "{}");
    EXPECT_EQ_INT(1, jh_json_get_bool(jh_bytes_of("{\"b\":true}"), "b", 7));
    EXPECT_EQ_INT(0, jh_json_get_bool(jh_bytes_of("{\"b\":false}"), "b", 7));
    EXPECT_EQ_INT(7, jh_json_get_bool(jh_bytes_of("{\"b\":1}"), "b", 7));
}

static void test_quote(void) {
    char out[32];
    EXPECT_EQ_UINT(2, jh_json_quote("", out, sizeof out));
    EXPECT_EQ_STR("\"\"", out);
    EXPECT_EQ_UINT(15, jh_json_quote("a\"\\\n\xc3\xa4", out, sizeof out));
    EXPECT_EQ_STR("\"a\\\"\\\\\\u000a\xc3\xa4\"", out);
    for (size_t cap = 0; cap < sizeof out; cap++) {
        char *tight = malloc(cap + 1);
        size_t n = jh_json_quote("ab\n\"", tight, cap);
        EXPECT_EQ_UINT(cap > 12 ? 12 : 0, n); // "ab\u000a\""
        free(tight);
    }
}

// ---- jobhost_util.h over a host that only has what is asked for ----

static uint32_t mask;

static uint32_t fake_cancelled(struct jh_call *c) {
    (void)c;
    return mask;
}

static const char *fake_config(struct jh_call *c, const char *name) {
    static const char *const values[][2] = {{"n", "42"},    {"ms", "1500"},   {"bad", "12x"},
                                            {"on", "true"}, {"off", "false"}, {"empty", ""},
                                            {"neg", "-1"},  {"s", "text"}};
    (void)c;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (strcmp(values[i][0], name) == 0) {
            return values[i][1];
        }
    }
    return NULL;
}

static const struct jh_host fake_host = {
    .size = sizeof fake_host, .cancelled = fake_cancelled, .config = fake_config};

static void test_options(void) {
    struct jh_call c = {.host = &fake_host};
    EXPECT_EQ_INT(42, jh_opt_int(&c, "n", 7));
    EXPECT_EQ_INT(7, jh_opt_int(&c, "bad", 7));
    EXPECT_EQ_INT(7, jh_opt_int(&c, "empty", 7));
    EXPECT_EQ_INT(7, jh_opt_int(&c, "unset", 7));
    EXPECT_EQ_INT(1500, jh_opt_ms(&c, "ms", 0));
    EXPECT_EQ_UINT(42, jh_opt_bytes(&c, "n", 0));
    EXPECT_EQ_UINT(5, jh_opt_bytes(&c, "neg", 5));
    EXPECT_EQ_INT(1, jh_opt_bool(&c, "on", 0));
    EXPECT_EQ_INT(0, jh_opt_bool(&c, "off", 1));
    EXPECT_EQ_INT(1, jh_opt_bool(&c, "unset", 1));
    EXPECT_EQ_STR("text", jh_opt_str(&c, "s", "x"));
    EXPECT_EQ_STR("x", jh_opt_str(&c, "unset", "x"));
}

static void test_stop(void) {
    struct jh_call c = {.host = &fake_host};
    mask = JH_CANCEL_DRAIN;
    EXPECT_EQ_INT(JH_YIELD, jh_stop(&c));
    mask = JH_CANCEL_DRAIN | JH_CANCEL_USER;
    EXPECT_EQ_INT(JH_CANCELLED, jh_stop(&c));
    mask = JH_CANCEL_DEADLINE;
    EXPECT_EQ_INT(JH_CANCELLED, jh_stop(&c));
    mask = 0; // a step_put() that failed
    EXPECT_EQ_INT(JH_CANCELLED, jh_stop(&c));
}

static const struct expect_test tests[] = {
    {"members of an object", test_members},
    {"cut off and malformed", test_malformed},
    {"strings", test_text},
    {"numbers and truth values", test_numbers},
    {"quoting", test_quote},
    {"options", test_options},
    {"what to return when stopped", test_stop},
};
SUITE_MAIN("sdk: helpers", tests)
