// Links to a real redis-server (Debian's), by socket and by TLS: what happens to commands when connections are killed, the server
// stops answering, forgets its scripts, has no memory, becomes a replica or is started again. Skipped where it is not installed.
#include "redis/link.h"

#include <event2/event.h>

#include "base/timer.h"

#include "expect.h"
#include "redis_server.h"

enum { SKIPPED = 77, PATIENCE_MS = 60000, MANY = 5000 };

struct server {
    struct redis_server redis;
    struct event_base *base;
    struct env env;
    struct timers *timers;
};

struct client {
    struct server *server;
    struct redis_link *link;
    struct redis_tls *tls;
    unsigned ups, downs, pushes;
    struct redis_failure failure;
};

struct call {
    struct redis_call call;
    unsigned answers;
    enum redis_fate fate;
    enum redis_class class;
    int64_t integer;
    char text[200];
};

/* ---- the server ---- */

static void server_begin(struct server *s) {
    struct err e;
    *s = (struct server){.base = event_base_new()};
    redis_server_init(&s->redis);
    s->redis.fsync = "always";
    redis_server_start(&s->redis);
    if (env_open(&s->env, &e) != 0) {
        abort();
    }
    s->timers = timers_new(s->base, &s->env);
}

static void server_end(struct server *s) {
    redis_server_finish(&s->redis);
    timers_free(&s->timers);
    event_base_free(s->base);
    env_close(&s->env);
}

/* Turns the loop until `*counter` has come to `want`. */
static bool await(struct server *s, const unsigned *counter, unsigned want) {
    int64_t end = env_mono_ms(&s->env) + PATIENCE_MS;
    while (*counter < want && env_mono_ms(&s->env) < end) {
        (void)event_base_loop(s->base, EVLOOP_ONCE);
    }
    return EXPECT_TRUE(*counter >= want);
}

/* ---- a client ---- */

static void on_up(void *arg, const struct redis_peer *peer) {
    EXPECT_EQ_INT(REDIS_ROLE_MASTER, peer->role);
    ((struct client *)arg)->ups++;
}

static void on_down(void *arg, const struct redis_failure *why, int64_t wait_ms) {
    struct client *c = arg;
    (void)wait_ms;
    c->downs++;
    c->failure = *why;
}

static void on_push(void *arg, const struct redis_reply *message) {
    struct client *c = arg;
    c->pushes++;
    EXPECT_TRUE(redis_reply_says(redis_reply_at(message, 2), "hello"));
}

/* `tls`: by rediss://localhost, else by the socket. Waits until it is up, which a server that starts keeps it for. */
static void client_begin(struct client *c, struct server *s, bool tls, const char *channel) {
    struct redis_address address;
    char url[128];
    struct err e = {.msg = ""};
    *c = (struct client){.server = s};
    (void)snprintf(url, sizeof url, tls ? "rediss://localhost:%s" : "unix:%s",
                   tls ? s->redis.port : s->redis.socket);
    EXPECT_EQ_INT(0, redis_address_parse(url, &address, &e));
    c->tls = tls ? redis_tls_new(&(struct redis_tls_files){.ca = s->redis.cert}, &e) : NULL;
    struct redis_link_config config = {.base = s->base,
                                       .timers = s->timers,
                                       .env = &s->env,
                                       .address = &address,
                                       .tls = c->tls,
                                       .name = "jobhost-test",
                                       .channel = channel,
                                       .connect_ms = PATIENCE_MS,
                                       .command_ms = PATIENCE_MS};
    struct redis_link_events events = {.up = on_up, .down = on_down, .push = on_push, .arg = c};
    c->link = redis_link_new(&config, &events, &e);
    if (!await(s, &c->ups, 1)) {
        (void)printf("%s\n", c->failure.err.msg);
    }
    c->downs = 0; // before the server was there
}

static void client_end(struct client *c) {
    redis_link_free(&c->link);
    redis_tls_free(&c->tls);
}

static void on_done(struct redis_call *call, const struct redis_answer *a) {
    struct call *k = CONTAINER_OF(call, struct call, call);
    k->answers++;
    k->fate = a->fate;
    k->class = a->class;
    (void)redis_reply_integer(a->reply, &k->integer);
    struct bytes text = redis_reply_text(a->reply);
    (void)snprintf(k->text, sizeof k->text, "%.*s", (int)text.len, (const char *)text.data);
    redis_call_finish(call);
}

