// Decisions that are made in Lua, against the vectors that their forms in C are tested with: run by a real server, since it is its Lua
// that counts.
#include <hiredis/hiredis.h>

#include "redis_server.h"
#include "vectors.h"

enum { LUA_MAX = 64 * 1024, NUMBER_TEXT = 24 };

/* A file of host/store/redis/lua with `tail` behind it. */
static char *script(const char *name, const char *tail) {
    static char text[LUA_MAX];
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", LUA_DIR, name);
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        perror(path);
        abort();
    }
    size_t len = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    (void)snprintf(text + len, sizeof text - len, "\n%s", tail);
    return text;
}

/* The script run with `count` numbers as its ARGV; its answer are `wants` integers. */
static void expect_run_of(struct redis_server *s, const char *sha, const uint64_t *numbers,
                          size_t count, size_t wants) {
    char texts[16][NUMBER_TEXT];
    const char *words[16 + 3] = {"EVALSHA", sha, "0"};
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(texts[i], NUMBER_TEXT, "%" PRIu64, numbers[i]);
        words[3 + i] = texts[i];
    }
    struct redisReply *reply = redis_server_ask(s, (int)count + 3, words, NULL);
    if (EXPECT_EQ_UINT(wants, reply->elements)) {
        for (size_t i = 0; i < wants; i++) {
            (void)EXPECT_EQ_INT(numbers[count + i], reply->element[i]->integer);
        }
    }
    freeReplyObject(reply);
}

/* Each vector of a file: the first `count` numbers are the arguments of the file of Lua with `tail` behind it, the rest is
 * what it has to answer. */
static void expect_vectors(const char *vectors, const char *lua, const char *tail, size_t count,
                           size_t wants) {
    struct redis_server s;
    uint64_t v[16];
    unsigned lines = 0;
    redis_server_init(&s);
    redis_server_start(&s);
    const char *load[] = {"SCRIPT", "LOAD", script(lua, tail)};
    struct redisReply *sha = redis_server_ask(&s, 3, load, NULL);
    FILE *f = vectors_open(vectors);
    while (vectors_next(f, v, count + wants)) {
        expect_run_of(&s, sha->str, v, count, wants);
        lines++;
    }
    EXPECT_TRUE(lines >= 800);
    (void)fclose(f);
    freeReplyObject(sha);
    redis_server_finish(&s);
}

static void test_priority_split(void) {
    expect_vectors("priority_split.txt", "lib/priority.lua",
                   "local heads = {}\n"
                   "for i = 1, 3 do heads[i] = tonumber(ARGV[1 + i]) end\n"
                   "return priority_split(tonumber(ARGV[1]), heads, ARGV[5], tonumber(ARGV[6]))",
                   6, 3);
}

static void test_fence(void) {
    expect_vectors("fence.txt", "lib/fence.lua",
                   "local n = {}\n"
                   "for i = 1, 6 do n[i] = tonumber(ARGV[i]) end\n"
                   "return {fence(n[1] == 1, n[2], n[3], n[4], n[5], n[6] == 1)}",
                   6, 1);
}

static void test_dedup(void) {
    expect_vectors(
        "dedup.txt", "lib/dedup.lua",
        "local modes = {'reject', 'return', 'replace', 'debounce', 'throttle'}\n"
        "local states = {'scheduled', 'queued', 'running', 'parked', 'succeeded', 'dead', "
        "'cancelled', 'duplicate'}\n"
        "local n = {}\n"
        "for i = 1, 5 do n[i] = tonumber(ARGV[i]) end\n"
        "return {dedup_decide(modes[n[1] + 1], modes[n[2] + 1], states[n[3] + 1], n[4] == 1, n[5] "
        "== 1)}",
        5, 1);
}

static const struct expect_test tests[] = {
    {"priority_split() splits as the one in C", test_priority_split},
    {"fence() says what the one in C says", test_fence},
    {"dedup_decide() says what the one in C says", test_dedup},
};
SUITE_MAIN("Lua", tests)
