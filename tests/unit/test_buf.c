#include "base/buf.h"

#include "expect.h"
#include "failing_alloc.h"

static void test_append(void) {
    struct buf b = {0};
    buf_add(&b, NULL, 0);
    EXPECT_NULL(b.data);
    buf_str(&b, "one");
    buf_char(&b, ' ');
    buf_add(&b, "t\0w", 3);
    buf_printf(&b, "%d", 3);
    EXPECT_EQ_BYTES("one t\0w3\0", 9, b.data, b.len + 1);
    EXPECT_EQ_UINT(8, buf_bytes(&b).len);
    buf_free(&b);
    EXPECT_NULL(b.data);
}

// Around every power of two up to 64 KiB, in one piece and byte by byte, always terminated.
static void test_growth(void) {
    for (size_t base = 256; base <= 65536; base *= 2) {
        for (size_t len = base - 2; len <= base + 1; len++) {
            char *text = malloc(len);
            memset(text, 'x', len);
            struct buf whole = {0}, pieces = {0};
            buf_add(&whole, text, len);
            for (size_t i = 0; i < len; i++) {
                buf_char(&pieces, 'x');
            }
            EXPECT_EQ_BYTES(text, len, whole.data, whole.len);
            EXPECT_EQ_BYTES(text, len, pieces.data, pieces.len);
            EXPECT_EQ_INT('\0', whole.data[len]);
            EXPECT_EQ_INT('\0', pieces.data[len]);
            buf_free(&whole);
            buf_free(&pieces);
            free(text);
        }
    }
}

static void test_printf(void) {
    struct buf b = {0};
    char want[1001];
    memset(want, '7', sizeof want - 1);
    want[1000] = '\0';
    buf_printf(&b, "%s", want);
    EXPECT_EQ_STR(want, b.data);
    buf_printf(&b, "%s", "");
    EXPECT_EQ_UINT(1000, b.len);
    buf_free(&b);
}

static void test_room(void) {
    struct buf b = {0};
    memcpy(buf_room(&b, 5), "hello", 5);
    buf_grew(&b, 5);
    EXPECT_EQ_STR("hello", b.data);
    char *room = buf_room(&b, 100000);
    memset(room, 'y', 100000);
    buf_grew(&b, 100000);
    EXPECT_EQ_UINT(100005, b.len);
    EXPECT_EQ_INT('\0', b.data[100005]);
    buf_grew(&b, 0);
    buf_free(&b);
    buf_grew(&b, 0);
}

static void test_consume(void) {
    struct buf b = {0};
    buf_consume(&b, 0);
    buf_str(&b, "abcdef");
    buf_consume(&b, 2);
    EXPECT_EQ_STR("cdef", b.data);
    buf_consume(&b, 4);
    EXPECT_EQ_STR("", b.data);
    EXPECT_EQ_UINT(0, b.len);
    buf_str(&b, "again");
    size_t cap = b.cap;
    buf_clear(&b);
    EXPECT_EQ_STR("", b.data);
    EXPECT_EQ_UINT(cap, b.cap);
    buf_free(&b);
}

static void test_no_memory(void) {
    struct buf b = {0};
    buf_str(&b, "kept");
    failing_alloc_after(1);
    char *room = buf_room(&b, 1000);
    failing_alloc_after(0);
    EXPECT_NULL(room);
    EXPECT_TRUE(b.failed);
    buf_str(&b, "lost");
    buf_char(&b, 'x');
    buf_printf(&b, "%d", 1);
    EXPECT_EQ_STR("kept", b.data);
    buf_clear(&b);
    EXPECT_FALSE(b.failed);
    EXPECT_NULL(buf_room(&b, SIZE_MAX - 1));
    EXPECT_TRUE(b.failed);
    buf_free(&b);

    failing_alloc_after(1);
    buf_printf(&b, "%d", 1);
    buf_char(&b, 'x');
    failing_alloc_after(0);
    EXPECT_TRUE(b.failed);
    EXPECT_NULL(b.data);
    buf_free(&b);
}

// The second allocation of a long printf fails: what was there before stays, terminated.
static void test_no_memory_in_printf(void) {
    struct buf b = {0};
    char text[1001];
    memset(text, '7', sizeof text - 1);
    text[1000] = '\0';
    buf_str(&b, "kept");
    failing_alloc_after(1);
    buf_printf(&b, "%s", text);
    failing_alloc_after(0);
    EXPECT_TRUE(b.failed);
    EXPECT_EQ_STR("kept", b.data);
    buf_free(&b);
}

static const struct expect_test tests[] = {
    {"what is added is there", test_append},
    {"it grows at every size", test_growth},
    {"printf of any length", test_printf},
    {"room can be filled by the caller", test_room},
    {"consume and clear", test_consume},
    {"the first failed allocation stops it", test_no_memory},
    {"a printf that does not fit in memory", test_no_memory_in_printf},
};
SUITE_MAIN("buf", tests)
