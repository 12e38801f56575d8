// Compressed answers: which ones, to whom, and that they unpack to the same bytes. The pure parts: test_net_parts.c.
#include <zlib.h>

#include "failing_alloc.h"
#include "server_fixture.h"

enum { CONTENT = 1000000 };

static char content[CONTENT];

/* Lines of numbers, then noise: some of it packs well, some not at all. */
static void fill(void) {
    uint32_t noise = 1;
    for (size_t i = 0; i < CONTENT; i++) {
        noise = noise * 1664525 + 1013904223;
        content[i] = i < CONTENT / 2 ? (char)('0' + i / 7 % 10) : (char)(noise >> 24);
    }
}

/* What `packed` is, or nothing when it is no whole gzip stream. */
static struct buf unpack(struct bytes packed) {
    struct buf out = {0};
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)packed.data,
                  .avail_in = (unsigned)packed.len};
    unsigned char part[65536];
    int r = inflateInit2(&z, 31);
    while (r == Z_OK) {
        z.next_out = part;
        z.avail_out = sizeof part;
        r = inflate(&z, Z_NO_FLUSH);
        buf_add(&out, part, sizeof part - z.avail_out);
    }
    if (r != Z_STREAM_END || z.avail_in != 0) {
        buf_clear(&out);
    }
    (void)inflateEnd(&z);
    return out;
}

struct exchange_case {
    const char *method, *version, *headers;
    const char *type;
    size_t size;
    bool file;
};

static void answer_with(struct request *req, const char *type, size_t size, bool file) {
    if (file) {
        char path[] = "/tmp/jobhost-file-XXXXXX";
        int fd = mkstemp(path);
        (void)unlink(path);
        EXPECT_EQ_INT((int)size, write(fd, content, size));
        respond_file(req, type, fd, size, "tag");
    } else {
        respond(req, 200, type, (struct bytes){content, size});
    }
}

static struct answer ask(struct fixture *f, const struct exchange_case *c) {
    char request[512];
    struct buf in = {0};
    int fd = client_unix(f);
    (void)snprintf(request, sizeof request, "%s /later HTTP/1.%s\r\nHost: a\r\n%s\r\n", c->method,
                   c->version, c->headers);
    client_say(f, fd, request);
    fixture_settle(f);
    struct request *req = f->kept[0];
    f->kept_count = 0;
    answer_with(req, c->type, c->size, c->file);
    struct answer a = client_answer_from(f, fd, &in, strcmp(c->method, "HEAD") == 0, NULL);
    buf_free(&in);
    close(fd);
    fixture_settle(f);
    return a;
}

#define ACCEPT "Accept-Encoding: gzip\r\n"

