// Bodies that come in pieces: pauses, answers before the end, deadlines, and peers that leave.
#include "server_fixture.h"

#define HOST "Host: a\r\n"

struct taker {
    struct fixture f;
    struct request *req;
    size_t taken;
    size_t pause_at; /* BODY_BEHIND from so many bytes on; 0 = never */
    size_t answer_at;
    unsigned ended; /* done callbacks */
    bool whole;     /* the handler was called */
    bool drains;    /* the body ends with a drain */
};

static void on_end(struct request *req, void *arg) {
    struct taker *t = arg;
    (void)req;
    t->ended++;
}

static int take(struct request *req, struct bytes piece) {
    struct taker *t = req->context;
    t->taken += piece.len;
    if (t->answer_at != 0 && t->taken >= t->answer_at) {
        respond_error(req, 507, "disk_full", NULL, "no room");
        return 0;
    }
    return t->pause_at != 0 && t->taken >= t->pause_at ? BODY_BEHIND : 0;
}

static void admit(struct request *req, struct request_body *body, void *arg) {
    struct taker *t = arg;
    req->context = t;
    req->done = on_end;
    req->done_arg = t;
    t->req = req;
    body->limit = 1 << 24;
    body->piece = take;
    body->ends_with_drain = t->drains;
}

static void handle(struct request *req, void *arg) {
    struct taker *t = arg;
    t->whole = true;
    EXPECT_NULL(req->body.data);
    EXPECT_EQ_UINT(t->taken, req->body.len);
    respond(req, 200, "text/plain", bytes_of("thanks"));
}

static void begin_limited(struct taker *t, unsigned uploads) {
    *t = (struct taker){.f = fixture_defaults()};
    t->f.config.limits.uploads = uploads;
    t->f.config.handle = handle;
    t->f.config.admit = admit;
    t->f.config.arg = t;
    t->f.config.limits.body_ms = 2000;
    t->f.config.limits.upload_rate = 1000;
    t->f.config.limits.upload_ms = 10000;
    fixture_start(&t->f);
    fixture_listen(&t->f);
}

static void begin(struct taker *t) {
    begin_limited(t, 1);
}

