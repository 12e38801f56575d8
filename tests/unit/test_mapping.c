// Payloads and texts made of deliveries: what each placeholder stands for, one pass, limits, and what is refused when the
// configuration is read.
#include "core/mapping.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "expect.h"

static const char body[] =
    "{\"a\":{\"b\":[10,{\"c\":\"deep\"}],\"n\":1.50,\"big\":123456789012345678901,\"t\":true,"
    "\"none\":null,\"q\":\"say \\\"hi\\\" {body}\",\"u\":\"\\u00e9\",\"z\":\"\\u0000\"},"
    "\"dup\":1,\"dup\":2,\"0\":\"zero\"}";

static bool find(void *arg, enum mapping_from from, const char *name, struct bytes *ret,
                 bool *ret_json) {
    (void)arg;
    static const struct {
        enum mapping_from from;
        const char *name, *value;
        bool json;
    } rows[] = {
        {MAPPING_HEADER, "X-Event", "push {id}", false},
        {MAPPING_HEADER, "X-Latin", "caf\xe9", false},
        {MAPPING_QUERY, "q", "a \"quoted\" one", false},
        {MAPPING_PATH, "shop", "acme", false},
        {MAPPING_FORM, "Body", "hello", false},
        {MAPPING_HOOK, "", "git", false},
        {MAPPING_ID, "", "msg_1", false},
        {MAPPING_RECEIVED_AT, "", "2026-11-23T10:00:00.000Z", false},
        {MAPPING_JOB, "id", "0198", false},
        {MAPPING_JOB, "duplicate", "false", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].from == from && strcmp(rows[i].name, name == NULL ? "" : name) == 0) {
            *ret = bytes_of(rows[i].value);
            *ret_json = rows[i].json;
            return true;
        }
    }
    return false;
}

static const struct mapping_values values = {{body, sizeof body - 1}, find, NULL, 0};

static int map(const char *text, bool is_text, struct buf *out, struct err *e) {
    struct mapping_rules rules = {.path = "/hooks/{shop}", .answer = true, .text = is_text};
    struct mapping *m = NULL;
    e->msg[0] = '\0';
    int r = mapping_new(bytes_of(text), &rules, &m, e);
    EXPECT_EQ_INT(0, r);
    if (r == 0) {
        r = mapping_write(m, &values, out, e);
    }
    mapping_free(&m);
    return r;
}

static void expect(bool is_text, const char *text, const char *want) {
    struct buf out = {0};
    struct err e;
    EXPECT_EQ_INT(0, map(text, is_text, &out, &e));
    EXPECT_EQ_STR(want, out.data == NULL ? "" : out.data);
    EXPECT_TRUE(is_text || json_is_valid(buf_bytes(&out)));
    buf_free(&out);
}

