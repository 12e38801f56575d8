// The API over jobs, queues and the rest, against a store that answers as told: what a job looks like, results, actions, dead letters.
#include "api/input.h"
#include "api_fixture.h"

static const char plain[] = "host: {state_dir: /tmp}\nqueues: {named: {concurrency: 3}}\n";

static struct job_id the_id(void) {
    struct job_id id;
    (void)id_parse(API_ID, &id);
    return id;
}

/* Asks, answers the one operation with `status` after `fill` (may be NULL) has put the answer in, and checks. */
static void check_op(struct api_fixture *x, const char *method, const char *path, const char *body,
                     enum store_op_kind kind, void (*fill)(void *op), int op_status, int status,
                     const char *part) {
    int fd = api_send(x, method, path, body);
    struct store_op *op = api_take(x, kind);
    if (fill != NULL) {
        fill(op);
    }
    api_done(x, op, op_status);
    api_expect(x, fd, status, part);
}

/* ---- a job ---- */

static void fill_job(void *op) {
    static struct store_warning warnings[] = {{"w1", "watch out"}};
    static struct store_attempt history[] = {{.execution = 1,
                                              .started_ms = 1000,
                                              .ended_ms = 2000,
                                              .outcome = "retry",
                                              .cls = JH_E_NETWORK,
                                              .code = "reset",
                                              .message = "gone",
                                              .host = "h",
                                              .build = "1+a",
                                              .pid = 9}};
    static const char *steps[] = {"one", "two"};
    static struct job_file files[] = {
        {.name = "f", .filename = "g.x", .content_type = "x/y", .blob = {.size = 7}}};
    static struct store_output outputs[] = {
        {.name = "a b\"?.html", .content_type = "text/html", .blob = {.size = 8}},
        {.name = "z", .blob = {.size = 1}}};
    struct store_get *get = CONTAINER_OF(op, struct store_get, op);
    get->job = (struct store_job){
        .spec = {.id = the_id(),
                 .type = "a.b",
                 .queue = "q",
                 .tenant = "u\"x",
                 .priority = PRIORITY_LOW,
                 .payload = bytes_of("{\"n\": 1.50}"),
                 .dedup_key = "k",
                 .max_attempts = 5,
                 .timeout_ms = 90000,
                 .deadline_ms = 86400000,
                 .labels = "l1,l2",
                 .files = files,
                 .file_count = 1},
        .state = JOB_DEAD,
        .rev = 4,
        .created_ms = 1000,
        .finished_ms = 3000,
        .counters = {.attempts = 2, .executions = 3, .crashes = 1},
        .progress = {.done = 1, .total = 3, .message = "m", .at_ms = 1500},
        .error = {.cls = JH_E_AUTH, .code = "bad_token", .message = "no \x01", .scope = "s"},
        .has_result = true,
        .result_size = 12,
        .warning_count = 2,
        .warnings = warnings,
        .warnings_listed = 1,
        .history = history,
        .history_count = 1,
        .step_count = 2,
        .step_bytes = 6,
        .steps_version = 1,
        .steps = steps,
        .steps_listed = 2,
        .build = "1+b",
        .output_count = 2,
        .output_bytes = 9,
        .outputs = outputs,
        .outputs_listed = 2,
        .child_count = 2,
        .log_tail = bytes_of("line\n"),
    };
}

static const char *const job_parts[] = {
    "{\"id\":\"" API_ID
    "\",\"type\":\"a.b\",\"queue\":\"q\",\"state\":\"dead\",\"rev\":4,\"user\":\"u\\\"x\","
    "\"priority\":\"low\",\"key\":\"k\",\"labels\":[\"l1\",\"l2\"],\"children\":2,\"attempt\":3,"
    "\"attempts\":2,"
    "\"max\":5,\"crashes\":1,",
    "\"progress\":{\"percent\":33,\"done\":1,\"total\":3,\"message\":\"m\",\"at\":\"1970-01-01T00:"
    "00:01.500Z\"}",
    "\"error\":{\"class\":\"auth\",\"code\":\"bad_token\",\"message\":\"no "
    "\\u0001\",\"scope\":\"s\"}",
    "\"created_at\":\"1970-01-01T00:00:01.000Z\"",
    "\"finished_at\":\"1970-01-01T00:00:03.000Z\"",
    "\"deadline\":\"1970-01-02T00:00:00.000Z\"",
    "\"timeout\":\"90s\"",
    "\"build\":\"1+b\"",
    "\"result\":{\"size\":12,\"content_type\":\"application/json\",\"url\":\"/v1/jobs/" API_ID
    "/result\"}",
    "\"steps\":{\"count\":2,\"bytes\":6,\"state_version\":1,\"names\":[\"one\",\"two\"]}",
    "\"warnings\":{\"count\":2,\"items\":[{\"code\":\"w1\",\"message\":\"watch out\"}]}",
    "\"output_count\":2,\"output_bytes\":9,\"outputs\":[{\"name\":\"a b\\\"?.html\","
    "\"content_type\":\"text/html\",\"size\":8,\"sha256\":\"0000",
    "\"url\":\"/v1/jobs/" API_ID "/outputs/a%20b%22%3F.html\"},{\"name\":\"z\","
    "\"content_type\":\"application/octet-stream\",\"size\":1,",
    "\"url\":\"/v1/jobs/" API_ID "/outputs/z\"}]",
    "\"files\":[{\"name\":\"f\",\"filename\":\"g.x\",\"content_type\":\"x/"
    "y\",\"size\":7,\"sha256\":\"00000000",
    "\"payload_size\":11,\"payload\":{\"n\": 1.50}", // as it came
    "\"history\":[{\"execution\":1,\"started_at\":\"1970-01-01T00:00:01.000Z\",\"ended_at\":\"1970-"
    "01-01T00:00:02.000Z\","
    "\"outcome\":\"retry\",\"class\":\"network\",\"code\":\"reset\",\"message\":\"gone\",\"host\":"
    "\"h\","
    "\"build\":\"1+a\",\"pid\":9}]",
};

