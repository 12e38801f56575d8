// A connection that comes back: what is sent again and what is not, how long is waited, and what an idle one costs.
#define _GNU_SOURCE // accept4
#include "redis/link.h"

#include "redis_fixture.h"

struct client {
    struct fake f;
    struct redis_link *link;
    unsigned ups, downs;
    struct redis_failure failure;
    int64_t wait_ms;
    struct buf log;
};

struct call {
    struct redis_call call;
    struct client *client;
    char name;
    bool frees; // the link
};

static void on_done(struct redis_call *call, const struct redis_answer *a) {
    static const char *const fates[] = {"ok", "failed", "unknown"};
    struct call *k = CONTAINER_OF(call, struct call, call);
    buf_printf(&k->client->log, "%c %s;", k->name, fates[a->fate]);
    EXPECT_TRUE((a->err == NULL) == (a->fate == REDIS_ANSWERED));
    redis_call_finish(call);
    if (k->frees) {
        redis_link_free(&k->client->link);
    }
}

static void on_up(void *arg, const struct redis_peer *peer) {
    EXPECT_EQ_STR("7.0.15", peer->version);
    ((struct client *)arg)->ups++;
}

static void on_down(void *arg, const struct redis_failure *why, int64_t wait_ms) {
    struct client *c = arg;
    c->downs++;
    c->failure = *why;
    c->wait_ms = wait_ms;
}

static void on_push(void *arg, const struct redis_reply *message) {
    struct client *c = arg;
    buf_printf(&c->log, "push %s;",
               (const char *)redis_reply_text(redis_reply_at(message, 2)).data);
}

static void begin_with(struct client *c, const char *channel) {
    *c = (struct client){.ups = 0};
    fake_begin(&c->f);
    struct redis_address address = {.db = 0};
    (void)snprintf(address.path, sizeof address.path, "%s", c->f.path);
    struct redis_link_config config = {.base = c->f.base,
                                       .timers = c->f.timers,
                                       .env = &c->f.env,
                                       .address = &address,
                                       .name = "jobhost",
                                       .channel = channel,
                                       .connect_ms = 5000,
                                       .command_ms = 2000};
    struct redis_link_events events = {.up = on_up, .down = on_down, .push = on_push, .arg = c};
    c->link = redis_link_new(&config, &events, NULL);
    EXPECT_FALSE(redis_link_is_up(c->link));
    timers_look(c->f.timers);
}

static void greet(struct client *c) {
    fake_accept(&c->f);
    fake_expect(&c->f, "HELLO 2 SETNAME jobhost");
    fake_say(&c->f, FAKE_HELLO);
    fake_expect(&c->f, "ROLE");
    fake_say(&c->f, FAKE_MASTER);
}

static void begin(struct client *c) {
    begin_with(c, NULL);
    greet(c);
    EXPECT_TRUE(redis_link_is_up(c->link));
}

static void end(struct client *c) {
    redis_link_free(&c->link);
    EXPECT_NULL(c->link);
    fake_turn(&c->f);
    buf_free(&c->log);
    fake_end(&c->f);
}

static int send_call(struct client *c, struct call *k, char name, bool safe, int64_t timeout_ms) {
    const char word[] = {name, '\0'};
    *k = (struct call){.call = {.done = on_done, .safe = safe, .timeout_ms = timeout_ms},
                       .client = c,
                       .name = name};
    EXPECT_EQ_INT(0, redis_call_words(&k->call, word, NULL));
    int r = redis_link_send(c->link, &k->call);
    if (r != 0) {
        redis_call_finish(&k->call);
    }
    return r;
}

static void expect_log(struct client *c, const char *want) {
    EXPECT_EQ_STR(want, c->log.len == 0 ? "" : c->log.data);
    buf_clear(&c->log);
}

/* The server goes away and is there again after the wait. */
static void cut(struct client *c) {
    unsigned downs = c->downs;
    fake_hang_up(&c->f);
    EXPECT_EQ_UINT(downs + 1, c->downs);
    EXPECT_FALSE(redis_link_is_up(c->link));
}

static void come_back(struct client *c) {
    fake_move(&c->f, c->wait_ms);
    greet(c);
    EXPECT_TRUE(redis_link_is_up(c->link));
}

