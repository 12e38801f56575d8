// Routes of the configuration: paths, the API's own forms on them, and the view `amazon` with every field and status code.
#include "api/view.h"

#include "api_fixture.h"

#define FIELD(n) "--b\r\nContent-Disposition: form-data; name=\"" n "\"\r\n\r\n"
#define FILE_(n, f)                                                                                \
    "--b\r\nContent-Disposition: form-data; name=\"" n "\"; filename=\"" f "\"\r\n\r\n"
#define END    "\r\n--b--\r\n"
#define ORDERS FILE_("orders", "o.txt") "x"

static const char config[] =
    "host: {state_dir: /tmp}\n"
    "store: {blobs: {max_in_store: 256KiB}}\n"
    "queues: {fast: {ttl: 1h}, amazon: {ttl: 24h}}\n"
    "routes:\n"
    "- {match: POST /start-analysis, action: submit, job: amazon.analyze, view: amazon, max_body: "
    "1MiB}\n"
    "- {match: 'GET /job-status/{id}', action: status, view: amazon}\n"
    "- {match: 'GET /job-results/{id}', action: result, view: amazon}\n"
    "- {match: 'POST /job-cancel/{id}/', action: cancel, view: amazon}\n"
    "- {match: POST /crawl, action: submit, job: crawl.page, queue: fast, max_body: 100B}\n"
    "- {match: 'GET /crawl/{user}/{id}/now', action: status}\n"
    "- {match: 'GET /crawl/{id}/result', action: result, view: v1}\n"
    "- {match: 'GET /off/{id}', action: status, enabled: false}\n"
    "- {match: 'GET /', action: submit, job: crawl.page}\n";

static int post(struct api_fixture *x, const char *path, const char *type, const char *body) {
    struct buf text = {0};
    int fd = client_unix(&x->f);
    buf_printf(&text,
               "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
               path, type, strlen(body), body);
    client_send(&x->f, fd, text.data, text.len);
    buf_free(&text);
    fixture_settle(&x->f);
    return fd;
}

static int start(struct api_fixture *x, const char *body) {
    return post(x, "/start-analysis", "multipart/form-data; boundary=b", body);
}

static void put_files(struct api_fixture *x, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        struct store_op *op = api_take(x, STORE_BLOB_PUT);
        CONTAINER_OF(op, struct store_blob_put, op)->ref.size = i + 1;
        api_done(x, op, 0);
    }
}

/* Answers the submission that has been posted; copies its payload. */
static void take_job(struct api_fixture *x, const char *payload, const char *type,
                     const char *queue, size_t files) {
    struct store_op *op = api_take(x, STORE_SUBMIT);
    const struct job_spec *spec = CONTAINER_OF(op, struct store_submit, op)->items[0].spec;
    EXPECT_EQ_BYTES(payload, strlen(payload), spec->payload.data, spec->payload.len);
    EXPECT_EQ_STR(type, spec->type);
    EXPECT_EQ_STR(queue, spec->queue);
    EXPECT_EQ_UINT(files, spec->file_count);
    api_done(x, op, 0);
}

/* ---- the API's own forms ---- */

