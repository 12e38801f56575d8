// One submitted job as JSON: every field, every refusal.
#include "api/submit_item.h"

#include <errno.h>

#include "base/buf.h"

#include "expect.h"
#include "failing_alloc.h"

/* What was read, as one line; or "code field: message". */
static void read_one(const char *json, char *out, size_t cap) {
    struct arena arena = {0};
    struct job_request r;
    struct job_file *files = NULL;
    struct problem problem;
    size_t len = 0;
    if (submit_item_read(bytes_of(json), NULL, &arena, &r, &files, &problem) != 0) {
        (void)snprintf(out, cap, "%s %s: %s", problem.code, problem.field, problem.message);
        arena_free(&arena);
        return;
    }
    const struct {
        const char *name, *text;
    } texts[] = {{"type", r.type},   {"queue", r.queue},   {"user", r.tenant},
                 {"key", r.key},     {"labels", r.labels}, {"callback", r.callback},
                 {"retry", r.retry}, {"flow", r.flow_id}};
    const struct {
        const char *name;
        int64_t value, unset;
    } numbers[] = {{"priority", r.priority, -1}, {"mode", r.dedup_mode, -1},
                   {"ttl", r.dedup_ttl_ms, 0},   {"delay", r.delay_ms, 0},
                   {"run_at", r.run_at_ms, 0},   {"max", r.max, 0},
                   {"timeout", r.timeout_ms, 0}, {"deadline", r.deadline_ms, 0},
                   {"expires", r.expires_ms, 0}, {"files", (int64_t)r.file_count, 0}};
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].text != NULL) {
            len += (size_t)snprintf(out + len, cap - len, "%s=%s ", texts[i].name, texts[i].text);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (numbers[i].value != numbers[i].unset) {
            len += (size_t)snprintf(out + len, cap - len, "%s=%lld ", numbers[i].name,
                                    (long long)numbers[i].value);
        }
    }
    if (r.payload.len > 0) {
        len += (size_t)snprintf(out + len, cap - len, "payload=%.*s ", (int)r.payload.len,
                                (const char *)r.payload.data);
    }
    out[len - 1] = '\0'; // there is a type at least
    arena_free(&arena);
}

struct row {
    const char *json, *want;
};

static void check_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char got[2048];
        read_one(rows[i].json, got, sizeof got);
        EXPECT_EQ_STR(rows[i].want, got);
    }
}

