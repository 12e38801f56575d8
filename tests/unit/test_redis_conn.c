#define _GNU_SOURCE // accept4
// One connection against a server that answers byte by byte what the test says: greeting, pipeline, deadlines, bounds, ends.
#include <arpa/inet.h>

#include "redis_fixture.h"

struct client {
    struct fake f;
    struct redis_address address;
    struct redis_conn *conn;
    unsigned ups, downs, pushes;
    struct redis_failure failure;
    struct buf log; // what became of calls and pushes
    bool free_on_down;
};

struct call {
    struct redis_call call;
    struct client *client;
    char name;
    bool frees, breaks; // the connection, when it is answered
};

static void log_answer(struct client *c, char name, const struct redis_answer *a) {
    char words[80];
    switch (a->fate) {
    case REDIS_FAILED: buf_printf(&c->log, "%c failed;", name); break;
    case REDIS_UNKNOWN: buf_printf(&c->log, "%c unknown;", name); break;
    case REDIS_ANSWERED:
        redis_answer_words(a, words, sizeof words);
        if (a->class != REDIS_FINE) {
            buf_printf(&c->log, "%c -%s;", name, words);
        } else {
            buf_printf(&c->log, "%c %s;", name, (const char *)redis_reply_text(a->reply).data);
        }
    }
}

static void answer_left(struct redis_calls *left) {
    redis_calls_fail(left, REDIS_UNREACHABLE, &(struct err){.msg = "lost"});
}

static void on_done(struct redis_call *call, const struct redis_answer *answer) {
    struct call *k = CONTAINER_OF(call, struct call, call);
    log_answer(k->client, k->name, answer);
    redis_call_finish(call);
    if (k->frees) {
        struct redis_calls left;
        redis_conn_free(&k->client->conn, &left);
        answer_left(&left);
    }
    if (k->breaks) {
        redis_conn_break(k->client->conn, REDIS_BUG, &(struct err){.code = -EIO, .msg = "broken"});
    }
}

static void on_up(void *arg) {
    ((struct client *)arg)->ups++;
}

static void on_down(void *arg, const struct redis_failure *why, struct redis_calls *left) {
    struct client *c = arg;
    struct redis_calls none;
    c->downs++;
    c->failure = *why;
    redis_conn_free(&c->conn, &none);
    EXPECT_EQ_UINT(0, none.count);
    answer_left(left);
}

static void on_push(void *arg, const struct redis_reply *message) {
    struct client *c = arg;
    c->pushes++;
    buf_printf(&c->log, "push %s;",
               (const char *)redis_reply_text(redis_reply_at(message, 2)).data);
}

struct want {
    const char *user, *password;
    unsigned db;
    bool any_role, upstash;
};

static void dial_as(struct client *c, struct want want) {
    *c = (struct client){.ups = 0};
    fake_begin(&c->f);
    c->address = (struct redis_address){.db = want.db};
    (void)snprintf(c->address.path, sizeof c->address.path, "%s", c->f.path);
    (void)snprintf(c->address.user, sizeof c->address.user, "%s",
                   want.user == NULL ? "" : want.user);
    (void)snprintf(c->address.password, sizeof c->address.password, "%s",
                   want.password == NULL ? "" : want.password);
    (void)snprintf(c->address.host, sizeof c->address.host, "%s",
                   want.upstash ? "x.upstash.io" : "");
    struct redis_conn_config config = {.base = c->f.base,
                                       .timers = c->f.timers,
                                       .env = &c->f.env,
                                       .address = &c->address,
                                       .name = "jobhost",
                                       .phase_ms = 5000,
                                       .any_role = want.any_role};
    struct redis_conn_events events = {.up = on_up, .down = on_down, .push = on_push, .arg = c};
    c->conn = redis_conn_new(&config, &events, NULL, NULL);
    EXPECT_EQ_UINT(0, c->ups + c->downs); // never from inside
    fake_accept(&c->f);
}

