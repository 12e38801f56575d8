/* Where a list of jobs goes on, as the text that a caller brings back.
 *
 *     i<order>                in the place of a state: below this order of ids
 *     w<ms>-<order>[-<below>] in the index of all jobs: behind this spot; `below`: and of smaller
 *                             orders, since an earlier page read the place of a state
 *
 * Numbers in hexadecimal. What comes from outside may be anything. Pure. */
#ifndef JOBHOST_STORE_REDIS_LIST_CURSOR_H
#define JOBHOST_STORE_REDIS_LIST_CURSOR_H

#include "base/arena.h"
#include "store/redis/walk.h"

struct redis_cursor {
    bool narrow; /* i */
    struct redis_spot spot;
    int64_t below; /* INT64_MAX: any */
};

/* NULL: the beginning. False: it is none of ours. */
bool redis_cursor_parse(const char *text, struct redis_cursor *ret);
/* NULL: no memory. */
const char *redis_cursor_text(const struct redis_cursor *c, struct arena *a);

#endif
