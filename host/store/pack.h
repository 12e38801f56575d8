/* Structs as short byte strings: what is 0 or NULL takes no space, and what a newer program wrote
 * is skipped.
 *
 *     record:  field*      field:  key varint, then  even key: a number, zigzag varint
 *                                                    odd key:  length varint, bytes, NUL
 *     key = 2 * number + kind
 *
 * The NUL after bytes lets decoded strings point into the record. Numbers of fields are stored:
 * never reuse one. */
#ifndef JOBHOST_STORE_PACK_H
#define JOBHOST_STORE_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"

enum pack_kind {
    PACK_I32,
    PACK_U32,
    PACK_I64,
    PACK_U64,
    PACK_TIME, /* int64_t unix ms, kept as the distance from a base time */
    PACK_TEXT, /* const char *                                           */
    PACK_ID    /* struct job_id                                          */
};

struct pack_field {
    uint16_t number; /* > 0 */
    uint16_t kind;
    size_t offset;
};

void pack_number(struct buf *b, unsigned number, int64_t value); /* also writes zero */
void pack_bytes(struct buf *b, unsigned number, struct bytes value);

/* Appends the fields of `object` that are set. */
void pack_fields(struct buf *b, const struct pack_field *fields, size_t count, const void *object,
                 int64_t base_ms);

/* Reads one field. 1 = read, 0 = the end, -EBADMSG = damaged. */
struct pack_item {
    unsigned number;
    int64_t value;      /* of a number          */
    struct bytes bytes; /* else; NUL-terminated */
};
int pack_next(struct bytes *rest, struct pack_item *ret);

/* Stores one item into the field of that number, if `fields` has it. */
void pack_store(const struct pack_field *fields, size_t count, const struct pack_item *item,
                void *object, int64_t base_ms);

/* Fills a zeroed `object`. 0 or -EBADMSG. */
int pack_read(const struct pack_field *fields, size_t count, struct bytes record, void *object,
              int64_t base_ms);

#endif
