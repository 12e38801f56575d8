// What answers by HTTP come to, and where a redirect leads.
#include "core/http_class.h"

#include <string.h>

#include "expect.h"

static void test_statuses(void) {
    static const struct {
        int status;
        jh_class cls;
    } rows[] = {
        {100, JH_E_NONE},      {200, JH_E_NONE},      {299, JH_E_NONE},      {304, JH_E_NONE},
        {399, JH_E_NONE},      {400, JH_E_INPUT},     {401, JH_E_AUTH},      {402, JH_E_PERMANENT},
        {403, JH_E_PERMANENT}, {404, JH_E_PERMANENT}, {407, JH_E_PERMANENT}, {408, JH_E_TIMEOUT},
        {409, JH_E_PERMANENT}, {412, JH_E_PERMANENT}, {413, JH_E_INPUT},     {414, JH_E_INPUT},
        {415, JH_E_INPUT},     {416, JH_E_PERMANENT}, {422, JH_E_INPUT},     {424, JH_E_PERMANENT},
        {425, JH_E_UPSTREAM},  {426, JH_E_PERMANENT}, {429, JH_E_RATE},      {431, JH_E_INPUT},
        {451, JH_E_PERMANENT}, {499, JH_E_PERMANENT}, {500, JH_E_UPSTREAM},  {503, JH_E_UPSTREAM},
        {599, JH_E_UPSTREAM},  {600, JH_E_UPSTREAM},  {0, JH_E_UPSTREAM},    {99, JH_E_UPSTREAM}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ_INT(rows[i].cls, http_class(rows[i].status));
    }
    EXPECT_EQ_INT(JH_E_NONE, http_trouble_class(HTTP_NO_TROUBLE));
    for (int t = HTTP_ADDRESS; t <= HTTP_DISK; t++) { // each has a class and a word
        EXPECT_TRUE(http_trouble_class((enum http_trouble)t) != JH_E_NONE);
        EXPECT_TRUE(http_trouble_code((enum http_trouble)t) != NULL);
    }
}

static void test_redirects(void) {
    static const struct {
        int status;
        const char *method, *next;
    } rows[] = {{301, "GET", "GET"},   {301, "POST", "GET"},  {302, "POST", "GET"},
                {301, "PUT", "PUT"},   {303, "POST", "GET"},  {303, "PUT", "GET"},
                {303, "HEAD", "HEAD"}, {307, "POST", "POST"}, {308, "PUT", "PUT"},
                {302, "HEAD", "HEAD"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_TRUE(http_is_redirect(rows[i].status));
        EXPECT_EQ_STR(rows[i].next, http_next_method(rows[i].status, rows[i].method));
    }
    EXPECT_FALSE(http_is_redirect(300) || http_is_redirect(304) || http_is_redirect(305) ||
                 http_is_redirect(200));
    EXPECT_TRUE(http_goes_along("accept") && http_goes_along("Content-Type"));
    EXPECT_FALSE(http_goes_along("Authorization") || http_goes_along("cookie") ||
                 http_goes_along("X-Api-Key"));
}

static void test_headers(void) {
    struct bytes lines = bytes_of(
        "Content-Type: text/plain\nX-A:\t b \r\nnonsense\nx-a: second\nEmpty:\nRetry-After: 5");
    struct bytes value;
    EXPECT_TRUE(http_header(lines, "x-a", &value) && bytes_equal(value, bytes_of("b")));
    EXPECT_TRUE(http_header(lines, "EMPTY", &value) && value.len == 0);
    EXPECT_TRUE(http_header(lines, "Retry-After", &value) && bytes_equal(value, bytes_of("5")));
    EXPECT_FALSE(http_header(lines, "X", &value) || http_header(lines, "nonsense", &value));
    EXPECT_FALSE(http_header((struct bytes){NULL, 0}, "X-A", &value));
    EXPECT_EQ_INT(5000, http_retry_after_ms(429, lines, 0));
    EXPECT_EQ_INT(5000, http_retry_after_ms(503, lines, 0));
    EXPECT_EQ_INT(0, http_retry_after_ms(500, lines, 0));
    EXPECT_EQ_INT(0, http_retry_after_ms(429, bytes_of("X: 1\n"), 0));
}

static void test_origins(void) {
    static const char *const rows[][2] = {{"http://a.example/x", "http://a.example"},
                                          {"HTTPS://a.example:8443", "HTTPS://a.example:8443"},
                                          {"http://a.example?x@y", "http://a.example"},
                                          {"http://a.example#x", "http://a.example"},
                                          {"http://[::1]:80/", "http://[::1]:80"},
                                          {"ftp://a.example/", NULL},
                                          {"http:/a.example/", NULL},
                                          {"http://", NULL},
                                          {"http:///x", NULL},
                                          {"//a.example/", NULL},
                                          {"http://u@a.example/", NULL},
                                          {"http://a.example\\@b.example/", NULL},
                                          {"http://a example/", NULL},
                                          {" http://a.example/", NULL},
                                          {"http://a.example/\x80", NULL},
                                          {"http://a.example/\x7f", NULL},
                                          {"http://a.example/\n", NULL},
                                          {"", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes origin = http_origin(rows[i][0]);
        EXPECT_TRUE(bytes_equal(origin, bytes_of(rows[i][1])));
    }
}

static const struct expect_test tests[] = {
    {"statuses and troubles", test_statuses},
    {"redirects", test_redirects},
    {"headers", test_headers},
    {"origins", test_origins},
};

SUITE_MAIN("http class", tests)