static void test_job(void) {
    struct api_fixture x;
    api_start(&x, plain);
    for (size_t i = 0; i < ARRAY_LEN(job_parts); i++) {
        check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, fill_job, 0, 200, job_parts[i]);
    }
    check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, NULL, -ENOENT, 404, "job_not_found");
    check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, NULL, -ETIMEDOUT, 503,
             "store_timeout");
    check_op(&x, "GET", "/v1/jobs/" API_ID "/log", NULL, STORE_GET, fill_job, 0, 200, "line\n");
    check_op(&x, "GET", "/v1/jobs/" API_ID "/log", NULL, STORE_GET, NULL, -ENOENT, 404,
             "job_not_found");
    api_stop(&x);
}

static void fill_running(void *op) {
    fill_job(op);
    struct store_job *job = &CONTAINER_OF(op, struct store_get, op)->job;
    job->state = JOB_RUNNING;
    job->error = (struct job_error){.cls = 0};
}

static void fill_parked(void *op) {
    fill_job(op);
    struct store_job *job = &CONTAINER_OF(op, struct store_get, op)->job;
    job->state = JOB_PARKED;
    job->park = PARK_EVENT;
    job->wait_key = "order-1";
    job->spec.run_at_ms = 60000;
    job->spec.content_type = "image/png";
}

static void fill_text(void *op) {
    fill_job(op);
    struct store_job *job = &CONTAINER_OF(op, struct store_get, op)->job;
    job->spec.content_type = "text/plain";
}

/* What only the supervisor knows goes over what the store knows. */
static void test_job_live(void) {
    struct api_fixture x;
    api_start(&x, plain);
    x.live = (struct job_live){.pid = 4711,
                               .plugin = "p",
                               .build = "2+c",
                               .started_ms = 5000,
                               .timeout_at_ms = 95000,
                               .progress = {.done = 2, .total = 4, .at_ms = 6000},
                               .log_tail = bytes_of("live line\n"),
                               .cancel_mask = 1};
    static const char *const parts[] = {
        "\"attempt\":4,\"attempts\":2", "\"percent\":50,\"done\":2,\"total\":4,\"at\"",
        "\"started_at\":\"1970-01-01T00:00:05.000Z\"",
        "\"build\":\"2+c\",\"pid\":4711,\"plugin\":\"p\",\"started\":true",
        "\"times_out_at\":\"1970-01-01T00:01:35.000Z\",\"cancelling\":true"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, fill_running, 0, 200, parts[i]);
    }
    check_op(&x, "GET", "/v1/jobs/" API_ID "/log", NULL, STORE_GET, fill_running, 0, 200,
             "live line\n");
    x.live.pid = 0;
    check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, fill_parked, 0, 200,
             "\"parked\":{\"reason\":\"event\",\"until\":\"1970-01-01T00:01:00.000Z\",\"key\":"
             "\"order-1\"}");
    // a payload that is no text stays out of JSON, text becomes a string
    check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, fill_parked, 0, 200,
             "\"payload_size\":11,\"content_type\":\"image/png\",\"history\"");
    check_op(&x, "GET", "/v1/jobs/" API_ID, NULL, STORE_GET, fill_text, 0, 200,
             "\"payload\":\"{\\\"n\\\": 1.50}\"");
    api_stop(&x);
}

/* ---- results ---- */

static void fill_result(void *op) {
    struct store_result_get *r = CONTAINER_OF(op, struct store_result_get, op);
    r->content_type = "text/html";
    r->data = bytes_of("<script>");
    r->size = 8;
}

static void fill_result_file(void *op) {
    struct store_result_get *r = CONTAINER_OF(op, struct store_result_get, op);
    char path[] = "/tmp/jobhost-result-XXXXXX";
    r->fd = mkstemp(path);
    (void)unlink(path);
    (void)!write(r->fd, "0123456789", 10);
    r->size = 10;
    r->blob.sha256[0] = 0xab;
}

static void fill_output(void *op, const char *type) {
    struct store_output_get *o = CONTAINER_OF(op, struct store_output_get, op);
    char path[] = "/tmp/jobhost-output-XXXXXX";
    o->fd = mkstemp(path);
    (void)unlink(path);
    (void)!write(o->fd, "<p>report", 9);
    o->blob = (struct blob_ref){.sha256 = {0xcd}, .size = 9};
    o->content_type = type;
}

static void fill_state(void *op, enum job_state state) {
    CONTAINER_OF(op, struct store_get, op)->job.state = state;
}

static struct answer fetch_output(struct api_fixture *x, const char *request, const char *want_name,
                                  const char *type) {
    int fd = client_unix(&x->f);
    client_say(&x->f, fd, request);
    struct store_op *op = api_take(x, STORE_OUTPUT_GET);
    EXPECT_EQ_STR(want_name, CONTAINER_OF(op, struct store_output_get, op)->name);
    fill_output(op, type);
    api_done(x, op, 0);
    struct answer a = client_answer(&x->f, fd);
    close(fd);
    return a;
}

