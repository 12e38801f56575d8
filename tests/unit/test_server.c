// The server over real sockets: requests and their answers. Deadlines and limits: test_server_limits.c; bodies in pieces, files, streams,
// gzip, listeners: test_server_*.c.
#include "server_fixture.h"

#define HOST "Host: a\r\n"

/* ---- whole answers ---- */

static void test_answers(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    struct answer a = client_ask(&f, "POST /a/%62%20c//./d/../e?x=y HTTP/1.1\r\n" HOST
                                     "Content-Length: 5\r\n\r\nhello");
    EXPECT_EQ_INT(200, a.status);
    EXPECT_EQ_STR("POST /a/%62%20c//./d/../e?x=y [a] [b c] [e] body=5", a.body.data);
    EXPECT_CONTAINS("\r\nContent-Type: text/plain\r\n", a.head.data);
    EXPECT_CONTAINS("\r\nCache-Control: no-store\r\n", a.head.data);
    EXPECT_CONTAINS("\r\nX-Content-Type-Options: nosniff\r\n", a.head.data);
    EXPECT_CONTAINS("\r\nDate: Thu, 01 Jan 1970 00:16:40 GMT\r\n", a.head.data);
    EXPECT_NULL(strstr(a.head.data, "Connection:"));
    EXPECT_EQ_UINT(1, f.done);
    answer_free(&a);
    fixture_stop(&f);
}

static void test_keep_alive(void) {
    static const struct {
        const char *request;
        bool stays;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
    };
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = client_unix(&f);
        client_say(&f, fd, rows[i].request);
        struct answer a = client_answer(&f, fd);
        EXPECT_EQ_INT(200, a.status);
        EXPECT_TRUE(rows[i].stays == (strstr(a.head.data, "Connection: close") == NULL));
        EXPECT_TRUE(rows[i].stays != client_closed(&f, fd));
        answer_free(&a);
        close(fd);
    }
    fixture_stop(&f);
}

static void test_head(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    struct buf in = {0};
    client_say(&f, fd, "HEAD /x HTTP/1.1\r\n" HOST "\r\nGET /y HTTP/1.1\r\n" HOST "\r\n");
    struct answer a = client_answer_from(&f, fd, &in, true, NULL);
    EXPECT_CONTAINS("Content-Length: 18\r\n", a.head.data);
    struct answer b = client_answer_from(&f, fd, &in, false, NULL);
    EXPECT_EQ_STR("GET /y [y] body=0", b.body.data);
    answer_free(&a);
    answer_free(&b);
    buf_free(&in);
    close(fd);
    fixture_stop(&f);
}

static void test_pipelining(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    struct buf in = {0};
    client_say(&f, fd,
               "GET /later HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST
               "\r\nGET /3 HTTP/1.1\r\n" HOST "\r\n");
    fixture_settle(&f);
    EXPECT_EQ_UINT(1, f.handled); // the second waits for the first's answer
    respond(f.kept[0], 200, "text/plain", bytes_of("first"));
    static const char *const want[] = {"first", "GET /2 [2] body=0", "GET /3 [3] body=0"};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct answer a = client_answer_from(&f, fd, &in, false, NULL);
        EXPECT_EQ_STR(want[i], a.body.data);
        answer_free(&a);
    }
    EXPECT_EQ_UINT(3, f.done);
    buf_free(&in);
    close(fd);
    fixture_stop(&f);
}

static void test_fragments(void) {
    static const char text[] =
        "POST /x HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n yo\r\n0\r\n\r\n";
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        client_send(&f, fd, text + i, 1);
    }
    struct answer a = client_answer(&f, fd);
    EXPECT_EQ_STR("POST /x [x] body=8", a.body.data);
    answer_free(&a);
    close(fd);
    fixture_stop(&f);
}

