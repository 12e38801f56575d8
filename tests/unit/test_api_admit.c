// What is decided before a body is read: one answer each, whatever the client expects, and then the next request or the end.
#include "api_fixture.h"

static const char open_to_all[] = "host: {state_dir: /tmp}\ncors: [https://app.example]\n";
static const char with_tokens[] =
    "host: {state_dir: /tmp, auth: tokens, admin_token: 0123456789abcdef}\n";

#define LOCAL     "Host: localhost\r\n"
#define RIGHT     LOCAL "Authorization: Bearer 0123456789abcdef\r\n"
#define JSON      "Content-Type: application/json\r\n"
#define PREFLIGHT "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n"
#define CONTINUE  "Expect: 100-continue\r\n"

enum state { RUNS, DRAINS, READ_ONLY };

static const struct refusal {
    const char *config;
    enum state state;
    int status;
    const char *line, *headers;
} refusals[] = {
    {with_tokens, RUNS, 401, "GET /v1/jobs", LOCAL},
    {with_tokens, RUNS, 401, "POST /v1/jobs", LOCAL JSON},
    {with_tokens, RUNS, 401, "GET /nothing", LOCAL},
    {with_tokens, RUNS, 404, "GET /nothing", RIGHT},
    {open_to_all, RUNS, 403, "GET /v1/jobs", LOCAL "Origin: http://evil.example\r\n"},
    {open_to_all, RUNS, 403, "POST /v1/blobs", LOCAL "Sec-Fetch-Site: cross-site\r\n"},
    {open_to_all, RUNS, 421, "GET /v1/jobs", "Host: evil.example\r\n"},
    {open_to_all, RUNS, 404, "GET /nothing", LOCAL},
    {open_to_all, RUNS, 405, "PUT /v1/jobs", LOCAL},
    {open_to_all, RUNS, 400, "GET /v1/jobs?wrong=1", LOCAL},
    {open_to_all, RUNS, 415, "POST /v1/jobs", LOCAL "Content-Type: text/plain\r\n"},
    {open_to_all, RUNS, 415, "POST /v1/jobs", LOCAL JSON "Content-Encoding: gzip\r\n"},
    {open_to_all, RUNS, 415, "POST /v1/jobs/cancel",
     LOCAL JSON "Content-Encoding: identity, br\r\n"},
    {open_to_all, RUNS, 415, "POST /v1/blobs", LOCAL "Content-Encoding: zstd\r\n"},
    {open_to_all, RUNS, 400, "POST /v1/jobs?x=1", LOCAL JSON "Content-Encoding: Identity\r\n"},
    {open_to_all, RUNS, 400, "POST /v1/jobs", LOCAL "Content-Type: multipart/form-data\r\n"},
    {open_to_all, READ_ONLY, 503, "POST /v1/jobs", LOCAL JSON},
    {open_to_all, DRAINS, 503, "POST /v1/blobs", LOCAL},
    // answered as early, though refused they are not
    {open_to_all, RUNS, 204, "OPTIONS *", LOCAL},
    {open_to_all, RUNS, 204, "OPTIONS /v1/jobs", LOCAL PREFLIGHT},
};

static const struct framing {
    const char *headers, *body;
} framings[] = {
    {"", ""},
    {"Content-Length: 0\r\n", ""},
    {"Content-Length: 5\r\n", "12345"},
    {"Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n0\r\n\r\n"},
};

/* All that comes now; *ret_closed: and nothing more will. */
static struct buf hear(struct fixture *f, int fd, bool *ret_closed) {
    struct buf in = {0};
    int r = 1;
    for (int quiet = 0; quiet < 8 && r != 0; quiet = r == 1 ? 0 : quiet + 1) {
        fixture_settle(f);
        r = client_poll(fd, &in);
    }
    *ret_closed = r == 0;
    buf_char(&in, '\0');
    return in;
}

static void expect_status(const char *line, int status, const struct buf *heard) {
    char want[32];
    (void)snprintf(want, sizeof want, "HTTP/1.1 %d ", status);
    bool once = strncmp(heard->data, want, strlen(want)) == 0 &&
                strstr(heard->data + 1, "HTTP/1.1 ") == NULL;
    if (!once) {
        (void)fprintf(stderr, "%s: one answer %d, not\n%s\n", line, status, heard->data);
    }
    EXPECT_TRUE(once);
}

static void check(struct api_fixture *x, const struct refusal *r, const struct framing *framing,
                  bool expects) {
    static const char marker[] = "GET /marker HTTP/1.1\r\n" RIGHT "\r\n";
    bool ends = framing->body[0] != '\0', closed = false;
    struct buf head = {0};
    int fd = client_tcp(&x->f);
    buf_printf(&head, "%s HTTP/1.1\r\n%s%s%s\r\n", r->line, r->headers, expects ? CONTINUE : "",
               framing->headers);
    client_say(&x->f, fd, head.data);
    struct buf heard = hear(&x->f, fd, &closed);
    expect_status(head.data, r->status, &heard);
    EXPECT_TRUE(closed == ends);
    EXPECT_TRUE(ends == (strstr(heard.data, "Connection: close\r\n") != NULL));
    // who waits for no answer sends its body all the same; half of a head calls for nothing either
    client_say(&x->f, fd, framing->body);
    client_send(&x->f, fd, marker, 10);
    buf_free(&heard);
    heard = hear(&x->f, fd, &closed);
    EXPECT_EQ_STR("", heard.data);
    client_say(&x->f, fd, marker + 10);
    buf_free(&heard);
    heard = hear(&x->f, fd, &closed);
    if (ends) {
        EXPECT_EQ_STR("", heard.data);
    } else {
        expect_status(marker, 404, &heard);
    }
    buf_free(&heard);
    buf_free(&head);
    close(fd);
    fixture_settle(&x->f);
}

