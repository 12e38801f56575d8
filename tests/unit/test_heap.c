#include "base/heap.h"

#include <errno.h>

#include "expect.h"
#include "failing_alloc.h"

struct item {
    int key;
    size_t pos;
};

static bool item_less(const void *a, const void *b) {
    return ((const struct item *)a)->key < ((const struct item *)b)->key;
}

static void item_set_pos(void *item, size_t pos) {
    ((struct item *)item)->pos = pos;
}

static struct heap new_heap(void) {
    return (struct heap){.less = item_less, .set_pos = item_set_pos};
}

static bool is_sound(const struct heap *h) {
    for (size_t i = 0; i < h->len; i++) {
        const struct item *item = h->items[i];
        if (item->pos != i || (i > 0 && item_less(item, h->items[(i - 1) / 2]))) {
            return false;
        }
    }
    return true;
}

static void test_order(void) {
    struct heap h = new_heap();
    struct item items[] = {{5, 0}, {1, 0}, {4, 0}, {1, 0}, {3, 0}, {2, 0}};
    EXPECT_NULL(heap_min(&h));
    for (size_t i = 0; i < 6; i++) {
        EXPECT_EQ_INT(0, heap_add(&h, &items[i]));
    }
    const int want[] = {1, 1, 2, 3, 4, 5};
    for (size_t i = 0; i < 6; i++) {
        struct item *min = heap_min(&h);
        EXPECT_EQ_INT(want[i], min->key);
        heap_remove(&h, min->pos);
        EXPECT_EQ_UINT(HEAP_NOWHERE, min->pos);
    }
    heap_remove(&h, 0);
    heap_remove(&h, HEAP_NOWHERE);
    EXPECT_NULL(heap_min(&h));
    heap_finish(&h);
}

// Random adds and removes from anywhere, against a plain search for the least key.
static void test_against_model(void) {
    enum { COUNT = 300, ROUNDS = 20000 };
    static struct item items[COUNT];
    struct heap h = new_heap();
    for (size_t i = 0; i < COUNT; i++) {
        items[i].pos = HEAP_NOWHERE;
    }
    uint32_t random = 7;
    size_t wrong = 0;
    for (int round = 0; round < ROUNDS; round++) {
        random = random * 1664525u + 1013904223u;
        struct item *item = &items[(random >> 16) % COUNT];
        if (item->pos == HEAP_NOWHERE) {
            item->key = (int)(random >> 8 & 1023);
            EXPECT_EQ_INT(0, heap_add(&h, item));
        } else {
            heap_remove(&h, item->pos);
        }
        const struct item *least = NULL;
        size_t len = 0;
        for (size_t i = 0; i < COUNT; i++) {
            if (items[i].pos != HEAP_NOWHERE) {
                len++;
                least = least == NULL || item_less(&items[i], least) ? &items[i] : least;
            }
        }
        const struct item *min = heap_min(&h);
        wrong += len != h.len || !is_sound(&h);
        wrong += (min == NULL) != (least == NULL) || (min != NULL && min->key != least->key);
    }
    EXPECT_EQ_UINT(0, wrong);
    heap_finish(&h);
}

static void test_no_memory(void) {
    struct heap h = new_heap();
    struct item items[17];
    failing_alloc_after(1);
    int r = heap_add(&h, &items[0]);
    failing_alloc_after(0);
    EXPECT_EQ_INT(-ENOMEM, r);
    EXPECT_EQ_UINT(0, h.len);
    for (size_t i = 0; i < 16; i++) {
        items[i].key = (int)i;
        EXPECT_EQ_INT(0, heap_add(&h, &items[i]));
    }
    failing_alloc_after(1);
    r = heap_add(&h, &items[16]);
    failing_alloc_after(0);
    EXPECT_EQ_INT(-ENOMEM, r);
    EXPECT_EQ_UINT(16, h.len);
    EXPECT_TRUE(is_sound(&h));
    heap_finish(&h);
}

static const struct expect_test tests[] = {
    {"the least comes first", test_order},
    {"random adds and removes agree with a model", test_against_model},
    {"a failed allocation adds nothing", test_no_memory},
};
SUITE_MAIN("heap", tests)