/* A connection that is up. */
static void begin(struct client *c) {
    dial_as(c, (struct want){.db = 0});
    fake_expect(&c->f, "HELLO 2 SETNAME jobhost");
    fake_say(&c->f, FAKE_HELLO);
    fake_expect(&c->f, "ROLE");
    fake_say(&c->f, FAKE_MASTER);
    EXPECT_EQ_UINT(1, c->ups);
}

static void end(struct client *c) {
    struct redis_calls left;
    redis_conn_free(&c->conn, &left);
    answer_left(&left);
    fake_turn(&c->f);
    buf_free(&c->log);
    fake_end(&c->f);
}

static int send_call(struct client *c, struct call *k, char name, int64_t ms) {
    *k = (struct call){.call = {.done = on_done}, .client = c, .name = name};
    EXPECT_EQ_INT(0, redis_call_words(&k->call, "GET", "k", NULL));
    return redis_conn_send(c->conn, &k->call, fake_now(&c->f) + ms);
}

static void expect_log(struct client *c, const char *want) {
    EXPECT_EQ_STR(want, c->log.len == 0 ? "" : c->log.data);
    buf_clear(&c->log);
}

static void expect_down(struct client *c, enum redis_class class, const char *words) {
    fake_turn(&c->f);
    EXPECT_EQ_UINT(1, c->downs);
    EXPECT_EQ_STR(redis_class_name(class), redis_class_name(c->failure.class));
    EXPECT_CONTAINS(words, c->failure.err.msg);
}

/* ---- the greeting ---- */

static void test_greeting(void) {
    struct client c;
    begin(&c);
    const struct redis_peer *peer = redis_conn_peer(c.conn);
    EXPECT_EQ_STR("redis", peer->server);
    EXPECT_EQ_STR("7.0.15", peer->version);
    EXPECT_EQ_STR("standalone", peer->mode);
    EXPECT_EQ_INT(REDIS_ROLE_MASTER, peer->role);
    end(&c);
    EXPECT_EQ_UINT(0, c.downs);
}

#define ERROR(text) "-" text "\r\n"
#define REPLICA     "*5\r\n$5\r\nslave\r\n$8\r\n10.0.0.9\r\n:6380\r\n$9\r\nconnected\r\n:7\r\n"

