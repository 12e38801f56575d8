#define _GNU_SOURCE // explicit_bzero

#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHUNK_FIRST 2048
#define CHUNK_MOST  65536

struct arena_chunk {
    struct arena_chunk *next;
    size_t cap, used; // of data
    max_align_t data[];
};

static size_t align_up(size_t n) {
    const size_t mask = _Alignof(max_align_t) - 1;
    return (n + mask) & ~mask;
}

// The size of the next chunk doubles, so that a large arena takes few mallocs and a small one
// little memory.
static size_t next_chunk_cap(const struct arena *a) {
    if (a->head == NULL) {
        return CHUNK_FIRST;
    }
    return a->head->cap < CHUNK_MOST ? a->head->cap * 2 : CHUNK_MOST;
}

static void *add_chunk(struct arena *a, size_t size) {
    size_t cap = next_chunk_cap(a);
    bool oversize = size > cap / 2 && a->head != NULL;
    if (size > cap || oversize) {
        cap = size;
    }
    if (cap > SIZE_MAX - sizeof(struct arena_chunk)) {
        return NULL;
    }
    struct arena_chunk *c = malloc(sizeof *c + cap);
    if (c == NULL) {
        return NULL;
    }
    c->cap = cap;
    c->used = size;
    if (oversize) { // behind the head, whose free room stays in use
        c->next = a->head->next;
        a->head->next = c;
    } else {
        c->next = a->head;
        a->head = c;
    }
    return c->data;
}

void *arena_alloc(struct arena *a, size_t size) {
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size_t need = align_up(size == 0 ? 1 : size);
    struct arena_chunk *c = a->head;
    void *p;
    if (c != NULL && need <= c->cap - c->used) {
        p = (char *)c->data + c->used;
        c->used += need;
    } else {
        p = add_chunk(a, need);
    }
    if (p != NULL) {
        a->used += need;
    }
    return p;
}

void *arena_zalloc(struct arena *a, size_t size) {
    void *p = arena_alloc(a, size);
    if (p != NULL) {
        memset(p, 0, size);
    }
    return p;
}

char *arena_strn(struct arena *a, const char *text, size_t len) {
    char *p = len < SIZE_MAX ? arena_alloc(a, len + 1) : NULL;
    if (p == NULL) {
        return NULL;
    }
    if (len != 0) {
        memcpy(p, text, len);
    }
    p[len] = '\0';
    return p;
}

char *arena_str(struct arena *a, const char *text) {
    return text == NULL ? NULL : arena_strn(a, text, strlen(text));
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = len >= 0 ? arena_alloc(a, (size_t)len + 1) : NULL;
    if (p == NULL) {
        return NULL;
    }
    va_start(ap, fmt);
    (void)vsnprintf(p, (size_t)len + 1, fmt, ap);
    va_end(ap);
    return p;
}

struct bytes arena_bytes(struct arena *a, struct bytes b) {
    if (b.len == 0) {
        return (struct bytes){NULL, 0};
    }
    return (struct bytes){arena_strn(a, b.data, b.len), b.len};
}

static void free_chunks(struct arena_chunk *c) {
    while (c != NULL) {
        struct arena_chunk *next = c->next;
        free(c);
        c = next;
    }
}

void arena_free(struct arena *a) {
    free_chunks(a->head);
    a->head = NULL;
    a->used = 0;
}

void arena_wipe(struct arena *a) {
    for (struct arena_chunk *c = a->head; c != NULL; c = c->next) {
        explicit_bzero(c->data, c->cap); // what a reset has forgotten too
    }
    arena_free(a);
}

void arena_reset(struct arena *a) {
    a->used = 0;
    if (a->head == NULL) {
        return;
    }
    free_chunks(a->head->next);
    a->head->next = NULL;
    a->head->used = 0;
}
