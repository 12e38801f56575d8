// Decisions that are made in Lua, against the vectors that their forms in C are tested with: run by a real server, since it is its Lua
// that counts.
#include <hiredis/hiredis.h>

#include "redis_server.h"
#include "share_vectors.h"
#include "vectors.h"

enum { LUA_MAX = 64 * 1024, NUMBER_TEXT = 24, NUMBERS_MAX = 32 };

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
    char texts[NUMBERS_MAX][NUMBER_TEXT];
    const char *words[NUMBERS_MAX + 3] = {"EVALSHA", sha, "0"};
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
    uint64_t v[NUMBERS_MAX];
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
    EXPECT_TRUE(lines > 500);
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

static void test_flow(void) {
    expect_vectors(
        "flow.txt", "lib/flow.lua",
        "local n = {}\n"
        "for i = 1, 9 do n[i] = tonumber(ARGV[i]) end\n"
        "local ends = {[4] = 'succeeded', [5] = 'dead', [6] = 'cancelled'}\n"
        "local f = {made = n[1], succeeded = n[2], dead = n[3], cancelled = n[4],\n"
        "  duplicate = n[5], opener = ends[n[6]], onDead = n[7] == 1 and 'fail' or nil,\n"
        "  closed = n[8] == 1 and '5' or nil, deep = n[9] == 1 and '1' or nil}\n"
        "return {open_of(f), fate_of(f), then_of(f), grows(f) and 1 or 0,\n"
        "  cancels(f) and 1 or 0, leaves(f) and 1 or 0, follows(f) and 1 or 0}",
        9, 7);
}

static void test_share(void) {
    expect_vectors(
        "share.txt", "lib/share.lua",
        "local n = {}\n"
        "for i = 1, 9 do n[i] = tonumber(ARGV[i]) end\n"
        "local b = {now = n[2], last = n[3], comers = n[4]}\n"
        "local f, g = {tag = n[5], turn = n[6], weight = n[7]}, {tag = n[8], turn = n[9]}\n"
        "local waits = n[1] < 2\n"
        "if n[1] == 0 then share_enter(b, f) else share_start(b, f, waits) end\n"
        "if n[1] == 3 then share_empty(b) end\n"
        "return {b.now, b.last, b.comers, f.tag, waits and f.turn or 0,\n"
        "  waits and share_before(f, g) and 1 or 0,\n"
        "  not waits and share_may_forget(b, f) and 1 or 0}",
        SHARE_V_IN, SHARE_V_OUT);
}

/* A story's state is kept between its lines, in the form in which the store keeps it. */
static const char limiter_line[] =
    "local n = {}\n"
    "for i = 1, 15 do n[i] = tonumber(ARGV[i]) end\n"
    "local r, id, at = limiter_rules(n[1], n[2], n[3], n[4], n[5], n[6]), ARGV[9], n[8]\n"
    "local text = redis.call('GET', 'limiter')\n"
    "local l = text and limiter_parse(text) or limiter_new()\n"
    "local out = {0, 0, 0}\n"
    "local function told(held) out[1] = held and 1 or 0 end\n"
    "local hint = {refused = n[11] ~= 0, remaining = n[12] - 1, limit = n[13] - 1,\n"
    "              reset = n[14] - 1, retry = n[15] - 1}\n"
    "local ops = {function() l = limiter_new() end,\n"
    "  function() out = {limiter_take(l, r, id, n[10], at)} end,\n"
    "  function() told(limiter_answered(l, r, id, hint, at)) end,\n"
    "  function() told(limiter_give_back(l, r, id, at)) end,\n"
    "  function() told(limiter_renew(l, r, id, at)) end,\n"
    "  function() limiter_close(l, r, n[10], at) end,\n"
    "  function() limiter_open(l) end}\n"
    "ops[n[7] + 1]()\n"
    "pass_time(l, r, at)\n"
    "redis.call('SET', 'limiter', limiter_format(l))\n"
    "return {out[1], out[2], out[3], r.has_window and limit_of(l, r) or 0, count_of(l.held),\n"
    "        count_of(l.settled), l.foreign, l.closed}";

static void test_limiter(void) {
    expect_vectors("limiter_take.txt", "lib/limiter.lua", limiter_line, 15, 8);
}

static void test_concurrency(void) {
    expect_vectors("concurrency_take.txt", "lib/limiter.lua", limiter_line, 15, 8);
}

static const struct expect_test tests[] = {
    {"a limiter decides as the one in C", test_limiter},
    {"so it does with a concurrency", test_concurrency},
    {"priority_split() splits as the one in C", test_priority_split},
    {"fence() says what the one in C says", test_fence},
    {"dedup_decide() says what the one in C says", test_dedup},
    {"turns are taken as in C", test_share},
    {"what becomes of a flow is what C says", test_flow},
};
SUITE_MAIN("Lua", tests)