static void test_which(void) {
    static const struct {
        struct exchange_case c;
        bool gzip, chunked, varies;
    } rows[] = {
        {{"GET", "1", ACCEPT, "text/plain", 1023, false}, false, false, false},
        {{"GET", "1", ACCEPT, "text/plain", 1024, false}, true, false, true},
        {{"GET", "1", ACCEPT, "text/plain", 65536, false}, true, false, true},
        {{"GET", "1", ACCEPT, "text/plain", 65537, false}, true, true, true},
        {{"GET", "1", ACCEPT, "text/plain", CONTENT, false}, true, true, true},
        {{"GET", "1", "", "text/plain", 65536, false}, false, false, true},
        {{"GET", "1", "", "text/plain", CONTENT, false}, false, false, true},
        {{"GET", "1", ACCEPT, "image/png", 65536, false}, false, false, false},
        {{"GET", "0", ACCEPT, "text/plain", 65536, false}, true, false, true},
        {{"GET", "0", ACCEPT, "text/plain", 65537, false}, false, false, true},
        {{"GET", "1", ACCEPT, "text/csv", 1023, true}, false, false, false},
        {{"GET", "1", ACCEPT, "text/csv", 1024, true}, true, true, true},
        {{"GET", "1", ACCEPT, "text/csv", 65536, true}, true, true, true},
        {{"GET", "1", ACCEPT, "text/csv", 65537, true}, true, true, true},
        {{"GET", "1", ACCEPT, "text/csv", CONTENT, true}, true, true, true},
        {{"GET", "1", "", "text/csv", CONTENT, true}, false, false, true},
        {{"GET", "1", ACCEPT, "application/zip", CONTENT, true}, false, false, false},
        {{"GET", "0", ACCEPT, "text/csv", 1024, true}, false, false, true},
        {{"GET", "0", ACCEPT, "text/csv", 65536, true}, false, false, true},
        {{"GET", "0", ACCEPT, "text/csv", 65537, true}, false, false, true},
        {{"GET", "0", ACCEPT, "text/csv", CONTENT, true}, false, false, true},
    };
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exchange_case c = rows[i].c;
        struct answer a = ask(&f, &c);
        EXPECT_EQ_INT(200, a.status);
        EXPECT_TRUE(rows[i].gzip == (strstr(a.head.data, "Content-Encoding: gzip\r\n") != NULL));
        EXPECT_TRUE(rows[i].chunked == (strstr(a.head.data, "chunked") != NULL));
        EXPECT_TRUE(rows[i].varies == (strstr(a.head.data, "Vary: Accept-Encoding\r\n") != NULL));
        struct buf text = {0};
        if (rows[i].gzip) {
            text = unpack(buf_bytes(&a.body));
            EXPECT_TRUE(a.body.len < c.size);
        } else {
            buf_add(&text, a.body.data, a.body.len);
        }
        EXPECT_EQ_BYTES(content, c.size, text.data, text.len);
        buf_free(&text);
        // HEAD says the same, but for the date
        c.method = "HEAD";
        struct answer head = ask(&f, &c);
        EXPECT_EQ_STR(a.head.data, head.head.data);
        answer_free(&head);
        answer_free(&a);
    }
    fixture_stop(&f);
}

/* What does not get smaller stays as it is. */
static void test_noise(void) {
    static const struct exchange_case c = {"GET", "1", ACCEPT, "text/plain", 2000, false};
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    (void)memmove(content, content + CONTENT / 2, 2000);
    struct answer a = ask(&f, &c);
    EXPECT_NULL(strstr(a.head.data, "Content-Encoding"));
    EXPECT_CONTAINS("Vary: Accept-Encoding\r\n", a.head.data);
    EXPECT_EQ_BYTES(content, 2000, a.body.data, a.body.len);
    answer_free(&a);
    fill();
    fixture_stop(&f);
}

static void test_tags(void) {
    static const struct {
        const char *headers;
        int status;
        const char *says, *not_says;
    } rows[] = {
        {"", 200, "ETag: \"tag\"\r\n", "Content-Encoding"},
        {ACCEPT, 200, "ETag: \"tag-gzip\"\r\n", "Accept-Ranges"},
        {ACCEPT "If-None-Match: \"tag-gzip\"\r\n", 304, "ETag: \"tag-gzip\"\r\n",
         "Content-Encoding"},
        {ACCEPT "If-None-Match: W/\"tag-gzip\"\r\n", 304, "Vary: Accept-Encoding\r\n",
         "Content-Length"},
        {ACCEPT "If-None-Match: \"tag\"\r\n", 200, "Content-Encoding: gzip\r\n", "Content-Length"},
        {"If-None-Match: \"tag-gzip\"\r\n", 200, "ETag: \"tag\"\r\n", "Content-Encoding"},
        {"If-None-Match: \"tag\"\r\n", 304, "ETag: \"tag\"\r\n", "Content-Encoding"},
        // a range is one of the content as it is
        {ACCEPT "Range: bytes=0-9\r\n", 206, "ETag: \"tag\"\r\n", "Content-Encoding"},
        {ACCEPT "Range: bytes=0-9\r\nIf-Range: \"tag\"\r\n", 206, "Content-Range: bytes 0-9/",
         "gzip"},
        {ACCEPT "Range: bytes=0-9\r\nIf-Range: \"tag-gzip\"\r\n", 200, "ETag: \"tag\"\r\n", "gzip"},
        {ACCEPT "Range: bytes=9999999-\r\n", 416, "Content-Range: bytes */", "gzip"},
    };
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exchange_case c = {"GET", "1", rows[i].headers, "text/csv", 300000, true};
        if (rows[i].status == 304) {
            c.method = "HEAD"; // for the fixture: no body is to come
        }
        struct answer a = ask(&f, &c);
        EXPECT_EQ_INT(rows[i].status, a.status);
        EXPECT_CONTAINS(rows[i].says, a.head.data);
        EXPECT_NULL(strstr(a.head.data, rows[i].not_says));
        answer_free(&a);
    }
    fixture_stop(&f);
}