static void test_own_submit(void) {
    struct api_fixture x;
    api_start(&x, config);
    int fd = post(&x, "/crawl", "application/json", "{\"payload\":{\"a\":1}}");
    take_job(&x, "{\"a\":1}", "crawl.page", "fast", 0);
    api_expect(&x, fd, 202, "\"state\":\"queued\"");
    fd =
        post(&x, "/crawl", "application/json", "[{},{\"type\":\"crawl.page\",\"queue\":\"fast\"}]");
    api_done(&x, api_take(&x, STORE_SUBMIT), 0);
    api_expect(&x, fd, 202, "\"queued\"");
    fd = post(&x, "/crawl/", "multipart/form-data; boundary=b", FIELD("job") "{}" END);
    take_job(&x, "", "crawl.page", "fast", 0);
    api_expect(&x, fd, 202, "\"state\":\"queued\"");
    fd = post(&x, "/crawl", "application/json", "{\"type\":\"crawl.site\"}");
    api_expect(&x, fd, 400, "submits to type crawl.page only\",\"field\":\"type\"");
    fd = post(&x, "/crawl", "application/json", "{\"queue\":\"slow\"}");
    api_expect(&x, fd, 400, "\"field\":\"queue\"");
    for (int over = 0; over <= 1; over++) {
        char body[128];
        (void)snprintf(body, sizeof body, "{\"payload\":\"%0*d\"}", 100 - 14 + over, 0);
        fd = post(&x, "/crawl", "application/json", body);
        if (!over) {
            api_done(&x, api_take(&x, STORE_SUBMIT), 0);
        }
        api_expect(&x, fd, over ? 413 : 202, over ? "large_body" : "queued");
    }
    api_stop(&x);
}

static void test_own_job(void) {
    struct api_fixture x;
    api_start(&x, config);
    int fd = api_send(&x, "GET", "/crawl/ada/" API_ID "/now", NULL);
    struct store_op *op = api_take(&x, STORE_GET);
    struct job_id id;
    EXPECT_EQ_INT(0, id_parse(API_ID, &id));
    EXPECT_TRUE(id_equal(&id, &CONTAINER_OF(op, struct store_get, op)->id));
    api_done(&x, op, -ENOENT);
    api_expect(&x, fd, 404, "{\"error\":{\"code\":\"job_not_found\"");
    fd = api_send(&x, "GET", "/crawl/" API_ID "/result", NULL);
    op = api_take(&x, STORE_RESULT_GET);
    EXPECT_TRUE(id_equal(&id, &CONTAINER_OF(op, struct store_result_get, op)->id));
    CONTAINER_OF(op, struct store_result_get, op)->data = bytes_of("hello");
    api_done(&x, op, 0);
    api_expect(&x, fd, 200, "hello");
    api_ask(&x, "GET", "/off/" API_ID, NULL, 404, "no_such_path");
    api_ask(&x, "PUT", "/crawl", NULL, 405, "POST");
    api_ask(&x, "GET", "/crawl/a/b/c", NULL, 404, "no_such_path");
    api_ask(&x, "GET", "/crawl/" API_ID "/result?x=1", NULL, 400, "unknown_parameter");
    api_stop(&x);
}

/* Routes of the configuration are no more open than the API. */
static void test_guard(void) {
    struct api_fixture x;
    struct buf text = {0};
    buf_printf(&text, "%s", config);
    memcpy(strstr(text.data, "{state_dir: /tmp}"), "{auth: tokens   }", 17);
    api_start(&x, text.data);
    buf_free(&text);
    int fd = client_tcp(&x.f);
    client_say(&x.f, fd, "GET /job-status/" API_ID " HTTP/1.1\r\nHost: a\r\n\r\n");
    api_expect(&x, fd, 401, "{\"detail\":\"a valid Authorization");
    fd = client_tcp(&x.f);
    client_say(&x.f, fd, "POST /crawl HTTP/1.1\r\nHost: a\r\n\r\n");
    api_expect(&x, fd, 401, "unauthorized");
    api_stop(&x);
}

/* ---- the view amazon ---- */