static void test_output(void) {
    struct api_fixture x;
    api_start(&x, plain);
    struct answer a = fetch_output(&x,
                                   "GET /v1/jobs/" API_ID "/outputs/Ums%C3%A4tze%20%2F.html "
                                   "HTTP/1.1\r\nHost: a\r\n\r\n",
                                   "Ums\xc3\xa4tze /.html", "text/html; charset=utf-8");
    EXPECT_EQ_INT(200, a.status);
    EXPECT_EQ_STR("<p>report", a.body.data);
    EXPECT_CONTAINS("Content-Type: text/html; charset=utf-8\r\n", a.head.data);
    EXPECT_CONTAINS("ETag: \"cd00", a.head.data);
    EXPECT_CONTAINS("Accept-Ranges: bytes\r\n", a.head.data);
    EXPECT_CONTAINS("X-Content-Type-Options: nosniff\r\n", a.head.data);
    EXPECT_CONTAINS("Content-Disposition: inline; filename=\"Ums_tze /.html\";"
                    " filename*=UTF-8''Ums%C3%A4tze%20%2F.html\r\n",
                    a.head.data);
    EXPECT_CONTAINS("Content-Security-Policy: sandbox; default-src 'none'; style-src"
                    " 'unsafe-inline'; img-src data:; font-src data:\r\n",
                    a.head.data);
    answer_free(&a);
    a = fetch_output(&x,
                     "GET /v1/jobs/" API_ID "/outputs/r.html HTTP/1.1\r\nHost: a\r\n"
                     "Range: bytes=3-\r\n\r\n",
                     "r.html", NULL);
    EXPECT_EQ_INT(206, a.status);
    EXPECT_EQ_STR("report", a.body.data);
    EXPECT_CONTAINS("Content-Type: application/octet-stream\r\n", a.head.data);
    answer_free(&a);
    a = fetch_output(&x,
                     "GET /v1/jobs/" API_ID "/outputs/r.html HTTP/1.1\r\nHost: a\r\n"
                     "If-None-Match: \"cd00000000000000000000000000000000000000000000000000000000"
                     "000000\"\r\n\r\n",
                     "r.html", NULL);
    EXPECT_EQ_INT(304, a.status);
    answer_free(&a);
    static const struct {
        int get_status;
        enum job_state state;
        int status;
        const char *part;
    } rows[] = {
        {-ENOENT, 0, 404, "job_not_found"},
        {0, JOB_RUNNING, 409, "not_finished"},
        {0, JOB_SUCCEEDED, 404, "the job is succeeded and has no output of that name"},
        {0, JOB_DEAD, 404, "no_output"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = api_send(&x, "GET", "/v1/jobs/" API_ID "/outputs/x", NULL);
        api_done(&x, api_take(&x, STORE_OUTPUT_GET), -ENOENT);
        struct store_op *op = api_take(&x, STORE_GET);
        fill_state(op, rows[i].state);
        api_done(&x, op, rows[i].get_status);
        a = client_answer(&x.f, fd);
        EXPECT_EQ_INT(rows[i].status, a.status);
        EXPECT_CONTAINS(rows[i].part, a.body.data);
        answer_free(&a);
        close(fd);
    }
    api_stop(&x);
}

static void test_result(void) {
    struct api_fixture x;
    api_start(&x, plain);
    const char *path = "/v1/jobs/" API_ID "/result";
    int fd = api_send(&x, "GET", path, NULL);
    struct store_op *op = api_take(&x, STORE_RESULT_GET);
    fill_result(op);
    api_done(&x, op, 0);
    struct answer a = client_answer(&x.f, fd);
    EXPECT_EQ_STR("<script>", a.body.data);
    EXPECT_CONTAINS("Content-Type: text/html\r\n", a.head.data);
    EXPECT_CONTAINS("Content-Security-Policy: sandbox; default-src 'none';", a.head.data);
    answer_free(&a);
    close(fd);
    fd = client_unix(&x.f);
    client_say(&x.f, fd,
               "GET /v1/jobs/" API_ID "/result HTTP/1.1\r\nHost: a\r\nRange: bytes=3-5\r\n\r\n");
    op = api_take(&x, STORE_RESULT_GET);
    fill_result_file(op);
    api_done(&x, op, 0);
    a = client_answer(&x.f, fd);
    EXPECT_EQ_INT(206, a.status);
    EXPECT_EQ_STR("345", a.body.data);
    EXPECT_CONTAINS("ETag: \"ab00", a.head.data);
    EXPECT_CONTAINS("Content-Type: application/json\r\n", a.head.data);
    answer_free(&a);
    close(fd);
    static const struct {
        int get_status;
        enum job_state state;
        int status;
        const char *part;
    } rows[] = {
        {-ENOENT, 0, 404, "job_not_found"},
        {0, JOB_RUNNING, 409, "it is running"},
        {0, JOB_SCHEDULED, 409, "not_finished"},
        {0, JOB_SUCCEEDED, 404, "the job is succeeded and has no result"},
        {0, JOB_DEAD, 404, "no_result"},
        {-EROFS, 0, 503, "store_read_only"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fd = api_send(&x, "GET", path, NULL);
        api_done(&x, api_take(&x, STORE_RESULT_GET), -ENOENT);
        op = api_take(&x, STORE_GET);
        fill_state(op, rows[i].state);
        api_done(&x, op, rows[i].get_status);
        api_expect(&x, fd, rows[i].status, rows[i].part);
    }
    check_op(&x, "GET", path, NULL, STORE_RESULT_GET, NULL, -EIO, 503, "store_unavailable");
    api_stop(&x);
}

/* ---- explain ---- */

static void fill_stats(void *op) {
    static struct store_queue_stats queues[] = {{.queue = "q",
                                                 .waiting = {1, 2, 3},
                                                 .by_state = {[JOB_QUEUED] = 6, [JOB_DEAD] = 2},
                                                 .oldest_ready_ms = 1000,
                                                 .paused = true,
                                                 .paused_by = "uid:0",
                                                 .paused_why = "because",
                                                 .paused_at_ms = 2000}};
    struct store_stats *s = CONTAINER_OF(op, struct store_stats, op);
    s->queues = queues;
    s->queue_count = 1;
    s->bytes[BUDGET_JOBS] = 5;
}

static void test_explain(void) {
    struct api_fixture x;
    api_start(&x, plain);
    for (int broken = 0; broken <= 1; broken++) { // without statistics there are still reasons
        int fd = api_send(&x, "GET", "/v1/jobs/" API_ID "/explain", NULL);
        struct store_op *op = api_take(&x, STORE_GET);
        fill_state(op, JOB_QUEUED);
        api_done(&x, op, 0);
        api_done(&x, api_take(&x, STORE_STATS), broken ? -ETIMEDOUT : 0);
        api_expect(&x, fd, 200,
                   broken ? "\"state\":\"queued\",\"reasons\":[{\"code\":\"no_slot\",\"detail\":"
                            "\"all taken\"}]}"
                          : "\"clears_at\":\"1970-01-01T00:00:05.000Z\"}]}");
    }
    check_op(&x, "GET", "/v1/jobs/" API_ID "/explain", NULL, STORE_GET, NULL, -ENOENT, 404,
             "job_not_found");
    check_op(&x, "GET", "/v1/queues/named/explain", NULL, STORE_STATS, NULL, 0, 200,
             "{\"queue\":\"named\",\"known\":true,\"reasons\"");
    check_op(&x, "GET", "/v1/queues/q/explain", NULL, STORE_STATS, fill_stats, 0, 200,
             "{\"queue\":\"q\",\"known\":true,");
    check_op(&x, "GET", "/v1/queues/qq/explain", NULL, STORE_STATS, fill_stats, 0, 200,
             "{\"queue\":\"qq\",\"known\":false,");
    check_op(&x, "GET", "/v1/queues/qq/explain", NULL, STORE_STATS, NULL, -EIO, 200,
             "{\"queue\":\"qq\",\"known\":true,"); // nobody can tell
    api_ask(&x, "GET", "/v1/queues/no%20good/explain", NULL, 400, "bad_queue");
    api_stop(&x);
}

/* ---- actions ---- */

static void test_actions(void) {
    static const struct {
        const char *method, *path;
        enum jobs_action action;
        int act_status;
        enum job_state state;
        int status;
        const char *part;
    } rows[] = {
        {"POST", "/cancel", JOBS_CANCEL, 0, JOB_CANCELLED, 200,
         "{\"id\":\"" API_ID "\",\"state\":\"cancelled\"}"},
        {"POST", "/retry", JOBS_RETRY, 0, JOB_QUEUED, 200, "\"state\":\"queued\""},
        {"POST", "/promote", JOBS_PROMOTE, 0, JOB_QUEUED, 200, "\"state\":\"queued\""},
        {"DELETE", "?why=old", JOBS_REMOVE, 0, JOB_DEAD, 200, "\"removed\":true"},
        {"POST", "/cancel", JOBS_CANCEL, -ENOENT, 0, 404, "job_not_found"},
        {"POST", "/promote", JOBS_PROMOTE, -EINVAL, JOB_DEAD, 409,
         "cannot promote a job that is dead"},
        {"POST", "/retry", JOBS_RETRY, -EBUSY, JOB_RUNNING, 409, "the job is running"},
        {"DELETE", "", JOBS_REMOVE, -EBUSY, JOB_QUEUED, 409, "the job is not finished"},
        {"POST", "/cancel", JOBS_CANCEL, -EROFS, 0, 503, "store_read_only"},
    };
    struct api_fixture x;
    api_start(&x, plain);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "/v1/jobs/" API_ID "%s", rows[i].path);
        bool post = rows[i].method[0] == 'P';
        int fd = api_send(&x, rows[i].method, path, post ? "{\"why\":\"old\"}" : NULL);
        EXPECT_EQ_UINT(1, x.act_count);
        EXPECT_EQ_INT(rows[i].action, x.acts[0]->action);
        EXPECT_EQ_STR(rows[i].path[0] == '\0' ? NULL : "old", x.acts[0]->why);
        EXPECT_CONTAINS("uid:", x.acts[0]->actor);
        api_acted(&x, 0, rows[i].act_status, rows[i].state);
        x.act_count = 0;
        api_expect(&x, fd, rows[i].status, rows[i].part);
    }
    int fd = api_send(&x, "POST", "/v1/jobs/" API_ID "/cancel", NULL); // no body is fine
    x.acts[0]->pending = true;
    api_acted(&x, 0, 0, JOB_RUNNING);
    x.act_count = 0;
    api_expect(&x, fd, 200, "\"state\":\"running\",\"pending\":true");
    api_ask(&x, "POST", "/v1/jobs/" API_ID "/cancel", "{\"wyh\":\"x\"}", 400,
            "did you mean \\\"why\\\"?");
    api_ask(&x, "POST", "/v1/jobs/" API_ID "/cancel", "{\"why\":1}", 400, "must be a string");
    api_ask(&x, "POST", "/v1/jobs/" API_ID "/cancel", "[]", 400, "bad_body");
    api_ask(&x, "POST", "/v1/jobs/x/cancel", NULL, 404, "job_not_found");
    api_stop(&x);
}

