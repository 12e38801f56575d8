#include "base/arena.h"

#include "expect.h"
#include "failing_alloc.h"

static void test_alignment(void) {
    struct arena a = {0};
    for (size_t size = 0; size < 200; size++) {
        void *p = arena_alloc(&a, size);
        EXPECT_TRUE(p != NULL);
        EXPECT_EQ_UINT(0, (uintptr_t)p % _Alignof(max_align_t));
    }
    arena_free(&a);
    EXPECT_NULL(a.head);
    EXPECT_EQ_UINT(0, a.used);
}

// Every allocation is filled with its own byte; none may have been touched by another.
static void test_no_overlap(void) {
    enum { COUNT = 3000 };
    static unsigned char *at[COUNT];
    static size_t size[COUNT];
    struct arena a = {0};
    uint32_t random = 1;
    for (size_t i = 0; i < COUNT; i++) {
        random = random * 1664525u + 1013904223u;
        size[i] = i % 50 == 0 ? random % 200000 : random % 300;
        at[i] = arena_alloc(&a, size[i]);
        memset(at[i], (int)(i & 255), size[i]);
    }
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < size[i]; k++) {
            wrong += at[i][k] != (i & 255);
        }
    }
    EXPECT_EQ_UINT(0, wrong);
    arena_free(&a);
}

static void test_copies(void) {
    struct arena a = {0};
    EXPECT_NULL(arena_str(&a, NULL));
    EXPECT_EQ_STR("", arena_str(&a, ""));
    EXPECT_EQ_STR("abc", arena_str(&a, "abc"));
    EXPECT_EQ_STR("ab", arena_strn(&a, "abc", 2));
    EXPECT_EQ_STR("", arena_strn(&a, NULL, 0));
    EXPECT_EQ_STR("7 of 9", arena_printf(&a, "%d of %s", 7, "9"));
    const char *zeroed = arena_zalloc(&a, 64);
    EXPECT_EQ_BYTES((const char[64]){0}, 64, zeroed, 64);
    struct bytes b = arena_bytes(&a, (struct bytes){"a\0b", 3});
    EXPECT_EQ_BYTES("a\0b\0", 4, b.data, b.len + 1);
    EXPECT_NULL(arena_bytes(&a, (struct bytes){"", 0}).data);
    arena_free(&a);
}

static void test_reset(void) {
    struct arena a = {0};
    arena_reset(&a);
    void *first = arena_alloc(&a, 100);
    EXPECT_EQ_UINT(112, a.used);
    arena_reset(&a);
    EXPECT_EQ_UINT(0, a.used);
    EXPECT_TRUE(arena_alloc(&a, 100) == first);
    for (int i = 0; i < 1000; i++) {
        (void)arena_alloc(&a, 1000);
    }
    arena_reset(&a);
    EXPECT_TRUE(arena_alloc(&a, 1) != NULL);
    arena_free(&a);
    arena_free(&a);
}

// The overwritten memory itself is gone by then; that everything is freed is for the leak checker.
static void test_wipe(void) {
    struct arena a = {0};
    arena_wipe(&a);
    (void)arena_str(&a, "secret");
    (void)arena_alloc(&a, 100000);
    arena_wipe(&a);
    EXPECT_NULL(a.head);
    EXPECT_EQ_STR("again", arena_str(&a, "again"));
    arena_free(&a);
}

static void test_no_memory(void) {
    struct arena a = {0};
    EXPECT_NULL(arena_alloc(&a, SIZE_MAX));
    EXPECT_NULL(arena_alloc(&a, SIZE_MAX / 2 + 1));
    EXPECT_NULL(arena_strn(&a, "", SIZE_MAX));
    failing_alloc_after(1);
    void *p = arena_alloc(&a, 10);
    void *z = arena_zalloc(&a, 10);
    char *s = arena_printf(&a, "%d", 1);
    struct bytes b = arena_bytes(&a, bytes_of("abc"));
    failing_alloc_after(0);
    EXPECT_NULL(p);
    EXPECT_NULL(z);
    EXPECT_NULL(s);
    EXPECT_NULL(b.data);
    EXPECT_EQ_UINT(3, b.len);
    EXPECT_EQ_UINT(0, a.used);
    EXPECT_EQ_STR("again", arena_str(&a, "again"));
    arena_free(&a);
}

static const struct expect_test tests[] = {
    {"memory is aligned for any type", test_alignment},
    {"allocations do not overlap", test_no_overlap},
    {"copies are terminated", test_copies},
    {"a reset arena starts anew in its newest chunk", test_reset},
    {"a wiped arena is empty", test_wipe},
    {"a failed allocation is NULL and leaves the arena usable", test_no_memory},
};
SUITE_MAIN("arena", tests)
