/* The server of the shared backends: one a program. */
#include <hiredis/hiredis.h>
#include <stdarg.h>

#include "redis_proxy.h"
#include "redis_server.h"
#include "rig.h"

enum { WORDS_MAX = 64 };

static struct redis_server server; /* .dir is set once it runs */

bool rig_is_shared(void) {
    return strncmp(rig_backend, "redis", 5) == 0;
}

static void end_server(void) {
    redis_server_finish(&server);
}

struct redis_server *rig_server(void) {
    if (server.dir[0] == '\0') {
        redis_server_init(&server);
        redis_server_start(&server);
        (void)atexit(end_server);
    }
    return &server;
}

void rig_empty_server(void) {
    (void)rig_server();
    (void)rig_redis("FLUSHALL");
}

void rig_use_server(struct rig *rig) {
    struct redis_server *s = rig_server();
    if (strcmp(rig_backend, "redis-tls") ==
        0) { // and by a user whose jobs are written field by field
        (void)REDIS_DO(s, "ACL", "SETUSER", "plain", "on", ">secret", "~*", "&*", "+@all",
                       "-restore");
        (void)snprintf(rig->url, sizeof rig->url, "rediss://plain:secret@localhost:%s", s->port);
        rig->config.tls_ca = s->cert;
    } else {
        (void)snprintf(rig->url, sizeof rig->url, "unix:%s", s->socket);
    }
}

struct redis_proxy *rig_start_behind_proxy(struct rig *rig) {
    char path[300];
    rig_init(rig);
    (void)snprintf(path, sizeof path, "%s/proxy", rig->dir);
    (void)snprintf(rig->url, sizeof rig->url, "unix:%s", path);
    struct redis_proxy *proxy = redis_proxy_new(path, rig_server()->socket);
    (void)EXPECT_EQ_INT(0, rig_open(rig));
    (void)rig_stats(rig);
    RIG_AWAIT(rig, rig_listeners() == 1);
    return proxy;
}

static struct redisReply *ask(const char *format, va_list args)
    __attribute__((format(printf, 1, 0)));

static struct redisReply *ask(const char *format, va_list args) {
    char text[2048], *rest = NULL;
    const char *words[WORDS_MAX];
    int count = 0;
    int n = vsnprintf(text, sizeof text, format, args);
    if (!EXPECT_TRUE(n > 0 && n < (int)sizeof text)) {
        abort();
    }
    for (char *word = strtok_r(text, " ", &rest); word != NULL && count < WORDS_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    return redis_server_ask(rig_server(), count, words, NULL);
}

int64_t rig_redis(const char *format, ...) {
    va_list args;
    va_start(args, format);
    struct redisReply *reply = ask(format, args);
    va_end(args);
    int64_t r = redis_server_number(reply);
    freeReplyObject(reply);
    return r;
}

const char *rig_redis_text(const char *format, ...) {
    static char text[1 << 16];
    va_list args;
    va_start(args, format);
    struct redisReply *reply = ask(format, args);
    va_end(args);
    (void)snprintf(text, sizeof text, "%s", reply->str == NULL ? "" : reply->str);
    freeReplyObject(reply);
    return text;
}

int64_t rig_listeners(void) {
    const char *words[] = {"PUBSUB", "NUMSUB", "jh:wake"};
    struct redisReply *reply = redis_server_ask(rig_server(), 3, words, NULL);
    int64_t r = reply->elements == 2 ? reply->element[1]->integer : -1;
    freeReplyObject(reply);
    return r;
}

int64_t rig_end_leases(void) {
    static const char script[] = "local n = 0 "
                                 "for _, key in ipairs(redis.call('KEYS', '*jobs:*processing')) do "
                                 "for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do "
                                 "redis.call('ZADD', key, 'XX', 1, id) n = n + 1 end end return n";
    return REDIS_DO(rig_server(), "EVAL", script, "0");
}