/* What is said and what comes, in turns; the end of it. */
static const struct dialogue {
    struct want as;
    const char *turns[10];  // expected, said, expected, said ...
    enum redis_class class; // REDIS_FINE: up
    const char *words;
} dialogues[] = {
    {{.password = "Pass-2-word"},
     {"HELLO 2 AUTH default Pass-2-word SETNAME jobhost", FAKE_HELLO, "ROLE", FAKE_MASTER},
     REDIS_FINE,
     NULL},
    {{.user = "u", .password = "Pass-2-word", .db = 3},
     {"HELLO 2 AUTH u Pass-2-word SETNAME jobhost", FAKE_HELLO, "SELECT 3|ROLE",
      "+OK\r\n" FAKE_MASTER},
     REDIS_FINE,
     NULL},
    {{.user = "u", .password = "Pass-2-word"},
     {"HELLO 2 AUTH u Pass-2-word SETNAME jobhost", ERROR("ERR unknown command `HELLO`"),
      "AUTH u Pass-2-word", "+OK\r\n", "CLIENT SETNAME jobhost", "+OK\r\n", "ROLE", FAKE_MASTER},
     REDIS_FINE,
     NULL},
    {{.password = "Pass-2-word"},
     {"HELLO 2 AUTH default Pass-2-word SETNAME jobhost", ERROR("NOPROTO sorry"),
      "AUTH Pass-2-word", "+OK\r\n", "CLIENT SETNAME jobhost", ERROR("ERR unknown command"), "ROLE",
      ERROR("ERR unknown command")},
     REDIS_FINE,
     NULL},
    {{.db = 0},
     {"HELLO 2 SETNAME jobhost", ERROR("ERR unknown command"), "CLIENT SETNAME jobhost",
      ERROR("NOAUTH Authentication required.")},
     REDIS_CREDENTIALS,
     "Write the password into store.url"},
    {{.db = 0},
     {"HELLO 2 SETNAME jobhost",
      ERROR("NOAUTH HELLO must be called with the client already authenticated")},
     REDIS_CREDENTIALS,
     "NOAUTH"},
    {{.user = "u", .password = "Pass-2-word"},
     {"HELLO 2 AUTH u Pass-2-word SETNAME jobhost",
      ERROR("WRONGPASS invalid username-password pair")},
     REDIS_CREDENTIALS,
     "User u and its password stand in store.url"},
    {{.password = "Pass-2-word", .upstash = true},
     {"HELLO 2 AUTH default Pass-2-word SETNAME jobhost", ERROR("WRONGPASS invalid")},
     REDIS_CREDENTIALS,
     "copy the password for TCP"},
    {{.user = "u", .password = "Pass-2-word"},
     {"HELLO 2 AUTH u Pass-2-word SETNAME jobhost", ERROR("ERR unknown command"),
      "AUTH u Pass-2-word", ERROR("ERR wrong number of arguments for 'auth' command")},
     REDIS_BUG,
     "AUTH: ERR wrong number"},
    {{.db = 0},
     {"HELLO 2 SETNAME jobhost", ERROR("ERR max number of clients reached")},
     REDIS_NO_CLIENTS,
     "HELLO: ERR max number"},
    {{.db = 0},
     {"HELLO 2 SETNAME jobhost", "+OK\r\n"},
     REDIS_PROTOCOL,
     "HELLO: an answer of another"},
    {{.db = 9},
     {"HELLO 2 SETNAME jobhost", FAKE_HELLO, "SELECT 9|ROLE",
      ERROR("ERR DB index is out of range")},
     REDIS_BUG,
     "SELECT: ERR DB index"},
    {{.db = 0},
     {"HELLO 2 SETNAME jobhost", FAKE_HELLO, "ROLE", REPLICA},
     REDIS_READONLY,
     "a replica of 10.0.0.9:6380 and takes no writes"},
    {{.any_role = true},
     {"HELLO 2 SETNAME jobhost", FAKE_HELLO, "ROLE", REPLICA},
     REDIS_FINE,
     NULL},
    {{.db = 0},
     {"HELLO 2 SETNAME jobhost", FAKE_HELLO, "ROLE", ERROR("NOPERM no permissions to run 'role'")},
     REDIS_FINE,
     NULL},
    {{.db = 0},
     {"HELLO 2 SETNAME jobhost", FAKE_HELLO, "ROLE", ERROR("LOADING Redis is loading")},
     REDIS_TEMPORARY,
     "ROLE: LOADING"},
    {{.db = 0}, {"HELLO 2 SETNAME jobhost", "HTTP/1.1 400\r\n"}, REDIS_PROTOCOL, "not the Redis"},
};

static void test_dialogues(void) {
    for (size_t i = 0; i < ARRAY_LEN(dialogues); i++) {
        const struct dialogue *d = &dialogues[i];
        struct client c;
        dial_as(&c, d->as);
        for (size_t turn = 0; turn < ARRAY_LEN(d->turns) && d->turns[turn] != NULL; turn++) {
            (turn % 2 == 0 ? fake_expect : fake_say)(&c.f, d->turns[turn]);
        }
        EXPECT_EQ_UINT(d->class == REDIS_FINE, c.ups);
        if (d->class != REDIS_FINE) {
            expect_down(&c, d->class, d->words);
            EXPECT_TRUE(strstr(c.failure.err.msg, "Pass-2-word") == NULL);
        }
        end(&c);
    }
}

static void test_nobody(void) {
    struct client c = {.ups = 0};
    fake_begin(&c.f);
    fake_unlisten(&c.f);
    (void)snprintf(c.address.path, sizeof c.address.path, "%s", c.f.path);
    struct redis_conn_config config = {.base = c.f.base,
                                       .timers = c.f.timers,
                                       .env = &c.f.env,
                                       .address = &c.address,
                                       .name = "x",
                                       .phase_ms = 10};
    struct redis_conn_events events = {.up = on_up, .down = on_down, .arg = &c};
    c.conn = redis_conn_new(&config, &events, NULL, NULL);
    EXPECT_EQ_UINT(0, c.downs);
    expect_down(&c, REDIS_UNREACHABLE, "No such file or directory: is the server running");
    end(&c);
}

