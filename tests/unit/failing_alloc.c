#include "failing_alloc.h"

#include <stdbool.h>
#include <stddef.h>

// The linker's --wrap sends the calls of the code under test here.
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

static int left; // allocations that still succeed, plus one; 0 = all

void failing_alloc_after(int nth) {
    left = nth;
}

static bool fails(void) {
    if (left > 1) {
        left--;
        return false;
    }
    return left == 1;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size) {
    return fails() ? NULL : __real_realloc(p, size);
}
