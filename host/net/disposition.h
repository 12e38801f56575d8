/* The value of Content-Disposition for a file (RFC 6266; RFC 8187 for names beyond ASCII). Pure. */
#ifndef JOBHOST_NET_DISPOSITION_H
#define JOBHOST_NET_DISPOSITION_H

#include "base/buf.h"

/* `inline; filename="..."`. A name that cannot be said so to every reader gets a stand-in there and
 * is said in full by `; filename*=UTF-8''...`. `name` is UTF-8; whatever is in it, the value is one
 * line of ASCII. */
void disposition_inline(struct buf *out, const char *name);

#endif
