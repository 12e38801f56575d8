/* What every message of messages.h is made of: one table a record, in the order of the wire. Only
 * for messages.c. */
#ifndef JOBHOST_RECORD_SHAPES_H
#define JOBHOST_RECORD_SHAPES_H

#include <stddef.h>
#include <stdint.h>

#include "record/record.h"

enum field_kind {
    FIELD_I32,
    FIELD_U32,
    FIELD_I64,
    FIELD_U64,
    FIELD_TEXT,     /* str that must be there */
    FIELD_TEXT_OPT, /* str that may be NULL */
    FIELD_BYTES,    /* struct msg_bytes */
    FIELD_SHA256,   /* bytes of exactly that length, kept in the struct */
    FIELD_COUNT,    /* u32, at most `most` */
    FIELD_LIST,     /* pointer to as many `of` as the u32 at `count` says */
};

struct shape;
struct field {
    enum field_kind kind;
    uint32_t most; /* FIELD_COUNT              */
    size_t at;     /* offset in the struct      */
    size_t count;  /* FIELD_LIST: offset        */
    const struct shape *of;
};

struct shape {
    const struct field *fields;
    size_t field_count;
    size_t size; /* of the struct */
};

struct message {
    enum record_type type;
    struct shape shape;
};

extern const struct message shape_welcome, shape_sandbox, shape_note, shape_config, shape_job,
    shape_committed, shape_value, shape_hello, shape_fail, shape_log, shape_progress, shape_get,
    shape_warn, shape_output, shape_limit, shape_step, shape_child, shape_sibling, shape_then,
    shape_flow, shape_kv, shape_event, shape_done, shape_crash;

#endif