static void test_bulk(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(&x, "POST", "/v1/jobs/cancel",
                      "{\"ids\":[\"" API_ID "\",\"" API_ID "\"],\"why\":\"w\"}");
    EXPECT_EQ_UINT(2, x.act_count);
    api_acted(&x, 1, -ENOENT, 0);
    api_acted(&x, 0, 0, JOB_CANCELLED);
    x.act_count = 0;
    api_expect(&x, fd, 200,
               "{\"items\":[{\"id\":\"" API_ID "\",\"state\":\"cancelled\"},{\"id\":\"" API_ID
               "\",\"error\":{\"code\":\"job_not_found\"");
    api_ask(&x, "POST", "/v1/jobs/retry", "{}", 400, "name the jobs");
    api_ask(&x, "POST", "/v1/jobs/retry", "{\"ids\":[]}", 400, "name the jobs");
    api_ask(&x, "POST", "/v1/jobs/retry", "{\"ids\":[\"x\"]}", 400, "bad_id");
    api_ask(&x, "POST", "/v1/jobs/retry", "{\"ids\":\"x\"}", 400, "must be an array");
    api_ask(&x, "POST", "/v1/jobs/retry", "{\"ids\":[\"" API_ID "\"],\"ids\":[\"" API_ID "\"]}",
            400, "repeated_field");
    for (int over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, "{\"ids\":[\"" API_ID "\"");
        for (int i = 1; i < 1000 + over; i++) {
            buf_str(&b, ",\"" API_ID "\"");
        }
        buf_str(&b, "]}");
        fd = api_send(&x, "POST", "/v1/jobs/promote", b.data);
        EXPECT_EQ_UINT(over ? 0 : 1000, x.act_count);
        for (size_t i = 0; i < x.act_count; i++) {
            x.acts[i]->status = 0;
            x.acts[i]->done(x.acts[i], x.acts[i]->arg);
        }
        x.act_count = 0;
        api_expect(&x, fd, over ? 400 : 200, over ? "too_many_ids" : "items");
        buf_free(&b);
    }
    api_stop(&x);
}

