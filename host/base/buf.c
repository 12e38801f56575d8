#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 256

// Room for `len` more bytes and the final NUL.
static bool reserve(struct buf *b, size_t len) {
    if (b->failed) {
        return false;
    }
    if (len < b->cap - b->len) {
        return true;
    }
    size_t cap = b->cap == 0 ? FIRST_CAP : b->cap;
    while (cap - b->len <= len) {
        if (cap > SIZE_MAX / 2) {
            b->failed = true;
            return false;
        }
        cap *= 2;
    }
    char *data = realloc(b->data, cap);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void buf_add(struct buf *b, const void *data, size_t len) {
    if (len == 0 || !reserve(b, len)) {
        return;
    }
    memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_str(struct buf *b, const char *text) {
    buf_add(b, text, strlen(text));
}

void buf_char(struct buf *b, char c) {
    if (!reserve(b, 1)) {
        return;
    }
    b->data[b->len++] = c;
    b->data[b->len] = '\0';
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap) {
    if (!reserve(b, 128)) {
        return;
    }
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
    if (len < 0) {
        b->failed = true;
    } else if ((size_t)len >= b->cap - b->len && reserve(b, (size_t)len)) {
        (void)vsnprintf(b->data + b->len, b->cap - b->len, fmt, again);
    }
    va_end(again);
    if (!b->failed) {
        b->len += (size_t)len;
    }
    b->data[b->len] = '\0';
}

void buf_printf(struct buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

char *buf_room(struct buf *b, size_t len) {
    return reserve(b, len) ? b->data + b->len : NULL;
}

void buf_grew(struct buf *b, size_t len) {
    if (len == 0) {
        return;
    }
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_consume(struct buf *b, size_t len) {
    if (len == 0) {
        return;
    }
    b->len -= len;
    memmove(b->data, b->data + len, b->len + 1);
}

void buf_clear(struct buf *b) {
    b->len = 0;
    b->failed = false;
    if (b->data != NULL) {
        b->data[0] = '\0';
    }
}

void buf_free(struct buf *b) {
    free(b->data);
    *b = (struct buf){0};
}
