#include "base/json.h"

#include "expect.h"

static struct bytes text_of(const char *text) {
    return bytes_of(text);
}

static void expect_string(const char *want, const char *text, size_t len) {
    struct buf b = {0};
    json_strn(&b, text, len);
    EXPECT_EQ_BYTES(want, strlen(want), b.data, b.len);
    buf_free(&b);
}

static void test_escapes(void) {
    static const struct {
        const char *want, *text;
        size_t len;
    } rows[] = {
        {"\"\"", "", 0},
        {"\"plain\"", "plain", 5},
        {"\"a\\\"b\\\\c/\"", "a\"b\\c/", 6},
        {"\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t", 5},
        {"\"\\u0000\\u0001\\u001f\x7f\"", "\0\x01\x1f\x7f", 4},
        {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9},
        {"\"12345678\\\"\"", "12345678\"", 9},
        {"\"1234567\\\"9\"", "1234567\"9", 9},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_string(rows[i].want, rows[i].text, rows[i].len);
    }
}

#define BAD "\xef\xbf\xbd"

static void test_bad_utf8(void) {
    static const struct {
        const char *want, *text;
    } rows[] = {
        {"\"" BAD "\"", "\x80"},
        {"\"" BAD "a\"", "\xc3"
                         "a"},
        {"\"" BAD BAD "\"", "\xc0\xaf"},                 // overlong
        {"\"" BAD BAD BAD "\"", "\xe0\x80\xaf"},         // overlong
        {"\"" BAD BAD BAD "\"", "\xed\xa0\x80"},         // surrogate
        {"\"" BAD BAD BAD BAD "\"", "\xf4\x90\x80\x80"}, // above U+10FFFF
        {"\"" BAD "\"", "\xff"},
        {"\"" BAD BAD "\"", "\xe2\x82"}, // cut short
        {"\"" BAD BAD BAD "\"", "\xf0\x9f\x98"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_string(rows[i].want, rows[i].text, strlen(rows[i].text));
    }
}

// Every byte value at every place of a word that the fast path takes whole.
static void test_every_byte(void) {
    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < 9; at++) {
            char text[9];
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            struct buf b = {0};
            json_strn(&b, text, sizeof text);
            EXPECT_TRUE(json_is_valid(buf_bytes(&b)));
            bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            EXPECT_TRUE((b.len == 11) == plain);
            buf_free(&b);
        }
    }
}

static void test_members(void) {
    struct buf b = {0};
    buf_char(&b, '{');
    json_kstr(&b, "a", "x");
    json_kstr(&b, "none", NULL);
    json_kint(&b, "min", INT64_MIN);
    json_kint(&b, "zero", 0);
    json_kbool(&b, "yes", true);
    json_kbool(&b, "no", false);
    json_ktime(&b, "never", 0);
    json_ktime(&b, "at", 1795254000123);
    json_key(&b, "list");
    buf_char(&b, '[');
    for (int i = 0; i < 3; i++) {
        json_comma(&b);
        buf_printf(&b, "%d", i);
    }
    buf_str(&b, "]");
    json_key(&b, "null");
    json_str(&b, NULL);
    buf_char(&b, '}');
    EXPECT_EQ_STR("{\"a\":\"x\",\"min\":-9223372036854775808,\"zero\":0,\"yes\":true,\"no\":false,"
                  "\"at\":\"2026-11-21T09:40:00.123Z\",\"list\":[0,1,2],\"null\":null}",
                  b.data);
    EXPECT_TRUE(json_is_valid(buf_bytes(&b)));
    buf_free(&b);
}

static void expect_member(const char *want, const char *object, const char *key) {
    struct bytes got = json_member(text_of(object), key);
    if (want == NULL) {
        EXPECT_NULL(got.data);
        EXPECT_EQ_UINT(0, got.len);
    } else {
        EXPECT_EQ_BYTES(want, strlen(want), got.data, got.len);
    }
}