/* The question whether a given job is dead, with its answer filled in. */
static struct store_op *dead_get(struct api_fixture *x, enum job_state state) {
    struct store_get *get = api_take(x, STORE_GET);
    get->job.state = state;
    return &get->op;
}

/* Reasons go to the audit log, once for every job: each way in holds them to the same length. */
static void test_why_limit(void) {
    struct api_fixture x;
    api_start(&x, plain);
    for (int over = 0; over <= 1; over++) {
        char why[INPUT_WHY_MAX + 2], path[INPUT_WHY_MAX + 64], body[INPUT_WHY_MAX + 128];
        memset(why, 'w', sizeof why);
        why[INPUT_WHY_MAX + over] = '\0';
        (void)snprintf(path, sizeof path, "/v1/jobs/" API_ID "?why=%s", why);
        (void)snprintf(body, sizeof body, "{\"ids\":[\"" API_ID "\"],\"why\":\"%s\"}", why);
        static const char *const bulk[] = {"/v1/jobs/cancel", "/v1/dlq/remove", NULL};
        for (size_t i = 0; i < ARRAY_LEN(bulk); i++) {
            int fd = bulk[i] == NULL ? api_send(&x, "DELETE", path, NULL)
                                     : api_send(&x, "POST", bulk[i], body);
            if (!over && bulk[i] != NULL && strstr(bulk[i], "dlq") != NULL) {
                api_done(&x, dead_get(&x, JOB_DEAD), 0);
            }
            EXPECT_EQ_UINT(over ? 0 : 1, x.act_count);
            if (x.act_count > 0) {
                EXPECT_EQ_STR(why, x.acts[0]->why);
                api_acted(&x, 0, 0, JOB_DEAD);
            }
            x.act_count = 0;
            api_expect(&x, fd, over ? 400 : 200, over ? "at most 500 bytes" : "{");
        }
    }
    api_stop(&x);
}

/* ---- dead letters ---- */

static struct store_job dead_jobs[200];

static void answer_page(struct api_fixture *x, size_t count, const char *next) {
    struct store_list *list = api_take(x, STORE_LIST);
    EXPECT_EQ_INT(JOB_DEAD, list->filter.state);
    for (size_t i = 0; i < count; i++) {
        dead_jobs[i].spec.id = the_id();
    }
    list->jobs = dead_jobs;
    list->count = count;
    list->next_cursor = next;
    api_done(x, &list->op, 0);
}

static void answer_acts(struct api_fixture *x, size_t want, int status) {
    EXPECT_EQ_UINT(want, x->act_count);
    size_t n = x->act_count;
    struct jobs_act *acts[API_ACTS_MAX];
    memcpy(acts, x->acts, n * sizeof acts[0]);
    x->act_count = 0; // the last answer may start the next page
    for (size_t i = 0; i < n; i++) {
        acts[i]->status = status;
        acts[i]->done(acts[i], acts[i]->arg);
    }
    fixture_settle(&x->f);
}