static void test_again(void) {
    struct client c;
    struct call k[6];
    begin(&c);
    EXPECT_EQ_INT(0, send_call(&c, &k[0], 'A', true, 10000));
    EXPECT_EQ_INT(0, send_call(&c, &k[1], 'B', false, 0));
    EXPECT_EQ_INT(0, send_call(&c, &k[2], 'C', true, 10000));
    fake_expect(&c.f, "A|B|C");
    cut(&c);
    expect_log(&c, "B unknown;");
    EXPECT_EQ_INT(-ENOTCONN, send_call(&c, &k[3], 'D', false, 0));
    EXPECT_EQ_INT(0, send_call(&c, &k[4], 'E', true, 0)); // while it is down
    come_back(&c);
    EXPECT_EQ_INT(0, send_call(&c, &k[5], 'F', false, 0));
    fake_expect(&c.f, "A|C|E|F"); // in their order
    fake_say(&c.f, "+1\r\n+2\r\n+3\r\n+4\r\n");
    expect_log(&c, "A ok;C ok;E ok;F ok;");
    EXPECT_EQ_UINT(2, c.ups);
    end(&c);
}

/* A patient call waits for its connection, and is sent once. */
static void test_patient(void) {
    struct client c;
    struct call k[2];
    begin(&c);
    cut(&c);
    for (int i = 0; i < 2; i++) {
        k[i] = (struct call){.call = {.done = on_done, .patient = true, .timeout_ms = 10000},
                             .client = &c,
                             .name = (char)('A' + i)};
        EXPECT_EQ_INT(0, redis_call_words(&k[i].call, i == 0 ? "A" : "B", NULL));
        EXPECT_EQ_INT(0, redis_link_send(c.link, &k[i].call));
    }
    expect_log(&c, "");
    come_back(&c);
    fake_expect(&c.f, "A|B");
    fake_say(&c.f, "+1\r\n");
    expect_log(&c, "A ok;");
    cut(&c);
    expect_log(&c, "B unknown;");
    come_back(&c);
    fake_expect(&c.f, "");
    end(&c);
}

/* Time runs on while there is no connection; what was sent once may have been run. */
static void test_waiting_deadline(void) {
    struct client c;
    struct call k[2];
    begin(&c);
    EXPECT_EQ_INT(0, send_call(&c, &k[0], 'A', true, 4000));
    fake_expect(&c.f, "A");
    fake_unlisten(&c.f);
    cut(&c);
    EXPECT_EQ_INT(0, send_call(&c, &k[1], 'B', true, 3000));
    for (int i = 0; i < 2999; i++) {
        fake_move(&c.f, 1);
    }
    expect_log(&c, "");
    fake_move(&c.f, 1);
    expect_log(&c, "B failed;");
    fake_move(&c.f, 999);
    expect_log(&c, "");
    fake_move(&c.f, 1);
    expect_log(&c, "A unknown;");
    EXPECT_TRUE(c.downs > 2);
    fake_listen(&c.f);
    end(&c);
}

/* An attempt has the time of a command, the call that of all attempts. */
static void test_attempts(void) {
    struct client c;
    struct call k;
    begin(&c);
    EXPECT_EQ_INT(0, send_call(&c, &k, 'A', true, 10000));
    fake_expect(&c.f, "A");
    fake_move(&c.f, 2000);
    EXPECT_EQ_UINT(1, c.downs);
    EXPECT_EQ_INT(REDIS_TIMEOUT, c.failure.class);
    close(c.f.fd);
    come_back(&c);
    fake_expect(&c.f, "A");
    fake_say(&c.f, "+1\r\n");
    expect_log(&c, "A ok;");
    EXPECT_EQ_INT(0, send_call(&c, &k, 'B', false, 4000)); // its only one
    fake_move(&c.f, 3999);
    EXPECT_EQ_UINT(1, c.downs);
    fake_move(&c.f, 1);
    expect_log(&c, "B unknown;");
    end(&c);
}

static void test_protocol(void) {
    struct client c;
    struct call k;
    begin(&c);
    EXPECT_EQ_INT(0, send_call(&c, &k, 'A', true, 10000));
    fake_expect(&c.f, "A");
    fake_say(&c.f, "?\r\n");
    expect_log(&c, "A unknown;");
    EXPECT_EQ_INT(REDIS_PROTOCOL, c.failure.class);
    end(&c);
}

