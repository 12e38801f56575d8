#include "supervisor/payload_check.h"

#include <errno.h>

#include "jobhost_plugin.h"

#include "expect.h"
#include "failing_alloc.h"

static const struct config_option_spec fields[] = {
    {.name = "name", .type = JH_OPT_STRING, .flags = JH_OPT_REQUIRED},
    {.name = "count", .type = JH_OPT_INT},
    {.name = "deep", .type = JH_OPT_BOOL},
    {.name = "wait", .type = JH_OPT_DURATION},
    {.name = "room", .type = JH_OPT_SIZE},
    {.name = "page", .type = JH_OPT_URL},
};
static const struct pool_handler handler = {
    .name = "t.run", .payload = fields, .payload_count = ARRAY_LEN(fields)};

static void test_payloads(void) {
    static const struct {
        const char *payload, *field, *words; // NULL: taken
    } rows[] = {
        {"{\"name\":\"a\"}", NULL, NULL},
        {" {\n\"name\" : \"\" } ", NULL, NULL},
        {"{\"n\\u0061me\":\"\\u00e9\\n\"}", NULL, NULL},
        {"{\"name\":\"a\",\"count\":null,\"deep\":null}", NULL, NULL},
        {"{\"name\":\"a\",\"count\":-7,\"deep\":true,\"wait\":\"1m30s\",\"room\":\"10MiB\","
         "\"page\":\"https://x\"}",
         NULL, NULL},
        {"{\"count\":9007199254740992,\"name\":\"a\"}", NULL, NULL},
        {"{\"count\":1.5e1,\"name\":\"a\"}", NULL, NULL},
        // what is not there
        {"", "payload.name", "is required by t.run"},
        {"{}", "payload.name", "is required by t.run"},
        {"{\"name\":null}", "payload.name", "is required by t.run"},
        // what is no field
        {"{\"name\":\"a\",\"nme\":1}", "payload.nme", "is not a field of t.run"},
        {"{\"name\":\"a\",\"\":1}", "payload.", "is not a field of t.run"},
        {"{\"name\":\"a\",\"x\\u0000\":1}", "payload.?", "is not a field of t.run"},
        {"{\"nme\":{\"name\":\"a\"}}", "payload.nme", "is not a field of t.run"},
        // what is there twice
        {"{\"name\":\"a\",\"name\":\"b\"}", "payload.name", "is there twice"},
        {"{\"name\":\"a\",\"na\\u006de\":\"b\"}", "payload.name", "is there twice"},
        // what has another form
        {"{\"name\":1}", "payload.name", "must be a string"},
        {"{\"name\":[\"a\"]}", "payload.name", "must be a string"},
        {"{\"name\":{}}", "payload.name", "must be a string"},
        {"{\"name\":\"\\u0000\"}", "payload.name", "must be a string"},
        {"{\"name\":\"\\ud800\"}", "payload.name", "must be a string"},
        {"{\"count\":9007199254740994}", "payload.count", "must be an integer"},
        {"{\"count\":0.5}", "payload.count", "must be an integer"},
        {"{\"count\":1e999}", "payload.count", "must be an integer"},
        {"{\"count\":true}", "payload.count", "must be an integer"},
        {"{\"count\":\"1\"}", "payload.count", "must be an integer"},
        {"{\"deep\":0}", "payload.deep", "must be true or false"},
        {"{\"deep\":\"true\"}", "payload.deep", "must be true or false"},
        {"{\"wait\":30}", "payload.wait", "must be a duration"},
        {"{\"wait\":\"30\"}", "payload.wait", "must be a duration"},
        {"{\"room\":\"ten\"}", "payload.room", "must be a size"},
        {"{\"page\":\"ftp://x\"}", "payload.page", "must be an http or https URL"},
        // what is no object
        {"[]", "payload", "must be a JSON object"},
        {"\"name\"", "payload", "must be a JSON object"},
        {"null", "payload", "must be a JSON object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct problem p = {.status = 0, .code = ""};
        int r = payload_check(&handler, bytes_of(rows[i].payload), &p);
        EXPECT_EQ_INT(rows[i].words == NULL ? 0 : -EINVAL, r);
        if (rows[i].words != NULL) {
            EXPECT_EQ_INT(400, p.status);
            EXPECT_EQ_STR("bad_payload", p.code);
            EXPECT_EQ_STR(rows[i].field, p.field);
            EXPECT_CONTAINS(rows[i].words, p.message);
        }
    }
}

/* No digit too many is looked at. */
static void test_long_numbers(void) {
    char text[256];
    struct problem p;
    for (int zeros = 50; zeros <= 51; zeros++) {
        (void)snprintf(text, sizeof text, "{\"name\":\"\",\"count\":10.%0*d}", zeros + 10, 0);
        EXPECT_EQ_INT(zeros == 50 ? 0 : -EINVAL, payload_check(&handler, bytes_of(text), &p));
    }
}

static void test_no_fields(void) {
    static const struct pool_handler none = {.name = "t.none", .payload = fields};
    struct problem p;
    EXPECT_EQ_INT(0, payload_check(&none, bytes_of("{}"), &p));
    EXPECT_EQ_INT(-EINVAL, payload_check(&none, bytes_of("{\"name\":\"a\"}"), &p));
}

static void test_without_memory(void) {
    struct problem p;
    failing_alloc_after(1);
    int r = payload_check(&handler, bytes_of("{\"name\":\"a\"}"), &p);
    failing_alloc_after(0);
    EXPECT_EQ_INT(-EINVAL, r);
    EXPECT_EQ_INT(503, p.status);
}

static const struct expect_test tests[] = {
    {"payloads", test_payloads},
    {"numbers of as many digits as there may be", test_long_numbers},
    {"a handler without fields", test_no_fields},
    {"without memory", test_without_memory},
};

SUITE_MAIN("payload_check", tests)
