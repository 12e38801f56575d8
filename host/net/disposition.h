/* Names of files in Content-Disposition, as they are sent and as they come (RFC 6266; RFC 8187 for
 * names beyond ASCII). Pure. */
#ifndef JOBHOST_NET_DISPOSITION_H
#define JOBHOST_NET_DISPOSITION_H

#include <stddef.h>

#include "base/buf.h"
#include "base/bytes.h"

/* `inline; filename="..."`. A name that cannot be said so to every reader gets a stand-in there and
 * is said in full by `; filename*=UTF-8''...`. `name` is UTF-8; whatever is in it, the value is one
 * line of ASCII. */
void disposition_inline(struct buf *out, const char *name);

/* The name in the value of `filename*`: UTF-8'LANGUAGE'NAME, with %XX for what RFC 8187 has no
 * character for. `out` has room for the value's length; no NUL is added. Whether the bytes are
 * UTF-8 is not looked at. 0; -EINVAL: it has another form, or there is a control character in the
 * name. */
int disposition_extended(struct bytes value, char *out, size_t *ret_len);

/* What a name means that may be a path of a browser of old: what stands behind its last backslash. */
struct bytes disposition_base_name(struct bytes name);

#endif