static void test_json(void) {
    static const char *const rows[][2] = {
        {"{\"x\": 1, \"y\": [\"plain\"]}", "{\"x\": 1, \"y\": [\"plain\"]}"},
        {"{\"x\":\"{body.a.b.0}\"}", "{\"x\":10}"},
        {"{\"x\":\"{body.a.b.1}\"}", "{\"x\":{\"c\":\"deep\"}}"},
        {"{\"x\":\"{body.a.b.1.c}\"}", "{\"x\":\"deep\"}"},
        {"{\"x\":\"{body.a.n}\"}", "{\"x\":1.50}"},
        {"{\"x\":\"{body.a.big}\"}", "{\"x\":123456789012345678901}"},
        {"{\"x\":\"{body.0}\"}", "{\"x\":\"zero\"}"},
        {"{\"x\":\"{body.a.b.2}\"}", "{\"x\":null}"},
        {"{\"x\":\"{body.a.b.00}\"}", "{\"x\":null}"},
        {"{\"x\":\"{body.a.n.deeper}\"}", "{\"x\":null}"},
        {"{\"x\":\"{body.none}\"}", "{\"x\":null}"},
        {"{\"x\":\"{body.none?5}\"}", "{\"x\":5}"},
        {"{\"x\":\"{body.none?\\\"5\\\"}\"}", "{\"x\":\"5\"}"},
        {"{\"x\":\"{body.none?five}\"}", "{\"x\":\"five\"}"},
        {"{\"x\":\"{body.a.none?[1]}\"}", "{\"x\":\"[1]\"}"},
        {"{\"x\":\"{body.none?}\"}", "{\"x\":\"\"}"},
        {"{\"x\":\"{header.X-None?5}\"}", "{\"x\":\"5\"}"},
        {"{\"x\":\"n={body.a.n} t={body.a.t}\"}", "{\"x\":\"n=1.50 t=true\"}"},
        {"{\"x\":\"<{body.none}>\"}", "{\"x\":\"<>\"}"},
        {"{\"x\":\"<{body.none?\\\"5\\\"}>\"}", "{\"x\":\"<5>\"}"},
        {"{\"x\":\"{body.a.q}\"}", "{\"x\":\"say \\\"hi\\\" {body}\"}"},
        {"{\"x\":\"<{body.a.q}>\"}", "{\"x\":\"<say \\\"hi\\\" {body}>\"}"},
        {"{\"x\":\"{query.q}\"}", "{\"x\":\"a \\\"quoted\\\" one\"}"},
        {"{\"x\":\"{header.X-Event}\"}", "{\"x\":\"push {id}\"}"},
        {"{\"x\":\"{header.X-Latin}\"}", "{\"x\":\"caf\xef\xbf\xbd\"}"},
        {"{\"x\":\"{path.shop}/{form.Body}/{hook}/{id}\"}", "{\"x\":\"acme/hello/git/msg_1\"}"},
        {"{\"x\":\"{received_at}\"}", "{\"x\":\"2026-11-23T10:00:00.000Z\"}"},
        {"{\"x\":\"{{body} {{{hook}\"}", "{\"x\":\"{body} {git\"}"},
        {"{\"x\":\"\\\"{hook}\\\"\\n\"}", "{\"x\":\"\\\"git\\\"\\n\"}"},
        {"{\"{body}\":\"{job.id}\",\"d\":\"{job.duplicate}\"}",
         "{\"{body}\":\"0198\",\"d\":false}"},
        {"\"{hook}\"", "\"git\""},
        {"[\"{id}\",2]", "[\"msg_1\",2]"},
        {"null", "null"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect(false, rows[i][0], rows[i][1]);
    }
    char whole[sizeof body + 8];
    (void)snprintf(whole, sizeof whole, "{\"w\":%s}", body);
    expect(false, "{\"w\":\"{body}\"}", whole);
}

static void test_text(void) {
    expect(true, "", "");
    expect(true, "plain", "plain");
    expect(true, "{hook}:{id}", "git:msg_1");
    expect(true, "{body.a.b.1.c}-{body.a.n}", "deep-1.50");
    expect(true, "{body.a.q}", "say \"hi\" {body}");
    expect(true, "{body.a.u}", "\xc3\xa9");
    expect(true, "{{x}", "{x}");
    expect(true, "a\"b\n{hook}", "a\"b\ngit");
    expect(true, "{body.none?7}", "7");
    expect(true, "{body.none?\"7\"}", "7");
    expect(true, "{body.a.b}", "[10,{\"c\":\"deep\"}]");
}

static void expect_refused(bool is_text, const char *text, int code, const char *words) {
    struct buf out = {0};
    struct err e;
    EXPECT_EQ_INT(code, map(text, is_text, &out, &e));
    EXPECT_CONTAINS(words, e.msg);
    buf_free(&out);
}

static void test_refused(void) {
    expect_refused(true, "x{body.none}", -ENODATA, "{body.none}");
    expect_refused(true, "{header.X-None}", -ENODATA, "{header.X-None}");
    expect_refused(true, "{header.X-Latin}", -EINVAL, "UTF-8");
    expect_refused(true, "{body.a.z}", -EINVAL, "u0000");
    expect_refused(false, "\"{body.dup}\"", -EINVAL, "twice");
    expect_refused(false, "\"-{body.a.z}\"", -EINVAL, "u0000");
    // as it is, it is the job's business
    expect(false, "\"{body.a.z}\"", "\"\\u0000\"");
}

static void expect_error(bool is_text, const char *text, const char *words) {
    struct mapping_rules rules = {.path = "/hooks/{shop}", .text = is_text};
    struct mapping *m = NULL;
    struct err e = {.msg = ""};
    EXPECT_EQ_INT(-EINVAL, mapping_new(bytes_of(text), &rules, &m, &e));
    EXPECT_NULL(m);
    EXPECT_CONTAINS(words, e.msg);
    mapping_free(&m);
}

static void test_errors(void) {
    expect_error(true, "{", "without its partner");
    expect_error(true, "a {body", "without its partner");
    expect_error(true, "{}", "unknown placeholder {}");
    expect_error(true, "{bodi}", "unknown placeholder {bodi}");
    expect_error(true, "{body.}", "empty");
    expect_error(true, "{body..a}", "empty");
    expect_error(true, "{body.a.}", "empty");
    expect_error(true, "{header}", "write {header.NAME}");
    expect_error(true, "{header.}", "write {header.NAME}");
    expect_error(true, "{header.a b}", "no name of a header");
    expect_error(true, "{hook.x}", "no parts");
    expect_error(true, "{path.other}", "no name in braces");
    expect_error(true, "{path.sho}", "no name in braces");
    expect_error(true, "{job.id}", "not known here");
    expect_error(true, "{job.name}", "not known here");
    expect_error(false, "{\"a\":[\"{nope}\"]}", "unknown placeholder");
    expect_error(false, "\"x{hook} \\u0000\"", "u0000");
}

static void fill(char *text, const char *piece, size_t count) {
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * strlen(piece), piece, strlen(piece) + 1);
    }
}

