// multipart/form-data: what is taken, every class of what is refused, every limit at N and N + 1, and the same answer for every split.
#include <stdlib.h>

#include "base/buf.h"
#include "expect.h"
#include "multipart_transcript.h"

struct row {
    const char *bytes;
    size_t len;
    const char *want;
};
#define ROW(bytes, want)                                                                           \
    { (bytes), sizeof(bytes) - 1, (want) }

#define B        "--b\r\n"
#define NAMED(n) "Content-Disposition: form-data; name=\"" n "\"\r\n"
#define HEAD     B NAMED("a") "\r\n"
#define LAST     "\r\n--b--\r\n"

static void feed(struct transcript *t, const struct row *r, size_t step, size_t first) {
    transcript_init(t, "b");
    for (size_t at = 0, n = first; at < r->len; at += n, n = step) {
        n = n < r->len - at ? n : r->len - at;
        if (transcript_feed(t, r->bytes + at, n) < n) {
            break;
        }
    }
    transcript_end(t);
}

static void check_row(const struct row *r) {
    struct transcript whole, part;
    feed(&whole, r, r->len, r->len);
    const char *text = whole.text.data;
    size_t want = strlen(r->want);
    bool starts = strncmp(text, r->want, want) == 0 && (text[want] == '\0' || text[want] == ' ');
    if (!EXPECT_TRUE(starts)) {
        (void)printf("    %.80s\n    want %s\n    got  %s\n", r->bytes, r->want, text);
    }
    for (size_t cut = 1; cut < r->len; cut++) {
        feed(&part, r, r->len, cut); // in two
        EXPECT_EQ_STR(text, part.text.data);
        transcript_finish(&part);
    }
    for (size_t step = 1; step <= 3; step++) {
        feed(&part, r, step, step);
        EXPECT_EQ_STR(text, part.text.data);
        EXPECT_EQ_UINT(whole.parser.consumed, part.parser.consumed);
        transcript_finish(&part);
    }
    transcript_finish(&whole);
}

static void check_rows(const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        check_row(&rows[i]);
    }
}