/* ---- several addresses ---- */

static int tcp_socket(struct sockaddr_in *in, bool listens) {
    socklen_t len = sizeof *in;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    EXPECT_EQ_INT(0, bind(fd, (const struct sockaddr *)(const void *)in, sizeof *in));
    EXPECT_EQ_INT(0, getsockname(fd, (struct sockaddr *)(void *)in, &len));
    EXPECT_EQ_INT(0, listens ? listen(fd, 1) : 0);
    return fd;
}

static void add_endpoint(struct redis_endpoints *all, const struct sockaddr_in *in) {
    struct redis_endpoint *e = &all->list[all->count++];
    e->len = sizeof *in;
    memcpy(&e->address, in, sizeof *in);
}

static void dial_tcp(struct client *c, const struct redis_endpoints *endpoints) {
    *c = (struct client){.ups = 0};
    fake_begin(&c->f);
    (void)snprintf(c->address.host, sizeof c->address.host, "redis.test");
    struct redis_conn_config config = {.base = c->f.base,
                                       .timers = c->f.timers,
                                       .env = &c->f.env,
                                       .address = &c->address,
                                       .name = "jobhost",
                                       .phase_ms = 5000};
    struct redis_conn_events events = {.up = on_up, .down = on_down, .arg = c};
    c->conn = redis_conn_new(&config, &events, endpoints, NULL);
}

/* One that refuses does not keep the next from being tried; all that refuse are told of by the last. */
static void test_addresses(void) {
    struct sockaddr_in dead, alive;
    struct redis_endpoints both = {.count = 0}, none = {.count = 0};
    struct client c;
    int dead_fd = tcp_socket(&dead, false), alive_fd = tcp_socket(&alive, true);
    add_endpoint(&both, &dead);
    add_endpoint(&both, &alive);
    dial_tcp(&c, &both);
    fake_turn(&c.f);
    c.f.fd = accept4(alive_fd, NULL, NULL, SOCK_NONBLOCK);
    fake_expect(&c.f, "HELLO 2 SETNAME jobhost");
    EXPECT_EQ_UINT(0, c.downs);
    end(&c);
    add_endpoint(&none, &dead);
    add_endpoint(&none, &dead);
    dial_tcp(&c, &none);
    expect_down(&c, REDIS_UNREACHABLE, "Connection refused (127.0.0.1): is the server running");
    end(&c);
    close(dead_fd);
    close(alive_fd);
}

/* Two addresses that answer nothing (their backlogs are full) get half of the time each. */
static void test_dead_addresses(void) {
    struct sockaddr_in busy;
    struct redis_endpoints two = {.count = 0};
    struct client c;
    int fd = tcp_socket(&busy, true), filling[8];
    for (size_t i = 0; i < ARRAY_LEN(filling); i++) {
        filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(filling[i], (const struct sockaddr *)(const void *)&busy, sizeof busy);
    }
    add_endpoint(&two, &busy);
    add_endpoint(&two, &busy);
    dial_tcp(&c, &two);
    fake_turn(&c.f);
    fake_move(&c.f, 2500); // the second one's turn
    EXPECT_EQ_UINT(0, c.downs);
    fake_move(&c.f, 2499);
    EXPECT_EQ_UINT(0, c.downs);
    fake_move(&c.f, 1);
    expect_down(&c, REDIS_TIMEOUT, "no connection in time (127.0.0.1)");
    end(&c);
    for (size_t i = 0; i < ARRAY_LEN(filling); i++) {
        close(filling[i]);
    }
    close(fd);
}

/* ---- replies ---- */

static const char REPLIES[] = "$1\r\nx\r\n-ERR in the middle\r\n+fine\r\n";
static const char ANSWERS[] = "a x;b -ERR in the middle;c fine;";

