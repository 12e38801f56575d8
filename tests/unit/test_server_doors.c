// Where a server listens, and how its doors close.
#include "server_fixture.h"

#define HOST "Host: a\r\n"

/* ---- listeners ---- */

static void test_listen_addresses(void) {
    static const struct {
        const char *address;
        int want;
    } rows[] = {
        {"127.0.0.1:0", 0},
        {"localhost:0", 0},
        {"[::1]:0", 0},
        {"127.0.0.1", -EINVAL},
        {"127.0.0.1:", -EINVAL},
        {"127.0.0.1:x", -EINVAL},
        {"127.0.0.1:65536", -EINVAL},
        {"::1:80", -EINVAL},
        {"[127.0.0.1]:80", -EINVAL},
        {"example.com:80", -EINVAL},
        {"unix:", -EINVAL},
        {"[::1", -EINVAL},
        {"", -EINVAL},
        {"unix:/nonexistent/folder/s", -ENOENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f = fixture_defaults();
        struct err e = {.msg = ""};
        fixture_start(&f);
        int r = server_listen(f.server, &(struct server_door){.address = rows[i].address}, &e);
        if (r != -EADDRNOTAVAIL && r != -EAFNOSUPPORT) { // a machine without IPv6
            EXPECT_EQ_INT(rows[i].want, r);
            EXPECT_TRUE(r == 0 ? fixture_port(&f) != 0 : e.msg[0] != '\0');
            EXPECT_TRUE(r != 0 || server_url(f.server, 1) == NULL);
        }
        fixture_stop(&f);
    }
}

static int listen_at(struct server *s, const char *address, struct err *e) {
    return server_listen(s, &(struct server_door){.address = address}, e);
}

static void test_listen_taken(void) {
    struct fixture f = fixture_defaults(), g = fixture_defaults();
    struct err e = {.msg = ""};
    char taken[64], words[128];
    fixture_start(&f);
    fixture_start(&g);
    EXPECT_EQ_INT(0, listen_at(f.server, "127.0.0.1:0", &e));
    (void)snprintf(taken, sizeof taken, "127.0.0.1:%u", fixture_port(&f));
    (void)snprintf(words, sizeof words, "%s: another process listens there already", taken);
    EXPECT_EQ_INT(-EADDRINUSE, listen_at(g.server, taken, &e));
    EXPECT_EQ_STR(words, e.msg);
    EXPECT_EQ_INT(-EADDRNOTAVAIL, listen_at(g.server, "192.0.2.1:0", &e));
    EXPECT_CONTAINS("no such address", e.msg);
    fixture_stop(&f);
    fixture_stop(&g);
}

/* As many doors as a configuration may name, with the admin's. */
static void test_listen_count(void) {
    struct fixture f = fixture_defaults();
    struct err e = {.msg = ""};
    fixture_start(&f);
    for (int i = 0; i <= 20; i++) {
        EXPECT_EQ_INT(i < 20 ? 0 : -ENOSPC, listen_at(f.server, "127.0.0.1:0", &e));
    }
    EXPECT_CONTAINS("at most 20", e.msg);
    fixture_stop(&f);
}

static void test_listen_unix(void) {
    struct fixture f = fixture_defaults(), g = fixture_defaults();
    struct err e = {.msg = ""};
    struct stat st;
    fixture_start(&f);
    fixture_start(&g);
    // longest path that fits, and one byte more
    for (size_t over = 0; over <= 1; over++) {
        char address[200];
        size_t len = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 + over;
        (void)snprintf(address, sizeof address, "unix:%s/%0*d", f.dir,
                       (int)(len - strlen(f.dir) - 1), 0);
        EXPECT_EQ_INT(over ? -EINVAL : 0, listen_at(f.server, address, &e));
    }
    // a stale socket is replaced
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, f.socket_path, strlen(f.socket_path) + 1);
    EXPECT_EQ_INT(0, bind(stale, (struct sockaddr *)&at, sizeof at));
    close(stale);
    EXPECT_EQ_INT(0, listen_at(f.server, f.address, &e));
    EXPECT_EQ_STR(f.address, server_url(f.server, 1));
    EXPECT_EQ_INT(0, stat(f.socket_path, &st));
    EXPECT_EQ_UINT(0600, st.st_mode & 07777);
    // a live one is not
    EXPECT_EQ_INT(-EADDRINUSE, listen_at(g.server, f.address, &e));
    EXPECT_CONTAINS("another process", e.msg);
    // nor is a file of another kind
    int other = open(g.socket_path, O_CREAT | O_WRONLY, 0600);
    close(other);
    EXPECT_EQ_INT(-EEXIST, listen_at(g.server, g.address, &e));
    // somebody else's socket of that name is not removed
    EXPECT_EQ_INT(0, unlink(f.socket_path));
    other = open(f.socket_path, O_CREAT | O_WRONLY, 0600);
    close(other);
    server_drain(f.server);
    EXPECT_EQ_INT(0, stat(f.socket_path, &st));
    fixture_stop(&f);
    fixture_stop(&g);
}