static void test_member(void) {
    static const struct {
        const char *want, *object, *key;
    } rows[] = {
        {"1", "{\"a\":1}", "a"},
        {"12345678901234567890.50", " { \"a\" : 12345678901234567890.50 , \"b\":2 } ", "a"},
        {"2", "{\"a\":1,\"b\":2}", "b"},
        {"1", "{\"a\":1,\"a\":2}", "a"},
        {NULL, "{\"a\":1}", "b"},
        {NULL, "{\"a\":1}", "A"},
        {NULL, "{}", "a"},
        {NULL, "{ }", ""},
        {"3", "{\"\":3}", ""},
        {"{\"b\" : [1, {\"a\":2}]}", "{\"x\":{\"a\":9},\"a\":{\"b\" : [1, {\"a\":2}]},\"c\":0}",
         "a"},
        {"\"}]\\\"{\"", "{\"x\":\"{[\",\"a\":\"}]\\\"{\"}", "a"},
        {"\"\\\\\"", "{\"a\":\"\\\\\",\"b\":1}", "a"},
        {"1", "{\"a\":\"\\\\\",\"b\":1}", "b"},
        {"null", "{\"a\":null}", "a"},
        {"true", "{\"a\":true\n}", "a"},
        {"5", "{\"\\u0061\":5}", "a"},
        {"6", "{\"\\u00e9\":6}", "\xc3\xa9"},
        {"7", "{\"\\ud83d\\ude00\":7}", "\xf0\x9f\x98\x80"},
        {"8", "{\"a\\/b\\n\":8}", "a/b\n"},
        {NULL, "{\"\\u006\":5}", "a"},
        {NULL, "{\"ab\":1}", "a"},
        {NULL, "{\"a\\u0062\":1}", "a"},
        // not objects, and text that no parser would have let through
        {NULL, "[1]", "a"},
        {NULL, "1", "a"},
        {NULL, "", "a"},
        {NULL, "{\"a\"", "a"},
        {NULL, "{\"a\":", "a"},
        {NULL, "{\"a", "a"},
        {NULL, "{a:1}", "a"},
        {NULL, "{", "a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_member(rows[i].want, rows[i].object, rows[i].key);
    }
    EXPECT_NULL(json_member((struct bytes){NULL, 0}, "a").data);
}

struct seen {
    struct buf text;
    int stop_at, count;
};

static int see(void *arg, struct bytes element) {
    struct seen *seen = arg;
    buf_add(&seen->text, element.data, element.len);
    buf_char(&seen->text, '|');
    return ++seen->count == seen->stop_at ? 42 : 0;
}

static void expect_each(const char *want, int want_r, const char *array, int stop_at) {
    struct seen seen = {.stop_at = stop_at};
    EXPECT_EQ_INT(want_r, json_each(text_of(array), see, &seen));
    EXPECT_EQ_BYTES(want, strlen(want), seen.text.data, seen.text.len);
    buf_free(&seen.text);
}

static void test_each(void) {
    expect_each("", 0, "[]", 0);
    expect_each("", 0, " [ ] ", 0);
    expect_each("1|", 0, "[1]", 0);
    expect_each("1|\"a,]\"|[2,3]|{\"b\":[4]}|null|", 0, "[1, \"a,]\" ,[2,3],{\"b\":[4]},null ]", 0);
    expect_each("1|2|", 42, "[1,2,3]", 2);
    expect_each("", 0, "{\"a\":1}", 0);
    expect_each("", 0, "", 0);
    expect_each("1|", 0, "[1,", 0);
}

static int see_member(void *arg, struct bytes key, struct bytes value) {
    struct seen *seen = arg;
    buf_add(&seen->text, key.data, key.len);
    buf_char(&seen->text, '=');
    return see(arg, value);
}

static void expect_members(const char *want, int want_r, const char *object, int stop_at) {
    struct seen seen = {.stop_at = stop_at};
    EXPECT_EQ_INT(want_r, json_members(text_of(object), see_member, &seen));
    EXPECT_EQ_BYTES(want, strlen(want), seen.text.data, seen.text.len);
    buf_free(&seen.text);
}

static void test_each_member(void) {
    expect_members("", 0, "{}", 0);
    expect_members("", 0, " { } ", 0);
    expect_members("\"a\"=1|", 0, "{\"a\":1}", 0);
    expect_members("\"a\"={\"b\":2}|\"\\n\"=[1, 2]|\"\"=null|", 0,
                   " {\"a\":{\"b\":2} , \"\\n\" : [1, 2],\"\":null } ", 0);
    expect_members("\"a\"=1|", 42, "{\"a\":1,\"b\":2}", 1);
    expect_members("", 0, "[1]", 0);
    expect_members("", 0, "", 0);
    expect_members("\"a\"=1|", 0, "{\"a\":1,", 0);
    expect_members("", 0, "{\"a\"", 0);
}

static void test_text(void) {
    static const struct {
        const char *raw, *want;
    } rows[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz"},
        {"\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\"\xc3\xa9\"", "\xc3\xa9"},
        {"\"\\u0000\"", NULL},        // a C string cannot hold it
        {"\"\\ud83d\"", NULL},        // half a pair
        {"\"\\ude00\\ud83d\"", NULL}, // the halves in the wrong order
        {"\"\\ud83dx\"", NULL},
        {"\"\\u12\"", NULL},
        {"\"\\\"", NULL},
        {"\"", NULL},
        {"1", NULL},
        {"null", NULL},
        {"", NULL},
    };
    struct arena a = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ_STR(rows[i].want, json_text(&a, text_of(rows[i].raw)));
    }
    arena_free(&a);
}