static void send_three(struct client *c, struct call calls[3]) {
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ_INT(0, send_call(c, &calls[i], (char)('a' + i), 1000));
    }
    fake_expect(&c->f, "GET k|GET k|GET k");
}

static void test_split(void) {
    struct client c;
    struct call calls[3];
    begin(&c);
    for (size_t at = 0; at < sizeof REPLIES - 1; at++) {
        send_three(&c, calls);
        fake_say_bytes(&c.f, (struct bytes){REPLIES, at});
        fake_say_bytes(&c.f, (struct bytes){REPLIES + at, sizeof REPLIES - 1 - at});
        expect_log(&c, ANSWERS);
    }
    send_three(&c, calls);
    for (size_t at = 0; at < sizeof REPLIES - 1; at++) {
        fake_say_bytes(&c.f, (struct bytes){REPLIES + at, 1});
    }
    expect_log(&c, ANSWERS);
    end(&c);
}

/* All that came is handed out before the end is. */
static void test_cut(void) {
    for (size_t at = 0; at < sizeof REPLIES - 1; at++) {
        static const char *const left[] = {"a unknown;b unknown;c unknown;",
                                           "a x;b unknown;c unknown;",
                                           "a x;b -ERR in the middle;c unknown;"};
        struct client c;
        struct call calls[3];
        begin(&c);
        send_three(&c, calls);
        (void)send(c.f.fd, REPLIES, at, 0);
        fake_hang_up(&c.f); // in one turn with it
        bool half = at != 0 && at != 7 && at != 27;
        expect_down(&c, REDIS_UNREACHABLE,
                    half ? "ended the connection in the middle of a reply"
                         : "ended the connection");
        expect_log(&c, left[at < 7 ? 0 : at < 27 ? 1 : 2]);
        end(&c);
    }
}

/* What never left is told apart from what may have been run. */
static void test_not_sent(void) {
    struct client c;
    struct call calls[2];
    begin(&c);
    EXPECT_EQ_INT(0, send_call(&c, &calls[0], 'a', 1000));
    fake_expect(&c.f, "GET k");
    EXPECT_EQ_INT(0, send_call(&c, &calls[1], 'b', 1000)); // in a buffer of ours
    redis_conn_break(c.conn, REDIS_UNREACHABLE, &(struct err){.msg = "broken"});
    expect_down(&c, REDIS_UNREACHABLE, "broken");
    expect_log(&c, "a unknown;b failed;");
    end(&c);
}