/* ---- drain ---- */

static void test_drain(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int fresh = client_unix(&f), idle = client_unix(&f), half = client_unix(&f),
        busy = client_unix(&f);
    client_say(&f, idle, "GET / HTTP/1.1\r\n" HOST "\r\n");
    struct answer a = client_answer(&f, idle);
    answer_free(&a);
    client_say(&f, half, "GET /half HTT");
    client_say(&f, busy, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    fixture_settle(&f);
    server_drain(f.server);
    EXPECT_TRUE(client_closed(&f, fresh));
    EXPECT_TRUE(client_closed(&f, idle));
    EXPECT_EQ_INT(-1, client_unix(&f)); // and the socket's name is gone
    EXPECT_EQ_INT(-1, access(f.socket_path, F_OK));
    client_say(&f, half, "P/1.1\r\n" HOST "\r\n");
    a = client_answer(&f, half);
    EXPECT_EQ_INT(200, a.status);
    EXPECT_CONTAINS("Connection: close", a.head.data);
    answer_free(&a);
    respond(f.kept[0], 200, "text/plain", bytes_of("done"));
    a = client_answer(&f, busy);
    EXPECT_EQ_STR("done", a.body.data);
    EXPECT_CONTAINS("Connection: close", a.head.data);
    answer_free(&a);
    EXPECT_TRUE(client_closed(&f, busy));
    EXPECT_TRUE(client_closed(&f, half));
    int fds[] = {fresh, idle, half, busy};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        close(fds[i]);
    }
    fixture_settle(&f);
    EXPECT_EQ_UINT(0, server_connections(f.server));
    fixture_stop(&f);
}

/* The public goes first; the admin may look on, and streams may end by themselves. */
static void test_drain_public(void) {
    struct fixture f = fixture_defaults();
    fixture_start(&f);
    fixture_listen(&f);
    int idle = client_tcp(&f), busy = client_tcp(&f), stream = client_tcp(&f),
        admin = client_unix(&f);
    client_say(&f, busy, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    fixture_settle(&f);
    client_say(&f, stream, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    fixture_settle(&f);
    respond_stream_begin(f.kept[1], 200, "text/plain");
    uint16_t port = fixture_port(&f);
    server_drain_public(f.server);
    EXPECT_NULL(server_url(f.server, 0));
    EXPECT_TRUE(client_closed(&f, idle));
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int late = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ_INT(-1, connect(late, (struct sockaddr *)&at, sizeof at));
    close(late);
    respond(f.kept[0], 200, "text/plain", bytes_of("done"));
    struct answer a = client_answer(&f, busy);
    EXPECT_CONTAINS("Connection: close", a.head.data);
    answer_free(&a);
    for (int i = 0; i < 2; i++) { // as ever, and on new connections too
        client_say(&f, admin, "GET / HTTP/1.1\r\n" HOST "\r\n");
        a = client_answer(&f, admin);
        EXPECT_NULL(strstr(a.head.data, "Connection:"));
        answer_free(&a);
        close(admin);
        admin = client_unix(&f);
    }
    EXPECT_EQ_INT(0, respond_stream(f.kept[1], bytes_of("still there")));
    server_drain(f.server);
    EXPECT_EQ_INT(-EPIPE, respond_stream(f.kept[1], bytes_of("not any more")));
    fixture_settle(&f);
    EXPECT_EQ_UINT(2, f.done - 2); // the kept ones, beside the admin's
    EXPECT_TRUE(client_closed(&f, stream));
    EXPECT_TRUE(client_closed(&f, admin));
    int fds[] = {idle, busy, stream, admin};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        close(fds[i]);
    }
    fixture_settle(&f);
    EXPECT_EQ_UINT(0, server_connections(f.server));
    fixture_stop(&f);
}

static const struct expect_test tests[] = {
    {"addresses to listen on", test_listen_addresses},
    {"an address that is taken", test_listen_taken},
    {"as many doors as there may be", test_listen_count},
    {"unix sockets", test_listen_unix},
    {"drain", test_drain},
    {"drain of the public doors", test_drain_public},
};

SUITE_MAIN("server_doors", tests)