static void test_dlq_walk(void) {
    struct api_fixture x;
    api_start(&x, plain);
    int fd = api_send(&x, "POST", "/v1/dlq/retry",
                      "{\"filter\":{\"type\":\"a\",\"class\":\"auth\"},\"why\":\"w\"}");
    answer_page(&x, 200, "next");
    EXPECT_EQ_INT(JOBS_RETRY, x.acts[0]->action);
    answer_acts(&x, 200, 0);
    EXPECT_EQ_STR("next", CONTAINER_OF(x.ops[0], struct store_list, op)->cursor);
    EXPECT_EQ_INT(JH_E_AUTH, CONTAINER_OF(x.ops[0], struct store_list, op)->filter.error_cls);
    answer_page(&x, 0, "more"); // a short page with a cursor is not the end
    answer_page(&x, 3, NULL);
    answer_acts(&x, 3, -EBUSY);
    api_expect(&x, fd, 200,
               "{\"matched\":203,\"done\":200,\"failed\":3,\"errors\":[{\"id\":\"" API_ID
               "\",\"error\":");
    // counting only
    fd = api_send(&x, "POST", "/v1/dlq/remove", "{\"all\":true,\"dry_run\":true}");
    answer_page(&x, 200, "next");
    answer_page(&x, 1, NULL);
    EXPECT_EQ_UINT(0, x.act_count);
    api_expect(&x, fd, 200,
               "{\"matched\":201,\"done\":0,\"failed\":0,\"dry_run\":true,\"errors\":[]}");
    // by ids
    fd = api_send(&x, "POST", "/v1/dlq/remove", "{\"ids\":[\"" API_ID "\"]}");
    api_done(&x, dead_get(&x, JOB_DEAD), 0);
    EXPECT_EQ_INT(JOBS_REMOVE, x.acts[0]->action);
    answer_acts(&x, 1, 0);
    api_expect(&x, fd, 200, "\"matched\":1,\"done\":1");
    // only dead letters
    fd = api_send(&x, "POST", "/v1/dlq/remove", "{\"ids\":[\"" API_ID "\"]}");
    api_done(&x, dead_get(&x, JOB_SUCCEEDED), 0);
    EXPECT_EQ_UINT(0, x.act_count);
    api_expect(&x, fd, 200,
               "\"done\":0,\"failed\":1,\"errors\":[{\"id\":\"" API_ID
               "\",\"error\":{\"code\":\"wrong_state\",\"message\":\"it is no dead letter: the job "
               "is succeeded\"");
    fd = api_send(&x, "POST", "/v1/dlq/retry", "{\"ids\":[\"" API_ID "\"]}");
    api_done(&x, dead_get(&x, JOB_DEAD), -ENOENT);
    api_expect(&x, fd, 200, "job_not_found");
    api_ask(&x, "POST", "/v1/dlq/remove", "{\"ids\":[\"" API_ID "\"],\"dry_run\":true}", 200,
            "\"matched\":1,\"done\":0");
    // a store that fails in the middle
    fd = api_send(&x, "POST", "/v1/dlq/retry", "{\"all\":true}");
    api_done(&x, api_take(&x, STORE_LIST), -EIO);
    api_expect(&x, fd, 503, "store_unavailable");
    api_stop(&x);
}

static void test_dlq_refusals(void) {
    static const struct {
        const char *body, *part;
    } rows[] = {
        {"{}", "which_jobs"},
        {"{\"ids\":[]}", "which_jobs"},
        {"{\"all\":false}", "which_jobs"},
        {"{\"all\":true,\"filter\":{\"queue\":\"q\"}}", "which_jobs"},
        {"{\"filter\":{}}", "say \\\"all\\\": true"},
        {"{\"filter\":{\"class\":\"evil\"}}", "class is one of"},
        {"{\"filter\":{\"clas\":\"auth\"}}", "\"field\":\"filter.clas\""},
        {"{\"filter\":{\"queue\":\"\"}}", "is empty"},
        {"{\"filter\":{\"q\":\"\"}}", "is empty"},
        {"{\"filter\":{\"type\":\"a\",\"class\":\"\"}}", "is empty"},
        {"{\"filter\":{\"type\":\"a\",\"type\":\"b\"}}", "\"field\":\"filter.type\""},
        {"{\"all\":true,\"all\":true}", "repeated_field"},
        {"{\"filter\":[]}", "must be an object"},
        {"{\"all\":1}", "must be true or false"},
        {"{\"everything\":true}", "unknown_field"},
    };
    struct api_fixture x;
    api_start(&x, plain);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        api_ask(&x, "POST", "/v1/dlq/remove", rows[i].body, 400, rows[i].part);
    }
    api_stop(&x);
}

/* ---- queues, plugins, administration ---- */