static void test_broken_peer(void) {
    static const struct {
        const char *said, *words;
    } rows[] = {
        {"$99999999999\r\n", "a reply of more than"},
        {"*2147483647\r\n", "more elements than"},
        {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "inside of one another"},
        {"%1\r\n+a\r\n+b\r\n", "not the Redis protocol"},
        {"_\r\n", "not the Redis protocol"},
        {"\x80\x00\xff", "not the Redis protocol"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client c;
        struct call calls[3];
        begin(&c);
        send_three(&c, calls);
        fake_say(&c.f, "+first\r\n");
        fake_say(&c.f, rows[i].said);
        expect_down(&c, REDIS_PROTOCOL, rows[i].words);
        expect_log(&c, "a first;b unknown;c unknown;");
        end(&c);
    }
}

static void test_unasked(void) {
    struct client c;
    begin(&c);
    fake_say(&c.f, "+hello?\r\n");
    expect_down(&c, REDIS_PROTOCOL, "a reply that nothing asked for");
    end(&c);
    begin(&c);
    fake_say(&c.f, "-LOADING soon\r\n");
    expect_down(&c, REDIS_TEMPORARY, "nothing asked for: LOADING soon");
    end(&c);
}

static void test_became_replica(void) {
    struct client c;
    struct call calls[3];
    begin(&c);
    send_three(&c, calls);
    fake_say(&c.f, "-READONLY You can't write against a read only replica.\r\n+more\r\n");
    expect_down(&c, REDIS_READONLY, "has become a replica");
    expect_log(&c, "a -READONLY You can't write against a read only replica.;b unknown;c unknown;");
    end(&c);
}

/* ---- deadlines ---- */

static void test_deadline(void) {
    struct client c;
    struct call calls[3];
    begin(&c);
    EXPECT_EQ_INT(0, send_call(&c, &calls[0], 'a', 5000)); // has more time than those behind it
    EXPECT_EQ_INT(0, send_call(&c, &calls[1], 'b', 1000));
    EXPECT_EQ_INT(0, send_call(&c, &calls[2], 'c', 2000));
    fake_read(&c.f);
    fake_move(&c.f, 999);
    EXPECT_EQ_UINT(0, c.downs);
    fake_say(&c.f, "+a\r\n+b\r\n");
    fake_move(&c.f, 1000); // b's time is over, and it was answered
    EXPECT_EQ_UINT(0, c.downs);
    fake_move(&c.f, 1);
    expect_down(&c, REDIS_TIMEOUT, "no answer in time; 1 command waited");
    expect_log(&c, "a a;b b;c unknown;");
    end(&c);
}

static void test_greeting_deadline(void) {
    struct client c;
    dial_as(&c, (struct want){.db = 0});
    fake_expect(&c.f, "HELLO 2 SETNAME jobhost");
    fake_move(&c.f, 3000);
    fake_say(&c.f, FAKE_HELLO); // the time is the phase's, not a command's
    fake_expect(&c.f, "ROLE");
    fake_move(&c.f, 1999);
    EXPECT_EQ_UINT(0, c.downs);
    fake_move(&c.f, 1);
    expect_down(&c, REDIS_TIMEOUT, "no answer to the first commands in time");
    EXPECT_EQ_UINT(0, c.ups);
    end(&c);
}

/* ---- bounds ---- */

static void test_calls_bound(void) {
    static struct call calls[REDIS_CONN_CALLS_MAX + 1]; // too large for the stack
    struct client c;
    begin(&c);
    for (size_t i = 0; i < REDIS_CONN_CALLS_MAX; i++) {
        EXPECT_EQ_INT(0, send_call(&c, &calls[i], 'a', 1000));
    }
    EXPECT_EQ_INT(-EBUSY, send_call(&c, &calls[REDIS_CONN_CALLS_MAX], 'z', 1000));
    fake_read(&c.f);
    fake_say(&c.f, "+x\r\n");
    EXPECT_EQ_INT(0, redis_conn_send(c.conn, &calls[REDIS_CONN_CALLS_MAX].call, INT64_MAX));
    EXPECT_EQ_UINT(REDIS_CONN_CALLS_MAX, redis_conn_open(c.conn)->count);
    end(&c);
}

static void test_bytes_bound(void) {
    struct client c;
    struct call big, small;
    begin(&c);
    // "*2\r\n$3\r\nGET\r\n$16777186\r\n" and the end of it take 30 bytes; one command may not be larger
    size_t most = REDIS_CALL_BYTES_MAX - 64;
    char *key = malloc(REDIS_CALL_BYTES_MAX);
    memset(key, 'k', REDIS_CALL_BYTES_MAX);
    big = (struct call){.call = {.done = on_done}, .client = &c, .name = 'b'};
    const char *argv[] = {"GET", key};
    EXPECT_EQ_INT(-E2BIG, redis_call_set(&big.call, 2, argv, (size_t[]){3, REDIS_CALL_BYTES_MAX}));
    EXPECT_EQ_INT(-E2BIG, redis_call_set(&big.call, 2, argv, (size_t[]){3, most + 14}));
    EXPECT_EQ_INT(0, redis_call_set(&big.call, 2, argv, (size_t[]){3, most + 13}));
    EXPECT_EQ_INT(0, redis_call_set(&big.call, 2, argv, (size_t[]){3, most}));
    size_t room = REDIS_CONN_BYTES_MAX - big.call.wire_len;
    EXPECT_EQ_INT(0, redis_conn_send(c.conn, &big.call, INT64_MAX));
    small = (struct call){.call = {.done = on_done}, .client = &c, .name = 's'};
    for (size_t len = 1; small.call.wire_len != room + 1; len++) {
        EXPECT_EQ_INT(0, redis_call_set(&small.call, 1, argv + 1, &len));
    }
    EXPECT_EQ_INT(-EBUSY, redis_conn_send(c.conn, &small.call, INT64_MAX));
    EXPECT_EQ_INT(0, redis_call_set(&small.call, 1, argv + 1,
                                    (size_t[]){room - strlen("*1\r\n$nn\r\n\r\n")}));
    EXPECT_EQ_UINT(room, small.call.wire_len);
    EXPECT_EQ_INT(0, redis_conn_send(c.conn, &small.call, INT64_MAX));
    free(key);
    end(&c);
}

/* ---- callbacks that do things ---- */

static void test_free_inside(void) {
    struct client c;
    struct call calls[3];
    begin(&c);
    send_three(&c, calls);
    calls[1].frees = true;
    fake_say(&c.f, REPLIES);
    EXPECT_NULL(c.conn);
    expect_log(&c, "a x;b -ERR in the middle;c unknown;");
    EXPECT_EQ_UINT(0, c.downs);
    end(&c);
}

static void test_break_inside(void) {
    struct client c;
    struct call calls[3];
    begin(&c);
    send_three(&c, calls);
    calls[0].breaks = true;
    fake_say(&c.f, REPLIES);
    expect_down(&c, REDIS_BUG, "broken");
    expect_log(&c, "a x;b unknown;c unknown;");
    end(&c);
}

/* ---- messages ---- */

#define MESSAGE "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$2\r\nhi\r\n"

static void test_push(void) {
    struct client c;
    struct call first, sub, ping;
    begin(&c);
    EXPECT_EQ_INT(0, send_call(&c, &first, 'a', 1000));
    sub = (struct call){.call = {.done = on_done}, .client = &c, .name = 's'};
    EXPECT_EQ_INT(0, redis_call_words(&sub.call, "SUBSCRIBE", "ch", NULL));
    EXPECT_EQ_INT(0, redis_conn_send(c.conn, &sub.call, INT64_MAX));
    ping = (struct call){.call = {.done = on_done}, .client = &c, .name = 'p'};
    EXPECT_EQ_INT(0, redis_call_words(&ping.call, "PING", NULL));
    EXPECT_EQ_INT(0, redis_conn_send(c.conn, &ping.call, INT64_MAX));
    fake_expect(&c.f, "GET k|SUBSCRIBE ch|PING");
    fake_say(&c.f, MESSAGE); // an answer like any other as long as nothing is subscribed
    EXPECT_EQ_UINT(0, c.pushes);
    fake_say(&c.f, "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n" MESSAGE MESSAGE
                   "*2\r\n$4\r\npong\r\n$0\r\n\r\n" MESSAGE);
    EXPECT_EQ_UINT(3, c.pushes);
    expect_log(&c, "a ;s ;push hi;push hi;p ;push hi;");
    end(&c);
}

static const struct expect_test tests[] = {
    {"greeting", test_greeting},
    {"greetings of all kinds", test_dialogues},
    {"nobody listens", test_nobody},
    {"several addresses", test_addresses},
    {"addresses that do not answer", test_dead_addresses},
    {"replies split at every byte", test_split},
    {"a cut at every byte of the replies", test_cut},
    {"what was not sent", test_not_sent},
    {"a peer that is no Redis", test_broken_peer},
    {"replies to nothing", test_unasked},
    {"a master that becomes a replica", test_became_replica},
    {"deadlines of commands", test_deadline},
    {"deadline of the greeting", test_greeting_deadline},
    {"bound of calls", test_calls_bound},
    {"bound of bytes", test_bytes_bound},
    {"freed by an answer", test_free_inside},
    {"broken by an answer", test_break_inside},
    {"messages of a channel", test_push},
};
SUITE_MAIN("redis connection", tests)