static void test_start(void) {
    static const struct {
        const char *body, *payload;
        size_t files;
    } rows[] = {
        {ORDERS END, "{}", 1},
        {FIELD(
             "marketplace") "DE\r\n" ORDERS
                            "\r\n" FIELD("periods") " [ {\"from\": 1.50} ]\n\r\n" FIELD(
                                "currency") "EUR\r\n" FILE_("business_report",
                                                            "1.csv") "a\r\n" FILE_("business_"
                                                                                   "report",
                                                                                   "2.csv") "b" END,
         "{\"periods\":[ {\"from\": 1.50} ],\"marketplace\":\"DE\",\"currency\":\"EUR\"}", 3},
        {FIELD("marketplace") "\xc3\xa9\"\r\n" FIELD("currency") " \r\n" FIELD(
             "periods") "\r\n" ORDERS "\r\n" FILE_("business_report", "") END,
         "{\"marketplace\":\"\xc3\xa9\\\"\"}", 1},
        // what the original took, and anything else that no view knows
        {FIELD("asin_or_url") "B0\r\n" FIELD("asin_or_url") "B1\r\n" FILE_(
             "revenue_csv", "r.csv") "a,b\r\n" ORDERS "\r\n" FILE_("design_csv", "") END,
         "{}", 1},
    };
    struct api_fixture x;
    api_start(&x, config);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = start(&x, rows[i].body);
        put_files(&x, (unsigned)rows[i].files);
        take_job(&x, rows[i].payload, "amazon.analyze", "q", rows[i].files);
        api_expect(&x, fd, 200,
                   "\",\"status\":\"processing\",\"message\":\"The analysis has started\"}");
    }
    api_stop(&x);
}

static void test_start_refused(void) {
    static const struct {
        const char *type, *body;
        int status;
        const char *says;
    } rows[] = {
        {NULL, "--b--", 400,
         "{\"detail\":\"send at least one file, as business_report or orders\"}"},
        {NULL, FIELD("marketplace") "DE" END, 400, "at least one file"},
        {NULL, FILE_("orders", "") END, 400, "at least one file"},
        {NULL, "--b", 400, "{\"detail\":\"the body ends before"},
        {NULL, "nonsense", 400, "{\"detail\":\""},
        {NULL, ORDERS "\r\n" FIELD("periods") "[" END, 422,
         "{\"detail\":\"periods must be JSON\"}"},
        {NULL, ORDERS "\r\n" FIELD("currency") "E\r\n" FIELD("currency") "U" END, 422,
         "currency is there twice"},
        {NULL, FILE_("order", "x") "x" END, 422,
         "there is no field \\\"order\\\"; did you mean \\\"orders\\\"?"},
        {NULL, ORDERS "\r\n" FIELD("marketplace") "U\xff" END, 422, "marketplace must be text"},
        {NULL, ORDERS "\r\n" FIELD("currency") "E\x7f" END, 422, "currency must be text"},
        {NULL, ORDERS "\r\n" FIELD("currency") "\x01" END, 422, "currency must be text"},
        {NULL, FIELD("orders") "x" END, 422, "orders must be a file"},
        {NULL, FILE_("periods", "x") "x" END, 422, "periods is no file"},
        {NULL, FILE_("orders", "a/b") "x" END, 400, "without slashes"},
        {"application/json", "{}", 415, "{\"detail\":\"send the fields and files as multipart"},
        {"application/x-www-form-urlencoded", "a=b", 415, "{\"detail\""},
    };
    struct api_fixture x;
    api_start(&x, config);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *type = rows[i].type == NULL ? "multipart/form-data; boundary=b" : rows[i].type;
        api_expect(&x, post(&x, "/start-analysis", type, rows[i].body), rows[i].status,
                   rows[i].says);
        EXPECT_EQ_UINT(0, x.op_count);
    }
    api_ask(&x, "POST", "/start-analysis", NULL, 400, "at least one file"); // without any body
    api_ask(&x, "GET", "/start-analysis", NULL, 405, "{\"detail\":\"this path knows POST\"}");
    api_ask(&x, "DELETE", "/job-status/7", NULL, 405, "{\"detail\":\"this path knows GET, HEAD\"}");
    api_ask(&x, "PUT", "/job-cancel/7?x=1", NULL, 405, "{\"detail\":\"");
    // by the store
    int fd = start(&x, ORDERS END);
    put_files(&x, 1);
    struct store_op *op = api_take(&x, STORE_SUBMIT);
    CONTAINER_OF(op, struct store_submit, op)->items[0].status = -EDQUOT;
    api_done(&x, op, 0);
    api_expect(&x, fd, 429, "{\"detail\":\"the store's byte budget is full\"}");
    fd = start(&x, ORDERS END);
    put_files(&x, 1);
    api_done(&x, api_take(&x, STORE_SUBMIT), -ETIMEDOUT);
    api_expect(&x, fd, 503, "{\"detail\":\"");
    api_stop(&x);
}

