// The small parts of a job as the API shows it, and how workers and their states are spelled.
#include "api/job_json.h"

#include "api/pool_json.h"
#include "base/json.h"
#include "expect.h"

static struct buf out;

static void expect_object(const char *want) {
    buf_char(&out, '}');
    EXPECT_EQ_STR(want, out.data);
    EXPECT_TRUE(json_is_valid(buf_bytes(&out)));
    buf_free(&out);
}

static void test_labels(void) {
    static const struct {
        const char *labels, *want;
    } rows[] = {{NULL, "{}"},
                {"", "{}"},
                {"a", "{\"labels\":[\"a\"]}"},
                {"a,b", "{\"labels\":[\"a\",\"b\"]}"},
                {"a,\"b", "{\"labels\":[\"a\",\"\\\"b\"]}"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_char(&out, '{');
        job_json_labels(&out, rows[i].labels);
        expect_object(rows[i].want);
    }
}

static void test_hex(void) {
    static const uint8_t bytes[] = {0x00, 0x0f, 0xff};
    buf_char(&out, '{');
    job_json_hex(&out, "none", bytes, 0);
    job_json_hex(&out, "all", bytes, sizeof bytes);
    expect_object("{\"none\":\"\",\"all\":\"000fff\"}");
}

static void test_duration(void) {
    buf_char(&out, '{');
    job_json_duration(&out, "never", 0);
    job_json_duration(&out, "back", -1);
    job_json_duration(&out, "ms", 1);
    job_json_duration(&out, "mixed", 5400000);
    expect_object("{\"ms\":\"1ms\",\"mixed\":\"90m\"}");
}

static void test_id(void) {
    struct job_id id = {0};
    buf_char(&out, '{');
    job_json_id(&out, "zero", &id);
    EXPECT_EQ_INT(0, id_parse("01a20081-a8d0-7441-8f74-cd353fef4390", &id));
    job_json_id(&out, "id", &id);
    expect_object("{\"id\":\"01a20081-a8d0-7441-8f74-cd353fef4390\"}");
}

/* A handler may say anything: a percentage stays one, and without a total there is none. */
static void test_progress(void) {
    static const struct {
        int64_t done, total;
        const char *want;
    } rows[] = {
        {0, 0, "{\"progress\":{\"done\":0,\"total\":0"},
        {7, 0, "{\"progress\":{\"done\":7,\"total\":0"},
        {7, -1, "{\"progress\":{\"done\":7,\"total\":-1"},
        {0, 3, "{\"progress\":{\"percent\":0,\"done\":0,\"total\":3"},
        {2, 3, "{\"progress\":{\"percent\":66,\"done\":2,\"total\":3"},
        {3, 3, "{\"progress\":{\"percent\":100,\"done\":3,\"total\":3"},
        {4, 3, "{\"progress\":{\"percent\":100,\"done\":4,\"total\":3"},
        {-1, 3, "{\"progress\":{\"percent\":0,\"done\":-1,\"total\":3"},
        {INT64_MAX, INT64_MAX, "{\"progress\":{\"percent\":100,\"done\":9223372036854775807,"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct job_progress p = {.done = rows[i].done, .total = rows[i].total, .at_ms = 1000};
        buf_char(&out, '{');
        job_json_progress(&out, &p);
        buf_char(&out, '}');
        EXPECT_CONTAINS(rows[i].want, out.data);
        EXPECT_CONTAINS("\"at\":\"1970-01-01T00:00:01.000Z\"}}", out.data);
        EXPECT_TRUE(json_is_valid(buf_bytes(&out)));
        buf_free(&out);
    }
    buf_char(&out, '{');
    job_json_progress(&out, &(struct job_progress){.done = 1, .total = 2}); // never reported
    expect_object("{}");
}

static void show_payload(const char *content_type, struct bytes payload, const char *want) {
    struct store_job job = {
        .spec = {.type = "t", .queue = "q", .content_type = content_type, .payload = payload}};
    job_json(&out, &job, NULL, true);
    EXPECT_TRUE(json_is_valid(buf_bytes(&out)));
    if (want == NULL) {
        EXPECT_NULL(strstr(out.data, "\"payload\":"));
    } else {
        EXPECT_CONTAINS(want, out.data);
    }
    buf_free(&out);
}

/* Whatever a payload holds, the answer stays JSON. */
static void test_payload(void) {
    static const char binary[] = {'{', '\0', '\xff'};
    show_payload(NULL, bytes_of("{\"a\": 1}"), "\"payload\":{\"a\": 1}");
    show_payload("application/json; charset=utf-8", bytes_of("[1]"), "\"payload\":[1]");
    show_payload(NULL, bytes_of("{\"a\": "), NULL);
    show_payload("application/json", bytes_of("1}"), NULL);
    show_payload("text/plain", bytes_of("a \"b\""), "\"payload\":\"a \\\"b\\\"\"");
    show_payload("Text/csv", bytes_of("a;b"), "\"payload\":\"a;b\"");
    show_payload("text", bytes_of("a"), NULL);
    show_payload("application/zip", (struct bytes){binary, sizeof binary}, NULL);
    show_payload("text/plain", (struct bytes){binary, sizeof binary}, "\"payload\":\"{\\u0000");
    show_payload(NULL, (struct bytes){NULL, 5}, NULL); // not read
}

static void test_states(void) {
    static const char *const pools[] = {"starting", "ready", "failed", "draining"};
    static const char *const workers[] = {"spawned", "loaded", "ready", "draining", "gone"};
    for (enum pool_state state = POOL_STARTING; state <= POOL_DRAINING; state++) {
        EXPECT_EQ_STR(pools[state], pool_state_name(state));
    }
    for (enum worker_state state = WORKER_SPAWNED; state <= WORKER_GONE; state++) {
        EXPECT_EQ_STR(workers[state], worker_state_name(state));
    }
}

static void test_workers(void) {
    static const struct worker_info workers[] = {
        {.pid = 7, .state = WORKER_READY, .started_ms = 1000, .running = 2, .jobs_done = 3},
        {.pid = 8, .state = WORKER_GONE, .rss = UINT32_MAX}};
    struct pool_info pool = {.workers = workers};
    buf_char(&out, '{');
    pool_json_workers(&out, &pool);
    expect_object("{\"workers\":[]}");
    pool.worker_count = 2;
    buf_char(&out, '{');
    pool_json_workers(&out, &pool);
    expect_object("{\"workers\":[{\"pid\":7,\"state\":\"ready\",\"started_at\":"
                  "\"1970-01-01T00:00:01.000Z\",\"running\":2,\"window\":0,\"jobs_done\":3,"
                  "\"rss\":0},{\"pid\":8,\"state\":\"gone\",\"running\":0,\"window\":0,"
                  "\"jobs_done\":0,\"rss\":4294967295}]}");
}

static const struct expect_test tests[] = {
    {"labels", test_labels}, {"bytes in hex", test_hex},  {"durations", test_duration},
    {"ids", test_id},        {"progress", test_progress}, {"payloads", test_payload},
    {"states", test_states}, {"workers", test_workers},
};

SUITE_MAIN("job json", tests)
