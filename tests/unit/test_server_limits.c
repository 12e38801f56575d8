// The server's deadlines, to the millisecond, and its limits of connections. Requests and answers: test_server.c.
#include <sys/resource.h>

#include "server_fixture.h"

#define HOST "Host: a\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST "\r\n"

static struct server_limits short_limits(void) {
    struct server_limits l = server_limits_default;
    l.header_ms = 1000;
    l.body_ms = 2000;
    l.idle_ms = 3000;
    l.write_ms = 4000;
    return l;
}

static void start(struct fixture *f, struct server_limits l) {
    *f = fixture_defaults();
    f->config.limits = l;
    fixture_start(f);
    fixture_listen(f);
}

/* ---- deadlines ---- */

/* Says `text`, waits so long, and tells whether the server has let go. *ret is what it answered. */
static bool let_go(struct fixture *f, int fd, int64_t ms, struct buf *ret) {
    fixture_settle(f);
    fixture_wait(f, ms);
    int r = 1;
    while (r == 1) {
        r = client_poll(fd, ret);
    }
    return r == 0;
}

static void test_deadline_header(void) {
    static const struct {
        const char *sent;
        const char *answer; /* NULL: none, silently */
        int64_t ms;
    } rows[] = {
        {"", NULL, 1000},
        {"\r\n", NULL, 1000},
        {"G", "408", 1000},
        {"GET / HTTP/1.1\r\nHo", "408", 1000},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhell", "408", 2000},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n4\r\nhell", "408", 2000},
    };
    struct fixture f;
    start(&f, short_limits());
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int tcp = 0; tcp <= 1; tcp++) {
            struct buf in = {0};
            int fd = tcp ? client_tcp(&f) : client_unix(&f);
            client_say(&f, fd, rows[i].sent);
            EXPECT_FALSE(let_go(&f, fd, rows[i].ms - 1, &in));
            EXPECT_EQ_UINT(0, in.len);
            EXPECT_TRUE(let_go(&f, fd, 1, &in));
            EXPECT_TRUE(rows[i].answer == NULL
                            ? in.len == 0
                            : in.len > 12 && memcmp(in.data + 9, rows[i].answer, 3) == 0);
            buf_free(&in);
            close(fd);
            fixture_settle(&f);
        }
    }
    EXPECT_EQ_UINT(0, server_connections(f.server));
    fixture_stop(&f);
}

/* Bytes that trickle in do not move a deadline. */
static void test_deadline_trickle(void) {
    static const char *const texts[] = {
        "GET /12345678901234567890 HTTP/1.1\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 50\r\n\r\n",
    };
    static const int64_t ends[] = {1000, 2000};
    struct fixture f;
    start(&f, short_limits());
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int fd = client_unix(&f);
        struct buf in = {0};
        int64_t ms = 0;
        bool gone = false;
        client_say(&f, fd, i == 0 ? "G" : texts[i]);
        while (!gone && ms < 10000) {
            client_say(&f, fd, "E");
            ms += 100;
            gone = let_go(&f, fd, 100, &in);
        }
        EXPECT_EQ_INT(ends[i], ms);
        EXPECT_CONTAINS(" 408 ", in.data);
        buf_free(&in);
        close(fd);
        fixture_settle(&f);
    }
    fixture_stop(&f);
}

/* A body larger than a megabyte has longer, by what has arrived of it. */
static void test_deadline_large_body(void) {
    struct server_limits l = short_limits();
    l.body = 16 << 20;
    struct fixture f;
    start(&f, l);
    static const struct {
        const char *framing;
        size_t sent;
        int64_t ms;
    } rows[] = {
        {"Content-Length: 4194304\r\n\r\n", 0, 2000},
        {"Content-Length: 4194304\r\n\r\n", 2 << 20, 2000 + 32000},
        {"Content-Length: 1048577\r\n\r\n", 1 << 20, 2000 + 16000},
        {"Content-Length: 1048576\r\n\r\n", (1 << 20) - 1, 2000}, // a small one has not
        {"Transfer-Encoding: chunked\r\n\r\n400000\r\n", 0, 2000},
        {"Transfer-Encoding: chunked\r\n\r\n400000\r\n", 2 << 20, 2000 + 32000},
    };
    char *content = calloc(1, 2 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd = client_unix(&f);
        struct buf in = {0};
        client_say(&f, fd, "POST / HTTP/1.1\r\n" HOST);
        client_say(&f, fd, rows[i].framing);
        client_send(&f, fd, content, rows[i].sent);
        EXPECT_FALSE(let_go(&f, fd, rows[i].ms - 1, &in));
        EXPECT_TRUE(let_go(&f, fd, 1, &in));
        EXPECT_CONTAINS(" 408 ", in.data);
        buf_free(&in);
        close(fd);
        fixture_settle(&f);
    }
    free(content);
    fixture_stop(&f);
}