static void test_half_close(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    for (int tcp = 0; tcp <= 1; tcp++) {
        int fd = tcp ? client_tcp(&f) : client_unix(&f);
        client_say(&f, fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
        (void)shutdown(fd, SHUT_WR);
        fixture_settle(&f);
        respond(f.kept[tcp], 200, "text/plain", bytes_of("all of it"));
        struct answer a = client_answer(&f, fd);
        EXPECT_EQ_STR("all of it", a.body.data);
        EXPECT_TRUE(client_closed(&f, fd));
        answer_free(&a);
        close(fd);
    }
    fixture_stop(&f);
}

/* A malformed request gets one answer, and what is behind it none. */
static void test_refusals(void) {
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"GET /  HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"BREW / HTTP/1.1\r\n\r\n", 501},
        {"GET / HTTP/2.0\r\n\r\n", 505},
        {"GET /../x HTTP/1.1\r\n" HOST "\r\n", 400},
        {"GET /%2e%2e/x HTTP/1.1\r\n" HOST "\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
        {"POST / HTTP/1.1\r\n" HOST
         "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\n" HOST "Expect: magic\r\nContent-Length: 1\r\n\r\nx", 417},
        {"\x16\x03\x01", 400},
    };
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = client_unix(&f);
        struct buf in = {0};
        client_say(&f, fd, rows[i].request);
        client_say(&f, fd, "GET /marker HTTP/1.1\r\n" HOST "\r\n");
        struct answer a = client_answer_from(&f, fd, &in, false, NULL);
        EXPECT_EQ_INT(rows[i].status, a.status);
        EXPECT_CONTAINS("\r\nConnection: close\r\n", a.head.data);
        EXPECT_CONTAINS("{\"error\":{\"code\":\"", a.body.data);
        struct answer none = client_answer_from(&f, fd, &in, false, NULL);
        EXPECT_EQ_INT(0, none.status);
        EXPECT_EQ_UINT(0, in.len);
        answer_free(&a);
        answer_free(&none);
        buf_free(&in);
        close(fd);
    }
    EXPECT_EQ_UINT(0, f.handled);
    fixture_stop(&f);
}

static void test_continue(void) {
    struct fixture f = fixture_defaults();
    f.config.limits.body = 100;
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    struct buf in = {0};
    unsigned continues = 0;
    client_say(&f, fd,
               "POST /x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    fixture_settle(&f);
    EXPECT_EQ_INT(1, client_poll(fd, &in));
    EXPECT_EQ_STR("HTTP/1.1 100 Continue\r\n\r\n", in.data);
    client_say(&f, fd, "abc");
    struct answer a = client_answer_from(&f, fd, &in, false, &continues);
    EXPECT_EQ_INT(200, a.status);
    EXPECT_EQ_UINT(1, continues);
    answer_free(&a);
    // no body, or one that is there already: no 100; one that is too large: the final status instead
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"POST /x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc", 200},
        {"POST /x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", 200},
        {"POST /x HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 101\r\n\r\n", 413},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_say(&f, fd, rows[i].request);
        a = client_answer_from(&f, fd, &in, false, &continues);
        EXPECT_EQ_INT(rows[i].status, a.status);
        EXPECT_EQ_UINT(1, continues);
        answer_free(&a);
    }
    buf_free(&in);
    close(fd);
    fixture_stop(&f);
}