static void test_field_limits(void) {
    static const struct {
        const char *name;
        size_t max;
    } rows[] = {{"marketplace", 64}, {"currency", 16}, {"periods", 64 * 1024}};
    struct api_fixture x;
    api_start(&x, config);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (unsigned over = 0; over <= 1; over++) {
            struct buf b = {0};
            buf_printf(
                &b, ORDERS "\r\n--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%0*d" END,
                rows[i].name, (int)rows[i].max + (int)over, 0);
            b.data[strcspn(b.data, "0")] = '1'; // a number, and a word
            int fd = start(&x, b.data);
            if (!over) {
                put_files(&x, 1);
                api_done(&x, api_take(&x, STORE_SUBMIT), 0);
            }
            api_expect(&x, fd, over ? 413 : 200, over ? "this field may have" : "job_id");
            buf_free(&b);
        }
    }
    api_stop(&x);
}

static void test_status(void) {
    static const struct {
        enum job_state state;
        struct job_progress progress;
        struct job_error error;
        const char *says;
    } rows[] = {
        {JOB_QUEUED,
         {0},
         {0},
         "\"status\":\"processing\",\"progress\":0,\"message\":\"The analysis waits for its "
         "turn\""},
        {JOB_SCHEDULED,
         {.done = 5, .total = 10, .at_ms = 1},
         {0},
         "\"status\":\"processing\",\"progress\":50"},
        {JOB_PARKED, {0}, {0}, "\"status\":\"processing\""},
        {JOB_RUNNING,
         {.done = 3, .total = 0, .message = "Reading \"x\"", .at_ms = 1},
         {0},
         "\"progress\":0,\"message\":\"Reading \\\"x\\\"\""},
        {JOB_RUNNING,
         {.done = 30, .total = 20, .at_ms = 1},
         {0},
         "\"progress\":100,\"message\":\"The analysis is under way\""},
        {JOB_SUCCEEDED,
         {.done = 5, .total = 10, .at_ms = 1},
         {0},
         "\"status\":\"complete\",\"progress\":100,\"message\":\"The analysis is "
         "complete\",\"created_at\":"
         "\"1970-01-01T00:00:01.000Z\",\"updated_at\":\"1970-01-01T00:00:03.000Z\",\"completed_"
         "at\":"
         "\"1970-01-01T00:00:02.000Z\",\"error\":null}"},
        {JOB_DEAD,
         {.done = 5, .total = 10, .message = "old", .at_ms = 1},
         {.cls = 1, .code = "c", .message = "row 3 is bad"},
         "\"status\":\"failed\",\"progress\":50,\"message\":\"The analysis has failed\","},
        {JOB_DEAD,
         {0},
         {.cls = 1, .code = "c", .message = "row 3 is bad"},
         "\"error\":\"row 3 is bad\"}"},
        {JOB_DEAD, {0}, {.cls = 1, .code = "c"}, "\"error\":\"c\"}"},
        {JOB_CANCELLED, {0}, {0}, "\"error\":\"the job was cancelled\"}"},
    };
    struct api_fixture x;
    api_start(&x, config);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = api_send(&x, "GET", "/job-status/" API_ID, NULL);
        struct store_op *op = api_take(&x, STORE_GET);
        struct store_get *get = CONTAINER_OF(op, struct store_get, op);
        get->job = (struct store_job){.spec = {.id = get->id, .type = "a.b", .queue = "q"},
                                      .state = rows[i].state,
                                      .progress = rows[i].progress,
                                      .error = rows[i].error,
                                      .created_ms = 1000,
                                      .updated_ms = 3000,
                                      .finished_ms = job_is_final(rows[i].state) ? 2000 : 0};
        api_done(&x, op, 0);
        struct answer a = client_answer(&x.f, fd);
        EXPECT_EQ_INT(200, a.status);
        EXPECT_CONTAINS(rows[i].says, a.body.data);
        EXPECT_CONTAINS("{\"job_id\":\"" API_ID "\",", a.body.data);
        EXPECT_TRUE(job_is_final(rows[i].state) ||
                    strstr(a.body.data, "\"completed_at\":null,\"error\":null}"));
        answer_free(&a);
        close(fd);
    }
    // what the supervisor knows is newer
    x.live = (struct job_live){
        .pid = 7, .progress = {.done = 9, .total = 10, .message = "now", .at_ms = 9000}};
    int fd = api_send(&x, "GET", "/job-status/" API_ID, NULL);
    struct store_op *op = api_take(&x, STORE_GET);
    struct store_get *get = CONTAINER_OF(op, struct store_get, op);
    get->job =
        (struct store_job){.spec = {.id = get->id}, .state = JOB_RUNNING, .updated_ms = 3000};
    api_done(&x, op, 0);
    api_expect(&x, fd, 200,
               "\"progress\":90,\"message\":\"now\",\"created_at\":null,\"updated_at\":\"1970-01-"
               "01T00:00:09.000Z\"");
    api_stop(&x);
}

