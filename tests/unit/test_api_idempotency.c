// Idempotency-Key: the key of the one job that a request submits, in every form of submission.
#include "api_fixture.h"

static const char config[] =
    "host: {state_dir: /tmp}\n"
    "routes:\n"
    "- {match: POST /start-analysis, action: submit, job: a.b, view: amazon}\n"
    "- {match: POST /crawl, action: submit, job: a.b}\n";

#define JSON "Content-Type: application/json\r\n"
#define FORM "Content-Type: multipart/form-data; boundary=b\r\n"
#define KEY  "Idempotency-Key: "

static int post(struct api_fixture *x, const char *path, const char *headers, const char *body) {
    struct buf text = {0};
    int fd = client_unix(&x->f);
    buf_printf(&text, "POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n%s", path,
               headers, strlen(body), body);
    client_send(&x->f, fd, text.data, text.len);
    buf_free(&text);
    fixture_settle(&x->f);
    return fd;
}

/* The job that has been posted. */
static const struct job_spec *posted(struct api_fixture *x, struct store_op **ret_op) {
    *ret_op = api_take(x, STORE_SUBMIT);
    return CONTAINER_OF(*ret_op, struct store_submit, op)->items[0].spec;
}

static void expect_key(struct api_fixture *x, int fd, const char *key, int64_t ttl_ms, int status) {
    struct store_op *op;
    const struct job_spec *spec = posted(x, &op);
    EXPECT_EQ_STR(key, spec->dedup_key);
    EXPECT_EQ_INT(ttl_ms, spec->dedup_ttl_ms);
    api_done(x, op, 0);
    api_expect(x, fd, status, NULL);
}

static void test_keys(void) {
    enum { DAY_MS = 86400000 };
    struct api_fixture x;
    api_start(&x, config);
    int fd = post(&x, "/v1/jobs", JSON KEY "4f9d-1\r\n", "{\"type\":\"a.b\"}");
    expect_key(&x, fd, "4f9d-1", DAY_MS, 202);
    fd = post(&x, "/v1/jobs", JSON KEY "\"quoted, as the draft has it\"\r\n", "{\"type\":\"a.b\"}");
    expect_key(&x, fd, "quoted, as the draft has it", DAY_MS, 202);
    fd = post(&x, "/crawl", JSON KEY "k\r\n", "{}");
    expect_key(&x, fd, "k", DAY_MS, 202);
    fd = post(&x, "/v1/jobs", FORM KEY "k\r\n",
              "--b\r\nContent-Disposition: form-data; name=job\r\n\r\n{\"type\":\"a.b\"}\r\n--b--");
    expect_key(&x, fd, "k", DAY_MS, 202);
    api_stop(&x);
}

/* Through a view, where a repeated request is told the job of the first one. */
static void test_view(void) {
    static const char body[] = "--b\r\nContent-Disposition: form-data; name=orders; "
                               "filename=o.txt\r\n\r\nx\r\n--b--";
    struct api_fixture x;
    api_start(&x, config);
    int fd = post(&x, "/start-analysis", FORM KEY "k\r\n", body);
    api_done(&x, api_take(&x, STORE_BLOB_PUT), 0);
    struct store_op *op;
    EXPECT_EQ_STR("k", posted(&x, &op)->dedup_key);
    struct store_submit_item *item = CONTAINER_OF(op, struct store_submit, op)->items;
    item->verdict = SUBMIT_DUPLICATE;
    EXPECT_EQ_INT(0, id_parse(API_ID, &item->winner));
    api_done(&x, op, 0);
    api_expect(&x, fd, 200, "{\"job_id\":\"" API_ID "\"");
    fd = post(&x, "/start-analysis", FORM KEY "\"\r\n", body);
    api_expect(&x, fd, 422, "{\"detail\":\"Idempotency-Key is");
    api_stop(&x);
}

static void test_refused(void) {
    static const struct {
        const char *headers, *body, *says;
    } rows[] = {
        {KEY "a\r\n" KEY "a\r\n", "{\"type\":\"a.b\"}", "\"code\":\"bad_idempotency_key\""},
        {KEY "\r\n", "{\"type\":\"a.b\"}", "\"field\":\"Idempotency-Key\""},
        {KEY "\"\"\r\n", "{\"type\":\"a.b\"}", "bad_idempotency_key"},
        {KEY "\"a\r\n", "{\"type\":\"a.b\"}", "bad_idempotency_key"},
        {KEY "a\"\r\n", "{\"type\":\"a.b\"}", "bad_idempotency_key"},
        {KEY "\"a\\\"b\"\r\n", "{\"type\":\"a.b\"}", "bad_idempotency_key"},
        {KEY "a\tb\r\n", "{\"type\":\"a.b\"}", "bad_idempotency_key"},
        {KEY "\xc3\xa4\r\n", "{\"type\":\"a.b\"}", "bad_idempotency_key"},
        {KEY "a\r\n", "[{\"type\":\"a.b\"}]", "give each its key"},
        {KEY "a\r\n", "[]", "give each its key"},
        {KEY "a\r\n", "{\"type\":\"a.b\",\"key\":\"a\"}", "the job has a key already"},
    };
    struct api_fixture x;
    api_start(&x, config);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char headers[256];
        (void)snprintf(headers, sizeof headers, JSON "%s", rows[i].headers);
        api_expect(&x, post(&x, "/v1/jobs", headers, rows[i].body), 400, rows[i].says);
        EXPECT_EQ_UINT(0, x.op_count);
    }
    // nobody else minds it
    int fd = post(&x, "/v1/jobs/cancel", JSON KEY "\"\r\n", "{}");
    api_expect(&x, fd, 400, "which_jobs");
    api_stop(&x);
}

static void test_limit(void) {
    struct api_fixture x;
    api_start(&x, config);
    for (int over = 0; over <= 1; over++) {
        char headers[1024];
        (void)snprintf(headers, sizeof headers, JSON KEY "%0*d\r\n", JOB_KEY_MAX + over, 0);
        int fd = post(&x, "/v1/jobs", headers, "{\"type\":\"a.b\"}");
        if (!over) {
            api_done(&x, api_take(&x, STORE_SUBMIT), 0);
        }
        api_expect(&x, fd, over ? 400 : 202, over ? "at most 512 bytes" : NULL);
    }
    api_stop(&x);
}

static const struct expect_test tests[] = {
    {"keys", test_keys},
    {"through a view", test_view},
    {"what is refused", test_refused},
    {"the longest", test_limit},
};

SUITE_MAIN("api idempotency", tests)