static void test_header_injection(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    for (int i = 0; i < 2; i++) {
        int fd = client_unix(&f);
        client_say(&f, fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
        fixture_settle(&f);
        if (i == 0) {
            respond_header(f.kept[i], "X-Name", "a\r\nSet-Cookie: b");
        }
        respond(f.kept[i], 200, i == 0 ? "text/plain" : "text/plain\r\nX: y", bytes_of("no"));
        struct answer a = client_answer(&f, fd);
        EXPECT_EQ_INT(500, a.status);
        EXPECT_NULL(strstr(a.head.data, "Set-Cookie"));
        EXPECT_NULL(strstr(a.head.data, "X: y"));
        answer_free(&a);
        close(fd);
        fixture_settle(&f);
    }
    fixture_stop(&f);
}

static void test_headers_and_query(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    client_say(&f, fd,
               "GET /later?a=1&b=x%20y+z&a=2&empty&%63=d HTTP/1.1\r\n" HOST
               "X-One: 1\r\nx-two: first \t\r\nX-Two: second\r\nX_Two: third\r\n\r\n");
    fixture_settle(&f);
    struct request *req = f.kept[0];
    struct bytes value = {NULL, 0};
    EXPECT_EQ_UINT(1, request_header(req, "x-one", NULL));
    EXPECT_EQ_UINT(2, request_header(req, "X-TWO", &value));
    EXPECT_EQ_BYTES("first", 5, value.data, value.len);
    EXPECT_EQ_UINT(0, request_header(req, "x-three", &value));
    EXPECT_EQ_STR("1", request_query(req, "a"));
    EXPECT_EQ_STR("x y z", request_query(req, "b"));
    EXPECT_EQ_STR("d", request_query(req, "c"));
    EXPECT_EQ_STR("", request_query(req, "empty"));
    EXPECT_NULL(request_query(req, "A"));
    EXPECT_EQ_STR("a", req->host);
    EXPECT_EQ_UINT(getuid(), req->peer_uid);
    EXPECT_EQ_STR("unix", req->peer);
    respond(req, 204, NULL, (struct bytes){NULL, 0});
    struct answer a = client_answer(&f, fd);
    EXPECT_EQ_INT(204, a.status);
    EXPECT_NULL(strstr(a.head.data, "Content-Length"));
    answer_free(&a);
    close(fd);
    fd = client_tcp(&f);
    client_say(&f, fd, "GET http://b.c:81/later HTTP/1.1\r\n" HOST "\r\n");
    fixture_settle(&f);
    EXPECT_EQ_STR("b.c:81", f.kept[1]->host);
    EXPECT_EQ_UINT(UINT32_MAX, f.kept[1]->peer_uid);
    EXPECT_EQ_STR("127.0.0.1", f.kept[1]->peer);
    EXPECT_EQ_UINT(1, f.kept[1]->path_count);
    respond(f.kept[1], 200, NULL, (struct bytes){NULL, 0});
    close(fd);
    fixture_stop(&f);
}

/* ---- requests that outlive their peer ---- */

static void test_peer_leaves(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    client_say(&f, fd, "GET /later HTTP/1.1\r\n" HOST "X: y\r\n\r\n");
    fixture_settle(&f);
    close(fd);
    fixture_settle(&f);
    EXPECT_EQ_UINT(0, f.done); // it waits for its answer
    EXPECT_EQ_UINT(1, request_header(f.kept[0], "X", NULL));
    respond(f.kept[0], 200, "text/plain", bytes_of("nobody reads this"));
    EXPECT_EQ_UINT(0, f.done); // not inside of the call
    fixture_settle(&f);
    EXPECT_EQ_UINT(1, f.done);
    EXPECT_EQ_UINT(0, server_connections(f.server));
    fixture_stop(&f);
}

/* A stream that nobody reads any more ends by its `done`, whether or not its handler ends it. */
static void test_peer_leaves_before_stream(void) {
    for (int ends = 0; ends <= 1; ends++) {
        struct fixture f = fixture_defaults();
        fixture_start(&f);
        fixture_listen(&f);
        int fd = client_unix(&f);
        client_say(&f, fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
        fixture_settle(&f);
        close(fd);
        fixture_settle(&f);
        EXPECT_EQ_UINT(0, server_connections(f.server));
        respond_stream_begin(f.kept[0], 200, "text/plain");
        EXPECT_EQ_INT(-EPIPE, respond_stream(f.kept[0], bytes_of("x")));
        if (ends) {
            respond_stream_end(f.kept[0]);
        }
        EXPECT_EQ_UINT(0, f.done); // not inside of the call
        fixture_settle(&f);
        EXPECT_EQ_UINT(1, f.done);
        fixture_stop(&f);
    }
}

static void test_server_leaves(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd[4];
    for (int i = 0; i < 4; i++) {
        fd[i] = client_unix(&f);
        client_say(&f, fd[i],
                   i == 2 ? "GET /stream HTTP/1.1\r\n" HOST "\r\n"
                          : "GET /later HTTP/1.1\r\n" HOST "\r\n");
    }
    fixture_settle(&f);
    respond_stream_begin(f.kept[2], 200, "text/plain");
    server_close(f.server);
    EXPECT_EQ_UINT(1, f.done); // the stream's; the others are answered afterwards
    respond(f.kept[0], 200, "text/plain", bytes_of("late"));
    respond_stream_begin(f.kept[1], 200, "text/plain");
    EXPECT_EQ_INT(-EPIPE, respond_stream(f.kept[1], bytes_of("x")));
    respond_stream_end(f.kept[1]);
    EXPECT_EQ_INT(-EPIPE, respond_stream(f.kept[1], bytes_of("y"))); // a handler may not know yet
    EXPECT_EQ_UINT(1, f.done);                                       // not inside of the calls
    server_free(&f.server);
    EXPECT_EQ_UINT(4, f.done); // with the one that nobody has answered
    for (int i = 0; i < 4; i++) {
        close(fd[i]);
    }
    fixture_stop(&f);
}

/* ---- admission ---- */

/* Counts; req->context is the number of bytes. */
static int take_piece(struct request *req, struct bytes piece) {
    req->context = req->context == NULL ? arena_zalloc(&req->arena, sizeof(size_t)) : req->context;
    *(size_t *)req->context += piece.len;
    return 0;
}

static void admit(struct request *req, struct request_body *body, void *arg) {
    (void)arg;
    EXPECT_EQ_UINT(0, req->body.len);
    if (strcmp(req->path[0], "no") == 0) {
        respond_error(req, 503, "busy", NULL, "not now");
    } else if (strcmp(req->path[0], "large") == 0) {
        body->limit = 5000;
    } else if (strcmp(req->path[0], "pieces") == 0) {
        body->piece = take_piece;
        body->limit = 1 << 20;
    }
}

static void admitted(struct request *req, void *arg) {
    struct fixture *f = arg;
    char text[64];
    f->handled++;
    (void)snprintf(text, sizeof text, "%s %zu %s", req->path[0], req->body.len,
                   req->body.data != NULL || req->context == NULL ? "memory"
                   : *(size_t *)req->context == req->body.len     ? "pieces"
                                                                  : "?");
    respond(req, 200, "text/plain", bytes_of(text));
}

static void test_admission(void) {
    static const struct {
        const char *path;
        size_t size;
        int status;
        const char *says;
    } rows[] = {
        {"small", 100, 200, "small 100 memory"},
        {"small", 101, 413, "large_body"},
        {"large", 5000, 200, "large 5000 memory"},
        {"large", 5001, 413, "large_body"},
        {"no", 10, 503, "busy"},
        {"pieces", 300000, 200, "pieces 300000 pieces"},
        {"pieces", 0, 200, "pieces 0 memory"},
    };
    struct fixture f = fixture_defaults();
    f.config.limits.body = 100;
    f.config.handle = admitted;
    f.config.admit = admit;
    f.config.arg = &f;
    fixture_start(&f);
    fixture_listen(&f);
    char *content = calloc(1, 300000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char head[128];
        int fd = client_unix(&f);
        (void)snprintf(head, sizeof head,
                       "POST /%s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", rows[i].path,
                       rows[i].size);
        client_say(&f, fd, head);
        client_send(&f, fd, content, rows[i].size);
        struct answer a = client_answer(&f, fd);
        EXPECT_EQ_INT(rows[i].status, a.status);
        EXPECT_CONTAINS(rows[i].says, a.body.data);
        EXPECT_TRUE((rows[i].status == 200) == (strstr(a.head.data, "Connection: close") == NULL));
        answer_free(&a);
        close(fd);
        fixture_settle(&f);
    }
    free(content);
    EXPECT_EQ_UINT(4, f.handled);
    fixture_stop(&f);
}

/* ---- who asks is still to be found out ---- */

static struct request *held; // what admit() waits with
static unsigned asked, gone;

static void on_gone(struct request *req, void *arg) {
    (void)req;
    (void)arg;
    gone++;
}

static void admit_later(struct request *req, struct request_body *body, void *arg) {
    (void)arg;
    asked++;
    if (req->context == NULL) {
        req->context = arena_zalloc(&req->arena, 1);
        req->done = on_gone;
        held = req;
        body->hold = true;
    } else if (strcmp(req->path[0], "no") == 0) {
        respond_error(req, 401, "nobody", NULL, "who is it?");
    } else {
        body->limit = 1 << 20;
    }
}

static void tell_size(struct request *req, void *arg) {
    char text[32];
    (void)arg;
    (void)snprintf(text, sizeof text, "%zu bytes", req->body.len);
    req->done = NULL;
    respond(req, 200, "text/plain", bytes_of(text));
}

static void start_held(struct fixture *f) {
    *f = fixture_defaults();
    f->config.handle = tell_size;
    f->config.admit = admit_later;
    f->config.arg = f;
    asked = gone = 0;
    held = NULL;
    fixture_start(f);
    fixture_listen(f);
}

static void test_hold(void) {
    static const struct {
        const char *method, *path, *expect;
        size_t size;
        int status;
        const char *says;
    } rows[] = {{"POST", "small", "", 10, 200, "10 bytes"},
                {"POST", "large", "", 300000, 200, "300000 bytes"},
                {"POST", "asks", "Expect: 100-continue\r\n", 10, 200, "10 bytes"},
                {"GET", "none", "", 0, 200, "0 bytes"},
                {"POST", "no", "", 300000, 401, "nobody"}};
    struct fixture f;
    start_held(&f);
    char *content = calloc(1, 300000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char head[192];
        int fd = client_unix(&f);
        held = NULL;
        (void)snprintf(head, sizeof head,
                       "%s /%s HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\n\r\n", rows[i].method,
                       rows[i].path, rows[i].expect, rows[i].size);
        client_say(&f, fd, head);
        fixture_settle(&f);
        if (EXPECT_TRUE(held != NULL)) {
            EXPECT_EQ_UINT(2 * i + 1, asked);
            request_admit_again(held);
        }
        client_send(&f, fd, content, rows[i].size);
        struct answer a = client_answer(&f, fd);
        if (a.status == 100) {
            answer_free(&a);
            a = client_answer(&f, fd);
        }
        EXPECT_EQ_INT(rows[i].status, a.status);
        EXPECT_CONTAINS(rows[i].says, a.body.data);
        EXPECT_EQ_UINT(2 * i + 2, asked);
        answer_free(&a);
        close(fd);
        fixture_settle(&f);
    }
    free(content);
    fixture_stop(&f);
}

/* Who is asked about may leave meanwhile. */
static void test_hold_and_leave(void) {
    struct fixture f;
    start_held(&f);
    int fd = client_unix(&f);
    client_say(&f, fd, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab");
    fixture_settle(&f);
    EXPECT_TRUE(held != NULL);
    close(fd);
    fixture_settle(&f);
    request_admit_again(held); // who waits reads nothing, and so does not see that either
    for (int turn = 0; gone == 0 && turn < FIXTURE_TURNS; turn++) {
        fixture_turn(&f);
    }
    EXPECT_EQ_UINT(1, gone);
    fixture_stop(&f);
}

static const struct expect_test tests[] = {
    {"a request is answered", test_answers},
    {"who keeps the connection", test_keep_alive},
    {"HEAD has no body", test_head},
    {"pipelined requests are answered in order, one at a time", test_pipelining},
    {"a request byte by byte", test_fragments},
    {"a peer that has half closed gets its answer", test_half_close},
    {"one answer to a malformed request, none to what is behind it", test_refusals},
    {"100 Continue", test_continue},
    {"header values with line ends", test_header_injection},
    {"headers and query as the handler sees them", test_headers_and_query},
    {"a request outlives its peer", test_peer_leaves},
    {"a stream whose peer has left before", test_peer_leaves_before_stream},
    {"a request outlives the server", test_server_leaves},
    {"admission before the body", test_admission},
    {"admission that waits", test_hold},
    {"admission that waits for one who has left", test_hold_and_leave},
};

SUITE_MAIN("server", tests)
