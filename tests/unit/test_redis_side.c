#include <errno.h>

#include "expect.h"
#include "store/redis/side.h"

static void test_warnings(void) {
    static const struct store_warning rows[] = {{"code", "what is odd"}, {"c", ""}, {"", "m"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_args a = {.words = NULL};
        struct arena arena = {.head = NULL};
        struct store_warning got = {NULL, NULL};
        redis_warning_put(&a, &rows[i]);
        EXPECT_EQ_INT(0, redis_warning_read((struct bytes){a.words[0], a.lens[0]}, &arena, &got));
        EXPECT_EQ_STR(rows[i].code, got.code);
        EXPECT_EQ_STR(rows[i].message, got.message);
        arena_free(&arena);
        redis_args_free(&a);
    }
    struct arena arena = {.head = NULL};
    struct store_warning got;
    EXPECT_EQ_INT(-EBADMSG, redis_warning_read(bytes_of("no end"), &arena, &got));
    EXPECT_EQ_INT(-EBADMSG, redis_warning_read((struct bytes){"", 0}, &arena, &got));
    arena_free(&arena);
}

static void test_outputs(void) {
    static const struct store_output rows[] = {
        {"a", "text/html", {{1, 2, 3}, 77}}, {"b", NULL, {{255}, 0}}, {"c", "", {{0}, INT64_MAX}}};
    struct arena arena = {.head = NULL};
    struct store_output got;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b = {.data = NULL};
        redis_output_pack(&b, &rows[i]);
        EXPECT_EQ_INT(0, redis_output_read(buf_bytes(&b), &arena, &got));
        EXPECT_EQ_STR(rows[i].content_type, got.content_type);
        EXPECT_EQ_UINT(rows[i].blob.size, got.blob.size);
        EXPECT_EQ_BYTES(rows[i].blob.sha256, 32, got.blob.sha256, 32);
        for (size_t cut = 0; cut < b.len; cut++) { // anything shorter is damaged, or has no size
            int r = redis_output_read((struct bytes){b.data, cut}, &arena, &got);
            EXPECT_TRUE(r == -EBADMSG || r == 0);
        }
        buf_free(&b);
    }
    EXPECT_EQ_INT(-EBADMSG, redis_output_read((struct bytes){"", 0}, &arena, &got));
    EXPECT_EQ_INT(-EBADMSG, redis_output_read(bytes_of("\x05\x02xx"), &arena, &got)); // short hash
    arena_free(&arena);
}

static const struct expect_test tests[] = {
    {"warnings come back", test_warnings},
    {"outputs come back", test_outputs},
};
SUITE_MAIN("redis_side", tests)