static void test_bound_when_down(void) {
    static struct call calls[REDIS_CONN_CALLS_MAX + 1]; // too large for the stack
    struct client c;
    begin(&c);
    for (size_t i = 0; i < 100; i++) {
        EXPECT_EQ_INT(0, send_call(&c, &calls[i], 'A', true, 60000));
    }
    cut(&c);
    for (size_t i = 100; i < REDIS_CONN_CALLS_MAX; i++) {
        EXPECT_EQ_INT(0, send_call(&c, &calls[i], 'A', true, 60000));
    }
    EXPECT_EQ_INT(-EBUSY, send_call(&c, &calls[REDIS_CONN_CALLS_MAX], 'Z', true, 60000));
    come_back(&c); // all go out at once
    struct buf replies = {0};
    for (size_t i = 0; i < REDIS_CONN_CALLS_MAX; i++) {
        buf_str(&replies, "+\r\n");
    }
    fake_read(&c.f);
    fake_say(&c.f, replies.data);
    fake_turn(&c.f);
    EXPECT_EQ_UINT(REDIS_CONN_CALLS_MAX * strlen("A ok;"), c.log.len);
    buf_free(&replies);
    end(&c);
}

static void test_free(void) {
    struct client c;
    struct call k[3];
    begin(&c);
    EXPECT_EQ_INT(0, send_call(&c, &k[0], 'A', true, 0));
    EXPECT_EQ_INT(0, send_call(&c, &k[1], 'B', false, 0));
    fake_read(&c.f);
    k[0].frees = true;
    fake_say(&c.f, "+1\r\n"); // inside of its answer
    EXPECT_NULL(c.link);
    expect_log(&c, "A ok;B unknown;");
    end(&c);
    begin(&c);
    cut(&c);
    EXPECT_EQ_INT(0, send_call(&c, &k[2], 'C', true, 0));
    redis_link_free(&c.link);
    expect_log(&c, "C failed;");
    end(&c);
}

/* Freed by the answer to a lost call, while the link's own PING was lost with it. */
static void test_free_when_lost(void) {
    struct client c;
    struct call k;
    begin(&c);
    EXPECT_EQ_INT(0, send_call(&c, &k, 'A', false, 2 * REDIS_LINK_SILENCE_MS));
    k.frees = true;
    fake_move(&c.f, REDIS_LINK_SILENCE_MS);
    fake_expect(&c.f, "A|PING");
    fake_hang_up(&c.f);
    EXPECT_NULL(c.link);
    expect_log(&c, "A unknown;");
    end(&c);
}

/* ---- waits ---- */