static int post(struct taker *t, size_t length) {
    char head[128];
    int fd = client_unix(&t->f);
    (void)snprintf(head, sizeof head, "POST / HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                   length);
    client_say(&t->f, fd, head);
    return fd;
}

/* Sends as much as the server takes for now. */
static size_t push(struct taker *t, int fd, size_t len) {
    static const char zeros[65536];
    size_t sent = 0;
    for (int idle = 0; sent < len && idle < 20;) {
        size_t n = len - sent < sizeof zeros ? len - sent : sizeof zeros;
        ssize_t r = send(fd, zeros, n, MSG_NOSIGNAL);
        sent += r > 0 ? (size_t)r : 0;
        idle = r > 0 ? 0 : idle + 1;
        fixture_turn(&t->f);
    }
    fixture_settle(&t->f);
    return sent;
}

static void expect_answer(struct taker *t, int fd, int status, bool closes) {
    struct answer a = client_answer(&t->f, fd);
    EXPECT_EQ_INT(status, a.status);
    EXPECT_TRUE(closes ==
                (a.head.data != NULL && strstr(a.head.data, "Connection: close") != NULL));
    answer_free(&a);
    close(fd);
    fixture_settle(&t->f);
    EXPECT_EQ_UINT(1, t->ended);
}

static void test_pause(void) {
    enum { SIZE = 2000000 };
    struct taker t;
    begin(&t);
    t.pause_at = 1000;
    int fd = post(&t, SIZE);
    size_t sent = push(&t, fd, SIZE);
    EXPECT_TRUE(t.taken >= 1000 && t.taken < 100000); // memory is bounded, whatever is sent
    EXPECT_TRUE(sent < SIZE);
    size_t before = t.taken;
    fixture_wait(&t.f, 3600000); // not the peer's fault
    EXPECT_EQ_UINT(before, t.taken);
    t.pause_at = t.taken + 1;
    request_body_resume(t.req);
    fixture_settle(&t.f);
    EXPECT_TRUE(t.taken > before && t.taken < before + 100000); // and again
    t.pause_at = 0;
    request_body_resume(t.req);
    request_body_resume(t.req); // nothing happens
    sent += push(&t, fd, SIZE - sent);
    EXPECT_EQ_UINT(SIZE, sent);
    expect_answer(&t, fd, 200, false);
    EXPECT_EQ_UINT(SIZE, t.taken);
    fixture_stop(&t.f);
}

static void test_pause_at_the_end(void) {
    struct taker t;
    begin(&t);
    t.pause_at = 10;
    int fd = post(&t, 10);
    (void)push(&t, fd, 10);
    (void)shutdown(fd, SHUT_WR); // it has said all it wants to say
    fixture_settle(&t.f);
    EXPECT_FALSE(t.whole);
    request_body_resume(t.req);
    expect_answer(&t, fd, 200, false);
    EXPECT_TRUE(t.whole);
    fixture_stop(&t.f);
}

/* While it comes in, or while reading waits. */
static void test_answered_early(void) {
    for (int paused = 0; paused <= 1; paused++) {
        struct taker t;
        begin(&t);
        t.answer_at = paused ? 0 : 5000;
        t.pause_at = paused ? 1 : 0;
        int fd = post(&t, 10000);
        (void)push(&t, fd, 6000);
        if (paused) {
            respond_error(t.req, 507, "disk_full", NULL, "no room");
        }
        expect_answer(&t, fd, 507, true);
        EXPECT_FALSE(t.whole);
        fixture_stop(&t.f);
    }
}

static void test_peer_leaves(void) {
    for (int paused = 0; paused <= 1; paused++) {
        struct taker t;
        begin(&t);
        t.pause_at = paused ? 1 : 0;
        int fd = post(&t, 10000);
        (void)push(&t, fd, 6000);
        EXPECT_EQ_UINT(0, t.ended);
        close(fd);
        fixture_settle(&t.f);
        if (paused) { // it is learnt when reading goes on
            t.pause_at = 0;
            request_body_resume(t.req);
            fixture_settle(&t.f);
        }
        EXPECT_EQ_UINT(1, t.ended);
        EXPECT_FALSE(t.whole);
        EXPECT_EQ_UINT(0, server_connections(t.f.server));
        fixture_stop(&t.f);
    }
}

static void test_server_ends(void) {
    for (int paused = 0; paused <= 1; paused++) {
        struct taker t;
        begin(&t);
        t.pause_at = paused ? 1 : 0;
        int fd = post(&t, 10000);
        (void)push(&t, fd, 6000);
        fixture_stop(&t.f);
        EXPECT_EQ_UINT(1, t.ended);
        EXPECT_FALSE(t.whole);
        close(fd);
    }
}

/* body_ms to begin with, then 1000 bytes a second, and never more than upload_ms. */
static void test_rate(void) {
    static const struct {
        size_t size;
        int64_t ms;
    } rows[] = {{0, 2000}, {999, 2999}, {4000, 6000}, {7999, 9999}, {8000, 10000}, {100000, 10000}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct taker t;
        begin(&t);
        int fd = post(&t, 1 << 20);
        (void)push(&t, fd, rows[i].size);
        EXPECT_EQ_UINT(rows[i].size, t.taken);
        fixture_wait(&t.f, rows[i].ms - 1);
        EXPECT_EQ_UINT(0, t.ended);
        fixture_wait(&t.f, 1);
        expect_answer(&t, fd, 408, true);
        fixture_stop(&t.f);
    }
}

/* Pauses do not count, bytes that trickle in do not help. */
static void test_trickle(void) {
    struct taker t;
    begin(&t);
    int fd = post(&t, 1 << 20);
    for (int i = 0; i < 19; i++) {
        (void)push(&t, fd, 1);
        fixture_wait(&t.f, 100);
    }
    t.pause_at = 1;
    (void)push(&t, fd, 1);
    fixture_wait(&t.f, 50000);
    EXPECT_EQ_UINT(0, t.ended);
    t.pause_at = 0;
    request_body_resume(t.req);
    fixture_settle(&t.f);
    fixture_wait(&t.f, 119); // 2000 + 20 bytes' worth, of which 1900 have gone
    EXPECT_EQ_UINT(0, t.ended);
    fixture_wait(&t.f, 1);
    expect_answer(&t, fd, 408, true);
    fixture_stop(&t.f);
}

/* Stalled, or paused by the handler: it is told, and gone when it has had its time to read that. */
static void test_drain(void) {
    for (int kind = 0; kind < 4; kind++) {
        bool drains = kind % 2 == 0, paused = kind >= 2;
        struct taker t;
        begin(&t);
        t.drains = drains;
        t.pause_at = paused ? 1 : 0;
        int fd = post(&t, 1000);
        (void)push(&t, fd, 999);
        EXPECT_EQ_UINT(999, t.taken);
        server_drain_public(t.f.server);
        fixture_settle(&t.f);
        EXPECT_EQ_UINT(drains, t.ended);
        if (drains) {
            expect_answer(&t, fd, 503, true);
            EXPECT_FALSE(t.whole);
        } else {
            t.pause_at = 0;
            request_body_resume(t.req);
            (void)push(&t, fd, 1);
            expect_answer(&t, fd, 200, false); // by the admin door, which stays open
        }
        EXPECT_EQ_UINT(0, server_connections(t.f.server));
        fixture_stop(&t.f);
    }
}

/* An upload that is refused by its head: no 100 Continue. */
static void expect_full(struct fixture *f, int fd) {
    struct buf in = {0};
    unsigned continues = 0;
    client_say(f, fd,
               "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n");
    struct answer a = client_answer_from(f, fd, &in, false, &continues);
    EXPECT_EQ_INT(503, a.status);
    EXPECT_EQ_UINT(0, continues);
    EXPECT_CONTAINS("too_many_uploads", a.body.data);
    EXPECT_CONTAINS("Retry-After: 1\r\n", a.head.data);
    answer_free(&a);
    buf_free(&in);
    close(fd);
    fixture_settle(f);
}

static int begin_upload(struct fixture *f, int fd) {
    client_say(f, fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nfour");
    fixture_settle(f);
    return fd;
}

/* As many as may be, and one more, until one has been answered or has left; not for the owner. */
static void test_limit_uploads(void) {
    struct taker t;
    begin_limited(&t, 2);
    int first = begin_upload(&t.f, client_tcp(&t.f)), second = begin_upload(&t.f, client_tcp(&t.f));
    expect_full(&t.f, client_tcp(&t.f));
    int owner = begin_upload(&t.f, client_unix(&t.f));
    expect_full(&t.f, client_tcp(&t.f));
    close(owner);
    close(first);
    fixture_settle(&t.f);
    first = begin_upload(&t.f, client_tcp(&t.f));
    expect_full(&t.f, client_tcp(&t.f));
    t.taken = 4;
    client_say(&t.f, second, "+five");
    struct answer a = client_answer(&t.f, second);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    close(second);
    fixture_settle(&t.f);
    second = begin_upload(&t.f, client_tcp(&t.f));
    expect_full(&t.f, client_tcp(&t.f));
    close(first);
    close(second);
    fixture_stop(&t.f);
}

static const struct expect_test tests[] = {
    {"as many uploads as there may be", test_limit_uploads},
    {"bodies that end with a drain", test_drain},
    {"reading waits for who takes the body", test_pause},
    {"a pause with nothing left to read", test_pause_at_the_end},
    {"an answer before the end", test_answered_early},
    {"a peer that leaves in mid-body", test_peer_leaves},
    {"a server that ends in mid-body", test_server_ends},
    {"time is earned by what arrives", test_rate},
    {"trickles and pauses", test_trickle},
};

SUITE_MAIN("server bodies", tests)