static int result_of(struct api_fixture *x, enum job_state state, struct job_error error) {
    int fd = api_send(x, "GET", "/job-results/" API_ID, NULL);
    struct store_op *op = api_take(x, STORE_GET);
    struct store_get *get = CONTAINER_OF(op, struct store_get, op);
    get->job = (struct store_job){.spec = {.id = get->id}, .state = state, .error = error};
    api_done(x, op, 0);
    return fd;
}

static void test_results(void) {
    struct api_fixture x;
    api_start(&x, config);
    static const enum job_state open[] = {JOB_SCHEDULED, JOB_QUEUED, JOB_RUNNING, JOB_PARKED};
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        api_expect(&x, result_of(&x, open[i], (struct job_error){0}), 202,
                   "{\"detail\":\"Job is still processing\"}");
    }
    api_expect(&x, result_of(&x, JOB_DEAD, (struct job_error){.cls = 1, .message = "row 3 is bad"}),
               500, "{\"detail\":\"Job failed: row 3 is bad\"}");
    api_expect(&x, result_of(&x, JOB_CANCELLED, (struct job_error){0}), 500,
               "{\"detail\":\"Job failed: the job was cancelled\"}");
    int fd = result_of(&x, JOB_SUCCEEDED, (struct job_error){0});
    struct store_op *op = api_take(&x, STORE_RESULT_GET);
    CONTAINER_OF(op, struct store_result_get, op)->data = bytes_of("{\"a\": 1}");
    api_done(&x, op, 0);
    struct answer a = client_answer(&x.f, fd);
    EXPECT_EQ_INT(200, a.status);
    EXPECT_EQ_STR("{\"a\": 1}", a.body.data); // byte for byte
    EXPECT_CONTAINS("Content-Type: application/json\r\n", a.head.data);
    answer_free(&a);
    close(fd);
    fd = result_of(&x, JOB_SUCCEEDED, (struct job_error){0});
    api_done(&x, api_take(&x, STORE_RESULT_GET), -ENOENT);
    api_expect(&x, fd, 404, "{\"detail\":\"");
    fd = result_of(&x, JOB_SUCCEEDED, (struct job_error){0});
    api_done(&x, api_take(&x, STORE_RESULT_GET), -ETIMEDOUT);
    api_expect(&x, fd, 503, "{\"detail\":\"");
    api_stop(&x);
}

