/* A growing byte buffer, for building packets, JSON and text. A zeroed struct is ready to use.
 * The first failed allocation sets `failed`; later appends do nothing, so callers test once at the
 * end. */
#ifndef JOBHOST_BASE_BUF_H
#define JOBHOST_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct buf {
    char *data; /* owned; always NUL-terminated once anything was added */
    size_t len;
    size_t cap;
    bool failed;
};

void buf_add(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Makes room for `len` more bytes and returns where they go (NULL on failure); buf_grew() then
 * counts them. */
char *buf_room(struct buf *b, size_t len);
void buf_grew(struct buf *b, size_t len);

/* Drops the first `len` bytes. */
void buf_consume(struct buf *b, size_t len);

/* len = 0, memory kept. */
void buf_clear(struct buf *b);
void buf_free(struct buf *b);

static inline struct bytes buf_bytes(const struct buf *b) {
    return (struct bytes){b->data, b->len};
}

#endif
