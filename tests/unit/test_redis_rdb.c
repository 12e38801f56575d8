// Hashes in the form of RESTORE, against a real redis-server. Skipped where it is not installed.
#include "redis/rdb.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>

#include "expect.h"
#include "redis_server.h"

enum { SKIPPED = 77, WORDS_MAX = 1200, ORDERED_MAX = 256 /* words: hash-max-listpack-entries */ };

static struct redis_server server;

// Jones' polynomial has this check value in Redis' own test, and in the catalogue of CRCs.
static void test_crc(void) {
    EXPECT_EQ_UINT(0xe9c6d914c4b8d9ca, redis_crc64("123456789", 9));
    EXPECT_EQ_UINT(0, redis_crc64("", 0));
}

static redisReply *ask(const char *const *words, const size_t *lens, int count) {
    return redis_server_ask(&server, count, words, lens);
}

static void restore(const char *const *words, const size_t *lens, size_t count) {
    struct arena arena = {.head = NULL};
    struct bytes form = redis_rdb_hash(words, lens, count, &arena);
    const char *const argv[] = {"RESTORE", "h", "0", form.data, "REPLACE"};
    const size_t sizes[] = {7, 1, 1, form.len, 7};
    freeReplyObject(ask(argv, sizes, ARRAY_LEN(argv)));
    arena_free(&arena);
}

// What is read is what was written, and each field is found by its name.
static void expect_hash(const char *const *words, const size_t *lens, size_t count) {
    const char *const all[] = {"HGETALL", "h"};
    const size_t sizes[] = {7, 1};
    restore(words, lens, count);
    redisReply *reply = ask(all, sizes, 2);
    if (EXPECT_EQ_UINT(count, reply->elements)) {
        for (size_t i = 0; i < count && count <= ORDERED_MAX; i++) {
            EXPECT_EQ_BYTES(words[i], lens[i], reply->element[i]->str, reply->element[i]->len);
        }
    }
    freeReplyObject(reply);
    for (size_t i = 0; i < count; i += 2) {
        const char *const get[] = {"HGET", "h", words[i]};
        const size_t get_lens[] = {4, 1, lens[i]};
        reply = ask(get, get_lens, 3);
        EXPECT_EQ_BYTES(words[i + 1], lens[i + 1], reply->str, reply->len);
        freeReplyObject(reply);
    }
}

static void expect_texts(const char *const *words, size_t count) {
    size_t lens[WORDS_MAX];
    for (size_t i = 0; i < count; i++) {
        lens[i] = strlen(words[i]);
    }
    expect_hash(words, lens, count);
}

// Each kind of number at its limits, and texts that only look like numbers.
static void test_numbers(void) {
    static const char *const texts[] = {"0",
                                        "127",
                                        "128",
                                        "4095",
                                        "4096",
                                        "-1",
                                        "-4096",
                                        "-4097",
                                        "32767",
                                        "32768",
                                        "-32768",
                                        "-32769",
                                        "8388607",
                                        "8388608",
                                        "-8388608",
                                        "-8388609",
                                        "2147483647",
                                        "2147483648",
                                        "-2147483648",
                                        "-2147483649",
                                        "1795358747026",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "-9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999",
                                        "999999999999999999999",
                                        "",
                                        "-",
                                        "-0",
                                        "00",
                                        "007",
                                        "+1",
                                        "1.5",
                                        " 1",
                                        "1e3"};
    const char *words[2 * ARRAY_LEN(texts)];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        words[2 * i] = words[2 * i + 1] = texts[i];
    }
    expect_texts(words, ARRAY_LEN(words));
    EXPECT_EQ_INT(128,
                  REDIS_DO(&server, "HINCRBY", "h", "127", "1")); // it is a number for Redis too
}

// Around each length that changes how a length is written.
static void test_lengths(void) {
    static const size_t sizes[] = {1,     61,    62,    63,      64,      124,    125,
                                   126,   127,   128,   4094,    4095,    4096,   16377,
                                   16378, 16379, 70000, 2097145, 2097146, 2097147};
    enum { LONGEST = 2097147 };
    char *text = malloc(LONGEST);
    memset(text, 'x', LONGEST);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        const char *const words[] = {"before", "1", "long", text, "behind", "2"};
        const size_t lens[] = {6, 1, 4, sizes[i], 6, 1};
        text[0] = '\0'; // any byte may be in it
        expect_hash(words, lens, ARRAY_LEN(words));
    }
    free(text);
}

// As many fields as do not stay in the compact form, by the server's settings.
static void test_many(void) {
    static char names[WORDS_MAX / 2][16];
    const char *words[WORDS_MAX];
    for (size_t i = 0; i < WORDS_MAX / 2; i++) {
        (void)snprintf(names[i], sizeof names[i], "f%zu", i);
        words[2 * i] = words[2 * i + 1] = names[i];
    }
    expect_texts(words, WORDS_MAX);
}

// Hashes of random words, some of which are numbers.
static void test_random(void) {
    enum { HASHES = 400, PAIRS_MAX = 40, LEN_MAX = 300 };
    static char texts[2 * PAIRS_MAX][LEN_MAX + 24];
    uint64_t random = 88172645463325252;
    for (int n = 0; n < HASHES; n++) {
        const char *words[2 * PAIRS_MAX];
        size_t lens[2 * PAIRS_MAX], count = 0;
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        size_t want = 2 * (random % PAIRS_MAX + 1);
        for (size_t i = 0; i < want; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            lens[i] = random % 3 == 0 ? (size_t)snprintf(texts[i], 24, "%" PRId64,
                                                         (int64_t)random >> random % 63)
                                      : random % LEN_MAX;
            if (random % 3 != 0) {
                memset(texts[i], (int)(random >> 8 & 0xff), lens[i]);
            }
            if (i % 2 == 0) { // names differ
                lens[i] += (size_t)snprintf(texts[i] + lens[i], 24, ":%zu", i);
            }
            words[count++] = texts[i];
        }
        expect_hash(words, lens, count);
    }
}

// Damaged on its way: the server says so, and keeps what it had.
static void test_damaged(void) {
    static const char *const words[] = {"a", "1"};
    static const size_t lens[] = {1, 1};
    struct arena arena = {.head = NULL};
    expect_texts(words, 2);
    struct bytes form = redis_rdb_hash(words, lens, 2, &arena);
    for (size_t i = 0; i < form.len; i++) {
        char *copy = memcpy(arena_alloc(&arena, form.len), form.data, form.len);
        copy[i] = (char)(copy[i] ^ 1);
        const char *const argv[] = {
            "EVAL", "return redis.pcall('RESTORE', 'h', '0', ARGV[1], 'REPLACE').err and 1 or 0",
            "0", copy};
        const size_t sizes[] = {4, strlen(argv[1]), 1, form.len};
        redisReply *reply = ask(argv, sizes, 4);
        EXPECT_EQ_INT(1, reply->integer);
        freeReplyObject(reply);
    }
    arena_free(&arena);
}

static const struct expect_test tests[] = {
    {"the checksum", test_crc},
    {"numbers, and what looks like them", test_numbers},
    {"strings of all lengths", test_lengths},
    {"very many fields", test_many},
    {"random words", test_random},
    {"a damaged form", test_damaged},
};

int main(int argc, char **argv) {
    if (!redis_server_installed()) {
        (void)printf("redis-server is not installed (scripts/deps --test)\n");
        return SKIPPED;
    }
    redis_server_init(&server);
    redis_server_start(&server);
    int r = expect_run("redis rdb", tests, ARRAY_LEN(tests), argc, argv);
    redis_server_finish(&server);
    return r;
}
