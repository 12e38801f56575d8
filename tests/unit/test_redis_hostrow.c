#include <errno.h>

#include "expect.h"
#include "store/redis/hostrow.h"

static void test_round_trip(void) {
    static const struct store_host rows[] = {
        {.name = "web \"1\"",
         .version = "0.1",
         .nonce = UINT64_MAX - 1,
         .pid = INT32_MAX,
         .started_ms = 1700000000000,
         .seen_ms = 1700000000001,
         .lease_end_ms = 1700000000002,
         .running = UINT32_MAX},
        {.name = "", .version = "", .nonce = 1, .seen_ms = 5, .lease_end_ms = 5, .left = true},
        {.name = "", .version = "", .nonce = 1, .seen_ms = 5, .lost = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = {.data = NULL};
        struct arena arena = {.head = NULL};
        struct store_host got;
        char nonce[REDIS_NONCE_TEXT + 1];
        redis_nonce_format(rows[i].nonce, nonce);
        redis_host_write(&b, &rows[i]);
        EXPECT_EQ_INT(0, redis_host_read(bytes_of(nonce), buf_bytes(&b), &arena, &got));
        EXPECT_EQ_STR(rows[i].name, got.name);
        EXPECT_EQ_STR(rows[i].version, got.version);
        EXPECT_EQ_UINT(rows[i].nonce, got.nonce);
        EXPECT_EQ_INT(rows[i].pid, got.pid);
        EXPECT_EQ_INT(rows[i].started_ms, got.started_ms);
        EXPECT_EQ_INT(rows[i].seen_ms, got.seen_ms);
        EXPECT_EQ_INT(rows[i].lease_end_ms, got.lease_end_ms);
        EXPECT_EQ_UINT(rows[i].running, got.running);
        EXPECT_EQ_INT(rows[i].left, got.left);
        EXPECT_EQ_INT(rows[i].lost, got.lost);
        arena_free(&arena);
        buf_free(&b);
    }
}

static void test_damage(void) {
    static const struct {
        const char *nonce, *json;
        int want;
    } rows[] = {
        {"1", "{}", 0},
        {"1", " {\"name\":5,\"later\":[1]}", 0},
        {"", "{}", -EBADMSG},
        {"00000000000000001", "{}", -EBADMSG},
        {"1G", "{}", -EBADMSG},
        {"1", "", -EBADMSG},
        {"1", "[]", -EBADMSG},
        {"1", "{", -EBADMSG},
        {"1", "{\"pid\":2147483648}", -EBADMSG},
        {"1", "{\"pid\":-1}", -EBADMSG},
        {"1", "{\"pid\":\"1\"}", -EBADMSG},
        {"1", "{\"seen\":1.5}", -EBADMSG},
        {"1", "{\"seen\":9223372036854775808}", -EBADMSG},
        {"1", "{\"running\":4294967296}", -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {.head = NULL};
        struct store_host got;
        EXPECT_EQ_INT(rows[i].want, redis_host_read(bytes_of(rows[i].nonce), bytes_of(rows[i].json),
                                                    &arena, &got));
        arena_free(&arena);
    }
}

static const struct expect_test tests[] = {
    {"what was written is read", test_round_trip},
    {"what another program wrote", test_damage},
};
SUITE_MAIN("redis_hostrow", tests)