static void test_queues(void) {
    struct api_fixture x;
    api_start(&x, plain);
    static const char *const parts[] = {
        "{\"name\":\"q\",\"paused\":true,\"paused_by\":\"uid:0\",\"paused_why\":\"because\","
        "\"paused_at\":\"1970-01-01T00:00:02.000Z\",\"waiting\":{\"high\":1,\"normal\":2,\"low\":3}"
        ",\"states\":{\"scheduled\":0,"
        "\"queued\":6,",
        "\"oldest_ready_at\":\"1970-01-01T00:00:01.000Z\"",
        "{\"name\":\"named\",\"paused\":false", // has no jobs, but the configuration knows it
        "\"concurrency\":3",
        "\"store\":{\"bytes\":{\"jobs\":5,\"results\":0,\"kv\":0,\"blobs\":0}",
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        check_op(&x, "GET", "/v1/queues", NULL, STORE_STATS, fill_stats, 0, 200, parts[i]);
    }
    int fd = api_send(&x, "POST", "/v1/queues/q/pause", "{\"why\":\"upstream is down\"}");
    struct store_queue_set *set = api_take(&x, STORE_QUEUE_SET);
    EXPECT_TRUE(set->paused);
    EXPECT_EQ_STR("q", set->queue);
    EXPECT_EQ_STR("upstream is down", set->why);
    EXPECT_CONTAINS("uid:", set->by);
    api_done(&x, &set->op, 0);
    api_expect(&x, fd, 200, "{\"name\":\"q\",\"paused\":true}");
    check_op(&x, "POST", "/v1/queues/q/resume", NULL, STORE_QUEUE_SET, NULL, 0, 200,
             "\"paused\":false");
    check_op(&x, "POST", "/v1/queues/q/resume", NULL, STORE_QUEUE_SET, NULL, -EROFS, 503,
             "store_read_only");
    api_ask(&x, "POST", "/v1/queues/q/pause", "{}", 400, "say why");
    api_ask(&x, "POST", "/v1/queues/q/pause", "{\"why\":\"  \"}", 400, "say why");
    api_ask(&x, "POST", "/v1/queues/no%2Fgood/pause", "{\"why\":\"x\"}", 400, "bad_queue");
    for (int over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, "{\"why\":\"");
        for (int i = 0; i < 500 + over; i++) {
            buf_char(&b, 'w');
        }
        buf_str(&b, "\"}");
        if (over) {
            api_ask(&x, "POST", "/v1/queues/q/pause", b.data, 400, "at most 500 bytes");
        } else {
            check_op(&x, "POST", "/v1/queues/q/pause", b.data, STORE_QUEUE_SET, NULL, 0, 200,
                     "true");
        }
        buf_free(&b);
    }
    api_stop(&x);
}

static void test_plugins(void) {
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp}\nplugins: {lazy: {enabled: false}}\n");
    static const char *const parts[] = {
        "{\"items\":[{\"name\":\"p\",\"state\":\"ready\",\"build\":\"1.2+abc\"",
        "\"workers\":[{\"pid\":77,\"state\":\"ready\"",
        "\"version\":\"1.2\",\"abi\":\"1.0\",\"options\":[{\"name\":\"token\",\"type\":\"string\","
        "\"required\":false,\"secret\":true}]",
        "\"handlers\":[{\"name\":\"p.run\",\"summary\":\"runs\",\"concurrent\":false,\"state_"
        "version\":2,\"payload\":"
        "[{\"name\":\"n\",\"type\":\"int\",\"required\":true,\"help\":\"how "
        "many\"}],\"files\":[{\"name\":\"photo\",\"help\":\"a picture\"}]}]",
        "{\"name\":\"lazy\",\"state\":\"off\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        api_ask(&x, "GET", "/v1/plugins", NULL, 200, parts[i]);
    }
    api_ask(&x, "GET", "/v1/plugins/p", NULL, 200, "{\"name\":\"p\"");
    api_ask(&x, "GET", "/v1/plugins/lazy", NULL, 200, "\"state\":\"off\"");
    api_ask(&x, "GET", "/v1/plugins/none", NULL, 404, "plugin_not_found");
    api_stop(&x);
}

static void fill_hosts(void *op) {
    static struct store_host hosts[] = {
        {.name = "h", .version = "1", .pid = 5, .started_ms = 1000}};
    struct store_host_list *l = CONTAINER_OF(op, struct store_host_list, op);
    l->hosts = hosts;
    l->count = 1;
}

static void fill_audit(void *op) {
    static struct store_audit entries[] = {{1000, "uid:0", "queue.pause", "q", NULL}};
    struct store_audit_list *l = CONTAINER_OF(op, struct store_audit_list, op);
    EXPECT_EQ_UINT(7, l->limit);
    EXPECT_EQ_STR("c", l->cursor);
    l->entries = entries;
    l->count = 1;
    l->next_cursor = "d";
}

static void fill_fsck(void *op) {
    static struct store_fsck_finding findings[] = {
        {.code = "orphan_blob", .detail = "x", .repaired = true}};
    struct store_fsck *f = CONTAINER_OF(op, struct store_fsck, op);
    EXPECT_TRUE(f->repair);
    f->findings = findings;
    f->count = 1;
    f->total_findings = 1;
    f->jobs_checked = 9;
}

static void fill_dedup(void *op) {
    static struct store_dedup_entry entries[] = {{.queue = "q", .key = "k"}};
    struct store_dedup_list *l = CONTAINER_OF(op, struct store_dedup_list, op);
    EXPECT_EQ_STR("q", l->queue);
    entries[0].id = the_id();
    l->entries = entries;
    l->count = 1;
}

static void test_administration(void) {
    struct api_fixture x;
    api_start(&x, plain);
    check_op(
        &x, "GET", "/v1/hosts", NULL, STORE_HOST_LIST, fill_hosts, 0, 200,
        "{\"name\":\"h\",\"version\":\"1\",\"boot\":\"0000000000000000\",\"pid\":5,\"started_at\"");
    check_op(
        &x, "GET", "/v1/audit?limit=7&cursor=c", NULL, STORE_AUDIT_LIST, fill_audit, 0, 200,
        "\"actor\":\"uid:0\",\"action\":\"queue.pause\",\"target\":\"q\"}],\"next_cursor\":\"d\"}");
    check_op(&x, "POST", "/v1/fsck", "{\"repair\":true}", STORE_FSCK, fill_fsck, 0, 200,
             "{\"jobs_checked\":9,\"blobs_checked\":0,\"total\":1,\"repair\":true,\"findings\":[{"
             "\"code\":\"orphan_blob\","
             "\"detail\":\"x\",\"repaired\":true}]}");
    check_op(&x, "POST", "/v1/fsck", NULL, STORE_FSCK, NULL, -ETIMEDOUT, 503, "store_timeout");
    check_op(&x, "GET", "/v1/dedup?queue=q", NULL, STORE_DEDUP_LIST, fill_dedup, 0, 200,
             "{\"items\":[{\"queue\":\"q\",\"key\":\"k\",\"job\":\"" API_ID "\"}]}");
    api_ask(&x, "GET", "/v1/config", NULL, 200, "state_dir");
    api_stop(&x);
}