static void test_valid(void) {
    static const char *const rows[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "-1.5e+10",
        "1E5",
        "0.1",
        "\"\"",
        "true",
        "false",
        "null",
        " \t\n\r{ \"a\" : [ 1 , 2 , { } ] , \"b\" : null } \n",
        "\"\\u0000\\ud800\\\"\\/\"",
        "\"\xc3\xa9\xf0\x9f\x98\x80\"",
        "[[],[[]],{}]",
        "{\"a\":{\"b\":{}},\"a\":1}",
        "123456789012345678901234567890",
        "\"\x7f\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!EXPECT_TRUE(json_is_valid(text_of(rows[i])))) {
            (void)printf("    refused: %s\n", rows[i]);
        }
    }
}

static void test_invalid(void) {
    static const char *const rows[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:2}",
        "{\"a\" 1}",
        "[1}",
        "{\"a\":1]",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "NaN",
        "Infinity",
        "-Infinity",
        "tru",
        "truee",
        "True",
        "nul",
        "'a'",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\x01\"",
        "\"\xff\"",
        "\"\xc3\"",
        "\"\xed\xa0\x80\"",
        "1 1",
        "{} {}",
        "[] ,",
        "\xef\xbb\xbf{}",
        "// c\n1",
        "[1] x",
        "1\f",
        "{\"a\":1 \"b\":2}",
        "[\"a\":1]",
        "--1",
        "1-1",
        "\"\\",
        "\"\\u",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!EXPECT_FALSE(json_is_valid(text_of(rows[i])))) {
            (void)printf("    accepted: %s\n", rows[i]);
        }
    }
    EXPECT_FALSE(json_is_valid((struct bytes){"1\0", 2}));
    EXPECT_FALSE(json_is_valid((struct bytes){NULL, 0}));
}

static bool nested_is_valid(const char *open, const char *close, int depth) {
    struct buf b = {0};
    for (int i = 0; i < depth; i++) {
        buf_str(&b, open);
    }
    buf_char(&b, '1');
    for (int i = 0; i < depth; i++) {
        buf_str(&b, close);
    }
    bool valid = json_is_valid(buf_bytes(&b));
    buf_free(&b);
    return valid;
}

static void test_depth(void) {
    EXPECT_TRUE(nested_is_valid("[", "]", JSON_DEPTH_MAX));
    EXPECT_FALSE(nested_is_valid("[", "]", JSON_DEPTH_MAX + 1));
    EXPECT_TRUE(nested_is_valid("{\"a\":", "}", JSON_DEPTH_MAX));
    EXPECT_FALSE(nested_is_valid("{\"a\":", "}", JSON_DEPTH_MAX + 1));
    EXPECT_FALSE(nested_is_valid("[", "]", 100000));
    // an empty innermost one counts too
    struct buf b = {0};
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        buf_char(&b, '[');
    }
    buf_str(&b, "{}");
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        buf_char(&b, ']');
    }
    EXPECT_FALSE(json_is_valid(buf_bytes(&b)));
    buf_free(&b);
}

// Whatever the text, it survives: written, checked, found again.
static void test_round_trip(void) {
    struct arena arena = {0};
    uint32_t random = 3;
    for (int round = 0; round < 5000; round++) {
        char text[40];
        size_t len = 0;
        for (size_t max = random % sizeof text; len < max; len++) {
            random = random * 1664525u + 1013904223u;
            text[len] = (char)(random >> 24);
        }
        random = random * 1664525u + 1013904223u;
        struct buf value = {0}, object = {0};
        json_strn(&value, text, len);
        buf_str(&object, "{\"before\":[{\"k\":0}],\"k\":");
        buf_add(&object, value.data, value.len);
        buf_str(&object, ",\"after\":1}");
        EXPECT_TRUE(json_is_valid(buf_bytes(&object)));
        struct bytes got = json_member(buf_bytes(&object), "k");
        EXPECT_EQ_BYTES(value.data, value.len, got.data, got.len);
        const char *back = json_text(&arena, got);
        bool same = memchr(text, '\0', len) != NULL || strstr(value.data, "\xef\xbf\xbd") != NULL ||
                    (back != NULL && strlen(back) == len && memcmp(back, text, len) == 0);
        EXPECT_TRUE(same);
        arena_reset(&arena);
        buf_free(&value);
        buf_free(&object);
    }
    arena_free(&arena);
}

static const struct expect_test tests[] = {
    {"strings are escaped", test_escapes},
    {"bytes that are not UTF-8 become U+FFFD", test_bad_utf8},
    {"every byte at every place", test_every_byte},
    {"members and commas", test_members},
    {"the raw text of a member", test_member},
    {"the elements of an array", test_each},
    {"the members of an object", test_each_member},
    {"the text of a string", test_text},
    {"JSON is accepted", test_valid},
    {"what is not JSON is refused", test_invalid},
    {"nesting up to the limit", test_depth},
    {"random bytes round trip", test_round_trip},
};
SUITE_MAIN("json", tests)