static void post(struct client *c, struct call *k, bool safe, int argc, const char **argv) {
    *k = (struct call){.call = {.done = on_done, .safe = safe, .timeout_ms = PATIENCE_MS}};
    EXPECT_EQ_INT(0, redis_call_set(&k->call, argc, argv, NULL));
    EXPECT_EQ_INT(0, redis_link_send(c->link, &k->call));
}

#define POST(c, k, safe, ...)                                                                      \
    post((c), (k), (safe), (int)ARRAY_LEN(((const char *[]){__VA_ARGS__})),                        \
         (const char *[]){__VA_ARGS__})

/* Sends one command and waits. */
#define ASK(c, k, ...)                                                                             \
    do {                                                                                           \
        POST((c), (k), false, __VA_ARGS__);                                                        \
        (void)await((c)->server, &(k)->answers, 1);                                                \
    } while (0)

/* ---- tests ---- */

/* Many commands at once, all answered in order. */
static void pipeline(struct server *s, bool tls) {
    static struct call calls[MANY]; // too large for the stack
    struct client c;
    client_begin(&c, s, tls, NULL);
    for (size_t i = 0; i < MANY; i++) {
        POST(&c, &calls[i], false, "INCR", tls ? "by-tls" : "by-socket");
    }
    (void)await(s, &calls[MANY - 1].answers, 1);
    for (size_t i = 0; i < MANY; i++) {
        EXPECT_EQ_INT((intmax_t)i + 1, calls[i].integer);
    }
    EXPECT_EQ_UINT(0, c.downs);
    client_end(&c);
}

static void test_pipeline(void) {
    struct server s;
    server_begin(&s);
    pipeline(&s, false);
    pipeline(&s, true);
    server_end(&s);
}