static void test_dedup_release(void) {
    struct api_fixture x;
    api_start(&x, plain);
    for (int post = 0; post <= 1; post++) {
        int fd =
            post ? api_send(&x, "POST", "/v1/dedup/release", "{\"queue\":\"q\",\"key\":\"a/b c\"}")
                 : api_send(&x, "DELETE", "/v1/dedup?queue=q&key=a%2Fb+c", NULL);
        struct store_dedup_release *r = api_take(&x, STORE_DEDUP_RELEASE);
        EXPECT_EQ_STR("q", r->queue);
        EXPECT_EQ_STR("a/b c", r->key);
        api_done(&x, &r->op, 0);
        struct store_audit_add *audit = api_take(&x, STORE_AUDIT_ADD);
        EXPECT_EQ_STR("dedup.release", audit->entry.action);
        EXPECT_EQ_STR("a/b c", audit->entry.detail);
        api_done(&x, &audit->op, 0);
        api_expect(&x, fd, 200, "{\"released\":true}");
    }
    check_op(&x, "DELETE", "/v1/dedup?queue=q&key=k", NULL, STORE_DEDUP_RELEASE, NULL, -ENOENT, 404,
             "key_not_found");
    api_ask(&x, "DELETE", "/v1/dedup?queue=q", NULL, 400, "\"field\":\"key\"");
    api_ask(&x, "POST", "/v1/dedup/release", "{}", 400, "\"field\":\"queue\"");
    api_stop(&x);
}

static void fill_blob(void *op) {
    struct store_blob_put *put = CONTAINER_OF(op, struct store_blob_put, op);
    struct stat st = {0};
    EXPECT_TRUE(put->fd >= 0 && fstat(put->fd, &st) == 0);
    put->ref.size = (uint64_t)st.st_size;
    put->ref.sha256[31] = 0xfe;
}

static void test_blobs(void) {
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp}\nstore: {blobs: {max_in_store: 256KiB}}\n");
    for (size_t over = 0; over <= 1; over++) {
        char head[128];
        static char content[256 * 1024];
        int fd = client_unix(&x.f);
        (void)snprintf(head, sizeof head,
                       "POST /v1/blobs HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                       sizeof content + over);
        client_say(&x.f, fd, head);
        if (over) {
            api_expect(&x, fd, 413, "large_body");
            continue;
        }
        client_send(&x.f, fd, content, sizeof content);
        struct store_op *op = api_take(&x, STORE_BLOB_PUT);
        fill_blob(op);
        api_done(&x, op, 0);
        api_expect(&x, fd, 200, "0000fe\",\"size\":262144}");
    }
    check_op(&x, "POST", "/v1/blobs", "x", STORE_BLOB_PUT, NULL, -EDQUOT, 429, "budget_full");
    check_op(&x, "POST", "/v1/blobs", "x", STORE_BLOB_PUT, NULL, -EFBIG, 413, "large_body");
    api_stop(&x);
}

/* The budget's room at N and N + 1: by the head when that says so, else as it comes in. */
static void test_blob_room(void) {
    static const char *const bodies[] = {
        "Content-Length: 4\r\n\r\n1234",
        "Transfer-Encoding: chunked\r\n\r\n2\r\n12\r\n2\r\n34\r\n0\r\n\r\n",
        "Content-Length: 4\r\n\r\n"};
    struct api_fixture x;
    api_start(&x, "host: {state_dir: /tmp}\n");
    for (size_t i = 0; i < 5; i++) {
        bool fits = i < 2;
        char text[256];
        int fd = client_unix(&x.f);
        x.blob_room = fits ? 4 : 3;
        (void)snprintf(text, sizeof text, "POST /v1/blobs HTTP/1.1\r\nHost: a\r\n%s",
                       bodies[fits ? i : i - 2]);
        client_say(&x.f, fd, text);
        if (fits) {
            struct store_op *op = api_take(&x, STORE_BLOB_PUT);
            fill_blob(op);
            api_done(&x, op, 0);
        }
        api_expect(&x, fd, fits ? 200 : 429, fits ? "\"size\":4" : "budget_full");
        EXPECT_EQ_UINT(0, x.op_count);
    }
    api_stop(&x);
}

static const struct expect_test tests[] = {
    {"the room for blobs", test_blob_room},
    {"a job", test_job},
    {"a job that runs, that is parked, whose payload is no JSON", test_job_live},
    {"output files", test_output},
    {"results", test_result},
    {"explain", test_explain},
    {"actions", test_actions},
    {"actions on many", test_bulk},
    {"the length of reasons", test_why_limit},
    {"walking the dead letters", test_dlq_walk},
    {"which dead letters", test_dlq_refusals},
    {"queues", test_queues},
    {"plugins", test_plugins},
    {"hosts, audit, fsck, keys, configuration", test_administration},
    {"releasing a key", test_dedup_release},
    {"blobs", test_blobs},
};

SUITE_MAIN("api jobs", tests)