static void test_wait(void) {
    static const int64_t most[] = {50, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    for (unsigned n = 1; n <= ARRAY_LEN(most); n++) {
        int64_t top = most[n - 1];
        EXPECT_EQ_INT(0, redis_link_wait_ms(n, REDIS_UNREACHABLE, 0));
        EXPECT_EQ_INT(top, redis_link_wait_ms(n, REDIS_UNREACHABLE, (uint64_t)top));
        EXPECT_EQ_INT(0, redis_link_wait_ms(n, REDIS_UNREACHABLE, (uint64_t)top + 1));
        EXPECT_TRUE(redis_link_wait_ms(n, REDIS_TIMEOUT, UINT64_MAX) <= top);
    }
    EXPECT_TRUE(redis_link_wait_ms(UINT32_MAX, REDIS_UNREACHABLE, UINT64_MAX) <= 5000);
    EXPECT_EQ_INT(30000, redis_link_wait_ms(1, REDIS_CREDENTIALS, 7));
    EXPECT_EQ_INT(30000, redis_link_wait_ms(9, REDIS_TLS, 7));
}

/* Failures in a row wait longer, until a connection has held. */
static void test_health(void) {
    struct client c;
    begin(&c);
    int64_t longest = 0;
    for (int i = 0; i < 12; i++) {
        fake_move(&c.f, REDIS_LINK_HEALTHY_MS - 1);
        cut(&c);
        longest = c.wait_ms > longest ? c.wait_ms : longest;
        come_back(&c);
    }
    EXPECT_TRUE(longest > 100); // twelve draws, most of them below 5 s
    for (int i = 0; i < 12; i++) {
        fake_move(&c.f, REDIS_LINK_HEALTHY_MS);
        cut(&c);
        EXPECT_TRUE(c.wait_ms <= REDIS_LINK_BACKOFF_MS);
        come_back(&c);
    }
    end(&c);
}

/* ---- idle ---- */

/* An hour of nothing: the PINGs of this link. With the other link of a host and its beat of every 150 s: at most 60 commands. */
static void test_idle_budget(void) {
    struct client c;
    unsigned pings = 0;
    begin(&c);
    for (int second = 0; second < 3600; second++) {
        fake_move(&c.f, 1000);
        fake_read(&c.f);
        if (c.f.got.len > 0) {
            fake_expect(&c.f, "PING");
            fake_say(&c.f, "+PONG\r\n");
            pings++;
        }
    }
    EXPECT_TRUE(pings >= 12 && pings <= 15);
    EXPECT_TRUE(2 * pings + 3600 / 150 <= 60);
    EXPECT_EQ_UINT(0, c.downs);
    // a server that does not answer any more is found
    fake_move(&c.f, REDIS_LINK_SILENCE_MS);
    fake_expect(&c.f, "PING");
    fake_move(&c.f, 2000);
    EXPECT_EQ_UINT(1, c.downs);
    end(&c);
}

/* What is heard for another reason is a sign of life. */
static void test_no_ping_when_busy(void) {
    struct client c;
    struct call k;
    begin(&c);
    for (int i = 0; i < 10; i++) {
        fake_move(&c.f, REDIS_LINK_SILENCE_MS - 1);
        EXPECT_EQ_INT(0, send_call(&c, &k, 'A', false, 0));
        fake_expect(&c.f, "A");
        fake_say(&c.f, "+1\r\n");
    }
    end(&c);
}

/* ---- a channel ---- */

#define SUBSCRIBED "*3\r\n$9\r\nsubscribe\r\n$7\r\njh:wake\r\n:1\r\n"
#define MESSAGE    "*3\r\n$7\r\nmessage\r\n$7\r\njh:wake\r\n$3\r\nr q\r\n"

static void test_channel(void) {
    struct client c;
    begin_with(&c, "jh:wake");
    for (unsigned round = 1; round <= 2; round++) {
        greet(&c);
        fake_expect(&c.f, "SUBSCRIBE jh:wake");
        EXPECT_EQ_UINT(round - 1, c.ups); // not before it hears everything
        fake_say(&c.f, SUBSCRIBED MESSAGE);
        EXPECT_EQ_UINT(round, c.ups);
        expect_log(&c, "push r q;");
        fake_move(&c.f, REDIS_LINK_SILENCE_MS);
        fake_expect(&c.f, "PING");
        fake_say(&c.f, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
        cut(&c);
        fake_move(&c.f, c.wait_ms);
    }
    end(&c);
}

static void test_channel_refused(void) {
    struct client c;
    begin_with(&c, "jh:wake");
    greet(&c);
    fake_expect(&c.f, "SUBSCRIBE jh:wake");
    fake_say(&c.f, "-NOPERM this user has no permissions to access one of the channels\r\n");
    EXPECT_EQ_UINT(0, c.ups);
    EXPECT_EQ_UINT(1, c.downs);
    EXPECT_EQ_INT(REDIS_CREDENTIALS, c.failure.class);
    EXPECT_EQ_INT(REDIS_LINK_BLOCKED_MS, c.wait_ms);
    EXPECT_CONTAINS("SUBSCRIBE jh:wake: NOPERM", c.failure.err.msg);
    end(&c);
}

static const struct expect_test tests[] = {
    {"sent again in order, or unknown", test_again},
    {"what is patient waits for a connection", test_patient},
    {"time runs on without a connection", test_waiting_deadline},
    {"time of an attempt, and of all", test_attempts},
    {"nothing twice to what is no Redis", test_protocol},
    {"bound without a connection", test_bound_when_down},
    {"freed with open calls", test_free},
    {"freed by a call that was lost", test_free_when_lost},
    {"waits", test_wait},
    {"health makes waits short again", test_health},
    {"commands of an idle hour", test_idle_budget},
    {"no PING where there is traffic", test_no_ping_when_busy},
    {"a channel is subscribed to before it is up", test_channel},
    {"a channel that is not allowed", test_channel_refused},
};
SUITE_MAIN("redis link", tests)
