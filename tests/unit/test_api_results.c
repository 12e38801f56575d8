// Results and output files: bytes of their own, ranges, and why there are none.
#include "api_answers.h"

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

/* What is not there: the store is asked for the job, to say why. */
struct missing {
    int get_status;
    enum job_state state;
    int status;
    const char *part;
};

static void check_missing(struct api_fixture *x, const char *path, enum store_op_kind kind,
                          const struct missing *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int fd = api_send(x, "GET", path, NULL);
        api_done(x, api_take(x, kind), -ENOENT);
        struct store_op *op = api_take(x, STORE_GET);
        fill_state(op, rows[i].state);
        api_done(x, op, rows[i].get_status);
        api_expect(x, fd, rows[i].status, rows[i].part);
    }
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
    static const struct missing rows[] = {
        {-ENOENT, 0, 404, "job_not_found"},
        {0, JOB_RUNNING, 409, "not_finished"},
        {0, JOB_SUCCEEDED, 404, "the job is succeeded and has no output of that name"},
        {0, JOB_DEAD, 404, "no_output"},
    };
    check_missing(&x, "/v1/jobs/" API_ID "/outputs/x", STORE_OUTPUT_GET, rows, ARRAY_LEN(rows));
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
    static const struct missing rows[] = {
        {-ENOENT, 0, 404, "job_not_found"},
        {0, JOB_RUNNING, 409, "it is running"},
        {0, JOB_SCHEDULED, 409, "not_finished"},
        {0, JOB_SUCCEEDED, 404, "the job is succeeded and has no result"},
        {0, JOB_DEAD, 404, "no_result"},
        {-EROFS, 0, 503, "store_read_only"},
    };
    check_missing(&x, path, STORE_RESULT_GET, rows, ARRAY_LEN(rows));
    check_op(&x, "GET", path, NULL, STORE_RESULT_GET, NULL, -EIO, 503, "store_unavailable");
    api_stop(&x);
}

static const struct expect_test tests[] = {
    {"output files", test_output},
    {"results", test_result},
};

SUITE_MAIN("api results", tests)
