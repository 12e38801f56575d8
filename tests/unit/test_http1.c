// The HTTP/1 parser: every class of malformed request, every limit at N and N + 1, and the same answer for every split.
#include "net/http1.h"

#include "base/buf.h"

#include "expect.h"
#include "http1_transcript.h"

static const struct http1_limits limits = {.request_line = 8192,
                                           .headers = 16384,
                                           .header_count = 64,
                                           .chunk_ext = 256,
                                           .chunk_ext_total = 4096};
enum { BODY_MAX = 1000 };

/* A request and how the transcript of it must end. */
struct row {
    const char *bytes;
    size_t len;
    const char *ends;
};
#define ROW(bytes, ends)                                                                           \
    { (bytes), sizeof(bytes) - 1, (ends) }

#define H11     "Host: a\r\n"
#define GET     "GET / HTTP/1.1\r\n" H11
#define POST    "POST / HTTP/1.1\r\n" H11
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static void feed_split(struct transcript *t, const struct row *r, size_t cut) {
    transcript_init(t, &limits, BODY_MAX);
    size_t used = transcript_feed(t, r->bytes, cut);
    if (used == cut) {
        (void)transcript_feed(t, r->bytes + cut, r->len - cut);
    }
    transcript_end(t);
}

static void feed_bytewise(struct transcript *t, const struct row *r) {
    transcript_init(t, &limits, BODY_MAX);
    for (size_t i = 0; i < r->len && t->last != HTTP1_END && t->last != HTTP1_ERROR; i++) {
        (void)transcript_feed(t, r->bytes + i, 1);
    }
    transcript_end(t);
}

static bool ends_with(const char *text, const char *end) {
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

/* The whole's verdict. A place that is not given is, without an error, the end of the input. */
static void check_verdict(const struct row *r, const struct transcript *whole) {
    char text[4096];
    bool has_place = r->ends[strlen(r->ends) - 1] >= '0' && r->ends[strlen(r->ends) - 1] <= '9';
    (void)snprintf(text, sizeof text, "%s", whole->text.data);
    if (!has_place) {
        *strrchr(text, ' ') = '\0';
        EXPECT_TRUE(whole->last == HTTP1_ERROR || whole->parser.consumed == r->len);
    }
    if (!EXPECT_TRUE(ends_with(text, r->ends))) {
        (void)printf("    %.60s...\n    want %s\n    got  %s\n", r->bytes, r->ends, text);
    }
}

/* The row's verdict, and the same transcript for every cut. */
static void check_row(const struct row *r) {
    struct transcript whole, part;
    feed_split(&whole, r, r->len);
    const char *text = whole.text.data;
    check_verdict(r, &whole);
    for (size_t cut = 0; cut < r->len; cut++) {
        feed_split(&part, r, cut);
        EXPECT_EQ_STR(text, part.text.data);
        transcript_finish(&part);
    }
    feed_bytewise(&part, r);
    EXPECT_EQ_STR(text, part.text.data);
    transcript_finish(&part);
    transcript_finish(&whole);
}

static void check_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        check_row(&rows[i]);
    }
}

/* ---- request line ---- */

