/* A binary min-heap of pointers whose elements know their own place, so that any of them can be
 * removed in O(log n): what timers and deadlines need. Elements are borrowed. Not thread-safe. */
#ifndef JOBHOST_BASE_HEAP_H
#define JOBHOST_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#define HEAP_NOWHERE ((size_t)-1)

struct heap {
    void **items;
    size_t len, cap;
    bool (*less)(const void *a, const void *b);
    void (*set_pos)(void *item, size_t pos); /* HEAP_NOWHERE when it leaves the heap */
};

/* 0, or -ENOMEM and nothing was added. */
int heap_add(struct heap *h, void *item);
void *heap_min(const struct heap *h); /* NULL when empty */
void heap_remove(struct heap *h, size_t pos);
void heap_finish(struct heap *h);

#endif