static void test_fields(void) {
    static const struct row rows[] = {
        {"{\"type\":\"a.b\"}", "type=a.b"},
        {"{\"queue\":\"q\",\"type\":\"a\",\"user\":\"u\",\"key\":\"k\"}",
         "type=a queue=q user=u key=k"},
        {"{\"type\":\"a\",\"payload\":{\"x\": [1, 2.50] }}", "type=a payload={\"x\": [1, 2.50] }"},
        {"{\"type\":\"a\",\"payload\":null}", "type=a payload=null"},
        {"{\"type\":\"a\",\"payload\":\"\\u00e9\"}", "type=a payload=\"\\u00e9\""},
        {"{\"type\":\"a\",\"payload\":-0.0}", "type=a payload=-0.0"},
        {"{\"type\":\"a\",\"priority\":\"high\"}", "type=a priority=0"},
        {"{\"type\":\"a\",\"priority\":\"low\"}", "type=a priority=2"},
        {"{\"type\":\"a\",\"delay\":\"1m30s\"}", "type=a delay=90000"},
        {"{\"type\":\"a\",\"run_at\":\"2026-11-21T10:00:00+01:00\"}",
         "type=a run_at=1795251600000"},
        {"{\"type\":\"a\",\"key\":\"k\",\"dedup\":{\"mode\":\"reject\",\"ttl\":\"1h\"}}",
         "type=a key=k mode=0 ttl=3600000"},
        {"{\"type\":\"a\",\"dedup\":{}}", "type=a"},
        {"{\"type\":\"a\",\"max\":1,\"timeout\":\"5m\",\"deadline\":\"1d\",\"expires\":\"2h\"}",
         "type=a max=1 timeout=300000 deadline=86400000 expires=7200000"},
        {"{\"type\":\"a\",\"max\":2147483647}", "type=a max=2147483647"},
        {"{\"type\":\"a\",\"labels\":[\"x\",\"y z\"]}", "type=a labels=x,y z"},
        {"{\"type\":\"a\",\"labels\":[]}", "type=a labels="},
        {"{\"type\":\"a\",\"labels\":[\"x\",\"xx\",\"X\"]}", "type=a labels=x,xx,X"},
        {"{\"type\":\"a\",\"callback\":\"http:\\/\\/x\",\"flow\":"
         "\"0198C1A2-0000-7000-8000-000000000001\"}",
         "type=a callback=http://x flow=0198c1a2-0000-7000-8000-000000000001"},
        {"{\"type\":\"a\",\"retry\":{\"base\": \"1s\"}}", "type=a retry={\"base\": \"1s\"}"},
        {"{\"type\":\"a\",\"user\":null,\"labels\":null,\"max\":null,\"files\":null}", "type=a"},
        {"{\"type\":\"a\",\"files\":[]}", "type=a"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_refusals(void) {
    static const struct row rows[] = {
        {"[]", "bad_job : a job is a JSON object"},
        {"\"a\"", "bad_job : a job is a JSON object"},
        {"{}", "missing_field type: a job needs a type, such as \"crawl.page\""},
        {"{\"type\":null}", "missing_field type: a job needs a type, such as \"crawl.page\""},
        {"{\"type\":5}", "bad_field type: type must be a string (without \\u0000)"},
        {"{\"type\":\"a\\u0000b\"}", "bad_field type: type must be a string (without \\u0000)"},
        {"{\"type\":\"a\",\"prioryty\":\"low\"}",
         "unknown_field prioryty: there is no such field; did you mean \"priority\"?"},
        {"{\"type\":\"a\",\"qeue\":\"q\"}",
         "unknown_field qeue: there is no such field; did you mean \"queue\"?"},
        {"{\"type\":\"a\",\"zebra\":1}", "unknown_field zebra: there is no such field"},
        {"{\"type\":\"a\",\"type\":\"b\"}", "repeated_field type: type is there twice"},
        {"{\"type\":\"a\",\"\\u0074ype\":\"b\"}",
         "unknown_field type: there is no such field; did you mean \"type\"?"},
        {"{\"type\":\"a\",\"priority\":\"urgent\"}",
         "bad_field priority: priority is one of high, normal, low"},
        {"{\"type\":\"a\",\"priority\":1}",
         "bad_field priority: priority must be a string (without \\u0000)"},
        {"{\"type\":\"a\",\"delay\":30}",
         "bad_duration delay: write delay with its unit, as in \"30s\" or \"1h30m\""},
        {"{\"type\":\"a\",\"timeout\":\"30\"}",
         "bad_duration timeout: \"30\" is not a duration such as \"30s\" or \"1h30m\""},
        {"{\"type\":\"a\",\"run_at\":\"tomorrow\"}",
         "bad_time run_at: \"tomorrow\" is not a time such as \"2026-11-21T10:00:00Z\""},
        {"{\"type\":\"a\",\"run_at\":\"2026-11-21T10:00:00Z\",\"delay\":\"1s\"}",
         "bad_field run_at: give either delay or run_at, not both"},
        {"{\"type\":\"a\",\"dedup\":\"reject\"}",
         "bad_field dedup: dedup must be an object with mode and ttl"},
        {"{\"type\":\"a\",\"dedup\":{\"mode\":\"maybe\"}}",
         "bad_field mode: mode is one of reject, return, replace, debounce, throttle"},
        {"{\"type\":\"a\",\"dedup\":{\"tll\":\"1s\"}}",
         "unknown_field tll: there is no such field; did you mean \"ttl\"?"},
        {"{\"type\":\"a\",\"max\":0}", "bad_number max: max must be a whole number from 1 on"},
        {"{\"type\":\"a\",\"max\":1.5}", "bad_number max: max must be a whole number from 1 on"},
        {"{\"type\":\"a\",\"max\":1e3}", "bad_number max: max must be a whole number from 1 on"},
        {"{\"type\":\"a\",\"max\":-1}", "bad_number max: max must be a whole number from 1 on"},
        {"{\"type\":\"a\",\"max\":2147483648}",
         "bad_number max: max must be a whole number from 1 on"},
        {"{\"type\":\"a\",\"max\":99999999999999999999}",
         "bad_number max: max must be a whole number from 1 on"},
        {"{\"type\":\"a\",\"max\":\"3\"}", "bad_number max: max must be a whole number from 1 on"},
        {"{\"type\":\"a\",\"key\":\"\"}", "bad_field key: key is empty; leave it out instead"},
        {"{\"type\":\"a\",\"user\":\"\"}", "bad_field user: user is empty; leave it out instead"},
        {"{\"type\":\"\"}", "bad_field type: type is empty; leave it out instead"},
        {"{\"type\":\"a\",\"dedup\":{\"mode\":\"reject\"}}",
         "missing_field key: dedup needs a key"},
        {"{\"type\":\"a\",\"dedup\":{\"ttl\":\"0s\"}}", "missing_field key: dedup needs a key"},
        {"{\"type\":\"a\",\"timeout\":\"0s\"}",
         "bad_duration timeout: timeout must be longer than 0s; leave it out for the default"},
        {"{\"type\":\"a\",\"deadline\":\"0ms\"}",
         "bad_duration deadline: deadline must be longer than 0s; leave it out for the default"},
        {"{\"type\":\"a\",\"expires\":\"0s\"}",
         "bad_duration expires: expires must be longer than 0s; leave it out for the default"},
        {"{\"type\":\"a\",\"labels\":5}", "bad_field labels: labels must be an array of strings"},
        {"{\"type\":\"a\",\"labels\":[5]}",
         "bad_field labels: labels must be a string (without \\u0000)"},
        {"{\"type\":\"a\",\"labels\":[\"\"]}",
         "bad_label labels: a label is not empty and has no comma"},
        {"{\"type\":\"a\",\"labels\":[\"a,b\"]}",
         "bad_label labels: a label is not empty and has no comma"},
        {"{\"type\":\"a\",\"labels\":\"a\"}",
         "bad_field labels: labels must be an array of strings"},
        {"{\"type\":\"a\",\"labels\":[\"b\",\"a\",\"\\u0061\"]}",
         "bad_label labels: a label is there twice"},
        {"{\"type\":\"a\",\"retry\":3}", "bad_field retry: retry must be an object"},
        {"{\"type\":\"a\",\"files\":{}}",
         "bad_field files: files must be an array of {name, sha256}"},
        {"{\"type\":\"a\",\"files\":[1]}",
         "bad_field files: each file is an object with name and sha256"},
        {"{\"type\":\"a\",\"files\":[{\"sha256\":\"00\"}]}",
         "bad_file files: a file's name has 1 to 255 bytes"},
        {"{\"type\":\"a\",\"files\":[{\"name\":\"../f\"}]}",
         "bad_file files: a file's name has no slashes and no control characters"},
        {"{\"type\":\"a\",\"files\":[{\"name\":\"..\"}]}",
         "bad_file files: \"..\" is a folder, not a name for a file"},
        {"{\"type\":\"a\",\"files\":[{\"name\":\"a\\nb\"}]}",
         "bad_file files: a file's name has no slashes and no control characters"},
        {"{\"type\":\"a\",\"files\":[{\"name\":\"f\",\"filename\":\"C:/f\"}]}",
         "bad_file files: a file's name has no slashes and no control characters"},
        {"{\"type\":\"a\",\"files\":[{\"name\":\"f\",\"filename\":\"\"}]}",
         "bad_field filename: filename is empty; leave it out instead"},
        {"{\"type\":\"a\",\"files\":[{\"name\":\"f\",\"sha256\":\"00\"}]}",
         "bad_file files: sha256 is the 64 hex digits that POST /v1/blobs answered"},
        {"{\"type\":\"a\",\"files\":[{\"name\":\"f\",\"sah256\":\"00\"}]}",
         "unknown_field sah256: there is no such field; did you mean \"sha256\"?"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void add_file(struct buf *b, const char *name) {
    buf_printf(b, "%s{\"name\":\"%s\",\"sha256\":\"%064d\"}", b->data[b->len - 1] == '[' ? "" : ",",
               name, 0);
}

// A field of a form may have several files, which have names of their own.
static void test_files(void) {
    struct arena arena = {0};
    struct job_request r;
    struct job_file *files = NULL;
    struct problem problem;
    struct buf b = {0};
    buf_printf(&b,
               "{\"type\":\"a\",\"files\":[{\"name\":\"orders\",\"filename\":\"Juli – 1.tsv\","
               "\"sha256\":\"%064d\"},{\"name\":\"orders\",\"sha256\":\"%064d\","
               "\"content_type\":\"text/csv\"}]}",
               0, 0);
    EXPECT_EQ_INT(0, submit_item_read(buf_bytes(&b), NULL, &arena, &r, &files, &problem));
    EXPECT_EQ_UINT(2, r.file_count);
    EXPECT_EQ_STR("orders", r.files[0].name);
    EXPECT_EQ_STR("Juli – 1.tsv", r.files[0].filename);
    EXPECT_NULL(r.files[0].content_type);
    EXPECT_EQ_STR("orders", r.files[1].name);
    EXPECT_NULL(r.files[1].filename);
    EXPECT_EQ_STR("text/csv", r.files[1].content_type);
    EXPECT_NULL(r.flow_id);
    buf_free(&b);
    arena_free(&arena);
}

static void test_limits(void) {
    char got[2048];
    for (int over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, "{\"type\":\"a\",\"files\":[");
        for (int i = 0; i < JOB_FILES_MAX + over; i++) {
            add_file(&b, "f");
        }
        buf_str(&b, "]}");
        read_one(b.data, got, sizeof got);
        EXPECT_EQ_STR(over ? "too_many_files files: a job has at most 32 files" : "type=a files=32",
                      got);

        char name[JOB_FILE_NAME_MAX + 2];
        memset(name, 'n', sizeof name);
        name[JOB_FILE_NAME_MAX + over] = '\0';
        buf_clear(&b);
        buf_str(&b, "{\"type\":\"a\",\"files\":[");
        add_file(&b, name);
        buf_str(&b, "]}");
        read_one(b.data, got, sizeof got);
        EXPECT_EQ_STR(over ? "bad_file files: a file's name has 1 to 255 bytes" : "type=a files=1",
                      got);

        char type[JOB_CONTENT_TYPE_MAX + 2];
        memset(type, 't', sizeof type);
        type[JOB_CONTENT_TYPE_MAX + over] = '\0';
        buf_clear(&b);
        buf_printf(&b,
                   "{\"type\":\"a\",\"files\":[{\"name\":\"f\",\"sha256\":\"%064d\","
                   "\"content_type\":\"%s\"}]}",
                   0, type);
        read_one(b.data, got, sizeof got);
        EXPECT_EQ_STR(over ? "bad_file files: a file's content_type has at most 128 bytes"
                           : "type=a files=1",
                      got);

        buf_clear(&b);
        buf_str(&b, "{\"type\":\"a\",\"labels\":[\"x\"");
        for (int i = 1; i < JOB_LABEL_COUNT_MAX + over; i++) {
            buf_printf(&b, ",\"%d\"", i);
        }
        buf_str(&b, "]}");
        read_one(b.data, got, sizeof got);
        EXPECT_CONTAINS(over ? "a job has at most 32 labels" : "labels=x,1,", got);

        buf_clear(&b); // two labels and their comma
        buf_str(&b, "{\"type\":\"a\",\"labels\":[\"x\",\"");
        for (int i = 0; i < JOB_LABELS_MAX - 2 + over; i++) {
            buf_char(&b, 'y');
        }
        buf_str(&b, "\"]}");
        read_one(b.data, got, sizeof got);
        EXPECT_CONTAINS(over ? "all labels together have at most 1024 bytes" : "labels=x,yyy", got);
        buf_free(&b);
    }
}

/* The host's fault, not the caller's: it may be sent again. */
static void test_without_memory(void) {
    static const char *const rows[] = {"{\"labels\":[\"x\"]}", "{\"files\":[]}", "{\"retry\":{}}"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        struct job_request r;
        struct job_file *files;
        struct problem problem = {.code = ""};
        failing_alloc_after(1);
        int error = submit_item_read(bytes_of(rows[i]), "a", &arena, &r, &files, &problem);
        failing_alloc_after(0);
        EXPECT_EQ_INT(-ENOMEM, error);
        EXPECT_EQ_STR("out_of_memory", problem.code);
        EXPECT_EQ_INT(503, problem.status);
        arena_free(&arena);
    }
}

static const struct expect_test tests[] = {
    {"fields", test_fields},
    {"refusals", test_refusals},
    {"files", test_files},
    {"limits", test_limits},
    {"without memory", test_without_memory},
};

SUITE_MAIN("api submit item", tests)