/* The handler's own coding is left alone. */
static void test_own_coding(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    client_say(&f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n" ACCEPT "\r\n");
    fixture_settle(&f);
    respond_header(f.kept[0], "content-encoding", "br");
    respond(f.kept[0], 200, "text/plain", (struct bytes){content, 5000});
    struct answer a = client_answer(&f, fd);
    EXPECT_CONTAINS("content-encoding: br\r\n", a.head.data);
    EXPECT_NULL(strstr(a.head.data, "gzip"));
    EXPECT_EQ_BYTES(content, 5000, a.body.data, a.body.len);
    answer_free(&a);
    close(fd);
    fixture_stop(&f);
}

static void test_event_stream(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    client_say(&f, fd, "GET /stream HTTP/1.1\r\nHost: a\r\n" ACCEPT "\r\n");
    fixture_settle(&f);
    respond_stream_begin(f.kept[0], 200, "text/event-stream");
    EXPECT_EQ_INT(0, respond_stream(f.kept[0], (struct bytes){content, 5000}));
    respond_stream_end(f.kept[0]);
    struct answer a = client_answer(&f, fd);
    EXPECT_NULL(strstr(a.head.data, "gzip"));
    EXPECT_EQ_BYTES(content, 5000, a.body.data, a.body.len);
    answer_free(&a);
    close(fd);
    fixture_stop(&f);
}

/* Compressors at work are bounded; who comes then gets the content as it is. */
static void check_bound(size_t size, bool file) {
    enum { STREAMS = 64 };
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fds[STREAMS + 2];
    for (int i = 0; i <= STREAMS + 1; i++) {
        if (i == STREAMS + 1) { // one of them leaves
            close(fds[0]);
            fixture_settle(&f);
        }
        fds[i] = client_unix(&f);
        client_say(&f, fds[i], "GET /later HTTP/1.1\r\nHost: a\r\n" ACCEPT "\r\n");
        fixture_settle(&f);
        bool last = i >= STREAMS;
        answer_with(f.kept[0], "text/plain", last ? size : CONTENT, last && file);
        f.kept_count = 0;
    }
    for (int i = 1; i <= STREAMS + 1; i++) {
        struct answer a = client_answer(&f, fds[i]);
        bool packed = i != STREAMS;
        EXPECT_TRUE(packed == (strstr(a.head.data, "Content-Encoding: gzip") != NULL));
        EXPECT_TRUE(packed ? a.body.len < CONTENT : a.body.len == size);
        answer_free(&a);
        close(fds[i]);
    }
    fixture_stop(&f);
}

static void test_bound(void) {
    check_bound(CONTENT, false);
    check_bound(CONTENT, true);
    check_bound(1024, true);
}

/* Whichever allocation of an answer fails, the request comes to its end. */
static void test_no_memory(void) {
    enum { ALLOCATIONS = 12 };
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    for (int nth = 1; nth <= ALLOCATIONS; nth++) {
        int fd = client_unix(&f);
        client_say(&f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n" ACCEPT "\r\n");
        fixture_settle(&f);
        failing_alloc_after(nth);
        respond(f.kept[0], 200, "text/plain", (struct bytes){content, CONTENT});
        failing_alloc_after(0);
        f.kept_count = 0;
        close(fd);
        fixture_settle(&f);
        EXPECT_EQ_UINT(nth, f.handled);
        EXPECT_EQ_UINT(nth, f.done);
    }
    fixture_stop(&f);
}

static const struct expect_test tests[] = {
    {"which answers are compressed", test_which},
    {"content that does not get smaller", test_noise},
    {"tags and ranges", test_tags},
    {"a coding that the handler has set", test_own_coding},
    {"event streams", test_event_stream},
    {"how many are compressed at once", test_bound},
    {"answers without memory", test_no_memory},
};

int main(int argc, char **argv) {
    fill();
    return expect_run("server gzip", tests, ARRAY_LEN(tests), argc, argv);
}
