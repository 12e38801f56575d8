#include "base/heap.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define FIRST_CAP 16

static void place(struct heap *h, size_t pos, void *item) {
    h->items[pos] = item;
    h->set_pos(item, pos);
}

static void sift_up(struct heap *h, size_t pos) {
    void *item = h->items[pos];
    while (pos > 0) {
        size_t parent = (pos - 1) / 2;
        if (!h->less(item, h->items[parent])) {
            break;
        }
        place(h, pos, h->items[parent]);
        pos = parent;
    }
    place(h, pos, item);
}

static void sift_down(struct heap *h, size_t pos) {
    void *item = h->items[pos];
    for (;;) {
        size_t child = 2 * pos + 1;
        if (child >= h->len) {
            break;
        }
        if (child + 1 < h->len && h->less(h->items[child + 1], h->items[child])) {
            child++;
        }
        if (!h->less(h->items[child], item)) {
            break;
        }
        place(h, pos, h->items[child]);
        pos = child;
    }
    place(h, pos, item);
}

int heap_add(struct heap *h, void *item) {
    if (h->len == h->cap) {
        size_t cap = h->cap == 0 ? FIRST_CAP : h->cap * 2;
        void **items =
            cap <= SIZE_MAX / sizeof *items ? realloc(h->items, cap * sizeof *items) : NULL;
        if (items == NULL) {
            return -ENOMEM;
        }
        h->items = items;
        h->cap = cap;
    }
    h->items[h->len] = item;
    sift_up(h, h->len++);
    return 0;
}

void *heap_min(const struct heap *h) {
    return h->len == 0 ? NULL : h->items[0];
}

void heap_remove(struct heap *h, size_t pos) {
    if (pos >= h->len) {
        return;
    }
    void *gone = h->items[pos];
    void *last = h->items[--h->len];
    if (pos < h->len) {
        h->items[pos] = last;
        if (pos > 0 && h->less(last, h->items[(pos - 1) / 2])) {
            sift_up(h, pos);
        } else {
            sift_down(h, pos);
        }
    }
    h->set_pos(gone, HEAP_NOWHERE);
}

void heap_finish(struct heap *h) {
    free(h->items);
    h->items = NULL;
    h->len = 0;
    h->cap = 0;
}