static void test_request_line(void) {
    static const struct row rows[] = {
        ROW("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "/ | Host=a | HEAD GET 1.1 host=a | END"),
        ROW("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD GET 1.1 host=a | END"),
        ROW("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD GET 1.1 host=a | END"),
        ROW("\r\n\r\n\r\nGET / HTTP/1.1\r\n", "ERR bad_request_line 4"),
        ROW("\nGET / HTTP/1.1\r\n", "ERR bad_request_line"),
        ROW("GET  / HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET /  HTTP/1.1\r\n", "ERR bad_request_line"),
        ROW("GET\t/ HTTP/1.1\r\n", "ERR bad_request_line"),
        ROW("GET /\tHTTP/1.1\r\n", "ERR bad_target"),
        ROW(" GET / HTTP/1.1\r\n", "ERR bad_request_line"),
        ROW("GET / HTTP/1.1 \r\n", "ERR bad_request_line"),
        ROW("GET /a b HTTP/1.1\r\n", "ERR bad_request_line"),
        ROW("GET /\r\n", "ERR bad_target"),
        ROW("GET / \r\n", "ERR bad_request_line"),
        ROW("GET\r\n", "ERR bad_request_line"),
        ROW("G(T / HTTP/1.1\r\n", "ERR bad_request_line"),
        ROW("GET / HTTP/1.1\nHost: a\n\n", "ERR bad_request_line"),
        ROW("GET / HTTP/1.1\rHost: a\r\r", "ERR bad_request_line"),
        ROW("get / HTTP/1.1\r\n" H11 "\r\n", "ERR unknown_method"),
        ROW("BREW / HTTP/1.1\r\n" H11 "\r\n", "ERR unknown_method"),
        ROW("GETGETGETGETGETGETGETGETGET / HTTP/1.1\r\n", "ERR unknown_method"),
        ROW("CONNECT a:443 HTTP/1.1\r\n" H11 "\r\n", "ERR unknown_method"),
        ROW("TRACE / HTTP/1.1\r\n" H11 "\r\n", "ERR unknown_method"),
        ROW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "ERR bad_request_line 0"),
        ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "ERR bad_version"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_version(void) {
    static const struct row rows[] = {
        ROW("GET / HTTP/1.0\r\n\r\n", "HEAD GET 1.0 host= close | END"),
        ROW("GET / http/1.1\r\n", "ERR bad_request_line"),
        ROW("GET / HTTP/01.1\r\n", "ERR bad_request_line"),
        ROW("GET / HTTP/1.01\r\n", "ERR bad_request_line"),
        ROW("GET / HTTP/1.\r\n", "ERR bad_request_line"),
        ROW("GET / HTTP/11\r\n", "ERR bad_request_line"),
        ROW("GET / HTTPS/1.1\r\n", "ERR bad_request_line"),
        ROW("GET / HTTP/1.2\r\n", "ERR bad_version"),
        ROW("GET / HTTP/0.9\r\n", "ERR bad_version"),
        ROW("GET / HTTP/2.0\r\n", "ERR bad_version"),
        ROW("GET / HTTP/9.9\r\n", "ERR bad_version"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_target(void) {
    static const struct row rows[] = {
        ROW("GET /a%20b?c=%2F HTTP/1.1\r\n" H11 "\r\n", "HEAD GET 1.1 host=a | END"),
        ROW("GET /a#b HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET /a\x01 HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET /a\x7f HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET /\xc3\xa9 HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET /a\0b HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET /% HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET /%2 HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET /%zz HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET /%2g HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET /%00 HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET /%01 HTTP/1.1\r\n" H11 "\r\n", "END"),
        ROW("GET /%10%0a HTTP/1.1\r\n" H11 "\r\n", "END"),
        ROW("OPTIONS * HTTP/1.1\r\n" H11 "\r\n", "HEAD OPTIONS 1.1 host=a | END"),
        ROW("GET * HTTP/1.1\r\n", "ERR bad_target"),
        ROW("OPTIONS *a HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET a.b:80 HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET a/b HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET ?a HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET http://b.c/x?y HTTP/1.1\r\n" H11 "\r\n", "HEAD GET 1.1 host=b.c | END"),
        ROW("GET HTTPS://b:443 HTTP/1.1\r\n" H11 "\r\n", "HEAD GET 1.1 host=b:443 | END"),
        ROW("GET http://b?y HTTP/1.1\r\n" H11 "\r\n", "HEAD GET 1.1 host=b | END"),
        ROW("GET http://[::1]:8/ HTTP/1.1\r\n" H11 "\r\n", "HEAD GET 1.1 host=[::1]:8 | END"),
        ROW("GET http:///x HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET http://u@b/ HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET http://b:x/ HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET ftp://b/ HTTP/1.1\r\n", "ERR bad_target"),
        ROW("GET http:/b/ HTTP/1.1\r\n", "ERR bad_target"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- headers ---- */

static void test_headers(void) {
    static const struct row rows[] = {
        ROW(GET "A: b\r\n\r\n", "Host=a | A=b | HEAD GET 1.1 host=a | END"),
        ROW(GET "A:b\r\n\r\n", "A=b | HEAD GET 1.1 host=a | END"),
        ROW(GET "A: \t b c \t\r\n\r\n", "A=b c \\x09 | HEAD GET 1.1 host=a | END"),
        ROW(GET "A:\r\n\r\n", "A= | HEAD GET 1.1 host=a | END"),
        ROW(GET "A: \xc3\xa9\xff\r\n\r\n", "A=\\xc3\\xa9\\xff | HEAD GET 1.1 host=a | END"),
        ROW(GET "A: b\n\r\n", "ERR bad_header"),
        ROW(GET "A: b\r\r\n", "ERR bad_header"),
        ROW(GET "A: b\rc\r\n", "ERR bad_header"),
        ROW(GET "A: b\nC: d\r\n", "ERR bad_header"),
        ROW(GET "A: b\r\n c\r\n", "ERR bad_header"),
        ROW(GET "A: b\r\n\tc\r\n", "ERR bad_header"),
        ROW("GET / HTTP/1.1\r\n Host: a\r\n", "ERR bad_header"),
        ROW(GET "A : b\r\n", "ERR bad_header"),
        ROW(GET "A\t: b\r\n", "ERR bad_header"),
        ROW(GET "A\r\n", "ERR bad_header"),
        ROW(GET ": b\r\n", "ERR bad_header"),
        ROW(GET "A(: b\r\n", "ERR bad_header"),
        ROW(GET "A\xc3: b\r\n", "ERR bad_header"),
        ROW(GET "A: b\0c\r\n", "ERR bad_header"),
        ROW(GET "A: b\x01\r\n", "ERR bad_header"),
        ROW(GET "A: b\x7f\r\n", "ERR bad_header"),
        ROW(GET "A\0: b\r\n", "ERR bad_header"),
        ROW(GET "\n", "ERR bad_header"),
        ROW(GET "\rX", "ERR bad_header"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_host(void) {
    static const struct row rows[] = {
        ROW("GET / HTTP/1.1\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "ERR bad_host"),
        ROW("GET http://b/ HTTP/1.1\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost:\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: a:80b\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "ERR bad_host"),
        ROW("GET / HTTP/1.1\r\nHost: [::1]:65535 \r\n\r\n", "host=[::1]:65535 | END"),
        ROW("GET / HTTP/1.1\r\nHost: a-b_c.d~e:8080\r\n\r\n", "host=a-b_c.d~e:8080 | END"),
        ROW("GET / HTTP/1.1\r\nHost: a:\r\n\r\n", "host=a: | END"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_connection(void) {
    static const struct row rows[] = {
        ROW(GET "Connection: close\r\n\r\n", "host=a close | END"),
        ROW(GET "Connection: CLOSE\r\n\r\n", "host=a close | END"),
        ROW(GET "Connection: upgrade, close ,x\r\n\r\n", "host=a close | END"),
        ROW(GET "Connection: closed\r\n\r\n", "host=a | END"),
        ROW(GET "Connection: keep-alive\r\nConnection: close\r\n\r\n", "host=a close | END"),
        ROW(GET "Connection: \"close\"\r\n\r\n", "host=a close | END"),
        ROW("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "1.0 host= | END"),
        ROW("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "host= close | END"),
        ROW(GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", "host=a | END"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- body framing ---- */

static void test_length(void) {
    static const struct row rows[] = {
        ROW(POST "Content-Length: 5\r\n\r\nhello", "| body=5 \"hello\" | END"),
        ROW(POST "Content-Length: 5\r\n\r\nhell", "| body=4 \"hell\" | MORE"),
        ROW(POST "Content-Length:  5 \t\r\n\r\nhelloGET", "| body=5 \"hello\" | END 55"),
        ROW(POST "Content-Length: 0\r\n\r\n", "END"),
        ROW(POST "Content-Length: 000000000000000005\r\n\r\nhello", "| body=5 \"hello\" | END"),
        ROW(POST "\r\n", "END"),
        ROW(GET "Content-Length: 2\r\n\r\nab", "| body=2 \"ab\" | END"),
        ROW(POST "Content-Length: +5\r\n\r\n", "ERR bad_length"),
        ROW(POST "Content-Length: -5\r\n\r\n", "ERR bad_length"),
        ROW(POST "Content-Length: 0x5\r\n\r\n", "ERR bad_length"),
        ROW(POST "Content-Length: 5,5\r\n\r\n", "ERR bad_length"),
        ROW(POST "Content-Length: 5 5\r\n\r\n", "ERR bad_length"),
        ROW(POST "Content-Length:\r\n\r\n", "ERR bad_length"),
        ROW(POST "Content-Length: five\r\n\r\n", "ERR bad_length"),
        ROW(POST "Content-Length: 0000000000000000005\r\n\r\n", "ERR bad_length"),
        ROW(POST "Content-Length: 18446744073709551617\r\n\r\n", "ERR bad_length"),
        ROW(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "ERR bad_length"),
        ROW(POST "Content-Length: 5\r\nContent-length: 6\r\n\r\n", "ERR bad_length"),
        ROW(POST "Content_Length: 5\r\n\r\nhello", "END 47"),
        ROW(POST "Content-Length: 1000\r\n\r\n", "MORE"),
        ROW(POST "Content-Length: 1001\r\n\r\n", "ERR large_body"),
        ROW(POST "Content-Length: 999999999999999999\r\n\r\n", "ERR large_body"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_coding(void) {
    static const struct row rows[] = {
        ROW(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            "ERR bad_transfer_coding"),
        ROW(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "ERR bad_transfer_coding"),
        ROW("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: ChunKed \r\n\r\n0\r\n\r\n", "chunked | END"),
        ROW(POST "Transfer-Encoding: chunked\t\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", "ERR unknown_transfer_coding"),
        ROW(POST "Transfer-Encoding: gzip ,\tdeflate, chunked\r\n\r\n",
            "ERR unknown_transfer_coding"),
        ROW(POST "Transfer-Encoding: identity\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: identity, chunked\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: chunked, chunked\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: chunked, gzip\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: gzip\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: xchunked\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: \"chunked\"\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: \x0b"
                 "chunked\r\n\r\n",
            "ERR bad_header"),
        ROW(POST "Transfer-Encoding: chunked;q=1\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding:\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: ,chunked\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: chunked,\r\n\r\n", "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "ERR bad_transfer_coding"),
        ROW(POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
            "ERR bad_transfer_coding"),
        ROW(POST "Transfer_Encoding: chunked\r\n\r\n", "END"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_chunks(void) {
    static const struct row rows[] = {
        ROW(CHUNKED "0\r\n\r\n", "chunked | END"),
        ROW(CHUNKED "5\r\nhello\r\n0\r\n\r\n", "| body=5 \"hello\" | END"),
        ROW(CHUNKED "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\nGET", "| body=5 \"hello\" | END 76"),
        ROW(CHUNKED "A\r\n0123456789\r\n00a\r\nabcdefghij\r\n000\r\n\r\n",
            "| body=20 \"0123456789abcdefghij\" | END"),
        ROW(CHUNKED "000000000000005\r\nhello\r\n0\r\n\r\n", "| body=5 \"hello\" | END"),
        ROW(CHUNKED "0000000000000005\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "+5\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "-5\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "0x5\r\n", "ERR bad_chunk"),
        ROW(CHUNKED " 5\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "5 \r\n", "ERR bad_chunk"),
        ROW(CHUNKED "\r\n", "ERR bad_chunk"),
        ROW(CHUNKED ";a\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "5\nhello", "ERR bad_chunk"),
        ROW(CHUNKED "5\rXhello", "ERR bad_chunk"),
        ROW(CHUNKED "g\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "5\r\nhelloX", "ERR bad_chunk"),
        ROW(CHUNKED "5\r\nhello\n", "ERR bad_chunk"),
        ROW(CHUNKED "5\r\nhello\rX", "ERR bad_chunk"),
        ROW(CHUNKED "5;a=b\r\nhello\r\n0;c=\"d\"\r\n\r\n", "| body=5 \"hello\" | END"),
        ROW(CHUNKED "0;a;b=c;d=\"e; \t\"\r\n\r\n", "chunked | END"),
        ROW(CHUNKED "0;a=\"\x80\"\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "0;a=\"\\\"\"\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "0;\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "0;a=\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "0;=b\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "0;a b\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "0;a=b c\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "0;a=\"b\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "0;a=\"b\\\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "0;a=\"b\"c\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "5;a\nhello", "ERR bad_chunk"),
        ROW(CHUNKED "5;a\x01\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "5;a\0\r\n", "ERR bad_chunk"),
        ROW(CHUNKED "3e8\r\n", "MORE"),
        ROW(CHUNKED "3e9\r\n", "ERR large_body 61"),
        ROW(CHUNKED "fffffffffffffff\r\n", "ERR large_body"),
        ROW(CHUNKED "5\r\nhello\r\n3e4\r\n", "ERR large_body 71"),
        ROW(CHUNKED "5\r\nhello\r\n3e3\r\n", "MORE"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_trailers(void) {
    static const struct row rows[] = {
        ROW(CHUNKED "0\r\nX: y\r\n\r\n", "host=a chunked | END"),
        ROW(CHUNKED "0\r\nX: y\r\nX-Content-Length: 9\r\n\r\n", "host=a chunked | END"),
        ROW(CHUNKED "0\r\nContent-Length: 9\r\n\r\n", "ERR bad_header"),
        ROW(CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n", "ERR bad_header"),
        ROW(CHUNKED "0\r\nHost: b\r\n\r\n", "ERR bad_header"),
        ROW(CHUNKED "0\r\nX y\r\n\r\n", "ERR bad_header"),
        ROW(CHUNKED "0\r\nX: y\n\r\n", "ERR bad_header"),
        ROW(CHUNKED "0\r\n X: y\r\n\r\n", "ERR bad_header"),
        ROW(CHUNKED "0\r\nX: \0\r\n\r\n", "ERR bad_header"),
        ROW(CHUNKED "0\r\n\n", "ERR bad_header"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_expect(void) {
    static const struct row rows[] = {
        ROW(POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", "expect | MORE"),
        ROW(POST "Expect: 100-Continue\r\n\r\n", "expect | END"),
        ROW(POST "Expect: 100-continue, x\r\n\r\n", "ERR unknown_expectation"),
        ROW(POST "Expect: cake\r\nContent-Length: 1\r\n\r\n", "ERR unknown_expectation"),
        ROW(POST "Expect:\r\n\r\n", "ERR unknown_expectation"),
        ROW("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", "host= close | END"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- limits: at N accepted, at N + 1 refused ---- */

/* Feeds `text` and expects the transcript to end so. */
static void expect_end(const struct http1_limits *l, const struct buf *text, const char *ends) {
    struct transcript t;
    transcript_init(&t, l, BODY_MAX);
    (void)transcript_feed(&t, text->data, text->len);
    transcript_end(&t);
    char *tail = t.text.data + (t.text.len > 60 ? t.text.len - 60 : 0);
    EXPECT_CONTAINS(ends, tail);
    transcript_finish(&t);
}

static void add_many(struct buf *b, char c, size_t n) {
    for (size_t i = 0; i < n; i++) {
        buf_char(b, c);
    }
}

static void test_limit_request_line(void) {
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, "GET /");
        add_many(&b, 'x', 8192 + over - strlen("GET / HTTP/1.1"));
        buf_str(&b, " HTTP/1.1\r\n" H11 "\r\n");
        expect_end(&limits, &b, over ? "ERR long_request_line" : "END");
        buf_free(&b);
    }
    struct buf b = {0}; // the limit also holds where no target ever ends, or no method
    buf_str(&b, "GET /");
    add_many(&b, 'x', 9000);
    expect_end(&limits, &b, "ERR long_request_line 8192");
    buf_clear(&b);
    add_many(&b, 'X', 9000);
    expect_end(&limits, &b, "ERR long_request_line 8192");
    buf_free(&b);
}

static void test_limit_headers(void) {
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, GET "X: ");
        add_many(&b, 'y', 16384 + over - strlen(H11) - strlen("X: \r\n\r\n"));
        buf_str(&b, "\r\n\r\n");
        expect_end(&limits, &b, over ? "ERR large_headers" : "END");
        buf_free(&b);
    }
    static const char *const endless[] = {GET "X: ", GET, GET "X:", GET "X: a\r\n"};
    static const char filler[] = {'y', 'y', ' ', 'y'};
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) { // a value, name, or blanks without an end
        struct buf b = {0};
        buf_str(&b, endless[i]);
        add_many(&b, filler[i], 20000);
        expect_end(&limits, &b, "ERR large_headers 16400");
        buf_free(&b);
    }
}

static void test_limit_header_count(void) {
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, GET);
        for (size_t i = 1; i < 64 + over; i++) {
            buf_str(&b, "x: y\r\n");
        }
        buf_str(&b, "\r\n");
        expect_end(&limits, &b, over ? "ERR large_headers" : "END");
        buf_free(&b);
    }
}

static void test_limit_trailers(void) {
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0}; // counted together with the headers
        buf_str(&b, CHUNKED "0\r\nX: ");
        size_t head = strlen(H11 "Transfer-Encoding: chunked\r\n\r\n");
        add_many(&b, 'y', 16384 + over - head - strlen("X: \r\n\r\n"));
        buf_str(&b, "\r\n\r\n");
        expect_end(&limits, &b, over ? "ERR large_headers" : "END");
        buf_clear(&b);
        buf_str(&b, CHUNKED "0\r\n");
        for (size_t i = 2; i < 64 + over; i++) {
            buf_str(&b, "x: y\r\n");
        }
        buf_str(&b, "\r\n");
        expect_end(&limits, &b, over ? "ERR large_headers" : "END");
        buf_free(&b);
    }
}

static void test_limit_chunk_ext(void) {
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, CHUNKED "0;");
        add_many(&b, 'e', 256 + over);
        buf_str(&b, "\r\n\r\n");
        expect_end(&limits, &b, over ? "ERR bad_chunk" : "END");
        buf_clear(&b);
        buf_str(&b, CHUNKED); // sixteen full ones are the total, one byte more is over
        for (size_t i = 0; i < 16; i++) {
            buf_str(&b, "1;");
            add_many(&b, 'e', 256);
            buf_str(&b, "\r\nx\r\n");
        }
        buf_str(&b, over ? "0;e\r\n\r\n" : "0\r\n\r\n");
        expect_end(&limits, &b, over ? "ERR bad_chunk" : "END");
        buf_free(&b);
    }
}

static void test_limit_body(void) {
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_printf(&b, POST "Content-Length: %zu\r\n\r\n", BODY_MAX + over);
        add_many(&b, 'b', BODY_MAX + over);
        expect_end(&limits, &b, over ? "ERR large_body" : "END");
        buf_clear(&b);
        buf_str(&b, CHUNKED);
        for (size_t i = 0; i < BODY_MAX + over; i++) {
            buf_str(&b, "1\r\nx\r\n");
        }
        buf_str(&b, "0\r\n\r\n");
        expect_end(&limits, &b, over ? "ERR large_body" : "END");
        buf_free(&b);
    }
}

static void test_limit_host(void) {
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, "GET / HTTP/1.1\r\nHost: ");
        add_many(&b, 'h', HTTP1_HOST_MAX + over);
        buf_str(&b, "\r\n\r\n");
        expect_end(&limits, &b, over ? "ERR bad_host" : "END");
        buf_clear(&b);
        buf_str(&b, "GET http://");
        add_many(&b, 'h', HTTP1_HOST_MAX + over);
        buf_str(&b, "/ HTTP/1.1\r\n" H11 "\r\n");
        expect_end(&limits, &b, over ? "ERR bad_target" : "END");
        buf_free(&b);
    }
}

static void test_long_values(void) {
    struct buf b = {0}; // a list too long to be read might say close: so it does
    buf_str(&b, GET "Connection: ");
    add_many(&b, 'x', HTTP1_VALUE_MAX + 1);
    buf_str(&b, "\r\n\r\n");
    expect_end(&limits, &b, "host=a close | END");
    buf_clear(&b); // blanks behind a value do not make it long
    buf_str(&b, POST "Transfer-Encoding: chunked");
    add_many(&b, ' ', HTTP1_VALUE_MAX);
    buf_str(&b, "\r\n\r\n0\r\n\r\n");
    expect_end(&limits, &b, "ERR bad_transfer_coding");
    buf_free(&b);
}

/* ---- one after another ---- */

static void test_next_request(void) {
    static const char two[] = POST "Content-Length: 2\r\n\r\nab"
                                   "\r\nDELETE /x HTTP/1.1\r\nHost: b\r\n\r\n";
    struct transcript t;
    transcript_init(&t, &limits, BODY_MAX);
    size_t used = transcript_feed(&t, two, sizeof two - 1);
    EXPECT_EQ_INT(HTTP1_END, t.last);
    EXPECT_EQ_UINT(49, used);
    http1_reset(&t.parser);
    EXPECT_FALSE(http1_started(&t.parser));
    t.last = HTTP1_MORE;
    buf_clear(&t.text);
    buf_clear(&t.body);
    t.part = IN_TARGET;
    (void)transcript_feed(&t, two + used, sizeof two - 1 - used);
    transcript_end(&t);
    EXPECT_EQ_STR("/x | Host=b | HEAD DELETE 1.1 host=b | END 33", t.text.data);
    transcript_finish(&t);
}

static void test_error_is_final(void) {
    struct transcript t;
    transcript_init(&t, &limits, BODY_MAX);
    (void)transcript_feed(&t, "X\n", 2);
    EXPECT_EQ_INT(HTTP1_ERROR, t.last);
    struct bytes in = bytes_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), piece;
    EXPECT_EQ_INT(HTTP1_ERROR, http1_next(&t.parser, &in, &piece));
    EXPECT_EQ_UINT(27, in.len); // nothing of it was looked at
    transcript_finish(&t);
}

static void test_started(void) {
    struct http1 p;
    struct bytes piece, in = bytes_of("\r\n");
    http1_init(&p, &limits);
    EXPECT_EQ_INT(HTTP1_MORE, http1_next(&p, &in, &piece));
    EXPECT_FALSE(http1_started(&p));
    in = bytes_of("G");
    EXPECT_EQ_INT(HTTP1_MORE, http1_next(&p, &in, &piece));
    EXPECT_TRUE(http1_started(&p));
}

static void test_every_error_has_words(void) {
    for (int i = 0; i < HTTP1_ERROR_COUNT; i++) {
        EXPECT_TRUE(http1_error_rows[i].code != NULL && http1_error_rows[i].message != NULL);
        EXPECT_TRUE(i == HTTP1_OK || http1_error_rows[i].status >= 400);
    }
}

static const struct expect_test tests[] = {
    {"request lines", test_request_line},
    {"versions", test_version},
    {"targets", test_target},
    {"header lines", test_headers},
    {"Host", test_host},
    {"Connection", test_connection},
    {"Content-Length", test_length},
    {"Transfer-Encoding", test_coding},
    {"chunks", test_chunks},
    {"trailers", test_trailers},
    {"Expect", test_expect},
    {"limit of the request line", test_limit_request_line},
    {"limit of the header block", test_limit_headers},
    {"limit of the number of headers", test_limit_header_count},
    {"limits of trailers", test_limit_trailers},
    {"limits of chunk extensions", test_limit_chunk_ext},
    {"limit of the body", test_limit_body},
    {"limit of the host", test_limit_host},
    {"values longer than what is read of them", test_long_values},
    {"requests one after another", test_next_request},
    {"an error is final", test_error_is_final},
    {"empty lines do not start a request", test_started},
    {"every error has words", test_every_error_has_words},
};

SUITE_MAIN("http1", tests)