static void test_deadline_idle(void) {
    struct fixture f;
    start(&f, short_limits());
    int fd = client_unix(&f);
    struct buf in = {0};
    for (int i = 0; i < 2; i++) { // the idle time begins anew with each answer
        client_say(&f, fd, GET);
        struct answer a = client_answer(&f, fd);
        EXPECT_EQ_INT(200, a.status);
        answer_free(&a);
        EXPECT_FALSE(let_go(&f, fd, 2999, &in));
    }
    EXPECT_TRUE(let_go(&f, fd, 1, &in));
    EXPECT_EQ_UINT(0, in.len); // silently
    close(fd);
    // the first byte of the next request starts the header deadline
    fd = client_unix(&f);
    client_say(&f, fd, GET);
    struct answer a = client_answer(&f, fd);
    answer_free(&a);
    EXPECT_FALSE(let_go(&f, fd, 2500, &in));
    client_say(&f, fd, "G");
    EXPECT_FALSE(let_go(&f, fd, 999, &in));
    EXPECT_TRUE(let_go(&f, fd, 1, &in));
    EXPECT_CONTAINS(" 408 ", in.data);
    buf_free(&in);
    close(fd);
    fixture_stop(&f);
}

/* An answer has no deadline while the handler works on it, and none while the peer takes it. */
static void test_deadline_answer(void) {
    enum { BIG = 4 << 20 };
    static char big[BIG];
    struct fixture f;
    start(&f, short_limits());
    int fd = client_unix(&f);
    struct buf in = {0};
    client_say(&f, fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    EXPECT_FALSE(let_go(&f, fd, 1000000, &in));
    respond(f.kept[0], 200, "text/plain", (struct bytes){big, sizeof big});
    for (int i = 0; i < 5; i++) {
        fixture_wait(&f, 3999);
        EXPECT_EQ_UINT(0, f.done);
        EXPECT_EQ_INT(1, client_poll(fd, &in)); // takes some of it
        fixture_settle(&f);
    }
    fixture_wait(&f, 3999);
    EXPECT_EQ_UINT(0, f.done);
    fixture_wait(&f, 1);
    EXPECT_EQ_UINT(1, f.done); // let go
    EXPECT_EQ_UINT(0, server_connections(f.server));
    buf_free(&in);
    close(fd);
    fixture_stop(&f);
}

/* After a refusal the server reads on, so that its answer is not lost to a reset, but not for ever. */
static void test_linger(void) {
    struct fixture f;
    start(&f, short_limits());
    struct buf in = {0};
    int fd = client_tcp(&f);
    client_say(&f, fd, "BAD\r\n");
    fixture_settle(&f);
    client_say(&f, fd, "and more of it");
    fixture_settle(&f);
    EXPECT_EQ_UINT(1, server_connections(f.server));
    struct answer a = client_answer(&f, fd);
    EXPECT_EQ_INT(400, a.status);
    answer_free(&a);
    fixture_wait(&f, SERVER_LINGER_MS - 1);
    EXPECT_EQ_UINT(1, server_connections(f.server));
    fixture_wait(&f, 1);
    EXPECT_EQ_UINT(0, server_connections(f.server));
    close(fd);
    static char flood[SERVER_LINGER_BYTES];
    for (size_t over = 0; over <= 1; over++) { // one byte less than the bound, and the bound
        fd = client_unix(&f);
        client_say(&f, fd, "BAD\r\n");
        fixture_settle(&f);
        client_send(&f, fd, flood, sizeof flood - strlen("\r\n") - 1 + over);
        fixture_settle(&f);
        EXPECT_EQ_UINT(over ? 0 : 1, server_connections(f.server));
        close(fd);
        fixture_settle(&f);
    }
    buf_free(&in);
    fixture_stop(&f);
}

/* ---- limits of a request, through the whole server ---- */

static void check_sized(struct fixture *f, const char *before, size_t fill, const char *after,
                        int status) {
    struct buf text = {0};
    buf_str(&text, before);
    for (size_t i = 0; i < fill; i++) {
        buf_char(&text, 'x');
    }
    buf_str(&text, after);
    struct answer a = client_ask(f, text.data);
    EXPECT_EQ_INT(status, a.status);
    answer_free(&a);
    buf_free(&text);
}

static void test_request_limits(void) {
    struct server_limits l = short_limits();
    l.request_line = 100;
    l.headers = 200;
    l.header_count = 5;
    l.body = 50;
    struct fixture f;
    start(&f, l);
    for (size_t over = 0; over <= 1; over++) {
        check_sized(&f, "GET /", 100 - strlen("GET / HTTP/1.1") + over, " HTTP/1.1\r\n" HOST "\r\n",
                    over ? 414 : 200);
        check_sized(&f, "GET / HTTP/1.1\r\n" HOST "X: ", 200 - strlen(HOST "X: \r\n\r\n") + over,
                    "\r\n\r\n", over ? 431 : 200);
        check_sized(&f, "GET / HTTP/1.1\r\n" HOST "x1:\r\nx2:\r\nx3:\r\nx4:\r\n", 0,
                    over ? "x5:\r\n\r\n" : "\r\n", over ? 431 : 200);
        check_sized(&f,
                    over ? "POST / HTTP/1.1\r\n" HOST "Content-Length: 51\r\n\r\n"
                         : "POST / HTTP/1.1\r\n" HOST "Content-Length: 50\r\n\r\n",
                    50 + over, "", over ? 413 : 200);
    }
    fixture_stop(&f);
}

/* ---- connections ---- */

static void test_connection_ends(void) {
    struct server_limits l = short_limits();
    l.requests_per_connection = 3;
    l.connection_age_ms = 2000;
    struct fixture f;
    start(&f, l);
    for (int tcp = 0; tcp <= 1; tcp++) {
        int fd = tcp ? client_tcp(&f) : client_unix(&f);
        for (int i = 1; i <= 3; i++) {
            client_say(&f, fd, GET);
            struct answer a = client_answer(&f, fd);
            bool ends = strstr(a.head.data, "Connection: close") != NULL;
            EXPECT_TRUE(
                ends ==
                (tcp && i == 3)); // the admin socket's clients are ours: no such limit there
            answer_free(&a);
        }
        close(fd);
        fixture_settle(&f);
    }
    for (int late = 0; late <= 1; late++) {
        int fd = client_tcp(&f);
        fixture_settle(&f);
        client_say(&f, fd, GET);
        struct answer a = client_answer(&f, fd);
        answer_free(&a);
        fixture_wait(&f, 1999 + late);
        client_say(&f, fd, GET);
        a = client_answer(&f, fd);
        EXPECT_TRUE(late == (strstr(a.head.data, "Connection: close") != NULL));
        answer_free(&a);
        close(fd);
        fixture_settle(&f);
    }
    fixture_stop(&f);
}

/* The admin's way in: a whole exchange on a connection of its own. */
static void check_admin_served(struct fixture *f) {
    struct answer a = client_ask(f, GET);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
}

static void test_connection_cap(void) {
    enum { CAP = 20, WAKE = CAP - 2 };
    struct server_limits l = short_limits();
    l.connections = CAP;
    struct fixture f;
    start(&f, l);
    int fds[CAP + 1];
    for (int i = 0; i <= CAP; i++) { // one more than the cap: it waits in the kernel's queue
        fds[i] = client_tcp(&f);
        fixture_settle(&f);
    }
    EXPECT_EQ_UINT(CAP, server_connections(f.server));
    check_admin_served(&f); // however full it is
    EXPECT_EQ_UINT(CAP, server_connections(f.server));
    client_say(&f, fds[CAP], GET);
    client_say(&f, fds[0], GET); // those inside are served
    struct answer a = client_answer(&f, fds[0]);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    close(fds[0]);
    fixture_settle(&f);
    EXPECT_EQ_UINT(CAP - 1, server_connections(f.server)); // not for a single place
    close(fds[1]);
    fixture_settle(&f);
    EXPECT_EQ_UINT(WAKE + 1, server_connections(f.server));
    a = client_answer(&f, fds[CAP]);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    for (int i = 2; i <= CAP; i++) {
        close(fds[i]);
    }
    fixture_stop(&f);
}

static void test_connections_per_peer(void) {
    struct server_limits l = short_limits();
    l.connections_per_peer = 2;
    struct fixture f;
    start(&f, l);
    int fds[3], local[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = client_tcp(&f);
        local[i] = client_unix(&f); // these do not count
        fixture_settle(&f);
    }
    EXPECT_EQ_UINT(5, server_connections(f.server));
    struct answer a = client_answer(&f, fds[2]);
    EXPECT_EQ_INT(503, a.status);
    EXPECT_EQ_STR("{\"error\":{\"code\":\"too_many_connections\",\"message\":\"try again in a "
                  "moment\"}}\n",
                  a.body.data);
    EXPECT_CONTAINS("\r\nRetry-After: 1\r\n", a.head.data);
    EXPECT_TRUE(client_closed(&f, fds[2]));
    answer_free(&a);
    close(fds[0]);
    close(fds[2]);
    fixture_settle(&f);
    fds[0] = client_tcp(&f);
    client_say(&f, fds[0], GET);
    a = client_answer(&f, fds[0]);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    close(fds[0]);
    close(fds[1]);
    for (int i = 0; i < 3; i++) {
        close(local[i]);
    }
    fixture_stop(&f);
}

static void ask_as(struct fixture *f, int fd, const char *method, const char *path,
                   const char *address) {
    char text[256];
    (void)snprintf(text, sizeof text, "%s %s HTTP/1.1\r\n" HOST "X-Forwarded-For: %s\r\n\r\n",
                   method, path, address);
    client_say(f, fd, text);
    fixture_settle(f);
}

/* Connections of a trusted proxy are not one peer's; its requests are counted for those it names. */
static void test_trusted_proxy(void) {
    struct network proxy;
    struct fixture f = fixture_defaults();
    EXPECT_EQ_INT(0, network_parse("127.0.0.2", &proxy, NULL));
    f.config.limits.connections_per_peer = 2;
    f.config.proxies = (struct proxies){.networks = &proxy, .count = 1};
    fixture_start(&f);
    fixture_listen(&f);
    int fds[5];
    for (int i = 0; i < 5; i++) {
        fds[i] = client_tcp_from(&f, 2);
        fixture_settle(&f);
    }
    EXPECT_EQ_UINT(5, server_connections(f.server));
    ask_as(&f, fds[0], "GET", "/later", "203.0.113.1");
    ask_as(&f, fds[1], "GET", "/later", "198.51.100.1, 203.0.113.1");
    EXPECT_EQ_UINT(2, f.kept_count);
    EXPECT_EQ_STR("203.0.113.1", f.kept[0]->peer);
    ask_as(&f, fds[2], "GET", "/x", "203.0.113.1"); // the third of one peer
    struct answer a = client_answer(&f, fds[2]);
    EXPECT_EQ_INT(503, a.status);
    EXPECT_CONTAINS("Retry-After: 1\r\n", a.head.data);
    answer_free(&a);
    ask_as(&f, fds[2], "GET", "/x", "203.0.113.2"); // another's, on the same connection
    a = client_answer(&f, fds[2]);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    client_say(&f, fds[3], GET); // its own
    a = client_answer(&f, fds[3]);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    close(fds[1]); // the request goes on without its client, and counts until it is answered
    fixture_settle(&f);
    ask_as(&f, fds[2], "GET", "/x", "203.0.113.1");
    a = client_answer(&f, fds[2]);
    EXPECT_EQ_INT(503, a.status);
    answer_free(&a);
    respond(f.kept[1], 200, "text/plain", bytes_of("nobody reads this"));
    fixture_settle(&f);
    ask_as(&f, fds[2], "GET", "/x", "203.0.113.1");
    a = client_answer(&f, fds[2]);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    // who is no proxy may claim what it likes
    int stranger = client_tcp_from(&f, 3);
    ask_as(&f, stranger, "GET", "/later", "203.0.113.9");
    EXPECT_EQ_STR("127.0.0.3", f.kept[2]->peer);
    respond(f.kept[2], 200, "text/plain", bytes_of("x"));
    respond(f.kept[0], 200, "text/plain", bytes_of("x"));
    close(stranger);
    for (int i = 0; i < 5; i++) {
        if (i != 1) {
            close(fds[i]);
        }
    }
    fixture_stop(&f);
}

static void test_no_caps(void) {
    enum { MANY = 100 };
    struct server_limits l = short_limits();
    l.connections = l.connections_per_peer = l.requests_per_connection = 0;
    l.connection_age_ms = 0;
    struct fixture f;
    int fds[MANY];
    start(&f, l);
    for (int i = 0; i < MANY; i++) {
        fds[i] = client_tcp(&f);
        fixture_settle(&f);
    }
    EXPECT_EQ_UINT(MANY, server_connections(f.server));
    for (int i = 0; i < 3; i++) {
        client_say(&f, fds[0], GET);
        struct answer a = client_answer(&f, fds[0]);
        EXPECT_EQ_INT(200, a.status);
        EXPECT_NULL(strstr(a.head.data, "Connection: close"));
        answer_free(&a);
        fixture_wait(&f, 2999);
    }
    for (int i = 0; i < MANY; i++) {
        close(fds[i]);
    }
    fixture_stop(&f);
}

/* Few descriptors are left: they are the host's own, and the admin's. */
static void test_few_descriptors(void) {
    struct rlimit before, now;
    struct fixture f;
    EXPECT_EQ_INT(0, getrlimit(RLIMIT_NOFILE, &before));
    int next = dup(0);
    close(next);
    now = (struct rlimit){.rlim_cur = (rlim_t)next + 8 + 32 + 4, .rlim_max = before.rlim_max};
    EXPECT_EQ_INT(0, setrlimit(RLIMIT_NOFILE, &now));
    start(&f, short_limits());
    int fds[32];
    int inside = 0;
    struct answer a = {.status = -1};
    while (inside < 32 && a.status != 503) {
        fds[inside] = client_tcp(&f);
        fixture_settle(&f);
        if (server_connections(f.server) == (unsigned)inside) {
            a = client_answer(&f, fds[inside]);
            answer_free(&a);
        }
        inside++;
    }
    EXPECT_EQ_INT(503, a.status);
    int waits = client_tcp(&f); // in the kernel's queue
    client_say(&f, waits, GET);
    check_admin_served(&f);
    EXPECT_EQ_UINT(inside - 1, server_connections(f.server));
    for (int i = 0; i < inside; i++) {
        close(fds[i]);
    }
    fixture_settle(&f);
    fixture_wait(&f, 999);
    EXPECT_EQ_UINT(0, server_connections(f.server));
    fixture_wait(&f, 1);
    a = client_answer(&f, waits);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    close(waits);
    EXPECT_EQ_INT(0, setrlimit(RLIMIT_NOFILE, &before));
    fixture_stop(&f);
}

/* Out of descriptors: one is turned away with the spare one, then the listeners rest. */
static void test_no_descriptors(void) {
    struct fixture f;
    struct rlimit before, now;
    start(&f, short_limits());
    int inside = client_unix(&f);
    fixture_settle(&f);
    int outside = client_tcp(&f); // in the kernel's queue: its own descriptor is open already
    EXPECT_EQ_INT(0, getrlimit(RLIMIT_NOFILE, &before));
    int next = dup(0); // the lowest free number is the limit
    close(next);
    now = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    EXPECT_EQ_INT(0, setrlimit(RLIMIT_NOFILE, &now));
    struct answer a = client_answer(&f, outside);
    EXPECT_EQ_INT(503, a.status);
    answer_free(&a);
    EXPECT_EQ_INT(0, setrlimit(RLIMIT_NOFILE, &before));
    close(outside);
    client_say(&f, inside, GET); // those inside are served
    a = client_answer(&f, inside);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    outside = client_tcp(&f);
    client_say(&f, outside, GET);
    fixture_wait(&f, 999);
    EXPECT_EQ_UINT(1, server_connections(f.server));
    fixture_wait(&f, 1);
    a = client_answer(&f, outside);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    close(inside);
    close(outside);
    fixture_stop(&f);
}

/* Hundreds that have opened a connection and say nothing do not keep others from being served. */
static void test_half_open(void) {
    enum { COUNT = 300 };
    struct server_limits l = short_limits();
    l.connections_per_peer = 0;
    struct fixture f;
    static int fds[COUNT];
    start(&f, l);
    for (int i = 0; i < COUNT; i++) {
        fds[i] = client_tcp(&f);
        client_say(&f, fds[i], i % 2 ? "GET / HT" : "");
    }
    EXPECT_EQ_UINT(COUNT, server_connections(f.server));
    struct answer a = client_ask(&f, GET);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    fixture_wait(&f, 1000);
    fixture_wait(&f, SERVER_LINGER_MS);
    EXPECT_EQ_UINT(0, server_connections(f.server));
    for (int i = 0; i < COUNT; i++) {
        close(fds[i]);
    }
    fixture_stop(&f);
}

static int post_body(struct fixture *f, const char *framing, size_t sent) {
    static char zeros[2 * SERVER_BODY_FREE];
    char head[160];
    int fd = client_tcp(f);
    (void)snprintf(head, sizeof head, "POST / HTTP/1.1\r\n" HOST "%s\r\n\r\n", framing);
    client_say(f, fd, head);
    client_send(f, fd, zeros, sent);
    fixture_settle(f);
    return fd;
}

static void expect_no_room(struct fixture *f, int fd) {
    unsigned continues = 0;
    struct buf in = {0};
    struct answer a = client_answer_from(f, fd, &in, false, &continues);
    EXPECT_EQ_INT(503, a.status);
    EXPECT_EQ_UINT(0, continues);
    EXPECT_CONTAINS("too_many_bodies", a.body.data);
    EXPECT_CONTAINS("Retry-After: 1\r\n", a.head.data);
    EXPECT_CONTAINS("Connection: close\r\n", a.head.data);
    answer_free(&a);
    buf_free(&in);
    close(fd);
    fixture_settle(f);
}

static void expect_taken(struct fixture *f, int fd) {
    struct answer a = client_answer(f, fd);
    EXPECT_EQ_INT(200, a.status);
    answer_free(&a);
    close(fd);
    fixture_settle(f);
}

/* What all bodies in memory take together: a small one always fits, the last byte of a large one
 * does, and one more does not. */
static void test_bodies_in_memory(void) {
    enum { ROOM = 1000, HALF = SERVER_BODY_FREE + ROOM / 2 };
    struct server_limits l = short_limits();
    l.bodies = ROOM;
    struct fixture f;
    start(&f, l);
    int first = post_body(&f, "Content-Length: 66036", HALF - 1); // what it has sent counts
    EXPECT_EQ_INT(66036, HALF);
    expect_taken(&f, post_body(&f, "Content-Length: 65536", 65536));
    expect_no_room(&f, post_body(&f, "Expect: 100-continue\r\nContent-Length: 66038", 0));
    expect_taken(&f, post_body(&f, "Content-Length: 66037", 66037));
    client_send(&f, first, "x", 1);
    expect_taken(&f, first);
    // a length that nobody has said
    first = post_body(&f, "Content-Length: 66036", HALF - 1);
    int chunked = post_body(&f, "Transfer-Encoding: chunked", 0);
    client_say(&f, chunked, "101f6\r\n"); // 66038
    static char zeros[66038];
    client_send(&f, chunked, zeros, sizeof zeros);
    expect_no_room(&f, chunked);
    // who leaves makes room; the owner of the host is not counted
    close(first);
    fixture_settle(&f);
    expect_taken(&f, post_body(&f, "Content-Length: 66536", 66536));
    expect_no_room(&f, post_body(&f, "Content-Length: 66537", 0));
    int admin = client_unix(&f);
    client_say(&f, admin, "POST / HTTP/1.1\r\n" HOST "Content-Length: 66038\r\n\r\n");
    client_send(&f, admin, zeros, sizeof zeros);
    expect_taken(&f, admin);
    fixture_stop(&f);
}

static const struct expect_test tests[] = {
    {"deadlines of head and body", test_deadline_header},
    {"bytes that trickle in move no deadline", test_deadline_trickle},
    {"a large body's deadline", test_deadline_large_body},
    {"idle connections", test_deadline_idle},
    {"a peer that stops taking its answer", test_deadline_answer},
    {"lingering close", test_linger},
    {"limits of a request", test_request_limits},
    {"requests per connection, and its age", test_connection_ends},
    {"connections in all", test_connection_cap},
    {"connections per peer", test_connections_per_peer},
    {"requests by a trusted proxy", test_trusted_proxy},
    {"bodies held in memory", test_bodies_in_memory},
    {"no caps", test_no_caps},
    {"few descriptors left", test_few_descriptors},
    {"no descriptors left", test_no_descriptors},
    {"hundreds of silent connections", test_half_open},
};

SUITE_MAIN("server limits", tests)
