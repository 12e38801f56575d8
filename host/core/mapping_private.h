/* A compiled mapping. Shared by mapping.c and mapping_write.c. */
#ifndef JOBHOST_CORE_MAPPING_PRIVATE_H
#define JOBHOST_CORE_MAPPING_PRIVATE_H

#include "base/arena.h"
#include "core/mapping.h"

enum mapping_kind {
    MAPPING_LITERAL, /* as it stands                                   */
    MAPPING_INSIDE,  /* a value as text; in JSON within a string       */
    MAPPING_ALONE,   /* JSON only: a value as it is                    */
};

struct mapping_part {
    enum mapping_kind kind;
    enum mapping_from from;
    struct bytes literal;
    const char *name;    /* of what `from` has several of */
    struct bytes *steps; /* into the body                 */
    size_t step_count;
    struct bytes otherwise; /* {NULL, 0}: nothing is said    */
    bool has_otherwise;
    bool otherwise_is_json; /* of the body's: a number stays one */
};

struct mapping {
    struct arena arena;
    struct mapping_part *parts;
    size_t count;
    bool text;
    bool reads_body;
};

#endif