/* Browsers' libraries add some against caches; the API itself is strict. */
static void test_other_parameters(void) {
    static const char *const paths[] = {"/job-status/7?_=123",
                                        "/job-results/7?a&a=1&&b=", "/job-status/7?"};
    struct api_fixture x;
    api_start(&x, config);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        api_ask(&x, "GET", paths[i], NULL, 404, "{\"detail\":\"Job not found\"}");
    }
    api_ask(&x, "POST", "/start-analysis?v=2", NULL, 400, "at least one file");
    api_ask(&x, "GET", "/crawl/" API_ID "/result?_=1", NULL, 400, "unknown_parameter");
    api_stop(&x);
}

/* A field that is left out is as large as the body may be, and takes no room. */
static void test_left_out(void) {
    struct api_fixture x;
    api_start(&x, config);
    struct buf b = {0};
    buf_printf(&b, FILE_("extra", "e.bin") "%0*d\r\n" ORDERS END, 512 * 1024, 0);
    int fd = start(&x, b.data);
    put_files(&x, 1);
    take_job(&x, "{}", "amazon.analyze", "q", 1);
    api_expect(&x, fd, 200, "job_id");
    buf_free(&b);
    api_stop(&x);
}

/* An id of this age, asked for: 404 in both words. */
static void test_unknown_and_expired(void) {
    static const struct {
        int64_t age_ms;
        const char *says;
    } rows[] = {
        {0, "{\"detail\":\"Job not found\"}"},
        {INT64_C(86400000), "{\"detail\":\"Job not found\"}"},
        {INT64_C(86400001), "{\"detail\":\"Job not found: its result has expired\"}"},
    };
    static const char *const paths[] = {"/job-status/", "/job-results/"};
    struct api_fixture x;
    api_start(&x, config);
    x.f.clock.base_test_ms = INT64_C(1800000000000);
    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(paths); i++) {
        struct id_gen gen;
        char path[80], text[JOB_ID_TEXT + 1];
        id_gen_init(&gen, 1);
        struct job_id id = id_next(&gen, env_wall_ms(&x.host.env) - rows[i / 2].age_ms);
        id_format(&id, text);
        (void)snprintf(path, sizeof path, "%s%s", paths[i % 2], text);
        int fd = api_send(&x, "GET", path, NULL);
        api_done(&x, api_take(&x, STORE_GET), -ENOENT);
        api_expect(&x, fd, 404, rows[i / 2].says);
    }
    api_ask(&x, "GET", "/job-status/7", NULL, 404, "{\"detail\":\"Job not found\"}");
    api_stop(&x);
}

/* Every name that the configuration takes is a view, or the API's own. */
static void test_every_view_is_there(void) {
    EXPECT_EQ_STR("v1", config_view_names[0]);
    for (size_t i = 1; config_view_names[i] != NULL; i++) {
        const struct view *view = view_find(config_view_names[i]);
        if (EXPECT_TRUE(view != NULL)) {
            EXPECT_EQ_STR(config_view_names[i], view->name);
        }
    }
    EXPECT_NULL(view_find("v1"));
    EXPECT_NULL(view_find(NULL));
}

static const struct expect_test tests[] = {
    {"submitting in the API's own form", test_own_submit},
    {"paths and the API's own answers", test_own_job},
    {"the guard", test_guard},
    {"amazon: starting", test_start},
    {"amazon: what is refused", test_start_refused},
    {"amazon: lengths of fields", test_field_limits},
    {"amazon: parameters that nobody asked for", test_other_parameters},
    {"amazon: a field that nobody asked for", test_left_out},
    {"amazon: status", test_status},
    {"amazon: results", test_results},
    {"amazon: unknown and expired", test_unknown_and_expired},
    {"names of views", test_every_view_is_there},
};

SUITE_MAIN("api routes", tests)
