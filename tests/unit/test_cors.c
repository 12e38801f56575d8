// Which pages of other origins are let in, and what their browsers are told: on a real server, header by header.
#include "api_fixture.h"

static const char two[] = "host: {state_dir: /tmp}\n"
                          "cors: [\"https://app.example\", \"http://localhost:3000\"]\n";
static const char tokens[] =
    "host: {state_dir: /tmp, auth: tokens, admin_token: 0123456789abcdef}\n"
    "cors: [\"https://app.example\"]\n";

/* The answer's head, for the caller to free. */
static struct answer ask(struct api_fixture *x, const char *method, const char *headers) {
    struct buf text = {0}, in = {0};
    int fd = client_tcp(&x->f);
    buf_printf(&text, "%s /v1/version HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, headers);
    client_say(&x->f, fd, text.data);
    struct answer a = client_answer_from(&x->f, fd, &in, strcmp(method, "OPTIONS") == 0, NULL);
    buf_free(&text);
    buf_free(&in);
    close(fd);
    fixture_settle(&x->f);
    return a;
}

static void expect_allowed(struct api_fixture *x, const char *headers, const char *origin) {
    char line[600];
    struct answer a = ask(x, "GET", headers);
    (void)snprintf(line, sizeof line, "Access-Control-Allow-Origin: %s\r\n",
                   origin == NULL ? "" : origin);
    if (origin == NULL) {
        EXPECT_NULL(strstr(a.head.data, "Access-Control-"));
    } else {
        EXPECT_CONTAINS(line, a.head.data);
        EXPECT_CONTAINS("Access-Control-Expose-Headers: Content-Range, ETag", a.head.data);
        EXPECT_NULL(strstr(a.head.data, "Access-Control-Allow-Methods"));
    }
    answer_free(&a);
}

/* Byte for byte but for case: nothing that only begins or ends like a listed one. */
static void test_origins(void) {
    static const struct {
        const char *headers, *origin;
    } rows[] = {
        {"Origin: https://app.example\r\n", "https://app.example"},
        {"Origin: HTTPS://App.Example\r\n", "https://app.example"},
        {"Origin: http://localhost:3000\r\n", "http://localhost:3000"},
        {"", NULL},
        {"Origin:\r\n", NULL},
        {"Origin: null\r\n", NULL},
        {"Origin: https://app.exampl\r\n", NULL},
        {"Origin: https://app.example2\r\n", NULL},
        {"Origin: https://app.example/\r\n", NULL},
        {"Origin: https://app.example:443\r\n", NULL},
        {"Origin: http://app.example\r\n", NULL},
        {"Origin: https://evil.app.example\r\n", NULL},
        {"Origin: http://localhost:30000\r\n", NULL},
        {"Origin: *\r\n", NULL},
        {"Origin: https://app.example\r\nOrigin: https://app.example\r\n", NULL},
        {"Origin: https://app.example https://app.example\r\n", NULL},
    };
    struct api_fixture x;
    api_start(&x, two);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_allowed(&x, rows[i].headers, rows[i].origin);
    }
    api_stop(&x);
}

/* A cache must not give one origin's answer to another; without a list there is only one answer. */
static void test_vary(void) {
    for (int listed = 0; listed <= 1; listed++) {
        struct api_fixture x;
        api_start(&x, listed == 1 ? two : "host: {state_dir: /tmp}\n");
        struct answer a = ask(&x, "GET", "");
        EXPECT_EQ_INT(200, a.status);
        EXPECT_EQ_INT(listed, strstr(a.head.data, "Vary: Origin\r\n") != NULL);
        answer_free(&a);
        api_stop(&x);
    }
}

static void test_preflight(void) {
    static const char asks[] = "Origin: https://app.example\r\n"
                               "Access-Control-Request-Method: GET\r\n";
    static const struct {
        const char *headers;
        int status;
        bool told;
    } rows[] = {
        {asks, 204, true},
        {"Origin: https://app.example\r\n", 401, false}, // asks for nothing
        {"Access-Control-Request-Method: GET\r\n", 401, false},
        {"Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n", 401, false},
        {"Origin: https://app.example\r\nAccess-Control-Request-Method: GET\r\n"
         "Access-Control-Request-Method: POST\r\n",
         401, false},
        {"Origin: https://app.example\r\nAuthorization: Bearer 0123456789abcdef\r\n", 204, false},
    };
    struct api_fixture x;
    api_start(&x, tokens); // a browser sends none with what it asks beforehand
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct answer a = ask(&x, "OPTIONS", rows[i].headers);
        EXPECT_EQ_INT(rows[i].status, a.status);
        EXPECT_EQ_INT(rows[i].told,
                      strstr(a.head.data, "Access-Control-Allow-Methods: GET, HEAD\r\n") != NULL);
        EXPECT_EQ_INT(rows[i].told,
                      strstr(a.head.data, "Access-Control-Allow-Headers: Authorization, ") != NULL);
        answer_free(&a);
    }
    struct answer a = ask(&x, "GET", asks); // the request itself does need it
    EXPECT_EQ_INT(401, a.status);
    EXPECT_CONTAINS("Access-Control-Allow-Origin: https://app.example\r\n", a.head.data);
    answer_free(&a);
    api_stop(&x);
}

/* The last of as many as the section may have. */
static void test_limit(void) {
    enum { ORIGINS_MAX = 64 };
    struct buf config = {0};
    struct api_fixture x;
    buf_str(&config, "host: {state_dir: /tmp}\ncors: [");
    for (int i = 0; i < ORIGINS_MAX; i++) {
        buf_printf(&config, "%s\"https://a%d.example\"", i == 0 ? "" : ", ", i);
    }
    buf_str(&config, "]\n");
    api_start(&x, config.data);
    expect_allowed(&x, "Origin: https://a63.example\r\n", "https://a63.example");
    expect_allowed(&x, "Origin: https://a64.example\r\n", NULL);
    api_stop(&x);
    buf_free(&config);
}

static const struct expect_test tests[] = {
    {"origins, listed and nearly", test_origins},
    {"caches", test_vary},
    {"what browsers ask beforehand", test_preflight},
    {"origins at their limit", test_limit},
};

SUITE_MAIN("cors", tests)
