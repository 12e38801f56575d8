// Answers that are streams: their form, their bound, and peers that leave or read slowly.
#include "server_fixture.h"

#define HOST "Host: a\r\n"

static void test_stream(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    struct buf in = {0};
    client_say(&f, fd, "GET /stream HTTP/1.1\r\n" HOST "\r\nGET /next HTTP/1.1\r\n" HOST "\r\n");
    fixture_settle(&f);
    respond_stream_begin(f.kept[0], 200, "text/event-stream");
    EXPECT_EQ_INT(0, respond_stream(f.kept[0], bytes_of("data: 1\n\n")));
    EXPECT_EQ_INT(0, respond_stream(f.kept[0], (struct bytes){NULL, 0})); // not the end
    EXPECT_EQ_INT(0, respond_stream(f.kept[0], bytes_of("data: 2\n\n")));
    fixture_wait(&f, 100000); // silence is no stall
    respond_stream_end(f.kept[0]);
    EXPECT_EQ_INT(-EPIPE, respond_stream(f.kept[0], bytes_of("too late")));
    struct answer a = client_answer_from(&f, fd, &in, false, NULL);
    EXPECT_CONTAINS("Transfer-Encoding: chunked\r\n", a.head.data);
    EXPECT_EQ_STR("data: 1\n\ndata: 2\n\n", a.body.data);
    struct answer b = client_answer_from(&f, fd, &in, false, NULL);
    EXPECT_EQ_STR("GET /next [next] body=0", b.body.data);
    answer_free(&a);
    answer_free(&b);
    buf_free(&in);
    close(fd);
    fixture_stop(&f);
}

static void test_stream_old_http(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    struct buf in = {0};
    client_say(&f, fd, "GET /stream HTTP/1.0\r\n\r\n");
    fixture_settle(&f);
    respond_stream_begin(f.kept[0], 200, "text/plain");
    (void)respond_stream(f.kept[0], bytes_of("plain"));
    respond_stream_end(f.kept[0]);
    for (int turn = 0; turn < 64 && client_poll(fd, &in) != 0; turn++) {
        fixture_turn(&f);
    }
    EXPECT_CONTAINS("\r\nConnection: close\r\n\r\nplain", in.data);
    EXPECT_NULL(strstr(in.data, "chunked"));
    buf_free(&in);
    close(fd);
    // HEAD: the head and nothing else, and the handler learns that nobody listens
    fd = client_unix(&f);
    client_say(&f, fd, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n");
    fixture_settle(&f);
    respond_stream_begin(f.kept[1], 200, "text/plain");
    EXPECT_EQ_INT(-EPIPE, respond_stream(f.kept[1], bytes_of("x")));
    fixture_settle(&f);
    EXPECT_EQ_UINT(2, f.done);
    close(fd);
    fixture_stop(&f);
}

static void test_stream_peer_leaves(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    for (unsigned tcp = 0; tcp <= 1; tcp++) {
        int fd = tcp ? client_tcp(&f) : client_unix(&f);
        client_say(&f, fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
        fixture_settle(&f);
        respond_stream_begin(f.kept[tcp], 200, "text/plain");
        EXPECT_EQ_INT(0, respond_stream(f.kept[tcp], bytes_of("x")));
        fixture_settle(&f);
        close(fd);
        for (int turn = 0; turn < 64 && f.done == tcp; turn++) {
            // over TCP a full close looks like a half-close until something is sent
            (void)respond_stream(f.kept[tcp], bytes_of("x"));
            fixture_turn(&f);
        }
        EXPECT_EQ_UINT(tcp + 1, f.done);
        EXPECT_EQ_UINT(0, server_connections(f.server));
    }
    fixture_stop(&f);
}

static void test_stream_slow_reader(void) {
    enum { UNSENT = 64 * 1024, CHUNK = 1000 };
    static char chunk[CHUNK];
    struct fixture f = fixture_defaults();
    f.config.limits.stream_unsent = UNSENT;
    fixture_start(&f);
    fixture_listen(&f);
    int fd = client_unix(&f);
    int r = 0;
    unsigned sent = 0;
    client_say(&f, fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    fixture_settle(&f);
    respond_stream_begin(f.kept[0], 200, "text/plain");
    memset(chunk, 'x', sizeof chunk);
    while (r == 0 && sent < 100000) {
        r = respond_stream(f.kept[0], (struct bytes){chunk, sizeof chunk});
        sent++;
        fixture_turn(&f);
    }
    EXPECT_EQ_INT(-ENOBUFS, r);
    EXPECT_TRUE(sent > UNSENT / CHUNK);
    // the bound is exact: what is left of it fits, one byte more does not
    respond_stream_end(f.kept[0]);
    EXPECT_EQ_UINT(0, f.done);
    fixture_wait(&f, 30000); // and the peer that takes nothing is let go
    fixture_settle(&f);
    EXPECT_EQ_UINT(1, f.done);
    close(fd);
    fixture_stop(&f);
}

static void test_stream_bound(void) {
    struct fixture f = fixture_defaults();
    f.config.limits.stream_unsent = 1000;
    fixture_start(&f);
    fixture_listen(&f);
    static char text[1001];
    memset(text, 'x', sizeof text);
    for (unsigned over = 0; over <= 1; over++) {
        int fd = client_unix(&f);
        client_say(&f, fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
        fixture_settle(&f);
        respond_stream_begin(f.kept[over], 200, "text/plain");
        fixture_settle(&f); // the head has left
        EXPECT_EQ_INT(over ? -ENOBUFS : 0,
                      respond_stream(f.kept[over], (struct bytes){text, 1000 + over}));
        respond_stream_end(f.kept[over]);
        close(fd);
        fixture_settle(&f);
    }
    fixture_stop(&f);
}

static const struct expect_test tests[] = {
    {"streams", test_stream},
    {"streams for HTTP/1.0 and HEAD", test_stream_old_http},
    {"a stream whose peer leaves", test_stream_peer_leaves},
    {"a stream whose peer reads slowly", test_stream_slow_reader},
    {"the bound of what a stream holds", test_stream_bound},
};

SUITE_MAIN("server_stream", tests)
