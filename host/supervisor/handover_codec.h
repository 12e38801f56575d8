/* Structs with arrays of structs in them, written to a record of store/pack.h and read again, both by the same tables. What
 * is read is not believed: lengths and counts are checked here, what the values mean is the caller's. */
#ifndef JOBHOST_SUPERVISOR_HANDOVER_CODEC_H
#define JOBHOST_SUPERVISOR_HANDOVER_CODEC_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "store/pack.h"

struct shape;

/* An array of `shape`: a pointer and a size_t. */
struct shape_list {
    unsigned number;
    size_t items, count; /* offsets */
    size_t most;
    const struct shape *shape;
};

/* A struct bytes. */
struct shape_bytes {
    unsigned number;
    size_t offset;
};

struct shape {
    size_t size;
    const struct pack_field *fields;
    size_t field_count;
    const struct shape_list *lists;
    size_t list_count;
    const struct shape_bytes *bytes;
    size_t bytes_count;
};

/* Out of memory shows in the buffer. */
void shape_write(const struct shape *shape, const void *object, struct buf *out);

/* Fills a zeroed `object`; arrays live in the arena, texts and bytes in the record. 0; -EBADMSG;
 * -ENOMEM. */
int shape_read(const struct shape *shape, struct bytes record, void *object, struct arena *arena);

#endif