/* CLIENT KILL: what is safe is sent again by itself. */
static void killed(struct server *s, bool tls) {
    struct client c, admin;
    struct call safe, answer;
    client_begin(&c, s, tls, NULL);
    client_begin(&admin, s, false, NULL);
    ASK(&admin, &answer, "CLIENT", "PAUSE", "60000", "WRITE");
    POST(&c, &safe, true, "SET", "killed", "1");
    ASK(&admin, &answer, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    EXPECT_EQ_INT(1, answer.integer);
    (void)await(s, &c.downs, 1);
    EXPECT_EQ_INT(REDIS_UNREACHABLE, c.failure.class);
    EXPECT_CONTAINS("the server ended the connection", c.failure.err.msg);
    EXPECT_EQ_UINT(0, safe.answers);
    ASK(&admin, &answer, "CLIENT", "UNPAUSE");
    (void)await(s, &safe.answers, 1);
    EXPECT_EQ_STR("OK", safe.text);
    EXPECT_EQ_UINT(2, c.ups);
    client_end(&c);
    client_end(&admin);
}

static void test_killed(void) {
    struct server s;
    server_begin(&s);
    killed(&s, false);
    killed(&s, true);
    server_end(&s);
}

/* A server that does nothing for a while: the connection is given up, the fate of the command unknown. */
static void test_sleep(void) {
    struct server s;
    struct client c;
    struct call slow, after;
    server_begin(&s);
    client_begin(&c, &s, false, NULL);
    slow = (struct call){.call = {.done = on_done, .timeout_ms = 100}};
    EXPECT_EQ_INT(0, redis_call_words(&slow.call, "DEBUG", "SLEEP", "1", NULL));
    EXPECT_EQ_INT(0, redis_link_send(c.link, &slow.call));
    (void)await(&s, &slow.answers, 1);
    EXPECT_EQ_INT(REDIS_UNKNOWN, slow.fate);
    EXPECT_EQ_INT(REDIS_TIMEOUT, slow.class);
    POST(&c, &after, true, "ECHO", "awake");
    (void)await(&s, &after.answers, 1);
    EXPECT_EQ_STR("awake", after.text);
    client_end(&c);
    server_end(&s);
}

/* Answers that are errors have their class; the connection lives on. */
static void test_classes(void) {
    struct server s;
    struct client c;
    struct call load, k;
    server_begin(&s);
    client_begin(&c, &s, false, NULL);
    ASK(&c, &load, "SCRIPT", "LOAD", "return redis.call('SET', KEYS[1], '1')");
    ASK(&c, &k, "EVALSHA", load.text, "1", "k");
    EXPECT_EQ_INT(REDIS_FINE, k.class);
    ASK(&c, &k, "SCRIPT", "FLUSH");
    ASK(&c, &k, "EVALSHA", load.text, "1", "k");
    EXPECT_EQ_INT(REDIS_NO_SCRIPT, k.class);
    ASK(&c, &k, "LPUSH", "k", "x");
    EXPECT_EQ_INT(REDIS_BUG, k.class); // WRONGTYPE
    ASK(&c, &k, "NOSUCHCOMMAND");
    EXPECT_EQ_INT(REDIS_NO_COMMAND, k.class);
    ASK(&c, &k, "CONFIG", "SET", "maxmemory", "1");
    ASK(&c, &k, "SET", "k", "2");
    EXPECT_EQ_INT(REDIS_NO_WRITES, k.class);
    ASK(&c, &k, "EVAL", "return redis.call('SET', KEYS[1], '1')", "1", "k");
    EXPECT_EQ_INT(REDIS_NO_WRITES, k.class);
    ASK(&c, &k, "CONFIG", "SET", "maxmemory", "0");
    ASK(&c, &k, "ACL", "SETUSER", "default", "-set");
    ASK(&c, &k, "SET", "k", "3");
    EXPECT_EQ_INT(REDIS_CREDENTIALS, k.class);
    EXPECT_EQ_INT(REDIS_ANSWERED, k.fate);
    EXPECT_EQ_UINT(0, c.downs);
    client_end(&c);
    server_end(&s);
}

/* A master no more: told by the first write, and then by every attempt to connect. */
static void test_replica(void) {
    struct server s;
    struct client c;
    struct call k;
    server_begin(&s);
    client_begin(&c, &s, false, NULL);
    ASK(&c, &k, "REPLICAOF", "127.0.0.1", "1");
    ASK(&c, &k, "EVAL", "return redis.call('SET', KEYS[1], '1')", "1", "k");
    EXPECT_EQ_INT(REDIS_READONLY, k.class);
    (void)await(&s, &c.downs, 2);
    EXPECT_EQ_INT(REDIS_READONLY, c.failure.class);
    EXPECT_CONTAINS("a replica of 127.0.0.1:1", c.failure.err.msg);
    EXPECT_EQ_UINT(1, c.ups);
    client_end(&c);
    server_end(&s);
}

static void test_restart(void) {
    struct server s;
    struct client c;
    struct call before, safe, unsafe;
    server_begin(&s);
    client_begin(&c, &s, true, NULL);
    ASK(&c, &before, "SET", "kept", "yes");
    redis_server_kill(&s.redis);
    (void)await(&s, &c.downs, 1);
    POST(&c, &safe, true, "GET", "kept");
    unsafe = (struct call){.call = {.done = on_done}};
    EXPECT_EQ_INT(0, redis_call_words(&unsafe.call, "INCR", "n", NULL));
    EXPECT_EQ_INT(-ENOTCONN, redis_link_send(c.link, &unsafe.call));
    redis_call_finish(&unsafe.call);
    (void)await(&s, &c.downs, 3); // refused, and again
    redis_server_start(&s.redis);
    (void)await(&s, &safe.answers, 1);
    EXPECT_EQ_STR("yes", safe.text); // appendfsync always
    EXPECT_EQ_UINT(2, c.ups);
    client_end(&c);
    server_end(&s);
}

static void test_channel(void) {
    struct server s;
    struct client c, admin;
    struct call k;
    server_begin(&s);
    client_begin(&c, &s, false, "jh:wake");
    client_begin(&admin, &s, false, NULL);
    ASK(&admin, &k, "PUBLISH", "jh:wake", "hello");
    EXPECT_EQ_INT(1, k.integer); // it was subscribed when it was up
    (void)await(&s, &c.pushes, 1);
    ASK(&admin, &k, "CLIENT", "KILL", "TYPE", "pubsub");
    (void)await(&s, &c.ups, 2);
    ASK(&admin, &k, "PUBLISH", "jh:wake", "hello");
    EXPECT_EQ_INT(1, k.integer);
    (void)await(&s, &c.pushes, 2);
    client_end(&c);
    client_end(&admin);
    server_end(&s);
}

static const struct expect_test tests[] = {
    {"many commands, by socket and by TLS", test_pipeline},
    {"connections that are killed", test_killed},
    {"a server that sleeps", test_sleep},
    {"classes of errors", test_classes},
    {"a master that becomes a replica", test_replica},
    {"a server that is started again", test_restart},
    {"messages", test_channel},
};

int main(int argc, char **argv) {
    if (!redis_server_installed()) {
        (void)printf("redis-server is not installed (scripts/deps --test)\n");
        return SKIPPED;
    }
    return expect_run("redis server", tests, ARRAY_LEN(tests), argc, argv);
}