static void start(struct api_fixture *x, const struct refusal *r) {
    api_start(x, r->config);
    x->host.store_fault = r->state == READ_ONLY ? "the disk is full" : NULL;
    x->host.phase = r->state == DRAINS ? HOST_DRAINING : HOST_RUNNING;
}

static void test_one_answer(void) {
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct api_fixture x;
        start(&x, &refusals[i]);
        for (size_t k = 0; k < 2 * ARRAY_LEN(framings); k++) {
            check(&x, &refusals[i], &framings[k / 2], k % 2 == 1);
        }
        api_stop(&x);
    }
}

/* The limit is the parser's to refuse, once it is known. */
static void test_too_large(void) {
    static const struct framing large = {"Content-Length: 99999999\r\n", "12345"};
    static const struct refusal r = {open_to_all, RUNS, 413, "POST /v1/jobs", LOCAL JSON};
    struct api_fixture x;
    start(&x, &r);
    check(&x, &r, &large, false);
    check(&x, &r, &large, true);
    api_stop(&x);
}

/* ---- how much of a body ---- */

/* Announces a body and begins to send it. */
static int begin_body(struct api_fixture *x, const char *path, const char *type, uint64_t length,
                      size_t sent) {
    static const char blanks[16 << 20];
    char head[256];
    int fd = client_tcp(&x->f);
    (void)snprintf(head, sizeof head,
                   "POST %s HTTP/1.1\r\n" LOCAL CONTINUE "Content-Type: %s\r\n"
                   "Content-Length: %llu\r\n\r\n",
                   path, type, (unsigned long long)length);
    client_say(&x->f, fd, head);
    client_send(&x->f, fd, blanks, sent);
    fixture_settle(&x->f);
    return fd;
}

static void expect_heard(struct api_fixture *x, int fd, const char *part) {
    bool closed;
    struct buf heard = hear(&x->f, fd, &closed);
    EXPECT_CONTAINS(part, heard.data);
    buf_free(&heard);
    close(fd);
    fixture_settle(&x->f);
}

#define FORM "multipart/form-data; boundary=b"

/* JSON is held in memory: a route's max_body, which may be for files, does not let in more. */
static void test_limits_of_routes(void) {
    static const char config[] =
        "host: {state_dir: /tmp}\n"
        "routes:\n"
        "- {match: POST /large, action: submit, job: a.b, max_body: 1GiB}\n"
        "- {match: POST /small, action: submit, job: a.b, max_body: 1KiB}\n"
        "- {match: POST /viewed, action: submit, job: a.b, view: amazon, max_body: 1GiB}\n";
    static const struct {
        const char *path, *type;
        uint64_t limit;
    } rows[] = {
        {"/v1/jobs", "application/json", 16 << 20},
        {"/large", "application/json", 16 << 20},
        {"/small", "application/json", 1024},
        {"/large", FORM, 1 << 30},
        {"/small", FORM, 1024},
        {"/viewed", FORM, 1 << 30},
    };
    struct api_fixture x;
    api_start(&x, config);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_heard(&x, begin_body(&x, rows[i].path, rows[i].type, rows[i].limit, 0),
                     "HTTP/1.1 100 Continue\r\n");
        expect_heard(&x, begin_body(&x, rows[i].path, rows[i].type, rows[i].limit + 1, 0),
                     "HTTP/1.1 413 ");
    }
    api_stop(&x);
}

/* What the shipped configuration lets all the world hold: four of the largest, and no more. */
static void test_bodies_of_the_shipped_config(void) {
    enum { LARGEST = 16 << 20, AT_ONCE = 4 };
    static const char json[] = "application/json";
    int fds[AT_ONCE];
    struct api_fixture x;
    api_start(&x, "include: " SOURCE_DIR "/config.yaml\n");
    for (int i = 0; i < AT_ONCE; i++) {
        fds[i] = begin_body(&x, "/v1/jobs", json, LARGEST, LARGEST - 1);
    }
    expect_heard(&x, begin_body(&x, "/v1/jobs", json, LARGEST, 0), "too_many_bodies");
    expect_heard(&x, begin_body(&x, "/start-analysis", FORM, 1 << 30, 0), " 100 Continue");
    for (int i = 0; i < AT_ONCE; i++) {
        close(fds[i]);
    }
    fixture_settle(&x.f);
    expect_heard(&x, begin_body(&x, "/v1/jobs", json, LARGEST, 0), " 100 Continue");
    api_stop(&x);
}

static const struct expect_test tests[] = {
    {"a refusal is the one answer", test_one_answer},
    {"so is one of a body that is too large", test_too_large},
    {"JSON and forms on routes", test_limits_of_routes},
    {"bodies held under the shipped configuration", test_bodies_of_the_shipped_config},
};

SUITE_MAIN("api admit", tests)
