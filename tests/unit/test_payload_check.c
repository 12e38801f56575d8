#include "supervisor/payload_check.h"

#include <errno.h>

#include "base/buf.h"
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

static int check(const struct config_option_spec *rows, size_t count, const char *payload,
                 struct problem *ret) {
    struct arena arena = {0};
    const struct pool_handler handler = {.name = "t.run",
                                         .shape = payload_shape_new(&arena, rows, count)};
    int r = payload_check(&handler, bytes_of(payload), ret);
    arena_free(&arena);
    return r;
}

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
        {"{\"name\":null,\"name\":\"b\"}", "payload.name", "is there twice"},
        {"{\"name\":\"a\",\"deep\":null,\"deep\":null}", "payload.deep", "is there twice"},
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
        int r = check(fields, ARRAY_LEN(fields), rows[i].payload, &p);
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
        EXPECT_EQ_INT(zeros == 50 ? 0 : -EINVAL, check(fields, ARRAY_LEN(fields), text, &p));
    }
}

static void test_no_fields(void) {
    struct problem p;
    EXPECT_EQ_INT(0, check(fields, 0, "{}", &p));
    EXPECT_EQ_INT(-EINVAL, check(fields, 0, "{\"name\":\"a\"}", &p));
}

// ---- lists and objects ----

static const struct config_option_spec deep[] = {
    {.name = "market", .type = JH_OPT_STRING},
    {.name = "count", .type = JH_OPT_INT, .flags = JH_OPT_REQUIRED},
    {.name = "periods", .type = JH_OPT_LIST},
    {.name = "periods[].from", .type = JH_OPT_STRING, .flags = JH_OPT_REQUIRED},
    {.name = "periods[].days", .type = JH_OPT_LIST},
    {.name = "periods[].days[]", .type = JH_OPT_INT},
    {.name = "box", .type = JH_OPT_OBJECT},
    {.name = "box.wait", .type = JH_OPT_DURATION},
    {.name = "box.open", .type = JH_OPT_BOOL},
    {.name = "free", .type = JH_OPT_OBJECT},
    {.name = "any", .type = JH_OPT_LIST},
    {.name = "grid", .type = JH_OPT_LIST},
    {.name = "grid[]", .type = JH_OPT_LIST},
    {.name = "grid[][]", .type = JH_OPT_SIZE},
    {.name = "photo", .type = JH_OPT_FILE, .flags = JH_OPT_REQUIRED},
    {.name = "dotted.name", .type = JH_OPT_INT},
    {.name = "odd[].name", .type = JH_OPT_URL},
};

// NULL: it fits; else what is said.
static void expect_said(const char *payload, const char *said) {
    struct problem p = {.message = "fits"};
    EXPECT_EQ_INT(said == NULL ? 0 : -EINVAL, check(deep, ARRAY_LEN(deep), payload, &p));
    EXPECT_EQ_STR(said == NULL ? "fits" : said, p.message);
}

static void test_deep(void) {
    expect_said("{\"count\":1,\"periods\":[]}", NULL);
    expect_said("{\"count\":1,\"periods\":[{\"from\":\"a\",\"days\":[1,2]}]}", NULL);
    expect_said("{\"count\":1,\"periods\":\"[]\"}", "payload.periods must be a list");
    expect_said("{\"count\":1,\"periods\":[{\"from\":\"a\"}, 7]}",
                "payload.periods[1] must be an object");
    expect_said("{\"count\":1,\"periods\":[null]}", "payload.periods[0] must be an object");
    expect_said("{\"count\":1,\"periods\":[{}]}", "payload.periods[0].from is required by t.run");
    expect_said("{\"count\":1,\"periods\":[{\"from\":\"a\",\"to\":\"b\"}]}",
                "payload.periods[0].to is not a field of t.run");
    expect_said("{\"count\":1,\"periods\":[{\"from\":\"a\",\"from\":\"b\"}]}",
                "payload.periods[0].from is there twice");
    expect_said("{\"count\":1,\"periods\":[{\"from\":\"a\",\"days\":[1,\"2\"]}]}",
                "payload.periods[0].days[1] must be an integer");
    expect_said("{\"count\":1,\"box\":{\"wait\":\"30s\",\"open\":true}}", NULL);
    expect_said("{\"count\":1,\"box\":{\"wait\":\"soon\"}}",
                "payload.box.wait must be a duration such as \"30s\"");
    expect_said("{\"count\":1,\"box\":{\"shut\":1}}", "payload.box.shut is not a field of t.run");
    expect_said("{\"count\":1,\"grid\":[[\"1MiB\"],[\"2KiB\",\"x\"]]}",
                "payload.grid[1][1] must be a size such as \"10MiB\"");
}

