/* What a handler's JSON payload looks like: its table (jh_handler.payload or .takes) as a tree.
 *
 * A row's name is a member of the payload, or a path to one further in: "periods[]" is an element
 * of the list "periods", "periods[].from" a member of such an element. A row whose parent does not
 * stand above it is a member of the payload itself, whatever its name looks like. Rows of files are
 * passed over. */
#ifndef JOBHOST_SUPERVISOR_PAYLOAD_SHAPE_H
#define JOBHOST_SUPERVISOR_PAYLOAD_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "config/config.h"

struct payload_shape {
    const char *name;    /* of the member; "" of an element, and of the payload itself */
    int32_t type;        /* JH_OPT_*                                                   */
    const char *choices; /* of a choice: its words, blanks between them             */
    bool required;
    bool closed;                                 /* an object that has no members but these     */
    uint32_t index;                              /* among the members of the object that it is in */
    struct payload_shape *element;               /* of a list; NULL = anything                  */
    struct payload_shape *members, *last, *next; /* of an object                  */
};

/* All of it is in the arena, and borrows from the rows. The payload itself is closed, objects in it
 * where rows name members of theirs. NULL = no memory. */
struct payload_shape *payload_shape_new(struct arena *arena, const struct config_option_spec *rows,
                                        size_t count);

#endif