static void expect_limit(bool is_text, const char *front, const char *piece, const char *back,
                         size_t most) {
    size_t room = strlen(front) + strlen(back) + (most + 1) * strlen(piece) + 1;
    char *pieces = malloc(room), *text = malloc(room);
    struct mapping_rules rules = {.text = is_text};
    EXPECT_TRUE(pieces != NULL && text != NULL);
    for (size_t count = most; pieces != NULL && text != NULL && count <= most + 1; count++) {
        struct mapping *m = NULL;
        struct err e;
        fill(pieces, piece, count);
        (void)snprintf(text, room, "%s%s%s", front, pieces, back);
        EXPECT_EQ_INT(count == most ? 0 : -EINVAL, mapping_new(bytes_of(text), &rules, &m, &e));
        mapping_free(&m);
    }
    free(pieces);
    free(text);
}

static void test_limits(void) {
    expect_limit(true, "", "x", "", MAPPING_TEXT_MAX);
    expect_limit(true, "", "{id}", "", MAPPING_PLACES_MAX);
    expect_limit(true, "{body", ".a", "}", MAPPING_STEPS_MAX);
    expect_limit(true, "{query.", "a", "}", 2 * MAPPING_NAME_MAX - strlen("query."));
    expect_limit(false, "", "[", "", MAPPING_DEPTH_MAX);
}

static void test_facts(void) {
    struct mapping_rules rules = {.text = true};
    struct mapping *m = NULL;
    struct err e;
    EXPECT_EQ_INT(0, mapping_new(bytes_of("{{x"), &rules, &m, &e));
    EXPECT_TRUE(!mapping_reads_body(m) && !mapping_varies(m));
    mapping_free(&m);
    EXPECT_EQ_INT(0, mapping_new(bytes_of("{id}"), &rules, &m, &e));
    EXPECT_TRUE(!mapping_reads_body(m) && mapping_varies(m));
    mapping_free(&m);
    EXPECT_EQ_INT(0, mapping_new(bytes_of("{body.x}"), &rules, &m, &e));
    EXPECT_TRUE(mapping_reads_body(m) && mapping_varies(m));
    mapping_free(&m);
}

static const struct expect_test tests[] = {
    {"what becomes of JSON", test_json},
    {"what becomes of a text", test_text},
    {"deliveries that have no value, or two", test_refused},
    {"what is no mapping", test_errors},
    {"limits", test_limits},
    {"what it needs", test_facts},
};

SUITE_MAIN("mapping", tests)