static void test_open(void) {
    expect_said("{\"count\":1,\"free\":{\"a\":[{}]},\"any\":[1,\"b\",null,{\"c\":1}]}", NULL);
    expect_said("{\"count\":1,\"free\":[]}", "payload.free must be an object");
    expect_said("{\"count\":1,\"photo\":\"x\"}", "payload.photo is not a field of t.run");
    expect_said("{\"count\":1,\"dotted.name\":2}", NULL);
    expect_said("{\"count\":1,\"dotted\":{\"name\":2}}", "payload.dotted is not a field of t.run");
    expect_said("{\"count\":1,\"odd[].name\":\"ftp://x\"}",
                "payload.odd[].name must be an http or https URL");
}

static void test_choices(void) {
    static const struct config_option_spec rows[] = {
        {.name = "unit", .type = JH_OPT_CHOICE, .fallback = "g kg"},
        {.name = "currency",
         .type = JH_OPT_CHOICE,
         .fallback = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD "
                     "BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP EUR FJD"},
        {.name = "from", .type = JH_OPT_DAY},
    };
    static const struct {
        const char *payload, *said; // NULL: taken
    } cases[] = {
        {"{\"unit\":\"g\"}", NULL},
        {"{\"unit\":\"k\\u0067\"}", NULL},
        {"{\"unit\":null}", NULL},
        {"{\"unit\":\"k\"}", "payload.unit must be one of g, kg"},
        {"{\"unit\":\"\",\"from\":\"\"}", NULL},
        {"{\"unit\":\"\",\"unit\":\"g\"}", "payload.unit is there twice"},
        {"{\"unit\":\" \"}", "payload.unit must be one of g, kg"},
        {"{\"unit\":\"g kg\"}", "payload.unit must be one of g, kg"},
        {"{\"unit\":\"KG\"}", "payload.unit must be one of g, kg; did you mean \"kg\"?"},
        {"{\"unit\":7}", "payload.unit must be one of g, kg"},
        {"{\"unit\":\"\\ud800\"}", "payload.unit must be one of g, kg"},
        {"{\"currency\":\"EUR\"}", NULL},
        {"{\"currency\":\"EURO\"}",
         "payload.currency must be one of AED, AFN, ALL, AMD, ANG, AOA, ARS, AUD, AWG, AZN, BAM, "
         "BBD, BDT, BGN, BMD, BND, BOB, BRL, BSD, BTN, BWP, BYN, BZD, CAD, CDF, CHF, CNY, COP, "
         "CRC, CUP, EUR, ...; did you mean \"EUR\"?"},
        {"{\"from\":\"2028-02-29\"}", NULL},
        {"{\"from\":\"2026-02-29\"}", "payload.from must be a day such as \"2026-03-31\""},
        {"{\"from\":\"2026-3-31\"}", "payload.from must be a day such as \"2026-03-31\""},
        {"{\"from\":20260331}", "payload.from must be a day such as \"2026-03-31\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct problem p = {.message = "fits"};
        EXPECT_EQ_INT(cases[i].said == NULL ? 0 : -EINVAL,
                      check(rows, ARRAY_LEN(rows), cases[i].payload, &p));
        EXPECT_EQ_STR(cases[i].said == NULL ? "fits" : cases[i].said, p.message);
    }
}

/* Five values stand before the days. */
static void test_many_values(void) {
    enum { LAST = PAYLOAD_VALUES_CHECKED - 5 };
    static const char bad[] = "\"x\"]}]}";
    for (size_t n = LAST; n <= LAST + 1; n++) {
        struct buf b = {0};
        buf_str(&b, "{\"count\":1,\"periods\":[{\"from\":\"a\",\"days\":[");
        for (size_t i = 0; i < n - 1; i++) {
            buf_str(&b, "1,");
        }
        buf_str(&b, bad);
        struct problem p;
        buf_char(&b, '\0');
        EXPECT_EQ_INT(n == LAST ? -EINVAL : 0, check(deep, ARRAY_LEN(deep), b.data, &p));
        buf_free(&b);
    }
}

static void test_without_memory(void) {
    for (int nth = 1; nth <= 2; nth++) {
        struct arena arena = {0};
        failing_alloc_after(nth);
        const struct payload_shape *s = payload_shape_new(&arena, deep, ARRAY_LEN(deep));
        failing_alloc_after(0);
        EXPECT_EQ_INT(nth == 1, s == NULL);
        arena_free(&arena);
    }
}

static const struct expect_test tests[] = {
    {"payloads", test_payloads},
    {"numbers of as many digits as there may be", test_long_numbers},
    {"a handler without fields", test_no_fields},
    {"lists and objects", test_deep},
    {"what a table leaves open", test_open},
    {"choices and days", test_choices},
    {"as many values as are looked at, and one more", test_many_values},
    {"without memory", test_without_memory},
};

SUITE_MAIN("payload_check", tests)
