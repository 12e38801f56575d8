/* A bump allocator: everything that belongs to one request, operation or config lives in one arena
 * and is freed together, so error paths free nothing.
 *
 *     chunk ─▶ chunk ─▶ chunk      each: [ used ........ | free ]
 *
 * Not thread-safe; an arena belongs to whoever holds the object it came with. */
#ifndef JOBHOST_BASE_ARENA_H
#define JOBHOST_BASE_ARENA_H

#include <stddef.h>

#include "base/bytes.h"

struct arena_chunk;
struct arena {
    struct arena_chunk *head; /* newest first */
    size_t used;              /* bytes handed out, for limits */
};

/* A zeroed struct arena is ready to use. Memory is aligned for any type and NOT zeroed.
 * Returns NULL only when malloc does. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);

/* Copies; the result is NUL-terminated. arena_str(NULL) is NULL. */
char *arena_str(struct arena *a, const char *text);
char *arena_strn(struct arena *a, const char *text, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Copies; a NUL that is not counted follows the data. Empty input gives {NULL, 0}. On failure data
 * is NULL while the input's length is kept, which callers test as `out.len != 0 && out.data ==
 * NULL`. */
struct bytes arena_bytes(struct arena *a, struct bytes b);

/* Frees everything; the arena can be used again. */
void arena_free(struct arena *a);

/* As arena_free, after overwriting everything that was handed out: for arenas that held secrets. */
void arena_wipe(struct arena *a);

/* Forgets all allocations and keeps the newest chunk for reuse (the others are freed). */
void arena_reset(struct arena *a);

#endif