static void test_taken(void) {
    static const struct row rows[] = {
        ROW("--b--", "END"),
        ROW("--b--\r\n", "END"),
        ROW("", "MORE"),
        ROW("--b", "MORE"),
        ROW("--b-", "MORE"),
        ROW("--b--\r", "MORE"),
        ROW(HEAD "hello" LAST, "a \"hello\" | END"),
        ROW(HEAD "hello\r\n--b--", "a \"hello\" | END"),
        ROW(HEAD LAST, "a \"\" | END"),
        ROW(HEAD "hello", "a \"helloMORE"),
        ROW(HEAD "hello\r\n--b", "a \"hello\" | MORE"),
        ROW(HEAD "1\r\n" B NAMED("b") "\r\n2" LAST, "a \"1\" | b \"2\" | END"),
        // what looks like a boundary, and is none
        ROW(HEAD "\r\n" LAST, "a \"\\x0d\\x0a\" | END"),
        ROW(HEAD "\r\r\n--b--", "a \"\\x0d\" | END"),
        ROW(HEAD "x\r\n-\r\n--\r\n--c\r\n\r\r\n--b--",
            "a \"x\\x0d\\x0a-\\x0d\\x0a--\\x0d\\x0a--c\\x0d\\x0a\\x0d\" | END"),
        ROW(HEAD "--c" LAST, "a \"--c\" | END"),
        ROW(HEAD "x--b\r\n" LAST, "a \"x--b\\x0d\\x0a\" | END"),
        ROW(HEAD "x\n--b\n" LAST, "a \"x\\x0a--b\\x0a\" | END"),
        ROW(HEAD "\0\xff" LAST, "a \"\\x00\\xff\" | END"),
        // headers
        ROW(B "content-disposition:form-data;name=a;filename=b.csv\r\n\r\n1" LAST,
            "a file=b.csv \"1\" | END"),
        ROW(B "Content-Disposition: FORM-DATA ; NAME=\"a\" ; filename=\"\"\r\n"
              "Content-Type: application/octet-stream\r\n\r\n" LAST,
            "a file= type=application/octet-stream \"\" | END"),
        ROW(B "Content-Type: text/plain; charset=utf-8 \t\r\nX-Other: 1\r\nContent-Length: 9\r\n"
              "Content-Transfer-Encoding: Binary\r\n" NAMED("a") "\r\n1" LAST,
            "a type=text/plain; charset=utf-8 \"1\" | END"),
        ROW(B "Content-Disposition: form-data; filename=\"M\xc3\xa4rz %22;=1.csv\"; "
              "name=\"a\"\r\n\r\n" LAST,
            "a file=M\\xc3\\xa4rz %22;=1.csv \"\" | END"),
        // an empty line in front
        ROW("\r\n--b--", "END"),
        ROW("\r\n" HEAD "hello" LAST, "a \"hello\" | END"),
        ROW("\r", "MORE"),
        ROW("\r\n--", "MORE"),
        // nothing of one part is left in the next
        ROW(B "Content-Disposition: form-data; name=\"a\"; filename=\"f\"\r\nContent-Type: "
              "x/y\r\n\r\n\r\n" HEAD LAST,
            "a file=f type=x/y \"\" | a \"\" | END"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

#define FILED(params) B "Content-Disposition: form-data; name=a; " params "\r\n\r\n" LAST

static void test_file_names(void) {
    static const struct row rows[] = {
        // RFC 8187, which other readers than browsers know
        ROW(FILED("filename*=UTF-8''M%C3%A4rz.csv"), "a file=M\\xc3\\xa4rz.csv \"\" | END"),
        ROW(FILED("filename*=utf-8'de'a%20b!#$&+-.^_`|~%7e"),
            "a file=a b!#$&+-.^_`\\x7c~~ \"\" | END"),
        ROW(FILED("filename=\"M_rz.csv\"; filename*=UTF-8''M%c3%a4rz.csv"),
            "a file=M\\xc3\\xa4rz.csv \"\" | END"),
        ROW(FILED("FILENAME*=UTF-8''x; filename=y"), "a file=x \"\" | END"),
        ROW(FILED("filename*=\"UTF-8''x\""), "a file=x \"\" | END"),
        ROW(FILED("filename*=UTF-8''"), "a file= \"\" | END"),
        ROW(FILED("filename*=UTF-8''%22%2f"), "a file=\\x22/ \"\" | END"),
        // paths of old browsers
        ROW(FILED("filename=\"C:\\data\\M\xc3\xa4rz.csv\""), "a file=M\\xc3\\xa4rz.csv \"\" | END"),
        ROW(FILED("filename=\"\\\\\\\\host\\\\f.csv\""), "a file=f.csv \"\" | END"),
        ROW(FILED("filename*=UTF-8''C%3A%5Cf.csv"), "a file=f.csv \"\" | END"),
        ROW(FILED("filename*=UTF-8''dir%5C"), "a file= \"\" | END"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_file_names_refused(void) {
    static const struct row rows[] = {
        ROW(FILED("filename*=x"), "ERR bad_part_name"),
        ROW(FILED("filename*=UTF-8'x"), "ERR bad_part_name"),
        ROW(FILED("filename*=''x"), "ERR bad_part_name"),
        ROW(FILED("filename*=ISO-8859-1''%E4"), "ERR bad_part_name"),
        ROW(FILED("filename*=UTF-8''%E4"), "ERR bad_part_name"),
        ROW(FILED("filename*=UTF-8''\xc3\xa4"), "ERR bad_multipart"),
        ROW(FILED("filename*=UTF-8''%"), "ERR bad_part_name"),
        ROW(FILED("filename*=UTF-8''%4"), "ERR bad_part_name"),
        ROW(FILED("filename*=UTF-8''%4g"), "ERR bad_part_name"),
        ROW(FILED("filename*=UTF-8''a'b"), "ERR bad_part_name"),
        ROW(FILED("filename*=UTF-8''a*b"), "ERR bad_part_name"),
        ROW(FILED("filename*=\"UTF-8''a b\""), "ERR bad_part_name"),
        ROW(FILED("filename*=UTF-8''a%00b"), "ERR bad_part_name"),
        ROW(FILED("filename*=UTF-8''a%0D%0Ab"), "ERR bad_part_name"),
        ROW(FILED("filename*=UTF-8''%7F"), "ERR bad_part_name"),
        ROW(FILED("filename*="), "ERR bad_multipart"),
        ROW(FILED("filename*=UTF-8''a; filename*=UTF-8''a"), "ERR bad_multipart"),
        ROW(FILED("filename*=UTF-8''a; filename=\"\xff\""), "ERR bad_part_name"),
        ROW(FILED("filename*0=a"), "ERR bad_multipart"),
        ROW(FILED("name*=UTF-8''a"), "ERR bad_multipart"),
        // the end of a name to some, a quote in it to others
        ROW(FILED("filename=\"a\\\"b.csv\""), "ERR bad_multipart"),
        ROW(FILED("filename=\"C:\\dir\\\""), "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name=\"a\\b\"\r\n", "ERR bad_multipart"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_boundaries_refused(void) {
    static const struct row rows[] = {
        ROW("\r\n--c", "ERR bad_multipart 4"),
        ROW("\r\n\r\n--b\r\n", "ERR bad_multipart 2"),
        ROW("\n--b\r\n", "ERR bad_multipart 0"),
        ROW("preamble\r\n--b\r\n", "ERR bad_multipart 0"),
        ROW("--c", "ERR bad_multipart 2"),
        ROW("--bc\r\n", "ERR bad_multipart 4"),
        ROW("--b \r\n", "ERR bad_multipart 4"),
        ROW("--b\n", "ERR bad_multipart 4"),
        ROW("--b\rX", "ERR bad_multipart 5"),
        ROW("--b-X", "ERR bad_multipart 5"),
        ROW(HEAD "x\r\n--bX", "a \"x\" | ERR bad_multipart"),
        ROW(HEAD "x\r\n--b \r\n", "a \"x\" | ERR bad_multipart"),
        ROW(HEAD "--b--\r\n", "a \"ERR bad_multipart"),
        ROW(HEAD "--bc\r\n", "a \"ERR bad_multipart"),
        ROW("--b--X", "ERR bad_multipart 6"),
        ROW("--b--\n", "ERR bad_multipart 6"),
        ROW("--b--\r\r", "ERR bad_multipart 7"),
        ROW("--b--\r\nX", "ERR bad_multipart 7"),
        ROW(HEAD "1" LAST "--b\r\n", "a \"1\" | ERR bad_multipart"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_headers_refused(void) {
    static const struct row rows[] = {
        ROW(B "\r\n", "ERR bad_multipart"),
        ROW(B "X: 1\r\n\r\n", "ERR bad_multipart"),
        ROW(B NAMED("a") " folded\r\n", "ERR bad_multipart"),
        ROW(B " X: 1\r\n", "ERR bad_multipart"),
        ROW(B "X : 1\r\n", "ERR bad_multipart"),
        ROW(B ": 1\r\n", "ERR bad_multipart"),
        ROW(B "X\r\n", "ERR bad_multipart"),
        ROW(B "X: 1\n", "ERR bad_multipart"),
        ROW(B "X: 1\rX", "ERR bad_multipart"),
        ROW(B "X: \0\r\n", "ERR bad_multipart"),
        ROW(B "X: \x7f\r\n", "ERR bad_multipart"),
        ROW(B NAMED("a") NAMED("a") "\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: attachment; name=\"a\"\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data;\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name=\"a\";\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data name=\"a\"\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name=\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name=\"a\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name=\"a\"x\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name =\"a\"\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name=a b\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name=\"a\"; name=\"b\"\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name=a; filename=b; filename=c\r\n",
            "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name=a; size=3\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name=\"a\\\"b\"\r\n", "ERR bad_multipart"),
        ROW(B "Content-Disposition: form-data; name=\"a\tb\"\r\n", "ERR bad_multipart"),
        ROW(B NAMED(""), "ERR bad_part_name"),
        ROW(B NAMED("\xff"), "ERR bad_part_name"),
        ROW(B "Content-Disposition: form-data; name=a; filename=\"\xc3\"\r\n", "ERR bad_part_name"),
        ROW(B "Content-Type:\r\n", "ERR bad_part_type"),
        ROW(B "Content-Type: a/b\r\nContent-Type: a/b\r\n", "ERR bad_part_type"),
        ROW(B "Content-Type: Multipart/mixed; boundary=c\r\n", "ERR bad_part_type"),
        ROW(B "Content-Transfer-Encoding: base64\r\n", "ERR bad_part_encoding"),
        ROW(B "Content-Transfer-Encoding: quoted-printable\r\n", "ERR bad_part_encoding"),
        ROW(B "Content-Transfer-Encoding:\r\n", "ERR bad_part_encoding"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- limits ---- */

static void check_text(struct buf *b, const char *want) {
    struct transcript t;
    struct row r = {b->data, b->len, want};
    feed(&t, &r, r.len, r.len);
    size_t len = strlen(want), got = strlen(t.text.data);
    EXPECT_EQ_STR(want, t.text.data + (got < len ? 0 : got - len));
    transcript_finish(&t);
    buf_free(b);
}

static void add_many(struct buf *b, char c, size_t n) {
    for (size_t i = 0; i < n; i++) {
        buf_char(b, c);
    }
}

static void test_limit_parts(void) {
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        for (size_t i = 0; i < MULTIPART_PARTS_MAX + over; i++) {
            buf_str(&b, i == 0 ? HEAD : "\r\n" HEAD);
        }
        buf_str(&b, LAST);
        char want[64];
        (void)snprintf(want, sizeof want, "ERR too_many_parts %d",
                       (int)(strlen("\r\n" HEAD) * MULTIPART_PARTS_MAX + strlen("--b\r\n")));
        check_text(&b, over ? want : "END");
    }
}

static void test_limit_line(void) {
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        buf_str(&b, B NAMED("a") "X: ");
        add_many(&b, 'x', MULTIPART_LINE_MAX - 3 + over);
        buf_str(&b, "\r\n\r\n" LAST);
        check_text(&b, over ? "ERR large_part_headers 1072" : "END");
    }
}

static void test_limit_headers(void) {
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        size_t left = MULTIPART_HEADERS_MAX - strlen(NAMED("a") "\r\n") + over;
        buf_str(&b, B NAMED("a"));
        while (left > 0) {
            size_t n = left > 1000 ? 500 : left > 500 ? left / 2 : left;
            buf_str(&b, "X:");
            add_many(&b, 'x', n - 4);
            buf_str(&b, "\r\n");
            left -= n;
        }
        buf_str(&b, "\r\n" LAST);
        check_text(&b, over ? "ERR large_part_headers 4102" : "END");
    }
}

static void test_limit_names(void) {
    for (size_t over = 0; over <= 1; over++) {
        struct buf name = {0}, file = {0}, type = {0}, path = {0}, ext = {0};
        buf_str(&name, B "Content-Disposition: form-data; name=");
        add_many(&name, 'n', MULTIPART_NAME_MAX + over);
        buf_str(&name, "\r\n\r\n" LAST);
        check_text(&name, over ? "ERR bad_part_name 300" : "END");
        buf_str(&file, B "Content-Disposition: form-data; name=a; filename=");
        add_many(&file, 'f', MULTIPART_NAME_MAX + over);
        buf_str(&file, "\r\n\r\n" LAST);
        check_text(&file, over ? "ERR bad_part_name 312" : "END");
        buf_str(&path, B "Content-Disposition: form-data; name=a; filename=\"C:\\dir\\");
        add_many(&path, 'f', MULTIPART_NAME_MAX + over);
        buf_str(&path, "\"\r\n\r\n" LAST);
        check_text(&path, over ? "ERR bad_part_name 321" : "END");
        buf_str(&ext, B "Content-Disposition: form-data; name=a; filename*=UTF-8''");
        for (size_t i = 0; i < MULTIPART_NAME_MAX + over; i++) {
            buf_str(&ext, "%61");
        }
        buf_str(&ext, "\r\n\r\n" LAST);
        check_text(&ext, over ? "ERR bad_part_name 832" : "END");
        buf_str(&type, B NAMED("a") "Content-Type: ");
        add_many(&type, 't', MULTIPART_TYPE_MAX + over);
        buf_str(&type, "\r\n\r\n" LAST);
        check_text(&type, over ? "ERR bad_part_type 192" : "END");
    }
}

static void test_content_type(void) {
    static const struct {
        const char *text, *want; /* NULL: refused */
    } rows[] = {
        {"multipart/form-data; boundary=abc", "abc"},
        {"Multipart/Form-Data;BOUNDARY=\"a b'()+_,-./:=?9Z\"", "a b'()+_,-./:=?9Z"},
        {"multipart/form-data; charset=utf-8; boundary=abc", "abc"},
        {"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
         "----WebKitFormBoundary7MA4YWxkTrZu0gW"},
        {"multipart/form-data", NULL},
        {"multipart/form-data;", NULL},
        {"multipart/form-datax; boundary=abc", NULL},
        {"multipart/mixed; boundary=abc", NULL},
        {"application/json", NULL},
        {"", NULL},
        {"multipart/form-data; boundary=", NULL},
        {"multipart/form-data; boundary=\"\"", NULL},
        {"multipart/form-data; boundary=abc; boundary=abc", NULL},
        {"multipart/form-data; boundary=abc; boundary*=x", NULL},
        {"multipart/form-data; boundary*0=abc", NULL},
        {"multipart/form-data; boundary=\"abc \"", NULL},
        {"multipart/form-data; boundary=\"a\\bc\"", NULL},
        {"multipart/form-data; boundary=\"abc", NULL},
        {"multipart/form-data; boundary=a{c", NULL},
        {"multipart/form-data; boundary=\"a\xc3\xa4\"", NULL},
        {"multipart/form-data, boundary=abc", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char got[MULTIPART_BOUNDARY_MAX + 1] = "?";
        int r = multipart_boundary(bytes_of(rows[i].text), got);
        EXPECT_TRUE((r == 0) == (rows[i].want != NULL));
        EXPECT_EQ_STR(rows[i].want == NULL ? "?" : rows[i].want, got);
    }
    for (size_t over = 0; over <= 1; over++) {
        struct buf b = {0};
        char got[MULTIPART_BOUNDARY_MAX + 1];
        buf_str(&b, "multipart/form-data; boundary=");
        add_many(&b, 'x', MULTIPART_BOUNDARY_MAX + over);
        EXPECT_TRUE((multipart_boundary(buf_bytes(&b), got) == 0) == (over == 0));
        buf_free(&b);
    }
}

/* A boundary of full length, with content that comes as near to it as it can. */
static void test_long_boundary(void) {
    char boundary[MULTIPART_BOUNDARY_MAX + 1];
    memset(boundary, '-', sizeof boundary - 1);
    boundary[sizeof boundary - 1] = '\0';
    struct buf b = {0};
    buf_printf(&b, "--%s\r\n" NAMED("a") "\r\n\r\n--%.69s\r\n--%s--\r\n", boundary, boundary,
               boundary);
    for (size_t cut = 0; cut <= b.len; cut++) {
        struct transcript t;
        transcript_init(&t, boundary);
        (void)transcript_feed(&t, b.data, cut);
        (void)transcript_feed(&t, b.data + cut, b.len - cut);
        EXPECT_TRUE(multipart_is_complete(&t.parser));
        EXPECT_EQ_UINT(2 + 2 + 69, t.content);
        transcript_finish(&t);
    }
    buf_free(&b);
}

static const struct expect_test tests[] = {
    {"forms as clients send them", test_taken},
    {"file names", test_file_names},
    {"file names that could be read in two ways", test_file_names_refused},
    {"boundaries that could be read in two ways", test_boundaries_refused},
    {"headers that could be read in two ways", test_headers_refused},
    {"parts", test_limit_parts},
    {"a header's length", test_limit_line},
    {"the headers' length", test_limit_headers},
    {"names and types", test_limit_names},
    {"the boundary in a Content-Type", test_content_type},
    {"the longest boundary", test_long_boundary},
};

SUITE_MAIN("multipart", tests)
