#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

enum { BLOCK_BYTES = 16 * 1024, ALIGN = 16 };

struct pool_block {
    struct pool_block *next;
    size_t used, cap;
    _Alignas(ALIGN) unsigned char bytes[];
};

void *pool_array(struct pool *p, size_t count, size_t size) {
    if (size != 0 && count > (SIZE_MAX / 4) / size) {
        p->failed = true;
        return NULL;
    }
    size_t need = (count * size + ALIGN - 1) / ALIGN * ALIGN;
    struct pool_block *b = p->blocks;
    if (b == NULL || b->cap - b->used < need) {
        size_t cap = need > BLOCK_BYTES ? need : BLOCK_BYTES;
        b = calloc(1, sizeof *b + cap);
        if (b == NULL) {
            p->failed = true;
            return NULL;
        }
        b->cap = cap;
        b->next = p->blocks;
        p->blocks = b;
    }
    void *at = b->bytes + b->used;
    b->used += need;
    return at;
}

const char *pool_text(struct pool *p, const char *text, size_t len) {
    char *copy = pool_array(p, len + 1, 1);
    if (copy == NULL) {
        return "";
    }
    if (len > 0) {
        memcpy(copy, text, len);
    }
    return copy;
}

const char *pool_printf(struct pool *p, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return pool_text(p, text, n < 0 ? 0 : strnlen(text, sizeof text));
}

void pool_free(struct pool *p) {
    while (p->blocks != NULL) {
        struct pool_block *next = p->blocks->next;
        free(p->blocks);
        p->blocks = next;
    }
}
