/* Request targets taken apart. Pure. The percent escapes have been checked by the parser. */
#ifndef JOBHOST_NET_PATH_H
#define JOBHOST_NET_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"

/* Decodes %XX once, and '+' as a blank if `plus`. NUL-terminated, in the arena; NULL: out of
 * memory. */
char *path_decode(struct arena *a, const char *text, size_t len, bool plus);

/* One segment as it stands in a path, or a value in a query: %XX for all but what RFC 3986 calls
 * unreserved. */
void path_encode(struct buf *out, const char *segment);

/* Splits the path of `target` (origin or absolute form, "*") at its slashes: segments decoded once,
 * empty and "." dropped, ".." resolved; *ret_query is the text behind '?' or NULL. 0; -EINVAL when
 * ".." leads above the root; -ENOMEM. */
int path_split(struct arena *a, const char *target, const char ***ret_segments, size_t *ret_count,
               const char **ret_query);

#endif
